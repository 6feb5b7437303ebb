"""A city: blocks of houses at four distances, lit windows when it is dark, a wet road in front."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layer import Layer
from ..palette import BLACK, WHITE, Colour, array, mix, yuv
from ..plate import Plate
from .sky import night_stars, sky

Block = tuple[int, int, int]  # left, right, top

WARM: tuple[Colour, ...] = ((255, 214, 140), (255, 180, 90), (150, 220, 255))
NEON: tuple[Colour, ...] = ((255, 80, 190), (80, 236, 255), (255, 210, 120), (170, 110, 255))


def city(plate: Plate) -> None:
    sky(plate, 0.4, night_stars(plate))
    lights = NEON if plate.direction.light == "neon" else WARM
    for n in range(4):
        line, blocks = _skyline(plate, n)
        colour = plate.palette.fog(0.24 + 0.23 * n)
        foot = mix(colour, plate.palette.horizon, 0.28 if n < 2 else 0.06)
        layer = plate.ridge(line, colour, foot, (0.10, 0.28, 0.50, 0.82)[n], fade=0.5)
        if layer is not None:
            _windows(plate, layer, blocks, n, colour, lights)
    _road(plate, lights)


def _skyline(plate: Plate, n: int) -> tuple[Any, list[Block]]:
    """The roofs of the blocks at one distance; in the nearest row the middle stays open."""
    line, blocks = np.full(plate.width, float(plate.height), np.float32), []
    wide, tall = plate.unit * (0.05, 0.075, 0.12, 0.22)[n], plate.unit * (0.16, 0.26, 0.34, 0.46)[n]
    foot, x = plate.horizon + plate.unit * (0.02 + 0.07 * n), -int(wide)
    while x < plate.width:
        width = int(wide * (0.6 + plate.chance.random() * 0.9))
        height = tall * (0.35 + plate.chance.random() ** 1.6 * 1.25)
        if n == 3 and 0.30 < (x + width / 2) / plate.width < 0.72:
            height *= 0.22
        left, right, top = max(0, x), min(plate.width, x + width), foot - height
        if right > left:
            line[left:right] = np.minimum(line[left:right], top)
            if plate.chance.random() < 0.3 and right - left > 8:
                mast = (left + right) // 2
                line[mast - 1 : mast + 2] = top - height * 0.16
            blocks.append((left, right, int(top)))
        x += width + int(wide * 0.06 * plate.chance.random())
    return np.minimum(line, foot + plate.unit * 0.02), blocks


def _windows(plate: Plate, layer: Layer, blocks: list[Block], n: int, wall: Colour, lights: tuple[Colour, ...]) -> None:
    lit = plate.palette.lit
    side = max(2, int(plate.unit * (0.006, 0.008, 0.0105, 0.015)[n]))
    across, down = int(side * 2.3), int(side * 3.1)
    strength = 0.35 + 0.2 * n if lit else 0.6
    found = []
    for left, right, top in blocks:
        light = lights[plate.chance.integers(len(lights))] if lit else mix(wall, WHITE, 0.35)
        columns = max(0, (right - left - side) // across)
        rows = range(top + down, min(plate.height - 2, top + int(plate.unit * 0.5)), down)
        on = np.argwhere(plate.chance.random((len(rows), columns)) < (0.33 if lit else 0.12))
        corners = on * (down, across) + (top + down - layer.top, left + side)
        found.append(np.column_stack((corners, np.broadcast_to(yuv(array(light)), (len(on), 3)))))
    _glass(layer, np.concatenate(found), side, strength)


def _glass(layer: Layer, windows: Any, side: int, strength: float) -> None:
    """Lights windows up. windows: for each the row and column of its corner, and its colour."""
    tall = int(side * 1.4)
    y, x = windows[:, 0], windows[:, 1]
    windows = windows[(y >= 0) & (y + tall < layer.height - 1) & (x + side < layer.width - 1)]
    corners = windows[:, :2].astype(np.intp)
    for n, plane in enumerate(layer.planes):
        k = bool(n)
        rows = (corners[:, 0] >> k)[:, None, None] + np.arange(max(1, tall >> k))[:, None]
        columns = (corners[:, 1] >> k)[:, None, None] + np.arange(max(1, side >> k))
        plane[rows, columns] = plane[rows, columns] * (1 - strength) + windows[:, 2 + n, None, None] * strength


def _road(plate: Plate, lights: tuple[Colour, ...]) -> None:
    palette = plate.palette
    top = int(plate.horizon + plate.unit * 0.13) & ~1
    down, across = plate.small(plate.height - top)
    grey = palette.fog(0.8)
    far, near = array(mix(grey, palette.horizon, 0.22)), array(mix(palette.near, BLACK, 0.2))
    picture = far + (near - far) * (down**0.6)[..., None]
    if palette.lit:
        columns = across * (across.shape[1] - 1)
        for _ in range(16):
            x, wide = plate.chance.random() * across.shape[1], 1.5 + 3 * plate.chance.random()
            colour = array(lights[plate.chance.integers(len(lights))])
            streak = np.exp(-(((columns - x) / wide) ** 2)) * np.clip(1.1 - down * (1 + plate.chance.random()), 0, 1)
            picture = picture + (colour - picture) * (streak * 0.55)[..., None]
        picture = picture + (plate.chance.random((down.shape[0], 1, 1)) - 0.5) * 14
    plate.paint(picture.astype(np.float32), 0.84, top)
    plate.ground = top
