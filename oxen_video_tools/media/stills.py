"""Several pictures as one small JPEG, numbered, that a language model and a person can look at."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from .probe import require_media_extra

LONGEST_SIDE = 1152  # pixels of the sheet
MOST_BYTES = 100_000
_GAP = 6
_BAND = 22  # pixels under each picture, for its number


def numbered_sheet(pictures: Sequence[tuple[int, Path]], *, max_bytes: int = MOST_BYTES) -> bytes:
    """A JPEG of at most `max_bytes` with all pictures in rows, each with its number under it, never over it.

    pictures: number and file.  Raises InputUnreadable where none can be read, NotInstalled.
    """
    with require_media_extra():
        from PIL import Image, ImageDraw, ImageOps

        from .container import unreadable_error
    found: list[tuple[int, Any]] = []
    for number, file in pictures:
        try:
            with Image.open(file) as image:
                found.append((number, ImageOps.exif_transpose(image).convert("RGB")))
        except Exception:  # noqa: S112  # nosec B112  # Pillow raises whatever its decoders do; the others are shown
            continue
    if not found:
        raise unreadable_error(
            pictures[0][1] if pictures else Path("stills"), "it holds no picture that can be decoded"
        )
    width, height = found[0][1].size
    columns = min(len(found), max(1, round((len(found) * height / width * 1.6) ** 0.5)))
    rows = -(-len(found) // columns)
    for shrink in (1.0, 0.75, 0.55, 0.4, 0.25):
        cell = max(48, round(LONGEST_SIDE * shrink / columns) - _GAP)
        tall = max(27, round(cell * height / width))
        sheet = Image.new("RGB", (columns * (cell + _GAP) + _GAP, rows * (tall + _BAND + _GAP) + _GAP), (18, 18, 18))
        draw = ImageDraw.Draw(sheet)
        for place, (number, image) in enumerate(found):
            left = _GAP + place % columns * (cell + _GAP)
            top = _GAP + place // columns * (tall + _BAND + _GAP)
            sheet.paste(ImageOps.pad(image, (cell, tall), color=(18, 18, 18)), (left, top))
            draw.text((left + 3, top + tall + 3), str(number), fill=(240, 240, 240), font_size=15)
        for quality in (85, 75, 60, 45):
            out = BytesIO()
            sheet.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= max_bytes:
                return out.getvalue()
    return out.getvalue()
