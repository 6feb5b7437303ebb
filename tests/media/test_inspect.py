"""Frames, contact sheets and inspection of real clips."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from oxen_video_tools.errors import InputUnreadable
from oxen_video_tools.media.clips import loudness
from oxen_video_tools.media.contact_sheet import contact_sheet, frame_at, last_frame, time_text
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.text import MONO, covers
from tests.media.clips import clip, decoded, picture, wave


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def numbered(path: Path, greys: list[int], *, fps: int = 24, each: int = 24, tone: float | None = None, **how) -> Path:
    """A clip of flat stretches: `each` frames of each grey."""
    size = (320, 180)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps, options={"g": "48", "bf": "2"} | how)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        for n in range(len(greys) * each):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture(size, n, greys[n // each]), format="rgb24")))
        out.mux(video.encode())
    return path


def test_the_last_frame_is_the_very_last(tmp_path: Path) -> None:
    path = numbered(tmp_path / "steps.mp4", [*range(20, 200, 5)], each=1)
    assert pixels(last_frame(path)).mean() == pytest.approx(195, abs=4)
    assert pixels(frame_at(path, 0.0)).mean() == pytest.approx(20, abs=4)
    assert pixels(frame_at(path, 12 / 24)).mean() == pytest.approx(80, abs=4)
    assert pixels(last_frame(path)).shape == (180, 320, 3)


def test_colours_come_out_as_they_went_in(moving: Path) -> None:
    image = pixels(last_frame(moving))
    orange = image[45:90][(image[45:90, :, 0] > 200)]
    assert np.abs(np.median(orange, axis=0) - (250, 120, 20)).max() < 12


def test_a_cut_file_gives_no_last_frame(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 3.0, tone=None)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputUnreadable, match="cut off"):
        last_frame(path)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (360, 360), (840, 360)])
def test_a_contact_sheet_is_small_and_has_every_frame(tmp_path: Path, size: tuple[int, int]) -> None:
    data = contact_sheet(clip(tmp_path / "clip.mp4", 2.0, size=size, tone=None), max_bytes=60_000)
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    assert len(data) <= 60_000
    assert max(image.size) <= 1200
    assert 0.5 < image.width / image.height < 2.6


def test_a_contact_sheet_keeps_within_its_bytes_whatever_it_shows(tmp_path: Path) -> None:
    path, random = tmp_path / "noise.mp4", np.random.default_rng(1)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24, options={"preset": "ultrafast", "crf": "10"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        for _ in range(20):
            noise = random.integers(0, 255, (360, 640, 3), np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        out.mux(video.encode())
    for most in (100_000, 20_000, 4_000):
        assert len(contact_sheet(path, max_bytes=most)) <= most


def test_one_frame_is_enough_for_a_sheet(tmp_path: Path) -> None:
    path = clip(tmp_path / "one.mp4", 1 / 24, tone=None)
    assert len(decoded(path)) == 1
    assert Image.open(io.BytesIO(contact_sheet(path))).width == 320


def test_times_read_as_people_write_them() -> None:
    assert [time_text(at) for at in (0, 7.46, 59.99, 67.5, 3727.5)] == [
        "0.0 s", "7.5 s", "1:00.0", "1:07.5", "1:02:07.5",
    ]  # fmt: skip


def test_inspection_tells_the_facts(moving: Path) -> None:
    found = inspect(moving)
    assert (found.width, found.height, found.fps, found.video_codec, found.audio_codec) == (320, 180, 24, "h264", "aac")
    assert found.duration == pytest.approx(2.0, abs=0.05)
    assert found.complete
    assert (found.cuts, found.black, found.frozen, found.warnings) == ((), (), (), ())
    assert found.loudness == pytest.approx(-12.7, abs=1.0)
    assert len(found.sheet) <= 100_000
    assert Image.open(io.BytesIO(found.sheet)).format == "JPEG"


def test_cuts_are_found_where_they_are(tmp_path: Path) -> None:
    found = inspect(numbered(tmp_path / "cuts.mp4", [40, 120, 60, 200]))
    assert found.cuts == pytest.approx((1.0, 2.0, 3.0), abs=0.05)


def test_black_and_frozen_stretches(tmp_path: Path) -> None:
    path = tmp_path / "stops.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        for n in range(96):
            image = picture((320, 180), min(n, 12)) if n < 72 else np.zeros((180, 320, 3), np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(video.encode())
    found = inspect(path)
    assert found.black == (pytest.approx((3.0, 4.0), abs=0.1),)
    assert found.frozen[0] == pytest.approx((0.5, 3.0), abs=0.15)
    assert "stands still" in " ".join(found.warnings)
    assert found.audio_codec is None
    assert found.loudness is None


def test_a_cut_file_is_told_as_cut(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 4.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    found = inspect(path)
    assert not found.complete
    assert any("can't be shown" in warning for warning in found.warnings)


def test_damage_in_the_middle_is_told(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 4.0, tone=None, options={"bf": "0"})
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 600] = b"\xff" * 600
    path.write_bytes(data)
    found = inspect(path)
    assert not found.complete
    assert len(found.sheet) > 1000


def test_a_silent_track_is_told(tmp_path: Path) -> None:
    found = inspect(clip(tmp_path / "quiet.mp4", 1.0, tone=0.0))
    assert found.loudness is None
    assert "Its sound is silent." in found.warnings


def test_a_long_video_is_looked_at_by_its_key_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.media.inspect.MOST_WATCHED", 60)
    found = inspect(clip(tmp_path / "long.mp4", 6.0, tone=None))
    assert found.cuts == ()
    assert any("key frames" in warning for warning in found.warnings)
    assert found.complete


@pytest.mark.parametrize(("level", "lufs"), [(10 ** (-23 / 20), -23.0), (10 ** (-33 / 20), -33.0)])
def test_loudness_of_a_reference_tone(level: float, lufs: float) -> None:
    """EBU Tech 3341, cases 1 and 2: a stereo sine of 1000 Hz at -23 dBFS is -23.0 LUFS."""
    parts = [frame.to_ndarray() for frame in wave(20.0, 1000.0, level=level)]
    assert loudness(parts) == pytest.approx(lufs, abs=0.1)


def test_loudness_gates_silence_out() -> None:
    """EBU Tech 3341, case 3: quiet beginnings and ends don't count."""
    quiet = [frame.to_ndarray() for frame in wave(10.0, 1000.0, level=10 ** (-36 / 20))]
    loud = [frame.to_ndarray() for frame in wave(60.0, 1000.0, level=10 ** (-23 / 20))]
    assert loudness(quiet + loud + quiet) == pytest.approx(-23.0, abs=0.1)
    assert loudness([]) is None


def test_every_label_of_a_sheet_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    inspect_module = import_module("oxen_video_tools.media.inspect")
    real = inspect_module.sheet_of

    def heard(pictures: Any, *rest: Any) -> bytes:
        words.extend(label for label, _ in pictures)
        return real(pictures, *rest)

    monkeypatch.setattr(inspect_module, "sheet_of", heard)
    path = clip(tmp_path / "clip.mp4", 2.0, tone=None)
    inspect(path)
    inspect(path, row=3)
    assert len(words) == 12 and words[0].startswith("1 ") and words[-1].startswith("3:")
    assert all(covers(MONO, character) for label in words for character in label if not character.isspace())
