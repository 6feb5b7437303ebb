"""Takes secrets out of any text before it can reach a log, an error, a repr or an answer.

A secret is a key or bearer token, and the query of a URL, for that is where presigned links carry their signature
(`oxen_signature`, `X-Amz-Signature`, …). The one place where a whole link belongs is an answer's `url`, which is
never passed through here.

Words from elsewhere must not act on whoever reads them either: what clears a screen, fills a clipboard, turns the
direction of writing or forges a line of a log is shown as text (`visible`).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

HIDDEN = "[hidden]"

# Each of them reads a text once, whatever it holds: no part that repeats may be tried again from within itself.
_LINK = re.compile(
    r"(?P<place>[a-z][a-z0-9+.-]{0,20}:(?://|\\/\\/)[^\s?#\"'<>]*)"
    r"(?P<query>[?#][^\s\"'<>\\)\]}]*)?",
    re.I,
)
_ENCODED_LINK = re.compile(
    r"(?P<place>[a-z][a-z0-9+.-]{0,20}(?:%3a|:)%2f%2f(?:(?!%3f|%23)[^\s?#\"'<>])*)"
    r"(?P<query>%(?:3f|23)[^\s\"'<>\\)\]}]*)?",
    re.I,
)
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,20}://)[^\s/?#@\"'<>]{1,500}@", re.I)
_BEARER = re.compile(r"\b(?P<scheme>bearer|basic)(?P<gap>\s+|%20|\+)[^\s\"',;)\]}\\]+", re.I)
_FIELD = re.compile(
    r"(?P<name>\b(?:authorization|x-oxen-api-key|[a-z_-]{0,40}api[_-]?key|auth[_-]?token|access[_-]?token|password"
    r"|secret|oxen_signature|oxen_expires|x-amz-[a-z-]{1,40}|x-goog-[a-z-]{1,40}|signature|key-pair-id)\b"
    r"(?:\\{0,8}[\"'])?\s{0,8}(?:[:=]|%3d)\s{0,8})(?P<quote>(?:\\{0,8}[\"'])?)(?!\[hidden\])[^\s\"',;&)\]}\\]+",
    re.I,
)


def _unsigned(found: re.Match[str]) -> str:
    query = found["query"]
    return found["place"] + (f"{query[:3] if query.startswith('%') else query[0]}{HIDDEN}" if query else "")


# C0 but for tab and line feed, DEL, C1, what ends a line or turns the direction of writing, halves of characters.
_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_BREAKS = re.compile(r"[\t\n]+")


def visible(text: str, *, lines: bool = True) -> str:
    """`text` in which nothing acts: ESC becomes `\\u001b`, which is also how JSON writes it.

    lines: line feeds and tabs may stay; without them it is one line, as a log wants it.
    """
    text = _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text if lines else _BREAKS.sub(" ", text)


def all_visible(value: Any) -> Any:
    """JSON values with `visible` texts, names of fields among them."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(name) if isinstance(name, str) else name: all_visible(one) for name, one in value.items()}
    return [all_visible(one) for one in value] if isinstance(value, (list, tuple)) else value


def is_plain(text: str) -> bool:
    """Whether nothing in it acts, so that it can be an id or a file's name."""
    return not _ACTING.search(text) and not _BREAKS.search(text)


def inert(url: str) -> str:
    """The same URL with everything in it that acts percent-encoded."""
    return _ACTING.sub(lambda found: quote(found[0].encode("utf-8", "replace")), url)


def redact(text: str, *secrets: str | None) -> str:
    """`text` without keys, bearer tokens, passwords in URLs or any URL's query; nor `secrets`, wherever they stand.
    Nothing in it acts on whoever reads it (`visible`).
    """
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, HIDDEN)
    text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _ENCODED_LINK.sub(_unsigned, _LINK.sub(_unsigned, text))
    text = _BEARER.sub(rf"\g<scheme>\g<gap>{HIDDEN}", text)
    return visible(_FIELD.sub(rf"\g<name>\g<quote>{HIDDEN}", text))


def unsigned(url: str) -> str:
    """The part of a URL that names the file: without query, fragment or user info."""
    return _USERINFO.sub(r"\g<scheme>", url.partition("#")[0].partition("?")[0])
