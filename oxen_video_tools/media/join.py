"""Clips → one film. Streams are copied where that is safe everywhere; only what must be is encoded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..files import LIMITS, Limits
from .mp4 import mp4_output, write_output
from .probe import require_media_extra

if TYPE_CHECKING:
    from .captions import Cue
    from .clips import ClipInfo, MusicBed
    from .transcode import Format


MOST_CLIPS = 200
FADES = frozenset({"crossfade", "cross-fade", "fade", "dissolve"})
CUTS = frozenset({"cut", "none", ""})
TRANSITIONS = ("cut", "crossfade")
FADE_SECONDS = 0.5

OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class Joined:
    """path: the film.  duration: seconds.  video_copied, audio_copied: bit for bit.  why: a re-encoding was needed."""

    path: Path
    duration: float
    video_copied: bool
    audio_copied: bool
    why: str | None = None


def join(
    paths: Sequence[Path | str],
    out: Path | str,
    *,
    transition: str | None = None,
    transition_seconds: float = FADE_SECONDS,
    music: Path | str | None = None,
    mute: bool = False,
    captions: Sequence[Cue] = (),
    burn: bool = False,
    parts: Sequence[Sequence[float | None] | None] = (),
    on_progress: OnProgress | None = None,
    limits: Limits = LIMITS,
) -> Joined:
    """Writes the clips in order to `out`, an MP4 (index first) that appears only when it is whole.

    transition: None or "cut", or "crossfade" (which encodes everything again and shortens the film by
    `transition_seconds` each).
    music: a sound or video file to lay under the film; it gives way to the clips' own sound.
    mute: without the clips' own sound.
    captions: what is read when, in seconds of the film: a track that players switch on, or drawn into it with `burn`.
    parts: for each clip the seconds from and to which it is wanted, to the frame; None or nothing for all of it.
    on_progress: hears 0 to 1, rising; what it raises ends the joining. Sizes, rates and shapes may differ: the first
    clip's size counts, the highest rate, and others get dark bars. Raises InvalidRequest, InputUnreadable,
    NotInstalled.
    """
    fade = _fading(transition, transition_seconds)
    if not 1 <= len(paths) <= MOST_CLIPS:
        raise InvalidRequest(f"1 to {MOST_CLIPS} clips can be joined, not {len(paths)}.")
    with require_media_extra():
        from .clips import clip_of
    clips = [clip_of(Path(path), limits) for path in paths]
    clips = [part_of(clip, part) for clip, part in zip(clips, [*parts, *[None] * len(clips)], strict=False)]
    if mute:
        clips = [replace(clip, audio_key=None) for clip in clips]
    seconds = sum(clip.wanted for clip in clips)
    if seconds > limits.seconds:
        raise InvalidRequest(f"The film would be {seconds:.0f} s long; {limits.seconds:.0f} s is the limit.")
    joining = _Joining(clips, seconds, Path(music) if music else None, on_progress or _untold, limits, captions, burn)
    with write_output(Path(out)) as unfinished:
        return Joined(Path(out), *joining.write(unfinished, fade))


def part_of(clip: ClipInfo, part: Sequence[float | None] | None) -> ClipInfo:
    """The clip between two times. Raises InvalidRequest where nothing lies between them."""
    if part is None:
        return clip
    since, until = part[0] or 0.0, part[1]
    if not 0 <= since < min(until if until is not None else clip.seconds, clip.seconds):
        to = "its end" if until is None else f"{until:g} s"
        raise InvalidRequest(f"Nothing lies between {since:g} s and {to} of a clip of {clip.seconds:.1f} s.")
    return replace(clip, since=since, until=until if until is not None and until < clip.seconds else None)


def _untold(fraction: float) -> None:
    """Nobody wants to hear."""
    del fraction


def _fading(transition: str | None, seconds: float) -> float:
    word = (transition or "").strip().lower()
    if word in CUTS:
        return 0.0
    if word not in FADES:
        raise InvalidRequest(f"transition={transition!r} is not known.", fix='Use "cut" or "crossfade".')
    if not 0 < seconds <= 5:
        raise InvalidRequest("A cross-fade lasts up to 5 s.")
    return seconds


class _Joining:
    def __init__(
        self,
        clips: list[ClipInfo],
        seconds: float,
        music: Path | None,
        on_progress: OnProgress,
        limits: Limits,
        captions: Sequence[Cue] = (),
        burn: bool = False,
    ) -> None:
        self.clips, self.seconds, self.music, self.limits = clips, seconds, music, limits
        self.captions, self.burn = captions, burn
        self.on_progress = on_progress
        self.with_sound = music is not None or any(clip.has_sound for clip in clips)

    def write(self, path: Path, fade: float) -> tuple[float, bool, bool, str | None]:
        """Its seconds, what was copied, and why not everything."""
        from .clips import sound_copies, why_not_copied

        why = "cross-fades were asked for" if fade and len(self.clips) > 1 else why_not_copied(self.clips)
        if any(clip.since or clip.until is not None for clip in self.clips):
            why = "it was cut to the frame"
        if self.captions and self.burn:
            why = "captions are drawn into it"
        if why:
            return self._blended(path, fade), False, False, why
        copies = self.music is None and sound_copies(self.clips)
        seconds = self._spliced(path, copies)
        if copies or not self.with_sound:
            return seconds, True, True, None
        return seconds, True, False, "music was added" if self.music else "the sound does not fit its pictures"

    def _spliced(self, path: Path, copy_sound: bool) -> float:
        from .remux import Remuxer

        with mp4_output(path) as out:
            splice = Remuxer(out, copy_sound, self.with_sound, self._bed(self.seconds), self._track)
            for clip, told in self._told():
                splice.add(clip, told, self.limits)
            splice.close()
        self.on_progress(1.0)
        return splice.seconds

    def _blended(self, path: Path, fade: float) -> float:
        from .captions import Burner
        from .transcode import Transcoder

        how = self._format(fade)
        length = self.seconds - float(how.fade / how.rate) * (len(self.clips) - 1)
        with mp4_output(path) as out:
            burner = Burner(self.captions, how.width, how.height) if self.captions and self.burn else None
            blend = Transcoder(out, how, self.with_sound, self._bed(length), self._track, burner)
            try:
                for clip, told in self._told():
                    blend.add(clip, told, self.limits)
                blend.close()
            finally:
                blend.release()
        self.on_progress(1.0)
        return blend.seconds

    def _told(self) -> Iterator[tuple[ClipInfo, OnProgress]]:
        """Each clip, with a hearer of its own seconds that tells the film's share."""
        done = 0.0
        for clip in self.clips:

            def told(seconds: float, before: float = done) -> None:
                self.on_progress(min(0.999, (before + seconds) / self.seconds))

            yield clip, told
            done += clip.wanted

    @property
    def _track(self) -> Sequence[Cue]:
        return () if self.burn else self.captions

    def _bed(self, seconds: float) -> MusicBed | None:
        from .clips import MusicBed

        if self.music is None:
            return None
        return MusicBed(self.music, seconds, not any(clip.has_sound for clip in self.clips), self.limits)

    def _format(self, fade: float) -> Format:
        """The first clip's size, the highest rate up to 60; a fade takes at most a third of the shortest clip."""
        from .transcode import MOST_HELD, Format

        first = self.clips[0]
        width, height = (max(2, side // 2 * 2) for side in (first.width, first.height))
        rate = min(max(clip.rate for clip in self.clips), Fraction(60))
        shortest = min(clip.wanted for clip in self.clips) if fade else 0.0
        frames = round(min(fade, shortest / 3) * rate)
        return Format(width, height, rate, min(frames, MOST_HELD // (width * height * 3 // 2)))


# A part of a clip: exactly, encoded anew; or copied, from the key frame at or before its beginning.


def trim(
    path: Path | str, out: Path | str, start: float, end: float, *, exact: bool = True, limits: Limits = LIMITS
) -> Joined:
    """Writes what is shown from `start` to `end` (seconds) to `out`, an MP4 that appears only when it is whole.

    exact: to the frame, encoded anew. Otherwise the pictures are copied, beginning at the key frame before `start`.
    Raises InvalidRequest where there is nothing between the two, InputUnreadable, NotInstalled.
    """
    with require_media_extra():
        from .clips import clip_of, why_not_copied
    clip = clip_of(Path(path), limits)
    if not 0 <= start < min(end, clip.seconds):
        raise InvalidRequest(f"Nothing lies between {start:g} s and {end:g} s of a clip of {clip.seconds:.1f} s.")
    why = "it was cut to the frame" if exact else why_not_copied([clip])
    since = start if why else _key_frame_before(clip.path, start, limits)
    clip = replace(clip, since=since, until=end if end < clip.seconds else None)
    with write_output(Path(out)) as unfinished:
        from .remux import Remuxer
        from .transcode import Format, Transcoder

        with mp4_output(unfinished) as film:
            size = clip.width // 2 * 2, clip.height // 2 * 2
            writer = (
                Transcoder(film, Format(*size, clip.rate), clip.has_sound)
                if why
                else Remuxer(film, False, clip.has_sound)
            )
            writer.add(clip, lambda _: None, limits)
            writer.close()
    return Joined(Path(out), writer.seconds, not why, not clip.has_sound, why)


def _key_frame_before(path: Path, seconds: float, limits: Limits) -> float:
    """When the key frame at or before `seconds` is shown."""
    from .container import open_container, video_of

    with open_container(path, limits) as container:
        video = video_of(container, limits)
        first = video.start_time or 0
        container.seek(first + round(seconds / video.time_base), stream=video, backward=True)
        packet = next((found for found in container.demux(video) if found.pts is not None), None)
        return float((packet.pts - first) * video.time_base) if packet is not None else 0.0
