"""Finished clips fetched, the last frame of one taken for the next, all of them joined to one file.

Nothing here costs anything. Fetched shots lie in a hidden folder beside the film until it is joined; whoever goes on
with a film on this machine finds them there.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import GenerationFailed, InputUnreadable, NotFound, NotInstalled, OxenError
from ...files import atomic_file, part_file
from ...ledger.films import FilmDelivery, FilmRow, FilmStatus, Part
from ..local_files import join_files, look
from ..media_inputs import content_hash
from ..result_files import copy_verified, fetch_into, is_still_there, keep_file, make_writable, place_of, settled, slug
from ..results import Saved
from .record import clips_in

if TYPE_CHECKING:
    from ...ledger.records import GenerationRow
    from ..plan import Plan
    from ..session import Session

AT_ONCE = 4  # shots that are fetched together
TRIES = 3  # at joining shots that somebody takes away meanwhile
INSTALL = "pip install 'oxen-video-tools[media]'"
NOT_JOINED = f"The shots will be delivered one by one: joining them needs {INSTALL}."
NOT_CHAINED = f"Each shot begins with the last frame of the one before: that needs {INSTALL}."
Told = Callable[[float], None]


def can_join() -> bool:
    """Whether the `media` extra is installed; nothing of it is loaded."""
    return all(find_spec(name) is not None for name in ("av", "numpy", "PIL"))


def check_media_extra(plan: Plan) -> Plan:
    """A film's plan, with what can't be done here without the `media` extra."""
    if can_join():
        return plan
    if plan.film == "one take":
        return replace(plan, problems=(*plan.problems, NOT_CHAINED))
    return replace(plan, warnings=(*plan.warnings, NOT_JOINED))


async def deliver(session: Session, film: str, told: Told) -> None:
    """Join a film whose shots are all there. Where that can't be, its shots are delivered singly, and it says why.

    told: hears 0 to 1 while the shots are joined, in another thread.
    """
    now = await _found(session, film)
    try:
        cut = _cut(await _joined(session, now, None, told))
    except OxenError as error:
        await _singly(session, now)
        how = f"{error.message} {error.fix or ''}".strip()
        cut = FilmDelivery(note=f"The shots were not joined: {how} Then save_video with this id joins them.")
    await _written_down(session, film, cut)


async def _written_down(session: Session, film: str, cut: FilmDelivery) -> None:
    """Whoever made the film and no one else tidies up: another process may just be fetching its shots."""
    mine = await session.ledger.record_film(film, cut, session.ledger.owner, session.clock.time())
    if mine and cut.file is not None:
        await asyncio.to_thread(shutil.rmtree, folder_of(session, film), ignore_errors=True)


def _cut(saved: Saved) -> FilmDelivery:
    return FilmDelivery(str(saved.file), saved.sha256, saved.size, saved.duration)


async def _singly(session: Session, now: FilmStatus) -> None:
    for part in now.parts:
        if part.clip is not None:
            with suppress(OxenError):  # its link is in the answer all the same
                await keep_file(session, part.clip.generation_id, filename=f"{_name(now.film)}-{part.number + 1}.mp4")


async def keep_film(session: Session, film: str, filename: str | Path | None = None) -> Saved:
    """The file of a film: where it was joined, or joined now. Costs nothing.

    Raises NotFound, GenerationFailed for a film whose shots are not all there, InputUnreadable, NotInstalled.
    """
    from .status import about

    async with about(session, film):
        return await _kept(session, film, filename)


async def _kept(session: Session, film: str, filename: str | Path | None) -> Saved:
    now = await _found(session, film)
    place = place_of(session, filename)
    if not now.is_shot:
        return await _keep_rest(session, now, place, replacing=isinstance(filename, Path))
    there = await is_still_there(session, now.film.file, now.film.sha256, now.film.size)
    if there is not None:
        if place in (None, there.file):
            return there
        return await copy_verified(session, there.file, place, replacing=isinstance(filename, Path))
    saved = await _joined(session, now, place, lambda _: None, replacing=isinstance(filename, Path))
    await _written_down(session, film, _cut(saved))
    return saved


async def _keep_rest(session: Session, now: FilmStatus, place: Path | None, *, replacing: bool) -> Saved:
    """What is there of a film that was stopped or failed, joined; the film itself stays unfinished."""
    there = tuple(part for part in now.parts if part.state == "done")
    going_on = now.film.film in session.films or now.is_live(session.clock.time()) or now.in_state("running", "sending")
    if not there or going_on:
        raise GenerationFailed(
            f"{len(there)} of {len(now.parts)} clips of this film are there.",
            charged="no",
            generation_id=now.film.film,
            fix="generate_video with the same arguments goes on with it; get_video says how it stands.",
        )
    clips = clips_in(now.film)
    missing = ", ".join(clips[part.number].name for part in now.parts if part.state != "done")
    place = place or session.settings.videos_folder / f"{_name(now.film)}-part"
    saved = await _joined(session, replace(now, parts=there), place, lambda _: None, replacing=replacing)
    return replace(saved, warnings=(*saved.warnings, f"Without {missing}: what is there of the film was joined."))


async def _found(session: Session, film: str) -> FilmStatus:
    now = await session.ledger.standing(film)
    if now is None or now.film.scope != await session.scope():
        raise NotFound(f"There is no film {film} in this ledger.")
    return now


async def _joined(
    session: Session, now: FilmStatus, place: Path | None, told: Told, *, replacing: bool = False
) -> Saved:
    if not can_join():
        raise NotInstalled("Joining shots to one film needs the media extra.", fix=INSTALL)
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetched(part: Part) -> Path:
        async with gate:
            assert part.clip is not None
            return await fetch_clip(session, now.film, part.clip)

    place = place or session.settings.videos_folder / _name(now.film)
    for _ in range(TRIES):
        files = await asyncio.gather(*map(fetched, now.parts))
        try:
            return await _spliced(session, files, place, told, replacing)
        except (OxenError, FileNotFoundError):
            if all(file.is_file() for file in files):
                raise
            # another process has delivered it, and tidied up
    raise InputUnreadable("The shots went away while they were joined.", retry=True, charged="yes")


async def _spliced(session: Session, files: list[Path], place: Path, told: Told, replacing: bool) -> Saved:
    await asyncio.to_thread(make_writable, place.parent)
    with part_file(place.parent, ".mp4") as part:
        await join_files(session, files, part, told)
        return await settled(session, part, place, replacing=replacing)


def _name(film: FilmRow) -> str:
    """Readable and unique: the first words of the first shot, and the beginning of the id."""
    shots = film.asked.get("multi_prompt") or [{}]
    return f"{slug(str(shots[0].get('prompt') or 'film'))}-{film.film[:13]}"


# -- clips -------------------------------------------------------------------------------------------------------------


def folder_of(session: Session, film: str) -> Path:
    """Where the shots of a film lie until they are joined."""
    return session.settings.videos_folder / f".{film}"


async def fetch_clip(session: Session, film: FilmRow, clip: GenerationRow) -> Path:
    """A finished shot as a file here, whole: the one that was kept, else fetched. Raises what `fetch_into` raises."""
    if clip.file and clip.sha256:
        with suppress(OSError, OxenError):
            if await asyncio.to_thread(content_hash, Path(clip.file)) == clip.sha256:
                return Path(clip.file)
    folder = folder_of(session, film.film)
    place = folder / hashlib.sha256(clip.generation_id.encode()).hexdigest()[:24]
    if place.is_file():
        return place
    await asyncio.to_thread(make_writable, folder)
    with atomic_file(place) as part:
        await fetch_into(session, clip.generation_id, part, clip)
    return place


async def last_frame_of(session: Session, film: FilmRow, clip: GenerationRow) -> str:
    """A link to the last picture of a finished shot, for the next to begin with; uploaded once."""
    shot = await fetch_clip(session, film, clip)
    picture = folder_of(session, film.film) / f"{shot.stem}-last.png"
    if not picture.is_file():
        await asyncio.to_thread(make_writable, picture.parent)
        await asyncio.to_thread(_written, picture, await look(session, "last_frame", shot))
    return str(await (await session.hub()).upload(picture))


def _written(place: Path, data: bytes) -> None:
    with atomic_file(place) as part:
        part.write_bytes(data)
