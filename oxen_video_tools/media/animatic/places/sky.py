"""Sky: its colours, the sun or the moon, stars and clouds."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ..noise import Floats, clouds
from ..palette import WHITE, array, mix, yuv
from ..plate import Plate


def sky(plate: Plate, cloudiness: float = 0.5, stars: float = 0.0) -> None:
    """Fills the plate. cloudiness, stars: 0 to 1."""
    down, across = plate.small(plate.height, 160)
    palette = plate.palette
    y = np.clip(down * plate.height / max(1, plate.horizon), 0, 1.15)
    picture = _gradient(plate, np.minimum(y, 1))
    if palette.sun:
        distance = np.hypot(across * plate.width - plate.sun[0], down * plate.height - plate.sun[1]) / plate.unit
        glow = np.exp(-((distance / 0.42) ** 2)) * 0.55 + np.exp(-distance / 0.28) * 0.35
        glow = np.exp(-distance / 0.22) * 0.35 if plate.direction.light == "night" else glow
        picture += (array(palette.sun) - picture) * np.clip(glow, 0, 1)[..., None]
    if cloudiness:
        picture = _clouded(plate, picture, y, cloudiness)
    layer = plate.paint(picture, 0.02)
    if stars:
        _stars(plate, layer.planes[0], stars)
    if palette.sun:
        _disc(plate, layer.planes)


def _gradient(plate: Plate, y: Floats) -> Any:
    top, mid, horizon = (array(c) for c in (plate.palette.top, plate.palette.mid, plate.palette.horizon))
    upper = top + (mid - top) * ((y[..., None] / 0.55) ** 1.2)
    lower = mid + (horizon - mid) * np.clip((y[..., None] - 0.55) / 0.45, 0, 1) ** 1.35
    return np.where(y[..., None] < 0.55, upper, lower).astype(np.float32)


def _clouded(plate: Plate, picture: Any, y: Floats, cloudiness: float) -> Any:
    rows, columns = y.shape
    field = clouds(plate.chance, columns, rows, 5, 3)
    narrow = Image.fromarray(field).resize((columns // 4, rows)).resize((columns, rows), Image.Resampling.BICUBIC)
    cover = np.clip((np.asarray(narrow) * 0.6 + field * 0.4 - 0.47) * 5, 0, 1)
    cover = cover * np.exp(-(((y - 0.45) / 0.5) ** 2)) * cloudiness
    dark = plate.palette.lit and plate.direction.light != "dusk"
    palette = plate.palette
    colour = mix(palette.mid, palette.horizon, 0.45) if dark else mix(palette.horizon, WHITE, 0.35)
    relief = np.clip(np.roll(field, 3, 0) - field + 0.5, 0, 1)[..., None]
    return picture + (array(colour) * (0.75 + 0.35 * relief) - picture) * (cover * 0.75)[..., None]


def _stars(plate: Plate, luma: Any, share: float) -> None:
    count = int(420 * share * plate.width * plate.height / 1.2e6) + 40
    xs = plate.chance.integers(2, plate.width - 2, count)
    ys = (plate.chance.random(count) ** 1.3 * plate.horizon * 0.92).astype(int) + 2
    ys = np.clip(ys, 2, plate.height - 3)
    light = plate.chance.random(count) ** 3 * 190 + 40
    luma[ys, xs] = np.maximum(luma[ys, xs], light)
    large = light > 150
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        at = ys[large] + dy, xs[large] + dx
        luma[at] = np.maximum(luma[at], light[large] * 0.55)


def _disc(plate: Plate, planes: Any) -> None:
    """Sun or moon; in neon light it is cut by bands, as the posters of that style have it."""
    radius, (x, y) = plate.unit * plate.palette.disc, plate.sun
    left, right = max(0, int(x - radius - 2)) & ~1, min(plate.width, int(x + radius + 4)) & ~1
    top, bottom = max(0, int(y - radius - 2)) & ~1, min(plate.height, int(y + radius + 4)) & ~1
    if right <= left or bottom <= top:
        return
    rows, columns = np.mgrid[top:bottom, left:right]
    alpha = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
    if plate.direction.light == "neon":
        below = (rows - y) / radius
        alpha = alpha * ~((below > 0) & (((below * 9) % 1) < 0.12 + below * 0.5))
    values = yuv(array(plate.palette.sun or WHITE))
    for n, plane in enumerate(planes):
        share = alpha[::2, ::2] if n else alpha
        part = plane[top >> bool(n) : bottom >> bool(n), left >> bool(n) : right >> bool(n)]
        part[:] = part + (values[n] - part) * share


def night_stars(plate: Plate) -> float:
    return {"night": 1.0, "neon": 0.3}.get(plate.direction.light, 0.0)
