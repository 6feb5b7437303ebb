"""What other clients of video services do wrong, measured on their published versions, and what this one does instead.

Each test is one failure of a peer, brought about by the sandbox; the sandbox's own ledger counts what was paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.errors import OxenError, SubmissionUnclear
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, Studio, submission

from .swift import Swift

Open = Callable[..., AsyncStudio]
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5, "take": 1}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.5, 5.0))


@pytest.fixture
def studio(opened: Open) -> AsyncStudio:
    return opened(clock=Swift())


def posts(hub: Sandbox) -> int:
    return int(hub.ledger()["requests"].get("POST /api/ai/queue", 0))


def accepted(hub: Sandbox) -> int:
    return int(hub.ledger()["accepted"])


# ---- 1: openai 3.54, runwayml 5.24, lumaai 1.21 send the paid POST three times ------------------------------------


@pytest.mark.parametrize("fault", ["drop_answer", "error_after=500:json", "error_after=504:html"])
async def test_openai_runway_luma_a_post_that_was_taken_is_not_sent_again(
    hub: Sandbox, studio: AsyncStudio, fault: str
) -> None:
    """Accepted, then dropped or answered with 5xx: they make and bill three videos."""
    hub.faults.add(f"{fault}@*/enqueue")
    video = await studio.generate(**ASKED)
    assert video.status == "succeeded" and (posts(hub), accepted(hub)) == (1, 1)
    assert Decimal(hub.ledger()["charged"]) == video.cost_usd


@pytest.mark.parametrize("fault", ["error=500:json", "error=504:text"])
async def test_openai_runway_luma_a_500_is_not_taken_for_a_no(hub: Sandbox, studio: AsyncStudio, fault: str) -> None:
    hub.faults.add(f"{fault}@*/enqueue")
    for _ in range(3):
        with pytest.raises(SubmissionUnclear) as caught:
            await studio.generate(**ASKED)
    assert caught.value.charged == "unknown" and (posts(hub), accepted(hub)) == (1, 0)


async def test_openai_runway_luma_429_is_tried_again_because_nothing_was_taken(
    hub: Sandbox, studio: AsyncStudio
) -> None:
    hub.faults.add("rate_limited=0@1-2/enqueue")
    assert (await studio.generate(**ASKED)).status == "succeeded"
    assert (posts(hub), accepted(hub)) == (3, 1)


# ---- 2: fal_client 1.0.3 submits ten times in a minute -------------------------------------------------------------


async def test_fal_a_caller_that_calls_again_and_again_pays_once(hub: Sandbox, opened: Open) -> None:
    """Every answer is lost, and the caller repeats itself ten times, each time in another process."""
    hub.faults.add("drop_answer@*/enqueue")
    ids = set()
    for _ in range(10):
        try:
            ids.add((await opened(clock=Swift()).generate(**ASKED, wait_seconds=60)).generation_id)
        except OxenError as error:
            assert error.kind in ("submission_unclear", "timed_out")
    assert (posts(hub), accepted(hub), len(ids)) == (1, 1, 1)


# ---- 3: minimax-mcp 0.0.19 calls a job failed after one 502 of the status poll --------------------------------------


@pytest.mark.parametrize("calls", ["1", "1-3"])
@pytest.mark.parametrize("point", ["get", "list"])
async def test_minimax_a_502_while_waiting_does_not_lose_the_job(
    hub: Sandbox, studio: AsyncStudio, point: str, calls: str
) -> None:
    hub.faults.add("events_silent@*")
    hub.faults.add(f"error=502:html@{calls}/{point}")
    video = await studio.generate(**ASKED)
    assert video.status == "succeeded" and video.url and accepted(hub) == 1


async def test_minimax_a_job_whose_state_can_not_be_read_is_not_called_failed(
    hub: Sandbox, studio: AsyncStudio
) -> None:
    hub.faults.add("events_silent@*")
    hub.faults.add("error=502:html@*/get")
    hub.faults.add("error=502:html@*/list")
    video = await studio.generate(**ASKED, wait_seconds=0.5)
    assert video.status in ("queued", "processing"), "nobody knows, so nobody says that it failed"
    assert video.generation_id == hub.ledger()["generations"][0]["generation_id"]
    hub.faults.clear()
    assert (await studio.get(video.generation_id, wait_seconds=30)).status == "succeeded"


# ---- 4: wavespeed-mcp 0.1.27 holds everybody up until the job ends, and drops the id --------------------------------


async def test_wavespeed_nobody_is_held_up_while_a_job_runs(opened: Open) -> None:
    with Sandbox(speed="real") as slow:
        studio = opened(base_url=slow.base_url)
        long = asyncio.ensure_future(studio.generate(**ASKED, wait_seconds=60))
        while not accepted(slow):
            await asyncio.sleep(0.02)
        assert len(await studio.list()) == 1
        assert not long.done()
        long.cancel()


async def test_wavespeed_the_id_is_in_the_answer_whatever_happens_after_the_post(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("fail/enqueue")
    studio = opened(clock=Swift())
    failed = await studio.generate(**ASKED)
    assert (failed.status, failed.generation_id) == ("failed", hub.ledger()["generations"][0]["generation_id"])
    hub.faults.add("stuck/enqueue")
    stuck = await studio.generate(**ASKED, wait_seconds=0.5)
    assert (stuck.status, stuck.generation_id) == ("processing", hub.ledger()["generations"][1]["generation_id"])


# ---- 5: agnes-mcp 0.3.1 submits twice on a 502, and forgets the id after three ---------------------------------------


async def test_agnes_a_502_on_the_post_is_not_sent_again(hub: Sandbox, studio: AsyncStudio) -> None:
    hub.faults.add("error_after=502:html@1/enqueue")
    video = await studio.generate(**ASKED)
    assert video.status == "succeeded" and (posts(hub), accepted(hub)) == (1, 1)


async def test_agnes_the_same_on_the_blocking_route(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("error_after=502:html@1/generate")
    video = await opened(clock=Swift(), route="sync").generate(**ASKED)
    assert video.generation_id == hub.ledger()["generations"][0]["generation_id"]
    assert hub.ledger()["requests"]["POST /api/ai/videos/generate"] == accepted(hub) == 1


# ---- and what the SDKs' waits do -------------------------------------------------------------------------------------


async def test_replicate_a_job_that_still_runs_is_an_answer_and_not_nothing(opened: Open) -> None:
    """`replicate.run` returns None for it, and the id is gone."""
    with Sandbox(speed="real") as slow:
        video = await opened(base_url=slow.base_url, clock=Swift()).generate(**ASKED, wait_seconds=0.5)
        assert video.status in ("queued", "processing")
        assert video.generation_id == slow.ledger()["generations"][0]["generation_id"]


def test_runway_a_cancelled_job_ends_a_blocking_wait(tmp_path: Any) -> None:
    """The synchronous `wait_for_task_output` polls a cancelled task for ten minutes."""
    with (
        Sandbox(speed="real") as slow,
        Studio(base_url=slow.base_url, api_key="key", ledger=f"sqlite:///{tmp_path}/ledger.db") as studio,
    ):
        video = studio.generate(**ASKED, wait_seconds=0)
        studio.cancel(video.generation_id)
        asked = sum(slow.ledger()["requests"].values())
        assert studio.get(video.generation_id, wait_seconds=600).status == "cancelled"
        assert sum(slow.ledger()["requests"].values()) - asked <= 3, "it is read, and not polled"


async def test_openai_a_job_that_hangs_for_weeks_does_not_hang_the_caller(hub: Sandbox, studio: AsyncStudio) -> None:
    """`create_and_poll` has no end."""
    hub.faults.add("stuck/enqueue")
    assert (await studio.generate(**ASKED, wait_seconds=0.5)).status == "processing"
