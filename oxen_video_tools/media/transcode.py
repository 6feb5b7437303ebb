"""Clips one after the other, decoded and encoded anew: one size, one rate, cross-fades where they are wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from ..files import LIMITS, Limits
from .captions import Burner, CaptionTrack, Cue
from .clips import ClipInfo, MusicBed
from .container import open_container, unreadable_error, video_of
from .decode import (
    EARLIER,
    RATE,
    ClipSound,
    Decoder,
    Samples,
    SoundTrack,
    mix_planes,
    plane_of,
    seek_before,
    upright,
    yuv,
)
from .probe import AS_CODED, Display

Told = Callable[[float], None]

H264 = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
MOST_REPEATS = 600  # frames by which one gap in the times may be filled
MOST_HELD = 256 << 20  # bytes of pictures held for a cross-fade


@dataclass(frozen=True)
class Format:
    """Of the film.

    rate: frames a second.
    fade: frames of a cross-fade, 0 for cuts.
    """

    width: int
    height: int
    rate: Fraction
    fade: int = 0


class Transcoder:
    """Writes clips into an open MP4, one `add` each."""

    def __init__(
        self,
        out: Any,
        how: Format,
        with_sound: bool,
        bed: MusicBed | None = None,
        captions: Sequence[Cue] = (),
        burner: Burner | None = None,
    ) -> None:
        self.out, self.how, self.bed = out, how, bed
        self.burner = burner
        self.video = h264_stream(out, how.width, how.height, how.rate)
        self.track = SoundTrack(out) if with_sound else None
        self.captions = CaptionTrack(out, captions) if captions else None
        self.shown = 0
        self._tail: deque[Any] = deque()
        self._sound: ClipSound | None = None
        self._leaving: ClipSound | None = None
        self._fade_at = 0

    def add(self, clip: ClipInfo, told: Told, limits: Limits = LIMITS) -> None:
        """One more clip; its last frames wait for the next where it fades. told: hears how many seconds are done."""
        tail, held, n = self._tail, deque[Any](), -1
        self._change_sound(clip, limits, len(tail))
        with open_container(clip.path, limits) as container:
            for n, picture in enumerate(steady(container, clip, self.how, limits)):
                if n < len(tail):
                    mix_planes(_planes(picture), _planes(tail[n]), 1 - (n + 0.5) / len(tail))
                held.append(picture)
                if len(held) > self.how.fade:
                    self._emit(held.popleft())
                    told(float(n / self.how.rate))
        if n < 0:
            raise unreadable_error(clip.path, "it holds no picture that can be decoded")
        self._tail = held

    @property
    def seconds(self) -> float:
        return float(self.shown / self.how.rate)

    def close(self) -> None:
        for picture in self._tail:
            self._emit(picture)
        self.out.mux(self.video.encode())
        if self.track is not None:
            self.track.close()
        if self.captions is not None:
            self.captions.close(self.seconds)
        self.release()

    def release(self) -> None:
        """Closes the files that it still reads."""
        for sound in (self._sound, self._leaving):
            if sound is not None:
                sound.close()

    def _emit(self, picture: Any) -> None:
        if self.burner is not None:
            self.burner.draw(_planes(picture), self.seconds)
        picture.pts, picture.time_base, picture.pict_type = self.shown, 1 / self.how.rate, 0
        self.shown += 1
        self.out.mux(self.video.encode(picture))
        if self.track is not None:
            part = self._sound_part(round(self.shown / self.how.rate * RATE) - self.track.at)
            self.track.write(self.bed.under(part, self.track.at) if self.bed is not None else part)

    def _change_sound(self, clip: ClipInfo, limits: Limits, fading: int) -> None:
        if self.track is None:
            return
        if self._leaving is not None:
            self._leaving.close()
        sound = ClipSound(clip.path, limits, clip.since) if clip.has_sound else None
        self._leaving, self._sound = self._sound, sound
        self._fade_at = self.track.at
        if not fading and self._leaving is not None:
            self._leaving.close()
            self._leaving = None

    def _sound_part(self, count: int) -> Samples:
        """The next samples; for the length of a cross-fade those of both clips, at equal power."""
        part = self._sound.read(count) if self._sound is not None else np.zeros((2, count), np.float32)
        if self._leaving is None or self.track is None:
            return part
        length = float(self.how.fade / self.how.rate * RATE)
        share = np.clip((np.arange(count, dtype=np.float32) + (self.track.at - self._fade_at)) / length, 0, 1)
        if share[-1:].any() and share[0] >= 1:
            self._leaving.close()
            self._leaving = None
            return part
        angle = share * np.float32(np.pi / 2)
        faded: Samples = part * np.sin(angle) + self._leaving.read(count) * np.cos(angle)
        return faded


def h264_stream(out: Any, width: int, height: int, rate: Fraction) -> Any:
    """A stream that every player shows: H.264, 4:2:0, BT.709."""
    name = next((name for name in H264 if name in av.codecs_available), None)
    if name is None:
        raise unreadable_error(out.name, "this build of PyAV has no H.264 encoder")
    options = {"preset": "veryfast", "crf": "18"} if name == "libx264" else {}
    video = out.add_stream(name, rate=rate, options=options)
    video.width, video.height, video.pix_fmt = width, height, "yuv420p"
    context = video.codec_context
    context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1
    return video


def steady(container: Any, clip: ClipInfo, how: Format, limits: Limits) -> Iterator[Any]:
    """The clip's pictures in the film's size and at its constant rate: repeated or left out as time asks for."""
    stream = video_of(container, limits)
    (since, until), half = _window(container, stream, clip), 1 / clip.rate / 2  # half a frame of tolerance
    waiting, shown, at = None, 0, Fraction(0)
    for frame in Decoder(container, stream, limits):
        at = frame.pts * frame.time_base if frame.pts is not None else at + 1 / clip.rate
        if at < since - half:
            continue
        if at >= until - half:
            at = until - half - 1 / clip.rate
            break
        due = min(round((at - since) * how.rate), shown + MOST_REPEATS)
        while waiting is not None and shown < due:
            shown += 1
            yield _own(waiting) if shown < due else waiting
        waiting = fit_picture(frame, how.width, how.height, clip.display)
    if waiting is None:
        return
    end = min(max(1, round((at - since + 1 / clip.rate) * how.rate)), shown + MOST_REPEATS)
    while shown < end:
        shown += 1
        yield _own(waiting)


def _window(container: Any, stream: Any, clip: ClipInfo) -> tuple[Fraction, Fraction]:
    """The times between which the clip is wanted, as the file counts."""
    start = (stream.start_time or 0) * stream.time_base
    if clip.since:
        seek_before(container, stream, int((start + Fraction(clip.since - EARLIER)) / stream.time_base))
    until = Fraction(clip.until) if clip.until is not None else Fraction(10**9)
    return start + Fraction(clip.since), start + until


def fit_picture(frame: Any, width: int, height: int, display: Display = AS_CODED) -> Any:
    """A new picture of this size as players show it, with dark bars where the shapes differ."""
    wide, high = display.shown(frame.width, frame.height)
    scale = min(width / wide, height / high)
    inner = display.turned(max(2, round(wide * scale / 2) * 2), max(2, round(high * scale / 2) * 2))
    shown = yuv(frame, *inner, display)
    if inner == (width, height) and not (display.rotation or display.mirrored):
        return shown if shown is not frame else _own(frame)
    return _placed(shown, width, height, display)


def _placed(picture: Any, width: int, height: int, display: Display) -> Any:
    whole = av.VideoFrame(width, height, "yuv420p")
    for n, (target, source) in enumerate(zip(_planes(whole), _planes(picture), strict=True)):
        shown = upright(source, display)
        rows, columns = shown.shape
        target[:] = 128 if n else 16
        y, x = (target.shape[0] - rows) // 2, (target.shape[1] - columns) // 2
        target[y : y + rows, x : x + columns] = shown
    return whole


def _own(picture: Any) -> Any:
    """A copy: a picture that is shown twice, or belongs to the decoder, must not be mixed in place."""
    return _placed(picture, picture.width, picture.height, AS_CODED)


def _planes(picture: Any) -> list[Any]:
    return [plane_of(plane) for plane in picture.planes]
