"""Which clips may be put together without touching their pictures or their sound."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from ..files import LIMITS, Limits, content_type_of
from .container import audio_of, open_container, seconds_of, unreadable_error, video_of
from .decode import AAC_FRAME, RATE, Samples, decoded_sound
from .probe import Display, display_of


@dataclass(frozen=True)
class ClipInfo:
    """What joining has to know of a file.

    width, height: as shown.
    rate: frames a second.
    seconds: of its video.

    video_key, audio_key: equal keys may stand behind one another in one stream.
    drift: seconds by which the sound begins or ends after the picture, whichever is more.
    since, until: seconds between which it is wanted.
    hidden: an edit list leaves out its first pictures, which are there only to decode the others with.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    seconds: float
    display: Display
    video_key: tuple[Any, ...]
    audio_key: tuple[Any, ...] | None
    drift: float
    since: float = 0.0
    until: float | None = None
    hidden: bool = False

    @property
    def wanted(self) -> float:
        """Seconds of it that are wanted."""
        return (self.until if self.until is not None else self.seconds) - self.since

    @property
    def has_sound(self) -> bool:
        return self.audio_key is not None


def clip_of(path: Path, limits: Limits = LIMITS) -> ClipInfo:
    """Raises InputUnreadable."""
    of_boxes = content_type_of(path) in ("video/mp4", "video/quicktime")  # they say what else a decoder must tell
    with open_container(path, limits, decoding=not of_boxes) as container:
        video, audio = video_of(container, limits), audio_of(container)
        context = video.codec_context
        display = display_of(path, video)
        size = (context.width, context.height)
        seconds = seconds_of(container, video, limits)
        if not seconds:
            raise unreadable_error(path, "it does not say how long it is")
        # not `pix_fmt`: no decoder is open to tell it, and PyAV before 18 crashes when it is asked
        key = (context.name, *size, display, context.profile)
        return ClipInfo(
            path,
            *display.shown(*size),
            _rate(video),
            seconds,
            display,
            (*key, bytes(context.extradata or b"")),
            _audio_key(audio),
            drift=max(_begin(audio) - _begin(video), _end(audio) - _end(video), key=abs) if audio is not None else 0.0,
            hidden=any(packet.is_discard for packet in islice(container.demux(video), 1)),
        )


def _rate(video: Any) -> Fraction:
    """Frames a second: what the file says, where that is sensible."""
    rate = Fraction(video.average_rate or video.guessed_rate or 24).limit_denominator(1001)
    return rate if 1 <= rate <= 240 else Fraction(24)


def _audio_key(audio: Any) -> tuple[Any, ...] | None:
    if audio is None:
        return None
    context = audio.codec_context
    return (context.name, context.sample_rate, context.layout.name, bytes(context.extradata or b""))


def _begin(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _end(stream: Any) -> float:
    return float(((stream.start_time or 0) + (stream.duration or 0)) * stream.time_base)


def why_not_copied(clips: Sequence[ClipInfo]) -> str | None:
    """Why the pictures can't be copied into one stream, or None where they can."""
    first = clips[0]
    if first.video_key[0] not in ("h264", "hevc", "av1", "mpeg4"):
        return f"{first.video_key[0]} does not belong into an MP4 that plays everywhere"
    if any(clip.hidden for clip in clips):
        return "the first pictures of a clip are hidden: it was trimmed without being encoded anew"
    for clip in clips[1:]:
        if (clip.width, clip.height) != (first.width, first.height):
            return f"sizes differ: {first.width} × {first.height} and {clip.width} × {clip.height}"
        if clip.video_key[:-1] != first.video_key[:-1]:
            return "codecs differ"
        if clip.video_key[-1] != first.video_key[-1]:  # in-band parameter sets play in browsers, not in QuickTime
            return "parameter sets (SPS/PPS) differ"
    return None


def sound_copies(clips: Sequence[ClipInfo]) -> bool:
    """Whether the sound may be copied: one kind of AAC that ends within one AAC frame of each clip's picture."""
    first = clips[0].audio_key
    if first is None or first[0] != "aac":
        return False
    slack = AAC_FRAME / first[1]
    return all(clip.audio_key == first and abs(clip.drift) <= slack for clip in clips)


# A music bed under a film: repeated where it is too short, faded at both ends; it gives way where the clips sound.

FADE_IN, FADE_OUT = 0.3, 1.5  # seconds
UNDER_SOUND, ALONE = 0.5, 0.8  # gain, before it gives way
DUCKING = "threshold=0.02:ratio=8:attack=20:release=400"  # of FFmpeg's sidechaincompress; milliseconds


class MusicBed:
    """Music mixed under samples that come in order. seconds: of the film."""

    def __init__(self, path: Path, seconds: float, alone: bool, limits: Limits = LIMITS) -> None:
        self.path, self.limits = path, limits
        self.length = round(seconds * RATE)
        self.gain = ALONE if alone else UNDER_SOUND
        self._ducking = None if alone else Ducking()
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
        music = (music * (self.gain * rise * fall)).astype(np.float32)
        if self._ducking is not None:
            music = self._ducking.under(music, part, at)
        mixed: Samples = np.clip(part + music, -1, 1).astype(np.float32)
        return mixed

    def _endless(self) -> Iterator[Samples]:
        while True:
            some = False
            with open_container(self.path, self.limits) as container:
                stream = audio_of(container)
                if stream is None:
                    raise unreadable_error(self.path, "it holds no sound")
                for part in decoded_sound(container, stream, self.limits.seconds):
                    some = some or part.shape[1] > 0
                    yield part
            if not some:
                raise unreadable_error(self.path, "its sound can't be decoded")


def sound_part(path: Path | str, since: float, until: float | None, *, limits: Limits = LIMITS) -> bytes:
    """The sound between two times as a WAV of 16 bits. Raises InputUnreadable where there is none."""
    out, at = BytesIO(), 0
    first, last = round(since * RATE), None if until is None else round(until * RATE)
    with open_container(path, limits) as container, wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        stream = audio_of(container)
        if stream is None:
            raise unreadable_error(path, "it holds no sound")
        for part in decoded_sound(container, stream, limits.seconds):
            kept = part[:, max(0, first - at) : None if last is None else max(0, last - at)]
            file.writeframes((np.clip(kept, -1, 1) * 32767).astype("<i2").T.tobytes())
            at += part.shape[1]
            if last is not None and at >= last:
                break
    if at <= first:
        raise unreadable_error(path, f"it has {at / RATE:.1f} s of sound, and none from {since:g} s on")
    return out.getvalue()


class Ducking:
    """Turns music down while the other sound is heard, by FFmpeg's side-chain compressor."""

    def __init__(self) -> None:
        graph = av.filter.Graph()
        self._inputs = [
            graph.add_abuffer(sample_rate=RATE, format="fltp", layout="stereo", time_base=Fraction(1, RATE))
            for _ in range(2)
        ]
        steps = [graph.add("sidechaincompress", DUCKING), graph.add("aformat", "sample_fmts=fltp")]
        self._sink = graph.add("abuffersink")
        for number, source in enumerate(self._inputs):
            source.link_to(steps[0], 0, number)
        steps[0].link_to(steps[1])
        steps[1].link_to(self._sink)
        graph.configure()
        self._graph = graph  # its filters live as long as it does

    def under(self, music: Samples, sound: Samples, at: int) -> Samples:
        """As many samples as came in."""
        if not music.shape[1]:
            return music
        for source, samples in zip(self._inputs, (music, sound), strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            source.push(frame)
        parts: list[Any] = []
        with suppress(BlockingIOError):
            while True:
                parts.append(self._sink.pull())
        return np.concatenate([part.to_ndarray() for part in parts], 1)


# How loud a programme is, in LUFS (ITU-R BS.1770-4: K-weighting, 400 ms blocks, two gates).

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
