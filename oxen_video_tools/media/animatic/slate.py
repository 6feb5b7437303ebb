"""What stands over the picture: number, slug line, size, move and length; caption, timecode, timeline and the mark.

Where no pictogram was found for the words, they stand large in the middle instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from .. import text
from ..decode import Bytes
from ..understanding.direction import Direction
from .sprites import Planes, Rect, Shares, blend, lay, shares

# The arrows of a storyboard: which way the camera goes.

Room = tuple[int, int, int, int]  # left, top, right, bottom
Stroke = tuple[int, int, Bytes, Shares]  # x, y; colour times opacity, and what is kept of what is under it

SMOOTH = 2
INK, PAPER = 18, 238  # luma of dark and of light
ARROWS_LIGHT = 0.62


def _inked(mask: npt.NDArray[np.floating]) -> tuple[Bytes, Shares]:
    """Light where the mask is, 0 to 255: colour times opacity, and what is kept of what is under it."""
    return (mask * (PAPER / 255)).astype(np.uint8), shares(np.rint(255 - mask).astype(np.uint8))


def move_arrows(move: str, size: tuple[int, int], room: Room) -> list[Stroke]:
    """Drawn inside `room`, which is free of words; none where the camera has no way to show."""
    unit = min(size)
    if room[3] - room[1] < unit * 0.25 or move in ("", "static", "handheld", "drift"):
        return []
    pen = _Pen(room, unit)
    if move in ("push_in", "aerial", "pull_out"):
        pen.corners(outwards=move == "pull_out")
    elif move == "orbit":
        pen.arc()
    elif move.startswith("tilt"):
        ends = ((0.97, 0.75), (0.97, 0.25))
        pen.arrow(*(ends if move == "tilt_up" else ends[::-1]))
    else:
        shift = 0.0 if move.startswith("track") else 0.22
        ways = ((0.28 + shift, 0.96), (0.72 + shift, 0.96)), ((0.72 - shift, 0.96), (0.28 - shift, 0.96))
        pen.arrow(*ways[move.endswith("left")])
    return pen.strokes


class _Pen:
    """Coordinates are shares of the room. Every stroke is a small mask of its own."""

    def __init__(self, room: Room, unit: int) -> None:
        self.unit = unit
        self.left, self.top, self.right, self.bottom = room
        self.thick = max(2, round(unit * 0.0045))
        self.strokes: list[Stroke] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * (self.right - self.left), self.top + y * (self.bottom - self.top)

    def _drawn(self, lines: list[list[tuple[float, float]]], filled: list[tuple[float, float]]) -> None:
        points = [point for line in [*lines, filled] for point in line]
        x0, y0 = (int(min(point[n] for point in points)) - self.thick for n in (0, 1))
        x1, y1 = (int(max(point[n] for point in points)) + self.thick + 1 for n in (0, 1))
        image = Image.new("L", ((x1 - x0) * SMOOTH, (y1 - y0) * SMOOTH))
        draw = ImageDraw.Draw(image)
        for line in lines:
            draw.line([((x - x0) * SMOOTH, (y - y0) * SMOOTH) for x, y in line], fill=255, width=self.thick * SMOOTH)
        if filled:
            draw.polygon([((x - x0) * SMOOTH, (y - y0) * SMOOTH) for x, y in filled], fill=255)
        self.strokes.append((x0, y0, *_inked(np.asarray(image.reduce(SMOOTH), np.float32) * ARROWS_LIGHT)))

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        (x0, y0), (x1, y1) = self.at(*start), self.at(*end)
        angle, head = math.atan2(y1 - y0, x1 - x0), self.unit * 0.034
        sides = [(x1 - head * math.cos(angle + turn), y1 - head * math.sin(angle + turn)) for turn in (-0.45, 0.45)]
        tip = (x1 + head * 0.25 * math.cos(angle), y1 + head * 0.25 * math.sin(angle))
        self._drawn([[(x0, y0), (x1, y1)]], [tip, *sides])

    def corners(self, outwards: bool) -> None:
        """The corners of a frame within the frame, and an arrow at each of them."""
        for x in (-1, 1):
            for y in (-1, 1):
                outer, inner = (0.5 + x * 0.44, 0.5 + y * 0.47), (0.5 + x * 0.35, 0.5 + y * 0.375)
                self.arrow(*((inner, outer) if outwards else (outer, inner)))
                corner = (0.5 + x * 0.34, 0.5 + y * 0.365)
                legs = [(corner[0] - x * 0.07, corner[1]), corner, (corner[0], corner[1] - y * 0.12)]
                self._drawn([[self.at(*point) for point in legs]], [])

    def arc(self) -> None:
        """Half an ellipse below the subject."""
        turns = [math.radians(20 + 140 * n / 24) for n in range(25)]
        line = [self.at(0.5 + 0.30 * math.cos(turn), 0.70 + 0.26 * math.sin(turn)) for turn in turns]
        (x0, y0), (x1, y1) = line[-2:]
        angle, head = math.atan2(y1 - y0, x1 - x0), self.unit * 0.034
        sides = [(x1 - head * math.cos(angle + turn), y1 - head * math.sin(angle + turn)) for turn in (-0.5, 0.5)]
        self._drawn([line], [(x1 + head * 0.4 * math.cos(angle), y1 + head * 0.4 * math.sin(angle)), *sides])


LEAST_TEXT = 10  # pixels


@dataclass(frozen=True)
class Cut:
    """One shot's place in the film.

    number: from 1.
    start, end: frames.
    seconds: as it was asked for.
    """

    number: int
    start: int
    end: int
    seconds: float


class Slate:
    """The overlay of one shot.

    mark: small words that are always there.
    pictured: whether there is a picture.
    words: whether anything but the mark stands there; a still has none, for the film over it brings its own.
    room: what is free of words, in pixels.
    bands: what stands still during the shot.
    """

    def __init__(
        self,
        size: tuple[int, int],
        direction: Direction,
        cuts: list[Cut],
        number: int,
        fps: int,
        mark: str,
        pictured: bool = True,
        words: bool = True,
    ) -> None:
        self.width, self.height = size
        self.unit = min(size)
        self.cuts, self.cut, self.fps = cuts, cuts[number], fps
        self.margin = max(4, round(self.unit * 0.045))
        self.bar = max(6, round(self.unit * 0.03))
        self.tall = self.width < self.height * 1.05
        self.caption_is_below, self.words = pictured, words
        self.digits = _digits(self._pixels(0.032))
        drawing = _Drawing(size)
        if not words:
            self._clock(drawing, text.clean(mark), lower=1)
            self.bands, self.arrows = drawing.bands(np.zeros((self.height, 1))), []
            self.room = (self.margin, self.margin, self.width - self.margin, self.height - self.margin)
            return
        head = max(self._head(drawing, direction), self._clock(drawing, text.clean(mark)))
        caption = self._caption(drawing, direction.prompt) if pictured else self.height - 2 * self.bar
        if not pictured:
            self._headline(drawing, direction.prompt, head + self.margin, caption - self.margin)
        shade = self._shade(head + round(self.unit * 0.10), caption - round(self.unit * 0.12))
        self.bands = drawing.bands(shade)
        scale, gap = (self.width - 2 * self.margin) / cuts[-1].end, max(1, round(self.unit * 0.005))
        lefts = [self.margin + round(cut.start * scale) for cut in cuts]
        rights = [self.margin + round(cut.end * scale) - gap for cut in cuts]
        self.bars = [(left, max(left + 1, right)) for left, right in zip(lefts, rights, strict=True)]
        self.room = (self.margin, head + self.margin // 2, self.width - self.margin, caption - self.margin // 2)
        self.arrows = move_arrows(direction.move, size, self.room)

    def _pixels(self, share: float) -> int:
        return max(LEAST_TEXT, round(self.unit * share))

    def _shade(self, top: int, bottom: int) -> npt.NDArray[np.floating]:
        """For each row how dark it is behind the words, 0 to 1: from the top down to `top`, from `bottom` down."""
        shade = np.zeros((self.height, 1))
        fall = np.linspace(1, 0, max(2, min(top, self.height))) ** 1.3 * 0.59
        rise = np.linspace(0, 1, max(2, self.height - max(0, bottom))) ** 0.8 * 0.75
        shade[: len(fall), 0] = fall
        shade[-len(rise) :, 0] = np.maximum(shade[-len(rise) :, 0], rise)
        return shade

    def _head(self, drawing: _Drawing, direction: Direction) -> int:
        """Number, slug line and chips. Returns the row where they end."""
        box, top = self._pixels(0.088), round(self.margin * 0.8)
        number, big = f"{self.cut.number:02d}", self._pixels(0.06)
        wide = max(box, round(text.face(text.STRONG, big).getlength(number) + self.unit * 0.034))
        drawing.label(number, text.STRONG, big, (self.margin, top, self.margin + wide, top + box), self.unit * 0.006)
        x = self.margin + wide + round(self.unit * 0.022)
        slug = self._pixels(0.042)
        room = self.width - x - self.margin - (0 if self.tall else self._clock_width() + self.margin)
        for line in text.lines(direction.slug, slug, room, 1, text.STRONG):
            text.draw_line(drawing.alpha, (x, top + slug * 0.78), line, slug, 245)
        words = [direction.size_label, direction.move_label, f"{self.cut.seconds:g} s"]
        self._chips(drawing, [word for word in words if word], x, top + round(box * 0.52), top + box)
        return top + box

    def _chips(self, drawing: _Drawing, words: list[str], x: float, top: int, bottom: int) -> None:
        size, corner = self._pixels(0.029), self.unit * 0.007
        if bottom - top < size:
            return
        for n, word in enumerate(words):
            wide = text.face(text.CAPTION, size).getlength(word) + self.unit * 0.026
            if x + wide > self.width - self.margin:
                return
            box = (x, top, x + wide, bottom)
            if n == 0:
                drawing.label(word, text.CAPTION, size, box, corner)
            else:
                drawing.frame(word, text.CAPTION, size, box, corner, max(1, round(self.unit / 500)))
            x += wide + self.unit * 0.01

    def _clock_width(self) -> int:
        return round(text.face(text.MONO, self._pixels(0.032)).getlength("0")) * 11

    def _clock(self, drawing: _Drawing, mark: str, lower: int = 0) -> int:
        """A place for the timecode, and the mark below it. Returns the row where they end. lower: by so many lines."""
        size, clock = self._pixels(0.024), self._pixels(0.032)
        self.clock_x = self.width - self.margin - self._clock_width()
        self.clock_y = round(self.margin * 0.8) + (round(self._pixels(0.088) * 1.15) if self.tall else 0)
        y = self.clock_y + round(clock * 1.3) + size + round(1.5 * size * lower)
        for line in text.lines(mark, size, self.width - 2 * self.margin, 1):
            x = self.width - self.margin - text.line_width(line, size)
            text.draw_line(drawing.alpha, (x, y), line, size, 220)
        return y

    def _caption(self, drawing: _Drawing, prompt: str) -> int:
        """The prompt above the timeline. Returns the row where it begins."""
        size = self._pixels(0.056 if self.tall else 0.047)
        found = text.lines(prompt, size, self.width - 2 * self.margin, 4 if self.tall else 2)
        step = round(size * 1.2)
        top = self.height - self.bar - round(self.unit * 0.032) - step * len(found)
        for n, line in enumerate(found):
            text.draw_line(drawing.alpha, (self.margin, top + n * step + size * 0.92), line, size, 246)
        return top

    def _headline(self, drawing: _Drawing, prompt: str, top: int, bottom: int) -> None:
        """The prompt large in the middle."""
        size = self._pixels(0.085 if self.tall else 0.075)
        room = max(1, int((bottom - top) // (size * 1.25)))
        found = text.lines(prompt, size, self.width - 4 * self.margin, min(6, room))
        step = round(size * 1.25)
        y = (top + bottom - step * len(found)) / 2
        for n, line in enumerate(found):
            x = (self.width - text.line_width(line, size)) / 2
            text.draw_line(drawing.alpha, (x, y + n * step + size * 0.92), line, size, 246)

    def lay_still(self, planes: Planes, rect: Rect | None = None) -> None:
        """What is the same in every frame of the shot. rect: only there."""
        for band in self.bands:
            band.lay(planes, rect)

    def lay_arrows(self, planes: Planes) -> None:
        """Which way the camera goes."""
        for x, y, over, keep in self.arrows:
            lay(planes[0], over, keep, x, y)

    def lay_live(self, planes: Planes, frame: int, ground: Bytes) -> None:
        """What runs: the timecode, over its own ground, and the timeline. frame: of the film, the first of a pair."""
        if not self.words:
            return
        self.restore_clock(planes, ground)
        self._timecode(planes[0], frame)
        self._timeline(planes[0], frame)

    def clock_ground(self, planes: Planes) -> Bytes:
        """What lies under the timecode."""
        found: Bytes = self._clock_view(planes[0]).copy()
        return found

    def restore_clock(self, planes: Planes, ground: Bytes) -> None:
        self._clock_view(planes[0])[:] = ground

    def _clock_view(self, luma: Bytes) -> Bytes:
        tall, wide = self.digits["0"][0].shape
        left = max(0, self.clock_x)
        found: Bytes = luma[self.clock_y : self.clock_y + tall, left : left + 11 * wide]
        return found

    def _timecode(self, luma: Bytes, frame: int) -> None:
        seconds, rest = divmod(frame, self.fps)
        words = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}"
        view = self._clock_view(luma)
        over, keep = (np.concatenate([self.digits[one][n] for one in words], 1) for n in (0, 1))
        blend(view, keep[: view.shape[0], : view.shape[1]], over[: view.shape[0], : view.shape[1]])

    def _timeline(self, luma: Bytes, frame: int) -> None:
        y, thick = self.height - self.bar, max(2, self.bar // 6)
        scale = (self.width - 2 * self.margin) / self.cuts[-1].end
        now = self.margin + round((frame + 1) * scale)
        for left, right in self.bars:
            if left < now:
                luma[y : y + thick, left : min(now, right)] = PAPER
            if now < right:
                luma[y : y + thick, max(now, left) : right] = 96


@dataclass(frozen=True)
class _Band:
    """Rows of darkness, words and boxes across the whole width. row: the first, even."""

    row: int
    luma: tuple[Shares, Bytes]  # what is kept of what is under it; colour times opacity
    chroma: tuple[Shares, Bytes]

    @property
    def rows(self) -> tuple[int, int]:
        return self.row, self.row + len(self.luma[0])

    def lay(self, planes: Planes, rect: Rect | None = None) -> None:
        first, last = self.rows
        left, top, right, bottom = rect or (0, first, planes[0].shape[1], last)
        top, bottom = max(first, top), min(last, bottom)
        for n, plane in enumerate(planes) if bottom > top else ():
            k = 1 if n else 0
            part = np.s_[(top - first) >> k : (bottom - first) >> k, left >> k : right >> k]
            keep, over = self.chroma if n else self.luma
            blend(plane[top >> k : bottom >> k, left >> k : right >> k], keep[part], over[part])


class _Drawing:
    """Light words and boxes on a transparent sheet; `dark` words are cut into the boxes."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._alpha, self._luma = Image.new("L", size), Image.new("L", size, PAPER)
        self.alpha, self.luma = ImageDraw.Draw(self._alpha), ImageDraw.Draw(self._luma)

    def label(self, words: str, font: str, size: int, box: tuple[float, float, float, float], corner: float) -> None:
        """Dark words on a light box."""
        self.alpha.rounded_rectangle(box, corner, fill=236)
        self.luma.text(_middle(box), words, font=text.face(font, size), fill=INK, anchor="mm")

    def frame(
        self, words: str, font: str, size: int, box: tuple[float, float, float, float], corner: float, thick: int
    ) -> None:
        """Light words in a thin frame."""
        self.alpha.rounded_rectangle(box, corner, outline=165, width=thick)
        self.alpha.text(_middle(box), words, font=text.face(font, size), fill=232, anchor="mm")

    def bands(self, shade: npt.NDArray[np.floating]) -> list[_Band]:
        """One for each run of rows that have anything on them. shade: how dark each row becomes."""
        alpha, luma, dark = np.asarray(self._alpha), np.asarray(self._luma), shade.astype(np.float32)
        marked = np.flatnonzero((dark[:, 0] > 0) | (alpha.max(1) > 0))
        found = []
        for rows in np.split(marked, np.flatnonzero(np.diff(marked) > 2) + 1) if len(marked) else ():
            part = np.s_[int(rows[0]) & ~1 : (int(rows[-1]) + 2) & ~1]
            words = alpha[part] * np.float32(1 / 255)
            over = words * luma[part]
            np.subtract(1, words, out=words)
            over += words * (dark[part] * 15)
            found.append(_band(part.start, words * (1 - dark[part]), over))
        return found


def _band(row: int, keep: npt.NDArray[np.floating], over: npt.NDArray[np.floating]) -> _Band:
    half = (keep[::2, ::2] + keep[1::2, ::2] + keep[::2, 1::2] + keep[1::2, 1::2]) / 4
    words, grey = (np.round(255 * part).astype(np.uint8) for part in (keep, half))
    neutral = (128 - (128 * (grey.astype(np.uint16) + 1) >> 8)).astype(np.uint8)  # grey stays grey, whatever is rounded
    return _Band(row, (shares(words), np.ceil(over).astype(np.uint8)), (shares(grey), neutral))


def _middle(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


@lru_cache(4)
def _digits(size: int) -> dict[str, tuple[Bytes, Shares]]:
    """Each glyph of a timecode, all of one width."""
    font = text.face(text.MONO, size)
    wide, tall = round(font.getlength("0")), round(size * 1.25)
    found = {}
    for character in "0123456789:":
        glyph = Image.new("L", (wide, tall))
        ImageDraw.Draw(glyph).text((0, 0), character, font=font, fill=255)
        found[character] = _inked(np.asarray(glyph, np.float32))
    return found
