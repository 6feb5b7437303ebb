"""How loud a programme is, in LUFS (ITU-R BS.1770-4: K-weighting, 400 ms blocks, two gates)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .sound import RATE, Samples

STEP = RATE // 10  # a block of 400 ms begins every 100 ms
SILENCE = -70.0  # LUFS: the absolute gate


def loudness(parts: Iterable[Samples]) -> float | None:
    """Integrated loudness in LUFS of stereo samples at 48 kHz; None for silence or less than 400 ms."""
    steps = _step_powers(parts)
    if len(steps) < 4:
        return None
    blocks = np.convolve(steps, np.full(4, 0.25), "valid")
    audible = blocks[blocks > _power(SILENCE)]
    if not len(audible):
        return None
    gate = max(SILENCE, _lufs(float(audible.mean())) - 10)
    return round(_lufs(float(audible[audible > _power(gate)].mean())), 1)


def _step_powers(parts: Iterable[Samples]) -> npt.NDArray[np.float64]:
    """The weighted power of both channels together, for every 100 ms."""
    powers: list[float] = []
    held = np.zeros((2, 0), np.float32)
    for part in parts:
        held = np.concatenate((held, part), 1)
        whole = held.shape[1] // STEP
        if whole:
            powers += _weighted(held[:, : whole * STEP].reshape(2, whole, STEP))
            held = held[:, whole * STEP :]
    return np.asarray(powers)


def _weighted(steps: npt.NDArray[np.float32]) -> list[float]:
    """Filtered where filtering is a product: in the spectrum (Parseval gives the power)."""
    spectrum = np.abs(np.fft.rfft(steps, axis=2)) ** 2 * _k_weighting()
    spectrum[..., 1:-1] *= 2
    found: list[float] = (spectrum.sum(axis=(0, 2)) / STEP**2).tolist()
    return found


@cache
def _k_weighting() -> npt.NDArray[np.float64]:
    """The squared gain of the two filters at each frequency of a step (coefficients for 48 kHz, BS.1770-4)."""
    z = np.exp(-2j * np.pi * np.arange(STEP // 2 + 1) / STEP)
    shelf = _gain(z, (1.53512485958697, -2.69169618940638, 1.19839281085285), (-1.69065929318241, 0.73248077421585))
    high_pass = _gain(z, (1.0, -2.0, 1.0), (-1.99004745483398, 0.99007225036621))
    return np.asarray(np.abs(shelf * high_pass) ** 2)


def _gain(z: Any, b: tuple[float, float, float], a: tuple[float, float]) -> Any:
    return (b[0] + b[1] * z + b[2] * z**2) / (1 + a[0] * z + a[1] * z**2)


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power) if power > 0 else -math.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))
