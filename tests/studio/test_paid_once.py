"""Whatever happens to the paid request, it is paid once and found again. The sandbox's own ledger is the judge."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.clock import SystemClock
from oxen_video_tools.errors import (
    HubUnavailable,
    InsufficientCredits,
    InvalidRequest,
    ModelNotFound,
    OxenError,
    SubmissionUnclear,
    TimedOut,
    Unauthenticated,
)
from oxen_video_tools.ledger.jobs import Submitted
from oxen_video_tools.ledger.records import Job
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, generate, reconcile, submission

Open = Callable[..., AsyncStudio]
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5}
STATES = ["planned", "sending", "running", "succeeded", "failed", "cancelled", "refused", "dropped", "written off"]


class Shifted(SystemClock):
    """The machine's clock, put forward now and then."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 50)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same looks for what was lost, sooner one after the other."""
    monkeypatch.setattr(submission, "LOOKS", (0.05, 0.1, 0.3, 0.6))
    monkeypatch.setattr(submission, "WRITES", (0.01, 0.01))
    monkeypatch.setattr(reconcile, "GRACE", 1.5)


def accepted(hub: Sandbox) -> int:
    """How many generations the hub took from us."""
    return int(hub.ledger()["accepted"])


def posts(hub: Sandbox) -> int:
    """How often the queue's paid POST reached it."""
    return int(hub.ledger()["requests"].get("POST /api/ai/queue", 0))


async def jobs(studio: AsyncStudio) -> list[Job]:
    session = studio._session
    return await session.ledger.find_jobs(await session.scope(), states=STATES)  # type: ignore[arg-type]


async def states(studio: AsyncStudio) -> Counter[str]:
    return Counter(job.state for job in await jobs(studio))


# ---- the same call again -----------------------------------------------------------------------------------------


async def test_the_same_call_again_is_the_same_job(hub: Sandbox, opened: Open) -> None:
    first = await opened().generate(**ASKED, take=1)
    again = await opened().generate(**ASKED, take=1)
    assert (first.status, first.reused) == ("succeeded", False)
    assert (again.generation_id, again.reused) == (first.generation_id, True)
    assert accepted(hub) == 1


async def test_another_take_is_another_job_and_so_is_every_call_without_one(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    videos = [await studio.generate(**ASKED, take=take, wait_seconds=0) for take in (1, 2, None, None)]
    assert len({video.generation_id for video in videos}) == accepted(hub) == 4
    assert not any(video.reused for video in videos)


async def test_equal_calls_at_once_from_several_processes_are_one_job(hub: Sandbox, opened: Open) -> None:
    studios = [opened() for _ in range(4)]
    videos = await asyncio.gather(*(studio.generate(**ASKED, take=1) for studio in studios for _ in range(5)))
    assert len({video.generation_id for video in videos}) == accepted(hub) == 1
    assert sum(not video.reused for video in videos) == 1


async def test_a_job_that_failed_frees_its_take(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("fail")
    studio = opened()
    failed = await studio.generate(**ASKED, take=1)
    assert (failed.status, failed.url) == ("failed", None) and failed.error
    again = await studio.generate(**ASKED, take=1)
    assert again.status == "succeeded" and again.generation_id != failed.generation_id


async def test_a_cancelled_job_is_not_paid_again_by_the_same_call(opened: Open) -> None:
    with Sandbox(speed="real") as slow:
        studio = opened(base_url=slow.base_url)
        first = await studio.generate(**ASKED, take=1, wait_seconds=0)
        cancelled = await studio.cancel(first.generation_id)
        assert (cancelled.status, cancelled.cost_usd, cancelled.cost_is) == ("cancelled", Decimal(0), "real")
        again = await studio.generate(**ASKED, take=1, wait_seconds=0)
        assert (again.status, again.reused, again.generation_id) == ("cancelled", True, first.generation_id)
        assert "take=2 makes it anew ($0.35)" in again.warnings[0]
        anew = await studio.generate(**ASKED, take=2, wait_seconds=0)
        assert not anew.reused and anew.generation_id != first.generation_id


async def test_several_versions_are_one_post_and_come_together(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    video = await studio.generate(**ASKED, num_generations=3, take=1)
    assert [take.status for take in video.takes] == ["succeeded"] * 3 and video.cost_usd == Decimal("1.05")
    assert video.generation_id == video.takes[0].generation_id
    again = await studio.generate(**ASKED, num_generations=3, take=1)
    assert again.reused and {take.generation_id for take in again.takes} == {t.generation_id for t in video.takes}
    assert posts(hub) == 1


async def test_waiting_not_at_all_answers_with_the_id(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    video = await studio.generate(**ASKED, wait_seconds=0)
    assert video.status == "queued" and (await studio.get(video.generation_id, wait_seconds=30)).url


# ---- answers that are lost -----------------------------------------------------------------------------------------

LOST = [
    "drop_answer",
    "error_after=500:json",
    "error_after=502:html",
    "error_after=504:text",
    "empty_answer",
    "garbled",
]


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_answer_is_found_in_the_queue(hub: Sandbox, opened: Open, fault: str) -> None:
    hub.faults.add(f"{fault}/enqueue")
    studio = opened()
    video = await studio.generate(**ASKED, take=1)
    assert video.status == "succeeded" and not video.reused
    assert accepted(hub) == posts(hub) == 1
    assert await states(studio) == {"succeeded": 1}


async def test_it_is_told_from_other_clients_jobs(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("other_clients=6")
    hub.faults.add("drop_answer/enqueue")
    video = await opened().generate(**ASKED)
    mine = [job for job in hub.ledger()["generations"] if not job["stranger"]]
    assert [job["generation_id"] for job in mine] == [video.generation_id]


async def test_a_job_that_shows_late_is_waited_for(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("show_late=1")
    hub.faults.add("drop_answer/enqueue")
    video = await opened().generate(**ASKED)
    assert video.status == "succeeded" and accepted(hub) == 1


async def test_nothing_is_concluded_from_a_list_that_was_cut_short(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("short_list=0@1-5")
    hub.faults.add("drop_answer/enqueue")
    video = await opened().generate(**ASKED)
    assert video.status == "succeeded" and accepted(hub) == 1


@pytest.mark.parametrize("fault", ["drop_request", "error=500:html", "error=504:text"])
async def test_what_never_arrived_is_not_sent_again_by_itself(hub: Sandbox, opened: Open, fault: str) -> None:
    hub.faults.add(f"{fault}/enqueue")
    clock = Shifted()
    studio = opened(clock=clock)
    for _ in range(2):
        with pytest.raises(SubmissionUnclear) as caught:
            await studio.generate(**ASKED, take=1)
        assert caught.value.charged == "unknown" and caught.value.sent["prompt"] == ASKED["prompt"]
        clock.ahead += 100
    assert accepted(hub) == 0 and posts(hub) == 1
    assert "recover" in (caught.value.fix or "")
    [told] = await studio.recover()
    assert told.outcome == "unclear" and told.job in (caught.value.fix or "")


async def test_a_person_may_send_it_again(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("drop_request/enqueue")
    clock = Shifted()
    studio = opened(clock=clock)
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, take=1)
    [job] = await jobs(studio)
    clock.ahead += 100
    [told] = await studio.recover(send_again=job.job)
    assert told.outcome == "sent again" and len(told.generation_ids) == 1
    video = await studio.generate(**ASKED, take=1)
    assert video.reused and video.generation_id == told.generation_ids[0]
    assert accepted(hub) == 1


async def test_sending_again_is_refused_while_absence_is_not_sure(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "GRACE", 60.0)
    hub.faults.add("drop_request/enqueue")
    studio = opened()
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, take=1, wait_seconds=0)
    [job] = await jobs(studio)
    with pytest.raises(SubmissionUnclear):
        await studio.recover(send_again=job.job)
    assert posts(hub) == 1


async def test_a_person_may_write_it_off(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("drop_request/enqueue")
    studio = opened(budget=Decimal("0.60"))
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, take=1)
    [job] = await jobs(studio)
    [told] = await studio.recover(write_off=job.job)
    assert told.outcome == "written off"
    assert (await studio.spend()).last_24h_usd == Decimal("0.35")
    fresh = opened()
    assert (await fresh.generate(**ASKED, take=1)).status == "succeeded"


async def test_a_twin_makes_it_ambiguous_and_a_person_names_it(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("twin")
    hub.faults.add("drop_answer/enqueue")
    studio = opened()
    with pytest.raises(SubmissionUnclear, match="can't be told from it"):
        await studio.generate(**ASKED, take=1)
    assert accepted(hub) == 1
    mine = next(job for job in hub.ledger()["generations"] if not job["stranger"])
    [told] = await studio.recover(adopt=mine["generation_id"])
    assert told.generation_ids == (mine["generation_id"],)
    assert (await studio.generate(**ASKED, take=1)).generation_id == mine["generation_id"]
    with pytest.raises(InvalidRequest):
        await studio.recover(adopt=mine["generation_id"])


async def test_another_process_finds_what_one_left_unclear(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def died(_: Any) -> None: ...

    hub.faults.add("drop_answer/enqueue")
    with monkeypatch.context() as dying, pytest.raises(SubmissionUnclear):
        dying.setattr(submission, "reconcile", died)
        await opened().generate(**ASKED, take=1)
    next_one = opened()
    assert (await next_one.list())[0].status in ("succeeded", "queued", "processing")
    for _ in range(100):
        if (await states(next_one))["sending"] == 0:
            break
        await asyncio.sleep(0.05)
    assert (await states(next_one))["sending"] == 0
    assert (await next_one.generate(**ASKED, take=1)).reused and accepted(hub) == 1


async def test_the_request_carries_a_mark_where_the_model_takes_one(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    known = {one.id: "seed" in one.parameters for one in await studio.find_models("text-to-video")}
    for seeded in (True, False):
        model = next(one for one, has in known.items() if has is seeded)
        await studio.generate(**ASKED, model=model, wait_seconds=0)
    assert [("seed" in job.body) for job in await jobs(studio)] == [True, False]


async def test_a_seed_that_was_given_stays(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    seeded = next(one.id for one in await studio.find_models() if "seed" in one.parameters)
    await studio.generate(**ASKED, model=seeded, seed=7, wait_seconds=0)
    [job] = await jobs(studio)
    assert job.body["seed"] == 7


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("insufficient_credits", InsufficientCredits),
        ("unauthenticated", Unauthenticated),
        ("error=404:json", ModelNotFound),
    ],
)
async def test_a_refusal_costs_nothing_and_frees_the_take(
    hub: Sandbox, opened: Open, fault: str, error: type[OxenError]
) -> None:
    studio = opened(budget=Decimal("0.40"))
    await studio.list()
    hub.faults.add(f"{fault}/enqueue")
    with pytest.raises(error) as caught:
        await studio.generate(**ASKED, take=1)
    assert caught.value.charged == "no" and not isinstance(caught.value, SubmissionUnclear)
    assert await states(studio) == {"refused": 1}
    assert (await studio.generate(**ASKED, take=1)).status == "succeeded"


async def test_429_is_sent_again_and_marked_again(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("rate_limited=0@1-2/enqueue")
    studio = opened()
    assert (await studio.generate(**ASKED, take=1)).status == "succeeded"
    assert accepted(hub) == 1 and posts(hub) == 3


async def test_a_hub_that_is_not_there_costs_nothing(opened: Open) -> None:
    studio = opened(base_url="http://127.0.0.1:9", clock=Shifted())
    with pytest.raises(HubUnavailable) as caught:
        await studio.generate(**ASKED, model="kling-video-v2-6-pro-text-to-video", take=1)
    assert caught.value.charged == "no" and "nothing was sent" in str(caught.value.fix)


async def test_a_missing_key_names_both_ways_on(opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("OXEN_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("OXEN_API_KEY", raising=False)
    with pytest.raises(Unauthenticated) as caught:
        await opened(api_key=None).generate(**ASKED)
    assert "OXEN_API_KEY" in (caught.value.fix or "") and "OXEN_VIDEO_SANDBOX" in (caught.value.fix or "")


async def test_problems_of_a_request_are_found_before_anything_is_sent(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    with pytest.raises(InvalidRequest, match="Cannot provide both 'prompt' and 'multi_prompt'"):
        await studio.generate(prompt="a", multi_prompt=[{"prompt": "b"}])
    with pytest.raises(InvalidRequest, match="Either 'prompt' or 'multi_prompt' must be provided"):
        await studio.generate()
    assert not posts(hub)


# ---- callers that go away --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["cancel", "wait_for"])
async def test_a_caller_that_goes_away_does_not_cut_the_post(hub: Sandbox, opened: Open, way: str) -> None:
    studio = opened()
    await studio.list()
    hub.faults.add("late=0.6/enqueue")
    call = asyncio.ensure_future(studio.generate(**ASKED, take=1))
    while not posts(hub):
        await asyncio.sleep(0.02)
    if way == "cancel":
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    else:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(call, 0.01)
    await studio.close()
    assert accepted(hub) == 1
    found = await opened().generate(**ASKED, take=1)
    assert found.reused and found.status == "succeeded" and accepted(hub) == 1


async def test_the_time_that_runs_out_while_posting_leads_back_to_the_job(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = opened()
    await studio.list()
    await studio.find_models()
    monkeypatch.setattr(generate, "SHORTEST", 0.4)
    hub.faults.add("late=1.2/enqueue")
    with pytest.raises(TimedOut) as caught:
        await studio.generate(**ASKED, take=1, wait_seconds=0)
    assert caught.value.charged == "unknown" and caught.value.retry
    await studio.close()
    assert (await opened().generate(**ASKED, take=1)).reused and accepted(hub) == 1


async def test_a_machine_that_slept_before_the_first_byte_sends_nothing_and_begins_again(
    hub: Sandbox, opened: Open
) -> None:
    clock = Shifted()
    studio = opened(clock=clock)
    ledger = studio._session.ledger
    run, naps = ledger.run, iter((600.0,))

    async def sleepy(steps: Any, *args: Any, **kwargs: Any) -> Any:
        result = await run(steps, *args, **kwargs)
        if steps.__name__ == "mark_sending":
            clock.ahead += next(naps, 0.0)
        return result

    ledger.run = sleepy  # type: ignore[method-assign]
    assert (await studio.generate(**ASKED, take=1)).status == "succeeded"
    assert accepted(hub) == posts(hub) == 1
    assert await states(studio) == {"dropped": 1, "succeeded": 1}


async def test_a_ledger_that_fails_after_the_post_does_not_hide_the_id(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Shifted())
    ledger = studio._session.ledger
    run = ledger.run

    async def broken(steps: Any, *args: Any, **kwargs: Any) -> Any:
        if steps.__name__ == "record_job" and isinstance(args[1], Submitted):
            raise OxenError("the disk is full")
        return await run(steps, *args, **kwargs)

    ledger.run = broken  # type: ignore[method-assign]
    video = await studio.generate(**ASKED, take=1)
    assert video.generation_id == hub.ledger()["generations"][0]["generation_id"]
    later = Shifted()
    later.ahead = 120.0
    again = await opened(clock=later).generate(**ASKED, take=1)
    assert again.generation_id == video.generation_id and accepted(hub) == 1
