"""One shot, ready to be drawn frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .canvas import Canvas
from .direction import Direction
from .slate import Slate


class Stage:
    """draw(canvas, n) draws frame n of the shot; n runs a little below 0 and beyond `frames` while cuts fade."""

    def __init__(
        self, size: tuple[int, int], direction: Direction, image: Path | None, frames: int, fps: int, slate: Slate
    ) -> None:
        self.frames = frames
        width, height = size
        rows = np.linspace(60, 110, height).astype(np.uint8)
        self._luma = np.ascontiguousarray(np.broadcast_to(rows[:, None], (height, width)))

    def draw(self, canvas: Canvas, n: int) -> None:
        canvas.planes[0][:] = self._luma
        canvas.planes[1][:] = 132
        canvas.planes[2][:] = 126
