"""Colours of light: one palette for each time of day, and a calm one for when the prompt says nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float]  # red, green, blue, 0 to 255
Floats = npt.NDArray[np.floating[Any]]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Palette:
    """top, mid, horizon: of the sky.  sun: of the sun or moon, None where clouds hide it.  near: of what is close.

    lit: windows and lamps are on.  low: the light stands low.  disc: radius of sun or moon, in units of the picture.
    """

    top: Colour
    mid: Colour
    horizon: Colour
    sun: Colour | None
    near: Colour
    lit: bool = False
    low: bool = False
    disc: float = 0.06

    @property
    def rim(self) -> Colour:
        """The edge of a figure that stands against the light."""
        return self.sun or mix(self.horizon, WHITE, 0.3)

    def fog(self, depth: float) -> Colour:
        """What is `depth` near (0 far, 1 close), seen through the air."""
        return mix(mix(self.horizon, self.mid, 0.25), self.near, depth**0.8)


PALETTES = {
    "plain": Palette((74, 84, 100), (122, 132, 146), (186, 192, 198), None, (40, 46, 56)),
    "dawn": Palette(
        (52, 72, 128), (206, 140, 150), (255, 212, 170), (255, 240, 212), (38, 32, 58), low=True, disc=0.07
    ),
    "day": Palette((44, 108, 186), (128, 186, 226), (220, 238, 240), (255, 255, 240), (24, 58, 58)),
    "golden": Palette(
        (74, 62, 112), (226, 126, 88), (255, 204, 122), (255, 244, 210), (46, 24, 34), low=True, disc=0.085
    ),
    "dusk": Palette(
        (20, 24, 62), (92, 62, 122), (242, 138, 112), (255, 204, 160), (16, 14, 34), lit=True, low=True, disc=0.075
    ),
    "night": Palette((5, 9, 26), (14, 30, 66), (48, 82, 128), (232, 240, 255), (5, 8, 20), lit=True, disc=0.052),
    "overcast": Palette((84, 94, 106), (134, 146, 154), (192, 198, 198), None, (34, 40, 46)),
    "storm": Palette((28, 34, 44), (62, 74, 86), (126, 134, 136), None, (13, 17, 23), lit=True),
    "neon": Palette(
        (10, 6, 34), (62, 18, 96), (250, 70, 150), (90, 236, 255), (8, 6, 24), lit=True, low=True, disc=0.16
    ),
}

NAMED: dict[str, Colour] = {
    "red": (206, 52, 44),
    "orange": (232, 126, 44),
    "yellow": (238, 196, 62),
    "golden": (222, 176, 84),
    "green": (74, 142, 84),
    "blue": (58, 104, 186),
    "purple": (126, 78, 168),
    "violet": (126, 78, 168),
    "pink": (232, 132, 164),
    "white": (236, 236, 230),
    "silver": (188, 194, 200),
    "grey": (128, 132, 138),
    "gray": (128, 132, 138),
    "black": (26, 28, 32),
    "brown": (122, 82, 56),
    "turquoise": (64, 178, 178),
}

_BT709 = np.array([[0.2126, 0.7152, 0.0722], [-0.1146, -0.3854, 0.5], [0.5, -0.4542, -0.0458]], np.float32)
_SPAN = np.array([219 / 255, 224 / 255, 224 / 255], np.float32)
_BASE = np.array([16, 128, 128], np.float32)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b, the rest of a."""
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


def yuv(rgb: Any) -> Floats:
    """Luma and chroma in TV range, BT.709, of colours in the last axis."""
    found: Floats = (np.asarray(rgb, np.float32) @ _BT709.T) * _SPAN + _BASE
    return found


def array(colour: Colour) -> Floats:
    return np.asarray(colour, np.float32)
