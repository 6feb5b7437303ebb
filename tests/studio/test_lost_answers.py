"""Looking for a job whose answer was lost: everything is read, nothing is concluded from half of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from oxen_video_tools.errors import HubUnavailable, SubmissionUnclear
from oxen_video_tools.hub import HubClient
from oxen_video_tools.ledger.records import Job
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, reconcile, submission
from tests.studio.swift import HubClock, Swift

Open = Callable[..., AsyncStudio]
KLING = "kling-video-v2-6-pro-text-to-video"  # takes no seed: nothing of ours marks its requests
WAN = "wan-v2-7-text-to-video"  # takes one
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5, "model": KLING}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.5, 5.0))
    monkeypatch.setattr(submission, "PAUSES", (0.0,))


def own(hub: Sandbox) -> list[str]:
    return [one["generation_id"] for one in hub.ledger()["generations"] if not one["stranger"]]


async def unclear(studio: AsyncStudio) -> list[Job]:
    session = studio._session
    return await session.ledger.find_jobs(await session.scope(), states=["sending"])


async def crowd(hub: Sandbox, number: int, **more: Any) -> None:
    """Other clients' jobs, made after ours."""
    async with HubClient(api_key="key", base_url=hub.base_url) as client:
        for _ in range(number // 4):
            await client.enqueue({"model": KLING, "prompt": "Somebody else's", "num_generations": 4} | more)


async def lost(hub: Sandbox, studio: AsyncStudio, fault: str = "drop_answer", **more: Any) -> Job:
    """A job whose answer was lost in a process that did not live to look for it."""
    hub.faults.add(f"{fault}/paid")

    async def died(*_: Any) -> None: ...

    looking, submission.reconcile = submission.reconcile, died
    try:
        with pytest.raises(SubmissionUnclear):
            await studio.generate(**ASKED | more, take=1)
    finally:
        submission.reconcile = looking
    [job] = await unclear(studio)
    return job


async def test_a_record_without_a_time_is_no_absence(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not adopted, for it may be an old one; but nobody may send again because "the hub does not show it"."""
    clock = Swift()
    studio = opened(clock=clock)
    job = await lost(hub, studio)
    clock.ahead += 120
    whole = reconcile.read_account

    async def timeless(*given: Any) -> reconcile.Reading:
        reading = await whole(*given)
        return replace(reading, generations=tuple(replace(one, enqueued_at=None) for one in reading.generations))

    monkeypatch.setattr(reconcile, "read_account", timeless)
    with pytest.raises(SubmissionUnclear):
        await studio.recover(send_again=job.job)
    assert [one.note for one in await unclear(studio)] == [reconcile.AMBIGUOUS]
    assert hub.ledger()["requests"]["POST /api/ai/queue"] == 1


async def test_the_history_is_read_beyond_its_first_page(hub: Sandbox, opened: Open) -> None:
    studio = opened(route="sync", clock=Swift())
    await lost(hub, studio)
    [mine] = own(hub)
    await crowd(hub, 120)
    video = await studio.generate(**ASKED, take=1)
    assert video.generation_id == mine and video.reused
    assert hub.ledger()["requests"]["GET /api/ai/generations"] >= 3


@pytest.mark.parametrize("page", [2, 3])
async def test_nothing_is_concluded_from_a_history_that_was_not_read_to_its_end(
    hub: Sandbox, opened: Open, page: int
) -> None:
    clock = Swift()
    studio = opened(route="sync", clock=clock)
    job = await lost(hub, studio)
    await crowd(hub, 120)
    await studio.list()
    clock.ahead += submission.LONGEST + reconcile.GRACE + 60
    hub.faults.add(f"error=400:json@{page}/history")
    with pytest.raises(HubUnavailable):
        await studio.recover(send_again=job.job)
    assert [one.note for one in await unclear(studio)] != [reconcile.ABSENT]
    [told] = await studio.recover(send_again=job.job)
    assert told.outcome == "found" and hub.ledger()["requests"]["POST /api/ai/videos/generate"] == 1


@pytest.mark.parametrize("state", [1, 3, 5])
async def test_nothing_is_concluded_from_a_queue_that_was_not_read_in_every_state(
    hub: Sandbox, opened: Open, state: int, hub_clock: HubClock
) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    await lost(hub, studio, "drop_request")
    clock.ahead += 120
    hub_clock.ahead += 120
    hub.faults.add(f"error=400:json@{state}/list")
    await reconcile.reconcile(studio._session)
    [job] = await unclear(studio)
    assert job.note != reconcile.ABSENT
    await reconcile.reconcile(studio._session)
    [job] = await unclear(studio)
    assert job.note == reconcile.ABSENT


@pytest.mark.parametrize("wrong", [-3600.0, -60.0, 60.0, 3600.0])
async def test_a_machine_whose_clock_is_wrong_finds_it_by_the_hubs(hub: Sandbox, opened: Open, wrong: float) -> None:
    clock = Swift()
    clock.wrong = wrong
    hub.faults.add("drop_answer/enqueue")
    video = await opened(clock=clock).generate(**ASKED, take=1)
    assert video.status == "succeeded" and own(hub) == [video.generation_id]


async def test_an_equal_job_from_before_the_post_is_not_it(opened: Open) -> None:
    """The very same request, by somebody else, an hour earlier."""
    long_ago = Swift()
    with Sandbox(clock=long_ago) as hub:
        long_ago.wrong = -3600.0
        await crowd(hub, 4, prompt=ASKED["prompt"], duration=5)
        long_ago.wrong = 0.0
        hub.faults.add("drop_answer/enqueue")
        video = await opened(base_url=hub.base_url, clock=Swift()).generate(**ASKED, take=1)
        assert video.generation_id == hub.ledger()["generations"][-1]["generation_id"]
        assert hub.ledger()["requests"]["POST /api/ai/queue"] == 2


async def test_two_equal_jobs_that_were_both_lost_are_both_found_by_their_marks(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("drop_answer@1-2/enqueue")
    studios = [opened(clock=Swift()) for _ in range(2)]
    asked = ASKED | {"model": WAN}
    videos = await asyncio.gather(*(studio.generate(**asked, take=n) for n, studio in enumerate(studios, 1)))
    assert sorted(video.generation_id for video in videos) == sorted(own(hub)) and len(own(hub)) == 2


async def test_of_two_equal_jobs_of_which_one_arrived_nobody_knows_which(hub: Sandbox, opened: Open) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    hub.faults.add("drop_answer@1/enqueue")
    hub.faults.add("drop_request@2/enqueue")

    async def died(*_: Any) -> None: ...

    looking, submission.reconcile = submission.reconcile, died
    try:
        for take in (1, 2):
            with pytest.raises(SubmissionUnclear):
                await studio.generate(**ASKED, take=take)
    finally:
        submission.reconcile = looking
    clock.ahead += 120
    told = await studio.recover()
    assert [one.outcome for one in told] == ["unclear", "unclear"]
    assert all("can't be told" in one.text and "--adopt ID" in one.text for one in told), "and what to do"


async def test_all_versions_of_one_post_are_found_together(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("drop_answer/enqueue")
    video = await opened(clock=Swift()).generate(**ASKED, num_generations=3, take=1)
    assert sorted(take.generation_id for take in video.takes) == sorted(own(hub)) and len(own(hub)) == 3


async def test_a_value_that_is_not_echoed_is_no_mismatch(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Swift())
    hub.faults.add("drop_request/enqueue")
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, aspect_ratio="9:16", take=1)
    async with HubClient(api_key="key", base_url=hub.base_url) as client:
        [fitting] = await client.enqueue({"model": KLING, "prompt": ASKED["prompt"], "duration": 5})
    video = await studio.generate(**ASKED, aspect_ratio="9:16", take=1)
    assert video.generation_id == fitting.generation_id


async def test_a_value_that_differs_makes_nobody_its_own_and_nothing_absent(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Swift())
    hub.faults.add("drop_request/enqueue")
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, aspect_ratio="9:16", take=1)
    await crowd(hub, 4, prompt=ASKED["prompt"], duration=5, aspect_ratio="1:1")
    with pytest.raises(SubmissionUnclear, match="can't be told from it"):
        await studio.generate(**ASKED, aspect_ratio="9:16", take=1)


async def test_opening_the_ledger_looks_for_what_was_left_once_a_minute(hub: Sandbox, opened: Open) -> None:
    await lost(hub, opened(clock=Swift()))
    before = hub.ledger()["requests"].get("GET /api/ai/generations", 0)
    studios = [opened(clock=Swift()) for _ in range(5)]
    for studio in studios:
        await studio.list()
    for _ in range(300):
        if not await unclear(studios[0]):
            break
        await asyncio.sleep(0.01)
    assert not await unclear(studios[0])
    assert hub.ledger()["requests"]["GET /api/ai/generations"] - before <= 2, "one of them looked, and settled it"
