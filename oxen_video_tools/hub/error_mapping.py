"""Map an error answer of the hub, a status and a body of any shape, to one OxenError with the hub's message.

`after_paying` decides which answers to a paid request are refusals (nothing spent) and which leave that open.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from ..errors import (
    HubUnavailable,
    InsufficientCredits,
    InvalidRequest,
    ModelNotFound,
    Moderated,
    NotFound,
    OxenError,
    RateLimited,
    SubmissionUnclear,
    Unauthenticated,
)
from ..redaction import redact
from . import records

LONGEST_WORDS = 600  # characters of the hub's words that an error carries
_MODERATION = re.compile(
    r"DataInspectionFailed|green net check|content[ _]?(policy|moderation|filter)|moderat(ed|ion)|nsfw"
    r"|flagged|sensitive (content|information)|safety (system|filter|check|guideline|polic)|prohibited content",
    re.I,
)


def is_moderated(message: str | None) -> bool:
    """Whether these are the words of a content filter."""
    return _MODERATION.search(message or "") is not None


_MODEL = re.compile(r"model not found|unknown model|no such model", re.I)
_CREDITS = re.compile(r"insufficient[ _]credits?|(run )?out of credits|not enough credits", re.I)
_RATE = re.compile(r"rate[ _]?limit|too[ _]many[ _]requests|lock_timeout", re.I)
_KEY = re.compile(r"invalid api key|unauthenticated|unauthorized", re.I)
# Documented sentences (Oxen docs, video generation: Errors; async queue: Validation).
_PARAMETERS = re.compile(
    r"value error,|cannot provide both|must be provided|is invalid\. try using|exceeds maximum allowed"
    r"|input should be|field required|invalid_params",
    re.I,
)
_MARKUP = re.compile(r"^\s*(<!doctype|<html|<\?xml|<head|<body)", re.I)
_MAY_HEAL = frozenset({408, 425, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529, 530})
_ELSEWHERE = frozenset({301, 307, 308})  # "send it there instead": not carried out. 302 and 303 may mean it was


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, read to its end. Header names are in lower case."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The JSON value, or Ellipsis."""
        return self._payload

    @cached_property
    def _payload(self) -> Any:
        return records.parse_json(self.content)


def error_message(payload: Any, content: bytes = b"") -> str | None:
    """The best message for a person in an error body; None if there is none. HTML pages are never quoted."""
    answer = records.mapping(payload)
    error = answer.get("error", answer.get("errors"))
    inner = records.mapping(error)
    found = [inner.get("detail"), inner.get("message"), inner.get("title"), inner.get("type"), error]
    found += [answer.get(name) for name in ("status_description", "detail", "message", "title", "status_message")]
    for said in found:
        words = _words(said)
        if words:
            return words
    if payload is ...:
        page = content[:4000].decode("utf-8", "replace")
        return None if _MARKUP.match(page) else _words(page)
    return _words(payload) if isinstance(payload, str) else None


def _words(said: Any) -> str | None:
    if isinstance(said, (list, dict)) and said:
        said = json.dumps(said, ensure_ascii=False, default=str)
    words = records.text(said)
    if words is None:
        return None
    words = " ".join(redact(words[: 4 * LONGEST_WORDS]).split()).lstrip(":")
    return words if len(words) <= LONGEST_WORDS else words[:LONGEST_WORDS] + "…"


def error_type(payload: Any) -> str:
    """The error's `type`; if there is none, the status message."""
    answer = records.mapping(payload)
    inner = records.mapping(answer.get("error"))
    return records.text(inner.get("type")) or records.text(answer.get("status_message")) or ""


def carries_error(payload: Any) -> bool:
    """Whether an answer, whatever its status, contains an error. The `error` in a job's own record does not count."""
    answer = records.mapping(payload)
    if records.text((records.mapping(answer.get("generation")) or answer).get("generation_id")):
        return False
    return bool(answer.get("error")) or answer.get("status") == "error"


def known(payload: Any, content: bytes = b"") -> type[OxenError] | None:
    """The refusal that the body names, whatever the status; None if it names no known one."""
    kind = error_type(payload)
    words = error_message(payload, content) or ""
    by_type: dict[str, type[OxenError]] = {
        "unauthenticated": Unauthenticated,
        "invalid_params": InvalidRequest,
        "resource_not_found": NotFound,
        "insufficient_credits": InsufficientCredits,
        "rate_limited": RateLimited,
        "too_many_requests": RateLimited,
        "lock_timeout": RateLimited,
    }
    by_words: tuple[tuple[re.Pattern[str], type[OxenError]], ...] = (
        (_MODEL, ModelNotFound),
        (_CREDITS, InsufficientCredits),
        (_MODERATION, Moderated),
        (_PARAMETERS, InvalidRequest),
        (_RATE, RateLimited),
        (_KEY, Unauthenticated),
    )
    named = next((error for pattern, error in by_words if pattern.search(words)), None)
    if named in (ModelNotFound, Moderated):  # more exact than the type that comes with them
        return named
    return by_type.get(kind) or named


def to_error(reply: Reply, what: str, *, now: float = 0.0, secret: str | None = None) -> OxenError:
    """The error for an unsuccessful answer.

    what: the call, in words for a person.
    now: Unix seconds.
    """
    payload = reply.json()
    words = error_message(payload, reply.content)
    message = redact(words, secret) if words else f"The hub answered {reply.status} to {what}."
    details: dict[str, Any] = {"status_code": reply.status}
    kind = _kind(reply, payload)
    if kind is RateLimited:
        details["retry_after"] = retry_after(reply.headers, now)
    if kind is HubUnavailable:
        details["retry"] = reply.status in _MAY_HEAL or reply.is_success
        message = f"The hub answered {reply.status} to {what}" + (f": {message}" if words else ".")
        if reply.status in _MAY_HEAL:
            details["retry_after"] = retry_after(reply.headers, now)
    if reply.status == 426:
        message = "The hub takes this client for an outdated `oxen` command line (426 update_required)."
        details["fix"] = "Set no User-Agent that contains the word oxen."
    if 300 <= reply.status < 400:
        details["fix"] = "The hub points elsewhere: set OXEN_BASE_URL to its present address."
    return kind(message, **details)


def _kind(reply: Reply, payload: Any) -> type[OxenError]:
    status = reply.status
    by_status: dict[int, type[OxenError]] = {
        401: Unauthenticated,
        402: InsufficientCredits,
        403: Unauthenticated,
        404: NotFound,
        410: NotFound,
        426: HubUnavailable,
        429: RateLimited,
    }
    named = known(payload, reply.content)
    if status >= 500 or status in _MAY_HEAL or 300 <= status < 400:
        return HubUnavailable
    if status == 404 and named is not ModelNotFound:
        return NotFound
    if status in (401, 402, 426, 429):
        return by_status[status]
    if named is not None:
        return named
    if status < 300:
        return HubUnavailable
    return by_status.get(status, InvalidRequest)


def after_paying(
    reply: Reply, what: str, *, sent: Mapping[str, Any], now: float = 0.0, secret: str | None = None
) -> OxenError:
    """The error for an answer to a paid request that brought no result.

    A refusal keeps its own kind, and nothing was spent. Refusals are: a 4xx other than 408 and 425; a 301, 307 or 308,
    which say that the request was not carried out here; a 2xx with a non-empty `error` and without any id. Everything
    else is SubmissionUnclear: the words of a 2xx alone do not make it a refusal.
    """
    payload = reply.json()
    error = to_error(reply, what, now=now, secret=secret)
    refused = 400 <= reply.status < 500 and reply.status not in (408, 425)
    refused = refused or reply.status in _ELSEWHERE
    if reply.is_success:
        refused = _says_something(records.mapping(payload).get("error")) and not _names_a_result(payload)
    if refused:
        if reply.is_success and type(error) is HubUnavailable:
            error.fix = "The hub refused it with these words, and nothing was spent. Read them before you call again."
        return error
    said = f": {error.message}" if error_message(payload, reply.content) else "."
    return SubmissionUnclear(
        f"The hub answered {reply.status} to {what}, so nobody knows whether it took the job{said}",
        sent=sent,
        status_code=reply.status,
    )


def _says_something(error: Any) -> bool:
    """Whether an `error` is more than an empty form."""
    if isinstance(error, str):
        return bool(error.strip())
    if isinstance(error, dict):
        return any(map(_says_something, error.values()))
    if isinstance(error, list):
        return any(map(_says_something, error))
    return bool(error)


_RESULTS = ("generation_id", "generation_ids", "id", "video_url", "result_url", "b64_json")


def _names_a_result(payload: Any) -> bool:
    """Whether an answer contains the id or the result of a generation, anywhere."""
    left = [payload]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if any(_says_something(one.get(name)) for name in _RESULTS):
                return True
            left += one.values()
        elif isinstance(one, list):
            left += one
    return False


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from `Retry-After` in seconds or as an HTTP date. now: Unix seconds."""
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        moment = http_date(told)
        here = http_date(headers.get("date", ""))  # the hub's own clock: ours may be wrong
        seconds = math.nan if moment is None else moment - (now if here is None else here)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def http_date(text: str) -> float | None:
    """Unix seconds of an HTTP date; None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def of_model(error: OxenError) -> OxenError:
    """A 404 for a paid request means its model, unless the hub says otherwise."""
    if type(error) is not NotFound or re.search("namespace|repo", error.message, re.I):
        return error
    return ModelNotFound(error.message, status_code=error.status_code)
