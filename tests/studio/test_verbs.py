"""Every verb of `Studio`, called as a synchronous program calls it, and its part in the ledger and at the hub."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools import Shot, Studio, VideoRequest
from oxen_video_tools.errors import Declined, GenerationFailed, InvalidRequest, NotFound, OxenError, Paused
from oxen_video_tools.sandbox import Sandbox
from tests.studio.swift import Swift

MODEL = "kling-video-v2-6-pro-text-to-video"
FOX = {"prompt": "a fox in the snow", "duration": 5, "model": MODEL}


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64) as running:
        yield running


@pytest.fixture
def studio(hub: Sandbox, tmp_path: Path) -> Iterator[Studio]:
    folder = tmp_path / "videos"
    with Studio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:", output_dir=folder) as opened:
        yield opened


def test_a_folder_may_be_named_by_its_text(hub: Sandbox, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"base_url": hub.base_url, "api_key": hub.api_key, "ledger": "memory:"}
    with Studio(**settings, output_dir=str(tmp_path / "videos")) as studio:
        saved = studio.generate(**FOX).save()
    assert saved.parent == tmp_path / "videos"


def test_from_the_question_to_the_file(studio: Studio, hub: Sandbox, tmp_path: Path) -> None:
    heard: list[Any] = []
    video = studio.generate(**FOX, take=1, on_progress=lambda news: heard.append((news.status, threading.get_ident())))
    assert heard[-1] == ("succeeded", threading.get_ident())  # progress is told in the thread that called
    assert studio.get(video.generation_id).url
    assert [one.generation_id for one in studio.get_many([video.generation_id] * 2)] == [video.generation_id] * 2
    assert [one.generation_id for one in studio.list(status="succeeded", limit=5)] == [video.generation_id]
    assert studio.cancel(video.generation_id).status == "succeeded"  # it had ended: nothing to stop
    assert video.save(tmp_path / "fox.mp4") == tmp_path / "fox.mp4"
    seen = studio.inspect(video.generation_id)
    assert seen.duration == pytest.approx(5, abs=0.1) and seen.sheet[:2] == b"\xff\xd8"
    assert studio.inspect(tmp_path / "fox.mp4").duration == seen.duration
    assert studio.spend().total_usd == Decimal("0.35")
    assert studio.recover() == []
    assert hub.ledger()["accepted"] == 1


def test_a_plan_and_its_preview_are_free(studio: Studio, hub: Sandbox, tmp_path: Path) -> None:
    shots = [Shot(prompt="wide: a fox", duration=5), Shot(prompt="close: the fox", duration=5)]
    tall = studio.plan(multi_prompt=shots, aspect_ratio="9:16", animatic=True)
    seen = studio.inspect(tall.preview)  # type: ignore[attr-defined]
    assert seen.duration == pytest.approx(10, abs=0.2) and seen.width < seen.height
    picture = Path(__file__).parents[2] / "docs/images/player.png"
    odd = studio.plan(prompt="a fox", start_image=str(picture), aspect_ratio="no ratio", duration=5, animatic=True)
    assert odd.preview.exists()  # type: ignore[attr-defined]
    assert hub.ledger()["generations"] == []


@pytest.mark.parametrize("agreed", [True, False])
def test_a_person_is_asked_off_the_loop(hub: Sandbox, agreed: bool) -> None:
    asked: list[str] = []

    def approve(question: Any) -> bool:
        asked.append(question.text)
        return agreed

    with Studio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:", approve_above=0.1) as studio:
        question = studio.question(VideoRequest(**FOX))
        assert question is not None and question.cost_usd == Decimal("0.35")
        if agreed:
            assert studio.generate(**FOX, approve=approve).status == "succeeded"
        else:
            with pytest.raises(Declined):
                studio.generate(**FOX, approve=approve)
    assert asked == [question.text]
    assert hub.ledger()["accepted"] == int(agreed)


def test_pause_and_resume(studio: Studio) -> None:
    studio.pause()
    with pytest.raises(Paused):
        studio.generate(**FOX)
    assert studio.spend().paused
    studio.resume()
    assert studio.generate(**FOX).status == "succeeded"


def test_models_by_words_by_need_and_by_id(studio: Studio) -> None:
    assert any("kling" in known.id for known in studio.find_models("kling"))
    assert studio.find_models(model=MODEL)[0].id == MODEL
    with pytest.raises(InvalidRequest, match="No model ") as error:
        studio.find_models(model=MODEL.replace("2-6", "2-7"))
    assert MODEL in (error.value.fix or "")


# ---- saving -----------------------------------------------------------------------------------------------------


def test_a_failed_job_has_nothing_to_save(studio: Studio, hub: Sandbox) -> None:
    hub.faults.add("fail")
    failed = studio.generate(**FOX)
    assert failed.status == "failed" and failed.error
    with pytest.raises(GenerationFailed, match="nothing to save"):
        failed.save()


def test_clips_of_every_kind_become_one_file(studio: Studio, tmp_path: Path) -> None:
    first, second = studio.generate(**FOX), studio.generate(**(FOX | {"prompt": "a wolf"}))
    here = second.save(tmp_path / "wolf.mp4")
    heard: list[str] = []
    joined = studio.save(
        [first.generation_id, str(first.url), here],
        filename=tmp_path / "all.mp4",
        transition="fade",
        on_progress=lambda news: heard.append(news.status),
    )
    assert joined.file == tmp_path / "all.mp4" and joined.duration == pytest.approx(14, abs=0.3)
    assert {"saving", "joining"} <= set(heard)
    again = studio.save([first.generation_id, here])
    assert again.file.is_relative_to(tmp_path / "videos")


def test_one_clip_under_another_name(studio: Studio, tmp_path: Path) -> None:
    here = studio.generate(**FOX).save(tmp_path / "fox.mp4")
    assert studio.save(here).file == here  # it lies where it lies
    copied = studio.save(here, filename="another.mp4")
    assert copied.file == tmp_path / "videos/another.mp4" and copied.file.read_bytes() == here.read_bytes()
    assert studio.save(here, filename=here).file == here
    with pytest.raises(InvalidRequest, match="transition"):
        studio.save(here, transition="star wipe")
    with pytest.raises(OxenError):
        studio.save("file:///etc/passwd")
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(OxenError, match="written"):
        studio.save(here, filename=tmp_path / "blocked" / "fox.mp4")


# ---- recover ----------------------------------------------------------------------------------------------------


def test_recover_follows_what_runs_and_keeps_what_should_be_kept(tmp_path: Path) -> None:
    ledger = f"sqlite:///{(tmp_path / 'ledger.db').as_posix()}"
    with Sandbox(picture_height=64) as hub:
        reach = {"base_url": hub.base_url, "api_key": hub.api_key, "ledger": ledger}
        with Studio(**reach) as studio:
            begun = studio.generate(**FOX, wait_seconds=0)
        with Studio(**reach, save="always", output_dir=tmp_path / "videos") as later:
            walked = later.recover()
            assert begun.generation_id in {one for found in walked for one in found.generation_ids}
            assert {one.outcome for one in walked} >= {"saved"}
            assert len(list((tmp_path / "videos").glob("*.mp4"))) == 1
            assert later.recover() == []
        assert hub.ledger()["accepted"] == 1


def test_a_job_that_runs_or_can_not_be_read_is_told(tmp_path: Path) -> None:
    ledger = f"sqlite:///{(tmp_path / 'ledger.db').as_posix()}"
    with Sandbox(picture_height=64, speed="real") as hub:
        with Studio(base_url=hub.base_url, api_key=hub.api_key, ledger=ledger, clock=Swift()) as studio:
            studio.generate(**FOX, wait_seconds=0)
            [running] = studio.recover()
            assert (running.outcome, running.text) == ("running", "It is running.")
            hub.faults.add("error=502:html@1-9/get")
            [unread] = studio.recover()
            assert unread.outcome == "running"


def test_one_decision_at_a_time(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="one thing at a time"):
        studio.recover(adopt="a", write_off="b")
    with pytest.raises(NotFound):
        studio.recover(adopt="00000000-0000-0000-0000-000000000000")
    known = studio.generate(**FOX)
    with pytest.raises(InvalidRequest, match="can't be the video of an unclear job"):
        studio.recover(adopt=known.generation_id)  # nothing is unclear
    for decision in ("write_off", "send_again"):
        with pytest.raises(OxenError):
            studio.recover(**{decision: "no-such-job"})
