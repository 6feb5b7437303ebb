"""Servers for the tests: in this process, as a program over stdio, over HTTP in a thread; clients with a key."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import httpx2
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from oxen_video_tools.mcp.http import http_app
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.settings import Settings
from tests import forked
from tests.clocks import HUNG

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
patient = httpx.Client(timeout=HUNG)  # asks as `httpx` does, and waits on a slow machine
TOKEN = "oxv_a-token-that-is-fixed-for-the-tests"


def words(result: CallToolResult) -> dict[str, Any]:
    """What the model reads, as the object that it is."""
    return json.loads(result.content[0].text)


def over_stdio(environment: dict[str, str]) -> StdioServerParameters:
    """`python mcp_server.py`."""
    program, *arguments = [*forked.python(), str(ROOT / "mcp_server.py")]
    return StdioServerParameters(command=program, args=arguments, cwd=str(ROOT), env=environment)


@contextmanager
def over_http(
    settings: Settings, options: ServerSettings | None = None, *, here: bool = True, **app: Any
) -> Iterator[str]:
    """The server on a free loopback port; its address without `/mcp`. here: it has a token, which is TOKEN."""
    options = options or ServerSettings(log_level="ERROR")
    with asgi(http_app(settings, replace(options, token=TOKEN) if here else options, **app)) as address:
        yield address


@contextmanager
def asgi(app: Any, port: int = 0) -> Iterator[str]:
    """An ASGI app on a loopback port, in a thread. port: 0 takes a free one."""
    listening = socket.create_server(("127.0.0.1", port), backlog=128)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(HUNG)
        listening.close()


@asynccontextmanager
async def client_with(address: str, *, headers: dict[str, str] | None = None, **client: Any) -> AsyncIterator[Client]:
    """A client over HTTP that sends these headers; by default the token of the server."""
    async with (
        httpx2.AsyncClient(headers=bearer(TOKEN) if headers is None else headers, timeout=HUNG) as http,
        Client(streamable_http_client(f"{address}/mcp", http_client=http), **client) as connected,
    ):
        yield connected


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Connection:
    """What `mcp.Client` connects to, with the server's token. It may be entered again and again."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def __aenter__(self) -> Any:
        self._open = AsyncExitStack()
        http = await self._open.enter_async_context(httpx2.AsyncClient(headers=bearer(TOKEN), timeout=HUNG))
        return await self._open.enter_async_context(streamable_http_client(f"{self._address}/mcp", http_client=http))

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._open.__aexit__(*error)
