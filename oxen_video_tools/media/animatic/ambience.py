"""A quiet bed of sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .direction import Direction

RATE = 48_000


def ambience(directions: Sequence[Direction], seconds: Sequence[float]) -> npt.NDArray[np.float32]:
    """Stereo samples at 48 kHz, as long as the shots together."""
    t = np.arange(round(sum(seconds) * RATE), dtype=np.float32) / RATE
    return np.tile(np.sin(2 * np.pi * 110 * t) * 0.05, (2, 1)).astype(np.float32)
