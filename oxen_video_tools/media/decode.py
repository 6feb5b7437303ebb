"""Decoding pictures one by one, through damage and within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from ..files import LIMITS, Limits
from .container import PYAV, audio_of, is_moving, open_container, unreadable_error
from .probe import AS_CODED, HDR, Display

Bytes = npt.NDArray[np.uint8]

_ALONE: dict[str, Any] = {"threads": 1} if PYAV >= 17 else {}

SEARCH = 600  # frames decoded at most to reach one time after a key frame
EARLIER = 1.0  # seconds: no picture is decoded so much before it is shown


class Decoder:
    """The pictures of a stream from where the container stands, in the order of showing.

    A damaged packet is counted and skipped; decoding goes on after it. damaged: packets.
    shown: pictures so far.
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
    wanted = (stream.start_time or 0) + int(seconds / stream.time_base)
    for earlier in (0.0, EARLIER):
        seek_before(container, stream, wanted - int(earlier / stream.time_base))
        found = None
        for n, frame in enumerate(Decoder(container, stream)):
            late = frame.pts is not None and frame.pts > wanted
            if late and (found is not None or not earlier):
                break
            found = frame
            if late or n >= SEARCH or frame.pts == wanted:
                break
        if found is not None:
            return found
    return None


def seek_before(container: Any, stream: Any, wanted: int) -> None:
    """To a key frame that is decoded at or before `wanted`, in units of the stream; it may be shown a little after."""
    try:
        container.seek(max(wanted, stream.start_time or 0), stream=stream, backward=True)
    except av.error.FFmpegError:
        container.seek(0)


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


def rgb(frame: Any, display: Display = AS_CODED, size: tuple[int, int] | None = None) -> Bytes:
    """The picture as rows of red, green and blue, in true colours, as it is shown. size: pixels as shown."""
    width, height = display.turned(*(size or display.shown(frame.width, frame.height)))
    smooth = "AREA" if width < frame.width else "BICUBIC"
    if transfer := transfer_of(frame, display):
        return upright(_tone_mapped(frame, transfer, width, height, smooth), display)
    source = colours_of(frame)
    shown = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=source,
        dst_colorspace="ITU601" if source == "ITU709" else "ITU709",  # RGB has none; PyAV 16 heeds only a difference
        interpolation=smooth,
    )
    return upright(shown.to_ndarray(), display)


def upright(rows: Bytes, display: Display) -> Bytes:
    """Rows of pixels, or of a plane, mirrored and turned as they are shown."""
    mirrored = rows[:, ::-1] if display.mirrored else rows
    return np.ascontiguousarray(np.rot90(mirrored, -display.rotation // 90))


def yuv(frame: Any, width: int, height: int, display: Display = AS_CODED) -> Any:
    """The picture at this size as 4:2:0 of 8 bits in BT.709, not yet turned: what every player shows."""
    if transfer := transfer_of(frame, display):
        frame = av.VideoFrame.from_ndarray(_tone_mapped(frame, transfer, width, height, "BICUBIC"), format="rgb24")
    return frame.reformat(
        width,
        height,
        format="yuv420p",
        src_colorspace=colours_of(frame),
        dst_colorspace="ITU709",
        dst_color_range="MPEG",  # phones record the full range
        interpolation="BICUBIC",
    )


def scale_picture(scaler: VideoReformatter, frame: Any, width: int, height: int, smooth: str = "BILINEAR") -> Any:
    """The frame at another size, in this thread alone: what is scaled here is too small to be shared out."""
    return scaler.reformat(frame, width, height, interpolation=smooth, **_ALONE)


# High dynamic range. A picture in PQ or HLG is shown as on a screen without it: reference white (203 cd/m², ITU-R
# BT.2408) becomes white, what is brighter is white too, colours that BT.709 lacks become its nearest.
#
# The wheels have no `zscale`. Their `scale` maps tones as well (`out_transfer`, `intent`), within 1 % of this, but
# works out a table of all colours before the first picture: 3 s for one, where this takes 0.09 s (1280 × 720, of
# processor time; 0.04 s for each picture after it).

_CODES = 1023
_LEVELS = 4096
_BT2020_LUMA = np.array([0.2627, 0.678, 0.0593], np.float32)
_BT2020_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def transfer_of(frame: Any, display: Display) -> str | None:
    """ "pq" or "hlg"; None for a picture of standard range. Frames say so since PyAV 17, streams always."""
    return HDR.get(int(getattr(frame, "color_trc", 0) or 0)) or display.hdr


def _tone_mapped(frame: Any, transfer: str, width: int, height: int, smooth: str) -> Bytes:
    """Rows of red, green and blue in BT.709."""
    shown = frame.reformat(
        width, height, format="gbrp10le", src_colorspace=9, dst_colorspace="ITU709", interpolation=smooth
    )
    green, blue, red = (
        np.frombuffer(plane, "<u2").reshape(plane.height, plane.line_size // 2)[:, :width] for plane in shown.planes
    )
    light = _light(transfer)
    linear = np.stack([light[np.minimum(plane, _CODES)].ravel() for plane in (red, green, blue)])
    if transfer == "hlg":  # of the scene; a screen of 1000 cd/m² shows it with a gamma of 1.2
        linear = linear * (np.maximum(_BT2020_LUMA @ linear, 1e-6) ** 0.2 * 1000 / 203)
    if int(getattr(frame, "color_primaries", 9)) in (9, 2, 0):  # BT.2020, or not said
        linear = _BT2020_TO_709 @ linear
    coded = _encoded()[(np.clip(linear, 0, 1) * _LEVELS).astype(np.uint16)]
    return np.ascontiguousarray(coded.reshape(3, height, width).transpose(1, 2, 0))


@cache
def _light(transfer: str) -> npt.NDArray[np.float32]:
    """Light for each code of 10 bits. PQ: 1 is reference white.  HLG: 1 is the brightest of the scene (BT.2100)."""
    signal = np.arange(_CODES + 1) / _CODES
    if transfer == "pq":
        root = signal ** (32 / 2523)
        found = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (8192 / 1305) * 10_000 / 203
    else:
        bright = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        found = np.where(signal <= 0.5, signal**2 / 3, bright)
    return found.astype(np.float32)


@cache
def _encoded() -> npt.NDArray[np.uint8]:
    """The level for light from 0 to 1 on a screen (IEC 61966-2-1, which browsers show BT.709 by)."""
    light = np.arange(_LEVELS + 1) / _LEVELS
    found = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(found * 255), np.uint8)


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
_SLACK = RATE // 25  # samples by which times and count may differ: Matroska rounds its times to milliseconds


def decoded_sound(container: Any, stream: Any, seconds: float, since: float | None = None) -> Iterator[Samples]:
    """A whole stream, at most `seconds` of it; damaged packets and priming are left out.

    since: seconds as the file counts them, from which on it is wanted: silence comes first where it begins later.
    Otherwise it begins with its first sample. Where the times of what follows leave a hole, or run away from the count
    of samples as they do when a phone records, silence is put in or samples are left out.
    """
    sampler, most, at = av.AudioResampler(format="fltp", layout="stereo", rate=RATE), round(seconds * RATE), 0
    for frame in chain(_frames(container, stream), (None,)):
        ahead = 0
        if frame is not None and frame.pts is not None:
            begins = float(frame.pts * frame.time_base)
            since = begins if since is None else since
            ahead = round((begins - since) * RATE) - at
            ahead = ahead if not at or abs(ahead) > _SLACK else 0
            frame.pts = None
        while ahead > 0 and at < most:
            silence = np.zeros((2, min(ahead, RATE, most - at)), np.float32)
            ahead, at = ahead - silence.shape[1], at + silence.shape[1]
            yield silence
        for part in sampler.resample(frame):
            samples = np.asarray(part.to_ndarray(), np.float32)[:, max(0, -ahead) :][:, : most - at]
            ahead, at = min(0, ahead + part.samples), at + samples.shape[1]
            yield samples
        if at >= most:
            return


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
        video = next(filter(is_moving, container.streams.video), None)
        begins = float((video.start_time or 0) * video.time_base) if video is not None else 0.0
        self._parts = decoded_sound(container, stream, limits.seconds, begins + since)

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


# What happens in a video, told from tiny pictures of its frames: cuts, black stretches, stretches that stand
# still.
#
# libavfilter's `scdet`, `blackdetect` and `freezedetect` were measured beside this (PyAV 18, FFmpeg 8). On flat
# cuts, a stop, black, and a pan with a cut and grain they find the same cuts and black stretches, for as much
# time: 0.3 ms a frame at 1280 × 720, where decoding takes more. `freezedetect` looks at the mean alone: a small
# thing that moves over a still picture is a freeze to it and none here, and of a stop under grain it missed the
# first 0.8 s, this 0.25 s. And PyAV 16 doesn't hand out what filters write on frames.

Stretch = tuple[float, float]

CELLS = (64, 36)  # the tiny picture
CUT = 8.0  # % of full luma that the mean of all cells must jump by
CUTS_APART = 0.25  # seconds: a flash is no cut
BLACK_LUMA, BLACK_CELLS = 32, 0.98  # TV range: black is 16
BLACK_SECONDS = 0.1
STILL_CELL, STILL_MEAN = 6, 0.25  # levels that one cell, and all on average, may differ by: no encoder is quite still
STILL_SECONDS = 1.0
Tiny = npt.NDArray[np.int16]


@dataclass
class StretchDetector:
    """Shown every frame in order, remembers what happened. Times are seconds from the beginning."""

    cuts: list[float] = field(default_factory=list)
    black: list[Stretch] = field(default_factory=list)
    frozen: list[Stretch] = field(default_factory=list)
    _before: Tiny | None = None
    _jump: float = 0.0
    _black_since: float | None = None
    _still_since: float | None = None
    _still: Tiny | None = None
    _scaler: VideoReformatter = field(default_factory=VideoReformatter)

    def see(self, frame: Any, at: float) -> None:
        tiny = self._tiny(frame)
        self._look_for_cut(tiny, at)
        self._look_for_black(tiny, at)
        self._look_for_stillness(tiny, at)
        self._before = tiny

    def end(self, at: float) -> None:
        """at: the end of the last frame."""
        self._close_black(at)
        self._close_stillness(at)

    def _tiny(self, frame: Any) -> Tiny:
        small = self._scaler.reformat(frame, *CELLS, format="gray", interpolation="AREA")
        return plane_of(small.planes[0]).astype(np.int16)

    def _look_for_cut(self, tiny: Tiny, at: float) -> None:
        """A jump against the frame before that is also a jump in how much changes: fast motion is none (as scdet)."""
        if self._before is None:
            return
        jump = float(np.abs(tiny - self._before).mean()) / 2.55
        if min(jump, abs(jump - self._jump)) > CUT and (not self.cuts or at - self.cuts[-1] >= CUTS_APART):
            self.cuts.append(at)
        self._jump = jump

    def _look_for_black(self, tiny: Tiny, at: float) -> None:
        if (tiny < BLACK_LUMA).mean() >= BLACK_CELLS:
            self._black_since = at if self._black_since is None else self._black_since
        else:
            self._close_black(at)

    def _close_black(self, at: float) -> None:
        if self._black_since is not None and at - self._black_since >= BLACK_SECONDS:
            self.black.append((self._black_since, at))
        self._black_since = None

    def _look_for_stillness(self, tiny: Tiny, at: float) -> None:
        """Against the first frame of the stretch: a slow drift is no stillness. Black is told as black."""
        if self._black_since is not None:
            self._close_stillness(at)
            return
        if self._still is not None:
            change = np.abs(tiny - self._still)
            if change.max() <= STILL_CELL and change.mean() <= STILL_MEAN:
                return
        self._close_stillness(at)
        self._still, self._still_since = tiny, at

    def _close_stillness(self, at: float) -> None:
        if self._still_since is not None and at - self._still_since >= STILL_SECONDS:
            self.frozen.append((self._still_since, at))
        self._still = self._still_since = None
