"""The resources: `oxen://models/{id}`, `oxen://generations/{id}`, `oxen://spend`; and updates of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from mcp.server.apps import Apps, ResourceCsp
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, METHOD_NOT_FOUND, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from ..errors import ModelNotFound, NotFound, OxenError, only_oxen_errors
from ..redaction import visible
from ..settings import HUB, Settings
from ..tools import TABLE, Call
from ..tools.answers import facts
from ..tools.arguments import FindArguments
from .callers import caller_of
from .service import Request, Service
from .settings import LOOPBACK_HOSTS, ServerSettings

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ..studio.results import Progress


GENERATION = "oxen://generations/"


@asynccontextmanager
async def _readable() -> AsyncIterator[None]:
    """Expected failures keep their words; a missing resource is the protocol's "not found"."""
    try:
        with only_oxen_errors():
            yield
    except (NotFound, ModelNotFound) as error:
        raise ResourceNotFoundError(error.message) from error
    except OxenError as error:
        raise ResourceError(error.words) from error


def add_resources(server: MCPServer[Service], service: Service) -> None:
    """Enter them into the server."""

    @server.resource(
        "oxen://models/{id}", name="model", title="Video model", mime_type="application/json",
        description="One model: its parameters, allowed values, limits and price.",
    )  # fmt: skip
    async def model(id: str, ctx: Context[Any]) -> str:
        async with _readable(), service.studio(ctx.request_context.request) as studio:
            reply = await TABLE["find_video_models"].run(studio, FindArguments(model=id), Call(0, 0))
            return _json(reply.structured["model"])

    @server.resource(
        GENERATION + "{id}", name="generation", title="Video", mime_type="application/json",
        description="How a video stands, with a fresh link. Subscribers hear when it changes.",
    )  # fmt: skip
    async def generation(id: str, ctx: Context[Any]) -> str:
        async with _readable(), service.studio(ctx.request_context.request) as studio:
            shown = facts(await studio.get(id))
        if service.links is not None:
            shown = await service.links.lasting(shown, caller_of(ctx.request_context.request))
        return _json(shown)

    @server.resource(
        "oxen://spend", name="spend", title="Spend", mime_type="application/json",
        description="What was spent, by day and model, in US dollars, and what is left of the budget.",
    )  # fmt: skip
    async def spend() -> str:
        async with _readable(), service.studio_now() as studio:
            return _json(asdict(await studio.spend()))


def _json(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)


# Whoever subscribes to `oxen://generations/{id}` hears when it changes: by `subscriptions/listen` in the new
# protocol, by `resources/subscribe` in the old one.
#
# A watch belongs to its subscriber: it reads with the caller's own key, ends with the subscription, and at the
# latest when the video is finished.

MOST = 100  # generations that one subscriber may watch
LONGEST = 2 * 3600.0  # seconds of one watch: jobs that never end exist
ROUND = 300.0  # seconds of one wait; between two of them the studio may be closed and opened

Tell = Callable[[str], Awaitable[None]]


class Updates:
    """The watches of one server. bus: where listeners of the new protocol hear from."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.bus = InMemorySubscriptionBus()
        self._old: dict[tuple[str, str], asyncio.Task[None]] = {}  # by session and URI

    def serve(self, server: MCPServer[Service]) -> None:
        """Answer the old protocol's `resources/subscribe`, which `MCPServer` leaves to its lower level."""
        low = server._lowlevel_server
        low.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)

    async def listen(self, ctx: Request, call_next: CallNext) -> HandlerResult:
        """Middleware: while a client listens, watch the generations that it listens for."""
        if ctx.method != "subscriptions/listen":
            return await call_next(ctx)
        wanted = dict((ctx.params or {}).get("notifications") or {})
        uris = wanted.get("resourceSubscriptions")
        if not isinstance(uris, list):
            return await call_next(ctx)
        seen = [uri for uri in uris[:MOST] if await self._may_read(str(uri), ctx)]
        watches = [asyncio.create_task(self._watch(uri, ctx, self._publish)) for uri in seen]
        try:
            params = {**(ctx.params or {}), "notifications": {**wanted, "resourceSubscriptions": seen}}
            return await call_next(replace(ctx, params=params))
        finally:
            for watch in watches:
                watch.cancel()

    async def _publish(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))

    async def _may_read(self, uri: str, ctx: Request) -> bool:
        """Whether it belongs to the caller; others' videos can't be watched."""
        if not uri.startswith(GENERATION):
            return True
        try:
            async with self._service.studio(ctx.request) as studio:
                await studio.get(uri.removeprefix(GENERATION))
        except OxenError:
            return False
        return True

    async def _watch(self, uri: str, ctx: Request, tell: Tell) -> None:
        if not uri.startswith(GENERATION):
            return
        last: str | None = None
        told = False

        async def changed(status: str) -> None:
            nonlocal last, told
            if last is not None and status != last:
                told = True
                await tell(uri)
            last = status

        async def heard(progress: Progress) -> None:
            await changed(progress.status)

        with suppress(OxenError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            until = self._service.clock.monotonic() + LONGEST
            while self._service.clock.monotonic() < until:
                async with self._service.studio(ctx.request) as studio:
                    video = await studio.get(uri.removeprefix(GENERATION))
                    await changed(video.status)
                    if video.is_terminal and not told:  # it ended between the client's last look and its subscription
                        await tell(uri)
                    if not video.is_terminal:
                        video = await studio.get(video.generation_id, wait_seconds=ROUND, on_progress=heard)
                        await changed(video.status)
                if video.is_terminal:
                    return

    async def _subscribe(self, ctx: Request, params: SubscribeRequestParams) -> EmptyResult:
        uri, session = str(params.uri), session_of(ctx)
        if session is None:
            raise MCPError(code=METHOD_NOT_FOUND, message="Without a session there is nothing to send updates to")
        if not await self._may_read(uri, ctx):
            raise MCPError(code=INVALID_PARAMS, message=f"No resource {uri}")
        key, mine = (session, uri), [one for one in self._old if one[0] == session]
        if key not in self._old and len(mine) < MOST:
            watch = asyncio.create_task(self._watch(uri, ctx, ctx.session.send_resource_updated))
            self._old[key] = watch
            watch.add_done_callback(lambda _: self._old.pop(key, None))
        return EmptyResult()

    async def _unsubscribe(self, ctx: Request, params: UnsubscribeRequestParams) -> EmptyResult:
        if watch := self._old.get((session_of(ctx) or "", str(params.uri))):
            watch.cancel()
        return EmptyResult()

    def close(self) -> None:
        """End every watch."""
        for watch in list(self._old.values()):
            watch.cancel()


def session_of(ctx: Request) -> str | None:
    """What tells one connection of the old protocol from another; None where there is none (stateless HTTP)."""
    if ctx.request is None:
        return "stdio"
    session = ctx.request.headers.get("mcp-session-id")
    return f"{caller_of(ctx.request).name} {session}" if session else None


# The player (MCP Apps): a page that hosts show beside the call. It follows the job and then plays the video.

PLAYER = "ui://oxen/player.html"


def player(options: ServerSettings, settings: Settings) -> Apps:
    """The page, and the hosts that it may load videos from.

    A host enforces the list at every step of a redirect, so each host of the chain stands in it.
    """
    apps = Apps()
    apps.add_html_resource(
        PLAYER,
        (files(__package__) / "player.html").read_text("utf-8"),
        name="player",
        title="Oxen video player",
        description="Follows a generation and plays it.",
        csp=ResourceCsp(resource_domains=media_hosts(options, settings)),
        prefers_border=True,
    )
    return apps


def media_hosts(options: ServerSettings, settings: Settings) -> list[str]:
    """Origins of videos: the hub, this server where it hands out links of its own, and what the operator names."""
    hub = settings.base_url
    if settings.sandbox and hub == HUB:
        hub = "http://127.0.0.1:*"  # the sandbox takes a free port when it is first needed
    named = [host if "//" in host else f"https://{host}" for host in options.media_hosts]
    here = [f"http://{host}:*" for host in LOOPBACK_HOSTS] if options.local_links else []
    urls = [hub, *here, *([options.public_url] if options.public_url else []), *named]
    return list(dict.fromkeys(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in urls))
