from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

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
