"""Indoors: a room with a window and a lamp, and a photographer's studio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import ImageDraw

from ..layer import Layer, painted
from ..palette import Colour, array, mix
from ..plate import Plate

LAMP: Colour = (255, 196, 120)
BACKDROPS: tuple[tuple[Colour, Colour], ...] = (
    ((38, 52, 74), (150, 178, 206)),
    ((66, 40, 56), (236, 172, 160)),
    ((34, 56, 52), (160, 206, 184)),
    ((60, 50, 36), (240, 206, 150)),
)


def room(plate: Plate) -> None:
    palette = plate.palette
    down, across = plate.small(plate.height, 240)
    dark = palette.lit
    wall: Colour = (58, 50, 56) if dark else (150, 128, 108)
    light: Colour = (120, 150, 210) if dark else palette.horizon
    window_x = 0.5 + 0.24 * plate.light_side
    plate.sun = (window_x * plate.width, 0.3 * plate.height)
    picture = array(wall) * (1.08 - 0.35 * down)[..., None]
    warmth = np.exp(-((((across - 1 + window_x) / 0.28) ** 2) + ((down - 0.42) / 0.36) ** 2)) * (0.42 if dark else 0.16)
    picture = picture + (array((255, 190, 120)) - picture) * warmth[..., None]
    cool = np.exp(-((((across - window_x) / 0.30) ** 2) + ((down - 0.40) / 0.42) ** 2)) * 0.38
    picture = picture + (array(light) - picture) * cool[..., None]
    shaft = np.clip(1 - np.abs(across - window_x + (down - 0.35) * 0.7 * plate.light_side) / 0.13, 0, 1)
    picture = picture + (array(light) - picture) * (shaft * np.clip((down - 0.2) * 2, 0, 1) * 0.25)[..., None]
    floor = _floor(plate)
    picture = np.where((down >= floor)[..., None], picture * array((0.52, 0.46, 0.42)), picture)
    picture = np.where((np.abs(down - floor) < 0.010)[..., None], picture * 0.55, picture)
    plate.paint(picture, 0.12)
    _window(plate, window_x)
    if not plate.close:
        _furniture(plate, light, dark)
    plate.ground = plate.height * floor + plate.unit * 0.10


def _floor(plate: Plate) -> float:
    """Where the wall ends, as a share of the plate's height."""
    return (plate.frame[1] + (plate.frame[3] - plate.frame[1]) * 0.74) / plate.height


def _window(plate: Plate, share: float) -> None:
    """The sky outside in a frame of four panes."""
    wide, tall = int(plate.unit * 0.34) & ~1, int(plate.unit * 0.44) & ~1
    down = np.linspace(0, 1, 24, dtype=np.float32)[:, None, None]
    picture = array(plate.palette.top) + (array(plate.palette.horizon) - array(plate.palette.top)) * down
    planes = painted(np.repeat(picture, 16, 1), wide, tall, plate.chance, 0.8)
    bar = max(4, int(plate.unit * 0.012))
    across, upright = (tall // 2 - bar // 2, tall // 2 + bar // 2), (wide // 2 - bar // 2, wide // 2 + bar // 2)
    for rows in ((0, bar), (tall - bar, tall), across):
        planes[0][rows[0] : rows[1]] = 34
    for columns in ((0, bar), (wide - bar, wide), upright):
        planes[0][:, columns[0] : columns[1]] = 34
    left = int(share * plate.width - wide / 2) & ~1
    top = int(plate.frame[1] + (plate.frame[3] - plate.frame[1]) * 0.14) & ~1
    alpha = np.full((tall, wide), 255, np.uint8)
    plate.layers.append(Layer(planes, alpha, left=left, top=top, depth=0.14))


def _furniture(plate: Plate, light: Colour, dark: bool) -> None:
    side, foot = -plate.light_side, plate.frame[1] + (plate.frame[3] - plate.frame[1]) * 0.93
    x = plate.width * (0.5 + 0.16 * side)
    wood = mix((40, 28, 26), plate.palette.near, 0.3)
    plate.stamp(_table, plate.unit * 0.95, plate.unit * 0.30, x, foot, wood, 0.42, rim=light)
    lamp_x, lamp_y = x + plate.unit * 0.28 * side, foot - plate.unit * 0.295
    plate.glow(
        lamp_x, lamp_y - plate.unit * 0.16, plate.unit * 0.34, LAMP, 0.75 if dark else 0.25, 0.40
    ).subject = False
    shade: Colour = (250, 206, 140) if dark else (92, 70, 56)
    plate.stamp(_lamp, plate.unit * 0.16, plate.unit * 0.24, lamp_x, lamp_y, shade, 0.43)


def _table(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.rectangle([0, 0, width, height * 0.14], fill=255)
    for x in (0.06, 0.88):
        legs = [(x, 0.1), (x + 0.05, 0.1), (x + 0.04, 1), (x + 0.01, 1)]
        draw.polygon([(width * a, height * b) for a, b in legs], fill=255)


def _lamp(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.polygon([(width * x, height * y) for x, y in ((0.22, 0.34), (0.36, 0), (0.64, 0), (0.78, 0.34))], fill=255)
    draw.line([(width / 2, height * 0.3), (width / 2, height)], fill=255, width=max(1, int(width * 0.06)))
    draw.rectangle([width * 0.3, height * 0.95, width * 0.7, height], fill=255)


def studio(plate: Plate) -> None:
    """A seamless backdrop in soft light and a round pedestal."""
    dark, light = BACKDROPS[plate.direction.seed % len(BACKDROPS)]
    plate.palette = replace(
        plate.palette, near=mix(dark, (0, 0, 0), 0.55), horizon=light, mid=mix(dark, light, 0.4), sun=(255, 252, 244)
    )
    down, across = plate.small(plate.height, 240)
    shape = plate.width / plate.height
    pool = np.exp(-((((across - 0.5) * shape / 0.62) ** 2) + ((down - 0.44) / 0.42) ** 2))[..., None]
    picture = array(dark) + (array(light) - array(dark)) * pool * 0.95
    spot = np.exp(-((((across - 0.5) * shape / 0.6) ** 2) + ((down - 0.74) / 0.08) ** 2))[..., None]
    picture = np.where((down > 0.70)[..., None], picture * 0.80 + array(light) * 0.14 * spot, picture)
    plate.paint(picture, 0.12)
    plate.sun = (plate.width * (0.5 + 0.3 * plate.light_side), plate.height * 0.2)
    _pedestal(plate, light)


def _pedestal(plate: Plate, light: Colour) -> None:
    def cylinder(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        draw.rectangle([0, height * 0.16, width, height], fill=255)
        draw.ellipse([0, 0, width, height * 0.32], fill=255)

    wide, tall, foot = plate.unit * 0.52, plate.unit * 0.22, plate.frame[1] + (plate.frame[3] - plate.frame[1]) * 0.92
    layer = plate.stamp(cylinder, wide, tall, plate.width / 2, foot, mix((0, 0, 0), light, 0.82), 0.5, subject=True)
    rows, columns = np.mgrid[0 : layer.height, 0 : layer.width].astype(np.float32)
    round_light = 0.62 + 0.45 * np.exp(-(((columns / layer.width - 0.5 - 0.12 * plate.light_side) / 0.3) ** 2))
    top = ((columns / layer.width - 0.5) * 2) ** 2 + ((rows / layer.height - 0.16) / 0.16) ** 2 < 1
    layer.shade(layer.planes[0] * (round_light - 1) + 34 * top)
    plate.ground = foot - tall * 0.84 + plate.unit * 0.01
