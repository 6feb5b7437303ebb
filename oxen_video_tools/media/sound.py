"""Sound as arrays: any stream → stereo at 48 kHz; arrays → an AAC track without drift."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from .container import audio_of, opened
from .limits import LIMITS, Limits

Samples = npt.NDArray[np.float32]  # 2 × n, -1 to 1

RATE = 48_000  # samples a second of everything here
AAC_FRAME = 1024  # samples


def decoded_sound(container: Any, stream: Any, seconds: float) -> Iterator[Samples]:
    """A whole stream from its beginning, at most `seconds` of it; damaged packets and priming are left out."""
    sampler, left = av.AudioResampler(format="fltp", layout="stereo", rate=RATE), round(seconds * RATE)
    for frame in _frames(container, stream):
        for part in sampler.resample(frame):
            samples = np.asarray(part.to_ndarray()[:, :left], np.float32)
            left -= samples.shape[1]
            yield samples
        if left <= 0:
            return
    for part in sampler.resample(None):
        yield np.asarray(part.to_ndarray()[:, :left], np.float32)


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        try:
            frames = list(packet.decode())
        except av.error.FFmpegError:
            continue
        for frame in frames:
            primes = frame.pts is not None and (frame.pts + frame.samples) * frame.time_base <= 0
            if not primes:
                yield frame


class ClipSound:
    """The sound of a clip from `since` seconds after its picture begins; silence where there is none."""

    def __init__(self, path: Path, limits: Limits = LIMITS, since: float = 0.0) -> None:
        self._open = ExitStack()
        container = self._open.enter_context(opened(path, limits))
        stream = audio_of(container)
        self._held: Samples = np.zeros((2, 0), np.float32)
        self._parts: Iterator[Samples] = iter(())
        if stream is None:
            return
        self._parts = decoded_sound(container, stream, limits.seconds)
        pictures = container.streams.video
        begins = float((pictures[0].start_time or 0) * pictures[0].time_base) if pictures else 0.0
        late = round((max(0.0, float((stream.start_time or 0) * stream.time_base)) - begins - since) * RATE)
        if late > 0:
            self._held = np.zeros((2, min(late, round(limits.seconds * RATE))), np.float32)
        while late < 0:
            late += self.read(min(-late, RATE)).shape[1]

    def read(self, count: int) -> Samples:
        """Exactly `count` samples, silence after the end."""
        parts, have = [self._held], self._held.shape[1]
        while have < count:
            part = next(self._parts, None)
            part = np.zeros((2, count - have), np.float32) if part is None else part
            parts.append(part)
            have += part.shape[1]
        together = np.concatenate(parts, 1) if len(parts) > 1 else parts[0]
        self._held = together[:, count:]
        return together[:, :count]

    def close(self) -> None:
        self._open.close()


class SoundTrack:
    """Writes samples one after the other into an AAC stream of a container. at: samples written so far."""

    def __init__(self, container: Any, bit_rate: int = 160_000) -> None:
        self.container = container
        self.stream = container.add_stream("aac", rate=RATE, layout="stereo")
        self.stream.bit_rate = bit_rate
        self.at = 0

    def write(self, samples: Samples) -> None:
        for start in range(0, samples.shape[1], AAC_FRAME):
            part = np.ascontiguousarray(samples[:, start : start + AAC_FRAME], np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, Fraction(1, RATE)
            self.at += part.shape[1]
            self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        self.container.mux(self.stream.encode())
