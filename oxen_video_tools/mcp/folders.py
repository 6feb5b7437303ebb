"""What callers from afar keep on this machine: each in a folder of its own, within a quota, and not for ever."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RateLimited
from .callers import as_seen_from_afar

if TYPE_CHECKING:
    from ..clock import Clock
    from ..settings import Settings
    from .callers import Caller
    from .settings import ServerSettings

FRESH = 3600.0  # seconds in which a file is never removed: somebody may be writing or fetching it
ROUND = 3600.0  # seconds between two rounds through all folders


class Folders:
    """Keeps every caller's folder within `options.quota` bytes, and its files no longer than `options.keep` seconds.

    The oldest files go first. Whoever runs the process is not limited.
    """

    def __init__(self, settings: Settings, options: ServerSettings, clock: Clock) -> None:
        self._settings = settings
        self._quota, self._keep = options.quota, options.keep
        self._clock = clock

    @asynccontextmanager
    async def room_for(self, caller: Caller, *, writes: bool) -> AsyncIterator[None]:
        """While the block runs the caller may save files. Raises RateLimited where fresh files use up its quota."""
        if caller.local or not writes:
            yield
            return
        folder = as_seen_from_afar(self._settings, caller).videos_folder
        if await asyncio.to_thread(self.tidy, folder) >= self._quota:
            raise RateLimited(
                f"Your files of the last hour fill your {self._quota / 1000**3:g} GB on this server.",
                fix="Links work without saving. The oldest files go first, an hour after they were written.",
                retry_after=FRESH,
            )
        try:
            yield
        finally:
            await asyncio.to_thread(self.tidy, folder)

    def tidy(self, folder: Path) -> int:
        """Removes what is too old, and the oldest beyond the quota. The bytes that are left."""
        now = self._clock.time()
        files = sorted(_files_in(folder), key=lambda file: file[1])
        left = sum(size for _, _, size in files)
        for path, written, size in files:
            age = now - written
            if age < FRESH or (age <= self._keep and left <= self._quota):
                continue
            with suppress(OSError):
                path.unlink()
                left -= size
                path.parent.rmdir()  # only where it is empty now
        return left

    async def sweep(self) -> None:
        """Tidies every caller's folder, round after round, for those too who never come back."""
        everybody = self._settings.videos_folder / "callers"
        while True:
            for folder in await asyncio.to_thread(_folders_in, everybody):
                await asyncio.to_thread(self.tidy, folder)
            await self._clock.sleep(ROUND)


def _folders_in(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as found:
            return [Path(one.path) for one in found if one.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _files_in(folder: Path) -> list[tuple[Path, float, int]]:
    """Each file with its age and size; links are not followed."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with suppress(OSError):
                about = path.lstat()
                found.append((path, about.st_mtime, about.st_size))
    return found
