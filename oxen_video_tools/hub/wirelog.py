"""httpx writes every URL, query and all, to its log at INFO, and httpcore every header at DEBUG. Not ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..redaction import redact

_ours: ContextVar[str | None] = ContextVar("oxen_video_tools_request", default=None)
_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class _Redacting(logging.Filter):
    """Rewrites the records of our own requests; another library's use of httpx keeps its logs as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        secret = _ours.get()
        if secret is not None:
            what = record.getMessage().partition(" return_value=")[0]  # there httpcore shows every header
            record.msg = redact(what, secret or None)
            record.args = ()
        return True


_redacting = _Redacting()
_loggers = [logging.getLogger(name) for name in _LOGGERS]


@contextmanager
def discreet(key: str | None) -> Iterator[None]:
    """What is logged about requests made inside holds no key and no URL's query."""
    for logger in _loggers:
        if _redacting not in logger.filters:  # somebody may have taken it away
            logger.addFilter(_redacting)
    token = _ours.set(key or "")
    try:
        yield
    finally:
        _ours.reset(token)
