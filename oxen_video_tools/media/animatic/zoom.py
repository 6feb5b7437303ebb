"""Moves that change the scale: push in, pull out, fly over, orbit. Groups of layers grow at their own pace.

The scaler takes whole pixels only, which would make a slow zoom tremble. So a slightly larger part is scaled whose
edges happen to fall on whole pixels at both ends, and what is too much is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from ..pictures import Bytes, plane_of, scaled
from .blending import blend_bytes, flattened
from .canvas import Canvas
from .glide import eased
from .layer import Layer, halved
from .plate import Plate

SCALE = 1.16  # plate pixels for each of the frame's: what a zoom goes into
MARGINS = {"orbit": (0.09, 0.04)}
AMOUNTS = {"push_in": 0.16, "aerial": 0.20, "pull_out": -0.16, "orbit": 0.05}
NEARNESS = (0.45, 1.1, 1.1)  # how fast each group grows
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
        self.quick = True

    def sample(self, x: float, y: float, scale: float, width: int, height: int) -> tuple[Bytes, int, int] | None:
        """What a frame of this size shows whose corner is at (x, y), and where in it: rows and columns begin there.

        scale: frame pixels for each of the plane's.
        """
        left, right, wide, column = _aligned(x, scale, width, self.box[0], self.box[2])
        top, bottom, tall, row = _aligned(y, scale, height, self.box[1], self.box[3])
        if wide < 4 or tall < 4 or right - left < 4 or bottom - top < 4:
            return None
        part = av.VideoFrame.from_numpy_buffer(self.plane[top:bottom, left:right], format="gray")
        found = plane_of(self._scaled(part, wide, tall).planes[0])
        first_row, first_column = max(0, -row), max(0, -column)
        found = found[
            first_row : first_row + height - max(0, row), first_column : first_column + width - max(0, column)
        ]
        return found, max(0, row), max(0, column)

    def _scaled(self, part: av.VideoFrame, width: int, height: int) -> Any:
        """By the quick scaler, which writes machine code for some widths; where a system forbids that, by the other."""
        if self.quick:
            try:
                return scaled(self.scaler, part, width, height, "FAST_BILINEAR")
            except (av.error.FFmpegError, MemoryError):
                self.quick = False
        return scaled(self.scaler, part, width, height)


def _aligned(start: float, scale: float, length: int, low: int, high: int) -> tuple[int, int, int, int]:
    """Along one axis: first and last source pixel, how many frame pixels they become, and where those begin.

    Of several source pixels before the first and after the last that are needed, those are taken that fall closest to
    whole frame pixels.
    """
    first, last = max(low, math.floor(start)), min(high, math.ceil(start + length / scale))
    begin = _closest(first, max(low, first - TRIES), -1, start, scale)
    end = _closest(last, min(high, last + TRIES), 1, begin, scale)
    return begin, end, round((end - begin) * scale), round((begin - start) * scale)


def _closest(first: int, last: int, step: int, origin: float, scale: float) -> int:
    """Of the places from `first` to `last` the one that falls closest to a whole frame pixel from `origin`."""
    best, chosen = 1.0, first
    for place in range(first, last + step, step):
        off = abs(((place - origin) * scale + 0.5) % 1.0 - 0.5)
        if off < best - 0.04:
            best, chosen = off, place
    return chosen


class Group:
    """Layers that move together. rate: how fast they grow.  solid: the row from which nothing shines through."""

    def __init__(self, layers: Sequence[Layer], plate: Plate, rate: float) -> None:
        planes, alpha = flattened(layers, plate.width, plate.height)
        self.rate = rate
        self.drift = next((layer.drift for layer in layers if any(layer.drift)), (0.0, 0.0))
        self.solid = 0 if alpha is None else _solid_from(alpha)
        box = _box(alpha)
        half = None if box is None else (box[0] // 2, box[1] // 2, box[2] // 2, box[3] // 2)
        self.planes = [Plane(plane, half if n else box) for n, plane in enumerate(planes)]
        keep = None if alpha is None else 255 - alpha
        self.keeps = None if keep is None else [Plane(keep, box), Plane(halved(keep), half)]

    def covers_from(self, y: float, scale: float) -> int:
        """The frame's row below which it hides everything behind it, if its corner is at `y`."""
        if self.solid >= self.planes[0].plane.shape[0]:
            return 1 << 20
        return math.ceil((self.solid - y) * scale) + 1

    def draw(self, canvas: Canvas, x: float, y: float, scale: float, rows: int) -> None:
        """rows: of the frame that nothing nearer hides."""
        for n, target in enumerate(canvas.planes):
            k = 2 if n else 1
            height, width = min(target.shape[0], -(-rows // k)), target.shape[1]
            edge = min(height, max(0, -(-self.covers_from(y, scale) // k)))
            over = self.planes[n].sample(x / k, y / k, scale, width, height)
            if over is None:
                continue
            picture, row, column = over
            view = target[row : row + picture.shape[0], column : column + picture.shape[1]]
            split = max(0, edge - row)
            view[split:] = picture[split:]
            keep = self.keeps[bool(n)].sample(x / k, y / k, scale, width, edge) if self.keeps and split else None
            if keep is not None:
                tall, wide = min(split, *(part.shape[0] for part in (picture, keep[0]))), keep[0].shape[1]
                blend_bytes(view[:tall, :wide], keep[0][:tall], picture[:tall, :wide])


def _solid_from(alpha: Bytes) -> int:
    """The first row from which on every pixel is opaque."""
    open_rows = np.flatnonzero(alpha.min(1) < 255)
    return int(open_rows[-1]) + 1 if len(open_rows) else 0


def _box(alpha: Bytes | None) -> tuple[int, int, int, int] | None:
    if alpha is None:
        return None
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    height, width = alpha.shape
    left, top = max(0, int(columns[0]) - 2) & ~1, max(0, int(rows[0]) - 2) & ~1
    return left, top, min(width, (int(columns[-1]) + 4) & ~1), min(height, (int(rows[-1]) + 4) & ~1)


def _group_of(layer: Layer, close: bool) -> int:
    """Far, near, and what moves by itself. Each group costs a scaling of what it covers."""
    if any(layer.drift):
        return 2
    return int(layer.subject if close else layer.depth > 0.5)


class Zoom:
    """draw(canvas, progress, seconds) for one shot."""

    def __init__(self, plate: Plate, move: str) -> None:
        self.plate, self.move = plate, move
        self.amount = AMOUNTS[move]
        groups: tuple[list[Layer], ...] = ([], [], [])
        for layer in plate.layers:
            groups[_group_of(layer, plate.close)].append(layer)
        self.groups = [Group(layers, plate, rate) for layers, rate in zip(groups, NEARNESS, strict=True) if layers]
        plate.layers.clear()  # they are drawn from their own copies
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
        placed = []
        for group in self.groups:
            zoom = max(1.0, 1 + abs(self.amount) * group.rate * grown)
            x = self.focus[0] - (self.focus[0] - left) / zoom + aside * (group.rate - 0.3)
            y = self.focus[1] - (self.focus[1] - top) / zoom + down * (1.5 - group.rate)
            x -= group.drift[0] * (progress - 0.5)
            y -= group.drift[1] * (progress - 0.5)
            if not any(group.drift):
                x, y = self._on_plate(x, y, canvas, scale * zoom)
            placed.append((group, x, y, scale * zoom))
        for n, (group, x, y, zoomed) in enumerate(placed):
            nearer = (other.covers_from(low, size) for other, _, low, size in placed[n + 1 :])
            group.draw(canvas, x, y, zoomed, max(0, min([canvas.height, *nearer])))

    def _on_plate(self, x: float, y: float, canvas: Canvas, scale: float) -> tuple[float, float]:
        """What covers others, or nothing lies behind, must fill the frame."""
        return (
            min(max(0.0, x), self.plate.width - canvas.width / scale - 1),
            min(max(0.0, y), self.plate.height - canvas.height / scale - 1),
        )
