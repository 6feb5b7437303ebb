"""How a caller's studio is opened: on the process's own key, or on the caller's, with nothing shared but the ledger's
place. In the sandbox all callers share one hub on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import NotInstalled
from ..settings import HUB, Settings
from .callers import Caller

if TYPE_CHECKING:
    from ..studio import AsyncStudio

OpenOwn = Callable[[], AbstractAsyncContextManager["AsyncStudio"]]


class Doors:
    """own: opens the studio of whoever runs the process; by default one with `settings`."""

    def __init__(self, settings: Settings, own: OpenOwn | None = None) -> None:
        self._settings = settings
        self._own = own
        self._sandbox: Any = None
        self._opening = asyncio.Lock()

    def __call__(self, caller: Caller) -> AbstractAsyncContextManager[AsyncStudio]:
        """The caller's studio."""
        return self._own() if self._own and caller.key is None else self._studio(caller)

    @asynccontextmanager
    async def _studio(self, caller: Caller) -> AsyncIterator[AsyncStudio]:
        from ..studio import AsyncStudio

        settings = await self.with_a_hub()
        if caller.key is not None:
            settings = replace(settings, api_key=caller.key)
        if not caller.local:
            settings = as_seen_from_afar(settings, caller)
        async with AsyncStudio(settings) as studio:
            yield studio

    async def with_a_hub(self) -> Settings:
        """The settings, with the address of the sandbox where one is wanted; it is started on first use."""
        if not (self._settings.sandbox and self._settings.base_url == HUB):
            return self._settings
        async with self._opening:
            if self._sandbox is None:
                self._sandbox = await asyncio.to_thread(_started)
        return replace(self._settings, base_url=self._sandbox.base_url, api_key=self._settings.api_key or "sandbox")

    async def close(self) -> None:
        """Stop the sandbox, if one was started."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await asyncio.to_thread(sandbox.__exit__, None, None, None)


def _started() -> Any:
    try:
        return import_module("oxen_video_tools.sandbox").Sandbox().__enter__()
    except ImportError as error:
        raise NotInstalled("The sandbox is not installed.", fix="pip install 'oxen-video-tools[sandbox]'") from error


def as_seen_from_afar(settings: Settings, caller: Caller) -> Settings:
    """The settings for a caller over the network: no file of this machine, a folder of its own."""
    return replace(settings, input_roots=(), output_dir=settings.videos_folder / "callers" / caller.name)
