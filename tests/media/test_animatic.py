"""Whole animatics, judged by decoding them."""

from __future__ import annotations

import hashlib
import sys
from itertools import pairwise, product
from pathlib import Path

import av
import numpy as np
import pytest
from oxen_video_tools.media.animatic.glide import AMOUNTS as GLIDES
from oxen_video_tools.media.animatic.places import PLACES
from oxen_video_tools.media.animatic.shapes import CASTS
from oxen_video_tools.media.animatic.stage import Stage
from oxen_video_tools.media.animatic.zoom import AMOUNTS as ZOOMS
from PIL import Image

from oxen_video_tools.errors import InputUnreadable, InvalidRequest
from oxen_video_tools.media import mp4
from oxen_video_tools.media.animatic import Segment, render, zoom
from oxen_video_tools.media.animatic.canvas import Canvas
from oxen_video_tools.media.animatic.direction import Direction, direct, direct_all
from oxen_video_tools.media.animatic.film import Film
from oxen_video_tools.media.animatic.slate import Slate
from oxen_video_tools.media.decode import rgb, scale_picture
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.probe import probe

from .clips import decoded

SHOTS = [Segment("A red balloon rises over a quiet valley", 1.0), Segment("Close-up of the balloon", 0.5)]
LONG = [
    Segment("Wide aerial shot of a lighthouse on a cliff at dusk, storm clouds rolling in over the sea", 4),
    Segment("Tracking shot following a lone hiker through misty pine forest at dawn", 4),
    Segment("Slow push-in, close-up of the keeper's face lit by the lamp at night", 3),
    Segment("A sports car drives through neon streets at night in the rain, pan right", 4),
    Segment("Tilt up to a castle tower, snow falling, overcast", 3),
    Segment("Nothing that anybody could draw", 2),
]


def test_an_animatic_is_a_whole_mp4_of_the_length_and_size_asked_for(tmp_path: Path) -> None:
    path = render(SHOTS, tmp_path / "film.mp4", size=(320, 180), audio=True)
    found = probe(path)
    assert mp4.check(path).faststart
    assert (found.width, found.height, found.fps, found.frames) == (320, 180, 24.0, 36)
    assert found.duration == pytest.approx(1.5, abs=0.05)
    assert (found.video_codec, found.audio_codec) == ("h264", "aac")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fps", [12, 25, 60])
def test_lengths_that_are_no_whole_frames_do_not_add_up_to_a_drift(tmp_path: Path, fps: int) -> None:
    shots = [Segment("A lake", 0.37)] * 9
    path = render(shots, tmp_path / "film.mp4", size=(160, 90), fps=fps)
    assert len(decoded(path)) == round(9 * 0.37 * fps)


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


def test_a_failing_encoder_ends_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, directions: object, seconds: object = None) -> None:
        raise ZeroDivisionError("in the other thread")

    monkeypatch.setattr("oxen_video_tools.media.animatic.ambience.ambience", broken)
    with pytest.raises(ZeroDivisionError):
        render(SHOTS, tmp_path / "film.mp4", size=(160, 90), audio=True)
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


def luma(frame: object) -> np.ndarray:
    return frame.to_ndarray()[: frame.height].astype(np.int16)


@pytest.mark.long
def test_never_a_wrong_frame(tmp_path: Path) -> None:
    """Every frame of a long film made by three threads is the one that a single thread draws, cross-fades included."""
    size, before = (960, 540), sys.getswitchinterval()  # so large that zooms are drawn smaller and scaled up
    sys.setswitchinterval(1e-5)
    try:
        path = render(LONG, tmp_path / "film.mp4", size=size, audio=True)
    finally:
        sys.setswitchinterval(before)
    film = Film(tuple(LONG), *size, 24, 0, True, "ANIMATIC PREVIEW")
    cuts, directions = film.cuts(), direct_all([shot.prompt for shot in LONG])
    frames = decoded(path)
    assert len(frames) == cuts[-1].end == 480
    canvas = Canvas(*size)
    for n, cut in enumerate(cuts):
        slate = Slate(size, directions[n], cuts, n, 24, film.mark)
        stage = Stage(size, directions[n], None, cut.end - cut.start, 24)
        for frame in range(cut.start + 6 * (n > 0), cut.end - 6):
            stage.draw(canvas, frame - cut.start)
            slate.lay(canvas.planes, frame)
            wrong = np.abs(luma(frames[frame]) - canvas.planes[0])
            assert wrong.mean() < 2.5, frame
            assert np.abs(wrong.reshape(54, 10, 96, 10).mean((1, 3))).max() < 30, frame
    for cut in cuts[:-1]:  # no jump where one shot fades into the next
        around = [luma(frame)[120:420] for frame in frames[cut.end - 7 : cut.end + 7]]
        steps = [float(np.abs(one - two).mean()) for one, two in pairwise(around)]
        whole = float(np.abs(around[0] - around[-1]).mean())
        assert max(steps) < whole * 0.5 + 6


def test_the_same_seed_draws_the_same_film(tmp_path: Path) -> None:
    def drawn(seed: int) -> str:
        path = render(SHOTS, tmp_path / f"{seed}.mp4", size=(320, 180), seed=seed)
        return hashlib.sha256(b"".join(frame.to_ndarray().tobytes() for frame in decoded(path))).hexdigest()

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize("size", [(360, 640), (360, 360), (640, 360), (840, 360), (160, 90), (1920, 1080)])
def test_the_mark_stands_in_every_frame(tmp_path: Path, size: tuple[int, int]) -> None:
    """With and without the mark, the same corner differs in each frame, and nothing else does."""
    shots = [Segment("A city at night, rain, push in", 0.5), Segment("Nothing", 0.25)]
    marked = decoded(render(shots, tmp_path / "marked.mp4", size=size, mark="SANDBOX"))
    plain = decoded(render(shots, tmp_path / "plain.mp4", size=size, mark=""))
    assert len(marked) == len(plain) == 18
    for one, two in zip(marked, plain, strict=True):
        found = np.abs(luma(one) - luma(two))
        assert found[: size[1] * 2 // 3, size[0] // 3 :].max() > 60
        assert found[size[1] * 2 // 3 :].mean() < 4


def test_every_place_subject_light_and_move_can_be_drawn() -> None:
    """In small, upright and wide: nothing raises, and every frame is full."""
    kinds = [*({"place": place} for place in PLACES), *({"subject": subject, "place": "field"} for subject in CASTS)]
    moves = ["", *GLIDES, *ZOOMS]
    lights, sizes = (
        ["", "night", "neon", "dusk", "day"],
        ["", "ECU", "CU", "MCU", "MS", "OTS", "FS", "WS", "EWS", "AERIAL"],
    )
    canvases = {size: Canvas(*size) for size in ((96, 54), (54, 96))}
    for n, (kind, (size, canvas)) in enumerate(product(kinds, canvases.items())):
        for k in range(3):
            turn = n * 3 + k
            words = Direction(
                "A cliff",
                size=sizes[turn % len(sizes)],
                move=moves[turn % len(moves)].replace("drift", ""),
                light=lights[turn % len(lights)],
                weather=(("rain", "snow", "embers", "dust", "fog")[turn % 5],),
                count=1 + turn % 4,
                motion=("", "rise", "travel")[turn % 3],
                seed=turn,
                **kind,
            )
            stage = Stage(size, words, None, 24, 24)
            for frame in (-5, 0, 12, 23, 28):
                for plane in canvas.planes:
                    plane[:] = 1
                stage.draw(canvas, frame)
                assert min(int(plane.min()) for plane in canvas.planes) > 1, words


def test_a_balloon_that_rises_rises() -> None:
    stage = Stage((640, 360), direct("A red balloon rises over a quiet valley"), None, 48, 24)
    canvas, found = Canvas(640, 360), []
    for frame in (0, 24, 47):
        stage.draw(canvas, frame)
        red = np.argwhere(canvas.planes[2] > 165)
        found.append(float(red[:, 0].mean()))
    assert found[0] > found[1] + 5 > found[2] + 10


def test_a_locked_off_camera_does_not_move() -> None:
    stage = Stage((320, 180), direct("Wide shot of a desert, locked off"), None, 24, 24)
    canvas = Canvas(320, 180)
    stage.draw(canvas, 0)
    first = canvas.planes[0].copy()
    stage.draw(canvas, 20)
    assert np.array_equal(first, canvas.planes[0])


@pytest.mark.parametrize("move", ["", "push in", "pull out", "pan left", "tilt up", "orbit"])
def test_moves_are_even(move: str) -> None:
    """From frame to frame the picture changes by about as much: nothing trembles and nothing jumps."""
    stage = Stage((640, 360), direct(f"Wide shot of mountains at dawn, {move}"), None, 48, 24)
    canvas, before, steps = Canvas(640, 360), None, []
    for frame in range(10, 38):
        stage.draw(canvas, frame)
        now = canvas.planes[0].astype(np.int16)
        if before is not None:
            steps.append(float(np.abs(now - before).mean()))
        before = now
    assert min(steps) > 0.02
    assert max(steps) < 3 * np.median(steps) + 0.2


def test_where_machine_code_may_not_be_written_zooms_are_drawn_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidding(scaler: object, frame: object, width: int, height: int, smooth: str = "BILINEAR") -> object:
        if smooth == "FAST_BILINEAR":
            raise av.error.PermissionError(13, "mprotect failed")
        return scale_picture(scaler, frame, width, height, smooth)

    words, quick, plain = direct("Wide shot of a castle at dawn, push in"), Canvas(640, 360), Canvas(640, 360)
    Stage((640, 360), words, None, 48, 24).draw(quick, 30)
    monkeypatch.setattr(zoom, "scaled", forbidding)
    Stage((640, 360), words, None, 48, 24).draw(plain, 30)
    wrong = np.abs(quick.planes[0].astype(int) - plain.planes[0])
    assert 0 < wrong.mean() < 2, "the same picture by another way"


def test_a_city_has_lights_at_night() -> None:
    canvas, warm = Canvas(640, 360), []
    for light in ("at night", "by day"):
        Stage((640, 360), direct(f"Wide shot of a city skyline {light}, locked off"), None, 24, 24).draw(canvas, 0)
        houses = canvas.planes[1][60:115].astype(int)  # chroma: windows are yellower than the sky and the walls
        warm.append(int((houses < 112).sum()))
    assert warm[0] > 100 > 5 * warm[1]


def test_the_users_own_image_is_shown(tmp_path: Path) -> None:
    image = tmp_path / "image.png"
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[:, :200], picture[:, 200:] = (200, 40, 40), (40, 60, 200)
    Image.fromarray(picture).save(image)
    for move in ("push in", "pan right", "tilt down", ""):
        path = render([Segment(f"The picture, {move}", 2.0, image)], tmp_path / "film.mp4", size=(320, 180))
        shown = rgb(decoded(path)[40]).astype(int)
        assert np.abs(shown[90, 40] - (200, 40, 40)).max() < 16
        assert np.abs(shown[90, 280] - (40, 60, 200)).max() < 16


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_an_image_that_is_none(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "image.png"
    image.write_bytes(content)
    with pytest.raises(InputUnreadable, match=r"image\.png"):
        render([Segment("x", 1.0, image)], tmp_path / "film.mp4", size=(160, 90))


def test_an_image_that_is_too_large(tmp_path: Path) -> None:
    image = tmp_path / "bomb.png"
    Image.new("1", (12_000, 12_000)).save(image)
    with pytest.raises(InputUnreadable):
        render([Segment("x", 1.0, image)], tmp_path / "film.mp4", size=(160, 90))


def test_the_sound_is_audible_and_not_too_loud(tmp_path: Path) -> None:
    shots = [Segment("Rain over the sea at night", 2.0), Segment("A room", 2.0)]
    found = inspect(render(shots, tmp_path / "film.mp4", size=(160, 90), audio=True))
    assert found.loudness is not None
    assert -40 < found.loudness < -14
    assert found.complete
