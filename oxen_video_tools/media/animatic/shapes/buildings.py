"""Buildings, seen from afar."""

from __future__ import annotations

import math

from PIL import ImageDraw

from .pen import Pen

GLASS = 120


def lighthouse(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.polygon([(0.30, 0.22), (0.70, 0.22), (0.84, 1.0), (0.16, 1.0)])
    pen.box(0.20, 0.20, 0.80, 0.235)
    pen.box(0.34, 0.09, 0.66, 0.21, 0, 150)
    pen.polygon([(0.28, 0.095), (0.5, 0.0), (0.72, 0.095)])
    for x in (0.33, 0.63):
        pen.box(x, 0.09, x + 0.04, 0.21)


def house(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.box(0.70, 0.08, 0.79, 0.40)
    pen.polygon([(0.0, 0.50), (0.5, 0.02), (1.0, 0.50), (0.94, 0.54), (0.06, 0.54)])
    pen.box(0.09, 0.48, 0.91, 1.0)
    pen.box(0.24, 0.62, 0.38, 0.80, 0, GLASS)
    pen.box(0.64, 0.62, 0.78, 0.80, 0, GLASS)


def castle(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.box(0.10, 0.56, 0.90, 1.0)
    for left, top, wide in ((0.02, 0.36, 0.20), (0.78, 0.32, 0.20), (0.36, 0.10, 0.28)):
        pen.box(left, top, left + wide, 1.0)
        for n in range(4):
            pen.box(left + wide * (n / 3.55), top - 0.05, left + wide * (n / 3.55 + 0.155), top)
    pen.polygon([(0.36, 0.06), (0.50, -0.02), (0.64, 0.06)])
    for x, y in ((0.12, 0.48), (0.88, 0.44), (0.50, 0.24), (0.50, 0.40)):
        pen.box(x - 0.016, y, x + 0.016, y + 0.07, 0.01, GLASS)


def tower(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.polygon([(0.24, 0.16), (0.76, 0.16), (0.86, 1.0), (0.14, 1.0)])
    pen.box(0.14, 0.14, 0.86, 0.18)
    pen.polygon([(0.22, 0.14), (0.5, 0.0), (0.78, 0.14)])
    for n in range(5):
        pen.box(0.44, 0.26 + 0.14 * n, 0.56, 0.31 + 0.14 * n, 0.005, GLASS)


def windmill(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.polygon([(0.40, 0.36), (0.60, 0.36), (0.70, 1.0), (0.30, 1.0)])
    pen.polygon([(0.38, 0.37), (0.5, 0.24), (0.62, 0.37)])
    for n in range(4):
        angle = math.radians(24 + 90 * n)
        along, side = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        blade = [(0.06, 0.0), (0.37, 0.0), (0.37, 0.075), (0.10, 0.075)]
        ratio = height / width
        pen.polygon(
            [(0.5 + (a * along[0] + b * side[0]) * ratio, 0.36 + a * along[1] + b * side[1]) for a, b in blade], 210
        )
        pen.line([(0.5, 0.36), (0.5 + 0.37 * along[0] * ratio, 0.36 + 0.37 * along[1])], 0.012)


def bridge(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """Hung between two towers."""
    pen = Pen(draw, width, height)
    pen.box(0.0, 0.66, 1.0, 0.74)
    for x in (0.25, 0.75):
        pen.box(x - 0.014, 0.04, x + 0.014, 1.0)

    def cable(x: float) -> float:
        inner = (x - 0.5) / 0.25
        outer = (abs(x - 0.5) - 0.25) / 0.25
        return 0.60 - 0.54 * inner**2 if abs(inner) <= 1 else 0.06 + 0.58 * outer

    pen.line([(n / 60, cable(n / 60)) for n in range(61)], 0.022)
    for n in range(1, 30):
        x = n / 30
        draw.line(pen.at([(x, cable(x)), (x, 0.68)]), fill=190, width=max(1, round(height * 0.01)))


def tent(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.polygon([(0.0, 1.0), (0.36, 0.06), (0.72, 0.10), (1.0, 1.0)])
    pen.polygon([(0.16, 1.0), (0.36, 0.22), (0.50, 1.0)], 175)
