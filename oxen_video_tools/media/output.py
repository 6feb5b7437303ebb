"""Writing a film: whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import Internal


@contextmanager
def write_output(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` at the end, or vanishes. Raises Internal for a full disk."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise Internal(
            f"{path.name} can't be written: {error.strerror or error}.",
            fix="Make room, or choose another folder.",
            charged="no",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def mp4_output(path: Path) -> Iterator[Any]:
    """An MP4 with its index first, so that it plays while it loads.

    What FFmpeg refuses becomes InputUnreadable, for it comes from what was put in; a file that can't be written stays
    an OSError.
    """
    import av

    from .container import unreadable_error

    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
            yield out
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise unreadable_error(path, error) from error
