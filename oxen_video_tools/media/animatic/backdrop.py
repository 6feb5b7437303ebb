"""What lies behind the pictograms: plain gradients of sky and ground in the light that the words name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..understanding.direction import Direction
from .sprites import Colour, Floats, Planes, mix, yuv

_PLACES: dict[str, tuple[Colour, Colour, Colour | None]] = {  # top and foot of the sky or wall; ground
    "": ((70, 84, 112), (150, 164, 184), None),
    "city": ((92, 124, 164), (200, 208, 216), (86, 92, 106)),
    "sea": ((76, 138, 196), (196, 222, 234), (30, 96, 134)),
    "beach": ((74, 150, 208), (204, 230, 236), (228, 204, 158)),
    "lake": ((86, 148, 190), (206, 226, 226), (46, 108, 126)),
    "forest": ((84, 134, 120), (190, 214, 178), (52, 88, 60)),
    "desert": ((110, 164, 206), (244, 222, 180), (214, 164, 104)),
    "room": ((176, 118, 80), (212, 168, 124), (110, 70, 48)),
    "studio": ((46, 50, 60), (110, 118, 132), (70, 74, 86)),
    "mountain": ((84, 136, 194), (208, 222, 234), (98, 112, 118)),
    "field": ((88, 156, 212), (214, 232, 228), (98, 150, 86)),
    "snow": ((118, 156, 206), (190, 210, 234), (238, 243, 250)),
    "sky": ((58, 124, 200), (196, 222, 240), None),
    "space": ((4, 6, 20), (30, 24, 62), None),
    "underwater": ((84, 174, 186), (10, 38, 82), None),
}
_LIGHTS: dict[str, tuple[Colour, Colour, float, Colour]] = {  # top, foot, how bright the ground stays, its tint
    "dawn": ((86, 100, 158), (252, 196, 170), 0.75, (120, 84, 110)),
    "golden": ((96, 84, 136), (255, 184, 104), 0.72, (150, 84, 44)),
    "dusk": ((34, 32, 84), (226, 120, 112), 0.45, (70, 40, 90)),
    "night": ((6, 10, 32), (36, 58, 110), 0.26, (14, 24, 60)),
    "neon": ((16, 8, 44), (168, 36, 122), 0.22, (40, 10, 70)),
    "storm": ((34, 40, 54), (120, 130, 138), 0.5, (40, 46, 56)),
    "overcast": ((108, 118, 130), (188, 194, 198), 0.8, (120, 124, 128)),
}
_TINTS: tuple[Colour, ...] = ((40, 70, 120), (30, 100, 96), (110, 70, 120), (150, 96, 60), (60, 60, 70))
_OPEN = frozenset(_PLACES) - {"room", "studio", "space", "underwater"}
_HORIZONS = {"EWS": 0.68, "WS": 0.65, "FS": 0.68, "AERIAL": 0.30}
STILL = 1.35  # height of a backdrop that a camera tilts over, in frames


@dataclass(frozen=True)
class Tones:
    """The colours of a shot. dark: whether it is dark behind the pictograms."""

    top: Colour
    foot: Colour
    ground: Colour | None

    @property
    def dark(self) -> bool:
        return sum(self.top) + sum(self.foot) < 700


def tones(direction: Direction) -> Tones:
    """A place's colours in its light; where no place is named, calm ones that the seed chooses."""
    top, foot, ground = _PLACES[direction.place]
    if not direction.place:
        hue = (direction.seed >> 8) % 4
        top = mix(top, ((70, 84, 112), (62, 96, 104), (96, 78, 110), (104, 86, 76))[hue], 0.7)
    top = mix(top, _TINTS[(direction.seed >> 16) % len(_TINTS)], 0.14)  # takes of a shot are told apart
    if ground is not None and "snow" in direction.weather:
        ground = mix(ground, (238, 243, 250), 0.8)
    light = _LIGHTS.get(direction.light)
    if light is not None and direction.place in _OPEN:
        top, foot = mix(top, light[0], 0.86), mix(foot, light[1], 0.86)
        ground = None if ground is None else mix(mix((0, 0, 0), ground, light[2]), light[3], 0.25)
    elif light is not None and direction.place in ("room", "studio"):
        share = {"night": 0.62, "neon": 0.62, "dusk": 0.4}.get(direction.light, 0.12)
        top, foot = mix(top, light[0], share), mix(foot, light[1], share * 0.8)
        ground = None if ground is None else mix(ground, light[3], share)
    return Tones(top, foot, ground)


def horizon(direction: Direction) -> float:
    """Where the ground begins, as a share of the frame's height; below the frame where none is seen."""
    if tones(direction).ground is None or direction.size in ("CU", "ECU", "MCU"):
        return 2.0
    return _HORIZONS.get(direction.size, 0.66)


def backdrop(direction: Direction, size: tuple[int, int], tall: int, sun: tuple[float, float]) -> Planes:
    """Planes as wide as the frame and `tall` rows high, the frame in their middle. sun: the brightest place, shares."""
    width, height = size
    shades, line = tones(direction), horizon(direction)
    chance = np.random.default_rng(direction.seed ^ 99)
    warm = yuv(mix(shades.foot, (255, 250, 236), 0.35 if shades.dark else 0.7))
    above = (tall / height - 1) / 2  # of the frame, in frames
    planes = []
    for n in range(3):
        k = 2 if n else 1
        rows = (np.arange(tall // k, dtype=np.float32) + 0.5) * k / height - above
        columns = (np.arange(width // k, dtype=np.float32) + 0.5) * k / width
        sky = _shaded(shades.top, shades.foot, np.clip(rows / (line if line < 1.5 else 1.0), 0, 1) ** 1.1)[:, n]
        glow = np.exp(-((rows - sun[1]) ** 2) / 0.22) * (0.34 if shades.dark else 0.42)
        across = np.exp(-(((columns - sun[0]) * width / height) ** 2) / 0.22)
        plane = np.outer((warm[n] - sky) * glow, across)
        plane += sky[:, None]
        if shades.ground is not None and line < 1.5:
            near, far = mix(shades.ground, (0, 0, 0), 0.22), mix(shades.ground, shades.foot, 0.16)
            first = (round((line + above) * height) & ~1) // k
            plane[first:] = _shaded(far, near, np.clip((rows[first:] - line) / (1.05 - line), 0, 1))[:, n, None]
        planes.append(plane)
    luma = planes[0]
    if direction.place == "space" or (direction.light == "night" and direction.place in _OPEN):
        _stars(luma, chance, line * height + (tall - height) / 2)
    if "fog" in direction.weather:
        veil = np.exp(-(((np.arange(tall, dtype=np.float32) / height - above - min(line, 0.7)) / 0.16) ** 2))[:, None]
        luma += (225 - luma) * (np.float32(0.55) * veil)
    grain = chance.random((tall, 256), dtype=np.float32) * np.float32(0.9) + np.float32(0.05)  # against bands of colour
    for left in range(0, width, 256):
        luma[:, left : left + 256] += grain[:, : width - left]
    y, u, v = (plane.astype(np.uint8) for plane in (luma, planes[1] + np.float32(0.5), planes[2] + np.float32(0.5)))
    return y, u, v


def _shaded(first: Colour, last: Colour, shares: Floats) -> Floats:
    """For each share the colour that is so far on the way, as luma and chroma."""
    way = shares[:, None].astype(np.float32)
    return yuv(np.asarray(first, np.float32) * (1 - way) + np.asarray(last, np.float32) * way)


def _stars(luma: Floats, chance: np.random.Generator, lowest: float) -> None:
    rows, columns = min(luma.shape[0], int(lowest)), luma.shape[1]
    for _ in range(90):
        x, y = int(chance.random() * (columns - 3)), int(chance.random() ** 1.2 * max(1, rows - 3))
        side = 1 + int(chance.random() > 0.7)
        luma[y : y + side, x : x + side] = np.maximum(luma[y : y + side, x : x + side], 90 + 130 * chance.random())
