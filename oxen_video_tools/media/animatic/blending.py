"""Laying one picture over another: out = (under × keep) / 256 + over, in 16 bits, plane by plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..pictures import Bytes
from .layer import Layer, halved

Words = npt.NDArray[np.uint16]


def blend(under: Bytes, keep: Words, over: Bytes) -> None:
    """In place. keep: 0 to 256.  over: colour times opacity."""
    mixed = np.multiply(under, keep, dtype=np.uint16)
    mixed >>= 8
    np.copyto(under, mixed, casting="unsafe")
    under += over


def blend_bytes(under: Bytes, keep: Bytes, over: Bytes) -> None:
    """The same with 0 to 255, which stands for 1 to 256 of 256."""
    mixed = np.multiply(under, keep, dtype=np.uint16)
    mixed += under
    mixed >>= 8
    np.copyto(under, mixed, casting="unsafe")
    under += over


@dataclass
class Sheet:
    """One plane of a layer, ready to be laid: `over` times opacity, and how much of what is under it to keep.

    keep: None where it is opaque everywhere.
    """

    over: Bytes
    keep: Words | None

    def shifted(self, across: float, down: float) -> Sheet:
        """Moved left and up by quarters of a pixel."""
        return Sheet(_moved(self.over, across, down), None if self.keep is None else _moved(self.keep, across, down))


def _moved(plane: npt.NDArray[Any], across: float, down: float) -> npt.NDArray[Any]:
    for axis, share in ((1, round(across * 4)), (0, round(down * 4))):
        if share:
            wide = plane.astype(np.uint16)
            mixed = wide * (4 - share)
            wide *= share
            ends = (np.s_[:, :-1], np.s_[:, 1:], np.s_[:, -1:]) if axis else (np.s_[:-1], np.s_[1:], np.s_[-1:])
            mixed[ends[0]] += wide[ends[1]]
            mixed[ends[2]] += wide[ends[2]]
            mixed >>= 2
            plane = mixed.astype(plane.dtype)
    return np.ascontiguousarray(plane)


def sheets(planes: Sequence[Bytes], alpha: Bytes | None) -> list[Sheet]:
    """The three planes of a picture with its opacity worked in."""
    if alpha is None:
        return [Sheet(np.ascontiguousarray(plane), None) for plane in planes]
    found = []
    for plane, opacity in zip(planes, (alpha, halved(alpha), halved(alpha)), strict=True):
        share = opacity.astype(np.uint16) + (opacity >> 7)  # 0 to 256
        # rounded up, for `blend` rounds down: two roundings down would tint every soft edge green
        found.append(Sheet(((plane * share + 255) >> 8).astype(np.uint8), (256 - share).astype(np.uint16)))
    return found


def flattened(layers: Sequence[Layer], width: int, height: int) -> tuple[list[Bytes], Bytes | None]:
    """Several layers as one picture of the plate's size, its colours times opacity; no alpha where it is opaque."""
    opaque = bool(layers) and layers[0].alpha is None
    planes = [np.zeros((height >> bool(n), width >> bool(n)), np.uint8) for n in range(3)]
    kept = [np.full(plane.shape, 256, np.uint16) for plane in (planes[0], planes[1])]
    for layer in layers:
        box = _inside(layer, width, height)
        if box is None:
            continue
        left, top, right, bottom = box
        for n, sheet in enumerate(sheets(layer.planes, layer.alpha)):
            k = bool(n)
            at = np.s_[top >> k : bottom >> k, left >> k : right >> k]
            source = np.s_[
                (top - layer.top) >> k : (bottom - layer.top) >> k, (left - layer.left) >> k : (right - layer.left) >> k
            ]
            if sheet.keep is None:
                planes[n][at] = sheet.over[source]
                if n < 2:
                    kept[n][at] = 0
                continue
            blend(planes[n][at], sheet.keep[source], sheet.over[source])
            if n < 2:
                kept[n][at] = (kept[n][at].astype(np.uint32) * sheet.keep[source] >> 8).astype(np.uint16)
    return planes, None if opaque else (255 - np.minimum(kept[0], 255)).astype(np.uint8)


def _inside(layer: Layer, width: int, height: int) -> tuple[int, int, int, int] | None:
    """The part of a layer that lies on the plate, on even pixels."""
    left, top = max(0, layer.left) & ~1, max(0, layer.top) & ~1
    right, bottom = min(width, layer.left + layer.width) & ~1, min(height, layer.top + layer.height) & ~1
    return (left, top, right, bottom) if right - left >= 2 and bottom - top >= 2 else None
