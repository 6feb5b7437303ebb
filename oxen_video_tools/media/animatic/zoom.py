"""Moves that change the scale: push in, pull out, fly over, orbit. Three groups of layers grow at their own pace.

The scaler takes whole pixels only, which would make a slow zoom tremble. So a slightly larger part is scaled whose
edges happen to fall on whole pixels at both ends, and what is too much is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from ..pictures import Bytes, plane_of
from .blending import blend, flattened
from .canvas import Canvas
from .glide import eased
from .layer import Layer, halved
from .plate import Plate

SCALE = 1.16  # plate pixels for each of the frame's: what a zoom goes into
MARGINS = {"orbit": (0.09, 0.04)}
AMOUNTS = {"push_in": 0.16, "aerial": 0.20, "pull_out": -0.16, "orbit": 0.05}
NEARNESS = (0.45, 0.8, 1.25)  # how fast each group grows
TRIES = 8


def margin_of(move: str) -> tuple[float, float]:
    """What the plate needs beyond the frame, in frames."""
    return MARGINS.get(move, (0.03, 0.04))


class Plane:
    """One plane that is sampled at any scale and place."""

    def __init__(self, plane: Bytes, box: tuple[int, int, int, int] | None = None) -> None:
        """box: left, top, right, bottom of what is not empty."""
        self.plane = np.ascontiguousarray(plane)
        height, width = plane.shape
        self.box = box or (0, 0, width, height)
        self.scaler = VideoReformatter()

    def sample(self, x: float, y: float, scale: float, width: int, height: int) -> tuple[Bytes, int, int] | None:
        """What a frame of this size shows whose corner is at (x, y), and where in it: rows and columns begin there.

        scale: frame pixels for each of the plane's.
        """
        left, right, wide, column = _aligned(x, scale, width, self.box[0], self.box[2])
        top, bottom, tall, row = _aligned(y, scale, height, self.box[1], self.box[3])
        if wide < 4 or tall < 4 or right - left < 4 or bottom - top < 4:
            return None
        part = av.VideoFrame.from_numpy_buffer(self.plane[top:bottom, left:right], format="gray")
        shown = self.scaler.reformat(part, wide, tall, interpolation="BILINEAR", threads=1)
        found = plane_of(shown.planes[0])
        first_row, first_column = max(0, -row), max(0, -column)
        found = found[
            first_row : first_row + height - max(0, row), first_column : first_column + width - max(0, column)
        ]
        return found, max(0, row), max(0, column)


def _aligned(start: float, scale: float, length: int, low: int, high: int) -> tuple[int, int, int, int]:
    """Along one axis: first and last source pixel, how many frame pixels they become, and where those begin.

    Of several source pixels before the first and after the last that are needed, those are taken that fall closest to
    whole frame pixels.
    """
    first, last = max(low, math.floor(start)), min(high, math.ceil(start + length / scale))
    firsts = range(max(low, first - TRIES), max(low, first) + 1)
    begin = min(firsts, key=lambda n: (_off((n - start) * scale), first - n), default=first)
    lasts = range(last, min(high, last + TRIES) + 1)
    end = min(lasts, key=lambda n: (_off((n - begin) * scale), n), default=last)
    return begin, end, round((end - begin) * scale), round((begin - start) * scale)


def _off(place: float) -> float:
    """How far from a whole pixel, in sixteenths."""
    return round(abs(place - round(place)) * 16)


class Group:
    """Layers that move together. rate: how fast they grow."""

    def __init__(self, layers: Sequence[Layer], plate: Plate, rate: float) -> None:
        planes, alpha = flattened(layers, plate.width, plate.height)
        self.rate = rate
        self.drift = next((layer.drift for layer in layers if any(layer.drift)), (0.0, 0.0))
        box = _box(alpha)
        half = None if box is None else (box[0] // 2, box[1] // 2, box[2] // 2, box[3] // 2)
        self.planes = [Plane(plane, half if n else box) for n, plane in enumerate(planes)]
        self.alphas = None if alpha is None else [Plane(alpha, box), Plane(halved(alpha), half)]

    def draw(self, canvas: Canvas, x: float, y: float, scale: float) -> None:
        for n, target in enumerate(canvas.planes):
            k = 2 if n else 1
            height, width = target.shape
            over = self.planes[n].sample(x / k, y / k, scale, width, height)
            if over is None:
                continue
            picture, row, column = over
            view = target[row : row + picture.shape[0], column : column + picture.shape[1]]
            if self.alphas is None:
                view[:] = picture
                continue
            opacity = self.alphas[bool(n)].sample(x / k, y / k, scale, width, height)
            if opacity is not None:
                share = opacity[0].astype(np.uint16)
                np.subtract(np.uint16(256), share + (share >> 7), out=share)
                blend(view, share, np.minimum(picture, opacity[0]))


def _box(alpha: Bytes | None) -> tuple[int, int, int, int] | None:
    if alpha is None:
        return None
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    height, width = alpha.shape
    left, top = max(0, int(columns[0]) - 2) & ~1, max(0, int(rows[0]) - 2) & ~1
    return left, top, min(width, (int(columns[-1]) + 4) & ~1), min(height, (int(rows[-1]) + 4) & ~1)


class Zoom:
    """draw(canvas, progress, seconds) for one shot."""

    def __init__(self, plate: Plate, move: str) -> None:
        self.plate, self.move = plate, move
        self.amount = AMOUNTS[move]
        groups: list[list[Layer]] = [[], [], []]
        for layer in plate.layers:
            groups[0 if layer.depth <= 0.5 and not any(layer.drift) else 1 if layer.depth < 0.86 else 2].append(layer)
        self.groups = [Group(layers, plate, rate) for layers, rate in zip(groups, NEARNESS, strict=True) if layers]
        left, top, right, bottom = plate.frame
        self.focus = ((left + right) / 2, plate.horizon + ((top + bottom) / 2 - plate.horizon) * 0.6)

    def draw(self, canvas: Canvas, progress: float, seconds: float) -> None:
        del seconds
        share = eased(progress)
        grown = share if self.amount >= 0 else 1 - share
        left, top, right, _ = self.plate.frame
        scale = canvas.width / (right - left)
        aside = self.plate.width * 0.035 * (share - 0.5) if self.move == "orbit" else 0.0
        down = self.plate.height * 0.03 * (0.5 - share) if self.move == "aerial" else 0.0
        for group in self.groups:
            zoom = max(1.0, 1 + abs(self.amount) * group.rate * grown)
            x = self.focus[0] - (self.focus[0] - left) / zoom + aside * (group.rate - 0.3)
            y = self.focus[1] - (self.focus[1] - top) / zoom + down * (1.5 - group.rate)
            x -= group.drift[0] * (progress - 0.5)
            y -= group.drift[1] * (progress - 0.5)
            if group.alphas is None:
                x, y = self._on_plate(x, y, canvas, scale * zoom)
            group.draw(canvas, x, y, scale * zoom)

    def _on_plate(self, x: float, y: float, canvas: Canvas, scale: float) -> tuple[float, float]:
        """The background must fill the frame."""
        return (
            min(max(0.0, x), self.plate.width - canvas.width / scale - 1),
            min(max(0.0, y), self.plate.height - canvas.height / scale - 1),
        )
