"""A waiter over a scripted hub, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from oxen_video_tools.studio.waiter import Waiter
from tests.clocks import FakeClock
from tests.studio.waiter.scripted import ScriptedHub


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def hub(clock: FakeClock) -> AsyncIterator[ScriptedHub]:
    hub = ScriptedHub(clock)
    yield hub
    await hub.stop()


@pytest.fixture
async def waiter(hub: ScriptedHub, clock: FakeClock) -> AsyncIterator[Waiter]:
    waiter = Waiter(hub, clock)
    yield waiter
    await waiter.aclose()
