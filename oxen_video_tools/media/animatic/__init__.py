"""A request → a free preview film: a card of pictograms for each shot, or a camera move over the user's own picture.

It says which subjects were understood, how large they are in the frame, which move, which light, how long and which
words; what was not understood is not drawn. It does not claim to show what a model will make, and carries a mark that
says so in every frame.

    vocabulary, languages   words of film, place and light       pictograms  which pictogram a word stands for
    direction               a prompt → what its card shows       card, photo the two kinds of picture
    backdrop, sprites       what a card is made of               camera      how it moves
    slate, text             number, slug line, caption, times    film        draw, encode, write
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InvalidRequest
from ..probe import require_media_extra

MOST_SECONDS = 900.0
MOST_SHOTS = 120
MOST_SIDE = 4096
LEAST_SIDE = 32

OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class Segment:
    """One shot. prompt: any text, any length.  seconds: its length.  image: a picture to show instead of pictograms.

    fade: seconds over which it fades in over the shot before; 0: a cut.
    """

    prompt: str
    seconds: float
    image: Path | None = None
    fade: float = 0.0


def render(
    shots: Sequence[Segment],
    path: Path | str,
    *,
    size: tuple[int, int] = (1280, 720),
    fps: int = 24,
    seed: int = 0,
    audio: bool = False,
    mark: str = "ANIMATIC PREVIEW",
    on_progress: OnProgress | None = None,
) -> Path:
    """Writes an H.264 MP4 (index first) of `shots` to `path`, which appears only when it is whole.

    size: width and height in pixels, made even.  seed: the same seed draws the same film.  audio: adds a quiet bed.
    mark: small words that stand in every frame.  on_progress: called with 0 to 1, in rising order, in this thread; what
    it raises ends the rendering.
    Raises InvalidRequest for what is out of bounds, InputUnreadable for an image that can't be read, NotInstalled.
    """
    _bounded(shots, size, fps)
    with require_media_extra():
        from .film import Film
    width, height = (max(2, round(side / 2) * 2) for side in size)
    film = Film(tuple(shots), width, height, fps, seed, audio, mark)
    return film.write(Path(path), on_progress or _untold)


def _untold(fraction: float) -> None:
    """Nobody wants to hear."""
    del fraction


def in_bounds(shots: Sequence[Segment], size: tuple[int, int], fps: int = 24) -> tuple[int, int]:
    """Width and height in pixels, made even. Raises InvalidRequest for what is out of bounds."""
    _bounded(shots, size, fps)
    width, height = (max(2, round(side / 2) * 2) for side in size)
    return width, height


def _bounded(shots: Sequence[Segment], size: tuple[int, int], fps: int) -> None:
    problems = []
    lengths = [shot.seconds for shot in shots]
    if not 1 <= len(shots) <= MOST_SHOTS:
        problems.append(f"an animatic has 1 to {MOST_SHOTS} shots, not {len(shots)}")
    if not all(math.isfinite(seconds) and seconds > 0 for seconds in lengths):
        problems.append("every shot needs a length above 0 s")
    elif sum(lengths) > MOST_SECONDS:
        problems.append(f"an animatic is at most {MOST_SECONDS:.0f} s long, not {sum(lengths):.0f} s")
    if not all(LEAST_SIDE <= side <= MOST_SIDE for side in size):
        problems.append(f"each side has {LEAST_SIDE} to {MOST_SIDE} pixels, not {size[0]} × {size[1]}")
    if not 1 <= fps <= 60:
        problems.append(f"it has 1 to 60 frames a second, not {fps}")
    if problems:
        raise InvalidRequest("; ".join(problems), problems=problems)
