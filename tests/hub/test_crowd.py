"""A thousand reads at once: few under way, all answered; and none waits longer than its time for its turn."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import httpx
import pytest

from oxen_video_tools.errors import HubUnavailable
from oxen_video_tools.hub import HubClient, transport
from oxen_video_tools.hub.transport import AT_ONCE


async def test_a_thousand_reads_share_a_few_connections() -> None:
    under_way = most = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return httpx.Response(200, json={"generation_id": request.url.path.rpartition("/")[2], "status": "queued"})

    async with HubClient(api_key="key", transport=httpx.MockTransport(answer)) as hub:
        found = await asyncio.gather(*[hub.get(str(n)) for n in range(1000)])
    assert [one.generation_id for one in found] == [str(n) for n in range(1000)]
    assert 1 < most <= AT_ONCE


async def test_who_finds_no_place_in_time_hears_so() -> None:
    asked, gate = 0, asyncio.Event()

    async def hang(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        await gate.wait()
        return httpx.Response(200, json={"generation_id": "a", "status": "queued"})

    async with HubClient(api_key="key", transport=httpx.MockTransport(hang)) as hub:
        slow = [asyncio.ensure_future(hub.get("a")) for _ in range(AT_ONCE)]
        while asked < AT_ONCE:
            await asyncio.sleep(0)
        with pytest.raises(HubUnavailable):
            await hub.get("b", deadline=0.05)
        assert asked == AT_ONCE  # it was never sent
        gate.set()
        assert {one.generation_id for one in await asyncio.gather(*slow)} == {"a"}
        assert (await hub.get("a")).status == "queued"  # and the places are free again


async def test_requests_spread_over_small_pools_and_few_share_the_first() -> None:
    made: list[httpx.AsyncClient] = []

    def make(limits: httpx.Limits) -> httpx.AsyncClient:
        made.append(httpx.AsyncClient(limits=limits))
        return made[-1]

    several = transport.Pools(make, kept=1.0)
    with several.client() as first:
        pass
    with several.client() as second:  # free again: the connection is warm
        assert second is first
    with ExitStack() as busy:
        clients = [busy.enter_context(several.client()) for _ in range(transport.SMALL * transport.MOST)]
        assert {clients.count(one) for one in made} == {transport.SMALL}
        assert len(made) == transport.MOST
        busy.enter_context(several.client())  # more than fit: no further pool, and nobody is turned away
        assert len(made) == transport.MOST
    await several.close()
    assert all(one.is_closed for one in made)
    with several.client() as anew:
        assert not anew.is_closed
    await several.close()
