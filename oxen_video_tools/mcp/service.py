"""What one running server holds, whoever calls: settings, studios, the clock, and whether it is closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from ..clock import Clock, SystemClock
from ..errors import Unauthenticated
from ..settings import Settings
from .admission import Proofs, asking_the_hub
from .callers import Caller, CallerStudios, StudioFactory, caller_of
from .folders import Folders
from .settings import ServerSettings

if TYPE_CHECKING:
    from ..studio import AsyncStudio
    from .share_links import ShareLinks

Request = ServerRequestContext[Any, Any]

_asking: ContextVar[Caller | None] = ContextVar("asking", default=None)


@dataclass
class Service:
    """closing: set when the process was told to stop; waits then end with the id.  links: where answers carry links
    of this server's own.  proofs: whose keys the hub has proven.  folders: what callers keep on this machine.
    """

    settings: Settings
    options: ServerSettings
    studios: CallerStudios
    doors: StudioFactory
    clock: Clock = field(default_factory=SystemClock)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    links: ShareLinks | None = None
    proofs: Proofs = field(init=False)
    folders: Folders = field(init=False)

    def __post_init__(self) -> None:
        self.proofs = Proofs(asking_the_hub(self.doors.with_a_hub, self.clock), self.clock)
        self.folders = Folders(self.settings, self.options, self.clock)
        self.studios.prove = self.proofs.check
        if self.options.public_url:
            from .share_links import ShareLinks

            self.links = ShareLinks(self)

    def studio(self, request: Any) -> AbstractAsyncContextManager[AsyncStudio]:
        """The studio of whoever sent this request (None on stdio). Raises Unauthenticated for one without a key."""
        return self.studios.of(caller_of(request))

    @asynccontextmanager
    async def studio_now(self) -> AsyncIterator[AsyncStudio]:
        """The same where the SDK passes no request on: completions, resources without parameters."""
        caller = _asking.get()
        if caller is None:
            raise Unauthenticated("Nobody is asking.")
        async with self.studios.of(caller) as studio:
            yield studio

    async def close(self) -> None:
        """Close every studio; paid requests that are on their way are waited for."""
        self.closing.set()
        await self.studios.close()
        await self.doors.close()
        if self.links is not None:
            await self.links.close()


async def remember_who_asks(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Middleware: keeps the caller for `studio_now` while a message is handled."""
    try:
        caller = caller_of(ctx.request)
    except Unauthenticated:
        caller = None
    token = _asking.set(caller)
    try:
        return await call_next(ctx)
    finally:
        _asking.reset(token)
