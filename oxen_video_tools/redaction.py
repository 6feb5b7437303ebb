"""Takes secrets out of any text before it can reach a log, an error, a repr or an answer.

A secret is a key or bearer token, and the query of a URL, for that is where presigned links carry their signature
(`oxen_signature`, `X-Amz-Signature`, …). The one place where a whole link belongs is an answer's `url`, which is
never passed through here.
"""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

_QUERY = re.compile(r"(?P<url>\b[a-z][a-z0-9+.-]*://[^\s?#\"'<>\\]*)\?[^\s\"'<>\\)\]}]*", re.I)
_USERINFO = re.compile(r"\b(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/@\"'<>]+@", re.I)
_BEARER = re.compile(r"\b(?P<scheme>bearer|basic)(?P<gap>\s+|%20)[^\s\"',;)\]}]+", re.I)
_FIELD = re.compile(
    r"(?P<name>[\"']?\b(?:authorization|x-oxen-api-key|[a-z_-]*api[_-]?key|auth[_-]?token|access[_-]?token|password"
    r"|secret|oxen_signature|x-amz-[a-z-]+|signature)\b[\"']?\s*[:=]\s*)"
    r"(?P<quote>[\"']?)(?!\[hidden\])[^\s\"',;&)\]}]+",
    re.I,
)


def redact(text: str, *secrets: str | None) -> str:
    """`text` without keys, bearer tokens, passwords in URLs or any URL's query; nor `secrets`, wherever they stand."""
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, HIDDEN)
    text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _QUERY.sub(rf"\g<url>?{HIDDEN}", text)
    text = _BEARER.sub(rf"\g<scheme>\g<gap>{HIDDEN}", text)
    return _FIELD.sub(rf"\g<name>\g<quote>{HIDDEN}", text)


def unsigned(url: str) -> str:
    """The part of a URL that names the file: without query, fragment or user info."""
    return _USERINFO.sub(r"\g<scheme>", url.partition("#")[0].partition("?")[0])
