"""Water to the horizon: the coast, the beach, a lake between hills."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..noise import outline, smooth_outline
from ..palette import BLACK, array, mix
from ..plate import Plate
from .sky import night_stars, sky


def water(plate: Plate, depth: float = 0.30) -> None:
    """From the horizon down, with ripples and the sun's path."""
    palette = plate.palette
    top = plate.horizon & ~1
    height = plate.height - top
    down, across = plate.small(height)
    rows, columns = down.shape
    sea = mix(palette.mid, (12, 52, 78), 0.45)
    far, near = array(mix(palette.horizon, sea, 0.35)), array(mix(sea, palette.near, 0.72))
    picture = far + (near - far) * (np.clip(down * 1.4, 0, 1) ** 0.7)[..., None]
    small = plate.chance.random((rows, 26), dtype=np.float32)
    ripples = np.asarray(Image.fromarray(small).resize((columns, rows), Image.Resampling.BICUBIC))
    picture = picture + ((ripples - 0.5) * 34 * (0.25 + down * 0.9))[..., None]
    if palette.sun:
        wide = plate.unit * (0.05 + 0.22 * down)
        path = np.exp(-(((across * plate.width - plate.sun[0]) / wide) ** 2))
        path = path * np.clip((ripples - 0.42) * 4.2, 0, 1) * (1 - 0.55 * down)
        picture = picture + (array(palette.sun) - picture) * (path * 0.85)[..., None]
    plate.paint(picture, depth, top)
    plate.ground = plate.horizon + plate.unit * 0.16


def isles(plate: Plate) -> None:
    """Land far out, flat at the water."""
    far = plate.horizon - (outline(plate.chance, plate.width, 6, 4) - 0.52) * plate.unit * 0.10
    far = np.where(far < plate.horizon, far, plate.horizon + 4.0).astype(np.float32)
    layer = plate.ridge(far, plate.palette.fog(0.22), plate.palette.fog(0.12), 0.12, fade=0.05)
    if layer is not None:
        layer.cut_below(plate.horizon + 2)


def coast(plate: Plate) -> None:
    sky(plate, 0.85, night_stars(plate))
    isles(plate)
    water(plate)
    if plate.direction.subject == "lighthouse" or "cliff" in plate.direction.prompt.lower():
        cliff(plate)


def cliff(plate: Plate) -> None:
    """Rock on the side away from the light. Sets the ground where a lighthouse stands."""
    side = -plate.light_side
    x = np.arange(plate.width, dtype=np.float32) / plate.width
    inland = np.clip(((x - 0.58) if side > 0 else (0.42 - x)) * 3.2, 0, 1)
    seaward = np.clip((0.58 - x) if side > 0 else (x - 0.42), 0, 1)
    rough = (outline(plate.chance, plate.width, 7, 8, 0.6) - 0.5) * plate.unit * 0.12 * (inland > 0)
    line = plate.horizon + plate.unit * 0.36 - inland**0.8 * plate.unit * 0.34 - rough + seaward * plate.width * 2.2
    colour = plate.palette.fog(0.62)
    plate.ridge(
        line.astype(np.float32),
        mix(colour, plate.palette.horizon, 0.10),
        mix(plate.palette.near, BLACK, 0.3),
        0.62,
        fade=0.5,
        light=20,
        grain=14,
    )
    plate.cliff = (side, line)


def beach(plate: Plate) -> None:
    sky(plate, 0.6, night_stars(plate))
    isles(plate)
    water(plate)
    palette = plate.palette
    sand = mix(mix((226, 200, 156), palette.horizon, 0.3), palette.near, 0.65 if palette.lit else 0.12)
    for n, (rise, depth) in enumerate(((0.20, 0.5), (0.24, 0.55))):
        wave = smooth_outline(plate.chance, plate.width, 0.9)
        line = plate.horizon + plate.unit * rise - (wave - 0.5) * plate.unit * 0.10
        foam = mix(palette.horizon, (255, 255, 255), 0.5)
        plate.ridge(
            line,
            foam if n == 0 else sand,
            sand if n == 0 else mix(sand, palette.near, 0.4),
            depth,
            fade=0.25,
            grain=4 * n,
        )
    plate.ground = plate.horizon + plate.unit * 0.30


def lake(plate: Plate) -> None:
    """Still water between wooded hills."""
    sky(plate, 0.6, night_stars(plate))
    for n in range(2):
        hills = plate.horizon - (outline(plate.chance, plate.width, 6, 3 + n) - 0.32 + 0.1 * n) * plate.unit * (
            0.34 - 0.1 * n
        )
        layer = plate.ridge(
            hills,
            plate.palette.fog(0.3 + 0.22 * n),
            plate.palette.fog(0.2 + 0.2 * n),
            0.12 + 0.08 * n,
            fade=0.2,
            light=8,
        )
        if layer is not None:
            layer.cut_below(plate.horizon + 2)
    water(plate)
