"""A result becomes a verified file. Nothing here can cost anything: a link that died is read again, never made again.

Streamed to a temporary file and resumed by range (`HubClient.download`), its length and container checked, hashed,
renamed into place.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GenerationFailed, InputUnreadable, InvalidRequest, NotFound, NotInstalled, OxenError
from ..files import part_file
from ..ledger.records import LOCAL, GenerationRow
from ..redaction import is_plain
from ..retries import poll
from .media_inputs import RENEWALS, content_hash
from .reconcile import about_a_job
from .results import Saved

if TYPE_CHECKING:
    from ..hub import Generation, ResultVideo
    from .session import Session

ENDINGS = {"video/webm": ".webm", "video/quicktime": ".mov", "video/x-msvideo": ".avi"}
ENDINGS |= {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")
OnBytes = Callable[[int, "int | None"], None]


async def keep_file(
    session: Session, generation_id: str, *, filename: str | Path | None = None, on_bytes: OnBytes | None = None
) -> Saved:
    """The file of one generation, fetched unless it is there already.

    filename: a plain name in the folder for videos, or a Path to anywhere, where an older file gives way.
    Raises GenerationFailed where there is nothing to fetch, NotFound, InputUnreadable for a result that is damaged at
    the hub or a folder that can't be written, HubUnavailable.
    """
    try:
        return await _kept(session, generation_id, filename, on_bytes)
    except GenerationFailed:
        raise
    except OxenError as error:
        raise await about_a_job(session, generation_id, error) from error.__cause__


async def _kept(session: Session, generation_id: str, filename: str | Path | None, on_bytes: OnBytes | None) -> Saved:
    scope = await session.scope()
    clip = (await session.ledger.clips(scope, [generation_id])).get(generation_id)
    target = place_of(session, filename)
    folder = target.parent if target else session.settings.videos_folder
    there = None if clip is None else await is_still_there(session, clip.file, clip.sha256, clip.size)
    if there is not None and target in (None, there.file):
        return there
    async with _part_in(folder) as part:
        if there is not None:
            await asyncio.to_thread(_copied, there.file, part)
        else:
            await fetch_into(session, generation_id, part, clip, on_bytes)
        name = target or folder / await _name(session, generation_id, clip)
        saved = await settled(session, part, name, replacing=isinstance(filename, Path))
    await session.ledger.delivered(scope, generation_id, str(saved.file), saved.sha256, saved.size)
    return saved


async def keep_result(session: Session, clip: GenerationRow, result: ResultVideo) -> Saved:
    """What the blocking route answered, whether it was the bytes or a link."""
    folder = session.settings.videos_folder
    async with _part_in(folder) as part:
        if result.data is not None:
            await asyncio.to_thread(_written, part, result.data)
        elif result.url is not None:
            await (await session.hub()).download(result.url, part)
        await _verify(session, part)
        return await settled(session, part, folder / await _name(session, clip.generation_id, clip))


async def keep_link(session: Session, url: str, place: Path) -> Saved:
    """A clip from elsewhere. Raises InputNotAllowed for a link into this machine's network."""
    hub = await session.hub()
    async with _part_in(place.parent) as part:
        await hub.download(await hub.fetchable(url), part)
        await _verify(session, part)
        return await settled(session, part, place)


@asynccontextmanager
async def _part_in(folder: Path) -> AsyncIterator[Path]:
    """A name for a file on its way; what is left of it goes at the end."""
    await asyncio.to_thread(make_writable, folder)
    with part_file(folder) as part:
        yield part


def _written(part: Path, data: bytes) -> None:
    try:
        part.write_bytes(data)
    except OSError as error:
        raise _disk(part.parent, error) from None


def _copied(file: Path, part: Path) -> None:
    try:
        shutil.copyfile(file, part)
    except OSError as error:
        raise _disk(part.parent, error) from None


async def copy_verified(session: Session, file: Path, place: Path, *, replacing: bool) -> Saved:
    """A video that lies here already, under another name. Raises InputUnreadable."""
    async with _part_in(place.parent) as part:
        await asyncio.to_thread(_copied, file, part)
        return await settled(session, part, place, replacing=replacing)


async def is_still_there(session: Session, name: str | None, sha256: str | None, size: int | None) -> Saved | None:
    """The file that was saved before, if it is still what was saved."""
    if not name or not sha256:
        return None
    file = Path(name)
    with suppress(OSError, OxenError):
        if await asyncio.to_thread(_is_the_same, file, sha256, size):
            return await described(file, sha256, caller=session.isolated)
    return None


def _is_the_same(file: Path, sha256: str, size: int | None) -> bool:
    return file.stat().st_size == size and content_hash(file) == sha256


async def fetch_into(
    session: Session, generation_id: str, part: Path, clip: GenerationRow | None = None, on_bytes: OnBytes | None = None
) -> None:
    """The result in `part`, whole. A link that died or a file that is damaged makes the record be read again."""
    hub = await session.hub()
    last: OxenError | None = None
    async for _ in poll(RENEWALS, clock=session.clock):
        link = await _link(session, generation_id, clip)
        if link is None:
            last = InputUnreadable(f"The hub shows no link for {generation_id} yet.", retry=True, charged="yes")
            continue
        try:
            await hub.download(link, part, on_bytes=on_bytes)
            await _verify(session, part)
        except NotFound as error:
            last = error
        except InputUnreadable as error:
            if isinstance(error.__context__, OSError):  # a disk that is full is no damaged result
                raise _disk(part.parent, error.__context__) from None
            last = error
        else:
            return
    assert last is not None
    last.generation_id = generation_id
    raise last


async def _link(session: Session, generation_id: str, clip: GenerationRow | None) -> str | None:
    if generation_id.startswith(LOCAL):
        if clip is None or clip.url is None:
            raise NotFound(f"The link of {generation_id} can't be renewed, and its file is gone.", charged="yes")
        return clip.url
    generation: Generation = await (await session.hub()).get(generation_id)
    if generation.status != "succeeded":
        raise GenerationFailed(
            f"{generation_id} is {generation.status}: there is nothing to save.",
            charged="no",
            generation_id=generation_id,
            fix="Wait for it with get_video." if generation.is_active else None,
        )
    return generation.url


async def _verify(session: Session, part: Path) -> None:
    """Whole, by its boxes and, where the `media` extra is there, by its decoder's reading; a picture by Pillow's.

    Raises InputUnreadable.
    """
    from ..files import content_type_of
    from ..media.mp4 import check

    kind = content_type_of(part)
    if kind in ("video/mp4", "video/quicktime"):
        await asyncio.to_thread(check, part)
    elif kind is None or not kind.startswith(("video/", "image/")):
        raise InputUnreadable("The result is no video and no picture.", charged="yes")
    await described(part, "", caller=session.isolated)


async def described(file: Path, sha256: str, *, caller: str | None = None) -> Saved:
    """A file as it is on disk. An MP4 is read from its boxes alone; anything else by a decoder, where the `media` extra
    is installed: in a process of its own, in turn with other callers' (a picture only for a server's).

    caller: whose it is, on a server. What is paid for is never turned away. Raises InputUnreadable, TimedOut.
    """
    from ..files import content_type_of
    from ..media.pool import look
    from ..media.probe import picture_size

    kind = await asyncio.to_thread(content_type_of, file) or ""
    size = (await asyncio.to_thread(file.stat)).st_size
    if kind in ("video/mp4", "video/quicktime") and (known := await asyncio.to_thread(_by_boxes, file, sha256)):
        return known
    try:
        if not kind.startswith("image/"):
            info = await look("probe", file, caller=caller or "", refuse=False)
            return Saved(
                file, info.size, sha256, info.duration, info.width, info.height, info.video_codec, fps=info.fps
            )
        if caller is None:
            sides = await asyncio.to_thread(picture_size, file)
        else:
            sides = await look("picture_size", file, caller=caller, refuse=False)
    except NotInstalled:
        return Saved(file, size, sha256)
    return Saved(file, size, sha256, None, *sides)


def _by_boxes(file: Path, sha256: str) -> Saved | None:
    """What the boxes of an MP4 tell, where they tell enough."""
    from ..media.mp4 import structure

    found = structure(file)
    if found.video is None or found.duration is None or found.video.codec is None:
        return None
    seen = found.video
    sides = (seen.width, seen.height) if seen.rotation not in (90, 270) else (seen.height, seen.width)
    fps = seen.samples / found.duration if seen.samples and found.duration else None
    return Saved(file, file.stat().st_size, sha256, found.duration, *sides, seen.codec, fps=fps)


async def settled(session: Session, part: Path, name: Path, *, replacing: bool = False) -> Saved:
    """Look at it, then rename it into place. The same bytes under that name are the same file; a name that is taken
    gets a number.
    """
    sha256 = await asyncio.to_thread(content_hash, part)
    verified = await described(part, sha256, caller=session.isolated)
    return replace(verified, file=await asyncio.to_thread(_placed, part, name, sha256, replacing))


def _placed(part: Path, name: Path, sha256: str, replacing: bool) -> Path:
    from ..files import content_type_of

    if not name.suffix:
        name = name.with_name(name.name + ENDINGS.get(content_type_of(part) or "", ".mp4"))
    try:
        place = next(one for one in _names(name) if replacing or not one.exists() or _same(one, sha256))
        _sync(part)
        part.replace(place)
    except OSError as error:
        raise _disk(name.parent, error) from None
    return place


def _names(name: Path) -> Iterator[Path]:
    yield name
    for number in count(2):
        yield name.with_stem(f"{name.stem}-{number}")


def _same(place: Path, sha256: str) -> bool:
    try:
        return content_hash(place) == sha256
    except OxenError:
        return False


def _sync(part: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())


async def _name(session: Session, generation_id: str, clip: GenerationRow | None) -> str:
    """Readable and unique: the first words of the prompt, and the beginning of the id."""
    job = await session.ledger.job_named(clip.job) if clip and clip.job else None
    asked = job.asked if job else {}
    shots = asked.get("multi_prompt") or [{}]
    words = str(asked.get("prompt") or shots[0].get("prompt") or (clip.model if clip else None) or "video")
    return f"{slug(words)}-{_short(generation_id)}"


def _short(generation_id: str) -> str:
    return re.sub(r"[^0-9A-Za-z-]", "", generation_id.removeprefix(LOCAL))[:13].strip("-") or secrets.token_hex(6)


def slug(words: str, longest: int = 48) -> str:
    """Words as a file's name on every platform: letters of any script, digits and hyphens."""
    plain = unicodedata.normalize("NFKC", words).lower()
    text = re.sub(r"[\W_]+", "-", plain).strip("-")[: longest + 1]
    if len(text) > longest:
        text = text[:longest].rpartition("-")[0] or text[:longest]
    while len(text.encode()) > 120:  # most file systems count bytes
        text = text[:-1]
    return text.strip("-") or "video"


def place_of(session: Session, filename: str | Path | None) -> Path | None:
    """Where a file of this name belongs. Raises InvalidRequest."""
    if filename is None or filename == "":
        return None
    if isinstance(filename, Path):
        return Path.cwd() / filename.expanduser()
    return session.settings.videos_folder / checked_name(filename)


_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.I)  # what Windows takes for no file


def checked_name(filename: str) -> str:
    """A name, and only a name: it can't leave the folder. Raises InvalidRequest."""
    name = filename.strip()
    bad = not name or name in (".", "..") or set(name) & set('/\\:*?"<>|\0') or not is_plain(name)
    if bad or name.startswith((".", "-")) or name.endswith(".") or len(name.encode()) > 200 or _DEVICE.fullmatch(name):
        raise InvalidRequest(
            f"filename={filename[:100]!r} is no plain file name.",
            fix='Give a name without folders, such as "clip.mp4".',
        )
    ending = Path(name).suffix.lower()
    if ending and ending not in VIDEO_ENDINGS:
        raise InvalidRequest(
            f"filename={filename[:100]!r} has the ending of no video.",
            fix=f"End it with {', '.join(VIDEO_ENDINGS[:-1])} or {VIDEO_ENDINGS[-1]}, or leave the ending out.",
        )
    return name


def make_writable(folder: Path) -> None:
    """Raises InputUnreadable, with what to do, where nothing can be written into `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{secrets.token_hex(8)}.trial"
        with trial.open("xb") as file:
            file.write(b"\0" * 4096)
        trial.unlink()
    except OSError as error:
        with suppress(OSError, UnboundLocalError):
            trial.unlink(missing_ok=True)
        raise _disk(folder, error) from None


def _disk(folder: Path, error: OSError) -> InputUnreadable:
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
    why = "the disk is full" if full else error.strerror or str(error)
    return InputUnreadable(
        f"{folder} can't be written: {why}. The video is not lost.",
        fix="Make room, or set OXEN_VIDEO_OUTPUT_DIR to another folder; then call save_video again. It costs nothing.",
        charged="no",
    )
