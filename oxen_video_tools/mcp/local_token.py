"""The token of a server on this machine: made once, kept in a file that only its owner reads.

It proves that a caller is the owner of the process, whatever address it seems to come from.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from ..errors import InvalidRequest
from .callers import PREFIX

_SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{24,256}}")


def is_token(text: str) -> bool:
    """Whether this can be a token: the prefix and at least 24 characters that can't be guessed."""
    return _SHAPE.fullmatch(text) is not None


def token_file() -> Path:
    """Where the token lies on this platform."""
    from platformdirs import user_data_path

    return user_data_path("oxen-video", appauthor=False) / "mcp-token"


def kept_token(file: Path | None = None) -> str:
    """The token in the file; it is made on first use. Raises InvalidRequest for a file that can't be trusted."""
    file = file or token_file()
    with suppress(FileNotFoundError):
        return _read(file)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=file.parent)  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(PREFIX + secrets.token_urlsafe(32))
        os.link(draft, file)
    except FileExistsError:
        pass  # another process was first: its token holds
    except OSError:  # a file system without links
        Path(draft).replace(file)
    finally:
        Path(draft).unlink(missing_ok=True)
    return _read(file)


def _read(file: Path) -> str:
    fix = f"Delete {file}; a new token is made at the next start."
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidRequest(f"The token file {file} can't be opened: {error.strerror}.", fix=fix) from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise InvalidRequest(f"{file} is no plain file.", fix=fix)
        if os.name == "posix" and (about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077):
            raise InvalidRequest(f"The token file {file} can be read by others.", fix=fix)
        token = os.read(descriptor, 1024).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    if not is_token(token):
        raise InvalidRequest(f"{file} holds no token.", fix=fix)
    return token
