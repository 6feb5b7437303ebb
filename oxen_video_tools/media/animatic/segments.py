"""What may be drawn: the shots of an animatic, and their bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InvalidRequest

MOST_SECONDS = 900.0
MOST_SHOTS = 120
MOST_SIDE = 4096
LEAST_SIDE = 32


@dataclass(frozen=True)
class Segment:
    """One shot. prompt: any text, any length.  seconds: its length.  image: a picture to show instead of pictograms.

    fade: seconds over which it fades in over the shot before; 0: a cut.
    """

    prompt: str
    seconds: float
    image: Path | None = None
    fade: float = 0.0


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
