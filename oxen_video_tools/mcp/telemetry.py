"""What operators see of each tool call: attributes of the SDK's OpenTelemetry span, and one line in the log.

Both contain ids, cost and outcome, and neither a key, a prompt or a link.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.context import CallNext, HandlerResult
from mcp.types import CallToolResult
from opentelemetry import trace

from ..errors import Internal, InvalidRequest, OxenError
from ..redaction import redact, visible
from ..tools import TABLE
from .callers import caller_of
from .service import Request
from .tools import to_failed_result

if TYPE_CHECKING:
    from .service import Request
    from .settings import ServerSettings


# Logs to stderr, never stdout (which carries the protocol): one line each, as text or as JSON, without secrets.

LOG = logging.getLogger("oxen_video_tools.mcp")


class Line(logging.Formatter):
    """`time level logger: message name=value …`. What is passed as `extra={"facts": {…}}` follows the message."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        text = f"{_when(record)} {record.levelname} {record.name}: {record.getMessage()} {facts}".rstrip()
        text = visible(text, lines=False)
        if record.exc_info:  # indented: what an error says can't look like a line of its own
            text += "".join(f"\n  {line}" for line in self.formatException(record.exc_info).split("\n"))
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
        return visible(json.dumps(line, ensure_ascii=False, default=str))


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return getattr(record, "facts", {})


def log_to_stderr(options: ServerSettings, usual: str = "WARNING") -> None:
    """Set up the process's logging; an application that embeds the server keeps its own. usual: the default level."""
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


NAMES = {
    "generation_id": "oxen.generation_id",
    "status": "oxen.status",
    "model": "oxen.model",
    "cost_usd": "oxen.cost_usd",
    "cost_is": "oxen.cost_is",
    "price_usd": "oxen.price_usd",
    "reused": "oxen.reused",
    "error": "oxen.error",
    "charged": "oxen.charged",
}


async def observe(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Middleware: describes every tool call after it ended."""
    if ctx.method != "tools/call":
        return await call_next(ctx)
    began = time.perf_counter()
    outcome, facts = "crashed", dict[str, Any]()
    try:
        result = await call_next(ctx)
        outcome, facts = described(result)
        return result
    finally:
        caller = caller_name(ctx)
        span = trace.get_current_span()
        span.set_attribute("oxen.outcome", outcome)
        span.set_attribute("oxen.caller", caller)
        for name, value in facts.items():
            span.set_attribute(NAMES[name], value)
        tool = str((ctx.params or {}).get("name", ""))[:64]
        ms = round((time.perf_counter() - began) * 1000)
        LOG.info("call", extra={"facts": {"tool": tool, "outcome": outcome, "ms": ms, "caller": caller, **facts}})


def caller_name(ctx: Request) -> str:
    """A digest of the caller's key, or `local`, or `nobody`."""
    try:
        return caller_of(ctx.request).name
    except Exception:  # whatever is wrong with the key is the call's to tell
        return "nobody"


def described(result: HandlerResult) -> tuple[str, dict[str, Any]]:
    """How a call ended, and the facts of its answer that may be logged."""
    wire = result.model_dump(by_alias=True, mode="json") if isinstance(result, CallToolResult) else result
    if not isinstance(wire, dict):
        return "asked", {}
    if wire.get("resultType") == "task":
        return "task", {"generation_id": str(wire.get("taskId")), "status": str(wire.get("status"))}
    if wire.get("isError"):
        return "error", _known(_parsed(wire.get("content")))
    if "content" in wire:
        return "ok", _known(wire.get("structuredContent") or {})
    return "asked", {}


def _parsed(content: Any) -> dict[str, Any]:
    try:
        found = json.loads(content[0]["text"])
    except (TypeError, LookupError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    """Only what has a name above, and only plain values."""
    return {name: facts[name] for name in NAMES if isinstance(facts.get(name), str | int | float | bool)}


# A line for each call that may spend, before and after it: who, what, how much. No prompts, links or secrets.
#
# The file is append-only. A call whose first line can't be written is refused: nothing is spent without a record.

SPEND = frozenset(name for name, row in TABLE.items() if row.prepares is not None)


class Audit:
    """Middleware. now: Unix seconds. Raises InvalidRequest at the start for a file that can't be written."""

    def __init__(self, file: Path, now: Callable[[], float]) -> None:
        self._file = file
        self._now = now
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            os.close(self._opened())
        except OSError as error:
            raise InvalidRequest(
                f"The audit log {file} can't be written: {error.strerror}.", fix="Correct OXEN_VIDEO_MCP_AUDIT."
            ) from None

    async def __call__(self, ctx: Request, call_next: CallNext) -> HandlerResult:
        name = str((ctx.params or {}).get("name", "")) if ctx.method == "tools/call" else ""
        if name not in SPEND:
            return await call_next(ctx)
        try:
            who = _who(ctx)
        except OxenError as error:
            return to_failed_result(error)
        try:
            await asyncio.to_thread(self._add, {"event": "asked", "tool": name, **who})
        except OSError:
            return to_failed_result(Internal("The audit log can't be written; nothing was sent.", charged="no"))
        outcome, facts = "crashed", dict[str, Any]()
        try:
            result = await call_next(ctx)
            outcome, facts = described(result)
            return result
        finally:
            line = {"event": outcome, "tool": name, **who, **facts}
            await asyncio.shield(asyncio.to_thread(self._add, line))

    def _add(self, line: dict[str, Any]) -> None:
        when = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        facts = {key: redact(value) if isinstance(value, str) else value for key, value in line.items()}
        text = json.dumps({"time": when.replace("+00:00", "Z"), **facts})
        descriptor = self._opened()
        try:
            os.write(descriptor, text.encode() + b"\n")  # one write: lines of several processes don't mix
        finally:
            os.close(descriptor)

    def _opened(self) -> int:
        # opened for each line, so that the file may be rotated
        return os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _who(ctx: Request) -> dict[str, Any]:
    caller = caller_of(ctx.request)
    client = ctx.request.scope.get("client") if ctx.request is not None else None
    who = {"caller": caller.name, "user": caller.label, "address": client[0] if client else None}
    return {name: value for name, value in who.items() if value is not None}
