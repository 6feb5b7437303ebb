"""One frame as three planes of luma and chroma (YUV 4:2:0), written in place: no picture is ever converted."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ..decode import Bytes, mix_planes, plane_of, scale_picture
from ..understanding.pictograms import Pictogram, read

Planes = tuple[Bytes, Bytes, Bytes]


def copied(planes: Planes) -> Planes:
    y, u, v = planes
    return y.copy(), u.copy(), v.copy()


Rect = tuple[int, int, int, int]  # left, top, right, bottom; even pixels


class Canvas:
    """A frame of the encoder's own, and views of its planes. Used by one thread at a time.

    shows: the picture that drew it last.
    touched: what is not that picture's still part any more.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.frame = av.VideoFrame(width, height, "yuv420p")
        self.frame.color_range = 1
        self.frame.colorspace = 1
        self.planes: Planes = tuple(plane_of(plane) for plane in self.frame.planes)  # type: ignore[assignment]
        self.shows: object = None
        self.touched: list[Rect] = []

    def copy(self, planes: Planes, rect: Rect | None = None, across: int = 0, down: int = 0) -> None:
        """What `planes` show there, or everywhere. across, down: pixels further right and down in `planes`."""
        left, top, right, bottom = rect or (0, 0, self.width, self.height)
        for n, (mine, theirs) in enumerate(zip(self.planes, planes, strict=True)):
            k = 1 if n else 0
            mine[top >> k : bottom >> k, left >> k : right >> k] = theirs[
                (top + down) >> k : ((top + down) >> k) + (bottom - top >> k),
                (left + across) >> k : ((left + across) >> k) + (right - left >> k),
            ]

    def mix(self, other: Canvas, share: float) -> None:
        """Cross-fades: `share` of the other, the rest of this one."""
        mix_planes(self.planes, other.planes, share)
        self.shows = None


def even(left: float, top: float, right: float, bottom: float, size: tuple[int, int]) -> Rect | None:
    """The smallest rectangle of even pixels around these edges, inside a frame; None where nothing is left."""
    found = (
        max(0, int(left) & ~1),
        max(0, int(top) & ~1),
        min(size[0], (int(right) + 3) & ~1),
        min(size[1], (int(bottom) + 3) & ~1),
    )
    return found if found[2] > found[0] and found[3] > found[1] else None


Shares = npt.NDArray[np.uint16]  # 1 to 256, of 256


def shares(keep: Bytes) -> Shares:
    """0 to 255 as what `blend` takes."""
    found: Shares = keep.astype(np.uint16)
    found += np.uint16(1)
    return found


def blend(under: Bytes, keep: Shares, over: Bytes) -> None:
    """In place: under × keep + over. over: colour times opacity."""
    mixed = under.astype(np.uint16)
    mixed *= keep
    mixed >>= np.uint16(8)
    np.add(mixed.astype(np.uint8), over, out=under)


def around(rects: Sequence[Rect]) -> Rect:
    """The rectangle around several."""
    left, top, right, bottom = zip(*rects, strict=True)
    return min(left), min(top), max(right), max(bottom)


# A pictogram as something that can be laid over a frame: coloured lines on a darker body, with a soft shadow.

Colour = tuple[float, float, float]  # red, green, blue, 0 to 255
Floats = npt.NDArray[np.floating[Any]]

PHASES = 4  # positions within a pixel
MARGIN = 0.09  # of the glyph's size, around it, for the shadow
_COARSE = 144  # pixels of the glyph where its inside is looked for
_TRIES = 8

_BT709 = np.array([[0.2126, 0.7152, 0.0722], [-0.1146, -0.3854, 0.5], [0.5, -0.4542, -0.0458]], np.float32)
_SPAN = np.array([219 / 255, 224 / 255, 224 / 255], np.float32)
_BASE = np.array([16, 128, 128], np.float32)


def yuv(rgb: Any) -> Floats:
    """Luma and chroma in TV range, BT.709, of colours in the last axis."""
    found: Floats = (np.asarray(rgb, np.float32) @ _BT709.T) * _SPAN + _BASE
    return found


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b, the rest of a."""
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


class Planed:
    """Planes of one size that are sampled together, at any scale and place.

    The scaler takes whole pixels only, which would make a slow zoom tremble. So a slightly larger part is scaled whose
    edges happen to fall on whole pixels at both ends, and what is too much is left out.
    """

    def __init__(self, *planes: Bytes) -> None:
        self.planes = [np.ascontiguousarray(plane) for plane in planes]
        self.scaler = VideoReformatter()
        self.quick = True

    def sample(self, x: float, y: float, scale: float, width: int, height: int) -> tuple[list[Bytes], int, int] | None:
        """What a frame of this size shows whose corner is at (x, y), and where in it: rows and columns begin there.

        scale: frame pixels for each of the planes'.
        """
        tall, wide = self.planes[0].shape
        left, right, columns, column = _aligned(x, scale, width, wide)
        top, bottom, rows, row = _aligned(y, scale, height, tall)
        if columns < 4 or rows < 4 or right - left < 4 or bottom - top < 4:
            return None
        found, shown = [], np.s_[max(0, -row) : height - row, max(0, -column) : width - column]
        for plane in self.planes:
            part = av.VideoFrame.from_numpy_buffer(plane[top:bottom, left:right], format="gray")
            found.append(plane_of(self._scaled(part, columns, rows).planes[0])[shown])
        return found, max(0, row), max(0, column)

    def _scaled(self, part: av.VideoFrame, width: int, height: int) -> Any:
        """By the quick scaler, which writes machine code for some widths; where a system forbids that, by the other."""
        if self.quick:
            try:
                return scale_picture(self.scaler, part, width, height, "FAST_BILINEAR")
            except (av.error.FFmpegError, MemoryError):
                self.quick = False
        return scale_picture(self.scaler, part, width, height)


def _aligned(start: float, scale: float, length: int, high: int) -> tuple[int, int, int, int]:
    """Along one axis: first and last source pixel, how many frame pixels they become, and where those begin.

    Of several source pixels before the first and after the last that are needed, those are taken that fall closest to
    whole frame pixels.
    """
    first, last = max(0, math.floor(start)), min(high, math.ceil(start + length / scale))
    begin = _closest(first, max(0, first - _TRIES), -1, start, scale)
    end = _closest(last, min(high, last + _TRIES), 1, begin, scale)
    return begin, end, round((end - begin) * scale), round((begin - start) * scale)


def _closest(first: int, last: int, step: int, origin: float, scale: float) -> int:
    """Of the places from `first` to `last` the one that falls closest to a whole frame pixel from `origin`."""
    best, chosen = 1.0, first
    for place in range(first, last + step, step):
        off = abs(((place - origin) * scale + 0.5) % 1.0 - 0.5)
        if off < best - 0.04:
            best, chosen = off, place
    return chosen


class Sprite:
    """Three planes with their opacity worked in, and what they keep of what is under them."""

    def __init__(self, parts: Sequence[tuple[Floats, Colour]]) -> None:
        """parts: how opaque, 0 to 1, and in which colour, the lowest first; all of the same size with even sides."""
        self.height, self.width = parts[0][0].shape
        whole = _laid([(alpha, yuv(colour)[:1]) for alpha, colour in parts])
        halves = _laid([(_halved(alpha), yuv(colour)[1:]) for alpha, colour in parts])
        # Colours are rounded up, for blending rounds down: two roundings down would tint every soft edge green.
        over = [np.ceil(plane).astype(np.uint8) for plane in (whole[1], *halves[1:])]
        keep = [np.rint(255 * plane).astype(np.uint8) for plane in (whole[0], halves[0])]
        self.sheets = [over[0], keep[0]], [over[1], over[2], keep[1]]  # of luma and of chroma
        self._moved: dict[tuple[int, int, int], tuple[list[Bytes], Shares]] = {}
        self._zoomed: list[Planed] = []

    def lay(self, canvas: Canvas, x: float, y: float, scale: float | None = None) -> Rect | None:
        """With its upper left corner at (x, y). scale: frame pixels for each of its own; None: as it is. Says where."""
        size = 1.0 if scale is None else scale
        rect = even(x - 1, y - 1, x + self.width * size + 1, y + self.height * size + 1, (canvas.width, canvas.height))
        for n, planes in enumerate((canvas.planes[:1], canvas.planes[1:])) if rect else ():
            if scale is None:
                self._shift(planes, n, x / (n + 1), y / (n + 1))
            else:
                self._zoom(planes, n, x / (n + 1), y / (n + 1), size)
        return rect

    def _shift(self, planes: Sequence[Bytes], n: int, x: float, y: float) -> None:
        across, down = math.floor(x * PHASES + 0.5), math.floor(y * PHASES + 0.5)
        key = (n, across % PHASES, down % PHASES)
        if key not in self._moved:
            *over, keep = (moved(sheet, *key[1:]) for sheet in self.sheets[n])
            self._moved[key] = over, shares(keep)
        over, kept = self._moved[key]
        for plane, sheet in zip(planes, over, strict=True):
            lay(plane, sheet, kept, across // PHASES, down // PHASES)

    def _zoom(self, planes: Sequence[Bytes], n: int, x: float, y: float, scale: float) -> None:
        self._zoomed = self._zoomed or [Planed(*sheets) for sheets in self.sheets]
        height, width = planes[0].shape
        found = self._zoomed[n].sample(-x / scale, -y / scale, scale, width, height)
        if found is not None:
            (*over, keep), row, column = found
            kept = shares(keep)
            for plane, sheet in zip(planes, over, strict=True):
                lay(plane, sheet, kept, column, row)


def _laid(parts: Sequence[tuple[Floats, Floats]]) -> list[Floats]:
    """What is kept of what is under them all, then for each channel the colours times opacity."""
    alpha, colours = parts[0]
    kept, planes = 1 - alpha, [alpha * value for value in colours]
    for alpha, colours in parts[1:]:
        through = 1 - alpha
        kept *= through
        for plane, value in zip(planes, colours, strict=True):
            plane *= through
            plane += alpha * value
    return [kept, *planes]


def _halved(plane: Floats) -> Floats:
    found: Floats = (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) * np.float32(0.25)
    return found


def lay(plane: Bytes, over: Bytes, keep: Shares, x: int, y: int) -> None:
    """Blends a sheet into a plane with its upper left corner at (x, y); what lies outside is left out."""
    left, top = max(0, x), max(0, y)
    right, bottom = min(plane.shape[1], x + over.shape[1]), min(plane.shape[0], y + over.shape[0])
    if right > left and bottom > top:
        part = np.s_[top - y : bottom - y, left - x : right - x]
        blend(plane[top:bottom, left:right], keep[part], over[part])


def moved(plane: Bytes, across: int, down: int) -> Bytes:
    """Right and down by quarters of a pixel. What leaves at an edge comes in at the other."""
    for axis, share in ((1, across), (0, down)):
        if share:
            far = np.roll(plane, 1, axis)
            between = plane ^ far
            between >>= 1
            half = plane | far
            half -= between  # their mean, rounded up, in bytes
            near = plane if share == 1 else far
            if share != 2:
                np.bitwise_xor(half, near, out=between)
                between >>= 1
                half &= near
                half += between  # rounded down
            plane = half
    return plane


@cache
def _font_file() -> bytes:
    return read("font.ttf")


@lru_cache(8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(_font_file()), size, layout_engine=ImageFont.Layout.BASIC)


def glyph(pictogram: Pictogram, size: int) -> Image.Image:
    """Its lines as a mask, cropped to what is drawn. size: pixels of the font's square."""
    font = _font(size)
    box = font.getbbox(pictogram.glyph)
    image = Image.new("L", (max(2, round(box[2] - box[0])), max(2, round(box[3] - box[1]))))
    ImageDraw.Draw(image).text((-box[0], -box[1]), pictogram.glyph, font=font, fill=255)
    return image


def body_of(lines: Image.Image) -> Image.Image:
    """What the lines enclose, as a mask of the same size. Small gaps in them are closed."""
    scale = min(1.0, _COARSE / max(lines.size))
    coarse = max(4, round(lines.width * scale)), max(4, round(lines.height * scale))
    small = lines.resize(coarse, Image.Resampling.BILINEAR)
    walls = np.pad(np.asarray(small.filter(ImageFilter.MaxFilter(3))) > 70, 2)
    outside = np.zeros(walls.shape, bool)
    outside[0], outside[-1], outside[:, 0], outside[:, -1] = True, True, True, True
    count = 0
    while count != (count := int(outside.sum())):  # what can be seen along rows and columns, until nothing is new
        for view, wall in ((outside, walls), (outside.T, walls.T), (outside[:, ::-1], walls[:, ::-1]),
                           (outside.T[:, ::-1], walls.T[:, ::-1])):  # fmt: skip
            place = np.arange(1, view.shape[1] + 1, dtype=np.int16)
            last_open = np.maximum.accumulate(np.where(view, place, 0), 1)
            view |= last_open > np.maximum.accumulate(np.where(wall, place, 0), 1)
    inside = Image.fromarray((~outside[2:-2, 2:-2]).astype(np.uint8) * 255).filter(ImageFilter.MinFilter(5))
    return inside.resize(lines.size, Image.Resampling.BILINEAR)


@lru_cache(24)  # a film's trees, houses and drops are of few sizes
def _shape(pictogram: Pictogram, size: float) -> tuple[Image.Image, Image.Image]:
    """Its lines, and what they enclose, with a margin."""
    lines = glyph(pictogram, max(8, round(size)))
    margin = max(2, round(size * MARGIN))
    wide, tall = ((side + 2 * margin + 1) & ~1 for side in lines.size)
    sheet = Image.new("L", (wide, tall))
    sheet.paste(lines, (margin, margin))
    return sheet, body_of(sheet)


def sprite(pictogram: Pictogram, size: float, line: Colour, body: Colour, opacity: float = 1.0) -> Sprite:
    """size: pixels of the font's square.  line, body: colours.  opacity: of all of it; below 1 without a shadow."""
    sheet, inside = _shape(pictogram, size)
    wide, tall = sheet.size
    strokes, filled = (np.asarray(sheet, np.float32) * np.float32(opacity / 255) for sheet in (sheet, inside))
    parts = [(np.maximum(filled, strokes) * np.float32(0.92), body), (strokes, line)]
    if opacity == 1.0:
        quick = inside.reduce(4).filter(ImageFilter.GaussianBlur(size * 0.008))
        soft = np.asarray(quick.resize((wide, tall), Image.Resampling.BILINEAR), np.float32)
        parts.insert(0, (np.roll(soft, round(size * 0.02), 0) * np.float32(0.32 / 255), (0.0, 0.0, 0.0)))
    return Sprite(parts)
