"""What happens in a video, told from tiny pictures of its frames: cuts, black stretches, stretches that stand still.

libavfilter's `scdet`, `blackdetect` and `freezedetect` were measured beside this (PyAV 18, FFmpeg 8). On flat cuts,
a stop, black, and a pan with a cut and grain they find the same cuts and black stretches, for as much time: 0.3 ms a
frame at 1280 × 720, where decoding takes more. `freezedetect` looks at the mean alone: a small thing that moves over
a still picture is a freeze to it and none here, and of a stop under grain it missed the first 0.8 s, this 0.25 s. And
PyAV 16 doesn't hand out what filters write on frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from .decode import plane_of

Stretch = tuple[float, float]

CELLS = (64, 36)  # the tiny picture
CUT = 8.0  # % of full luma that the mean of all cells must jump by
CUTS_APART = 0.25  # seconds: a flash is no cut
BLACK_LUMA, BLACK_CELLS = 32, 0.98  # TV range: black is 16
BLACK_SECONDS = 0.1
STILL_CELL, STILL_MEAN = 6, 0.25  # levels that one cell, and all on average, may differ by: no encoder is quite still
STILL_SECONDS = 1.0
Tiny = npt.NDArray[np.int16]


@dataclass
class StretchDetector:
    """Shown every frame in order, remembers what happened. Times are seconds from the beginning."""

    cuts: list[float] = field(default_factory=list)
    black: list[Stretch] = field(default_factory=list)
    frozen: list[Stretch] = field(default_factory=list)
    _before: Tiny | None = None
    _jump: float = 0.0
    _black_since: float | None = None
    _still_since: float | None = None
    _still: Tiny | None = None
    _scaler: VideoReformatter = field(default_factory=VideoReformatter)

    def see(self, frame: Any, at: float) -> None:
        tiny = self._tiny(frame)
        self._look_for_cut(tiny, at)
        self._look_for_black(tiny, at)
        self._look_for_stillness(tiny, at)
        self._before = tiny

    def end(self, at: float) -> None:
        """at: the end of the last frame."""
        self._close_black(at)
        self._close_stillness(at)

    def _tiny(self, frame: Any) -> Tiny:
        small = self._scaler.reformat(frame, *CELLS, format="gray", interpolation="AREA")
        return plane_of(small.planes[0]).astype(np.int16)

    def _look_for_cut(self, tiny: Tiny, at: float) -> None:
        """A jump against the frame before that is also a jump in how much changes: fast motion is none (as scdet)."""
        if self._before is None:
            return
        jump = float(np.abs(tiny - self._before).mean()) / 2.55
        if min(jump, abs(jump - self._jump)) > CUT and (not self.cuts or at - self.cuts[-1] >= CUTS_APART):
            self.cuts.append(at)
        self._jump = jump

    def _look_for_black(self, tiny: Tiny, at: float) -> None:
        if (tiny < BLACK_LUMA).mean() >= BLACK_CELLS:
            self._black_since = at if self._black_since is None else self._black_since
        else:
            self._close_black(at)

    def _close_black(self, at: float) -> None:
        if self._black_since is not None and at - self._black_since >= BLACK_SECONDS:
            self.black.append((self._black_since, at))
        self._black_since = None

    def _look_for_stillness(self, tiny: Tiny, at: float) -> None:
        """Against the first frame of the stretch: a slow drift is no stillness. Black is told as black."""
        if self._black_since is not None:
            self._close_stillness(at)
            return
        if self._still is not None:
            change = np.abs(tiny - self._still)
            if change.max() <= STILL_CELL and change.mean() <= STILL_MEAN:
                return
        self._close_stillness(at)
        self._still, self._still_since = tiny, at

    def _close_stillness(self, at: float) -> None:
        if self._still_since is not None and at - self._still_since >= STILL_SECONDS:
            self.frozen.append((self._still_since, at))
        self._still = self._still_since = None
