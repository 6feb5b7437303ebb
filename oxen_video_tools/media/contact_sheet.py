"""The whole video as one small JPEG that a language model can look at: up to 9 frames, each with its time."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import LIMITS, Limits
from .probe import display_of, require_media_extra

if TYPE_CHECKING:
    from PIL import Image

    from .probe import Display


LEAST_FRAMES, MOST_FRAMES = 6, 12
LONGEST_SIDE = 1152  # pixels of the sheet
LEAST_CELL = 48  # pixels


def contact_sheet(path: Path | str, *, frames: int = 9, max_bytes: int = 100_000, limits: Limits = LIMITS) -> bytes:
    """A JPEG of at most `max_bytes` with up to `frames` (1 to 12) pictures at even times, each with its time under it.

    Raises InputUnreadable, NotInstalled.
    """
    with require_media_extra():
        from .container import open_container, seconds_of, unreadable_error, video_of
        from .decode import picture_at, rgb
    count = max(1, min(frames, MOST_FRAMES))
    with open_container(path, limits) as container:
        stream = video_of(container, limits)
        duration = seconds_of(container, stream, limits)
        display = display_of(Path(path), stream)
        cell = cell_size(*display.shown(stream.codec_context.width, stream.codec_context.height), count)
        found: list[tuple[float, Any]] = []
        for n in range(count):
            frame = picture_at(container, stream, duration * (n + 0.5) / count)
            if frame is None:
                continue
            at = duration * (n + 0.5) / count
            if frame.pts is not None:
                at = float(frame.pts * frame.time_base - (stream.start_time or 0) * stream.time_base)
            if not found or at > found[-1][0]:
                found.append((at, rgb(frame, display, cell)))
    if not found:
        raise unreadable_error(path, "it holds no picture that can be decoded")
    return sheet_of([(time_text(at), picture) for at, picture in found], max_bytes)


def shot_times(begin: float, end: float, cuts: Sequence[float], most: int = MOST_FRAMES) -> list[float]:
    """The middle of each shot, in seconds. Few shots are looked at more than once, of many some are left out."""
    bounds = [begin, *(cut for cut in cuts if begin < cut < end), end]
    shots = list(pairwise(bounds))
    while len(shots) < min(LEAST_FRAMES, most):
        place = max(range(len(shots)), key=lambda n: shots[n][1] - shots[n][0])
        since, until = shots[place]
        shots[place : place + 1] = [(since, (since + until) / 2), ((since + until) / 2, until)]
    if len(shots) > most:
        shots = [shots[round(n * (len(shots) - 1) / (most - 1))] for n in range(most)]
    return [(since + until) / 2 for since, until in shots]


def columns_for(width: int, height: int, count: int) -> int:
    """How many columns make a sheet of a shape that is easy to look at."""

    def odd(columns: int) -> float:
        rows = -(-count // columns)
        shape, empty = columns * width / (rows * height), columns * rows - count
        return max(shape / 1.6, 1.6 / shape) * (1 + 0.15 * empty)

    return min(range(1, count + 1), key=odd)


def cell_size(width: int, height: int, count: int) -> tuple[int, int]:
    """Pixels of one picture on the sheet."""
    columns = columns_for(width, height, count)
    rows = -(-count // columns)
    scale = min(LONGEST_SIDE / (columns * width), LONGEST_SIDE / (rows * height), 1.0)
    return max(LEAST_CELL, round(width * scale)), max(LEAST_CELL, round(height * scale))


def sheet_of(pictures: Sequence[tuple[str, Any]], max_bytes: int, columns: int | None = None) -> bytes:
    """The JPEG of pictures of one size, each with its words under it, never over it."""
    return _within(_laid_out(pictures, columns), max_bytes)


def stacked_from_text(strips: Sequence[str]) -> bytes:
    """`stacked`, of sheets in base64."""
    return stacked([b64decode(one) for one in strips])


def stacked(strips: Sequence[bytes], max_bytes: int = 100_000) -> bytes:
    """Sheets below one another as one JPEG, all as wide as the widest."""
    from PIL import Image

    rows = [Image.open(BytesIO(strip)).convert("RGB") for strip in strips]
    width = max(row.width for row in rows)
    rows = [row.resize((width, max(1, round(row.height * width / row.width)))) for row in rows]
    sheet = Image.new("RGB", (width, sum(row.height for row in rows) + _GAP * (len(rows) - 1)), (24, 24, 24))
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + _GAP
    return _within(sheet, max_bytes)


def _within(sheet: Image.Image, max_bytes: int) -> bytes:
    for scale in (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.12, 0.05):
        size = (max(16, round(sheet.width * scale)), max(16, round(sheet.height * scale)))
        smaller = sheet if scale == 1.0 else sheet.resize(size)
        for quality in (82, 74, 66, 56):
            out = BytesIO()
            smaller.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
            if out.tell() <= max_bytes:
                return out.getvalue()
    return out.getvalue()


def _laid_out(pictures: Sequence[tuple[str, Any]], columns: int | None) -> Image.Image:
    from PIL import Image, ImageDraw

    from .text import MONO, face

    height, width = pictures[0][1].shape[:2]
    columns = columns or columns_for(width, height, len(pictures))
    gap, size = 2, max(10, min(18, height // 9))
    band, font = size + 6, face(MONO, size)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + band)), (24, 24, 24))
    draw = ImageDraw.Draw(sheet)
    for n, (words, picture) in enumerate(pictures):
        left, top = n % columns * (width + gap), n // columns * (height + band)
        sheet.paste(Image.fromarray(picture), (left, top))
        if font.getlength(words) + 8 <= width:
            draw.text((left + 4, top + height + band - 6), words, font=font, fill=(240, 240, 240), anchor="ls")
    return sheet


def time_text(seconds: float) -> str:
    """ "7.5 s", "1:07.5", "1:02:07.5": as people write times."""
    tenths = round(seconds * 10)
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    if hours:
        return f"{hours}:{minutes:02d}:{rest:04.1f}"
    return f"{minutes}:{rest:04.1f}" if minutes else f"{rest:.1f} s"


# Several pictures as one small JPEG, numbered, that a language model and a person can look at.

MOST_BYTES = 100_000
_GAP = 6
_BAND = 22  # pixels under each picture, for its number


def numbered_sheet(pictures: Sequence[tuple[int, Path | str]], *, max_bytes: int = MOST_BYTES) -> bytes:
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
            Path(pictures[0][1]) if pictures else Path("stills"), "it holds no picture that can be decoded"
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


# Single pictures of a video as PNG: the last frame, which the next shot of a long take begins with.


def last_frame(path: Path | str, *, limits: Limits = LIMITS) -> bytes:
    """The last picture of a video as PNG bytes, upright, at full size.

    Raises InputUnreadable, also when the file ends before the end that it states: a frame from the middle would be the
    wrong one to go on from.
    """
    with require_media_extra():
        from .container import open_container, video_of
        from .decode import last_picture

    with open_container(path, limits) as container:
        stream = video_of(container, limits)
        return _png(last_picture(container, stream), display_of(Path(path), stream))


def frame_at(path: Path | str, at: float | None = None, *, limits: Limits = LIMITS) -> bytes:
    """The picture shown at `at` seconds, or in the middle, as PNG bytes. Raises InputUnreadable, also past the end."""
    with require_media_extra():
        from .container import open_container, seconds_of, unreadable_error, video_of
        from .decode import picture_at

    with open_container(path, limits) as container:
        stream = video_of(container, limits)
        length = seconds_of(container, stream, limits)
        if at is not None and at > length > 0:
            raise unreadable_error(path, f"it has {length:.1f} s, and nothing at {at:g} s")
        frame = picture_at(container, stream, length / 2 if at is None else at)
        if frame is None:
            raise unreadable_error(path, "it holds no picture that can be decoded")
        return _png(frame, display_of(Path(path), stream))


def _png(frame: Any, display: Display) -> bytes:
    from PIL import Image

    from .decode import rgb

    out = BytesIO()
    Image.fromarray(rgb(frame, display)).save(out, "PNG", compress_level=3)
    return out.getvalue()
