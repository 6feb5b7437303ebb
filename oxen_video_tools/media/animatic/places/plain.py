"""Where the words name no place: a calm backdrop that claims nothing. And the open sky."""

from __future__ import annotations

import numpy as np

from ..noise import Floats, smooth_outline
from ..palette import WHITE, array, mix
from ..plate import Plate
from .sky import night_stars, sky


def backdrop(plate: Plate) -> None:
    """Soft light on a wall that turns into a floor: the room of somebody who has not been told more."""
    palette = plate.palette
    down, across = plate.small(plate.height)
    shape = plate.width / plate.height
    centre = 0.5 + 0.10 * plate.light_side
    pool = np.exp(-((((across - centre) * shape / 0.75) ** 2) + ((down - 0.40) / 0.55) ** 2))[..., None]
    dark, light = array(mix(palette.top, palette.near, 0.35)), array(mix(palette.mid, palette.horizon, 0.35))
    picture = dark + (light - dark) * pool
    edge = plate.horizon / plate.height
    floor = np.clip((down - edge) / 0.10, 0, 1)[..., None]
    floor = floor * floor * (3 - 2 * floor)
    reflected = array(mix(palette.near, palette.horizon, 0.42)) * (0.75 + 0.35 * pool)
    picture = picture + (reflected * (1.05 - 0.5 * (down - edge)[..., None]) - picture) * floor * 0.75
    plate.paint(picture, 0.05)
    _bands(plate)
    plate.ground = plate.horizon + plate.unit * 0.16


def _bands(plate: Plate) -> None:
    """Three large, faint curves: something for a moving camera to move past."""
    for n, share in enumerate((0.30, 0.48, 0.72)):
        base = plate.horizon - plate.unit * (0.34 - 0.17 * n)
        line = base + (smooth_outline(plate.chance, plate.width, 0.7 + 0.3 * n) - 0.5) * plate.unit * 0.34
        colour = mix(plate.palette.fog(share * 0.7), plate.palette.horizon, 0.15)
        layer = plate.ridge(line, colour, mix(colour, plate.palette.horizon, 0.25), 0.10 + 0.16 * n, fade=0.30)
        if layer is not None and layer.alpha is not None:
            layer.alpha = (layer.alpha * (0.42 - 0.06 * n)).astype(np.uint8)
            layer.solid = None


def open_sky(plate: Plate) -> None:
    """Nothing but air: banks of clouds at several distances."""
    plate.horizon = round(plate.frame[1] + (plate.frame[3] - plate.frame[1]) * 0.86)
    plate.sun = (plate.sun[0], plate.horizon - plate.unit * (0.2 if plate.palette.low else 0.55))
    sky(plate, 0.9, night_stars(plate))
    for n in range(3):
        bank = plate.horizon - plate.unit * (0.02 - 0.16 * n)
        line = bank - _billows(plate) * plate.unit * (0.15 + 0.05 * n)
        white = mix(plate.palette.horizon, WHITE, 0.25 + 0.2 * n if not plate.palette.lit else 0.03 * n)
        plate.ridge(line, white, mix(white, plate.palette.mid, 0.30), 0.18 + 0.24 * n, fade=0.16)
    plate.ground = plate.horizon - plate.unit * 0.05


def _billows(plate: Plate) -> Floats:
    """Round tops of heaps, large and small, that run into one another."""
    x = np.arange(plate.width, dtype=np.float32)
    height = np.zeros(plate.width, np.float32)
    heaps = [plate.chance.random() * plate.width for _ in range(4)]
    for n in range(int(60 * plate.width / plate.unit)):
        near = heaps[n % 4] + (plate.chance.random() - 0.5) * plate.unit * 0.9
        radius = plate.unit * (0.03 + 0.07 * plate.chance.random())
        away = abs(near - heaps[n % 4]) / (plate.unit * 0.45)
        rise = np.sqrt(np.clip(1 - ((x - near) / radius) ** 2, 0, 1)) * radius / (plate.unit * 0.2)
        inside = np.abs(x - near) < radius
        height = np.maximum(height, (rise + (0.85 - 0.75 * away) * inside).astype(np.float32))
    return height
