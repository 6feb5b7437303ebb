"""The blocking route: one paid POST that lasts minutes, answers with the video, and tells no id."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import Internal, InvalidRequest, OxenError, SubmissionUnclear
from oxen_video_tools.ledger import Ledger
from oxen_video_tools.ledger.records import Job
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, generate, reconcile, result_files, submission
from tests.studio.swift import Swift

Open = Callable[..., AsyncStudio]
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5, "model": "kling-video-v2-6-pro-text-to-video"}
ALL = ["planned", "sending", "running", "succeeded", "failed", "cancelled", "refused", "dropped", "written off"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.5, 5.0))


def posts(hub: Sandbox) -> int:
    return int(hub.ledger()["requests"].get("POST /api/ai/videos/generate", 0))


async def jobs(studio: AsyncStudio) -> list[Job]:
    session = studio._session
    return await session.ledger.find_jobs(await session.scope(), states=ALL)  # type: ignore[arg-type]


def shown_nowhere(hub: Sandbox) -> None:
    """Neither the queue nor the history tells what was made."""
    hub.faults.add("error=500:json@*/history")
    hub.faults.add("error=500:json@*/list")


async def test_it_gives_the_same_answer_and_keeps_the_file_at_once(hub: Sandbox, opened: Open) -> None:
    studio = opened(route="sync", clock=Swift())
    video = await studio.generate(**ASKED, take=1)
    [made] = hub.ledger()["generations"]
    assert (video.status, video.generation_id, made["route"]) == ("succeeded", made["generation_id"], "generate")
    assert video.file is not None and video.file.is_file(), "without OXEN_VIDEO_SAVE: nobody can renew its link"
    again = await studio.generate(**ASKED, take=1)
    assert again.reused and again.generation_id == video.generation_id and posts(hub) == 1
    assert "POST /api/ai/queue" not in hub.ledger()["requests"]


async def test_the_bytes_come_as_a_file_too(hub: Sandbox, opened: Open) -> None:
    video = await opened(route="sync", clock=Swift()).generate(**ASKED, response_format="b64_json")
    assert video.file is not None and video.file.read_bytes()[4:8] == b"ftyp" and posts(hub) == 1


# ---- while the POST runs ---------------------------------------------------------------------------------------------


async def test_its_lease_is_renewed_for_as_long_as_the_post_runs(hub: Sandbox, opened: Open) -> None:
    """Ten leases long; nobody may take it for unclear meanwhile."""
    clock = Swift()
    clock.longest = 30.0
    studio, other = opened(route="sync", clock=clock), opened(route="sync", clock=clock)
    await other.list()
    hub.faults.add("late=1.5/generate")
    call = asyncio.ensure_future(studio.generate(**ASKED, take=1, wait_seconds=3600))
    while not posts(hub):
        await asyncio.sleep(0.01)
    for _ in range(20):
        clock.ahead += 30  # half a lease
        ahead = clock.time()
        for _ in range(200):  # until it is renewed
            [job] = await jobs(other)
            if job.lease >= ahead + 50 or job.state != "sending":
                break
            await asyncio.sleep(0.005)
        assert job.state != "sending" or job.is_live(clock.time()), "its owner is at it"
        if job.state != "sending":
            break
    assert [one.outcome for one in await other.recover() if one.outcome == "unclear"] == []
    video = await call
    assert (await other.generate(**ASKED, take=1)).reused and video.file and posts(hub) == 1


async def test_a_process_that_stopped_does_not_keep_its_lease(hub: Sandbox, opened: Open) -> None:
    """Nothing renews it once the process is gone: others find the job and look for it."""
    clock = Swift()
    studio, other = opened(route="sync", clock=clock), opened(route="sync", clock=clock)
    await other.list()
    hub.faults.add("late=1/generate")
    ledger = studio._session.ledger
    run = ledger.run

    async def dead(steps: Any, *args: Any, **kwargs: Any) -> Any:
        if steps.__name__ in ("renew", "record_job"):
            raise OxenError("gone")
        return await run(steps, *args, **kwargs)

    ledger.run = dead  # type: ignore[method-assign]
    call = asyncio.ensure_future(studio.generate(**ASKED, take=1, wait_seconds=3600))
    while not posts(hub):
        await asyncio.sleep(0.01)
    clock.ahead += 61
    [job] = await jobs(other)
    assert job.is_unclear and not job.is_live(clock.time())
    await other.recover()
    [job] = await jobs(other)
    assert job.generation_ids == (hub.ledger()["generations"][0]["generation_id"],) and posts(hub) == 1
    await call


async def test_a_caller_that_waits_no_longer_gets_an_id_to_come_back_with(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = opened(route="sync")
    await studio.list()
    await studio.find_models()
    monkeypatch.setattr(generate, "SHORTEST", 0.2)
    hub.faults.add("late=1/generate")
    video = await studio.generate(**ASKED, take=1, wait_seconds=0)
    assert video.status == "processing" and video.generation_id.startswith("sync-")
    with pytest.raises(InvalidRequest, match="can't be stopped"):
        await studio.cancel(video.generation_id)
    ended = await studio.get(video.generation_id, wait_seconds=60)
    assert ended.status == "succeeded" and ended.file is not None and posts(hub) == 1


async def test_equal_calls_at_once_are_one_post(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("late=0.3@*/generate")
    studios = [opened(route="sync", clock=Swift()) for _ in range(3)]
    videos = await asyncio.gather(*(studio.generate(**ASKED, take=1) for studio in studios))
    assert len({video.generation_id for video in videos}) == posts(hub) == 1


# ---- answers that are lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["drop_answer", "error_after=504:html", "empty_answer", "garbled"])
async def test_a_lost_answer_is_found_in_the_history(hub: Sandbox, opened: Open, fault: str) -> None:
    hub.faults.add(f"{fault}/generate")
    video = await opened(route="sync", clock=Swift()).generate(**ASKED, take=1)
    assert video.status == "succeeded" and video.url and posts(hub) == 1
    assert video.generation_id == hub.ledger()["generations"][0]["generation_id"]


async def test_absence_counts_only_after_the_longest_post_and_the_grace(hub: Sandbox, opened: Open) -> None:
    """The history may show a job only when it is done."""
    clock = Swift()
    studio = opened(route="sync", clock=clock)
    hub.faults.add("drop_request/generate")
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, take=1)
    [job] = await jobs(studio)
    for passed in (reconcile.GRACE + 5, submission.LONGEST - 20):
        clock.ahead += passed
        with pytest.raises(SubmissionUnclear) as caught:
            await studio.recover(send_again=job.job)
        assert "--send-again" not in (caught.value.fix or "")
    clock.ahead += 30
    [told] = await studio.recover(send_again=job.job)
    assert told.outcome == "sent again" and posts(hub) == 2 and hub.ledger()["accepted"] == 1


async def test_a_refusal_is_one_and_frees_the_take(hub: Sandbox, opened: Open) -> None:
    studio = opened(route="sync", clock=Swift(), budget=0.40)
    hub.faults.add("insufficient_credits/generate")
    with pytest.raises(OxenError) as caught:
        await studio.generate(**ASKED, take=1)
    assert caught.value.charged == "no"
    assert (await studio.generate(**ASKED, take=1)).status == "succeeded"
    assert Counter(job.state for job in await jobs(studio)) == {"refused": 1, "succeeded": 1}


# ---- ids of our own --------------------------------------------------------------------------------------------------


async def test_a_result_without_an_id_has_one_of_ours_that_leads_to_its_file(hub: Sandbox, opened: Open) -> None:
    shown_nowhere(hub)
    studio = opened(route="sync", clock=Swift())
    video = await studio.generate(**ASKED, take=1)
    assert video.status == "succeeded" and video.generation_id.startswith("sync-")
    assert video.file is not None and video.file.is_file()
    assert video.warnings == ("The hub tells no id for this video: its link can't be renewed. The file is kept.",)
    assert (await opened(route="sync").get(video.generation_id)).file == video.file
    saved = await studio.save(video.generation_id)
    assert saved.file == video.file
    again = await studio.generate(**ASKED, take=1)
    assert again.reused and again.generation_id == video.generation_id and posts(hub) == 1


async def test_a_file_that_is_gone_is_said_to_be(hub: Sandbox, opened: Open) -> None:
    shown_nowhere(hub)
    studio = opened(route="sync", clock=Swift())
    video = await studio.generate(**ASKED)
    assert video.file is not None
    video.file.unlink()
    assert (await studio.save(video.generation_id)).file.is_file(), "its link still works"


async def test_a_disk_that_is_full_costs_the_file_and_not_the_id(hub: Sandbox, opened: Open, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    studio = opened(route="sync", clock=Swift(), output_dir=tmp_path / "taken")
    video = await studio.generate(**ASKED, take=1)
    assert video.status == "succeeded" and video.file is None and video.url
    assert (await opened(route="sync").save(video.generation_id)).file.is_file(), "fetched later, from its record"
    assert (await studio.generate(**ASKED, take=1)).reused and posts(hub) == 1


async def test_a_name_of_ours_tells_nobody_elses_job(hub: Sandbox, opened: Open) -> None:
    shown_nowhere(hub)
    video = await opened(route="sync", clock=Swift()).generate(**ASKED)
    with Sandbox() as another:
        stranger = opened(base_url=another.base_url, api_key="another")
        with pytest.raises(OxenError, match="no generation"):
            await stranger.get(video.generation_id)


# ---- after it was paid -----------------------------------------------------------------------------------------------


async def test_a_ledger_that_fails_for_a_moment_after_the_answer_makes_it_no_refusal(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, left = Ledger.clips, [Internal("The ledger could not be used: database is locked.", charged="no", retry=True)]

    async def locked(self: Ledger, scope: str, generation_ids: Sequence[str]) -> Any:
        if posts(hub) and left:
            raise left.pop()
        return await read(self, scope, generation_ids)

    monkeypatch.setattr(Ledger, "clips", locked)
    studio = opened(route="sync", clock=Swift())
    video = await studio.generate(**ASKED, take=1)
    assert video.status == "succeeded" and video.file is not None
    again = await studio.generate(**ASKED, take=1)
    assert again.reused and posts(hub) == 1 and not left


async def test_whatever_goes_wrong_with_the_file_the_job_is_not_lost(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise ValueError("a link that nobody can read")

    monkeypatch.setattr(result_files, "keep_result", broken)
    studio = opened(route="sync", clock=Swift())
    assert (await studio.generate(**ASKED, take=1)).status == "succeeded"
    assert (await studio.generate(**ASKED, take=1)).reused and posts(hub) == 1
    assert [job.state for job in await jobs(studio)] == ["succeeded"]
