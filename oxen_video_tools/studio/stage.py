"""Where the verbs play: the settings, the hub, the catalog and the tasks of one open studio; all opened lazily."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from ..clock import Clock, SystemClock
from ..errors import NotInstalled
from ..settings import HUB, Settings

if TYPE_CHECKING:
    import httpx

    from ..catalog import Catalog
    from ..hub import HubClient

T = TypeVar("T")


class Stage:
    """What one studio has open. It lives on the loop that uses it first."""

    def __init__(self, settings: Settings, clock: Clock | None, transport: httpx.AsyncBaseTransport | None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self._transport = transport
        self._hub: HubClient | None = None
        self._catalog: Catalog | None = None
        self._sandbox: Any = None
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def hub(self) -> HubClient:
        """The hub, or the sandbox where one was asked for. Raises Unauthenticated where there is no key."""
        if self._hub is None:
            async with self._opening:
                if self._hub is None:
                    self._hub = await self._open_hub()
        return self._hub

    async def _open_hub(self) -> HubClient:
        from ..hub import HubClient

        if self.settings.sandbox:
            await self._open_sandbox()
        self.settings.key()
        return HubClient.of(self.settings, clock=self.clock, transport=self._transport)

    async def _open_sandbox(self) -> None:
        """A sandbox is reached by name only: it is no part of the studio (and nothing of it is loaded without need)."""
        if self.settings.base_url == HUB:
            try:
                sandbox = import_module("oxen_video_tools.sandbox").Sandbox()
            except ImportError as error:
                raise NotInstalled(
                    "The sandbox is not installed.", fix="pip install 'oxen-video-tools[sandbox]'"
                ) from error
            self._sandbox = await asyncio.to_thread(sandbox.__enter__)
            self.settings = replace(self.settings, base_url=self._sandbox.base_url, api_key="sandbox")
        elif not self.settings.api_key:
            self.settings = replace(self.settings, api_key="sandbox")

    def catalog(self) -> Catalog:
        """What each model accepts and costs; reads the live list when first asked."""
        if self._catalog is None:
            from ..catalog import Catalog

            self._catalog = Catalog(self._models, clock=self.clock)
        return self._catalog

    async def _models(self) -> Any:
        return await (await self.hub()).models()

    def own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that the studio owns: a caller's time-out does not reach it, `close` waits for it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Let the studio's own tasks end, then close what is open."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._hub is not None:
            await self._hub.close()
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.__exit__, None, None, None)
        self._hub = self._sandbox = None
