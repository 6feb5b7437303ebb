"""Whoever subscribes to `oxen://generations/{id}` hears when it changes: by `subscriptions/listen` in the new
protocol, by `resources/subscribe` in the old one.

A watch belongs to its subscriber: it reads with the caller's own key, ends with the subscription, and at the latest
when the video is finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from mcp.server.context import CallNext, HandlerResult
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, METHOD_NOT_FOUND, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from ..errors import OxenError
from .callers import caller_of
from .resources import GENERATION
from .service import Request, Service

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ..studio.answers import Progress

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
        """Whether it is a thing of the caller's own; what belongs to others is not heard of."""
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
