"""Sound as arrays: any stream → stereo at 48 kHz; arrays → an AAC track without drift."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  # 2 × n, -1 to 1

RATE = 48_000  # samples a second of everything here
AAC_FRAME = 1024  # samples


def resampler() -> Any:
    return av.AudioResampler(format="fltp", layout="stereo", rate=RATE)


def stereo(frames: list[Any], sampler: Any) -> Iterator[Samples]:
    """Decoded frames as stereo at 48 kHz; priming that lies before the beginning is dropped."""
    for frame in frames:
        if frame.pts is not None and frame.time_base and (frame.pts + frame.samples) * frame.time_base <= 0:
            continue
        for part in sampler.resample(frame):
            yield part.to_ndarray()


def rest(sampler: Any) -> Iterator[Samples]:
    """What a resampler still holds at the end."""
    for part in sampler.resample(None):
        yield part.to_ndarray()


def decoded_sound(container: Any, stream: Any, seconds: float) -> Iterator[Samples]:
    """A whole stream, at most `seconds` of it; a damaged packet is skipped."""
    sampler, left = resampler(), round(seconds * RATE)
    for packet in container.demux(stream):
        try:
            frames = list(packet.decode())
        except av.error.FFmpegError:
            continue
        for part in stereo(frames, sampler):
            yield part[:, :left]
            left -= part.shape[1]
            if left <= 0:
                return
    yield from rest(sampler)


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

    def silence_until(self, at: int) -> None:
        while self.at < at:
            self.write(np.zeros((2, min(at - self.at, RATE)), np.float32))

    def close(self) -> None:
        self.container.mux(self.stream.encode())
