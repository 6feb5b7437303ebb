"""Open country: mountains, fields, dunes and snow."""

from __future__ import annotations

import numpy as np

from ..noise import outline, smooth_outline
from ..palette import BLACK, Colour, mix
from ..plate import Plate
from .sky import night_stars, sky
from .woods import tree_line

SNOW: Colour = (226, 236, 246)
GRASS: Colour = (86, 128, 66)


def mountains(plate: Plate) -> None:
    sky(plate, 0.7, night_stars(plate))
    snow, high = "snow" in plate.direction.weather, plate.framing == "AERIAL"
    for n in range(4):
        near = (n + 1) / 4
        rough = outline(plate.chance, plate.width, 7, 3.2 + 1.4 * n)
        rough = ((rough - rough.min()) / (np.ptp(rough) + 1e-6)) ** 1.25 * 0.9
        reach = plate.unit * (0.34 if n == 0 else 0.30 - 0.05 * n) * (0.8 if plate.close else 1.1)
        line = plate.horizon + plate.unit * (0.02 + 0.11 * n * (1.5 if high else 1)) - (rough - 0.38) * reach
        colour = plate.palette.fog(0.16 + 0.62 * (n / 3) ** 1.1)
        foot = mix(colour, plate.palette.horizon, 0.38 * (1 - near))
        if snow:
            colour = mix(colour, SNOW, 0.62 - 0.1 * n)
        plate.ridge(line, colour, foot, 0.10 + 0.17 * n, fade=0.32, light=9 - 2 * n, grain=8 - 2 * n)
    if not plate.close:
        tree_line(plate, plate.horizon + plate.unit * (0.66 if high else 0.45), 0.98, plate.palette.fog(0.97), 0.085)


def field(plate: Plate) -> None:
    """Hills that roll towards us; grass in daylight."""
    sky(plate, 0.6, night_stars(plate))
    palette, snow = plate.palette, "snow" in plate.direction.weather
    green = mix(GRASS, palette.near, 0.15 if not palette.lit else 0.75)
    green = mix(green, palette.horizon, 0.12) if not snow else mix(SNOW, palette.mid, 0.25)
    far = plate.horizon - (outline(plate.chance, plate.width, 5, 3) - 0.45) * plate.unit * 0.16
    plate.ridge(far, palette.fog(0.22), palette.fog(0.14), 0.10, fade=0.2)
    for n in range(4):
        wave = smooth_outline(plate.chance, plate.width, 0.8 + 0.35 * n)
        line = plate.horizon + plate.unit * (0.015 + 0.075 * n + 0.03 * n * n) - (wave - 0.5) * plate.unit * 0.16
        shade = mix(mix(palette.horizon, green, 0.45 + 0.18 * n), palette.near, 0.08 + 0.12 * n)
        plate.ridge(line, shade, mix(shade, palette.near, 0.35), 0.22 + 0.2 * n, fade=0.35, light=16, grain=5)
        if n == 1 and not plate.close:
            tree_line(plate, float(line.mean()) + plate.unit * 0.03, 0.43, palette.fog(0.62), 0.035, 0.35)
    plate.ground = plate.horizon + plate.unit * 0.22


def desert(plate: Plate) -> None:
    sky(plate, 0.25, night_stars(plate))
    palette = plate.palette
    by_day = not palette.lit and palette.sun is not None
    sand = mix(palette.horizon, (236, 160, 92), 0.5) if by_day else palette.horizon
    near = (96, 46, 28) if by_day else palette.near
    for n in range(5):
        wave = smooth_outline(plate.chance, plate.width, 0.7 + 0.3 * n, 3)
        line = (
            plate.horizon
            + plate.unit * (0.01 + 0.10 * n + 0.02 * n * n)
            - (wave - 0.5) * plate.unit * (0.16 + 0.07 * n)
        )
        colour = mix(mix(sand, palette.mid, 0.15), near, 0.10 + 0.2 * n)
        plate.ridge(line, mix(colour, sand, 0.35), mix(colour, near, 0.55), 0.08 + 0.2 * n, fade=0.3, light=40, grain=4)


def snowfield(plate: Plate) -> None:
    sky(plate, 0.7, night_stars(plate))
    palette = plate.palette
    peaks = outline(plate.chance, plate.width, 7, 3)
    line = plate.horizon - (peaks - 0.4) * plate.unit * 0.30
    plate.ridge(line, mix(palette.fog(0.25), SNOW, 0.4), palette.fog(0.1), 0.12, fade=0.2, light=12, grain=6)
    for n in range(3):
        wave = smooth_outline(plate.chance, plate.width, 0.8 + 0.4 * n)
        line = plate.horizon + plate.unit * (0.02 + 0.13 * n) - (wave - 0.5) * plate.unit * 0.12
        white = mix(
            mix(SNOW, palette.horizon, 0.3), palette.near if palette.lit else palette.mid, 0.55 * palette.lit + 0.12
        )
        plate.ridge(line, white, mix(white, mix(palette.mid, BLACK, 0.2), 0.4), 0.25 + 0.27 * n, fade=0.5, light=18)
