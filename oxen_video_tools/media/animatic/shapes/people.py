"""People as signs show them: no sex, no skin, no hair, no dress. Who it is says the prompt, not the drawing."""

from __future__ import annotations

from PIL import ImageDraw

from .pen import Pen, mirrored


def figure(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """Standing, seen from the front or from behind."""
    pen = Pen(draw, width, height)
    pen.oval(0.5, 0.072, 0.145, 0.072)
    neck = [(0.555, 0.12), (0.56, 0.163), (0.66, 0.185), (0.78, 0.208), (0.845, 0.26)]
    arm = [(0.875, 0.36), (0.905, 0.46), (0.915, 0.535), (0.865, 0.55), (0.825, 0.52), (0.79, 0.42), (0.745, 0.315)]
    side = [(0.725, 0.42), (0.735, 0.53), (0.725, 0.66), (0.70, 0.80), (0.68, 0.93), (0.735, 0.975), (0.72, 0.995)]
    inside = [(0.57, 0.995), (0.56, 0.93), (0.555, 0.78), (0.535, 0.62), (0.5, 0.565)]
    pen.curve(mirrored([*neck, *arm, *side, *inside]))


def bust(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """Head and shoulders, from the front; shoulders run out of the mask below."""
    pen = Pen(draw, width, height)
    pen.oval(0.5, 0.185, 0.148, 0.185)
    pen.box(0.428, 0.28, 0.565, 0.48)
    shoulders = [
        (0.558, 0.36),
        (0.566, 0.415),
        (0.61, 0.455),
        (0.74, 0.505),
        (0.85, 0.565),
        (0.905, 0.68),
        (0.94, 1.06),
    ]
    pen.curve(mirrored(shoulders))


def behind(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """A head and one shoulder close to the camera, for a look over it."""
    pen = Pen(draw, width, height)
    pen.oval(0.52, 0.30, 0.19, 0.27)
    pen.curve(
        [(0.42, 0.50), (0.62, 0.50), (0.66, 0.62), (0.92, 0.74), (1.04, 1.1), (-0.05, 1.1), (0.06, 0.80), (0.34, 0.66)]
    )


def astronaut(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.disc(0.5, 0.13, 0.125)
    pen.box(0.26, 0.19, 0.74, 0.58, 0.07)
    pen.box(0.20, 0.19, 0.80, 0.46, 0.05)
    for side in (-1, 1):
        pen.line([(0.5 + side * 0.26, 0.26), (0.5 + side * 0.40, 0.50)], 0.09)
        pen.line([(0.5 + side * 0.13, 0.56), (0.5 + side * 0.17, 0.92)], 0.12)
        pen.box(0.5 + side * 0.19 - 0.13, 0.93, 0.5 + side * 0.19 + 0.13, 1.0, 0.03)
    pen.oval(0.5, 0.125, 0.14, 0.075, 150)


def robot(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    pen = Pen(draw, width, height)
    pen.box(0.37, 0.03, 0.63, 0.17, 0.03)
    pen.line([(0.5, 0.0), (0.5, 0.05)], 0.012)
    pen.box(0.45, 0.16, 0.55, 0.21)
    pen.box(0.26, 0.20, 0.74, 0.52, 0.03)
    for side in (-1, 1):
        pen.box(0.5 + side * 0.33 - 0.055, 0.21, 0.5 + side * 0.33 + 0.055, 0.55, 0.03)
        pen.box(0.5 + side * 0.13 - 0.08, 0.53, 0.5 + side * 0.13 + 0.08, 0.96, 0.02)
        pen.box(0.5 + side * 0.14 - 0.11, 0.94, 0.5 + side * 0.14 + 0.11, 1.0, 0.02)
        pen.disc(0.5 + side * 0.06, 0.095, 0.018, 120)
