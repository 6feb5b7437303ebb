"""How long the sandbox takes: like the hub, faster, or not at all."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Literal

Speed = Literal["instant", "real"] | float

_QUEUED = 1.0  # seconds until a free machine takes a job (Oxen docs, async queue: enqueued_at and started_at)
_REFUSED = 3.0  # seconds until a bad parameter has failed (the same page: Response (failed))
_IMAGE = 8.0


@dataclass(frozen=True)
class Pace:
    """factor: how many times faster than the hub; infinite: every job is done at the next look."""

    factor: float

    @classmethod
    def of(cls, speed: Speed) -> Pace:
        """ "instant", "real", or how many times faster than real."""
        if speed == "instant":
            return cls(math.inf)
        factor = 1.0 if speed == "real" else float(speed)
        if not factor > 0:
            raise ValueError(f"speed must be 'instant', 'real' or a number above 0, not {speed!r}")
        return cls(factor)

    def queued(self) -> float:
        """Seconds from being enqueued to being started, when a machine is free."""
        return _QUEUED / self.factor

    def refused(self) -> float:
        """Seconds from the start to the failure of a job that the model does not take."""
        return _REFUSED / self.factor

    def running(self, model: str, media_type: str, seconds: float) -> float:
        """Seconds from start to end for `seconds` of video: 1–5 minutes, always the same for the same job."""
        if media_type == "image":
            return _IMAGE / self.factor
        slowness = 45 + hashlib.sha256(model.encode()).digest()[1] % 60
        return (slowness + 7 * seconds) / self.factor
