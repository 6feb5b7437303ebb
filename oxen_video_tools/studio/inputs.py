"""Media that a request names → what they are (for the request's key), and URLs that the hub can read (for its body).

A medium is an https URL, a local file, or the id of an earlier generation. Where a tool's words come from a language
model, local files must lie inside the allowed folders, after every symbolic link has been followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import InputNotAllowed, InputUnreadable, InvalidRequest
from ..redaction import redact, unsigned
from .identity import link_name
from .ledger.records import LOCAL
from .local_files import MEBI, Files, allowed, fingerprint_of, opened, roots, unreadable

if TYPE_CHECKING:
    from ..hub.uploads import LocalFile
    from ..settings import Settings
    from .stage import Stage

_ID = re.compile(r"(?:sync-|film-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-\d+)?", re.I)
_URL = re.compile(r"[a-z][a-z0-9+.-]*:(?://|[^\\])", re.I)

__all__ = [
    "MEBI",
    "Files",
    "allowed",
    "content_hash",
    "fingerprint",
    "fingerprints",
    "is_film",
    "is_generation",
    "is_path",
    "is_url",
    "one_of",
    "readable",
    "roots",
]


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
    return await asyncio.to_thread(fingerprint_of, reference, stage.settings, files)


async def fingerprints(stage: Stage, references: Sequence[str], files: Files) -> dict[str, str]:
    """What each of several media is. Raises InputNotAllowed, InputUnreadable."""
    return {one: await fingerprint(stage, one, files) for one in references}


async def readable(stage: Stage, reference: str, files: Files, *, known_as: str | None = None) -> str:
    """A URL that the hub can read: the link itself, an earlier result's, or that of a file just uploaded.

    known_as: the fingerprint under which it was planned; a file that has another by now is not sent.

    Raises InputNotAllowed, InputUnreadable, NotFound, HubUnavailable.
    """
    hub = await stage.hub()
    if is_generation(reference):
        return await _result(stage, reference.strip())
    if is_url(reference):
        return await hub.fetchable(_allowed_url(reference, hub.base_url))
    file = await asyncio.to_thread(_taken, reference, stage.settings, files)
    if known_as is not None and known_as != f"sha256:{file.sha256}":
        raise InputUnreadable(
            f"{reference} changed while the video was prepared; nothing was sent.",
            fix="Call again: then the file as it is now is used.",
            charged="no",
        )
    return str(await hub.upload(file))


def _taken(reference: str | Path, settings: Settings, files: Files) -> LocalFile:
    from ..hub.uploads import local_file

    with opened(reference, settings, files) as found:
        return local_file(found.path.name, found.content())


async def _result(stage: Stage, generation_id: str) -> str:
    hub = await stage.hub()
    if generation_id.startswith(LOCAL) or is_film(generation_id):
        kept = await stage.saved(generation_id)
        if kept is None:
            raise InputUnreadable(f"Of {generation_id} no file was kept.", fix="Give a file or an https URL.")
        file = await asyncio.to_thread(_taken, kept[0], stage.settings, "anywhere")
        if kept[1] is not None and kept[1] != file.sha256:
            raise InputUnreadable(f"The file of {generation_id} is another by now.", fix="Give a file or an https URL.")
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


def content_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Never follows a link that took the file's place meanwhile."""
    whole = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            while chunk := file.read(MEBI):
                whole.update(chunk)
    except OSError as error:
        raise unreadable(path, error) from None
    return whole.hexdigest()


def one_of(videos: str | Path | Sequence[str | Path]) -> list[str]:
    """One video or several, as a list. Raises InvalidRequest for none."""
    found = [str(videos)] if isinstance(videos, (str, Path)) else [str(one) for one in videos]
    if not found:
        raise InvalidRequest("No video was named.", fix="Give at least one generation id.")
    return found
