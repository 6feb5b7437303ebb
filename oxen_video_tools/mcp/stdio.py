"""The server over stdio. A line that is no readable message is answered, too: a client waits for every id it sent."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

if TYPE_CHECKING:
    from mcp.server import MCPServer

UNREADABLE = (
    "This message can't be read: it is no JSON-RPC in UTF-8, or holds half a surrogate pair, a number of thousands of "
    "digits or too many levels. Nothing was done. Send it again without."
)
_ID = re.compile(r'"id"\s*:\s*(-?\d{1,18}|"(?:[^"\\]|\\.){0,200}")\s*[,}]')


def run_stdio(server: MCPServer[Any]) -> None:
    """Serve until the client leaves."""
    anyio.run(_serve, server)


async def _serve(server: MCPServer[Any]) -> None:
    low = server._lowlevel_server  # as `MCPServer.run_stdio_async` does
    async with stdio_server() as (read, write):
        await low.run(Answering(read, write), write, low.create_initialization_options())


class Answering:
    """What the SDK reads messages from, without the lines that are none: those are answered with an error."""

    def __init__(self, read: Any, write: Any) -> None:
        self._read = read
        self._write = write

    @property
    def last_context(self) -> Any:
        """The context of whoever sent the last message; the SDK asks for it."""
        return getattr(self._read, "last_context", None)

    async def receive(self) -> SessionMessage:
        """The next message."""
        while True:
            item = await self._read.receive()
            if not isinstance(item, Exception):
                return item  # type: ignore[no-any-return]  # a SessionMessage
            error = ErrorData(code=PARSE_ERROR, message=UNREADABLE)
            await self._write.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=id_in(item), error=error)))

    async def __anext__(self) -> SessionMessage:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    def __aiter__(self) -> Answering:
        return self

    async def __aenter__(self) -> Answering:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the stream underneath."""
        await self._read.aclose()


def id_in(error: Exception) -> int | str | None:
    """The id of the request that could not be read, where there is one to be found."""
    if not isinstance(error, ValidationError):
        return None
    line = error.errors(include_url=False, include_context=False)[0]["input"]
    if isinstance(line, dict):  # JSON, but no message
        found = line.get("id")
    else:
        match = _ID.search(str(line))
        found = json.loads(match[1]) if match else None
    return found if isinstance(found, int | str) and str(found).isprintable() else None
