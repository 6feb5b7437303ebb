"""A sheet of the picture: planar colour, how opaque it is, where it lies and how near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..pictures import Bytes
from .noise import Chance, enlarged
from .palette import yuv

Planes = tuple[Bytes, Bytes, Bytes]


@dataclass
class Layer:
    """planes: luma, and chroma of half the size.  alpha: None: opaque.  left, top: on the plate, even pixels.

    depth: 0 far to 1 near.  solid: rows from here down are opaque over the whole width.
    subject: it is what the shot is about, and stays sharp.  drift: pixels it moves by during the shot.
    """

    planes: Planes
    alpha: Bytes | None
    left: int = 0
    top: int = 0
    depth: float = 0.0
    solid: int | None = None
    subject: bool = False
    drift: tuple[float, float] = (0.0, 0.0)

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    def shade(self, light: Any) -> None:
        """Adds luma."""
        luma, u, v = self.planes
        self.planes = np.clip(luma + light, 16, 235).astype(np.uint8), u, v

    def pad(self, around: int) -> None:
        """Room around it, transparent, for what blurring spreads. around: pixels, even."""
        luma, u, v = (np.pad(plane, around >> bool(n), mode="edge") for n, plane in enumerate(self.planes))
        self.planes = luma, u, v
        self.alpha = None if self.alpha is None else np.pad(self.alpha, around)
        self.left, self.top, self.solid = self.left - around, self.top - around, None

    def cut_below(self, row: int) -> None:
        """Nothing of it below this row of the plate: an island ends at the water."""
        keep = max(2, (row - self.top) & ~1)
        luma, u, v = self.planes
        self.planes = luma[:keep], u[: keep // 2], v[: keep // 2]
        self.alpha = None if self.alpha is None else self.alpha[:keep]
        self.solid = None


def halved(plane: Bytes) -> Bytes:
    """Half the size, each value the mean of four."""
    total = plane[0::2, 0::2].astype(np.uint16)
    for part in (plane[1::2, 0::2], plane[0::2, 1::2], plane[1::2, 1::2]):
        total += part
    found: Bytes = ((total + 2) >> 2).astype(np.uint8)
    return found


def painted(rgb: npt.NDArray[Any], width: int, height: int, chance: Chance, grain: float = 1.2) -> Planes:
    """Three planes of a small picture drawn large; a little grain keeps the encoder from drawing bands."""
    small = yuv(np.clip(rgb, 0, 255))
    tile = (chance.random((128, 256), dtype=np.float32) + chance.random((128, 256), dtype=np.float32) - 1) * grain
    luma, u, v = (_grained(small[..., n], width >> bool(n), height >> bool(n), tile + 0.5) for n in range(3))
    return luma, u, v


def _grained(small: npt.NDArray[Any], width: int, height: int, tile: npt.NDArray[Any]) -> Bytes:
    large = enlarged(small, width, height)
    grain = np.tile(tile, (height // 128 + 1, width // 256 + 1))[:height, :width]
    found: Bytes = np.clip(large + grain, 0, 255).astype(np.uint8)
    return found


def flat(colour: Any, width: int, height: int) -> Planes:
    """Three planes of one colour."""
    values = np.round(yuv(colour)).astype(np.uint8)
    luma, u, v = (np.full((height >> bool(n), width >> bool(n)), values[n], np.uint8) for n in range(3))
    return luma, u, v
