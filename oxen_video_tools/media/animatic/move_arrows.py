"""The arrows of a storyboard: which way the camera goes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Box = tuple[int, int, int, int]  # left, top, right, bottom
Arrows = tuple[int, int, npt.NDArray[np.uint16]]  # x, y and a mask

SMOOTH = 2


def move_arrows(move: str, size: tuple[int, int], room: Box) -> Arrows | None:
    """Drawn inside `room`, which is free of words; None where the camera has no way to show."""
    unit = min(size)
    if room[3] - room[1] < unit * 0.25 or move in ("", "static", "handheld"):
        return None
    image = Image.new("L", (size[0] * SMOOTH, size[1] * SMOOTH))
    pen = _Pen(ImageDraw.Draw(image), room, unit * SMOOTH)
    if move in ("push_in", "aerial", "pull_out"):
        pen.corners(outwards=move == "pull_out")
    elif move == "orbit":
        pen.arc()
    elif move.startswith("tilt"):
        ends = ((0.96, 0.75), (0.96, 0.25))
        pen.arrow(*(ends if move == "tilt_up" else ends[::-1]))
    else:
        way = ((0.62, 0.5), (0.94, 0.5)) if move.endswith("right") else ((0.38, 0.5), (0.06, 0.5))
        pen.arrow(*way)
        if move.startswith("track"):
            shift = -0.56 if move.endswith("right") else 0.56
            pen.arrow(*((x + shift, y) for x, y in way))
    small = image.reduce(SMOOTH)
    box = small.getbbox()
    return None if box is None else (box[0], box[1], np.asarray(small.crop(box)).astype(np.uint16))


class _Pen:
    """Coordinates are shares of the room."""

    def __init__(self, draw: ImageDraw.ImageDraw, room: Box, unit: int) -> None:
        self.draw, self.unit = draw, unit
        self.left, self.top, self.right, self.bottom = (side * SMOOTH for side in room)
        self.thick = max(3, round(unit * 0.0035))

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * (self.right - self.left), self.top + y * (self.bottom - self.top)

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        (x0, y0), (x1, y1) = self.at(*start), self.at(*end)
        angle, head = math.atan2(y1 - y0, x1 - x0), self.unit * 0.032
        self.draw.line([(x0, y0), (x1, y1)], fill=255, width=self.thick)
        sides = [(x1 - head * math.cos(angle + turn), y1 - head * math.sin(angle + turn)) for turn in (-0.45, 0.45)]
        self.draw.polygon([(x1 + head * 0.25 * math.cos(angle), y1 + head * 0.25 * math.sin(angle)), *sides], fill=255)

    def corners(self, outwards: bool) -> None:
        """A frame within the frame, and an arrow at each of its corners."""
        self.draw.rectangle([*self.at(0.22, 0.20), *self.at(0.78, 0.80)], outline=255, width=self.thick)
        for x in (-1, 1):
            for y in (-1, 1):
                outer, inner = (0.5 + x * 0.42, 0.5 + y * 0.45), (0.5 + x * 0.30, 0.5 + y * 0.325)
                self.arrow(*((inner, outer) if outwards else (outer, inner)))

    def arc(self) -> None:
        (x0, y0), (x1, y1) = self.at(0.22, 0.35), self.at(0.78, 0.95)
        self.draw.arc([x0, y0, x1, y1], 20, 160, fill=255, width=self.thick)
        angle = math.radians(160)
        x, y = (x0 + x1) / 2 + (x1 - x0) / 2 * math.cos(angle), (y0 + y1) / 2 + (y1 - y0) / 2 * math.sin(angle)
        head = self.unit * 0.03
        self.draw.polygon(
            [(x - head * 0.7, y - head * 0.6), (x + head * 0.75, y - head * 0.05), (x + 0.1 * head, y + head * 0.8)],
            fill=255,
        )
