"""The arrows of a storyboard: which way the camera goes."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from ..decode import Bytes

Room = tuple[int, int, int, int]  # left, top, right, bottom
Stroke = tuple[int, int, Bytes]  # x, y and a mask

SMOOTH = 2


def move_arrows(move: str, size: tuple[int, int], room: Room) -> list[Stroke]:
    """Drawn inside `room`, which is free of words; none where the camera has no way to show."""
    unit = min(size)
    if room[3] - room[1] < unit * 0.25 or move in ("", "static", "handheld", "drift"):
        return []
    pen = _Pen(room, unit)
    if move in ("push_in", "aerial", "pull_out"):
        pen.corners(outwards=move == "pull_out")
    elif move == "orbit":
        pen.arc()
    elif move.startswith("tilt"):
        ends = ((0.97, 0.75), (0.97, 0.25))
        pen.arrow(*(ends if move == "tilt_up" else ends[::-1]))
    else:
        shift = 0.0 if move.startswith("track") else 0.22
        ways = ((0.28 + shift, 0.96), (0.72 + shift, 0.96)), ((0.72 - shift, 0.96), (0.28 - shift, 0.96))
        pen.arrow(*ways[move.endswith("left")])
    return pen.strokes


class _Pen:
    """Coordinates are shares of the room. Every stroke is a small mask of its own."""

    def __init__(self, room: Room, unit: int) -> None:
        self.unit = unit
        self.left, self.top, self.right, self.bottom = room
        self.thick = max(2, round(unit * 0.0045))
        self.strokes: list[Stroke] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * (self.right - self.left), self.top + y * (self.bottom - self.top)

    def _drawn(self, lines: list[list[tuple[float, float]]], filled: list[tuple[float, float]]) -> None:
        points = [point for line in [*lines, filled] for point in line]
        x0, y0 = (int(min(point[n] for point in points)) - self.thick for n in (0, 1))
        x1, y1 = (int(max(point[n] for point in points)) + self.thick + 1 for n in (0, 1))
        image = Image.new("L", ((x1 - x0) * SMOOTH, (y1 - y0) * SMOOTH))
        draw = ImageDraw.Draw(image)
        for line in lines:
            draw.line([((x - x0) * SMOOTH, (y - y0) * SMOOTH) for x, y in line], fill=255, width=self.thick * SMOOTH)
        if filled:
            draw.polygon([((x - x0) * SMOOTH, (y - y0) * SMOOTH) for x, y in filled], fill=255)
        self.strokes.append((x0, y0, np.asarray(image.reduce(SMOOTH))))

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        (x0, y0), (x1, y1) = self.at(*start), self.at(*end)
        angle, head = math.atan2(y1 - y0, x1 - x0), self.unit * 0.034
        sides = [(x1 - head * math.cos(angle + turn), y1 - head * math.sin(angle + turn)) for turn in (-0.45, 0.45)]
        tip = (x1 + head * 0.25 * math.cos(angle), y1 + head * 0.25 * math.sin(angle))
        self._drawn([[(x0, y0), (x1, y1)]], [tip, *sides])

    def corners(self, outwards: bool) -> None:
        """The corners of a frame within the frame, and an arrow at each of them."""
        for x in (-1, 1):
            for y in (-1, 1):
                outer, inner = (0.5 + x * 0.44, 0.5 + y * 0.47), (0.5 + x * 0.35, 0.5 + y * 0.375)
                self.arrow(*((inner, outer) if outwards else (outer, inner)))
                corner = (0.5 + x * 0.34, 0.5 + y * 0.365)
                legs = [(corner[0] - x * 0.07, corner[1]), corner, (corner[0], corner[1] - y * 0.12)]
                self._drawn([[self.at(*point) for point in legs]], [])

    def arc(self) -> None:
        """Half an ellipse below the subject."""
        turns = [math.radians(20 + 140 * n / 24) for n in range(25)]
        line = [self.at(0.5 + 0.30 * math.cos(turn), 0.70 + 0.26 * math.sin(turn)) for turn in turns]
        (x0, y0), (x1, y1) = line[-2:]
        angle, head = math.atan2(y1 - y0, x1 - x0), self.unit * 0.034
        sides = [(x1 - head * math.cos(angle + turn), y1 - head * math.sin(angle + turn)) for turn in (-0.5, 0.5)]
        self._drawn([line], [(x1 + head * 0.4 * math.cos(angle), y1 + head * 0.4 * math.sin(angle)), *sides])
