"""Clips → one film. Streams are copied where that is safe everywhere; only what must be is encoded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from .extra import media_extra
from .limits import LIMITS, Limits
from .output import mp4_output, written

if TYPE_CHECKING:
    from .blend import Format
    from .matching import Clip
    from .music import Bed

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
    on_progress: OnProgress | None = None,
    limits: Limits = LIMITS,
) -> Joined:
    """Writes the clips in order to `out`, an MP4 (index first) that appears only when it is whole.

    transition: None or "cut", or "crossfade" (which encodes everything again and shortens the film by
    `transition_seconds` each).  music: a sound or video file to lay under the film.
    on_progress: hears 0 to 1, rising; what it raises ends the joining.
    Sizes, rates and shapes may differ: the first clip's size counts, the highest rate, and others get dark bars.
    Raises InvalidRequest, InputUnreadable, NotInstalled.
    """
    fade = _fading(transition, transition_seconds)
    if not 1 <= len(paths) <= MOST_CLIPS:
        raise InvalidRequest(f"1 to {MOST_CLIPS} clips can be joined, not {len(paths)}.")
    with media_extra():
        from .matching import clip_of
    clips = [clip_of(Path(path), limits) for path in paths]
    seconds = sum(clip.seconds for clip in clips)
    if seconds > limits.seconds:
        raise InvalidRequest(f"The film would be {seconds:.0f} s long; {limits.seconds:.0f} s is the limit.")
    joining = _Joining(clips, seconds, Path(music) if music else None, on_progress or _untold, limits)
    with written(Path(out)) as unfinished:
        return Joined(Path(out), *joining.write(unfinished, fade))


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
        self, clips: list[Clip], seconds: float, music: Path | None, on_progress: OnProgress, limits: Limits
    ) -> None:
        self.clips, self.seconds, self.music, self.limits = clips, seconds, music, limits
        self.on_progress = on_progress
        self.with_sound = music is not None or any(clip.has_sound for clip in clips)

    def write(self, path: Path, fade: float) -> tuple[float, bool, bool, str | None]:
        """Its seconds, what was copied, and why not everything."""
        from .matching import sound_copies, why_not_copied

        why = "cross-fades were asked for" if fade and len(self.clips) > 1 else why_not_copied(self.clips)
        if why:
            return self._blended(path, fade), False, False, why
        copies = self.music is None and sound_copies(self.clips)
        seconds = self._spliced(path, copies)
        if copies or not self.with_sound:
            return seconds, True, True, None
        return seconds, True, False, "music was added" if self.music else "the sound does not fit its pictures"

    def _spliced(self, path: Path, copy_sound: bool) -> float:
        from .splice import Splice

        with mp4_output(path) as out:
            splice = Splice(out, copy_sound, self.with_sound, self._bed(self.seconds))
            for clip, told in self._told():
                splice.add(clip, told, self.limits)
            splice.close()
        self.on_progress(1.0)
        return splice.seconds

    def _blended(self, path: Path, fade: float) -> float:
        from .blend import Blend

        how = self._format(fade)
        length = self.seconds - float(how.fade / how.rate) * (len(self.clips) - 1)
        with mp4_output(path) as out:
            blend = Blend(out, how, self.with_sound, self._bed(length))
            try:
                for clip, told in self._told():
                    blend.add(clip, told, self.limits)
                blend.close()
            finally:
                blend.release()
        self.on_progress(1.0)
        return blend.seconds

    def _told(self) -> Iterator[tuple[Clip, OnProgress]]:
        """Each clip, with a hearer of its own seconds that tells the film's share."""
        done = 0.0
        for clip in self.clips:

            def told(seconds: float, before: float = done) -> None:
                self.on_progress(min(0.999, (before + seconds) / self.seconds))

            yield clip, told
            done += clip.seconds

    def _bed(self, seconds: float) -> Bed | None:
        from .music import Bed

        if self.music is None:
            return None
        return Bed(self.music, seconds, not any(clip.has_sound for clip in self.clips), self.limits)

    def _format(self, fade: float) -> Format:
        """The first clip's size, the highest rate up to 60; a fade takes at most a third of the shortest clip."""
        from .blend import MOST_HELD, Format

        first = self.clips[0]
        width, height = (max(2, side // 2 * 2) for side in (first.width, first.height))
        rate = min(max(clip.rate for clip in self.clips), Fraction(60))
        shortest = min(clip.seconds for clip in self.clips) if fade else 0.0
        frames = round(min(fade, shortest / 3) * rate)
        return Format(width, height, rate, min(frames, MOST_HELD // (width * height * 3 // 2)))
