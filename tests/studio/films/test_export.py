"""Saving with music and trims; and strangers' videos looked at in a process of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from oxen_video_tools.errors import InputNotAllowed, InputUnreadable, InvalidRequest, NotFound, TimedOut
from oxen_video_tools.media import pool
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.results import Progress
from tests.clocks import HUNG
from tests.media.clips import clip, decoded
from tests.studio.films.conftest import Open
from tests.studio.films.test_status import uploads


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
    assert not (tmp_path / "videos").exists() or list((tmp_path / "videos").iterdir()) == []


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


SRT = "1\n00:00:00,200 --> 00:00:00,900\nHallo, Füchsin\n\n2\n00:00:01,000 --> 00:00:09,000\nAuf Wiedersehen\n"
VTT = "WEBVTT\n\n00:00.200 --> 00:00.900\nHallo, <i>Füchsin</i>\n\n00:01.000 --> 00:09.000\nAuf Wiedersehen\n"


def told(path: Path) -> list[tuple[float, str]]:
    """When each caption of the track begins, and its words."""
    with av.open(str(path)) as film:
        said = [(packet.pts * packet.time_base, bytes(packet)[2:].decode()) for packet in film.demux(subtitles=0)
                if packet.pts is not None and len(bytes(packet)) > 2]  # fmt: skip
    return [(float(at), words) for at, words in said]


def foot(path: Path, at: float) -> float:
    """How bright the brightest pixel of the picture's foot is."""
    frame = decoded(path)[round(at * 24)].to_ndarray(format="gray")
    return float(frame[frame.shape[0] * 3 // 4 :].max())


@pytest.mark.parametrize("text", [SRT, VTT])
@pytest.mark.parametrize("as_file", [False, True])
async def test_captions_are_a_track_and_the_picture_is_copied(
    opened: Open, tmp_path: Path, text: str, as_file: bool
) -> None:
    one = clip(tmp_path / "one.mp4", 2.0, grey=40)
    captions: Any = text
    if as_file:
        captions = tmp_path / "words.srt"
        captions.write_text(text, "utf-8")
    saved = await opened().save(one, captions=captions)
    assert told(saved.file) == [(0.2, "Hallo, Füchsin"), (1.0, "Auf Wiedersehen")]
    assert saved.duration == pytest.approx(2.0, abs=0.06), "a caption that outlives the film makes it no longer"
    assert foot(saved.file, 0.5) < 60
    assert [path.name for path in saved.file.parent.iterdir()] == [saved.file.name]


async def test_captions_are_burnt_in_where_that_is_asked_for(opened: Open, tmp_path: Path) -> None:
    saved = await opened().save(clip(tmp_path / "one.mp4", 2.0, grey=40), captions=SRT, burn=True)
    assert foot(saved.file, 0.5) > 200 and foot(saved.file, 0.05) < 60 and foot(saved.file, 1.5) > 200
    with av.open(str(saved.file)) as film:
        assert not film.streams.subtitles


async def test_captions_that_are_none_are_refused(opened: Open, tmp_path: Path) -> None:
    one = clip(tmp_path / "one.mp4", 0.5)
    for captions in ("just\nsome words", "1\n00:00:03,000 --> 00:00:01,000\nbackwards\n"):
        with pytest.raises(InvalidRequest, match="captions"):
            await opened().save(one, captions=captions)
    with pytest.raises(InvalidRequest, match="burn needs captions"):
        await opened().save(one, burn=True)
    with pytest.raises(InvalidRequest, match="sound="):
        await opened().save(one, sound="louder")


async def test_parts_of_clips_are_put_together(opened: Open, tmp_path: Path) -> None:
    one, two = clip(tmp_path / "one.mp4", 2.0, grey=40), clip(tmp_path / "two.mp4", 2.0, grey=200)
    saved = await opened().save([f"{one}#t=0.5,1", f"{two}#t=1.5", f"{one}#t=,0:00.25"])
    shown = [float(frame.to_ndarray(format="gray").mean()) for frame in decoded(saved.file)]
    assert [round(value / 40) for value in shown] == [1] * 12 + [5] * 12 + [1] * 6
    for wrong in ("#t=", "#t=2,1", "#t=a"):
        with pytest.raises((InvalidRequest, InputUnreadable)):
            await opened().save([f"{one}{wrong}", str(two)])
    with pytest.raises(InvalidRequest, match="Nothing lies between"):
        await opened().save(f"{one}#t=5,6")


async def test_fades_have_a_length(opened: Open, tmp_path: Path) -> None:
    clips = [clip(tmp_path / f"{n}.mp4", 3.0, grey=grey) for n, grey in ((1, 40), (2, 200))]
    saved = await opened().save(clips, transition="fade", fade_seconds=1.0)
    assert saved.duration == pytest.approx(5.0, abs=0.06)


async def test_sound_is_muted_and_music_stays(opened: Open, tmp_path: Path) -> None:
    one, music = clip(tmp_path / "one.mp4", 2.0, tone=440.0), clip(tmp_path / "music.mp4", 0.7, tone=1500.0)
    assert not probe((await opened().save(one, sound="mute", filename="mute.mp4")).file).has_audio
    saved = await opened().save(one, sound="mute", music=str(music), filename="music.mp4")
    spectrum = tones(saved.file, 0.5, 1.5)
    assert spectrum(1500.0) > 20 * spectrum(440.0), "the clip's own sound is heard"


async def test_music_gives_way_while_the_clips_sound(opened: Open, tmp_path: Path) -> None:
    """Loud where the clip is silent, quieter under its tone: the loop is faded at the end."""
    loud, still = clip(tmp_path / "loud.mp4", 2.0, tone=440.0), clip(tmp_path / "still.mp4", 4.0, tone=None)
    music = clip(tmp_path / "music.mp4", 0.7, tone=1500.0)
    saved = await opened().save([still, loud, still], music=str(music))
    alone, under = tones(saved.file, 2.0, 3.8)(1500.0), tones(saved.file, 4.5, 5.8)(1500.0)
    assert alone > 2 * under > 0
    assert tones(saved.file, 6.8, 8.0)(1500.0) > 1.5 * under, "it comes back"


def tones(path: Path, begin: float, end: float) -> Callable[[float], float]:
    """How strong a frequency (Hz) is between two times."""
    with av.open(str(path)) as film:
        sampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
        parts = [part.to_ndarray()[0] for frame in film.decode(audio=0) for part in sampler.resample(frame)]
    samples = np.concatenate(parts)[round(begin * 48_000) : round(end * 48_000)]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / len(samples)
    return lambda hertz: float(spectrum[round(hertz * len(samples) / 48_000) - 3 :][:7].max())


async def test_clips_of_different_shapes_are_said(opened: Open, tmp_path: Path) -> None:
    clips = [clip(tmp_path / "wide.mp4", 0.5, size=(320, 180)), clip(tmp_path / "tall.mp4", 0.5, size=(180, 320))]
    saved = await opened().save(clips)
    assert any("different shapes" in words and "320 × 180" in words for words in saved.warnings)


async def test_a_wait_that_is_over_ends_with_an_id_and_the_saving_goes_on(opened: Open, tmp_path: Path) -> None:
    studio = opened()
    clips = [clip(tmp_path / f"{n}.mp4", 1.0, grey=grey) for n, grey in ((1, 40), (2, 200))]
    how: dict[str, Any] = {"transition": "fade", "filename": "film.mp4"}
    with pytest.raises(TimedOut) as late:
        await studio.save(clips, **how, wait_seconds=0)
    key = late.value.generation_id
    assert key and key.startswith("save-") and late.value.charged == "no"
    video = await studio.get(key, wait_seconds=30)
    assert video.status == "succeeded" and video.file and video.file.name == "film.mp4"
    saved = await studio.save(clips, **how, wait_seconds=30)  # asked for again: it is there
    assert saved.file == video.file and [path.name for path in saved.file.parent.iterdir()] == ["film.mp4"]
    with pytest.raises(NotFound, match="save-nothing"):
        await studio.get("save-nothing")


async def test_a_saving_that_is_given_up_leaves_nothing(opened: Open, tmp_path: Path) -> None:
    studio = opened()
    clips = [clip(tmp_path / f"{n}.mp4", 1.0, grey=40 + n) for n in range(3)] * 20
    begun = asyncio.Event()

    def hear(progress: Progress) -> None:
        if progress.status == "joining":
            begun.set()

    saving = asyncio.ensure_future(studio.save(clips, transition="fade", filename="film.mp4", on_progress=hear))
    await asyncio.wait_for(begun.wait(), 60)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list((tmp_path / "videos").iterdir()) == []


async def test_a_fade_is_at_most_five_seconds_long(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="up to 5 s"):
        await opened().save("an-id-that-is-never-fetched", transition="fade", fade_seconds=6)


async def test_the_file_of_a_saving_is_known_to_other_processes_and_missed_where_it_is_gone(
    opened: Open, tmp_path: Path
) -> None:
    studio, other = opened(), opened()
    clips = [clip(tmp_path / f"{n}.mp4", 1.0, grey=grey) for n, grey in ((1, 40), (2, 200))]
    with pytest.raises(TimedOut) as late:
        await studio.save(clips, transition="fade", wait_seconds=0)
    key = str(late.value.generation_id)
    video = await studio.get(key, wait_seconds=HUNG)
    assert video.file and (await other.get(key)).file == video.file, "one ledger, another process"
    video.file.rename(tmp_path / "moved.mp4")
    for process in (studio, other):
        with pytest.raises(NotFound, match="not at") as gone:
            await process.get(key)
        assert gone.value.charged == "no" and "same arguments" in str(gone.value.fix)
    saved = await studio.save(clips, transition="fade", wait_seconds=HUNG)
    assert saved.file == video.file and saved.file.is_file() and saved.generation_id == key
    assert (await other.get(key)).file == saved.file


async def test_a_clip_that_changed_is_saved_anew_under_another_id(opened: Open, tmp_path: Path) -> None:
    studio = opened()
    one, two = clip(tmp_path / "1.mp4", 0.5, grey=40), clip(tmp_path / "2.mp4", 0.5, grey=200)
    first = await studio.save([one, two], wait_seconds=HUNG)
    clip(tmp_path / "2.mp4", 1.0, grey=120)
    second = await studio.save([one, two], wait_seconds=HUNG)
    assert first.generation_id != second.generation_id
    assert second.duration == pytest.approx(1.5, abs=0.1) and first.file != second.file


async def test_a_file_is_uploaded_on_wish_once_and_its_link_is_renewed(
    opened: Open, hub: Sandbox, tmp_path: Path
) -> None:
    studio, other = opened(), opened()
    clips = [clip(tmp_path / f"{n}.mp4", 0.5, grey=40 + n) for n in (1, 2)]
    assert (await studio.save(clips, wait_seconds=HUNG)).url is None and uploads(hub) == 0
    saved = await studio.save(clips, upload=True, wait_seconds=HUNG)
    assert saved.url and saved.expires_at and uploads(hub) == 1
    async with httpx.AsyncClient() as client:
        assert (await client.get(saved.url)).content == saved.file.read_bytes()
        renewed = await other.get(saved.generation_id)
        assert renewed.url and (await client.get(renewed.url)).content == saved.file.read_bytes()
    patient = await other.save(clips, upload=True)  # without a limit
    assert patient.url and uploads(hub) == 1 and hub.ledger()["accepted"] == 0
    never = await opened(upload="never").save(clips, upload=True, wait_seconds=HUNG)
    assert never.url is None and any("OXEN_VIDEO_UPLOAD=never" in one for one in never.warnings)


async def test_an_upload_that_fails_costs_no_file(opened: Open, hub: Sandbox, tmp_path: Path) -> None:
    clips = [clip(tmp_path / f"{n}.mp4", 0.5) for n in (1, 2)]
    hub.faults.add("error=413@*/upload")
    saved = await opened().save(clips, upload=True, wait_seconds=HUNG)
    assert saved.file.is_file() and saved.url is None and "no link" in saved.warnings[-1]


async def test_music_begins_where_its_part_begins(opened: Open, tmp_path: Path) -> None:
    one, music = clip(tmp_path / "one.mp4", 1.0, tone=None), clip(tmp_path / "music.mp4", 4.0)
    for part, heard in (("#t=3", True), ("#t=1,2", True), ("#t=9", False)):
        try:
            saved = await opened().save(one, music=f"{music}{part}", filename="part.mp4")
        except InputUnreadable as error:
            assert not heard and "none from 9 s" in error.message
        else:
            assert heard and inspect(saved.file).loudness is not None
    assert [path.name for path in (tmp_path / "videos").iterdir() if path.name.startswith(".")] == []


async def test_other_shapes_sizes_and_rates_are_said_before_anything_is_written(opened: Open, tmp_path: Path) -> None:
    wide = clip(tmp_path / "wide.mp4", 0.5, size=(320, 180))
    tall = clip(tmp_path / "tall.mp4", 0.5, size=(180, 320), fps=30)
    heard: list[tuple[str, list[Path]]] = []

    def hear(progress: Progress) -> None:
        if progress.note:
            heard.append((progress.text, list((tmp_path / "videos").glob("*"))))

    studio = opened()
    saved = await studio.save([wide, tall], on_progress=hear)
    [(words, there)] = heard
    assert there == [] and "different shapes" in words and "320 × 180" in words and "24, 30 frames a second" in words
    assert len(saved.warnings) == 2 and all(one in words for one in saved.warnings)
    small = clip(tmp_path / "small.mp4", 0.5, size=(160, 90))
    assert "different sizes" in (await studio.save([wide, small])).warnings[0]
    assert (await studio.save([wide, wide])).warnings == ()


async def test_one_that_cannot_be_read_holds_up_no_other(opened: Open, tmp_path: Path) -> None:
    good = [clip(tmp_path / f"{n}.mp4", 0.5, grey=40 * n) for n in (1, 2)]
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"\xff" * 500)
    studio = opened()
    found = await studio.compare([good[0], tmp_path / "broken.mp4", good[1]])
    assert list(found.seen) == [1, 3] and list(found.unread) == [2] and found.sheet[:2] == b"\xff\xd8"
    assert "broken.mp4" in found.unread[2].message
    with pytest.raises(InputUnreadable, match=r"broken\.mp4"):
        await studio.compare([tmp_path / "broken.mp4", tmp_path / "none.mp4"])


async def test_who_gives_up_a_comparison_stops_its_work(opened: Open, tmp_path: Path) -> None:
    clips = [clip(tmp_path / f"{n}.mp4", 0.5, grey=20 * n) for n in range(1, 7)]
    studio = opened()
    before = asyncio.all_tasks()
    comparing = asyncio.ensure_future(studio.compare(clips))
    while len(asyncio.all_tasks() - before) < 4:
        await asyncio.sleep(0)
    comparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await comparing
    assert not [one for one in asyncio.all_tasks() - before if "look_at" in repr(one)]
