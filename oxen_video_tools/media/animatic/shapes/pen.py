"""Drawing in shares of a mask's width and height."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

Point = tuple[float, float]


class Pen:
    """Every coordinate is a share: (0, 0) upper left, (1, 1) lower right; thickness in shares of the height."""

    def __init__(self, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        self.draw, self.width, self.height = draw, width, height

    def at(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.width, y * self.height) for x, y in points]

    def polygon(self, points: Sequence[Point], fill: int = 255) -> None:
        self.draw.polygon(self.at(points), fill=fill)

    def curve(self, points: Sequence[Point], fill: int = 255) -> None:
        """A closed smooth line through the points, filled."""
        self.draw.polygon(self.at(smooth(points)), fill=fill)

    def line(self, points: Sequence[Point], thick: float, fill: int = 255) -> None:
        """With round ends."""
        width = max(1, round(thick * self.height))
        places = self.at(points)
        self.draw.line(places, fill=fill, width=width, joint="curve")
        for x, y in (places[0], places[-1]):
            self.draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=fill)

    def disc(self, x: float, y: float, radius: float, fill: int = 255) -> None:
        """radius: share of the height."""
        self.oval(x, y, radius * self.height / self.width, radius, fill)

    def oval(self, x: float, y: float, across: float, down: float, fill: int = 255) -> None:
        (left, top), (right, bottom) = self.at([(x - across, y - down), (x + across, y + down)])
        self.draw.ellipse([left, top, right, bottom], fill=fill)

    def ring(self, x: float, y: float, radius: float, thick: float, fill: int = 255) -> None:
        r, wide = radius * self.height, max(1, round(thick * self.height))
        cx, cy = x * self.width, y * self.height
        self.draw.ellipse([cx - r, cy - r, cx + r, cy + r], outline=fill, width=wide)

    def box(self, left: float, top: float, right: float, bottom: float, round_: float = 0, fill: int = 255) -> None:
        """round_: radius of the corners, share of the height."""
        (x0, y0), (x1, y1) = self.at([(left, top), (right, bottom)])
        self.draw.rounded_rectangle([x0, y0, x1, y1], round_ * self.height, fill=fill)


def smooth(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """A closed Catmull-Rom curve through the points."""
    p1 = np.asarray(points, np.float64)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    curve = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    return [(float(x), float(y)) for x, y in (curve / 2).transpose(1, 0, 2).reshape(-1, 2)]


def mirrored(points: Sequence[Point]) -> list[Point]:
    """A right half, from top to bottom, made whole around x = 0.5."""
    return [*points, *((1 - x, y) for x, y in points[::-1])]
