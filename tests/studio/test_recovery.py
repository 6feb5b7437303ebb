"""`recover` walks all that is unfinished; what nobody can find is settled by a person. It never sends by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import HubUnavailable, InsufficientCredits, InvalidRequest, OverBudget, SubmissionUnclear
from oxen_video_tools.ledger.records import Intent, Job
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, submission
from tests import forked
from tests.clocks import HUNG
from tests.studio.swift import HubClock, Swift

Open = Callable[..., AsyncStudio]
ROOT = Path(__file__).parents[2]
KLING = "kling-video-v2-6-pro-text-to-video"
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5, "model": KLING}
ALL = ["planned", "sending", "running", "succeeded", "failed", "cancelled", "refused", "dropped", "written off"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.5, 5.0))


def posts(hub: Sandbox) -> int:
    return sum(
        number
        for call, number in hub.ledger()["requests"].items()
        if call in ("POST /api/ai/queue", "POST /api/ai/videos/generate")
    )


def accepted(hub: Sandbox) -> int:
    return int(hub.ledger()["accepted"])


async def jobs(studio: AsyncStudio) -> list[Job]:
    session = studio._session
    return await session.ledger.find_jobs(await session.scope(), states=ALL)  # type: ignore[arg-type]


async def planned(studio: AsyncStudio, request: str = "r", take: int = 1) -> Job:
    """What a process leaves that is killed between the intent and its mark."""
    session = studio._session
    intent = Intent(await session.scope(), request, take, {"model": KLING, "prompt": request}, reserved=350_000)
    [found] = await session.ledger.reserve([intent], "gone:1:x", session.clock.time(), 60.0)
    return found.job


async def left_unclear(hub: Sandbox, studio: AsyncStudio, fault: str, take: int = 1, **asked: Any) -> Job:
    """What a process leaves that is killed right after its POST: marked, without an id."""
    hub.faults.add(f"{fault}/paid")

    async def died(*_: Any) -> None: ...

    kept = submission.reconcile
    submission.reconcile = died
    try:
        with pytest.raises(SubmissionUnclear):
            await studio.generate(**ASKED | asked, take=take)
    finally:
        submission.reconcile = kept
        hub.faults.clear()
    return next(job for job in await jobs(studio) if job.is_unclear and job.take == take)


# ---- everything that is unfinished -----------------------------------------------------------------------------------


async def test_nothing_unfinished_is_nothing_told(opened: Open) -> None:
    assert await opened().recover() == []


async def test_every_kind_of_unfinished_job_is_walked_and_nothing_is_sent(
    hub: Sandbox, opened: Open, hub_clock: HubClock
) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    ran = await studio.generate(**ASKED, take=1, wait_seconds=0)
    found = await left_unclear(hub, studio, "drop_answer", take=2, prompt="found")
    never = await planned(studio)
    lost = await left_unclear(hub, studio, "drop_request", take=3, prompt="lost")
    clock.ahead += 120
    hub_clock.ahead += 120
    before = posts(hub)
    told = {one.job: one for one in await opened(clock=clock).recover()}
    assert {told[never.job].outcome, told[lost.job].outcome} == {"never sent", "unclear"}
    assert "nothing was spent" in told[never.job].text and lost.job in told[lost.job].text
    assert told[found.job].outcome == "found" and len(told[found.job].generation_ids) == 1
    states = Counter(job.state for job in await jobs(studio))
    assert states == {"succeeded": 2, "dropped": 1, "sending": 1}
    assert posts(hub) == before and ran.generation_id in [
        one for job in await jobs(studio) for one in job.generation_ids
    ]
    again = await studio.recover()
    assert [one.outcome for one in again] == ["unclear"], "what is settled is not walked again"


async def test_what_is_planned_is_never_sent_whoever_asks(hub: Sandbox, opened: Open) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    job = await planned(studio)
    assert await studio.recover() == [], "its owner may still be about to send it"
    clock.ahead += 61
    assert [one.outcome for one in await studio.recover()] == ["never sent"]
    for verb in ({"send_again": job.job}, {"write_off": job.job}):
        with pytest.raises(InvalidRequest, match="not unclear"):
            await studio.recover(**verb)
    assert posts(hub) == 0 and (await studio.spend()).last_24h_usd == 0


async def test_a_job_that_ended_while_nobody_looked_is_settled(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    video = await studio.generate(**ASKED, wait_seconds=0)
    await studio.close()
    other = opened()
    [told] = await other.recover()
    assert (told.outcome, told.generation_ids, told.model) == ("finished", (video.generation_id,), KLING)
    [job] = await jobs(other)
    assert job.state == "succeeded" and job.cost == 350_000


async def test_a_job_that_still_runs_is_said_to(opened: Open) -> None:
    with Sandbox(speed="real") as slow:
        studio = opened(base_url=slow.base_url)
        await studio.generate(**ASKED, wait_seconds=0)
        assert [one.outcome for one in await studio.recover()] == ["running"]


async def test_a_job_that_the_hub_forgot_does_not_stop_the_walk(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    hub.faults.add("vanish/enqueue")
    await studio.generate(**ASKED, take=1, wait_seconds=0)
    await studio.generate(**ASKED, take=2, wait_seconds=0)
    told = await studio.recover()
    assert sorted(one.outcome for one in told) == ["finished", "running"]
    assert any("does not know it any more" in one.text for one in told)


@pytest.mark.parametrize("route", ["queue", "sync"])
async def test_what_was_lost_in_another_namespace_is_found_there(hub: Sandbox, opened: Open, route: str) -> None:
    studio = opened(clock=Swift(), route=route)
    await left_unclear(hub, studio, "drop_answer", target_namespace="team")
    [told] = await studio.recover()
    assert told.outcome == "found" and told.generation_ids == (hub.ledger()["generations"][0]["generation_id"],)
    assert accepted(hub) == 1


async def test_what_another_namespace_shows_is_not_taken_for_it(hub: Sandbox, opened: Open) -> None:
    """The very same request, made by another client for another payer."""
    studio = opened(clock=Swift())
    await left_unclear(hub, studio, "drop_request", target_namespace="team")
    [lost] = await jobs(studio)
    await opened(ledger="memory:", clock=Swift()).generate(**ASKED | {"seed": lost.body.get("seed")})
    assert [one.outcome for one in await studio.recover()] == ["unclear"]


# ---- a person decides ------------------------------------------------------------------------------------------------


async def test_nothing_is_decided_twice_or_at_once(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Swift())
    job = await left_unclear(hub, studio, "drop_request")
    with pytest.raises(InvalidRequest, match="one thing at a time"):
        await studio.recover(send_again=job.job, write_off=job.job)
    await studio.recover(write_off=job.job)
    for verb in ({"send_again": job.job}, {"write_off": job.job}):
        with pytest.raises(InvalidRequest, match="written off"):
            await studio.recover(**verb)
    with pytest.raises(InvalidRequest, match="no job"):
        await studio.recover(write_off="nonsense")
    assert posts(hub) == 1


async def test_sending_again_what_had_arrived_finds_it_instead(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Swift())
    job = await left_unclear(hub, studio, "drop_answer")
    [told] = await studio.recover(send_again=job.job)
    assert told.outcome == "found" and "not sent again" in told.text and accepted(hub) == posts(hub) == 1


async def test_sending_again_needs_a_complete_reading_that_does_not_show_it(hub: Sandbox, opened: Open) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    job = await left_unclear(hub, studio, "drop_answer")
    clock.ahead += 120
    hub.faults.add("short_list=0@*")
    hub.faults.add("error=500:json@*/history")
    with pytest.raises(HubUnavailable):
        await studio.recover(send_again=job.job)
    assert posts(hub) == 1


async def test_sending_again_is_within_the_budget_and_only_once(
    hub: Sandbox, opened: Open, hub_clock: HubClock
) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    job = await left_unclear(hub, studio, "drop_request")
    clock.ahead += 120
    hub_clock.ahead += 120
    with pytest.raises(OverBudget):
        await opened(clock=clock, budget=0.10).recover(send_again=job.job)
    both = await asyncio.gather(
        studio.recover(send_again=job.job), opened(clock=clock).recover(send_again=job.job), return_exceptions=True
    )
    assert accepted(hub) == 1 and posts(hub) == 2
    assert sum(isinstance(one, list) and one[0].outcome == "sent again" for one in both) == 1


async def test_sending_again_that_is_refused_leaves_it_unclear(hub: Sandbox, opened: Open) -> None:
    """The refusal is about the second POST; of the first still nobody knows."""
    clock = Swift()
    studio = opened(clock=clock)
    job = await left_unclear(hub, studio, "drop_request")
    clock.ahead += 120
    hub.faults.add("insufficient_credits/enqueue")
    with pytest.raises(InsufficientCredits):
        await studio.recover(send_again=job.job)
    [now] = [one for one in await jobs(studio) if one.state != "dropped"]
    assert now.is_unclear and now.sent == job.sent
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, take=1)
    assert posts(hub) == 2 and accepted(hub) == 0
    clock.ahead += 120
    [told] = await studio.recover(send_again=job.job)
    assert told.outcome == "sent again" and accepted(hub) == 1


async def test_a_generation_that_fits_no_unclear_job_alone_is_not_adopted(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Swift())
    one = await left_unclear(hub, studio, "drop_request", take=1, prompt="one")
    two = await left_unclear(hub, studio, "drop_request", take=2, prompt="two")
    other = await opened(ledger="memory:").generate(**ASKED | {"prompt": "three"}, wait_seconds=0)
    with pytest.raises(InvalidRequest, match="can't be the video of an unclear job"):
        await studio.recover(adopt=other.generation_id)
    fitting = await opened(ledger="memory:").generate(
        **ASKED | {"prompt": "two"} | ({"seed": two.body["seed"]} if "seed" in two.body else {}), wait_seconds=0
    )
    [told] = await studio.recover(adopt=fitting.generation_id)
    assert told.job == two.job != one.job


# ---- several at once -------------------------------------------------------------------------------------------------


async def test_several_who_recover_at_once_share_the_work(hub: Sandbox, opened: Open, place: str) -> None:
    clock = Swift()
    studio = opened(ledger=place, clock=clock)
    for take in range(1, 5):
        await studio.generate(**ASKED, take=take, wait_seconds=0)
    for number in range(4):
        await planned(studio, f"never {number}")
    lost = await left_unclear(hub, studio, "drop_answer", take=9)
    clock.ahead += 120
    before = posts(hub)
    told = await asyncio.gather(*(opened(ledger=place, clock=clock).recover() for _ in range(4)))
    walked = Counter(one.job for some in told for one in some)
    every = await jobs(studio)
    assert {job.state for job in every} == {"succeeded", "dropped"}
    assert set(walked) <= {job.job for job in every} and posts(hub) == before and accepted(hub) == 5
    [found] = [job for job in every if job.job == lost.job]
    assert len(found.generation_ids) == 1


# ---- killed processes ------------------------------------------------------------------------------------------------

PAYING = """
import asyncio, os, signal, sys
from oxen_video_tools.studio import AsyncStudio

async def main(step):
    studio = AsyncStudio()
    ledger = studio._session.ledger
    run = ledger.run
    async def until(steps, *args, **kwargs):
        if step == "before " + steps.__name__:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await run(steps, *args, **kwargs)
        if step == "after " + steps.__name__:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    ledger.run = until
    await studio.generate(prompt="A red balloon rises", duration=5, model="kling-video-v2-6-pro-text-to-video", take=1)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(
    ("step", "taken", "outcome"),
    [
        ("after reserve", 0, "never sent"),
        ("before mark_sending", 0, "never sent"),
        ("after mark_sending", 0, "unclear"),
        ("before record_job", 1, "found"),
        ("after record_job", 1, "finished"),
    ],
)
async def test_a_process_that_is_killed_leaves_nothing_that_is_not_found(
    hub: Sandbox, opened: Open, tmp_path: Path, step: str, taken: int, outcome: str
) -> None:
    environment = os.environ | {
        "OXEN_BASE_URL": hub.base_url,
        "OXEN_API_KEY": "key",
        "OXEN_VIDEO_LEDGER": f"sqlite:///{tmp_path}/ledger.db",
        "PYTHONPATH": str(ROOT),
    }
    done = await asyncio.to_thread(
        subprocess.run, [*forked.python(), "-c", PAYING, step], env=environment, capture_output=True, timeout=HUNG
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert accepted(hub) == taken
    clock = Swift()
    clock.ahead = 120.0
    studio = opened(clock=clock)
    told = await studio.recover()
    assert [one.outcome for one in told] == [outcome] and accepted(hub) == taken
    if outcome == "unclear":
        with pytest.raises(SubmissionUnclear):
            await studio.generate(**ASKED, take=1)
        assert posts(hub) == 0, "a plain repeat never sends again"
    else:
        video = await studio.generate(**ASKED, take=1)
        assert video.status == "succeeded" and video.reused == bool(taken) and accepted(hub) == 1


# ---- the command -----------------------------------------------------------------------------------------------------


async def test_the_command_settles_by_adopt_send_again_and_write_off(
    hub: Sandbox, opened: Open, tmp_path: Path, hub_clock: HubClock
) -> None:
    past = Swift()
    past.wrong = hub_clock.ahead = -600.0  # it was ten minutes ago
    studio = opened(clock=past)
    gone = [await left_unclear(hub, studio, "drop_request", take=take, prompt=f"gone {take}") for take in (1, 2)]
    await studio.close()
    hub_clock.ahead = 0.0
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OXEN_")} | {
        "OXEN_BASE_URL": hub.base_url,
        "OXEN_API_KEY": "key",
        "OXEN_VIDEO_LEDGER": f"sqlite:///{tmp_path}/ledger.db",
        "PYTHONPATH": str(ROOT),
    }

    def oxen(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*forked.python(), "-m", "oxen_video_tools.cli", "recover", *words, "--json"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HUNG)

    def told(*words: str) -> list[dict[str, Any]]:
        done = oxen(*words)
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    listed = await asyncio.to_thread(told)
    assert {one["job"] for one in listed} == {job.job for job in gone}
    assert {one["outcome"] for one in listed} == {"unclear"}
    before = posts(hub)
    [again] = await asyncio.to_thread(told, "--send-again", gone[0].job)
    assert again["outcome"] == "sent again" and posts(hub) == before + 1
    stranger = await opened(ledger="memory:").generate(**ASKED | {"prompt": "gone 2"}, wait_seconds=0)
    before += 1
    [adopted] = await asyncio.to_thread(told, "--adopt", stranger.generation_id)
    assert adopted["job"] == gone[1].job and adopted["generation_ids"] == [stranger.generation_id]
    refused = await asyncio.to_thread(oxen, "--write-off", gone[1].job)
    assert refused.returncode != 0 and "not unclear" in refused.stdout + refused.stderr
    third = await left_unclear(hub, opened(clock=past), "drop_request", take=3, prompt="gone 3")
    [written] = await asyncio.to_thread(told, "--write-off", third.job)
    assert written["outcome"] == "written off" and posts(hub) == before + 2
