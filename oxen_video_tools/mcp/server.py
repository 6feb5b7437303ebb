"""The server: every row of the table as a tool, with the player, tasks, prompts and resources around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.caching import CacheHint

from ..clock import Clock, SystemClock
from ..settings import Settings
from ..tools import hidden
from .approval import answered_once, sealed_questions
from .audit import Audit
from .callers import CallerStudios, OpenOwn, StudioFactory
from .prompts import add_completions, add_prompts
from .resources import Updates, add_resources, player
from .service import Service, remember_who_asks
from .settings import ServerSettings
from .skills import Skills
from .tasks import Generations, Tasks
from .telemetry import observe
from .tools import project_tools

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

    open_studio: opens the studio of whoever runs the process; by default with `settings`, or from the environment.
    Callers over HTTP each have a studio of their own, on their own key.
    tasks: the Tasks extension, where other slow tools stand beside `generate_video`.
    server: what else `MCPServer` takes.
    """
    service = service or serving(open_studio, settings=settings, options=options, clock=clock)

    updates = Updates(service)
    audits = [Audit(service.options.audit, service.clock.time)] if service.options.audit else []

    @asynccontextmanager
    async def lifespan(_: MCPServer[Service]) -> AsyncIterator[Service]:
        try:
            yield service
        finally:
            updates.close()
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
    doors = StudioFactory(settings, open_studio)
    return Service(settings, options or ServerSettings.read(), CallerStudios(doors), doors, clock or SystemClock())


def installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("oxen-video-tools")
    except PackageNotFoundError:
        return "0+unknown"
