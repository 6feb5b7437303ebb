"""Silhouettes: what a shot is about, as simple shapes that claim no more than the word says.

A shape fills a mask of its own width and height; a fill below 255 lets the picture behind shine through.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..plate import Shape
from . import animals, buildings, people, things, vehicles


@dataclass(frozen=True)
class Cast:
    """shape: how it is drawn.  wide: width in heights.  tall: height in units when the shot is a full shot.

    stands: "ground", "water", "air" or "hand" (a thing of the size of a hand, which is shown large).
    """

    shape: Shape
    wide: float
    tall: float
    stands: str = "ground"


CASTS: dict[str, Cast] = {
    "person": Cast(people.figure, 0.42, 0.72),
    "astronaut": Cast(people.astronaut, 0.62, 0.70),
    "robot": Cast(people.robot, 0.62, 0.70),
    "dog": Cast(animals.dog, 1.35, 0.36),
    "cat": Cast(animals.cat, 0.72, 0.36),
    "horse": Cast(animals.horse, 1.25, 0.62),
    "bird": Cast(animals.bird, 2.3, 0.20, "air"),
    "fish": Cast(animals.fish, 2.0, 0.22, "air"),
    "whale": Cast(animals.whale, 3.0, 0.24, "water"),
    "butterfly": Cast(animals.butterfly, 1.25, 0.26, "air"),
    "car": Cast(vehicles.car, 2.9, 0.26),
    "bus": Cast(vehicles.bus, 2.4, 0.36),
    "train": Cast(vehicles.train, 4.2, 0.28),
    "bicycle": Cast(vehicles.bicycle, 1.6, 0.40),
    "airplane": Cast(vehicles.airplane, 2.6, 0.26, "air"),
    "rocket": Cast(vehicles.rocket, 2.4, 0.24, "air"),
    "sailboat": Cast(vehicles.sailboat, 1.0, 0.52, "water"),
    "boat": Cast(vehicles.boat, 3.2, 0.15, "water"),
    "balloon": Cast(things.balloon, 0.50, 0.44, "air"),
    "hot_air_balloon": Cast(vehicles.hot_air_balloon, 0.76, 0.46, "air"),
    "lighthouse": Cast(buildings.lighthouse, 0.34, 0.55),
    "house": Cast(buildings.house, 1.35, 0.42),
    "castle": Cast(buildings.castle, 1.1, 0.55),
    "tower": Cast(buildings.tower, 0.30, 0.80),
    "windmill": Cast(buildings.windmill, 0.85, 0.60),
    "bridge": Cast(buildings.bridge, 3.4, 0.30),
    "tent": Cast(buildings.tent, 1.6, 0.24),
    "tree": Cast(things.tree, 0.95, 0.66),
    "flower": Cast(things.flower, 0.50, 0.60, "hand"),
    "bottle": Cast(things.bottle, 0.40, 0.52, "hand"),
    "cup": Cast(things.cup, 1.25, 0.30, "hand"),
    "phone": Cast(things.phone, 0.50, 0.52, "hand"),
    "laptop": Cast(things.laptop, 1.55, 0.34, "hand"),
    "book": Cast(things.book, 1.7, 0.26, "hand"),
    "sneaker": Cast(things.sneaker, 1.9, 0.26, "hand"),
    "watch": Cast(things.watch, 0.62, 0.50, "hand"),
}
