"""Moves that only shift the picture: pans, tracks, tilts, a hand-held camera, a slow drift, and standing still.

Nothing is scaled. Each layer shifts by its own amount, as near things do; quarters of a pixel are worked out before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .blending import Sheet, blend, sheets
from .canvas import Canvas
from .layer import Layer
from .plate import Plate

SLOW, FAST = 4, 2  # positions within a pixel; what moves fast needs fewer
FAST_PIXELS = 1.2  # a frame


class GlidingLayer:
    """One layer, cut to what is not transparent, in every position within a pixel along the axis."""

    def __init__(self, layer: Layer, axis: str, hidden_from: int | None, phases: int) -> None:
        self.depth, self.drift, self.phases = layer.depth, layer.drift, phases
        rows = layer.height if hidden_from is None else min(layer.height, max(2, hidden_from - layer.top) & ~1)
        solid = rows if layer.solid is None or layer.alpha is not None else 0
        if layer.solid is not None and layer.alpha is not None:
            solid = min(rows, layer.solid & ~1)
        self.parts: list[tuple[int, int, dict[tuple[int, int, int], Sheet]]] = []
        if solid and layer.alpha is not None:
            self._add(layer, 0, solid, layer.alpha)
        if solid < rows:
            self._add(layer, solid, rows, None)
        for _, _, found in self.parts:
            for phase in range(phases if axis else 1):
                for n in range(3):
                    self._sheet(found, n, *((phase, 0) if axis == "x" else (0, phase)))

    def _add(self, layer: Layer, top: int, bottom: int, alpha: Any) -> None:
        left, right = 0, layer.width
        if alpha is not None:
            alpha = alpha[top:bottom]
            columns, rows = np.flatnonzero(alpha.max(0)), np.flatnonzero(alpha.max(1))
            if not len(columns):
                return
            left, right = max(0, int(columns[0]) - 2) & ~1, min(layer.width, (int(columns[-1]) + 4) & ~1)
            bottom = min(bottom, top + ((int(rows[-1]) + 3) & ~1))
            top += max(0, int(rows[0]) - 2) & ~1
            alpha = layer.alpha[top:bottom, left:right]  # type: ignore[index]  # it is there
        planes = [
            plane[top >> bool(n) : bottom >> bool(n), left >> bool(n) : right >> bool(n)]
            for n, plane in enumerate(layer.planes)
        ]
        found = {(n, 0, 0): sheet for n, sheet in enumerate(sheets(planes, alpha))}
        self.parts.append((layer.left + left, layer.top + top, found))

    def _sheet(self, found: dict[tuple[int, int, int], Sheet], plane: int, across: int, down: int) -> Sheet:
        key = (plane, across, down)
        if key not in found:
            found[key] = found[plane, 0, 0].shifted(across / self.phases, down / self.phases)
        return found[key]

    def _split(self, place: float, fine: bool) -> tuple[int, int]:
        """Whole pixels and the position within one."""
        if not fine:
            return math.floor(place + 0.5), 0
        parts = math.floor(place * self.phases + 0.5)
        return parts // self.phases, parts % self.phases

    def draw(self, canvas: Canvas, x: float, y: float, axis: str) -> None:
        """x, y: where the frame's corner lies for this layer, in plate pixels."""
        for left, top, found in self.parts:
            for n, plane in enumerate(canvas.planes):
                scale = 2 if n else 1
                column, across = self._split((x - left) / scale, axis == "x" or bool(self.drift[0]))
                row, down = self._split((y - top) / scale, axis == "y" or bool(self.drift[1]))
                _lay(plane, self._sheet(found, n, across, down), column, row)


def _lay(plane: Any, sheet: Sheet, x: int, y: int) -> None:
    """So that the sheet's pixel (x, y) comes to the plane's corner."""
    height, width = plane.shape
    tall, wide = sheet.over.shape
    left, top, right, bottom = max(0, x), max(0, y), min(wide, x + width), min(tall, y + height)
    if right <= left or bottom <= top:
        return
    source = np.s_[top:bottom, left:right]
    target = plane[top - y : bottom - y, left - x : right - x]
    if sheet.keep is None:
        target[:] = sheet.over[source]
    else:
        blend(target, sheet.keep[source], sheet.over[source])


AMOUNTS = {  # of the frame, over a shot
    **{
        "pan_left": 0.17,
        "pan_right": 0.17,
        "track_left": 0.22,
        "track_right": 0.22,
        "tilt_up": 0.20,
        "tilt_down": 0.20,
    },
    **{"drift": 0.035, "handheld": 0.02, "static": 0.0},
}
BEYOND = 0.12  # of the way, that a shot goes on while it fades
BACKWARDS = frozenset({"pan_left", "track_left", "tilt_up"})


def margin_of(move: str) -> tuple[float, float]:
    """What the plate needs beyond the frame, in frames."""
    reach = AMOUNTS[move] * (0.5 + BEYOND)
    if move.startswith("tilt"):
        return 0.01, reach + 0.01
    return reach + 0.015, 0.025 if move == "handheld" else 0.006


class Glide:
    """draw(canvas, progress, seconds) for one shot."""

    def __init__(self, plate: Plate, move: str, frames: int) -> None:
        self.plate, self.move = plate, move
        self.axis = "y" if move.startswith("tilt") else "" if move == "static" else "x"
        hidden = _hidden(plate) if self.axis != "y" else [None] * len(plate.layers)
        speed = AMOUNTS[move] * (plate.frame[2] - plate.frame[0]) / frames
        self.layers = [
            GlidingLayer(layer, self.axis, row, FAST if speed * self._near(layer.depth) > FAST_PIXELS else SLOW)
            for layer, row in zip(plate.layers, hidden, strict=True)
        ]
        plate.layers.clear()  # they are drawn from their own copies
        self.phase = plate.chance.random(2) * 2 * math.pi

    def draw(self, canvas: Canvas, progress: float, seconds: float) -> None:
        left, top, right, bottom = self.plate.frame
        way = AMOUNTS[self.move] * (eased(progress) - 0.5) * (-1 if self.move in BACKWARDS else 1)
        shake_x, shake_y = self._shake(seconds) if self.move == "handheld" else (0.0, 0.0)
        for layer in self.layers:
            near = self._near(layer.depth)
            x = left + shake_x * (0.5 + layer.depth / 2) - layer.drift[0] * (progress - 0.5)
            y = top + shake_y - layer.drift[1] * (progress - 0.5)
            if self.axis == "y":
                y += way * near * (bottom - top)
            elif self.move != "handheld":
                x += way * near * (right - left)
            layer.draw(canvas, x, y, self.axis)

    def _near(self, depth: float) -> float:
        """How far a layer shifts against the nearest: one that turns shifts all, one that travels the near ones."""
        turns = self.move.startswith(("pan", "tilt"))
        return 0.55 + 0.45 * depth if turns else 0.06 + 0.94 * depth

    def _shake(self, t: float) -> tuple[float, float]:
        reach, (one, two) = self.plate.unit * 0.010, self.phase
        across = math.sin(t * 1.9 + one) + 0.6 * math.sin(t * 4.3 + two)
        return reach * across, reach * 0.6 * (math.sin(t * 2.3 + two) + 0.5 * math.sin(t * 5.1))


def eased(share: float) -> float:
    """Nearly even, with softened ends; goes on beyond them a little."""
    share = min(1.0 + BEYOND, max(-BEYOND, share))
    inner = min(1.0, max(0.0, share))
    return share + 0.5 * (inner * inner * (3 - 2 * inner) - inner)


def _hidden(plate: Plate) -> list[int | None]:
    """For each layer the row of the plate from which nearer ones cover it over the whole width."""
    found: list[int | None] = []
    covered: int | None = None
    for layer in reversed(plate.layers):
        found.append(covered)
        if layer.solid is not None and layer.width == plate.width:
            row = layer.top + (layer.solid if layer.alpha is not None else 0) + 6
            covered = row if covered is None else min(covered, row)
    return found[::-1]
