"""A result becomes a verified file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GenerationFailed, InvalidRequest
from .answers import Saved

if TYPE_CHECKING:
    from .stage import Stage


async def save(stage: Stage, videos: str | Sequence[str], filename: str | None) -> Saved:
    ids = [videos] if isinstance(videos, str) else list(videos)
    if len(ids) != 1:
        raise InvalidRequest("Only one clip can be saved so far.")
    hub = await stage.hub()
    job = await hub.get(ids[0])
    if not job.url:
        raise GenerationFailed(f"{ids[0]} is {job.status}: there is nothing to save yet.", charged="no")
    folder = stage.settings.videos_folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (filename or f"{ids[0]}.mp4")
    await hub.download(job.url, path)
    return await asyncio.to_thread(_described, path)


def _described(path: Path) -> Saved:
    data = path.read_bytes()
    return Saved(file=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
