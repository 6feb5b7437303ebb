"""Where a shot plays: each place draws itself onto a plate."""

from __future__ import annotations

from collections.abc import Callable

from ..plate import Plate
from . import inside, land, plain, space, town, water, woods

PLACES: dict[str, Callable[[Plate], None]] = {
    "": plain.backdrop,
    "space": space.deep_space,
    "city": town.city,
    "beach": water.beach,
    "coast": water.coast,
    "lake": water.lake,
    "forest": woods.forest,
    "desert": land.desert,
    "snow": land.snowfield,
    "mountain": land.mountains,
    "field": land.field,
    "sky": plain.open_sky,
    "interior": inside.room,
    "studio": inside.studio,
}
