"""Chance that looks natural: sums of smooth noise, each octave finer and weaker."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.floating[Any]]
Chance = np.random.Generator


def outline(chance: Chance, length: int, octaves: int = 6, first: float = 3.0, fading: float = 0.5) -> Floats:
    """`length` values around 0.5: a skyline. first: hills across its width."""
    places = np.linspace(0, 1, length)
    total, weight, power = np.zeros(length), 0.0, 1.0
    for _ in range(octaves):
        points = max(2, int(first) + 2)
        total += power * np.interp(places * (points - 1), np.arange(points), chance.random(points))
        weight, power, first = weight + power, power * fading, first * 2.05
    return (total / weight).astype(np.float32)


def smooth_outline(chance: Chance, length: int, first: float = 2.0, octaves: int = 2) -> Floats:
    """`length` values around 0.5, without corners: dunes and meadows."""
    places = np.linspace(0, 1, length)
    total = np.zeros(length)
    for k in range(octaves):
        waves = first * (1.7**k)
        total += np.sin(2 * np.pi * (waves * places + chance.random())) * 0.55**k
    return (0.5 + total / 3.2).astype(np.float32)


def clouds(chance: Chance, width: int, height: int, octaves: int = 5, first: float = 3.0) -> Floats:
    """A plane of values around 0.5."""
    total, weight, power = np.zeros((height, width), np.float32), 0.0, 1.0
    for _ in range(octaves):
        rows = max(2, int(first * height / width) + 2)
        total += power * enlarged(chance.random((rows, int(first) + 2), dtype=np.float32), width, height)
        weight, power, first = weight + power, power * 0.55, first * 2.1
    found: Floats = total / np.float32(weight)
    return found


def enlarged(small: npt.NDArray[Any], width: int, height: int, smooth: bool = True) -> Floats:
    """A small plane drawn large."""
    image = Image.fromarray(np.ascontiguousarray(small, np.float32))
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    return np.asarray(image.resize((width, height), how))
