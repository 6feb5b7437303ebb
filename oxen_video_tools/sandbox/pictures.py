"""Draws what jobs ask for: an animatic marked SANDBOX, with the pictures in it that were given.

A first frame is where the picture begins; references (people, products, places) stand in front of it as cards, so that
a test and an eye can see that shot 4 has Mira in it. A job that works on a video shows that video. Identical requests
share one rendering.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputUnreadable, OxenError
from ..media import animatic
from .files import Files
from .rework import rework
from .shotlist import Medium, ShotList

if TYPE_CHECKING:
    from PIL.Image import Image

MARK = "SANDBOX"
_MOST_BYTES = 1_000_000_000  # of renderings kept
_AT_ONCE = 2  # renderings
_CARD = 0.36  # height of a reference, as a share of the picture's
_BORDER = "white"

Media = Mapping[str, Path]


class Pictures:
    """Renderings by what they show. Used by one event loop."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._sizes: OrderedDict[Path, int] = OrderedDict()
        self._under_way: dict[Path, asyncio.Future[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def made(self, shots: ShotList, media: Media, ending: str) -> Path:
        """An H.264 MP4 of these shots ("mp4"), or a PNG of the first ("png"). media: the files behind their URLs."""
        place = self._place(shots, media, ending)
        while place in self._under_way:
            await asyncio.wait([self._under_way[place]])
        if place not in self._sizes:
            self._under_way[place] = asyncio.get_running_loop().create_future()
            try:
                async with self._turns:
                    self._sizes[place] = await asyncio.to_thread(_render, shots, media, place)
            finally:
                self._under_way.pop(place).set_result(None)
        self._sizes.move_to_end(place)
        self._forget()
        return place

    def _place(self, shots: ShotList, media: Media, ending: str) -> Path:
        seen = [file.name for url in shots.media if (file := media.get(url)) is not None]
        shown: list[Any] = [shots.shots, shots.size, shots.audio, shots.seed, shots.drawn, seen]
        return self._files.folder / f"{hashlib.sha256(json.dumps(shown).encode()).hexdigest()}.{ending}"

    def _forget(self) -> None:
        """The renderings that were asked for longest ago, when they have become too many."""
        while sum(self._sizes.values()) > _MOST_BYTES and len(self._sizes) > 1:
            oldest, _ = self._sizes.popitem(last=False)
            oldest.unlink(missing_ok=True)


def _render(shots: ShotList, media: Media, place: Path) -> int:
    """Answers the size in bytes. A rendering of an earlier start is as good as a new one."""
    if not place.exists():
        try:
            (_picture if place.suffix == ".png" else _film)(shots, media, place)
        except InputUnreadable:  # beyond what is decoded here; it is drawn from its words instead
            (_picture if place.suffix == ".png" else _film)(shots, {}, place)
    return place.stat().st_size


def _film(shots: ShotList, media: Media, place: Path) -> None:
    source = media.get(shots.source or "")
    if source is None:
        _draw(shots, media, place)
        return
    new = None
    if shots.drawn and shots.drawn[1] > shots.drawn[0]:
        start, end = shots.drawn
        part = ShotList(((shots.shots[0][0], end - start),), shots.size, False, shots.seed, references=shots.references)
        new = place.with_suffix(".new.mp4")
        _draw(part, media, new)
    try:
        rework(source, place, size=shots.size, seconds=shots.seconds, new=new, drawn=shots.drawn)
    finally:
        if new is not None:
            new.unlink(missing_ok=True)


def _draw(shots: ShotList, media: Media, place: Path) -> None:
    cards = [media[url] for url in shots.references if url in media]
    segments, made = [], []
    for number, (prompt, seconds) in enumerate(shots.shots):
        image = media.get(shots.image or "") if number == 0 else None
        if cards:
            image = place.with_suffix(f".{number}.png")
            made.append(image)
            base = media.get(shots.image or "") if number == 0 else None
            _composed(prompt, shots, base, cards).save(image, "PNG")
        segments.append(animatic.Segment(prompt, seconds, image))
    try:
        animatic.render(segments, place, size=shots.size, seed=shots.seed, audio=shots.audio, mark=MARK)
    finally:
        for image in made:
            image.unlink(missing_ok=True)


def _picture(shots: ShotList, media: Media, place: Path) -> None:
    """A still of the first shot: drawn from its words, or the picture that is worked on, with the references in it."""
    cards = [media[url] for url in shots.references if url in media]
    base = media.get(shots.source or "") or media.get(shots.image or "")
    partial = place.with_suffix(".partial")
    _composed(shots.shots[0][0], shots, base, cards).save(partial, "PNG")
    partial.replace(place)


def _composed(prompt: str, shots: ShotList, base: Path | None, cards: Sequence[Path]) -> Image:
    """One picture: the given one or one drawn from the prompt, with the references as cards in front of it."""
    from PIL import Image, ImageOps

    whole = ImageOps.fit(opened(base) if base else _still(prompt, shots.size, shots.seed), shots.size)
    if not cards:
        return whole
    width, height = shots.size
    room = width * 0.8 / len(cards)
    high = round(min(height * _CARD, room * 1.2))
    wide = round(min(high, room * 0.9))
    left = (width - wide * len(cards) - round(room * 0.1) * (len(cards) - 1)) // 2
    for number, card in enumerate(cards):
        border = max(2, high // 24)
        inner = ImageOps.fit(opened(card), (max(1, wide - 2 * border), max(1, high - 2 * border)))
        framed = Image.new("RGB", (wide, high), _BORDER)
        framed.paste(inner, (border, border))
        whole.paste(framed, (left + number * (wide + round(room * 0.1)), round(height * 0.52)))
    return whole


def _still(prompt: str, size: tuple[int, int], seed: int) -> Image:
    """One frame of the animatic that a prompt becomes."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        clip = Path(folder) / "still.mp4"
        animatic.render([animatic.Segment(prompt, 1.0)], clip, size=size, seed=seed, fps=1, mark=MARK)
        return opened(clip)


def opened(file: Path) -> Image:
    """A picture, or the first frame of a video. Raises InputUnreadable."""
    from PIL import Image, ImageOps

    from ..media.frames import frame_at
    from ..media.sniff import content_type_of

    if not (content_type_of(file) or "").startswith("image/"):
        return Image.open(BytesIO(frame_at(file, 0.0))).convert("RGB")
    try:
        with Image.open(file) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # Pillow raises whatever its decoders do
        raise InputUnreadable(f"{file.name} can't be read as a picture: {error}") from error


@lru_cache(maxsize=256)
def measured(file: Path | None) -> Medium | None:
    """Length and size of a video or picture; None for what is neither. A file here never changes under its name."""
    from ..media.probe import probe
    from ..media.sniff import content_type_of

    if file is None:
        return None
    try:
        if (content_type_of(file) or "").startswith("image/"):
            return Medium(opened(file).size)
        found = probe(file)
    except OxenError:
        return None
    return Medium((found.width, found.height), found.duration) if found.width and found.height else None
