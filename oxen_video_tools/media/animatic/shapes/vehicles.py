"""What moves people, from the side, going right."""

from __future__ import annotations

import math

from PIL import ImageDraw

from .pen import Pen

GLASS = 110  # a fill that lets the picture behind shine through


def car(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.curve(
        [
            (0.01, 0.66),
            (0.02, 0.50),
            (0.15, 0.40),
            (0.28, 0.12),
            (0.40, 0.03),
            (0.58, 0.04),
            (0.72, 0.30),
            (0.92, 0.42),
            (0.99, 0.56),
            (0.985, 0.78),
            (0.75, 0.82),
            (0.25, 0.82),
            (0.02, 0.80),
        ]
    )
    pen.polygon([(0.265, 0.36), (0.335, 0.14), (0.465, 0.10), (0.465, 0.36)], GLASS)
    pen.polygon([(0.49, 0.36), (0.49, 0.10), (0.575, 0.12), (0.675, 0.36)], GLASS)
    for x in (0.205, 0.785):
        pen.disc(x, 0.79, 0.205)
        pen.disc(x, 0.79, 0.095, 170)


def bus(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.box(0.01, 0.06, 0.99, 0.86, 0.09)
    for n in range(5):
        pen.box(0.05 + 0.155 * n, 0.18, 0.17 + 0.155 * n, 0.46, 0.03, GLASS)
    pen.box(0.845, 0.18, 0.965, 0.56, 0.03, GLASS)
    for x in (0.19, 0.79):
        pen.disc(x, 0.85, 0.15)
        pen.disc(x, 0.85, 0.065, 170)


def train(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    for left in (0.0, 0.34):
        pen.box(left, 0.14, left + 0.325, 0.84, 0.05)
        for n in range(4):
            pen.box(left + 0.025 + 0.075 * n, 0.28, left + 0.075 + 0.075 * n, 0.50, 0.03, GLASS)
    pen.curve([(0.68, 0.14), (0.80, 0.14), (0.92, 0.24), (0.985, 0.50), (1.0, 0.74), (0.97, 0.84), (0.68, 0.84)])
    pen.polygon([(0.875, 0.30), (0.91, 0.30), (0.955, 0.50), (0.875, 0.50)], GLASS)
    for n in range(3):
        pen.box(0.70 + 0.055 * n, 0.28, 0.735 + 0.055 * n, 0.50, 0.03, GLASS)
    for n in range(12):
        pen.disc(0.04 + 0.083 * n, 0.89, 0.085)


def bicycle(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    for x in (0.21, 0.79):
        pen.ring(x, 0.70, 0.29, 0.035)
        pen.disc(x, 0.70, 0.03)
    frame = [(0.21, 0.70), (0.42, 0.70), (0.70, 0.30), (0.36, 0.32), (0.42, 0.70)]
    pen.line(frame, 0.035)
    pen.line([(0.21, 0.70), (0.36, 0.32), (0.33, 0.20)], 0.035)
    pen.line([(0.79, 0.70), (0.68, 0.20), (0.76, 0.13), (0.80, 0.18)], 0.035)
    pen.line([(0.28, 0.19), (0.40, 0.19)], 0.05)


def airplane(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.curve(
        [
            (0.02, 0.50),
            (0.12, 0.42),
            (0.60, 0.40),
            (0.86, 0.42),
            (0.97, 0.52),
            (0.99, 0.58),
            (0.86, 0.64),
            (0.40, 0.66),
            (0.12, 0.58),
        ]
    )
    pen.polygon([(0.03, 0.50), (0.00, 0.08), (0.09, 0.08), (0.22, 0.46)])
    pen.polygon([(0.62, 0.52), (0.36, 0.98), (0.28, 0.98), (0.40, 0.54)])
    pen.polygon([(0.60, 0.44), (0.42, 0.16), (0.36, 0.16), (0.44, 0.44)])


def rocket(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """A ship that flies through space."""
    pen = Pen(draw, width, height)
    pen.curve(
        [(0.04, 0.50), (0.06, 0.34), (0.40, 0.28), (0.72, 0.34), (0.99, 0.52), (0.72, 0.64), (0.40, 0.72), (0.06, 0.66)]
    )
    pen.polygon([(0.06, 0.38), (0.00, 0.02), (0.12, 0.04), (0.40, 0.32)])
    pen.polygon([(0.06, 0.62), (0.00, 0.98), (0.12, 0.96), (0.40, 0.68)])
    pen.curve([(0.62, 0.36), (0.72, 0.36), (0.82, 0.44), (0.70, 0.46)], GLASS)


def sailboat(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.curve([(0.02, 0.80), (0.30, 0.82), (0.70, 0.82), (0.99, 0.77), (0.86, 0.97), (0.50, 1.0), (0.16, 0.97)])
    pen.line([(0.49, 0.82), (0.49, 0.01)], 0.012)
    pen.curve([(0.515, 0.04), (0.66, 0.36), (0.90, 0.72), (0.70, 0.745), (0.515, 0.74)], 225)
    pen.curve([(0.465, 0.12), (0.30, 0.46), (0.12, 0.72), (0.30, 0.745), (0.465, 0.74)], 205)


def boat(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.curve(
        [
            (0.0, 0.22),
            (0.12, 0.40),
            (0.50, 0.46),
            (0.88, 0.40),
            (1.0, 0.18),
            (0.93, 0.72),
            (0.80, 0.96),
            (0.20, 0.96),
            (0.07, 0.72),
        ]
    )
    pen.line([(0.30, 0.40), (0.56, 0.06)], 0.07)


def hot_air_balloon(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.curve(
        [
            (0.50, 0.0),
            (0.76, 0.04),
            (0.95, 0.20),
            (0.97, 0.38),
            (0.82, 0.56),
            (0.62, 0.74),
            (0.38, 0.74),
            (0.18, 0.56),
            (0.03, 0.38),
            (0.05, 0.20),
            (0.24, 0.04),
        ]
    )
    for n in (-1, 1):
        pen.line([(0.5 + n * 0.11, 0.73), (0.5 + n * 0.075, 0.90)], 0.008)
    pen.box(0.41, 0.885, 0.59, 1.0, 0.015)
    for side in (-0.5, 0.5):
        points = [(0.5 + side * math.sin(math.pi * t / 10) * 0.62, 0.01 + 0.073 * t) for t in range(11)]
        draw.line(pen.at(points), fill=205, width=max(1, round(height * 0.012)))
