"""Logs to stderr, never stdout (which carries the protocol): one line each, as text or as JSON, without secrets."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..redaction import redact

if TYPE_CHECKING:
    from .options import Options

LOG = logging.getLogger("oxen_video_tools.mcp")


class Line(logging.Formatter):
    """`time level logger: message name=value …`. What is passed as `extra={"facts": {…}}` follows the message."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        text = f"{_when(record)} {record.levelname} {record.name}: {record.getMessage()} {facts}".rstrip()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return redact(text)


class JsonLine(logging.Formatter):
    """The same as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _when(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            **{name: redact(value) if isinstance(value, str) else value for name, value in _facts(record).items()},
        }
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return getattr(record, "facts", {})


def log_to_stderr(options: Options, usual: str = "WARNING") -> None:
    """Set up the process's logging; whoever embeds the server keeps their own. usual: the level where none is set."""
    level = options.log_level or usual
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if options.log == "json" else Line())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "httpx2", "mcp", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def announce(message: str, **facts: object) -> None:
    """A line that is written whatever the level: where the server is."""
    record = LOG.makeRecord(LOG.name, logging.INFO, __file__, 0, message, (), None, extra={"facts": facts})
    LOG.handle(record)
