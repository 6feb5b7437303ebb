"""Space: nebulae, stars and a planet with its air."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from ..layer import Layer
from ..noise import clouds, enlarged
from ..palette import Colour, array, mix, yuv
from ..plate import Plate

HUES: tuple[Colour, ...] = ((96, 40, 150), (30, 90, 160), (170, 60, 90), (30, 130, 120))
AIR: Colour = (150, 200, 255)


def deep_space(plate: Plate) -> None:
    plate.palette = replace(
        plate.palette,
        top=(3, 4, 12),
        mid=(8, 10, 28),
        horizon=(18, 18, 48),
        sun=(255, 244, 224),
        near=(4, 5, 12),
        lit=True,
    )
    one, two = HUES[plate.chance.integers(4)], HUES[plate.chance.integers(4)]
    down, _ = plate.small(plate.height)
    rows, columns = down.shape
    first, second = (clouds(plate.chance, columns, rows, 5, n) for n in (3, 4))
    picture = array(plate.palette.top) + np.clip((first - 0.46) * 3, 0, 1)[..., None] * array(one) * 0.8
    picture = picture + np.clip((second - 0.52) * 3, 0, 1)[..., None] * array(two) * 0.7
    _stars(plate, plate.paint(picture, 0.03).planes[0])
    _planet(plate, two)
    plate.ground = plate.height * 0.66


def _stars(plate: Plate, luma: Any) -> None:
    for side, count in ((1, 700), (2, 60)):
        xs = plate.chance.integers(2, plate.width - 3, count)
        ys = plate.chance.integers(2, plate.height - 3, count)
        light = plate.chance.random(count) ** 2.5 * 200 + 40
        for dx in range(side):
            for dy in range(side):
                luma[ys + dy, xs + dx] = np.maximum(luma[ys + dy, xs + dx], light)


def _planet(plate: Plate, hue: Colour) -> None:
    """A lit sphere with bands and a rim of air, low at the side away from the sun."""
    wide = plate.framing in ("EWS", "WS", "AERIAL", "FS")
    radius = plate.unit * (0.62 if wide else 0.4)
    x, y = plate.width * (0.5 + 0.22 * -plate.light_side), plate.height * (0.76 if wide else 0.58)
    plate.sun = (plate.width * (0.5 + 0.35 * plate.light_side), plate.height * 0.2)
    side = int(radius * 2.3) // 4 * 4
    half = side // 2
    grid = (np.mgrid[0:half, 0:half].astype(np.float32) * 2 - side / 2) / radius
    distance = np.hypot(grid[0], grid[1])
    bulge = np.sqrt(np.clip(1 - distance**2, 0, 1))
    light = np.clip(grid[1] * 0.72 * plate.light_side - grid[0] * 0.35 + bulge * 0.58, 0, 1)
    bands = Image.fromarray(clouds(plate.chance, 6, half // 3, 3, 3)).resize((half, half), Image.Resampling.BICUBIC)
    colour = array(mix(hue, (235, 200, 170), 0.55))
    picture = colour * (light**0.8 * (0.72 + 0.5 * (np.asarray(bands) - 0.5)))[..., None] + 5
    air = np.clip(1 - np.abs(distance - 1) / 0.10, 0, 1) ** 2 * np.clip(light + 0.25, 0, 1) * 0.9
    picture = picture + (array(AIR) - picture) * air[..., None]
    halo = np.clip(1 - np.abs(distance - 1) / 0.13, 0, 1) ** 2.2 * np.clip(light * 1.2 + 0.2, 0, 1) * 150
    axis = (np.arange(side, dtype=np.float32) - side / 2 + 0.5) ** 2
    disc = np.clip(radius - np.sqrt(axis[:, None] + axis[None]) + 0.5, 0, 1) * 255
    alpha = np.clip(np.maximum(disc, enlarged(halo, side, side)), 0, 255).astype(np.uint8)
    values = yuv(np.clip(picture, 0, 255))
    luma, u, v = (
        np.clip(enlarged(values[..., n], side >> bool(n), side >> bool(n)), 0, 255).astype(np.uint8) for n in range(3)
    )
    plate.layers.append(Layer((luma, u, v), alpha, left=int(x - half) & ~1, top=int(y - half) & ~1, depth=0.22))
