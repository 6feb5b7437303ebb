"""What stands over the picture: every part of it is there, where it belongs, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from oxen_video_tools.media.animatic.slate import Cut, Slate
from oxen_video_tools.media.animatic.sprites import Canvas
from oxen_video_tools.media.understanding import direct

GREY = 120
CUTS = [Cut(1, 0, 96, 4.0), Cut(2, 96, 240, 6.0)]
SIZES = [(1280, 720), (720, 1280), (720, 720), (1680, 720), (640, 360)]
WORDS = "Close-up of the keeper in a forest at dawn"


def laid(
    size: tuple[int, int] = (1280, 720),
    frame: int = 95,
    *,
    prompt: str = WORDS,
    number: int = 0,
    mark: str = "ANIMATIC PREVIEW",
    cuts: list[Cut] = CUTS,
    pictured: bool = True,
) -> Canvas:
    """An even grey with the slate over it."""
    canvas = Canvas(*size)
    canvas.planes[0][:] = GREY
    for plane in canvas.planes[1:]:
        plane[:] = 128
    slate = Slate(size, direct(prompt), cuts, number, 24, mark, pictured)
    slate.lay_arrows(canvas.planes)
    slate.lay_still(canvas.planes)
    slate.lay_live(canvas.planes, frame, slate.clock_ground(canvas.planes))
    return canvas


def luma(canvas: Canvas) -> np.ndarray:
    return canvas.planes[0].astype(int)


def changed(one: Canvas, two: Canvas) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of where two differ, in shares of the frame."""
    rows, columns = np.nonzero(np.abs(luma(one) - luma(two)) > 8)
    assert len(rows), "nothing changed"
    height, width = one.planes[0].shape
    return columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height


@pytest.mark.parametrize("size", SIZES)
def test_words_stand_above_and_below_and_the_middle_stays_free(size: tuple[int, int]) -> None:
    shown = luma(laid(size))
    middle = shown[size[1] * 45 // 100 : size[1] * 55 // 100]
    assert (middle == GREY).all()
    assert (shown[: size[1] // 3] > 200).sum() > 300 and (shown[size[1] * 2 // 3 :] > 200).sum() > 300
    edge = max(4, round(min(size) * 0.045)) // 2
    assert shown[:, :edge].max() <= GREY + 1 and shown[:, -edge:].max() <= GREY + 1, "words that run out of the frame"


@pytest.mark.parametrize("size", SIZES)
def test_grey_stays_grey(size: tuple[int, int]) -> None:
    """Neither darkness nor words tint what is under them."""
    for plane in laid(size).planes[1:]:
        assert (plane == 128).all()


def test_the_number_and_the_length_are_the_shots_own() -> None:
    _, _, right, bottom = changed(laid(number=0), laid(number=0, cuts=[Cut(7, 0, 96, 4.0), CUTS[1]]))
    assert right < 0.12 and bottom < 0.2
    _, _, right, bottom = changed(laid(), laid(cuts=[Cut(1, 0, 96, 9.5), CUTS[1]]))
    assert bottom < 0.2 and right < 0.5


def test_the_slug_line_and_the_caption_are_the_words_own() -> None:
    _, top, _, bottom = changed(laid(), laid(prompt=WORDS.replace("dawn", "dusk")))
    assert top < 0.12 and bottom > 0.8, "both the slug line and the caption say it"


def test_the_timecode_runs_and_says_the_frame() -> None:
    left, _, _, _ = changed(laid(frame=70, mark=""), laid(frame=71, mark=""))
    one, two = luma(laid(frame=70)), luma(laid(frame=71))
    clock = np.abs(one - two)[:200, 900:]
    assert clock.max() > 100, "the last digit is another"
    assert left > 0.03
    assert not np.abs(one - two)[200:600].any()


def test_the_timeline_fills_and_has_a_gap_between_two_shots() -> None:
    line = [luma(laid(frame=frame, number=int(frame > 95)))[698:702].max(0) for frame in (0, 60, 239)]
    lit = [(row > 200).sum() for row in line]
    assert lit[0] < 20 < lit[1] < lit[2] and lit[2] > 1100
    assert (line[2][1248:] <= GREY).all()
    gap = 32 + round(96 / 240 * 1216)
    assert (line[2][gap - 4 : gap] < 200).any(), "nothing parts the first shot from the second"


@pytest.mark.parametrize(
    ("move", "shown"),
    [("push in", True), ("pan right", True), ("tilt up", True), ("orbit", True), ("locked off", False)],
)
def test_arrows_show_the_move(move: str, shown: bool) -> None:
    prompt = f"Wide shot of a forest at dawn, {move}"
    middle = luma(laid(frame=12, prompt=prompt))[120:640]
    assert bool((middle > GREY + 20).sum() > 100) is shown


@pytest.mark.parametrize("size", SIZES)
def test_without_a_picture_the_words_stand_large_in_the_middle(size: tuple[int, int]) -> None:
    prompt = "Quantum entanglement visualised as poetry"
    middle = slice(size[1] * 40 // 100, size[1] * 62 // 100)
    assert (luma(laid(size, prompt=prompt, pictured=False))[middle] > 200).sum() > 200
    assert (luma(laid(size, prompt=prompt))[middle] > 200).sum() == 0


def test_the_mark_is_small_and_in_its_corner() -> None:
    left, top, right, bottom = changed(laid(), laid(mark=""))
    assert left > 0.8 and bottom < 0.12 and right <= 0.98 and top > 0.02
