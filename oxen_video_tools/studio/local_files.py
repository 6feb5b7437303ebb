"""Local media are opened once, so that what was checked is what is read.

Between checking a path and reading it, the file or a folder could be replaced by a link. So the file is opened first,
beneath the allowed folder and without following links, and its type and size are read from the open file.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from ..errors import InputNotAllowed, InputUnreadable
from ..redaction import unsigned

if TYPE_CHECKING:
    from ..settings import Settings
    from .session import Session


Files = Literal["anywhere", "roots", "nowhere"]
MEBI = 2**20
# What other clients of this hub allow (hub docs name no limits).
LARGEST = {"image": 30 * MEBI, "video": 50 * MEBI, "audio": 15 * MEBI}
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # no link; a pipe must not hold us up
_BENEATH = os.open in os.supports_dir_fd and bool(getattr(os, "O_NOFOLLOW", 0))


KEPT = "cast:"  # before the SHA-256 of a picture that the cast keeps


def cast_folder(settings: Settings, name: str = "cast") -> Path:
    """The folder of the cast's pictures, beside the ledger. name: of another folder there."""
    from ..ledger import data_folder, sqlite_path

    place = settings.ledger
    if place and place.startswith("postgres"):
        return data_folder() / name
    path = sqlite_path(place)
    return path.with_name(name) if path else Path(tempfile.gettempdir()) / f"oxen-video-{name}"


def kept_picture(reference: str | Path, settings: Settings) -> Path | None:
    """The file of a kept picture of the cast; None for other references."""
    digest = str(reference).removeprefix(KEPT)
    named = str(reference).startswith(KEPT) and len(digest) == 64 and not digest.strip("0123456789abcdef")
    return cast_folder(settings) / digest if named else None


@dataclass(frozen=True)
class Opened:
    """A medium that may be read.

    path: with links resolved.
    size: bytes; within the limit of its kind.
    """

    path: Path
    file: BinaryIO
    size: int

    def content(self) -> bytes:
        """The whole content. Raises InputUnreadable if it grew meanwhile."""
        self.file.seek(0)
        content = self.file.read(self.size + 1)
        if len(content) > self.size:
            raise InputUnreadable(f"{self.path.name} is still being written.", fix="Wait until it is whole.")
        return content


def roots(settings: Settings) -> tuple[Path, ...]:
    """The folders that a tool's local inputs may come from."""
    return settings.input_roots or (settings.videos_folder,)


def allowed(reference: str | Path, settings: Settings, files: Files) -> Path:
    """The real path of a local medium, if it may be read now. Raises InputNotAllowed, InputUnreadable."""
    with opened(reference, settings, files) as found:
        return found.path


SHOWN = 80  # characters of a reference that messages repeat
_CONTENT = re.compile(r"[A-Za-z0-9+/=_\s-]{200,}")
INSTEAD = "Give a public https URL or a generation id."


def shorten(reference: str | Path) -> str:
    """A reference for messages: shortened, and without a signature."""
    text = unsigned(str(reference))
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]}…{text[-SHOWN // 2 + 1 :]}"


def fingerprint_of(reference: str | Path, settings: Settings, files: Files) -> str:
    """The fingerprint of a local medium: `sha256:…` of its content. Raises InputNotAllowed, InputUnreadable."""
    with opened(reference, settings, files) as found:
        return f"sha256:{hashlib.sha256(found.content()).hexdigest()}"


@contextmanager
def opened(reference: str | Path, settings: Settings, files: Files, *, media: bool = True) -> Iterator[Opened]:
    """A local medium, open; any plain file where `media` is False.

    Raises InputNotAllowed for what lies elsewhere, InputUnreadable for what is no media.
    """
    if files != "anywhere" and _CONTENT.fullmatch(str(reference)):
        raise InputNotAllowed(f"{shorten(reference)} is the content of a file, and no place of one.", fix=INSTEAD)
    if files == "nowhere" and not str(reference).startswith(KEPT):
        raise InputNotAllowed(
            f"{shorten(reference)} is a path on your own machine, which this server can't see.",
            fix=INSTEAD,
        )
    kept = kept_picture(reference, settings)
    if kept is not None:
        reference, files = kept, "anywhere"  # it was allowed when it was kept, and its name is the hash of its content
    try:
        path = Path(reference).expanduser().resolve(strict=files == "anywhere")
    except (OSError, RuntimeError, ValueError) as error:
        raise unreadable(reference, error) from None
    folder = _folder_of(path, reference, roots(settings)) if files == "roots" else None
    try:
        file = os.fdopen(_open(path, folder), "rb")
    except (OSError, ValueError) as error:
        raise unreadable(reference, error) from None
    with file:
        if folder is not None and not _BENEATH:
            _still_there(path, file, reference, folder)
        yield Opened(path, file, _fitting(path, file, reference) if media else _plain(path, file, reference))


@contextmanager
def snapshot(reference: str | Path, settings: Settings, files: Files) -> Iterator[Path]:
    """A path at which a local medium stays as it was checked: the file itself for callers that may name any file, a
    temporary copy for tools. Raises InputNotAllowed, InputUnreadable.
    """
    if files == "anywhere":
        yield allowed(reference, settings, files)
        return
    with tempfile.TemporaryDirectory(prefix="oxen-video-") as folder:
        with opened(reference, settings, files) as found:
            copy = Path(folder) / found.path.name
            with copy.open("xb") as out:
                found.file.seek(0)
                shutil.copyfileobj(found.file, out, MEBI)
        yield copy


def _open(path: Path, folder: Path | None) -> int:
    if folder is None or not _BENEATH:
        return os.open(path, _READ | (_AS_IT_IS if folder is not None else getattr(os, "O_NONBLOCK", 0)))
    *folders, name = path.relative_to(folder).parts
    at = os.open(folder, _READ | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, _READ | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, _READ | _AS_IT_IS, dir_fd=at)
    finally:
        os.close(at)


def _still_there(path: Path, file: BinaryIO, reference: str | Path, folder: Path) -> None:
    """Where a file can't be opened beneath a folder (Windows): while it is open neither it nor its folders can be
    renamed, so where its path leads now is where it was opened.
    """
    try:
        now = path.resolve(strict=True)
        same = os.path.samestat(os.fstat(file.fileno()), now.stat())
    except OSError as error:
        raise unreadable(reference, error) from None
    if not same:
        raise InputUnreadable(f"{shorten(reference)} changed while it was opened.", fix="Call again.")
    _folder_of(now, reference, (folder,))


def unreadable(reference: str | Path, error: Exception) -> InputUnreadable:
    """The error for a file that can't be read."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no path"
    return InputUnreadable(
        f"{shorten(reference)} can't be read: {why}.",
        fix="Give an https URL, a path, or the id of an earlier generation.",
    )


def _folder_of(path: Path, reference: str | Path, folders: Sequence[Path]) -> Path:
    """The allowed folder that contains a path. path: with links resolved. The error for a file outside does not tell
    whether it exists.
    """
    real = [folder.expanduser().resolve() for folder in folders]
    inside = [folder for folder in real if path.is_relative_to(folder) and path != folder]
    if inside:
        return inside[0]
    if path in real:
        raise InputUnreadable(
            f"{shorten(reference)} is no file.", fix="Give the path of an image, video or sound file."
        )
    raise InputNotAllowed(
        f"{shorten(reference)} lies outside the folders that inputs may come from.",
        fix=f"{INSTEAD} Or put it into {real[0]}, or ask the user to name its folder in OXEN_VIDEO_INPUT_ROOTS.",
    )


def _plain(path: Path, file: BinaryIO, reference: str | Path) -> int:
    """The size of an open file, in bytes, if it is a plain one: no folder, pipe or device."""
    try:
        described = os.fstat(file.fileno())
    except OSError as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(described.st_mode):
        raise InputUnreadable(f"{reference} is no file.", fix="Give the path of a file.")
    return described.st_size


def _fitting(path: Path, file: BinaryIO, reference: str | Path) -> int:
    """The size of an open file, in bytes, if it is a medium that may be sent."""
    from ..files import HEAD_BYTES, content_type

    try:
        described = os.fstat(file.fileno())
        if not stat.S_ISREG(described.st_mode):
            raise InputUnreadable(
                f"{shorten(reference)} is no file.", fix="Give the path of an image, video or sound file."
            )
        kind = content_type(file.read(HEAD_BYTES))
    except OSError as error:
        raise unreadable(path, error) from None
    if kind is None:
        raise InputUnreadable(f"{path.name} is no image, video or sound that is known.", fix="Give a media file.")
    kind = kind.partition("/")[0]
    if described.st_size > LARGEST[kind]:
        raise InputUnreadable(
            f"{path.name} has {described.st_size / MEBI:.0f} MiB; a {kind} may have {LARGEST[kind] // MEBI}.",
            fix="Make it smaller, or give an https URL.",
        )
    return described.st_size


# Inspecting and joining media: in a thread, or in child processes for untrusted files.
#
# A server opens its callers' studios as isolated: they decode in child processes, taking turns with other callers. So
# are files that a language model names decoded, in LangChain and MCP.


async def look(
    session: Session,
    work: Literal["inspect", "last_frame", "frame_at", "sound_part", "measure", "probe", "contact_sheet"],
    path: Path,
    files: Files = "anywhere",
    **options: Any,
) -> Any:
    """Run work of `media.child_process` on a file. Raises InputUnreadable, NotInstalled, TimedOut, RateLimited."""
    from ..media import child_process, pool

    if session.isolated is None and files == "anywhere":
        return await asyncio.to_thread(child_process.work, work, {"path": path, **options})
    return await pool.look(work, path, caller=session.isolated or "", **options)


async def join_files(
    session: Session,
    clips: Sequence[Path],
    out: Path,
    told: Callable[[float], None],
    how: Mapping[str, Any] | None = None,
    files: Files = "anywhere",
) -> None:
    """Join clips to one file at `out`.

    told: called with 0 to 1, in any thread.
    how: other arguments of `media.join.join`.
    """
    how = how or {}
    if session.isolated is None and files == "anywhere":
        from ..media.join import join

        stopped = threading.Event()

        def heard(fraction: float) -> None:
            if stopped.is_set():
                raise asyncio.CancelledError  # ends the joining, which takes back what it began to write
            told(fraction)

        work = asyncio.ensure_future(asyncio.to_thread(join, clips, out, **how, on_progress=heard))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.wait({work})
            raise
        return
    from ..media.pool import cut_in_child

    await cut_in_child(clips, out, how, caller=session.isolated or "", on_progress=told)
