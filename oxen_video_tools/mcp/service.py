"""The state of one running server: settings, studios of callers, the clock, and whether it is closing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from ..clock import Clock, SystemClock
from ..errors import RateLimited, Unauthenticated
from ..settings import Settings
from .admission import Proofs, asking_the_hub
from .callers import Caller, CallerStudios, StudioFactory, as_seen_from_afar, caller_of
from .settings import ServerSettings

if TYPE_CHECKING:
    from ..clock import Clock
    from ..settings import Settings
    from ..studio import AsyncStudio
    from .callers import Caller
    from .settings import ServerSettings
    from .share_links import ShareLinks


# Saved files of callers over the network: each caller has a folder with a quota, and files expire.

FRESH = 3600.0  # seconds for which a new file is never removed: it may still be written or fetched
ROUND = 3600.0  # seconds between two rounds through all folders


class Folders:
    """Keeps every caller's folder within `options.quota` bytes, and its files no longer than `options.keep` seconds.

    The oldest files go first. Whoever runs the process is not limited.
    """

    def __init__(self, settings: Settings, options: ServerSettings, clock: Clock) -> None:
        self._settings = settings
        self._quota, self._keep = options.quota, options.keep
        self._clock = clock

    @asynccontextmanager
    async def room_for(self, caller: Caller, *, writes: bool) -> AsyncIterator[None]:
        """Within this context the caller may save files. Raises RateLimited if new files use up its quota."""
        if caller.local or not writes:
            yield
            return
        folder = as_seen_from_afar(self._settings, caller).videos_folder
        if await asyncio.to_thread(self.tidy, folder) >= self._quota:
            raise RateLimited(
                f"Your files of the last hour fill your {self._quota / 1000**3:g} GB on this server.",
                fix="Links work without saving. The oldest files go first, an hour after they were written.",
                retry_after=FRESH,
            )
        try:
            yield
        finally:
            await asyncio.to_thread(self.tidy, folder)

    def tidy(self, folder: Path) -> int:
        """Remove files that are too old, and the oldest beyond the quota. Returns the bytes that are left."""
        now = self._clock.time()
        files = sorted(_files_in(folder), key=lambda file: file[1])
        left = sum(size for _, _, size in files)
        for path, written, size in files:
            age = now - written
            if age < FRESH or (age <= self._keep and left <= self._quota):
                continue
            with suppress(OSError):
                path.unlink()
                left -= size
                path.parent.rmdir()  # only where it is empty now
        return left

    async def sweep(self) -> None:
        """Tidy every caller's folder periodically, also of callers who never come back."""
        everybody = self._settings.videos_folder / "callers"
        while True:
            for folder in await asyncio.to_thread(_folders_in, everybody):
                await asyncio.to_thread(self.tidy, folder)
            await self._clock.sleep(ROUND)


def _folders_in(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as found:
            return [Path(one.path) for one in found if one.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _files_in(folder: Path) -> list[tuple[Path, float, int]]:
    """Each file with its age and size; links are not followed."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with suppress(OSError):
                about = path.lstat()
                found.append((path, about.st_mtime, about.st_size))
    return found


Request = ServerRequestContext[Any, Any]

_asking: ContextVar[Caller | None] = ContextVar("asking", default=None)


@dataclass
class Service:
    """What all calls share.

    closing: set when the process was told to stop; waiting calls then return the id.
    links: makes this server's own links, if answers carry them.
    proofs: the keys that the hub has proven.
    folders: saved files of callers over the network.
    """

    settings: Settings
    options: ServerSettings
    studios: CallerStudios
    factory: StudioFactory
    clock: Clock = field(default_factory=SystemClock)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    links: ShareLinks | None = None
    proofs: Proofs = field(init=False)
    folders: Folders = field(init=False)

    def __post_init__(self) -> None:
        self.proofs = Proofs(asking_the_hub(self.factory.with_a_hub, self.clock), self.clock)
        self.folders = Folders(self.settings, self.options, self.clock)
        self.studios.prove = self.proofs.check
        if self.options.public_url or self.options.local_links:
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
        await self.factory.close()
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
