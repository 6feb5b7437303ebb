"""A music bed under a film: repeated where it is too short, faded at both ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .container import audio_of, opened, unreadable
from .limits import LIMITS, Limits
from .sound import RATE, Samples, decoded_sound

FADE_IN, FADE_OUT = 0.3, 1.5  # seconds
UNDER_SOUND, ALONE = 0.25, 0.8  # gain: the clips' own sound stays in front


class Bed:
    """Music mixed under samples that come in order. seconds: of the film."""

    def __init__(self, path: Path, seconds: float, alone: bool, limits: Limits = LIMITS) -> None:
        self.path, self.limits = path, limits
        self.length = round(seconds * RATE)
        self.gain = ALONE if alone else UNDER_SOUND
        self._parts = self._endless()
        self._held: Samples = np.zeros((2, 0), np.float32)

    def under(self, part: Samples, at: int) -> Samples:
        """`part`, which begins at sample `at`, with the music under it."""
        count = part.shape[1]
        while self._held.shape[1] < count:
            self._held = np.concatenate((self._held, next(self._parts)), 1)
        music, self._held = self._held[:, :count], self._held[:, count:]
        places = np.arange(at, at + count, dtype=np.float32)
        rise = np.clip(places / (FADE_IN * RATE), 0, 1)
        fall = np.clip((self.length - places) / (FADE_OUT * RATE), 0, 1)
        mixed: Samples = np.clip(part + music * (self.gain * rise * fall), -1, 1).astype(np.float32)
        return mixed

    def _endless(self) -> Iterator[Samples]:
        while True:
            some = False
            with opened(self.path, self.limits) as container:
                stream = audio_of(container)
                if stream is None:
                    raise unreadable(self.path, "it holds no sound")
                for part in decoded_sound(container, stream, self.limits.seconds):
                    some = some or part.shape[1] > 0
                    yield part
            if not some:
                raise unreadable(self.path, "its sound can't be decoded")
