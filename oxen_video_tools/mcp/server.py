"""The MCP server: all tools of `tools.TABLE`, with the player, tasks, prompts and resources."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server import MCPServer
from mcp.server.caching import CacheHint
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

from ..clock import Clock, SystemClock
from ..settings import Settings
from ..tools import hidden
from .approval import answered_once, sealed_questions
from .callers import CallerStudios, OpenOwn, StudioFactory
from .events import Events
from .prompts import Skills, add_completions, add_prompts
from .resources import Updates, add_resources, player
from .service import Service, remember_who_asks
from .settings import ServerSettings
from .tasks import Generations, Tasks
from .telemetry import Audit, observe
from .tools import project_tools

if TYPE_CHECKING:
    from mcp.server import MCPServer


NAME = "oxen-video"
INSTRUCTIONS = (
    "Videos from words and pictures with Oxen.ai. generate_video spends money and takes minutes: check with plan_video "
    "first. When its wait runs out it answers with a generation_id, which is a success: call get_video until the "
    "video is finished. After a timeout or a lost answer call list_videos; a job that was sent goes on and is there. "
    "Never generate again to find out: the same request is paid once anyway, another version is take=2. Links expire; "
    "get_video renews them, save_video keeps the file."
)


def build_server(
    open_studio: OpenOwn | None = None,
    *,
    settings: Settings | None = None,
    options: ServerSettings | None = None,
    clock: Clock | None = None,
    service: Service | None = None,
    tasks: Tasks | None = None,
    **server: Any,
) -> MCPServer[Service]:
    """An `MCPServer` with the tools of the table.

    open_studio: opens the studio of the process's owner; by default with `settings`, or from the environment.
    Callers over HTTP each have a studio of their own, on their own key.
    tasks: the Tasks extension, where other slow tools stand beside `generate_video`.
    server: what else `MCPServer` takes.
    """
    service = service or serving(open_studio, settings=settings, options=options, clock=clock)

    updates, events = Updates(service), Events(service)
    audits = [Audit(service.options.audit, service.clock.time)] if service.options.audit else []

    @asynccontextmanager
    async def lifespan(_: MCPServer[Service]) -> AsyncIterator[Service]:
        try:
            yield service
        finally:
            updates.close()
            await events.close()
            await service.close()

    questions = sealed_questions(service.options.secrets)
    built = MCPServer(
        NAME,
        title="Oxen video",
        version=installed_version(),
        website_url="https://www.oxen.ai",
        instructions=INSTRUCTIONS,
        tools=[project_tools(row.without(hidden(service.settings))) for row in service.options.shown()],
        extensions=[
            player(service.options, service.settings),
            tasks or Tasks(Generations(), {"generate_video"}, poll=service.options.poll),
            Skills(),
            events,
        ],
        cache_hints={"tools/list": CacheHint(ttl_ms=300_000, scope="public")},
        request_state_security=questions,
        subscriptions=updates.bus,
        middleware=[answered_once(questions), remember_who_asks, observe, *audits, updates.listen],
        lifespan=lifespan,
        **{"log_level": service.options.log_level or "WARNING", **server},
    )
    updates.serve(built)
    add_resources(built, service)
    add_prompts(built, service)
    add_completions(built, service)
    return built


def serving(
    open_studio: OpenOwn | None = None,
    *,
    settings: Settings | None = None,
    options: ServerSettings | None = None,
    clock: Clock | None = None,
) -> Service:
    """What the server holds while it runs."""
    settings = settings or Settings.read()
    factory = StudioFactory(settings, open_studio)
    return Service(settings, options or ServerSettings.read(), CallerStudios(factory), factory, clock or SystemClock())


def installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("oxen-video-tools")
    except PackageNotFoundError:
        return "0+unknown"


# The server over stdio. A line that is no readable message is answered, too: a client waits for every id it sent.

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
