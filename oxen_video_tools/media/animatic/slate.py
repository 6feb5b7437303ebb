"""What stands over the picture: number, slug line, size, move and length; caption, timecode, timeline and the mark.

Text and boxes are blended at the output's own resolution, so that they stay sharp however small the drawing is; the
dark bands behind them are laid over the drawing (`scrim`), which is cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from . import text
from ..pictures import Bytes
from .direction import Direction

INK, PAPER = 18, 238  # luma of dark and of light
LEAST_TEXT = 10  # pixels


@dataclass(frozen=True)
class Cut:
    """One shot's place in the film. number: from 1.  start, end: frames.  total: frames of the film."""

    number: int
    start: int
    end: int
    seconds: float


@dataclass(frozen=True)
class Patch:
    """A rectangle that is blended over a picture: out = (in × keep + add) / 256, in luma and both chroma planes."""

    x: int
    y: int
    keep: npt.NDArray[np.uint16]
    add: npt.NDArray[np.uint16]
    keep_chroma: npt.NDArray[np.uint16]
    add_chroma: npt.NDArray[np.uint16]

    def lay(self, planes: tuple[Bytes, Bytes, Bytes]) -> None:
        _blend(planes[0], self.x, self.y, self.keep, self.add)
        for plane in planes[1:]:
            _blend(plane, self.x // 2, self.y // 2, self.keep_chroma, self.add_chroma)


def _blend(plane: Bytes, x: int, y: int, keep: Any, add: Any) -> None:
    height, width = keep.shape
    view = plane[y : y + height, x : x + width]
    mixed = np.multiply(view, keep, dtype=np.uint16)
    mixed += add
    mixed >>= 8
    view[:] = mixed


def patch(alpha: Image.Image, luma: Image.Image) -> Patch | None:
    """The part of a full-frame drawing that is not transparent."""
    box = alpha.getbbox()
    if box is None:
        return None
    x, y = box[0] & ~1, box[1] & ~1
    right, bottom = min(alpha.width, box[2] + 1) & ~1, min(alpha.height, box[3] + 1) & ~1
    opaque = np.asarray(alpha.crop((x, y, right, bottom)), np.float32) / 255
    light = np.asarray(luma.crop((x, y, right, bottom)), np.float32)
    small = (opaque[::2, ::2] + opaque[1::2, ::2] + opaque[::2, 1::2] + opaque[1::2, 1::2]) / 4
    return Patch(
        x,
        y,
        np.round(256 * (1 - opaque)).astype(np.uint16),
        np.round(256 * opaque * light).astype(np.uint16),
        np.round(256 * (1 - small)).astype(np.uint16),
        np.round(256 * small * 128).astype(np.uint16),
    )


class Slate:
    """The overlay of one shot."""

    def __init__(
        self, size: tuple[int, int], direction: Direction, cut: Cut, cuts: list[Cut], fps: int, mark: str
    ) -> None:
        self.width, self.height = size
        self.unit = min(size)
        self.margin = max(4, round(self.unit * 0.045))
        self.cut, self.cuts, self.fps = cut, cuts, fps
        self.tall = self.width < self.height * 1.05
        self.bar = max(6, round(self.unit * 0.03))
        alpha, luma = Image.new("L", size), Image.new("L", size, PAPER)
        self._alpha, self._luma = ImageDraw.Draw(alpha), ImageDraw.Draw(luma)
        self.top = self._head(direction) + round(self.unit * 0.10)
        self.top = max(self.top, self._mark(text.clean(mark)) + round(self.unit * 0.04))
        self.bottom = self._caption(direction.prompt) - round(self.unit * 0.12)
        half = self.height // 2 & ~1
        parts = [(0, half), (half, self.height)]
        halves = [(alpha.crop((0, a, self.width, b)), luma.crop((0, a, self.width, b)), a) for a, b in parts]
        self.patches = [_moved(found, y) for a, l, y in halves if (found := patch(a, l)) is not None]
        self._digits = _digits(self._size(0.032))
        del self._alpha, self._luma

    def _size(self, share: float) -> int:
        return max(LEAST_TEXT, round(self.unit * share))

    def scrim(self, width: int, height: int) -> list[tuple[int, Image.Image]]:
        """Dark bands behind the words for a picture of this size: (y, mask) each."""
        top = max(2, round(self.top * height / self.height))
        bottom = min(height - 2, max(0, round(self.bottom * height / self.height)))
        fall = np.linspace(1, 0, top) ** 1.3 * 150
        rise = np.linspace(0, 1, height - bottom) ** 0.8 * 190
        return [(y, _rows(shade, width)) for y, shade in ((0, fall), (bottom, rise))]

    def _head(self, direction: Direction) -> int:
        """Number, slug line and chips. Returns where they end."""
        box, y = self._size(0.088), round(self.margin * 0.8)
        number, big = f"{self.cut.number:02d}", self._size(0.06)
        wide = max(box, round(text.face(text.STRONG, big).getlength(number) + self.unit * 0.034))
        corner = (self.margin, y, self.margin + wide, y + box)
        self._alpha.rounded_rectangle(corner, self.unit * 0.006, fill=238)
        middle = ((corner[0] + corner[2]) / 2, (corner[1] + corner[3]) / 2)
        self._luma.text(middle, number, font=text.face(text.STRONG, big), fill=INK, anchor="mm")
        x = self.margin + wide + round(self.unit * 0.022)
        slug = self._size(0.042)
        room = self.width - x - self.margin - (0 if self.tall else self._clock_width() + self.margin)
        for line in text.lines(direction.slug, slug, room, 1, text.STRONG):
            text.draw_line(self._alpha, (x, y + slug * 0.78), line, slug, 245)
        chips = [direction.size_label, direction.move_label, f"{self.cut.seconds:g} s"]
        self._chips(chips, x, y + round(box * 0.52), y + box, self.width - self.margin)
        return y + box

    def _chips(self, words: list[str], x: float, top: int, bottom: int, right: float) -> None:
        size = self._size(0.029)
        font = text.face(text.CAPTION, size)
        for n, word in enumerate(words):
            wide = font.getlength(word) + self.unit * 0.026
            if x + wide > right or bottom - top < size:
                return
            box, middle = (x, top, x + wide, bottom), (x + wide / 2, (top + bottom) / 2)
            if n == 0:
                self._alpha.rounded_rectangle(box, self.unit * 0.007, fill=226)
                self._luma.text(middle, word, font=font, fill=INK, anchor="mm")
            else:
                self._alpha.rounded_rectangle(box, self.unit * 0.007, outline=165, width=max(1, round(self.unit / 500)))
                self._alpha.text(middle, word, font=font, fill=232, anchor="mm")
            x += wide + self.unit * 0.01

    def _clock_width(self) -> int:
        return round(text.face(text.MONO, self._size(0.032)).getlength("0")) * 11

    def _mark(self, words: str) -> int:
        """The mark, right, under the timecode. Returns where it ends."""
        size, clock = self._size(0.024), self._size(0.032)
        self.clock_x = self.width - self.margin - self._clock_width()
        self.clock_y = round(self.margin * 0.8) + (round(self._size(0.088) * 1.15) if self.tall else 0)
        y = self.clock_y + round(clock * 1.3) + size
        found = text.lines(words, size, self.width - 2 * self.margin, 1)
        for line in found:
            x = self.width - self.margin - text.line_width(line, size)
            text.draw_line(self._alpha, (x, y), line, size, 215)
        return y

    def _caption(self, prompt: str) -> int:
        """The prompt above the timeline. Returns where it begins."""
        size = self._size(0.056 if self.tall else 0.047)
        found = text.lines(prompt, size, self.width - 2 * self.margin, 4 if self.tall else 2)
        step = round(size * 1.2)
        y = self.height - self.bar - round(self.unit * 0.032) - step * len(found)
        for n, line in enumerate(found):
            text.draw_line(self._alpha, (self.margin, y + n * step + size * 0.92), line, size, 246)
        return y

    def lay(self, planes: tuple[Bytes, Bytes, Bytes], frame: int) -> None:
        """Blends it over a finished picture. frame: of the film."""
        for found in self.patches:
            found.lay(planes)
        self._timecode(planes[0], frame)
        self._timeline(planes[0], frame)

    def _timecode(self, luma: Bytes, frame: int) -> None:
        seconds, rest = divmod(frame, self.fps)
        words = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}"
        glyphs = np.concatenate([self._digits[character] for character in words], 1)
        view = luma[self.clock_y : self.clock_y + glyphs.shape[0], self.clock_x : self.clock_x + glyphs.shape[1]]
        glyphs = glyphs[: view.shape[0], : view.shape[1]]
        view[:] = (view * (255 - glyphs) + PAPER * glyphs) // 255

    def _timeline(self, luma: Bytes, frame: int) -> None:
        y, thick = self.height - self.bar, max(2, self.bar // 6)
        gap = max(1, round(self.unit * 0.005))
        scale = (self.width - 2 * self.margin) / self.cuts[-1].end
        now = self.margin + round((frame + 1) * scale)
        for cut in self.cuts:
            left = self.margin + round(cut.start * scale)
            right = max(left + 1, self.margin + round(cut.end * scale) - gap)
            luma[y : y + thick, left:right] = 96
            if now > left:
                luma[y : y + thick, left : min(now, right)] = PAPER


def _moved(found: Patch, y: int) -> Patch:
    return Patch(found.x, found.y + y, found.keep, found.add, found.keep_chroma, found.add_chroma)


def _rows(shade: npt.NDArray[Any], width: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(shade.astype(np.uint8)[:, None], (len(shade), width))))


def _digits(size: int) -> dict[str, npt.NDArray[np.uint16]]:
    """Each glyph of a timecode as a mask of one width."""
    font = text.face(text.MONO, size)
    wide, tall = round(font.getlength("0")), round(size * 1.25)
    found = {}
    for character in "0123456789:":
        glyph = Image.new("L", (wide, tall))
        ImageDraw.Draw(glyph).text((0, 0), character, font=font, fill=255)
        found[character] = np.asarray(glyph).astype(np.uint16)
    return found
