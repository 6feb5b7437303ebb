"""Waiting over loopback HTTP, with the real client: jobs of two minutes take a few hundredths of a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from oxen_video_tools.errors import Unauthenticated
from oxen_video_tools.hub import HubClient
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.results import Progress
from oxen_video_tools.studio.waiter import Waiter

BODY = {"model": "kling-video-v2-6-pro-text-to-video", "prompt": "A red balloon rises", "duration": 5}
LIMIT = 60  # seconds; far more than anything here takes


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=400, picture_height=144) as running:
        yield running


@pytest.fixture
async def hub(sandbox: Sandbox) -> AsyncIterator[HubClient]:
    async with HubClient(api_key=sandbox.api_key, base_url=sandbox.base_url) as client:
        yield client


@pytest.fixture
async def waiter(hub: HubClient) -> AsyncIterator[Waiter]:
    waiter = Waiter(hub)
    yield waiter
    await waiter.aclose()


async def enqueued(hub: HubClient, count: int = 1) -> list[str]:
    return [(await hub.enqueue({**BODY, "seed": n + 1}))[0].generation_id for n in range(count)]


async def test_jobs_end_one_after_another(hub: HubClient, waiter: Waiter) -> None:
    heard: list[Progress] = []
    async with waiter.listening():
        ids = await enqueued(hub, 12)
        ended = await asyncio.gather(*[waiter.wait(one, seconds=LIMIT, on_progress=heard.append) for one in ids])
    assert {one.status for one in ended} == {"succeeded"}
    assert all(one.url for one in ended)
    assert {one.status for one in heard} >= {"queued", "succeeded"}


async def test_a_cancelled_job_is_noticed_by_the_list(
    hub: HubClient, waiter: Waiter, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxen_video_tools.studio.waits.HEARD", (0.2, 0.3))
    sandbox.faults.add("stuck")
    [one] = await enqueued(hub)
    wait = asyncio.ensure_future(waiter.wait(one, seconds=LIMIT))
    while waiter.waits == 0:
        await asyncio.sleep(0)
    await hub.cancel(one)
    assert (await wait).status == "cancelled"


@pytest.mark.parametrize(
    "fault",
    ["events_cut=0@*", "events_duplicated@*", "events_unnamed@*", "events_noise@*", "events_chopped=3@*",
     "events_out_of_order@*", "error=503@1-2/get", "error=500:html@1-2/list", "garbled@1/get", "short_list=0@*",
     "rate_limited=0@1/get"],
)  # fmt: skip
async def test_every_fault_of_the_stream_and_of_the_reads_is_survived(
    hub: HubClient, waiter: Waiter, sandbox: Sandbox, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxen_video_tools.studio.waits.HEARD", (0.2, 0.3))
    monkeypatch.setattr("oxen_video_tools.studio.waits.DEAF", (0.2, 0.3))
    sandbox.faults.add(fault)
    ids = await enqueued(hub, 3)
    ended = await asyncio.gather(*[waiter.wait(one, seconds=LIMIT) for one in ids])
    assert {one.status for one in ended} == {"succeeded"}


async def test_a_key_that_is_refused_ends_the_wait(hub: HubClient, waiter: Waiter, sandbox: Sandbox) -> None:
    sandbox.faults.add("stuck")
    [one] = await enqueued(hub)
    wait = asyncio.ensure_future(waiter.wait(one, seconds=LIMIT))
    while waiter.waits == 0:
        await asyncio.sleep(0)
    sandbox.faults.add("unauthenticated@*/any")
    with pytest.raises(Unauthenticated):
        await wait
