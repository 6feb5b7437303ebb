"""Resume from anywhere: get, list and cancel work for every id of the account, whoever made it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.errors import NotFound, Unauthenticated
from oxen_video_tools.hub import HubClient
from oxen_video_tools.ledger.jobs import Submitted
from oxen_video_tools.ledger.records import GenerationRow
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, queries

from .swift import Swift

Open = Callable[..., AsyncStudio]
KLING = "kling-video-v2-6-pro-text-to-video"
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5, "model": KLING}
BODY: dict[str, Any] = {"model": KLING, "prompt": "Made by somebody's own script", "duration": 10}
PRICE = Decimal("0.35")


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """Jobs that run for minutes."""
    with Sandbox(speed="real") as running:
        yield running


@pytest.fixture
async def script(hub: Sandbox) -> AsyncIterator[HubClient]:
    """Another client of the account, that knows no ledger."""
    async with HubClient(api_key="key", base_url=hub.base_url) as client:
        yield client


async def enqueued(at: Sandbox, **more: str) -> str:
    async with HubClient(api_key="key", base_url=at.base_url) as client:
        [made] = await client.enqueue(BODY | more)
    return made.generation_id


async def known(studio: AsyncStudio, generation_id: str) -> GenerationRow | None:
    session = studio._session
    return (await session.ledger.clips(await session.scope(), [generation_id])).get(generation_id)


# ---- whoever made it -------------------------------------------------------------------------------------------------


async def test_a_job_of_another_client_is_waited_for_and_adopted(hub: Sandbox, opened: Open) -> None:
    one = await enqueued(hub)
    studio = opened()
    assert await known(studio, one) is None
    video = await studio.get(one, wait_seconds=30)
    assert (video.status, video.model, video.duration, video.cost_is) == ("succeeded", KLING, 10.0, "unknown")
    assert video.url and not video.reused
    adopted = await known(studio, one)
    assert adopted is not None and (adopted.job, adopted.status) == (None, "succeeded")
    assert (await studio.spend()).total_usd == 0, "it belongs to no intent and to no budget"
    assert hub.ledger()["accepted"] == 1


async def test_it_is_listed_and_adopted_with_ours_newest_first(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Swift())
    mine = await studio.generate(**ASKED)
    foreign = await enqueued(hub)
    listed = await studio.list()
    assert {one.generation_id for one in listed} == {mine.generation_id, foreign}
    assert await known(studio, foreign) is not None
    assert [one.generation_id for one in await studio.list(limit=1)] == [listed[0].generation_id]
    assert len(await studio.list(model=KLING)) == 2 and await studio.list(model="wan-video") == []


async def test_it_is_saved_like_any_other(hub: Sandbox, opened: Open) -> None:
    one = await enqueued(hub)
    studio = opened()
    saved = await studio.save(one)
    assert saved.file.is_file() and (await studio.get(one)).file == saved.file


async def test_it_is_cancelled_and_said_to_cost_nothing(slow: Sandbox, opened: Open) -> None:
    one = await enqueued(slow)
    studio = opened(base_url=slow.base_url)
    video = await studio.cancel(one)
    assert video.status == "cancelled" and (await studio.get(one)).status == "cancelled"
    assert slow.ledger()["charged"] == "0"


async def test_what_other_processes_of_ours_made_is_known_with_its_cost(hub: Sandbox, opened: Open) -> None:
    one = opened()
    mine = await one.generate(**ASKED)
    await one.close()  # its cost is looked up by then
    video = await opened().get(mine.generation_id)
    assert (video.cost_usd, video.cost_is) == (PRICE, "real")


async def test_a_machine_without_this_ledger_goes_on_with_it(hub: Sandbox, opened: Open) -> None:
    mine = await opened().generate(**ASKED, wait_seconds=0)
    elsewhere = opened(ledger="memory:")
    assert (await elsewhere.get(mine.generation_id, wait_seconds=30)).status == "succeeded"
    assert (await elsewhere.save(mine.generation_id)).file.is_file()


async def test_several_ids_come_in_their_order(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    ids = [await enqueued(hub), (await studio.generate(**ASKED, wait_seconds=0)).generation_id, await enqueued(hub)]
    assert [one.generation_id for one in await studio.get_many(ids, wait_seconds=30)] == ids


@pytest.mark.parametrize("verb", ["get", "cancel", "save"])
async def test_an_id_that_nobody_knows(hub: Sandbox, opened: Open, verb: str) -> None:
    with pytest.raises(NotFound):
        await getattr(opened(), verb)("00000000-0000-4000-8000-000000000000")
    assert hub.ledger()["accepted"] == 0


@pytest.mark.parametrize("one", ["sync-00000000-0000-4000-8000-000000000000", "../models", "a?b=c", ""])
async def test_an_id_that_is_none_leads_nowhere_else(opened: Open, one: str) -> None:
    with pytest.raises(NotFound):
        await opened().get(one)


async def test_without_the_key_nothing_is_told(opened: Open) -> None:
    with Sandbox(api_key="right") as guarded:
        studio = opened(base_url=guarded.base_url, api_key="wrong")
        with pytest.raises(Unauthenticated):
            await studio.get("00000000-0000-4000-8000-000000000000")


async def test_an_id_that_another_client_reads_first_still_becomes_ours_when_found(hub: Sandbox, opened: Open) -> None:
    """Listed by one process before the process that paid for it has written it down."""
    studio, other = opened(), opened()
    ledger = studio._session.ledger
    run = ledger.run

    async def listed_just_now(steps: Any, *args: Any, **kwargs: Any) -> Any:
        if steps.__name__ == "record_job" and isinstance(args[1], Submitted):
            assert len(await other.list()) == 1
        return await run(steps, *args, **kwargs)

    ledger.run = listed_just_now  # type: ignore[method-assign]
    video = await studio.generate(**ASKED)
    clip = await known(studio, video.generation_id)
    assert clip is not None and clip.job is not None
    assert (await studio.spend()).total_usd == PRICE


# ---- cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["cancel", "time-out", "close"])
async def test_a_client_that_goes_away_never_cancels_a_job(slow: Sandbox, opened: Open, way: str) -> None:
    studio = opened(base_url=slow.base_url)
    call = asyncio.ensure_future(studio.generate(**ASKED, wait_seconds=1 if way == "close" else 60, take=1))
    while not slow.ledger()["accepted"]:
        await asyncio.sleep(0.02)
    if way == "cancel":
        call.cancel()
    elif way == "time-out":
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(call, 0.05)
    await studio.close()
    await asyncio.gather(call, return_exceptions=True)
    [job] = slow.ledger()["generations"]
    assert job["status"] in ("queued", "processing")
    assert not [call for call in slow.ledger()["requests"] if call.startswith("DELETE")]
    again = await opened(base_url=slow.base_url).generate(**ASKED, take=1, wait_seconds=0)
    assert again.reused and again.generation_id == job["generation_id"]


async def test_what_was_charged_before_a_cancel_is_said(
    slow: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    history = HubClient.history

    async def billed(hub: HubClient, *given: Any, **how: Any) -> Any:
        found = await history(hub, *given, **how)
        return replace(found, generations=tuple(replace(one, cost=Decimal("0.12")) for one in found.generations))

    monkeypatch.setattr(HubClient, "history", billed)
    studio = opened(base_url=slow.base_url)
    video = await studio.generate(**ASKED, wait_seconds=0)
    ended = await studio.cancel(video.generation_id)
    assert (ended.status, ended.cost_usd, ended.cost_is) == ("cancelled", Decimal("0.12"), "real")
    assert (await studio.spend()).last_24h_usd == Decimal("0.12")


@pytest.mark.parametrize("payer", [{}, {"target_namespace": "team"}])
async def test_what_a_cancelled_job_of_another_client_cost_is_said_too(
    slow: Sandbox, opened: Open, payer: dict[str, str]
) -> None:
    one = await enqueued(slow, **payer)
    video = await opened(base_url=slow.base_url).cancel(one)
    assert (video.cost_usd, video.cost_is) == (Decimal(0), "real")


async def test_a_cost_that_the_hub_does_not_tell_is_not_made_up(slow: Sandbox, opened: Open) -> None:
    studio = opened(base_url=slow.base_url, clock=Swift())
    video = await studio.generate(**ASKED, wait_seconds=0)
    slow.faults.add("error=500:json@*/history")
    ended = await studio.cancel(video.generation_id)
    assert (ended.status, ended.cost_usd, ended.cost_is) == ("cancelled", None, "unknown")
    slow.faults.clear()
    assert (await studio.spend()).last_24h_usd == 0


async def test_a_history_that_is_slow_does_not_hold_a_cancel_up(
    slow: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "SETTLING", 0.1)
    studio = opened(base_url=slow.base_url)
    video = await studio.generate(**ASKED, wait_seconds=0)
    slow.faults.add("late=1@*/history")
    ended = await studio.cancel(video.generation_id)
    assert (ended.status, ended.cost_is) == ("cancelled", "unknown")


async def test_a_finished_job_stays_as_it_is(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    video = await studio.generate(**ASKED, take=1)
    ended = await studio.cancel(video.generation_id)
    assert (ended.status, ended.cost_usd) == ("succeeded", PRICE) and ended.url
    assert (await studio.generate(**ASKED, take=1)).reused
