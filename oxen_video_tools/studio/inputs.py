"""Media that a request names → what they are (for the request's key), and URLs that the hub can read (for its body).

A medium is an https URL, a local file, or the id of an earlier generation. Where a tool's words come from a language
model, local files must lie inside the allowed folders, after every symbolic link has been followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ..errors import InputNotAllowed, InputUnreadable, InvalidRequest
from ..redaction import redact, unsigned
from .identity import link_name
from .ledger.records import LOCAL

if TYPE_CHECKING:
    from ..settings import Settings
    from .stage import Stage

Files = Literal["anywhere", "roots", "nowhere"]
MEBI = 2**20
# What other clients of this hub allow (hub docs name no limits).
LARGEST = {"image": 30 * MEBI, "video": 50 * MEBI, "audio": 15 * MEBI}
_ID = re.compile(r"(?:sync-|film-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-\d+)?", re.I)
_URL = re.compile(r"[a-z][a-z0-9+.-]*:(?://|[^\\])", re.I)


def is_url(reference: str) -> bool:
    """Whether it is some URL (a Windows drive is none)."""
    return bool(_URL.match(reference)) and not re.match(r"[a-z]:", reference, re.I)


def is_generation(reference: str) -> bool:
    """Whether it looks like the id of a generation."""
    return bool(_ID.fullmatch(reference.strip()))


def is_film(reference: str | Path) -> bool:
    """Whether it looks like the id of a film."""
    return is_generation(str(reference)) and str(reference).strip().startswith("film-")


def is_path(reference: str | Path) -> bool:
    """Whether it names a file here: it has a folder or a suffix, as no id has."""
    named = str(reference)
    if isinstance(reference, Path):
        return True
    return not (is_url(named) or is_generation(named)) and ("/" in named or "\\" in named or bool(Path(named).suffix))


async def fingerprint(stage: Stage, reference: str, files: Files) -> str:
    """What a medium is, wherever it lies. Raises InputNotAllowed, InputUnreadable."""
    if is_generation(reference):
        return f"generation:{reference.strip().lower()}"
    if is_url(reference):
        return f"url:{link_name(_allowed_url(reference, stage.settings.base_url))}"
    path = allowed(reference, stage.settings, files)
    return f"sha256:{await asyncio.to_thread(content_hash, path)}"


async def readable(stage: Stage, reference: str, files: Files) -> str:
    """A URL that the hub can read: the link itself, an earlier result's, or that of a file just uploaded.

    Raises InputNotAllowed, InputUnreadable, NotFound, HubUnavailable.
    """
    hub = await stage.hub()
    if is_generation(reference):
        return await _result(stage, reference.strip())
    if is_url(reference):
        return await hub.fetchable(_allowed_url(reference, hub.base_url))
    return str(await hub.upload(allowed(reference, stage.settings, files)))


async def _result(stage: Stage, generation_id: str) -> str:
    hub = await stage.hub()
    if generation_id.startswith(LOCAL) or is_film(generation_id):
        file = await stage.saved_file(generation_id)
        if file is None:
            raise InputUnreadable(f"Of {generation_id} no file was kept.", fix="Give a file or an https URL.")
        return str(await hub.upload(file))
    generation = await hub.get(generation_id)
    if not generation.url:
        raise InputUnreadable(
            f"{generation_id} is {generation.status}: it has no picture yet.",
            fix=f"Wait for it with get_video(generation_ids=[{generation_id!r}]).",
        )
    return generation.url


def _allowed_url(reference: str, base_url: str) -> str:
    try:
        parts, home = urlsplit(reference), urlsplit(base_url)
        same = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
    except ValueError:
        raise InputNotAllowed(f"{redact(reference)[:200]} is no URL.", fix="Give an https URL.") from None
    if parts.scheme == "data":
        raise InputNotAllowed("Inline data is not taken for videos.", fix="Save it as a file and give its path.")
    if parts.scheme != "https" and not same:
        raise InputNotAllowed(f"{unsigned(reference)[:200]} is no https URL.", fix="Give an https URL.")
    return reference


def roots(settings: Settings) -> tuple[Path, ...]:
    """The folders that a tool's local inputs may come from."""
    return settings.input_roots or (settings.videos_folder,)


def allowed(reference: str | Path, settings: Settings, files: Files) -> Path:
    """The real path of a local medium, if it may be read. Raises InputNotAllowed, InputUnreadable."""
    if files == "nowhere":
        raise InputNotAllowed(
            f"{reference} is a path on your own machine, which this server can't see.",
            fix="Give an https URL, or the id of an earlier generation.",
        )
    try:
        path = Path(reference).expanduser().resolve(strict=files == "anywhere")
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreadable(reference, error) from None
    if files == "roots":
        _inside(path, reference, roots(settings))
    try:
        described = path.lstat()
    except OSError as error:
        raise _unreadable(reference, error) from None
    if not stat.S_ISREG(described.st_mode):
        raise InputUnreadable(f"{reference} is no file.", fix="Give the path of an image, video or sound file.")
    _fits(path, described.st_size)
    return path


def _unreadable(reference: str | Path, error: Exception) -> InputUnreadable:
    why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no path"
    return InputUnreadable(
        f"{reference} can't be read: {why}.", fix="Give an https URL, a path, or the id of an earlier generation."
    )


def _inside(path: Path, reference: str | Path, folders: Sequence[Path]) -> None:
    """Links are already followed in `path`. A file outside is not even said to exist."""
    real = [folder.expanduser().resolve() for folder in folders]
    if any(path.is_relative_to(folder) for folder in real):
        return
    raise InputNotAllowed(
        f"{reference} lies outside the folders that inputs may come from.",
        fix=f"Put it into {real[0]}, or ask the user to name its folder in OXEN_VIDEO_INPUT_ROOTS.",
    )


def _fits(path: Path, size: int) -> None:
    from ..media.sniff import content_type_of

    try:
        kind = content_type_of(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    if kind is None:
        raise InputUnreadable(f"{path.name} is no image, video or sound that is known.", fix="Give a media file.")
    most = LARGEST[kind.partition("/")[0]]
    if size > most:
        raise InputUnreadable(
            f"{path.name} has {size / MEBI:.0f} MiB; a {kind.partition('/')[0]} may have {most // MEBI}.",
            fix="Make it smaller, or give an https URL.",
        )


def content_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Never follows a link that took the file's place meanwhile."""
    whole = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            while chunk := file.read(MEBI):
                whole.update(chunk)
    except OSError as error:
        raise _unreadable(path, error) from None
    return whole.hexdigest()


def one_of(videos: str | Path | Sequence[str | Path]) -> list[str]:
    """One video or several, as a list. Raises InvalidRequest for none."""
    found = [str(videos)] if isinstance(videos, (str, Path)) else [str(one) for one in videos]
    if not found:
        raise InvalidRequest("No video was named.", fix="Give at least one generation id.")
    return found
