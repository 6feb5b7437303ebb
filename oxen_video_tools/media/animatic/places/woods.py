"""Trees: a line of them far away, and the inside of a forest."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..noise import outline
from ..palette import BLACK, Colour, mix
from ..plate import Plate
from .sky import sky


def tree_line(plate: Plate, y: float, depth: float, colour: Colour, size: float, dense: float = 1.0) -> None:
    """Conifers along a line. size: of a tree, in units."""
    base = y - (outline(plate.chance, plate.width, 4, 2) - 0.5) * plate.unit * 0.16
    line = base.copy()
    count = int(plate.width / (plate.unit * size * 0.33) * dense)
    for x in np.sort(plate.chance.integers(0, plate.width, count)):
        tall = plate.unit * size * (0.45 + plate.chance.random())
        half = tall * (0.20 + 0.07 * plate.chance.random())
        left, right = int(max(0, x - half)), int(min(plate.width, x + half + 1))
        if right - left < 2:
            continue
        out = np.abs(np.arange(left, right) - x) / half
        tier = (out * 6) % 1
        crown = 1 - out * 0.86 - 0.14 * np.floor(out * 6) / 6 * (1 - tier) - 0.05 * tier * out
        line[left:right] = np.minimum(line[left:right], base[x] - tall * np.clip(crown, 0, 1))
    plate.ridge(line, colour, mix(colour, BLACK, 0.35), depth)


def forest(plate: Plate) -> None:
    palette, unit = plate.palette, plate.unit
    sky(plate, 0.2, 0.5 if plate.direction.light == "night" else 0)
    green = mix(palette.near, (10, 34, 26), 0.55)
    air = [mix(palette.fog(share), green, share * 0.6) for share in (0.2, 0.4, 0.6)]
    for n in range(3):
        tree_line(plate, plate.horizon + unit * (0.10 * n - 0.02), 0.12 + 0.12 * n, air[n], 0.16 + 0.05 * n, 1.1)
    rows = ((9, 0.030, 0.55), (6, 0.055, 0.72), (3, 0.10, 0.95))
    for n, (count, thick, depth) in enumerate(rows[: 2 if plate.close or plate.framing == "MS" else 3]):
        colour = mix(palette.fog(0.5 + 0.2 * n), green, 0.3)
        _trunks(plate, count, thick, depth, colour)
    ground = plate.horizon + unit * 0.34 - (outline(plate.chance, plate.width, 5, 3) - 0.5) * unit * 0.08
    plate.ridge(ground, mix(palette.fog(0.86), green, 0.4), mix(green, BLACK, 0.5), 0.85)
    plate.ground = plate.horizon + unit * 0.30


def _trunks(plate: Plate, count: int, thick: float, depth: float, colour: Colour) -> None:
    """Straight trunks from top to bottom, a few short branches each; one sheet per trunk, which costs less to move."""
    rim = mix(plate.palette.sun, colour, 0.55) if plate.palette.sun else None
    for n in range(count):
        x = (n + 0.2 + 0.6 * plate.chance.random()) * plate.width / count
        wide = plate.unit * thick * (0.7 + 0.6 * plate.chance.random())
        if depth > 0.9 and abs(x / plate.width - 0.5) < 0.18:
            continue  # the nearest ones stay out of the middle
        reach = int(wide * 2.2 + plate.unit * 0.12) & ~1
        mask = Image.new("L", (2 * reach, plate.height))
        _trunk(ImageDraw.Draw(mask), plate, reach, wide)
        plate.place(np.asarray(mask.filter(ImageFilter.BoxBlur(0.6))), x, plate.height, colour, depth, rim=rim)


def _trunk(draw: ImageDraw.ImageDraw, plate: Plate, x: float, wide: float) -> None:
    tall, lean = plate.height, (plate.chance.random() - 0.5) * plate.unit * 0.04
    side = [(x + wide * 0.38 + lean, -4), (x + wide * 0.5, tall * 0.8), (x + wide * 0.8, tall)]
    draw.polygon(
        [*side, *((2 * x - px + (2 * lean if n == 2 else 0), py) for n, (px, py) in enumerate(side[::-1]))], fill=255
    )
    for _ in range(4):
        y, length = plate.chance.random() * tall * 0.55, plate.unit * (0.05 + 0.06 * plate.chance.random())
        way = 1 if plate.chance.random() < 0.5 else -1
        end = (x + way * length, y - length * 0.35)
        draw.line([(x + lean * 0.6, y), end], fill=255, width=max(1, int(wide * 0.14)))
