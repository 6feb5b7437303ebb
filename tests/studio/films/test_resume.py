"""The same call again: nothing finished is paid twice, what failed is made again alone, whoever died meanwhile."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import InsufficientCredits, SubmissionUnclear
from oxen_video_tools.ledger import Ledger
from oxen_video_tools.ledger.films import start_film
from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import reconcile, submission
from tests import forked
from tests.clocks import HUNG
from tests.studio.films.conftest import Open, Start
from tests.studio.films.made import CHAINED, SIDE_BY_SIDE, accepted, film, prompts
from tests.studio.swift import Swift


async def test_the_same_call_is_the_same_film(hub: Sandbox, opened: Open) -> None:
    first = await opened().generate(**film(), take=1)
    again = await opened().generate(**film(), take=1)
    assert (again.generation_id, again.file, again.reused) == (first.generation_id, first.file, True)
    assert len(accepted(hub)) == 3


async def test_another_take_is_another_film_and_so_is_every_call_without_one(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    videos = [await studio.generate(**film(shots=2), take=take) for take in (1, 2, None, None)]
    assert len({video.generation_id for video in videos}) == 4
    assert not any(video.reused for video in videos)
    assert len(accepted(hub)) == 8


async def test_equal_calls_at_once_are_one_film(hub: Sandbox, opened: Open) -> None:
    studios = [opened() for _ in range(3)]
    videos = await asyncio.gather(*(studio.generate(**film(), take=1) for studio in studios for _ in range(2)))
    assert len({video.generation_id for video in videos}) == 1
    assert {video.status for video in videos} == {"succeeded"}
    assert sum(not video.reused for video in videos) == 1
    assert len(accepted(hub)) == 3


async def test_a_call_while_it_runs_waits_for_the_same_film(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed=60.0)
    first = await opened(base_url=hub.base_url).generate(**film(), take=1, wait_seconds=0)
    again = await opened(base_url=hub.base_url).generate(**film(), take=1)
    assert (again.status, again.reused, again.generation_id) == ("succeeded", True, first.generation_id)
    assert len(accepted(hub)) == 3


async def test_one_shot_that_failed_is_made_again_alone_and_only_when_asked(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("fail=The kiln is cold@2")
    studio = opened()
    failed = await studio.generate(**film(), take=1)
    assert failed.status == "failed" and "The kiln is cold" in (failed.error or "")
    assert sorted(shot.status for shot in failed.shots) == ["failed", "succeeded", "succeeded"]
    assert (await studio.get(failed.generation_id, wait_seconds=1)).status == "failed"
    assert len(accepted(hub)) == 3, "nothing is made again by itself"
    lost = prompts(hub, "failed")
    again = await opened().generate(**film(), take=1)
    assert (again.status, again.reused, again.generation_id) == ("succeeded", True, failed.generation_id)
    assert prompts(hub)[3:] == lost
    assert again.file is not None and probe(again.file).duration == pytest.approx(15, abs=0.1)
    assert (again.cost_usd, hub.ledger()["charged"]) == (Decimal("1.05"), "1.0500")


async def test_a_chain_stops_at_the_shot_that_failed_and_goes_on_from_there(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("fail@2")
    studio = opened()
    failed = await studio.generate(**film(CHAINED), take=1)
    assert (failed.status, prompts(hub)) == ("failed", [1, 2])
    assert "Shot 2 of 3 failed" in (failed.error or "")
    assert [shot.status for shot in failed.shots] == ["succeeded", "failed", "queued"]
    again = await studio.generate(**film(CHAINED), take=1)
    assert (again.status, prompts(hub)) == ("succeeded", [1, 2, 2, 3])


async def test_a_refusal_before_anything_is_paid_is_raised(sandbox: Start, opened: Open) -> None:
    hub = sandbox(credits="0.10")
    with pytest.raises(InsufficientCredits):
        await opened(base_url=hub.base_url).generate(**film(CHAINED), take=1)
    assert accepted(hub) == []


async def test_a_refusal_midway_keeps_what_is_there(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("insufficient_credits@2/enqueue")
    studio = opened()
    stopped = await studio.generate(**film(CHAINED), take=1)
    assert (stopped.status, prompts(hub)) == ("failed", [1])
    assert "credits" in (stopped.error or "")
    assert (await studio.generate(**film(CHAINED), take=1)).status == "succeeded"
    assert prompts(hub) == [1, 2, 3]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.05, 0.1, 0.3, 0.6))
    monkeypatch.setattr(reconcile, "GRACE", 1.5)


@pytest.mark.usefixtures("hurried")
async def test_a_lost_answer_is_found_again_and_not_paid_twice(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("drop_answer@2/enqueue")
    video = await opened().generate(**film(), take=1)
    assert (video.status, len(accepted(hub))) == ("succeeded", 3)


@pytest.mark.usefixtures("hurried")
async def test_a_shot_of_which_nobody_knows_is_never_sent_again(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("drop_request@2/enqueue")
    clock = Swift()
    studio = opened(clock=clock)
    for _ in range(2):
        with pytest.raises(SubmissionUnclear):
            await studio.generate(**film(), take=1)
        assert len(accepted(hub)) == 2
    clock.ahead += 100
    [unclear] = [told for told in await studio.recover() if told.outcome == "unclear"]
    await studio.recover(send_again=unclear.job)
    assert (await studio.generate(**film(), take=1)).status == "succeeded"
    assert len(accepted(hub)) == 3


async def test_a_studio_that_closes_leaves_the_rest_to_the_next_call(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed=60.0)
    studio = opened(base_url=hub.base_url)
    first = await studio.generate(**film(CHAINED), take=1, wait_seconds=0)
    await studio.close()
    assert prompts(hub) == [1]
    other = opened(base_url=hub.base_url)
    left = await other.get(first.generation_id)
    assert not left.is_terminal and "generate_video with the same arguments" in left.warnings[0]
    video = await other.generate(**film(CHAINED), take=1)
    assert (video.status, video.generation_id, prompts(hub)) == ("succeeded", first.generation_id, [1, 2, 3])


DOOMED = """
import asyncio, sys
from pathlib import Path
from typing import Any
from oxen_video_tools.studio import AsyncStudio
base_url, folder, model = sys.argv[1:]
shots = [{"prompt": f"Shot {number}: a red balloon", "duration": 5} for number in (1, 2, 3)]
async def main():
    ledger, videos = f"sqlite:///{folder}/ledger.db", Path(folder) / "videos"
    async with AsyncStudio(base_url=base_url, api_key="key", ledger=ledger, output_dir=videos, lease=1.5) as studio:
        await studio.generate(model=model, multi_prompt=shots, take=1, continuous="image" in model)
asyncio.run(main())
"""


@pytest.mark.parametrize("model", [SIDE_BY_SIDE, CHAINED])
async def test_killed_midway_another_process_goes_on(sandbox: Start, opened: Open, tmp_path: Path, model: str) -> None:
    hub = sandbox(speed=60.0)
    command = [*forked.python(), "-c", DOOMED, hub.base_url, str(tmp_path), model]
    doomed = subprocess.Popen(command)
    try:
        wanted = 3 if model == SIDE_BY_SIDE else 2
        until = time.monotonic() + HUNG
        while len(accepted(hub)) < wanted and time.monotonic() < until:
            await asyncio.sleep(0.01)
    finally:
        doomed.send_signal(signal.SIGKILL)
        doomed.wait()
    assert len(accepted(hub)) == wanted
    video = await opened(base_url=hub.base_url, lease=1.5).generate(**film(model), take=1, wait_seconds=60)
    assert (video.status, video.reused, sorted(prompts(hub))) == ("succeeded", True, [1, 2, 3])
    assert video.file is not None and probe(video.file).duration == pytest.approx(15, abs=0.1)


async def test_two_calls_that_take_up_one_film_at_once_pay_each_shot_once(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.add("fail=The kiln is cold")
    studio = opened()
    assert (await studio.generate(**film(), take=1)).status == "failed"
    paid, turns, real = len(accepted(hub)), 0, Ledger.run

    async def in_step(self: Ledger, steps: Any, *given: Any, **named: Any) -> Any:
        nonlocal turns
        if steps is start_film and "agreed" in named:  # both have looked, neither has begun
            turns += 1
            while turns < 2:
                await asyncio.sleep(0)
        return await real(self, steps, *given, **named)

    monkeypatch.setattr(Ledger, "run", in_step)
    videos = await asyncio.gather(*(studio.generate(**film(), take=1) for _ in range(2)))
    assert {video.status for video in videos} == {"succeeded"}
    assert len(accepted(hub)) - paid == 1, "only the shot that had failed"
