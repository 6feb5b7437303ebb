"""Things and plants."""

from __future__ import annotations

import math

from PIL import ImageDraw

from .pen import Pen

LIGHT = 200


def balloon(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """On a string."""
    pen = Pen(draw, width, height)
    pen.curve(
        [
            (0.5, 0.0),
            (0.82, 0.07),
            (0.99, 0.24),
            (0.90, 0.42),
            (0.66, 0.56),
            (0.5, 0.60),
            (0.34, 0.56),
            (0.10, 0.42),
            (0.01, 0.24),
            (0.18, 0.07),
        ]
    )
    pen.polygon([(0.44, 0.62), (0.5, 0.585), (0.56, 0.62)])
    string = [(0.5 + 0.06 * math.sin(t * 0.9), 0.615 + 0.0385 * t) for t in range(11)]
    draw.line(pen.at(string), fill=220, width=max(1, round(height * 0.008)))


def tree(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.polygon([(0.465, 0.40), (0.535, 0.40), (0.55, 0.86), (0.60, 1.0), (0.40, 1.0), (0.45, 0.86)])
    for x, y in ((0.30, 0.44), (0.70, 0.42)):
        pen.line([(0.5, 0.66), (x, y)], 0.026)
    crown = ((0.50, 0.17, 0.17), (0.30, 0.27, 0.15), (0.70, 0.26, 0.15), (0.19, 0.40, 0.12), (0.81, 0.39, 0.12))
    for x, y, radius in (*crown, (0.40, 0.42, 0.14), (0.61, 0.42, 0.14), (0.50, 0.31, 0.17)):
        pen.disc(x, y, radius)


def flower(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.line([(0.5, 0.30), (0.52, 0.60), (0.49, 1.0)], 0.022)
    pen.curve([(0.51, 0.76), (0.66, 0.62), (0.86, 0.58), (0.76, 0.70)])
    for n in range(7):
        angle = 2 * math.pi * n / 7
        pen.oval(0.5 + 0.25 * math.cos(angle), 0.20 + 0.125 * math.sin(angle), 0.17, 0.085)
    pen.disc(0.5, 0.20, 0.062, 150)


def bottle(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.box(0.08, 0.32, 0.92, 1.0, 0.05)
    pen.curve([(0.10, 0.42), (0.16, 0.31), (0.38, 0.24), (0.62, 0.24), (0.84, 0.31), (0.90, 0.42), (0.5, 0.5)])
    pen.box(0.38, 0.14, 0.62, 0.28)
    pen.box(0.34, 0.0, 0.66, 0.16, 0.02)
    pen.box(0.24, 0.52, 0.76, 0.80, 0.01, LIGHT)


def cup(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.ring(0.70, 0.50, 0.21, 0.075)
    pen.curve(
        [(0.12, 0.16), (0.14, 0.56), (0.26, 0.86), (0.42, 0.90), (0.58, 0.86), (0.70, 0.56), (0.72, 0.16), (0.42, 0.19)]
    )
    pen.oval(0.42, 0.165, 0.30, 0.075, LIGHT)
    pen.oval(0.42, 0.94, 0.40, 0.06)


def phone(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.box(0.02, 0.0, 0.98, 1.0, 0.07)
    pen.box(0.09, 0.04, 0.91, 0.96, 0.045, 150)
    pen.box(0.38, 0.06, 0.62, 0.075, 0.008)


def laptop(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.box(0.12, 0.02, 0.88, 0.84, 0.04)
    pen.box(0.155, 0.075, 0.845, 0.77, 0.01, 150)
    pen.polygon([(0.08, 0.84), (0.92, 0.84), (1.0, 0.96), (0.98, 1.0), (0.02, 1.0), (0.0, 0.96)])


def book(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """Open, standing on its lower edge."""
    pen = Pen(draw, width, height)
    for side in (-1, 1):
        top = [(0.5 * t / 8, 0.16 - 0.12 * math.sin(math.pi * min(1.0, t / 7))) for t in range(9)]
        page = [*top, *((x, y + 0.80) for x, y in top[::-1])]
        pen.polygon([(0.5 + side * x, y) for x, y in page], 255 if side < 0 else 222)


def sneaker(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.curve(
        [
            (0.03, 0.80),
            (0.04, 0.40),
            (0.06, 0.14),
            (0.20, 0.16),
            (0.33, 0.10),
            (0.46, 0.34),
            (0.70, 0.52),
            (0.93, 0.60),
            (0.99, 0.78),
            (0.5, 0.84),
        ]
    )
    pen.box(0.02, 0.80, 0.99, 0.97, 0.06, 225)
    for n in range(3):
        pen.line([(0.36 + 0.075 * n, 0.28 + 0.085 * n), (0.45 + 0.075 * n, 0.22 + 0.095 * n)], 0.03, 150)


def watch(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.polygon(
        [(0.30, 0.0), (0.70, 0.0), (0.78, 0.32), (0.78, 0.68), (0.70, 1.0), (0.30, 1.0), (0.22, 0.68), (0.22, 0.32)]
    )
    pen.disc(0.5, 0.5, 0.285)
    pen.disc(0.5, 0.5, 0.235, 175)
    pen.line([(0.5, 0.5), (0.5, 0.33)], 0.022)
    pen.line([(0.5, 0.5), (0.63, 0.56)], 0.022)
    pen.box(0.93, 0.47, 1.0, 0.53)
