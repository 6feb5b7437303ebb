"""Decoding pictures one by one, through damage and within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from .container import PYAV, audio_of, open_container, unreadable_error
from .limits import LIMITS, Limits

Bytes = npt.NDArray[np.uint8]

_ALONE: dict[str, Any] = {"threads": 1} if PYAV >= 17 else {}

SEARCH = 600  # frames decoded at most to reach one time after a key frame


class Decoder:
    """The pictures of a stream from where the container stands, in the order of showing.

    A damaged packet is counted and skipped; decoding goes on after it. damaged: packets.  shown: pictures so far.
    """

    def __init__(self, container: Any, stream: Any, limits: Limits = LIMITS) -> None:
        self.container, self.stream, self.limits = container, stream, limits
        self.damaged = 0
        self.shown = 0

    def __iter__(self) -> Iterator[Any]:
        for packet in self._packets():
            for frame in self._pictures(packet):
                if self.shown >= self.limits.frames:
                    return
                if frame.width * frame.height > self.limits.pixels:  # a stream may change its size on the way
                    self.damaged += 1
                    continue
                self.shown += 1
                yield frame

    def _packets(self) -> Iterator[Any]:
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.damaged += 1
                return
            if packet is None:
                return
            yield packet

    def _pictures(self, packet: Any) -> list[Any]:
        if getattr(packet, "is_corrupt", False):
            self.damaged += 1
        try:
            return list(packet.decode())
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.damaged += 1
            return []


def picture_at(container: Any, stream: Any, seconds: float) -> Any | None:
    """The picture shown at `seconds`, or the nearest one that can be had; None where there is none."""
    start = stream.start_time or 0
    wanted = start + int(seconds / stream.time_base)
    try:
        container.seek(wanted, stream=stream, backward=True)
    except av.error.FFmpegError:
        container.seek(0)
    found = None
    for n, frame in enumerate(Decoder(container, stream)):
        if frame.pts is not None and frame.pts > wanted and found is not None:
            break
        found = frame
        if n >= SEARCH or (frame.pts is not None and frame.pts >= wanted):
            break
    return found


def last_picture(container: Any, stream: Any) -> Any:
    """The last picture. Raises InputUnreadable where there is none, or where it comes long before the stated end."""
    stated = stream.duration
    if stated:
        container.seek((stream.start_time or 0) + stated, stream=stream, backward=True)
    last = _last(container, stream)
    if last is None and stated:
        container.seek(0)
        last = _last(container, stream)
    if last is None:
        raise unreadable_error(container.name, "it holds no picture that can be decoded")
    missing = missing_seconds(stream, last)
    if missing > 0:
        raise unreadable_error(container.name, f"it is cut off: its last {missing:.1f} s are not there")
    return last


def _last(container: Any, stream: Any) -> Any | None:
    last = None
    for last in Decoder(container, stream):  # noqa: B007  # only the last one counts
        pass
    return last


def missing_seconds(stream: Any, last: Any) -> float:
    """How much earlier than its stated end a stream really ends; 0 within two frames."""
    if not stream.duration or last is None or last.pts is None:
        return 0.0
    rate = stream.average_rate or stream.guessed_rate
    frame = 1 / float(rate) if rate else 0.04
    end = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    gap = end - (float(last.pts * last.time_base) + frame)
    return gap if gap > 2 * frame else 0.0


def rgb(frame: Any, width: int | None = None, height: int | None = None, turn: int = 0) -> Bytes:
    """The picture as rows of red, green and blue, in true colours. turn: degrees clockwise, applied at the end."""
    source = colours_of(frame)
    shown = frame.reformat(
        width=width or frame.width,
        height=height or frame.height,
        format="rgb24",
        src_colorspace=source,
        dst_colorspace="ITU601" if source == "ITU709" else "ITU709",  # RGB has none; PyAV 16 heeds only a difference
        interpolation="AREA" if width and width < frame.width else "BICUBIC",
    )
    found: Bytes = shown.to_ndarray()
    return np.rot90(found, -turn // 90).copy() if turn else found


def scale_picture(scaler: VideoReformatter, frame: Any, width: int, height: int, smooth: str = "BILINEAR") -> Any:
    """The frame at another size, in this thread alone: what is scaled here is too small to be shared out."""
    return scaler.reformat(frame, width, height, interpolation=smooth, **_ALONE)


def colours_of(frame: Any) -> str:
    """Which matrix its colours were made with; where a file doesn't say, size tells, as players do."""
    stated = int(frame.colorspace)
    if stated == 1:
        return "ITU709"
    if stated in (5, 6):
        return "ITU601"
    return "ITU709" if frame.height > 576 or frame.width > 1024 else "ITU601"


def plane_of(plane: Any) -> Bytes:
    """A writable view of a plane of a PyAV frame, without the padding at the end of its rows."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def mix_planes(mine: Sequence[Bytes], theirs: Sequence[Bytes], share: float) -> None:
    """Cross-fades in place: `share` of theirs, the rest of mine."""
    weight = round(share * 256)
    for plane, added in zip(mine, theirs, strict=True):
        mixed = np.multiply(plane, np.uint16(256 - weight), dtype=np.uint16)
        mixed += np.multiply(added, np.uint16(weight), dtype=np.uint16)
        mixed += 128
        mixed >>= 8
        plane[:] = mixed


# Sound as arrays: any stream → stereo at 48 kHz; arrays → an AAC track without drift.

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
        container = self._open.enter_context(open_container(path, limits))
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
