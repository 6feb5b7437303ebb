"""The list of models: read once, kept, refreshed behind the callers, never a reason to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from oxen_video_tools.catalog import Catalog
from oxen_video_tools.errors import HubUnavailable, Unauthenticated
from oxen_video_tools.hub.records import VideoModel

from ..clocks import FakeClock
from .conftest import model


class Hub:
    """A list that can be changed, slow or out of order, and counts how often it is read."""

    def __init__(self, *models: VideoModel) -> None:
        self.models: Sequence[VideoModel] = models
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.read = 0

    async def __call__(self) -> Sequence[VideoModel]:
        self.read += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.models


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=False)


async def test_without_a_hub_the_snapshot_is_all() -> None:
    models = await Catalog().models()
    assert len(models) == 78
    assert not models.live


async def test_read_once_for_many_callers_and_kept_for_its_time(clock: FakeClock) -> None:
    hub = Hub(model("a"))
    catalog = Catalog(hub, clock=clock, ttl=100)
    found = await asyncio.gather(*(catalog.models() for _ in range(20)))
    assert hub.read == 1
    assert all(one is found[0] for one in found)
    assert list(found[0]) == ["a"]
    assert found[0].live
    await clock.advance(99)
    await catalog.models()
    assert hub.read == 1


async def test_refreshed_in_the_background(clock: FakeClock) -> None:
    hub = Hub(model("a"))
    catalog = Catalog(hub, clock=clock, ttl=100)
    await catalog.models()
    hub.models, hub.gate = [model("b")], asyncio.Event()
    await clock.advance(101)
    assert list(await catalog.models()) == ["a"], "nobody waits for a list while there is one"
    hub.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert list(await catalog.models()) == ["b"]
    assert hub.read == 2


@pytest.mark.parametrize("error", [HubUnavailable("down"), Unauthenticated("no key")])
async def test_a_list_that_cannot_be_read_is_no_failure(clock: FakeClock, error: Exception) -> None:
    hub = Hub(model("a"))
    hub.error = error
    catalog = Catalog(hub, clock=clock, ttl=1000)
    models = await catalog.models()
    assert len(models) == 78
    assert not models.live
    await catalog.models()
    assert hub.read == 1, "not asked again at once"
    hub.error = None
    await clock.advance(61)
    assert list(await catalog.models()) == ["a"], "but soon"


async def test_the_last_good_list_survives(clock: FakeClock) -> None:
    hub = Hub(model("a"))
    catalog = Catalog(hub, clock=clock, ttl=100)
    await catalog.models()
    hub.error = HubUnavailable("down")
    await clock.advance(101)
    for _ in range(3):
        assert list(await catalog.models()) == ["a"]
        await asyncio.sleep(0)
    assert (await catalog.models()).live


async def test_an_empty_list_is_no_list(clock: FakeClock) -> None:
    models = await Catalog(Hub(), clock=clock).models()
    assert len(models) == 78


async def test_a_caller_who_gives_up_takes_the_list_from_nobody(clock: FakeClock) -> None:
    hub = Hub(model("a"))
    hub.gate = asyncio.Event()
    catalog = Catalog(hub, clock=clock)
    impatient = asyncio.create_task(catalog.models())
    patient = asyncio.create_task(catalog.models())
    await asyncio.sleep(0)
    impatient.cancel()
    hub.gate.set()
    assert list(await patient) == ["a"]
    assert hub.read == 1


async def test_close_ends_a_reading(clock: FakeClock) -> None:
    hub = Hub(model("a"))
    catalog = Catalog(hub, clock=clock, ttl=10)
    await catalog.models()
    hub.gate = asyncio.Event()
    await clock.advance(11)
    await catalog.models()
    await asyncio.sleep(0)
    await catalog.close()
    await catalog.close()


async def test_a_fault_of_ours_is_heard(clock: FakeClock) -> None:
    """Only what is foreseen is survived: a bug in reading must not look like a hub that is down."""
    hub = Hub()
    hub.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await Catalog(hub, clock=clock).models()
