"""What an agent should know of a video that it can't watch: facts, what happens in it, and how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..files import LIMITS, Limits, content_type_of
from . import mp4
from .contact_sheet import LONGEST_SIDE, MOST_FRAMES, cell_size, sheet_of, shot_times, time_text
from .probe import Probe, probe, require_media_extra

if TYPE_CHECKING:
    from .decode import StretchDetector


MOST_WATCHED = 7200  # frames; of a longer video only the key frames are looked at

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Inspection:
    """duration and all times: seconds.

    width, height: pixels as shown.
    fps: frames a second.
    size: bytes.

    cuts: where one shot ends and the next begins.
    black, frozen: stretches of black, of a picture that stands still.
    loudness: LUFS (ITU-R BS.1770), None for silence or no sound.
    complete: every byte is there and every frame decodes.
    warnings: what is odd, in plain words.
    sheet: a JPEG with a numbered frame from the middle of each shot.
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
    last: Any
    damaged: int
    missing: float
    end: float
    only_keys: bool
    bounded: bool


MOST_IN_ROW = 6
NEAR = 0.3  # seconds between a cut that is known and the one that was seen


def inspect(
    path: Path | str,
    *,
    part: Sequence[float | None] | None = None,
    shots: Sequence[float] = (),
    row: int | None = None,
    max_bytes: int = 100_000,
    limits: Limits = LIMITS,
) -> Inspection:
    """Watches and listens to a whole video, in bounds. max_bytes: of the sheet.

    shots: seconds at which shots are known to end, where two that look alike follow one another.
    part: from and to, seconds: what is told and shown is what lies between.
    row: a number for one of several videos that are looked at together: the sheet is a single row. A damaged or cut
    file is told as such, as long as one picture decodes. Raises InputUnreadable, InvalidRequest for a part with nothing
    in it, NotInstalled.
    """
    path = Path(path)
    with require_media_extra():
        from .container import unreadable_error
    facts = probe(path, limits=limits)
    if not facts.width or not facts.height:
        raise unreadable_error(path, "it holds no video")
    seen = _watched(path, facts, limits)
    if seen.last is None:
        raise unreadable_error(path, "it holds no picture that can be decoded")
    told = _told(facts, seen, _structure(path), _loudness(path, limits) if facts.has_audio else None)
    unseen = [at for at in shots if 0 < at < told.duration and all(abs(at - cut) > NEAR for cut in told.cuts)]
    told = replace(told, cuts=tuple(sorted((*told.cuts, *(round(at, 2) for at in unseen)))))
    since, until = 0.0, told.duration
    if part is not None:
        told = _between(told, part)
        since = part[0] or 0.0
        until = since + told.duration
    times = shot_times(since, until, [since + cut for cut in told.cuts], MOST_IN_ROW if row else MOST_FRAMES)
    return replace(told, sheet=_sheet(path, facts, seen, times, row, max_bytes, limits))


def _between(told: Inspection, part: Sequence[float | None]) -> Inspection:
    since, until = part[0] or 0.0, min(told.duration, part[1] if part[1] is not None else told.duration)
    if not 0 <= since < until:
        raise InvalidRequest(f"Nothing lies between {since:g} s and {until:g} s of {told.duration:.1f} s.")

    def clipped(stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
        inside = [(max(begin, since) - since, min(end, until) - since) for begin, end in stretches]
        return tuple((round(begin, 2), round(end, 2)) for begin, end in inside if begin < end)

    return replace(
        told,
        duration=round(until - since, 3),
        cuts=tuple(round(cut - since, 2) for cut in told.cuts if since < cut < until),
        black=clipped(told.black),
        frozen=clipped(told.frozen),
    )


def _sheet(
    path: Path, facts: Probe, seen: _Seen, times: Sequence[float], row: int | None, most: int, limits: Limits
) -> bytes:
    """A frame at each of these times, as far as the file can be decoded there; else its last one."""
    from .container import open_container, video_of
    from .decode import picture_at, rgb

    count = len(times)
    if row:
        wide, high = facts.width or 1, facts.height or 1
        scale = min(LONGEST_SIDE / (count * wide), 1.0)
        cell = max(48, round(wide * scale)), max(48, round(high * scale))
    else:
        cell = cell_size(facts.width or 1, facts.height or 1, count)
    found: list[tuple[str, Any]] = []
    with open_container(path, limits) as container:
        stream = video_of(container, limits)
        shown = None
        for number, at in enumerate(times, 1):
            frame = picture_at(container, stream, at)
            if frame is None or frame.pts == shown:
                continue
            shown = frame.pts
            words = f"{row}: {time_text(at)}" if row else f"{number}  {time_text(at)}"
            found.append((words, rgb(frame, facts.display, cell)))
    if not found:
        found = [("the last frame", rgb(seen.last, facts.display, cell))]
    return sheet_of(found, most, len(found) if row else None)


def _told(facts: Probe, seen: _Seen, structure: mp4.Structure, loudness: float | None) -> Inspection:
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
    )


def _watched(path: Path, facts: Probe, limits: Limits) -> _Seen:
    from .container import open_container, video_of
    from .decode import Decoder, StretchDetector, missing_seconds

    step = 1 / facts.fps if facts.fps else 0.04
    only_keys = facts.duration / step > MOST_WATCHED
    watching, shown = StretchDetector(), None
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
            shown = last
            bounded = decoding.shown >= MOST_WATCHED or at > limits.seconds
            if bounded:
                break
        watching.end(at + step)
        missing = 0.0 if only_keys or bounded else missing_seconds(stream, last)
    return _Seen(watching, shown, decoding.damaged, missing, at + step, only_keys, bounded)


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
