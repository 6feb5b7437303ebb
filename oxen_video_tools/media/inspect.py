"""What an agent should know of a video that it can't watch: facts, what happens in it, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import content_type_of
from . import mp4
from .contact_sheet import MOST_FRAMES, cell_size, sheet_of
from .limits import LIMITS, Limits
from .probe import Probe, probe, require_media_extra

if TYPE_CHECKING:
    from .stretches import StretchDetector


MOST_WATCHED = 7200  # frames; of a longer video only the key frames are looked at

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Inspection:
    """duration and all times: seconds.  width, height: pixels as shown.  fps: frames a second.  size: bytes.

    cuts: where one shot ends and the next begins.  black, frozen: stretches of black, of a picture that stands still.
    loudness: LUFS (ITU-R BS.1770), None for silence or no sound.  complete: every byte is there and every frame
    decodes.  warnings: what is odd, in plain words.  sheet: a JPEG of at most 9 time-stamped frames.
    """

    duration: float
    width: int
    height: int
    fps: float | None
    video_codec: str | None
    audio_codec: str | None
    size: int
    cuts: tuple[float, ...] = ()
    black: tuple[Stretch, ...] = ()
    frozen: tuple[Stretch, ...] = ()
    loudness: float | None = None
    complete: bool = True
    warnings: tuple[str, ...] = ()
    sheet: bytes = field(default=b"", repr=False)


@dataclass
class _Seen:
    watching: StretchDetector
    pictures: list[tuple[float, Any]]
    damaged: int
    missing: float
    end: float
    only_keys: bool
    bounded: bool


def inspect(path: Path | str, *, max_bytes: int = 100_000, limits: Limits = LIMITS) -> Inspection:
    """Watches and listens to a whole video, in bounds. max_bytes: of the sheet.

    A damaged or cut file is told as such, as long as one picture decodes. Raises InputUnreadable, NotInstalled.
    """
    path = Path(path)
    with require_media_extra():
        from .container import unreadable_error
    facts = probe(path, limits=limits)
    if not facts.width or not facts.height:
        raise unreadable_error(path, "it holds no video")
    seen = _watched(path, facts, limits)
    if not seen.pictures:
        raise unreadable_error(path, "it holds no picture that can be decoded")
    return _told(facts, seen, _structure(path), _loudness(path, limits) if facts.has_audio else None, max_bytes)


def _told(facts: Probe, seen: _Seen, structure: mp4.Structure, loudness: float | None, most: int) -> Inspection:
    return Inspection(
        duration=round(facts.duration or seen.end, 3),
        width=facts.width or 0,
        height=facts.height or 0,
        fps=round(facts.fps, 3) if facts.fps else None,
        video_codec=facts.video_codec,
        audio_codec=facts.audio_codec,
        size=facts.size,
        cuts=tuple(round(at, 2) for at in seen.watching.cuts),
        black=_rounded(seen.watching.black),
        frozen=_rounded(seen.watching.frozen),
        loudness=loudness,
        complete=not (structure.problems or seen.damaged or seen.missing),
        warnings=tuple(_warnings(facts, seen, structure, loudness)),
        sheet=sheet_of(seen.pictures, most),
    )


def _watched(path: Path, facts: Probe, limits: Limits) -> _Seen:
    from .container import open_container, video_of
    from .decode import Decoder, missing_seconds
    from .stretches import StretchDetector

    step = 1 / facts.fps if facts.fps else 0.04
    only_keys = facts.duration / step > MOST_WATCHED
    samples, watching = _Samples(facts), StretchDetector()
    with open_container(path, limits) as container:
        stream = video_of(container, limits)
        if only_keys:
            stream.codec_context.skip_frame = "NONKEY"
        decoding = Decoder(container, stream, limits)
        start, at, last, bounded = float((stream.start_time or 0) * stream.time_base), -step, None, False
        for last in decoding:
            at = float(last.pts * last.time_base) - start if last.pts is not None else at + step
            if not only_keys:
                watching.see(last, at)
            samples.offer(last, at + step / 2)
            bounded = decoding.shown >= MOST_WATCHED or at > limits.seconds
            if bounded:
                break
        watching.end(at + step)
        samples.close(last, at)
        missing = 0.0 if only_keys or bounded else missing_seconds(stream, last)
    return _Seen(watching, samples.taken, decoding.damaged, missing, at + step, only_keys, bounded)


class _Samples:
    """Pictures for the sheet, taken at even times while the video goes by."""

    def __init__(self, facts: Probe) -> None:
        self.display = facts.display
        self.cell = cell_size(facts.width or 1, facts.height or 1, MOST_FRAMES)
        self.wanted = [facts.duration * (n + 0.5) / MOST_FRAMES for n in range(MOST_FRAMES)]
        self.taken: list[tuple[float, Any]] = []

    def offer(self, frame: Any, at: float) -> None:
        if len(self.taken) < MOST_FRAMES and at >= self.wanted[len(self.taken)]:
            self._take(frame, at)

    def close(self, frame: Any, at: float) -> None:
        """A video that is over before the first wanted time is shown by its last frame."""
        if frame is not None and not self.taken:
            self._take(frame, at)

    def _take(self, frame: Any, at: float) -> None:
        from .decode import rgb

        self.taken.append((at, rgb(frame, self.display, self.cell)))


def _structure(path: Path) -> mp4.Structure:
    """Only MP4 and MOV say how long they must be."""
    if content_type_of(path) in ("video/mp4", "video/quicktime"):
        return mp4.structure(path)
    return mp4.Structure(path.stat().st_size)


def _loudness(path: Path, limits: Limits) -> float | None:
    from .clips import loudness
    from .container import audio_of, open_container
    from .decode import decoded_sound

    with open_container(path, limits) as container:
        stream = audio_of(container)
        return None if stream is None else loudness(decoded_sound(container, stream, limits.seconds))


def _warnings(facts: Probe, seen: _Seen, structure: mp4.Structure, loudness: float | None) -> list[str]:
    words = [f"The file is damaged: {problem}." for problem in structure.problems]
    if seen.missing:
        words.append(f"It claims {facts.duration:.1f} s, but its last {seen.missing:.1f} s can't be shown.")
    if seen.damaged:
        words.append(f"{seen.damaged} damaged packets were skipped.")
    if seen.only_keys:
        words.append("It is long: only its key frames were looked at, so cuts and stretches are not known.")
    elif seen.bounded:
        words.append(f"Only its first {seen.end:.0f} s were looked at.")
    if facts.has_audio and loudness is None:
        words.append("Its sound is silent.")
    if _total(seen.watching.black) > 0.5 * facts.duration > 0:
        words.append("More than half of it is black.")
    if _total(seen.watching.frozen) > 0.5 * facts.duration > 0:
        words.append("More than half of it stands still.")
    return words


def _total(stretches: list[Stretch]) -> float:
    return sum(end - start for start, end in stretches)


def _rounded(stretches: list[Stretch]) -> tuple[Stretch, ...]:
    return tuple((round(start, 2), round(end, 2)) for start, end in stretches)
