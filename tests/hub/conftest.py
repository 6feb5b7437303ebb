from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from oxen_video_tools.hub import HubClient

from ..clocks import FakeClock
from .wire import Wire

KEY = "sk-live-5a3c0ffee"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def hub_on(stack: AsyncExitStack, clock: FakeClock) -> Callable[..., Any]:
    """`hub, wire = await hub_on(answer, answer, …)`: a client of a hub that gives these answers."""

    async def open_hub(*answers: Any, **options: Any) -> tuple[HubClient, Wire]:
        wire = await stack.enter_async_context(Wire(*answers))
        hub = HubClient(**({"api_key": KEY, "base_url": wire.base_url, "clock": clock} | options))
        return await stack.enter_async_context(hub), wire

    return open_hub


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Callable[[Wire], None]:
    """`silence(wire)`: the time of a call is up as soon as its request has arrived there, however long that takes."""
    scopes: list[anyio.CancelScope] = []
    watching: list[asyncio.Task[None]] = []

    def end_when_asked(wire: Wire) -> None:
        async def watch(seconds: float) -> None:
            while not wire.asked:
                await asyncio.sleep(0.001)
            await clock.advance(seconds)
            scopes[-1].cancel()

        def move_on_after(seconds: float) -> anyio.CancelScope:
            scopes.append(anyio.CancelScope())
            if not watching:
                watching.append(asyncio.ensure_future(watch(seconds)))
            return scopes[-1]

        monkeypatch.setattr(anyio, "move_on_after", move_on_after)

    return end_when_asked
