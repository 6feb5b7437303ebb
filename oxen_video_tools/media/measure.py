"""What a medium's limits speak of: bytes, pixels, seconds, frames a second. Reads headers only."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputUnreadable, NotInstalled
from .probe import probe
from .sniff import content_type_of


@dataclass(frozen=True)
class Measures:
    """size: bytes.  width, height: pixels as shown.  seconds, fps: of a video or sound. None where it isn't known."""

    size: int
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    fps: float | None = None


def measure(path: Path) -> Measures:
    """Of an image, a video or a sound; without the `media` extra only its size. Raises InputUnreadable, OSError."""
    size = path.stat().st_size
    try:
        if (content_type_of(path) or "").startswith("image/"):
            return Measures(size, *_sides(path))
        facts = probe(path)
    except NotInstalled:
        return Measures(size)
    return Measures(size, facts.width, facts.height, facts.duration, facts.fps)


def _sides(path: Path) -> tuple[int, int]:
    """Width and height of an image, upright."""
    try:
        from PIL import Image
    except ImportError as error:
        raise NotInstalled("Pictures can't be measured.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                turned = image.getexif().get(0x0112, 1) >= 5  # orientation: by a quarter
                return (image.height, image.width) if turned else (image.width, image.height)
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputUnreadable(f"{path.name} can't be read as an image.") from error
