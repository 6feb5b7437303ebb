"""A direction → a plate with everything on it, its sheets in order from far to near."""

from __future__ import annotations

from .casting import cast
from .direction import Direction
from .places import PLACES
from .plate import Plate


def draw(direction: Direction, size: tuple[int, int], scale: float, margin: tuple[float, float]) -> Plate:
    """scale: plate pixels for each of the frame's.  margin: what lies beyond the frame on each side, in frames."""
    plate = Plate(direction, size, scale, margin)
    PLACES[direction.place](plate)
    cast(plate)
    if plate.close:
        plate.defocus()
    plate.layers.sort(key=lambda layer: layer.depth)
    return plate
