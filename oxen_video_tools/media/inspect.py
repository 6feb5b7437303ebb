"""What an agent should know of a video that it can't watch: facts, what happens in it, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from ..files import content_type_of
from . import mp4
from .contact_sheet import MOST_FRAMES, cell_size, sheet_of
from .decode import plane_of
from .probe import LIMITS, Limits, Probe, probe, require_media_extra

if TYPE_CHECKING:
    pass


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
        from .probe import unreadable_error
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
    from .decode import Decoder, missing_seconds
    from .probe import open_container, video_of

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
        self.turn = facts.rotation
        cell = cell_size(facts.width or 1, facts.height or 1, MOST_FRAMES)
        self.cell = cell[::-1] if self.turn in (90, 270) else cell
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

        self.taken.append((at, rgb(frame, *self.cell, turn=self.turn)))


def _structure(path: Path) -> mp4.Structure:
    """Only MP4 and MOV say how long they must be."""
    if content_type_of(path) in ("video/mp4", "video/quicktime"):
        return mp4.structure(path)
    return mp4.Structure(path.stat().st_size)


def _loudness(path: Path, limits: Limits) -> float | None:
    from .clips import loudness
    from .decode import decoded_sound
    from .probe import audio_of, open_container

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


# What happens in a video, told from tiny pictures of its frames: cuts, black stretches, stretches that stand
# still.

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
