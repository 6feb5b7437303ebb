"""Clips one after the other, their pictures copied packet by packet; the sound is copied too, or made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..files import LIMITS, Limits
from .captions import CaptionTrack, Cue
from .clips import ClipInfo, MusicBed
from .container import audio_of, open_container, unreadable_error, video_of
from .decode import AAC_FRAME, RATE, ClipSound, SoundTrack

Told = Callable[[float], None]

_STEP = RATE // 10  # samples that are encoded together
_LONG_AGO = Fraction(-(2**40))


class Remuxer:
    """Writes clips into an open MP4, one `add` each.

    at: seconds of film so far, exact. copy_sound: packets of sound are copied; otherwise, with_sound, encoded anew.
    """

    def __init__(
        self,
        out: Any,
        copy_sound: bool,
        with_sound: bool,
        bed: MusicBed | None = None,
        captions: Sequence[Cue] = (),
    ) -> None:
        self.out, self.bed, self._cues = out, bed, captions
        self.captions: CaptionTrack | None = None
        self.copy_sound, self.with_sound = copy_sound, with_sound
        self.at = Fraction(0)
        self.video: Any = None
        self.audio: Any = None
        self.track: SoundTrack | None = None
        self._last = {"video": _LONG_AGO, "audio": _LONG_AGO}

    def add(self, clip: ClipInfo, told: Told, limits: Limits = LIMITS) -> None:
        """One more clip, whose parameters match those before. told: hears how many of its seconds are done."""
        with open_container(clip.path, limits, decoding=False) as container:
            video, audio = video_of(container, limits), audio_of(container)
            self._begin(video, audio)
            heard = self.track is not None and clip.has_sound
            sound = ClipSound(clip.path, limits, clip.since) if heard else None
            try:
                end = self._copy(clip, container, audio if self.copy_sound else None, sound, told)
            finally:
                if sound is not None:
                    sound.close()
        if not end:
            raise unreadable_error(clip.path, "it holds no picture")
        self.at += end

    @property
    def seconds(self) -> float:
        return float(self.at)

    def close(self) -> None:
        if self.track is not None:
            self.track.close()
        if self.captions is not None:
            self.captions.close(self.seconds)

    def _begin(self, video: Any, audio: Any) -> None:
        """The streams of the film are made like those of the first clip."""
        if self.video is not None:
            return
        self.video = self.out.add_stream_from_template(video)
        self.video.time_base = video.time_base
        if video.codec_context.name == "hevc":
            self.video.codec_context.codec_tag = "hvc1"  # QuickTime plays no other
        if self.copy_sound:
            self.audio = self.out.add_stream_from_template(audio)
        elif self.with_sound:
            self.track = SoundTrack(self.out)
        if self._cues:
            self.captions = CaptionTrack(self.out, self._cues)

    def _copy(self, clip: ClipInfo, container: Any, audio: Any, sound: ClipSound | None, told: Told) -> Fraction:
        """Returns how long the clip's picture is. A clip that begins later begins at a key frame."""
        video = video_of(container)
        first, end = video.start_time or 0, Fraction(0)
        until = first + round(clip.until / video.time_base) if clip.until is not None else None
        start = first + round(clip.since / video.time_base)
        if clip.since:
            container.seek(start, stream=video, backward=True)
        for packet in container.demux([video] if audio is None else [video, audio]):
            if packet.pts is None:
                continue
            if packet.stream is audio:
                shift = round((self.at - first * video.time_base) / packet.time_base)
                if packet.pts + (packet.duration or AAC_FRAME) + shift <= self.at / packet.time_base and self.at > 0:
                    continue  # the encoder's priming, which only the first clip may keep
                self._place(packet, shift, "audio", self.audio)
                continue
            if until is not None and packet.dts is not None and packet.dts >= until:
                break
            end = max(end, (packet.pts - start + _duration(packet, video)) * video.time_base)
            self._place(packet, int(self.at / packet.time_base) - start, "video", self.video)
            self._sound_until(self.at + end, sound, _STEP)
            told(float(end))
        self._sound_until(self.at + end, sound, 1)
        return end

    def _place(self, packet: Any, shift: int, kind: str, stream: Any) -> None:
        """Moved to its place, and in order of decoding: a clip with B-frames behind one without would break that."""
        after = int(self._last[kind] / packet.time_base) + 1
        packet.pts += shift
        if packet.dts is not None:
            packet.dts = max(packet.dts + shift, after)
        else:  # Matroska doesn't say in which order its first pictures are decoded
            packet.dts = after if self._last[kind] > _LONG_AGO else packet.pts
        packet.pts = max(packet.pts, packet.dts)
        self._last[kind] = packet.dts * packet.time_base
        packet.stream = stream
        self.out.mux(packet)

    def _sound_until(self, at: Fraction, sound: ClipSound | None, least: int) -> None:
        if self.track is None:
            return
        missing = round(at * RATE) - self.track.at
        if missing >= least:
            part = sound.read(missing) if sound is not None else np.zeros((2, missing), np.float32)
            self.track.write(self.bed.under(part, self.track.at) if self.bed is not None else part)


def _duration(packet: Any, stream: Any) -> int:
    if packet.duration:
        return int(packet.duration)
    rate = stream.average_rate or stream.guessed_rate or 24
    ticks: int = round(1 / (rate * stream.time_base))
    return ticks
