"""A quiet bed of sound: a chord that changes with each shot, wind or rain, a soft pulse on each cut.

Made at a quarter of the rate, for nothing in it is high, and then drawn out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..understanding.direction import Direction

RATE = 24_000
COARSE = 4  # samples that are one while it is made
STEPS = (0, -4, 3, -2, 5)  # half tones between the shots' chords
DARK = frozenset({"night", "storm", "neon", "dusk", "overcast"})
WINDY = frozenset({"sea", "beach", "mountain", "desert", "snow", "sky"})

Samples = npt.NDArray[np.floating]


def ambience(directions: Sequence[Direction], seconds: Sequence[float]) -> Samples:
    """Stereo samples at 24 kHz, each shot's bed as long as the shot."""
    chance = np.random.default_rng(directions[0].seed)
    root = 110 * 2 ** (chance.integers(0, 8) / 12)
    ends = np.round(np.cumsum(seconds) * RATE).astype(int)
    out = np.zeros((2, int(ends[-1])), np.float32)
    start = 0
    for n, (direction, end) in enumerate(zip(directions, ends, strict=True)):
        count = int(end) - start
        coarse = _bed(direction, root * 2 ** (STEPS[n % len(STEPS)] / 12), count // COARSE + 2, chance)
        places = np.arange(count, dtype=np.float32) / COARSE
        for channel in (0, 1):
            out[channel, start:end] = np.interp(places, np.arange(coarse.shape[1]), coarse[channel])
        _pulse(out[:, start:end])
        start = int(end)
    found: Samples = np.clip(out * 1.3, -0.95, 0.95).astype(np.float32)
    return found


def _bed(direction: Direction, root: float, count: int, chance: np.random.Generator) -> Samples:
    t = np.arange(count, dtype=np.float32) * np.float32(COARSE / RATE)
    third = 2 ** ((3 if direction.light in DARK else 4) / 12) * 2
    bed = np.zeros((2, count), np.float32)
    for k, ratio in enumerate((1.0, 1.5, third, 3.0)):
        phase = np.float32(chance.random() * 6.28)
        swell = (0.7 + 0.3 * np.sin(_turns((0.11 + 0.05 * k) * t) + phase)) * np.float32(0.060 / (1 + 0.7 * k))
        for channel, tuned in enumerate((1.0, 1.003)):
            bed[channel] += swell * np.sin(_turns(root * ratio * tuned * t) + phase)
    bed += _air(direction, count, chance) * (0.75 + 0.25 * np.sin(_turns(0.13 * t)))
    ends = np.minimum(t / 0.35, (t[-1] - t) / 0.35 + 0.15)
    bed *= np.clip(ends, 0, 1)
    return bed


def _turns(t: Samples) -> Samples:
    """Radians of whole turns, kept small, where a float is exact."""
    found: Samples = np.float32(2 * np.pi) * (t % 1).astype(np.float32)
    return found


def _air(direction: Direction, count: int, chance: np.random.Generator) -> Samples:
    """Rain hisses, wind is softer, a room is nearly silent."""
    rain = bool({"rain", "thunder"} & set(direction.weather))
    width = 2 if rain else 7
    noise = np.cumsum(chance.standard_normal((2, count + width), dtype=np.float32), 1)
    strength = 0.05 if rain or direction.place in WINDY else 0.018
    found: Samples = (noise[:, width:] - noise[:, :-width]) * np.float32(strength / width)
    return found


def _pulse(shot: Samples) -> None:
    """A low, soft beat where the shot begins."""
    t = np.arange(min(shot.shape[1], RATE // 2), dtype=np.float32) / RATE
    shot[:, : len(t)] += 0.22 * np.sin(2 * np.pi * (52 + 40 * np.exp(-t * 30)) * t) * np.exp(-t * 9)
