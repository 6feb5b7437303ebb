"""A line for each call that may spend, before and after it: who, what, how much. No prompts, links or secrets.

The file is only ever added to. A call whose first line can't be written is refused: nothing is spent unseen.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.context import CallNext, HandlerResult

from ..errors import Internal, InvalidRequest, OxenError
from ..redaction import redact
from ..tools import TABLE
from .callers import caller_of
from .telemetry import described
from .tools import to_failed_result

if TYPE_CHECKING:
    from .service import Request

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
