"""Whole animatics, judged by decoding them."""

from __future__ import annotations

import hashlib
import re
import sys
from itertools import pairwise, product
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from oxen_video_tools.errors import InputUnreadable, Internal, InvalidRequest
from oxen_video_tools.media import child_process, mp4
from oxen_video_tools.media.animatic import Segment, render, sprites
from oxen_video_tools.media.animatic.card import SIZES, Card
from oxen_video_tools.media.animatic.film import MOST_SIDE, Film, _skip_all
from oxen_video_tools.media.animatic.photo import MOVES
from oxen_video_tools.media.animatic.slate import Slate
from oxen_video_tools.media.animatic.sprites import Canvas
from oxen_video_tools.media.decode import rgb, scale_picture
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.probe import probe
from oxen_video_tools.media.understanding import Direction, direct, direct_all
from oxen_video_tools.media.understanding.pictograms import pictograms, vocabulary

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


@pytest.mark.parametrize(("fps", "size"), [(24, (640, 360)), (25, (162, 98)), (60, (1920, 1080))])
def test_frames_come_in_pairs_and_a_cut_falls_on_its_frame(tmp_path: Path, fps: int, size: tuple[int, int]) -> None:
    """Every second frame is the one before, to the pixel and without the encoder; a shot of odd length ends alone."""
    shots = [Segment("A fox, locked off, at night", 5 / fps), Segment("A snowy field by day, pan left", 6 / fps)]
    path = render(shots, tmp_path / "film.mp4", size=size, fps=fps)
    frames = [frame.to_ndarray() for frame in decoded(path)]
    equal = [np.array_equal(one, two) for one, two in pairwise(frames)]
    assert equal == [n in (0, 2, 5, 7, 9) for n in range(10)]
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [packet.pts * packet.time_base * fps for packet in packets] == list(range(11))
        assert [packet.size < 20 for packet in packets] == [n in (1, 3, 6, 8, 10) for n in range(11)]
        assert container.streams.video[0].codec_context.profile == "Constrained Baseline"


def test_a_repeated_frame_of_any_size_holds_nothing_that_reads_as_a_start_code() -> None:
    for blocks in {*range(1, 70), *range(70, MOST_SIDE**2 // 256, 97), MOST_SIDE**2 // 256}:
        for number in range(16):
            assert not re.search(rb"\0\0[\0-\3]", _skip_all(blocks, number)[5:])


def test_without_an_encoder_whose_frames_can_be_repeated_each_is_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film((Segment("A fox, pan left", 1.0),), 320, 180, 24, 0, False, "")
    pairs = decoded(film.write(tmp_path / "pairs.mp4", lambda _: None))
    monkeypatch.setattr("oxen_video_tools.media.animatic.film.X264", {"preset": "veryfast", "qp": "24"})  # High profile
    path = film.write(tmp_path / "each.mp4", lambda _: None)
    assert probe(path).frames == 24
    for one, two in zip(pairs, decoded(path), strict=True):
        assert np.abs(luma(one) - luma(two)).mean() < 2


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
    def broken(directions: object, seconds: object) -> None:
        raise ZeroDivisionError("in the other thread")

    monkeypatch.setattr("oxen_video_tools.media.animatic.film.ambience", broken)
    with pytest.raises(ZeroDivisionError):
        Film(tuple(SHOTS), 160, 90, 24, 0, True, "").write(tmp_path / "film.mp4", lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_gone_is_replaced(tmp_path: Path) -> None:
    render(SHOTS, tmp_path / "one.mp4", size=(160, 90))
    assert child_process._idle
    for one in child_process._idle:
        one.process.kill()
        one.process.wait()
    render(SHOTS, tmp_path / "two.mp4", size=(160, 90))
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_a_process_that_dies_over_a_film_says_so(tmp_path: Path) -> None:
    def kill(share: float) -> None:
        taken[0].process.kill()

    taken = [child_process._Child()]
    child_process._idle.append(taken[0])
    with pytest.raises(Internal):
        render([Segment("A fox, push in", 60.0)], tmp_path / "film.mp4", size=(640, 360), on_progress=kill)
    assert list(tmp_path.iterdir()) == []


def test_a_process_stays_for_the_next_film_but_not_after_a_picture(tmp_path: Path) -> None:
    render(SHOTS, tmp_path / "one.mp4", size=(160, 90))
    stayed = child_process._idle[-1]
    render(SHOTS, tmp_path / "two.mp4", size=(160, 90))
    assert child_process._idle[-1] is stayed and stayed.answered > 1
    Image.new("RGB", (40, 30)).save(tmp_path / "image.png")
    waiting = list(child_process._idle)
    render([Segment("x", 0.5, tmp_path / "image.png")], tmp_path / "film.mp4", size=(160, 90))
    assert child_process._idle == waiting, "who opened a stranger's file ends with it"


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
def prepared(prompt: str, size: tuple[int, int], frames: int = 48, seed: int = 0) -> Card:
    direction, cuts = direct(prompt, seed=seed), Film((Segment(prompt, frames / 24),), *size, 24, 0, False, "").cuts()
    return Card(direction, Slate(size, direction, cuts, 0, 24, "", bool(direction.pictograms)), size, frames, 24)


def test_never_a_wrong_frame(tmp_path: Path) -> None:
    """Every frame of a long film, made by three threads on canvases that are only mended, is the one that is drawn
    whole; from one shot to the next there is a cut."""
    size, before = (960, 540), sys.getswitchinterval()
    film = Film(tuple(LONG), *size, 24, 0, True, "ANIMATIC PREVIEW")
    sys.setswitchinterval(1e-5)
    try:
        path = film.write(tmp_path / "film.mp4", lambda _: None)
    finally:
        sys.setswitchinterval(before)
    cuts, directions = film.cuts(), direct_all([shot.prompt for shot in LONG])
    frames = decoded(path)
    assert len(frames) == cuts[-1].end == 480
    for n, cut in enumerate(cuts):
        slate = Slate(size, directions[n], cuts, n, 24, film.mark, bool(directions[n].pictograms))
        card = Card(directions[n], slate, size, cut.end - cut.start, 24)
        for frame in range(cut.start, cut.end):
            canvas = Canvas(*size)
            card.draw(canvas, (frame - cut.start) // card.hold * card.hold)
            slate.lay_live(canvas.planes, frame - (frame - cut.start) % 2, slate.clock_ground(canvas.planes))
            wrong = np.abs(luma(frames[frame]) - canvas.planes[0])
            assert wrong.mean() < 2.5, frame
            assert np.abs(wrong.reshape(54, 10, 96, 10).mean((1, 3))).max() < 30, frame


def test_a_shot_that_asks_for_it_fades_in(tmp_path: Path) -> None:
    shots = [Segment("A fox in the snow", 1.0), Segment("A city at night", 1.0, fade=0.5)]
    frames = decoded(render(shots, tmp_path / "film.mp4", size=(320, 180)))
    light = [float(luma(frame)[40:140].mean()) for frame in frames]
    assert light[22] > light[26] > light[32] > light[40] + 1
    cut = decoded(render([shots[0], Segment("A city at night", 1.0)], tmp_path / "cut.mp4", size=(320, 180)))
    assert abs(float(luma(cut[24])[40:140].mean()) - light[40]) < 8


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


def test_every_place_size_light_weather_and_move_can_be_drawn() -> None:
    """In small, upright and wide: nothing raises, and every frame is full."""
    known = {kind: ["", *(row.code for row in rows)] for kind, rows in vocabulary().items()}
    canvases = {size: Canvas(*size) for size in ((96, 54), (54, 96))}
    for n, (place, (size, canvas)) in enumerate(product(known["place"], canvases.items())):
        for k in range(3):
            turn = n * 3 + k
            words = Direction(
                "A cliff",
                tuple(pictograms()[(turn * 7 + m * 13) % len(pictograms())] for m in range(turn % 6)),
                size=list(SIZES)[turn % len(SIZES)],
                move=MOVES[turn % len(MOVES)],
                place=place,
                light=known["light"][turn % len(known["light"])],
                weather=(known["weather"][turn % len(known["weather"])],),
                seed=turn,
            )
            cuts = Film((Segment("A cliff", 1.0),), *size, 24, 0, False, "").cuts()
            card = Card(words, Slate(size, words, cuts, 0, 24, "", bool(words.pictograms)), size, 24, 24)
            for frame in (0, 12, 23, 28):
                for plane in canvas.planes:
                    plane[:] = 1
                canvas.shows = None
                card.draw(canvas, frame)
                assert min(int(plane.min()) for plane in canvas.planes) > 1, words


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (420, 420), (840, 360)])
def test_a_closer_shot_shows_its_subject_larger(size: tuple[int, int]) -> None:
    covered = []
    for framing in ("Extreme wide shot", "Wide shot", "Medium shot", "Close-up"):
        card = prepared(f"{framing} of a red fox in the snow, locked off", size)
        one = card.placed[-1]
        covered.append(one.drawn.width * one.drawn.height * one.scale**2)
        assert 0 < one.x < size[0] and 0 < one.y < size[1]
    assert all(near > far * 1.3 for far, near in pairwise(covered)), covered


@pytest.mark.parametrize("framing", ["Extreme wide shot", "Wide shot", "Medium shot"])
@pytest.mark.parametrize("size", [(640, 360), (840, 360)])
def test_a_lone_subject_stands_on_a_third_and_close_up_in_the_middle(size: tuple[int, int], framing: str) -> None:
    sides = set()
    for seed in range(8):
        one = prepared(f"{framing} of a red fox in the snow, locked off", size, seed=seed).placed[-1]
        assert min(abs(one.x / size[0] - third) for third in (1 / 3, 2 / 3)) < 0.04
        sides.add(one.x < size[0] / 2)
    assert sides == {True, False}, "takes choose either side"
    one = prepared("Close-up of a red fox in the snow, locked off", size).placed[-1]
    assert abs(one.x / size[0] - 0.5) < 0.04


def test_the_backdrop_has_the_place_and_the_light_of_the_words() -> None:
    def seen(words: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean colours of the sky and of the ground at the left edge."""
        canvas = Canvas(640, 360)
        prepared(f"Wide shot of a red fox {words}, locked off", (640, 360)).draw(canvas, 0)
        shown = rgb(canvas.frame).astype(int)
        return shown[100:180, :20].mean((0, 1)), shown[245:265, :20].mean((0, 1))

    day, night, dusk = (seen(f"in the snow {light}")[0] for light in ("by day", "at night", "at dusk"))
    assert day.sum() > dusk.sum() * 1.3 > night.sum() * 1.3 * 1.3
    assert dusk[0] > dusk[1], "an evening sky is red"
    snow, desert, field = (seen(place)[1] for place in ("in the snow", "in the desert", "in a meadow"))
    assert snow.min() > 130 and desert[0] > desert[2] * 1.3 and field[1] > field[2] * 1.15


def test_a_balloon_is_as_red_as_its_words() -> None:
    card, canvas = prepared("A red balloon, locked off", (640, 360)), Canvas(640, 360)
    card.draw(canvas, 0)
    assert (canvas.planes[2] > 165).sum() > 300


def test_a_locked_off_camera_does_not_move() -> None:
    card, canvas = prepared("Wide shot of a fox in the desert, locked off", (320, 180)), Canvas(320, 180)
    assert card.hold > 4
    card.draw(canvas, 0)
    first = canvas.planes[0].copy()
    card.draw(canvas, 20)
    assert np.array_equal(first, canvas.planes[0])


@pytest.mark.parametrize("move", ["", "push in", "pull out", "pan left", "track right", "tilt up", "orbit", "handheld"])
def test_moves_are_even(move: str) -> None:
    """From frame to frame the picture changes by about as much: nothing trembles and nothing jumps."""
    card = prepared(f"Wide shot of a castle in the mountains at dawn, {move}", (640, 360))
    canvas, before, steps = Canvas(640, 360), None, []
    for frame in range(10, 38):
        card.draw(canvas, frame)
        now = canvas.planes[0].astype(np.int16)
        if before is not None:
            steps.append(float(np.abs(now - before).mean()))
        before = now
    assert np.median(steps) > 0.02
    assert max(steps) < 3 * np.median(steps) + 0.5


def test_where_machine_code_may_not_be_written_zooms_are_drawn_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidding(scaler: object, frame: object, width: int, height: int, smooth: str = "BILINEAR") -> object:
        if smooth == "FAST_BILINEAR":
            raise av.error.PermissionError(13, "mprotect failed")
        return scale_picture(scaler, frame, width, height, smooth)

    words, quick, plain = "Wide shot of a castle at dawn, push in", Canvas(640, 360), Canvas(640, 360)
    prepared(words, (640, 360)).draw(quick, 30)
    monkeypatch.setattr(sprites, "scale_picture", forbidding)
    prepared(words, (640, 360)).draw(plain, 30)
    wrong = np.abs(quick.planes[0].astype(int) - plain.planes[0])
    assert 0 < wrong.mean() < 2, "the same picture by another way"


def test_the_room_stays_small() -> None:
    files = Path(sprites.__file__).parent.glob("*.py")
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files) < 1800


def test_two_takes_differ_to_the_eye(tmp_path: Path) -> None:
    shots = [Segment("A chef chops onions in a kitchen", 0.5)]
    one, two = (rgb(decoded(render(shots, tmp_path / f"{n}.mp4", size=(320, 180), seed=7919 * n))[4]) for n in (1, 2))
    assert np.abs(one.astype(int) - two)[40:130].mean() > 4


def test_a_server_keeps_no_memory_of_its_previews(tmp_path: Path) -> None:
    """What grew the process that asked by 35 MB a preview stays in another."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("only Linux tells")

    def held() -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmRSS")).split()[1])

    before = held()
    for n in range(6):
        render([Segment(f"A fox and {n} dogs at night, push in", 0.5)], tmp_path / "film.mp4", size=(1280, 720))
    assert held() - before < 20_000


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
