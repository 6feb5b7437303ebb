"""Renders what jobs ask for: an animatic marked SANDBOX. Identical requests share one rendering."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from pathlib import Path

from ..errors import InputUnreadable
from ..media import animatic
from .files import Files
from .shotlist import ShotList

MARK = "SANDBOX"
_MOST_BYTES = 1_000_000_000  # of renderings kept
_AT_ONCE = 2  # renderings


class Pictures:
    """Renderings by what they show. Used by one event loop."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._sizes: OrderedDict[Path, int] = OrderedDict()
        self._under_way: dict[Path, asyncio.Future[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def video(self, shots: ShotList) -> Path:
        """An H.264 MP4 of these shots."""
        return await self._made(self._place(shots, "mp4"), shots)

    async def image(self, shots: ShotList) -> Path:
        """A PNG of the first shot."""
        return await self._made(self._place(shots, "png"), shots)

    def _place(self, shots: ShotList, ending: str) -> Path:
        first = self._files.local(shots.image) if shots.image else None
        shown = [shots.shots, shots.size, shots.audio, shots.seed, first.name if first else None]
        return self._files.folder / f"{hashlib.sha256(json.dumps(shown).encode()).hexdigest()}.{ending}"

    async def _made(self, place: Path, shots: ShotList) -> Path:
        while place in self._under_way:
            await asyncio.wait([self._under_way[place]])
        if place not in self._sizes:
            self._under_way[place] = asyncio.get_running_loop().create_future()
            try:
                async with self._turns:
                    self._sizes[place] = await asyncio.to_thread(self._render, shots, place)
            finally:
                self._under_way.pop(place).set_result(None)
        self._sizes.move_to_end(place)
        self._forget()
        return place

    def _forget(self) -> None:
        """The renderings that were asked for longest ago, when they have become too many."""
        while sum(self._sizes.values()) > _MOST_BYTES and len(self._sizes) > 1:
            oldest, _ = self._sizes.popitem(last=False)
            oldest.unlink(missing_ok=True)

    def _render(self, shots: ShotList, place: Path) -> int:
        """Answers the size in bytes. A rendering of an earlier start is as good as a new one."""
        if place.exists():
            return place.stat().st_size
        if place.suffix == ".png":
            return _still(shots, place)
        first = self._files.local(shots.image) if shots.image else None
        segments = [
            animatic.Segment(prompt, seconds, first if number == 0 else None)
            for number, (prompt, seconds) in enumerate(shots.shots)
        ]
        try:
            animatic.render(segments, place, size=shots.size, seed=shots.seed, audio=shots.audio, mark=MARK)
        except InputUnreadable:  # beyond what is decoded here; the film is drawn from its words instead
            plain = [animatic.Segment(prompt, seconds) for prompt, seconds in shots.shots]
            animatic.render(plain, place, size=shots.size, seed=shots.seed, audio=shots.audio, mark=MARK)
        return place.stat().st_size


def _still(shots: ShotList, place: Path) -> int:
    from PIL import Image, ImageDraw

    tint = hashlib.sha256(shots.shots[0][0].encode()).digest()
    image = Image.new("RGB", shots.size, (tint[0] // 2, tint[1] // 2, tint[2] // 2))
    ImageDraw.Draw(image).text((12, 12), f"{MARK}\n{shots.shots[0][0][:200]}", fill="white")
    partial = place.with_suffix(".partial")
    image.save(partial, "PNG")
    partial.replace(place)
    return place.stat().st_size
