"""`save`: one or more clips to one verified file."""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputNotAllowed, InvalidRequest
from .answers import Progress, Report, Saved
from .delivery import copied, described, keep, keep_link, make_writable, place_of, settled, slug
from .inputs import Files, allowed, content_hash, is_film, is_path, is_url, one_of
from .local_files import snapshot

if TYPE_CHECKING:
    from .stage import Stage

FETCHED = 0.5  # how much of the work is done, for a person who watches, when every clip is here


async def save(
    stage: Stage,
    videos: str | Path | Sequence[str | Path],
    *,
    filename: str | Path | None = None,
    transition: str | None = None,
    music: str | Path | None = None,
    trim: tuple[float, float] | None = None,
    on_progress: Report | None = None,
    files: Files = "anywhere",
) -> Saved:
    """Each clip fetched, where it is not there yet; several are joined. Costs nothing at the hub."""
    named = one_of(videos)
    place = place_of(stage, filename)
    _check_transition(transition)
    if len(named) == 1 and music is None and trim is None:
        return await _one(stage, named[0], filename, files)
    with ExitStack() as held:
        bed = None if music is None else await _sound(stage, music, files, held)
        clips = []
        for done, video in enumerate(named, 1):
            clips.append(await _clip(stage, video, files, held))
            await _tell(on_progress, video, "saving", FETCHED * done / len(named))
        return await _joined(stage, clips, place, Cut(transition, bed, trim), on_progress)


@dataclass(frozen=True)
class Cut:
    """How clips become one. music: a file that is laid under all of it.  trim: from, to, seconds of the whole."""

    transition: str | None = None
    music: Path | None = None
    trim: tuple[float, float] | None = None

    def make(self, clips: Sequence[Path], out: Path, told: Callable[[float], None]) -> None:
        """Written to `out`; what there is to do twice goes by way of a second file beside it."""
        from ..media.join import join
        from ..media.trim import trim

        how = {"fade": "crossfade"}.get(self.transition or "", self.transition)
        if self.trim is None:
            join(clips, out, transition=how, music=self.music, on_progress=told)
            return
        if len(clips) == 1 and self.music is None:
            trim(clips[0], out, *self.trim)
            return
        whole = out.with_suffix(".whole.mp4")
        try:
            join(clips, whole, transition=how, music=self.music, on_progress=told)
            trim(whole, out, *self.trim)
        finally:
            whole.unlink(missing_ok=True)


async def _sound(stage: Stage, music: str | Path, files: Files, held: ExitStack) -> Path:
    """A file of music: one that lies here, or the sound of a video."""
    if is_path(music):
        return held.enter_context(snapshot(music, stage.settings, files))
    return (await _clip(stage, str(music), files, held)).file


async def _one(stage: Stage, video: str, filename: str | Path | None, files: Files) -> Saved:
    """A single video under the name that was asked for. What lies here already and is to get no other name stays."""
    if not is_path(video) or is_url(video):
        return await _fetched(stage, video, filename)
    path = allowed(video, stage.settings, files)
    place = place_of(stage, filename)
    with snapshot(video, stage.settings, files) as held:
        if place is not None and place != path:
            return await asyncio.to_thread(copied, held, place, replacing=isinstance(filename, Path))
        return replace(described(held, await asyncio.to_thread(content_hash, held)), file=path)


async def _clip(stage: Stage, video: str, files: Files, held: ExitStack) -> Saved:
    """One of several, to be joined."""
    if not is_path(video) or is_url(video):
        return await _fetched(stage, video, None)
    path = held.enter_context(snapshot(video, stage.settings, files))
    return described(path, await asyncio.to_thread(content_hash, path))


async def _fetched(stage: Stage, video: str, filename: str | Path | None) -> Saved:
    if is_url(video):
        if not video.startswith(("https://", "http://")):
            raise InputNotAllowed("A video is named by id, https URL or path.", fix="Give an https URL.")
        return await keep_link(
            stage, video, place_of(stage, filename) or stage.settings.videos_folder / _name_in(video)
        )
    if is_film(video):
        from .films.cutting import keep_film

        return await keep_film(stage, video.strip(), filename)
    return await keep(stage, video, filename=filename)


def _check_transition(transition: str | None) -> None:
    from ..media.join import FADES, TRANSITIONS

    if (transition or "cut").strip().lower() not in {*TRANSITIONS, *FADES}:
        raise InvalidRequest(f"transition={transition!r} is not known.", fix='Use "cut" or "fade".')


def _name_in(url: str) -> str:
    path = Path(url.partition("?")[0].rpartition("/")[2])
    return slug(path.stem)


async def _joined(
    stage: Stage, clips: Sequence[Saved], place: Path | None, cut: Cut, on_progress: Report | None
) -> Saved:
    rest = f"and-{len(clips) - 1}-more" if len(clips) > 1 else "cut"
    place = place or stage.settings.videos_folder / f"{clips[0].file.stem}-{rest}"
    await asyncio.to_thread(make_writable, place.parent)
    part = place.parent / f".{secrets.token_hex(8)}.part.mp4"
    loop = asyncio.get_running_loop()

    def told(fraction: float) -> None:
        asyncio.run_coroutine_threadsafe(
            _tell(on_progress, clips[0].file.stem, "joining", FETCHED + (1 - FETCHED) * fraction), loop
        )

    def work() -> Saved:
        cut.make([clip.file for clip in clips], part, _rising(told))
        return settled(part, place)

    try:
        saved = await asyncio.to_thread(work)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return replace(saved, warnings=tuple(word for clip in clips for word in clip.warnings))


def _rising(told: Callable[[float], None]) -> Callable[[float], None]:
    last = -1.0

    def tell(fraction: float) -> None:
        nonlocal last
        if fraction > last + 0.01 or fraction >= 1.0 > last:
            last = fraction
            told(fraction)

    return tell


async def _tell(on_progress: Report | None, video: str, status: str, fraction: float) -> None:
    if on_progress is not None:
        told = on_progress(Progress(video, status, fraction))
        if inspect.isawaitable(told):
            await told
