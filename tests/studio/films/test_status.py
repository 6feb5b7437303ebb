"""A film's id is understood wherever a video's is; and what becomes of films without the media extra."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from oxen_video_tools import storyboard
from oxen_video_tools.errors import GenerationFailed, InputUnreadable, NotFound, NotInstalled
from oxen_video_tools.media.probe import probe
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.films import assembly
from oxen_video_tools.studio.session import Session
from oxen_video_tools.tools import TABLE, Call
from tests.clocks import HUNG
from tests.studio.films.conftest import Open, Start
from tests.studio.films.made import CHAINED, SIDE_BY_SIDE, accepted, film, prompts
from tests.studio.swift import HubClock, Swift


async def test_cancelling_stops_what_runs_and_the_rest(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed="real")
    studio = opened(base_url=hub.base_url, clock=Swift())
    for model, sent in ((SIDE_BY_SIDE, 3), (CHAINED, 1)):
        video = await studio.generate(**film(model), take=1, wait_seconds=10)
        cancelled = await studio.cancel(video.generation_id)
        assert (cancelled.status, cancelled.cost_usd) == ("cancelled", 0)
        assert {shot.status for shot in cancelled.shots} == {"cancelled"}
        assert [one["status"] for one in accepted(hub) if one["model"] == model] == ["cancelled"] * sent
        assert (await studio.get(video.generation_id, wait_seconds=5)).status == "cancelled"


async def test_another_process_can_cancel_and_only_the_next_take_is_paid(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed=60.0)
    first = opened(base_url=hub.base_url, lease=0.6)
    video = await first.generate(**film(CHAINED), take=1, wait_seconds=0)
    assert (await opened(base_url=hub.base_url).cancel(video.generation_id)).status == "cancelled"
    assert (await first.get(video.generation_id, wait_seconds=5)).status == "cancelled"
    assert prompts(hub) == [1]
    again = await first.generate(**film(CHAINED), take=1)
    assert (again.status, again.generation_id, prompts(hub)) == ("cancelled", video.generation_id, [1])
    anew = await first.generate(**film(CHAINED), take=2)
    assert (anew.status, prompts(hub)) == ("succeeded", [1, 1, 2, 3])


async def test_a_finished_film_stays_as_it_is(opened: Open) -> None:
    studio = opened()
    video = await studio.generate(**film(shots=2), take=1)
    assert (await studio.cancel(video.generation_id)).status == "succeeded"


async def test_the_list_shows_the_film_and_not_its_shots(opened: Open) -> None:
    studio = opened()
    single = await studio.generate(prompt="A bird", duration=5, model=SIDE_BY_SIDE)
    video = await studio.generate(**film(), take=1)
    assert {one.generation_id for one in await studio.list()} == {single.generation_id, video.generation_id}
    assert [one.generation_id for one in await studio.list(status="failed")] == []
    assert len(await studio.list(status="succeeded", model=SIDE_BY_SIDE)) == 2
    assert await studio.list(model="another") == []
    assert len(await studio.list(limit=1)) == 1


async def test_the_joined_film_is_inspected_saved_and_joined_again(opened: Open, tmp_path: Path) -> None:
    studio = opened()
    video = await studio.generate(**film(shots=2), take=1)
    assert video.file is not None
    assert (await studio.inspect(video.generation_id)).duration == pytest.approx(10, abs=0.1)
    copy = await studio.save(video.generation_id, filename=tmp_path / "copy.mp4")
    assert copy.file.read_bytes() == video.file.read_bytes()
    video.file.unlink()
    lost = await studio.get(video.generation_id)
    assert (lost.status, lost.file) == ("succeeded", None) and "joins it again" in lost.warnings[0]
    assert (await studio.save(video.generation_id)).duration == pytest.approx(10, abs=0.1)
    assert (await studio.get(video.generation_id)).file == video.file
    one = await studio.save([video.generation_id, video.shots[0].generation_id], filename="longer.mp4")
    assert one.duration == pytest.approx(15, abs=0.2)


@pytest.mark.parametrize("moment", ["before it is read", "while it is read"])
async def test_shots_that_another_process_tidies_away_are_fetched_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    studio, spliced, times = opened(), assembly._spliced, 0
    made = await studio.generate(**film(), take=1)
    assert made.file is not None
    made.file.unlink()

    def tidied(session: Session, files: list[Path], *given: Any) -> Any:
        nonlocal times
        times += 1
        if times == 1:
            files[-1].unlink()
            if moment == "while it is read":
                raise FileNotFoundError(files[-1])
        return spliced(session, files, *given)

    monkeypatch.setattr(assembly, "_spliced", tidied)
    saved = await studio.save(made.generation_id)
    assert times == 2 and saved.file.is_file()


async def test_a_film_as_the_source_of_another_video(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    video = await studio.generate(**film(shots=2), take=1)
    await studio.generate(model="happyhorse-1.0-video-edit", prompt="in winter", input_video=video.generation_id)
    assert ".mp4" in str(accepted(hub)[-1]["body"])


async def test_an_unfinished_film_is_not_saved(sandbox: Start, opened: Open) -> None:
    studio = opened(base_url=sandbox(speed="real").base_url)
    video = await studio.generate(**film(), take=1, wait_seconds=0)
    with pytest.raises(GenerationFailed, match="0 of 3 clips"):
        await studio.save(video.generation_id)


async def test_a_film_of_another_account_is_not_there(opened: Open) -> None:
    studio = opened()
    for call in (studio.get, studio.cancel, studio.save):
        with pytest.raises(NotFound):
            await call("film-00000000-0000-0000-0000-000000000000")


async def test_recover_joins_what_was_left(hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    from oxen_video_tools.studio.films import runner

    async def killed(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(runner, "deliver", killed)
        video = await opened().generate(**film(shots=2), take=1)
    assert (video.status, video.file) == ("failed", None)
    told = [one for one in await opened().recover() if one.job == video.generation_id]
    assert [one.outcome for one in told] == ["saved"] and Path(told[0].text).is_file()
    assert len(accepted(hub)) == 2


# -- without the media extra -------------------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `av` were not installed."""
    monkeypatch.setitem(sys.modules, "av", None)


async def test_without_the_media_extra_the_shots_are_delivered_one_by_one(
    sandbox: Start, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oxen_video_tools.studio.films import assembly

    monkeypatch.setattr(assembly, "can_join", lambda: False)  # the sandbox of this process renders with the extra
    studio = opened()
    plan = await studio.plan(**film())
    assert plan.ok and any("oxen-video-tools[media]" in warning for warning in plan.warnings)
    video = await studio.generate(**film(), take=1)
    assert (video.status, video.file) == ("succeeded", None)
    assert any("pip install 'oxen-video-tools[media]'" in warning for warning in video.warnings)
    files = [shot.file for shot in video.shots]
    assert all(file is not None and probe(file).duration == pytest.approx(5, abs=0.1) for file in files)
    monkeypatch.undo()
    joined = await studio.generate(**film(), take=1)
    assert joined.file is not None and joined.warnings == ()


async def test_without_the_media_extra_a_chain_is_refused_before_it_is_paid(
    hub: Sandbox, opened: Open, bare: None
) -> None:
    studio = opened()
    assert not (await studio.plan(**film(CHAINED))).ok
    with pytest.raises(NotInstalled, match=r"oxen-video-tools\[media\]"):
        await studio.generate(**film(CHAINED), take=1)
    assert accepted(hub) == []


async def test_a_folder_that_cannot_be_written_is_said_before_it_is_paid(
    hub: Sandbox, opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputUnreadable, match="nothing was sent"):
        await opened(output_dir=tmp_path / "taken").generate(**film(), take=1)
    assert accepted(hub) == []


# -- as tools ----------------------------------------------------------------------------------------------------------


async def test_the_tools_answer_with_the_film(hub: Sandbox, opened: Open) -> None:
    studio, call = opened(), Call(60, 60)
    generate, get = TABLE["generate_video"], TABLE["get_video"]
    request = generate.arguments.model_validate(film())
    assert (await generate.prepare(studio, request)).question is None
    told = (await generate.run(studio, request, call)).structured
    assert (told["status"], len(told["shots"])) == ("succeeded", 3) and told["url"].startswith(hub.base_url)
    assert Path(told["file"]).is_file() and "get_video gives a fresh one" in told["next"]
    again = (
        await get.run(studio, get.arguments.model_validate({"generation_ids": [told["generation_id"]]}), call)
    ).structured
    assert (again["file"], again["status"]) == (told["file"], "succeeded")
    assert VideoRequest(**film()).multi_prompt


async def test_a_failed_shot_as_the_agent_reads_it(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("fail@3")
    studio, call, generate = opened(), Call(60, 60), TABLE["generate_video"]
    request = generate.arguments.model_validate(film())
    with pytest.raises(GenerationFailed) as failed:
        await generate.run(studio, request, call)
    assert "same arguments" in (failed.value.fix or "")
    assert (await generate.run(studio, request, call)).structured["status"] == "succeeded"
    assert len(accepted(hub)) == 4


async def test_a_video_of_a_models_usual_length_says_how_long_it_is(opened: Open) -> None:
    studio = opened()
    made = await studio.generate(model=SIDE_BY_SIDE, prompt="A fox", wait_seconds=0)
    done = await studio.get(made.generation_id, wait_seconds=30)
    [line] = await studio.list()
    assert (made.duration, done.duration, line.duration) == (5, 5, 5)


async def test_a_length_that_only_has_a_bound_stays_open(opened: Open) -> None:
    studio = opened()
    made = await studio.generate(
        model="bytedance-seedance-2-0-text-to-video", prompt="A fox", model_parameters={"duration": -1}
    )
    assert made.duration is None


# -- a link to the film ------------------------------------------------------------------------------------------------


def uploads(hub: Sandbox) -> int:
    return sum(count for call, count in hub.ledger()["requests"].items() if "workbench/context" in call)


async def fetched(url: str | None) -> bytes:
    assert url is not None
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).raise_for_status().content


async def test_a_film_has_a_link_which_get_renews_from_any_process(
    opened: Open, sandbox: Start, hub_clock: HubClock
) -> None:
    hub = sandbox(clock=hub_clock)
    video = await opened(base_url=hub.base_url).generate(**film(shots=2))
    assert video.file is not None and await fetched(video.url) == video.file.read_bytes()
    assert video.expires_at is not None and video.expires_at.timestamp() > hub_clock.time() + 3000
    hub_clock.ahead += 3000
    video.file.unlink()  # a link does not need the file
    again = await opened(base_url=hub.base_url).get(video.generation_id)
    assert again.expires_at is not None and again.expires_at > video.expires_at and again.file is None
    listed = next(one for one in await opened(base_url=hub.base_url).list() if one.generation_id == video.generation_id)
    assert listed.url is not None and uploads(hub) == 1


async def test_what_was_tidied_away_at_the_hub_is_put_there_again(opened: Open, hub: Sandbox, tmp_path: Path) -> None:
    video = await opened().generate(**film(shots=2))
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        assert db.execute("update uploads set place = 'films/gone.mp4'").rowcount == 1
    again = await opened(base_url=hub.base_url).get(video.generation_id)
    assert video.file is not None and await fetched(again.url) == video.file.read_bytes() and uploads(hub) == 2


async def test_a_film_that_the_hub_does_not_take_is_there_all_the_same(opened: Open, hub: Sandbox) -> None:
    hub.faults.add("error=413@*/upload")
    video = await opened().generate(**film(shots=2))
    assert (video.status, video.url) == ("succeeded", None) and video.file is not None and video.file.is_file()
    assert any("There is no link to the film" in warning for warning in video.warnings)


async def test_nothing_is_uploaded_where_that_is_turned_off(opened: Open, hub: Sandbox) -> None:
    video = await opened(upload="never").generate(**film(shots=2))
    assert (video.status, video.url, video.warnings) == ("succeeded", None, ()) and uploads(hub) == 0


async def test_a_repository_keeps_film_shots_storyboard_and_receipt_as_one_commit(opened: Open, hub: Sandbox) -> None:
    request = film(shots=2)
    video = await opened().generate(**request, repository="sandbox/trailers")
    assert video.repository is not None and "/sandbox/trailers/file/main/films/" in video.repository
    folder = video.repository.rpartition("/")[0]
    async with httpx.AsyncClient(headers={"Authorization": "Bearer key"}) as client:

        async def read(name: str) -> bytes:
            return (await client.get(f"{folder}/{name}")).raise_for_status().content

        assert video.file is not None and await read("film.mp4") == video.file.read_bytes()
        receipt = json.loads(await read("receipt.json"))
        board = storyboard.read((await read("storyboard.json")).decode(), ".json")
        shots = [await read(one["file"]) for one in receipt["shots"]]
    assert [one["prompt"] for one in receipt["shots"]] == [one["prompt"] for one in request["multi_prompt"]]
    assert [one["sha256"] for one in receipt["shots"]] == [hashlib.sha256(one).hexdigest() for one in shots]
    assert [one["generation_id"] for one in receipt["shots"]] == [one.generation_id for one in video.shots]
    assert all(one["take"] == 1 and one["model"] == video.model for one in receipt["shots"])
    assert [shot["prompt"] for shot in board.request["multi_prompt"]] == [one["prompt"] for one in receipt["shots"]]
    again = await opened().generate(**request, repository="sandbox/trailers")
    commits = [call for call in hub.ledger()["requests"] if call.startswith("PUT")]
    assert again.repository == video.repository and sum(hub.ledger()["requests"][one] for one in commits) == 1


async def test_a_repository_that_refuses_costs_no_film(opened: Open, hub: Sandbox) -> None:
    video = await opened().generate(**film(shots=2), repository="no repository")
    assert (video.status, video.repository) == ("succeeded", None)
    assert any("could not be kept in no repository" in warning for warning in video.warnings)


def commits(hub: Sandbox) -> int:
    return sum(count for call, count in hub.ledger()["requests"].items() if call.startswith("PUT"))


@pytest.mark.parametrize("by", ["get", "save", "the same call", "many at once"])
@pytest.mark.parametrize("request_", [film(shots=2), {"prompt": "A red balloon", "model": SIDE_BY_SIDE, "duration": 5}])
async def test_what_was_unfinished_is_kept_by_whatever_call_fetches_it_once(
    sandbox: Start, opened: Open, by: str, request_: dict[str, Any]
) -> None:
    hub = sandbox(speed=20.0)
    wish = {**request_, "repository": "sandbox/trailers"}
    begun = await opened(base_url=hub.base_url).generate(**wish, wait_seconds=0)
    assert not begun.is_terminal and any("will be kept in sandbox/trailers" in one for one in begun.warnings)
    first, other = opened(base_url=hub.base_url), opened(base_url=hub.base_url)
    name = begun.generation_id
    if by == "get":
        video = await first.get(name, wait_seconds=HUNG)
        assert video.status == "succeeded" and video.repository, video.warnings
    elif by == "save":
        while not (await first.list(limit=1))[0].is_terminal:
            await asyncio.sleep(0)
        saved = await first.save(name)
        assert any("kept in a repository: " in one for one in saved.warnings)
    elif by == "the same call":
        video = await first.generate(**wish, wait_seconds=HUNG)
        assert video.repository
    else:
        await asyncio.gather(*(one.get(name, wait_seconds=HUNG) for one in (first, other) * 2))
    again = await other.get(name)
    assert again.repository and "/sandbox/trailers/file/main/films/" in again.repository
    assert (await first.generate(**wish)).repository == again.repository and commits(hub) == 1


async def test_a_repository_that_can_not_be_is_tried_again_only_by_who_names_it(opened: Open, hub: Sandbox) -> None:
    studio, wish = opened(), {**film(shots=2), "repository": "no repository"}
    for _ in range(2):
        video = await studio.generate(**wish)
        assert any("could not be kept in no repository" in one for one in video.warnings)
    assert not (await studio.get(video.generation_id)).warnings and commits(hub) == 0
