"""Saving with music and trims; and strangers' videos looked at in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import InputNotAllowed, InputUnreadable, InvalidRequest
from oxen_video_tools.media import pool
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.probe import probe
from oxen_video_tools.studio.results import Progress
from tests.media.clips import clip, decoded
from tests.studio.films.conftest import Open


async def test_music_lies_under_clips_that_are_joined(opened: Open, tmp_path: Path) -> None:
    clips = [clip(tmp_path / f"{n}.mp4", 1.0, tone=None) for n in (1, 2)]
    music = clip(tmp_path / "music.mp4", 3.0)
    told: list[float] = []

    def hear(progress: Progress) -> None:
        told.append(progress.fraction or 0.0)

    saved = await opened().save([str(one) for one in clips], music=str(music), on_progress=hear)
    found = inspect(saved.file)
    assert found.audio_codec == "aac" and found.loudness is not None and found.loudness > -40
    assert found.duration == pytest.approx(2.0, abs=0.1)
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)
    assert [path.name for path in saved.file.parent.iterdir()] == [saved.file.name], "nothing is left lying about"


async def test_one_clip_under_music_is_a_new_file(opened: Open, tmp_path: Path) -> None:
    one, music = clip(tmp_path / "one.mp4", 1.0, tone=None), clip(tmp_path / "music.mp4", 1.0)
    saved = await opened().save(one, music=music)
    assert saved.file.name == "one-cut.mp4" and probe(saved.file).has_audio and not probe(one).has_audio


@pytest.mark.parametrize("count", [1, 2])
async def test_a_trim_is_exact_and_of_the_whole(opened: Open, tmp_path: Path, count: int) -> None:
    clips: list[Any] = [clip(tmp_path / f"{n}.mp4", 2.0) for n in range(count)]
    begin = 2.0 * (count - 1) + 0.5
    saved = await opened().save(clips, trim=(begin, begin + 1.0), filename="part.mp4")
    shown, source = decoded(saved.file), decoded(clips[-1])
    assert len(shown) == 24 and saved.duration == pytest.approx(1.0, abs=0.06)
    for at in (0, 23):
        wrong = shown[at].to_ndarray(format="rgb24").astype(int) - source[12 + at].to_ndarray(format="rgb24")
        assert abs(wrong).mean() < 4, "another moment than the one that was asked for"


async def test_a_trim_with_nothing_in_it_is_refused(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="Nothing lies between"):
        await opened().save(clip(tmp_path / "one.mp4", 1.0), trim=(3.0, 4.0))
    assert list((tmp_path / "videos").iterdir()) == []


async def test_music_comes_from_allowed_folders_only(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    inside = clip(tmp_path / "videos" / "one.mp4", 0.5)
    with pytest.raises(InputNotAllowed):
        await opened().save(str(inside), music=str(clip(tmp_path / "music.mp4", 0.5)), files="roots")


@pytest.mark.parametrize(("files", "apart"), [("anywhere", False), ("roots", True)])
async def test_what_a_model_names_is_decoded_in_a_process_of_its_own(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Any, apart: bool
) -> None:
    (tmp_path / "videos").mkdir()
    path = clip(tmp_path / "videos" / "one.mp4", 1.0)
    asked: list[str] = []
    whole = pool.run_child

    async def watched(work: Any, *given: Any, **options: Any) -> Any:
        asked.append(work)
        return await whole(work, *given, **options)

    monkeypatch.setattr(pool, "run_child", watched)
    seen = await opened().inspect(str(path), files=files)
    assert (seen.width, seen.height, seen.complete) == (320, 180, True) and seen.sheet[:2] == b"\xff\xd8"
    assert asked == (["inspect"] if apart else [])


async def test_what_breaks_the_decoder_is_an_answer(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "broken.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"\xff" * 5000)
    with pytest.raises(InputUnreadable, match=r"broken\.mp4"):
        await opened().inspect(str(tmp_path / "videos" / "broken.mp4"), files="roots")
