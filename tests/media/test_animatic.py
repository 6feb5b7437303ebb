from __future__ import annotations

from pathlib import Path

import pytest

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.media import mp4
from oxen_video_tools.media.animatic import Segment, render
from oxen_video_tools.media.probe import probe

SHOTS = [Segment("A red balloon rises over a quiet valley", 1.0), Segment("Close-up of the balloon", 0.5)]


def test_an_animatic_is_a_whole_mp4_of_the_length_and_size_asked_for(tmp_path: Path) -> None:
    path = render(SHOTS, tmp_path / "film.mp4", size=(320, 180), audio=True)
    found = probe(path)
    assert mp4.check(path).faststart
    assert (found.width, found.height, found.fps, found.frames) == (320, 180, 24.0, 36)
    assert found.duration == pytest.approx(1.5, abs=0.05)
    assert (found.video_codec, found.audio_codec) == ("h264", "aac")
    assert list(tmp_path.iterdir()) == [path]


def test_progress_rises_to_one(tmp_path: Path) -> None:
    told: list[float] = []
    render(SHOTS, tmp_path / "film.mp4", size=(160, 90), on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_what_progress_raises_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    def stop(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(SHOTS, tmp_path / "film.mp4", size=(160, 90), on_progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shots", "size", "fps"),
    [
        ([], (320, 180), 24),
        ([Segment("x", 0)], (320, 180), 24),
        ([Segment("x", float("nan"))], (320, 180), 24),
        ([Segment("x", 1e9)], (320, 180), 24),
        ([Segment("x", 1)] * 500, (320, 180), 24),
        ([Segment("x", 1)], (100_000, 180), 24),
        ([Segment("x", 1)], (320, 0), 24),
        ([Segment("x", 1)], (320, 180), 0),
    ],
)
def test_out_of_bounds(tmp_path: Path, shots: list[Segment], size: tuple[int, int], fps: int) -> None:
    with pytest.raises(InvalidRequest):
        render(shots, tmp_path / "film.mp4", size=size, fps=fps)
