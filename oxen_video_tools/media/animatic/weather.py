"""Rain, snow, embers and dust: one sheet of marks that scrolls over the picture and begins again."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .blending import Sheet, blend
from .canvas import Canvas
from .direction import Direction
from .noise import Chance

FALLING = {"rain": (0.0, 1.5), "snow": (0.02, 0.13), "embers": (0.012, -0.10), "dust": (0.012, -0.02)}  # units a second
FALLING_FAST = frozenset({"rain", "snow"})
SMOOTH = 2  # the marks are drawn larger and then made small
LIGHT = {"rain": 225, "snow": 235, "embers": 220, "dust": 220}


def weather_of(direction: Direction) -> str:
    """What falls or floats, or ""."""
    if direction.place in ("interior", "studio"):
        return "dust" if direction.place == "interior" or "dust" in direction.weather else ""
    found = next((kind for kind in direction.weather if kind in FALLING), "")
    return "" if direction.place == "space" else found


class Weather:
    """draw(canvas, seconds)."""

    def __init__(self, kind: str, size: tuple[int, int], chance: Chance) -> None:
        self.width, self.height = size
        unit = min(size)
        self.speed = tuple(speed * unit for speed in FALLING[kind])
        large = (size[0] * SMOOTH, size[1] * SMOOTH)
        tile = Image.new("L", large)
        (_streaks if kind == "rain" else _flakes)(ImageDraw.Draw(tile), kind, large, unit * SMOOTH, chance)
        alpha = np.asarray(tile.reduce(SMOOTH))
        alpha = np.concatenate((alpha, alpha))
        share = alpha.astype(np.uint16) + (alpha >> 7)
        self.sheet = Sheet(((share * LIGHT[kind]) >> 8).astype(np.uint8), (256 - share).astype(np.uint16))

    def draw(self, canvas: Canvas, seconds: float) -> None:
        down = int(-self.speed[1] * seconds) % self.height
        across = int(self.speed[0] * seconds) % self.width
        luma, keep = canvas.planes[0], self.sheet.keep
        rows = np.s_[down : down + self.height]
        if keep is None:
            return
        if across:
            blend(luma[:, :across], keep[rows, self.width - across :], self.sheet.over[rows, self.width - across :])
        blend(luma[:, across:], keep[rows, : self.width - across], self.sheet.over[rows, : self.width - across])


def _streaks(draw: ImageDraw.ImageDraw, kind: str, size: tuple[int, int], unit: int, chance: Chance) -> None:
    del kind
    width, height = size
    for _ in range(int(150 * width * height / unit**2)):
        x, y, long = chance.random() * width, chance.random() * height, unit * (0.03 + 0.06 * chance.random())
        light = int(50 + 75 * chance.random())
        for again in (0, -height):
            ends = [(x, y + again), (x - long * 0.16, y + again + long)]
            draw.line(ends, fill=light, width=max(SMOOTH, round(unit * 0.0018)))


def _flakes(draw: ImageDraw.ImageDraw, kind: str, size: tuple[int, int], unit: int, chance: Chance) -> None:
    width, height = size
    snow = kind == "snow"
    for _ in range(int((200 if snow else 70) * width * height / unit**2)):
        x, y = chance.random() * width, chance.random() * height
        radius = unit * (0.0012 + (0.0042 if snow else 0.0030) * chance.random() ** 2)
        light = int((90 if snow else 60) + (150 if snow else 110) * chance.random())
        for again in (0, -height, height):
            draw.ellipse([x - radius, y - radius + again, x + radius, y + radius + again], fill=light)
