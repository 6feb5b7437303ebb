"""Which clips may be put together without touching their pictures or their sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .container import audio_of, opened, seconds_of, unreadable, video_of
from .limits import LIMITS, Limits
from .probe import rotation_of
from .sound import AAC_FRAME


@dataclass(frozen=True)
class Clip:
    """What joining has to know of a file. width, height: as shown.  rate: frames a second.  seconds: of its video.

    video_key, audio_key: equal keys may stand behind one another in one stream. drift: seconds by which the sound ends
    after the picture. since, until: seconds between which it is wanted.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    seconds: float
    rotation: int
    video_key: tuple[Any, ...]
    audio_key: tuple[Any, ...] | None
    drift: float
    since: float = 0.0
    until: float | None = None

    @property
    def has_sound(self) -> bool:
        return self.audio_key is not None


def clip_of(path: Path, limits: Limits = LIMITS) -> Clip:
    """Raises InputUnreadable."""
    with opened(path, limits, decoding=False) as container:
        video, audio = video_of(container, limits), audio_of(container)
        context = video.codec_context
        rotation = rotation_of(path)
        size = (context.width, context.height)
        shown = size[::-1] if rotation in (90, 270) else size
        seconds = seconds_of(container, video, limits)
        if not seconds:
            raise unreadable(path, "it does not say how long it is")
        aspect = getattr(context, "sample_aspect_ratio", None)
        # not `pix_fmt`: no decoder is open to tell it, and PyAV before 18 crashes when it is asked
        key = (context.name, *size, rotation, str(aspect), context.profile)
        return Clip(
            path,
            *shown,
            _rate(video),
            seconds,
            rotation,
            (*key, bytes(context.extradata or b"")),
            _audio_key(audio),
            _end(audio) - _end(video) if audio is not None else 0.0,
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


def _end(stream: Any) -> float:
    return float(((stream.start_time or 0) + (stream.duration or 0)) * stream.time_base)


def why_not_copied(clips: Sequence[Clip]) -> str | None:
    """Why the pictures can't be copied into one stream, or None where they can."""
    first = clips[0]
    if first.video_key[0] not in ("h264", "hevc", "av1", "mpeg4"):
        return f"{first.video_key[0]} does not belong into an MP4 that plays everywhere"
    for clip in clips[1:]:
        if (clip.width, clip.height) != (first.width, first.height):
            return f"sizes differ: {first.width} × {first.height} and {clip.width} × {clip.height}"
        if clip.video_key[:-1] != first.video_key[:-1]:
            return "codecs differ"
        if clip.video_key[-1] != first.video_key[-1]:  # in-band parameter sets play in browsers, not in QuickTime
            return "parameter sets (SPS/PPS) differ"
    return None


def sound_copies(clips: Sequence[Clip]) -> bool:
    """Whether the sound may be copied: one kind of AAC that ends within one AAC frame of each clip's picture."""
    first = clips[0].audio_key
    if first is None or first[0] != "aac":
        return False
    slack = AAC_FRAME / first[1]
    return all(clip.audio_key == first and abs(clip.drift) <= slack for clip in clips)
