"""A shot as a card: the pictograms that its words stand for, as large and where its framing says, before a backdrop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..decode import Bytes
from ..understanding.direction import OF_WEATHER, SCENERY, Direction
from ..understanding.pictograms import Pictogram, by_character
from .backdrop import STILL, backdrop, horizon, tones
from .photo import CAMERA_ZOOMS, Camera, View
from .slate import Slate
from .sprites import PHASES, Canvas, Colour, Planes, Rect, Sprite, around, copied, even, mix, moved, sprite

# The subject's height, in shares of the shorter side that is free of words.
SIZES = {"EWS": 0.34, "AERIAL": 0.36, "WS": 0.50, "FS": 0.72, "MS": 0.82, "OTS": 0.82, "MCU": 0.92, "CU": 1.04}
SIZES |= {"ECU": 1.6, "": 0.76}
CLOSE = frozenset({"CU", "ECU", "MCU"})
FLOATING = frozenset("🦅🦉🕊🐦🐧🦋🐝✈🛩🛫🛬🚁🚀🛸🛰🎈🪁🪂☁🌌🐉🐲🦇🪶🎆🌙🌕☀⭐🌟🪐☄🌠🌈🫧❄💧🎇🦜🐦‍⬛🪽🧚👼") - {"🐧"}
FAR = 0.2  # of depth: nothing up to there grows as the camera comes closer
MOST_PLATES = 16 << 20  # bytes of those of a shot that moves as a whole, between whole pixels; four at least
FLYING_PLACES = frozenset({"space", "underwater", "sky"})
BEHIND = {"forest": "🌲🌲🌲🌲🌲", "mountain": "⛰⛰", "city": "🏢🏬🏢🏨🏢"}


@dataclass
class Placed:
    """x, y: of its middle, in pixels of the frame at rest.  depth: 0 far to 1 near.  fall: rows a second."""

    drawn: Sprite
    x: float
    y: float
    depth: float
    scale: float = 1.0
    fall: float = 0.0


class Card:
    """draw(canvas, n) draws frame n of the shot, slate included; n runs a little below 0 and beyond while cuts fade."""

    def __init__(self, direction: Direction, slate: Slate, size: tuple[int, int], frames: int, fps: int) -> None:
        self.direction, self.slate, self.size, self.frames, self.fps = direction, slate, size, frames, fps
        self.chance = np.random.default_rng(direction.seed)
        self.sprite = cache(sprite)  # five trees and seven drops are of three sizes
        self.side = 1 if self.chance.random() < 0.5 else -1  # which third the subject stands in
        self.camera = Camera(direction.move or ("aerial" if direction.size == "AERIAL" else "drift"), size,
                             float(self.chance.random() * 6.28))  # fmt: skip
        self.tones = tones(direction)
        width, height = size
        sun = (
            0.2 + 0.6 * self.chance.random(),
            0.02 if direction.place == "underwater" else 0.15 + 0.25 * self.chance.random(),
        )
        self.tall = round(height * STILL / 2) * 2 if self.camera.tilts else height
        if self.camera.reach:
            self.tall = height + 4 * math.ceil(self.camera.reach / 2)
        self.plain = backdrop(direction, size, self.tall, sun)
        self.horizon = horizon(direction)
        self.lumas: dict[tuple[int, int], Bytes] = {}
        self.placed = [*self._scenery(), *self._weather(), *self._subjects()]
        self.hold = 2 if any(one.fall for one in self.placed) else self.camera.hold(frames)
        if self.camera.tilts:
            self.finished = self._plate()
            return
        rest = Canvas(width, height)
        rest.copy(self.plain)
        slate.lay_arrows(rest.planes)
        self.plain = copied(rest.planes)
        slate.lay_still(rest.planes)
        self.finished = copied(rest.planes)

    def _plate(self) -> Planes:
        """All that moves with the frame, in one picture that is larger than the frame."""
        width, self.above = self.size[0], (self.tall - self.size[1]) // 2
        self.beside = math.ceil(self.camera.reach) * 2
        wide = Canvas(width + 2 * self.beside, self.tall)
        y, u, v = self.plain
        wide.copy((_widened(y, self.beside), _widened(u, self.beside // 2), _widened(v, self.beside // 2)))
        for one in self.placed:
            if not one.fall:
                x, top, _ = self._corner(one, View(), 0.0)
                one.drawn.lay(wide, x + self.beside, top + self.above)
        return copied(wide.planes)

    def draw(self, canvas: Canvas, n: int) -> None:
        seconds = n / self.fps
        view = self.camera.view(n / max(1, self.frames - 1), seconds)
        if self.camera.tilts:
            self._crop(canvas, view)
            for one in self.placed:
                if one.fall:
                    self._lay(canvas, one, self._corner(one, view, seconds))
            self.slate.lay_arrows(canvas.planes)
            self.slate.lay_still(canvas.planes)
            canvas.shows = None
            return
        if canvas.shows is not self:
            canvas.copy(self.finished)
            canvas.shows = self
        for rect in canvas.touched:
            canvas.copy(self.finished, rect)
        corners = [self._corner(one, view, seconds) for one in self.placed]
        rects = [self._rect(one, corner) for one, corner in zip(self.placed, corners, strict=True)]
        canvas.touched = [rect for rect in rects if rect]
        under = [part for band in self.slate.bands if (part := self._under(canvas.touched, band.rows))]
        for part in under:
            canvas.copy(self.plain, part)
        for one, corner in zip(self.placed, corners, strict=True):
            self._lay(canvas, one, corner)
        for part in under:
            self.slate.lay_still(canvas.planes, part)

    def _crop(self, canvas: Canvas, view: View) -> None:
        """The part of the plate that the camera looks at, to a quarter of a pixel."""
        across, down = math.ceil(PHASES * (self.beside + view.x)), math.ceil(PHASES * (self.above + view.y))
        between = -across % PHASES, -down % PHASES
        if between not in self.lumas:
            if len(self.lumas) >= max(PHASES, MOST_PLATES // self.finished[0].size):
                del self.lumas[next(iter(self.lumas))]
            self.lumas[between] = moved(self.finished[0], *between)
        plate = (self.lumas[between], *self.finished[1:])
        canvas.copy(plate, across=-(-across // PHASES), down=-(-down // PHASES))

    def _under(self, rects: list[Rect], rows: tuple[int, int]) -> Rect | None:
        """What of the pictograms lies under words."""
        parts = [(left, max(top, rows[0]), right, min(bottom, rows[1])) for left, top, right, bottom in rects]
        parts = [part for part in parts if part[3] > part[1]]
        return around(parts) if parts else None

    def _corner(self, one: Placed, view: View, seconds: float) -> tuple[float, float, float]:
        """Upper left corner and scale in the frame."""
        near = self.camera.nearness(one.depth)
        zoom = 1 + (view.zoom - 1) * (0.35 + 0.65 * one.depth) if self.camera.zooms else 1.0
        width, height = self.size
        focus = width / 2, height * min(0.62, max(0.4, self.horizon))
        y = one.y
        if one.fall:
            y = (y + one.fall * (seconds + 10)) % (height * 0.72) + height * 0.06
        scale = zoom * one.scale
        x = focus[0] + (one.x - focus[0]) * zoom - view.x * near
        y = focus[1] + (y - focus[1]) * zoom - view.y * near
        if one.scale == 1.0:  # what is far off, and what falls, keeps its size
            scale = 1.0
        left, top = x - one.drawn.width * scale / 2, y - one.drawn.height * scale / 2
        return (round(left / 2) * 2, round(top / 2) * 2, scale) if one.fall else (left, top, scale)

    def _rect(self, one: Placed, corner: tuple[float, float, float]) -> Rect | None:
        x, y, scale = corner
        return even(x - 2, y - 2, x + one.drawn.width * scale + 2, y + one.drawn.height * scale + 2, self.size)

    def _lay(self, canvas: Canvas, one: Placed, corner: tuple[float, float, float]) -> None:
        x, y, scale = corner
        one.drawn.lay(canvas, x, y, None if one.scale == 1.0 else scale)

    def _make(self, pictogram: Pictogram, pixels: float, x: float, y: float, depth: float, *, subject: bool = False,
              foot: bool = False, opacity: float = 1.0, colour: Colour | None = None) -> Placed:  # fmt: skip
        """pixels: of the glyph's square, at rest.  foot: y is where it stands.  opacity: below 1 for what is far."""
        largest = max(CAMERA_ZOOMS[self.camera.move]) if self.camera.zooms and depth > FAR else 1.0
        named = self.direction.colour if subject else None
        line, body = self._colours(named or colour or pictogram.colour, named is not None)
        if opacity < 1:
            tone = mix(self.tones.ground or self.tones.foot, self.tones.top, 0.45)
            line, body = mix(tone, (255, 255, 255), 0.22), mix(tone, (0, 0, 0), 0.08)
        drawn = self.sprite(pictogram, pixels * largest, line, body, opacity)
        if foot:
            y -= drawn.height / largest / 2 - pixels * 0.09
        return Placed(drawn, x, y, depth, 1 / largest)

    def _colours(self, colour: Colour, named: bool) -> tuple[Colour, Colour]:
        """Of the lines and of the body: bright lines on a dark body in the dark, deep lines on a pale one by day.

        named: the words give the colour, and the body has it.
        """
        light = sum(colour) / 3
        if self.tones.dark:
            deep = mix(self.tones.top, (16, 18, 28), 0.6)
            line = mix(colour, (255, 255, 255), 0.4 if named else 0.22 if light > 90 else 0.5)
            return line, mix(deep, colour, 0.72 if named else 0.22 if light > 90 else 0.0)
        line = mix(colour, (44, 40, 66), max(0.42 if named else 0.15, (light - 60) / 300))
        return line, mix(colour, (255, 255, 255), 0.1 if named else 0.58)

    def _subjects(self) -> list[Placed]:
        """The subject on a third, or in the middle where it is close; the others beside it, smaller and in turn."""
        shown = self.direction.pictograms
        left, top, right, bottom = self.slate.room
        width, height = right - left, bottom - top
        upright = self.size[0] < self.size[1] * 1.05
        size = self.direction.size
        tall = min(height, width * (0.78 if len(shown) < 2 or upright else 0.62)) * SIZES[size]
        tall *= 0.90 + 0.16 * self.chance.random()
        line = self.horizon * self.size[1]
        close = size in CLOSE
        third = 0.0 if close and len(shown) < 2 else 0.09 if close or upright else 0.165
        x = self.size[0] / 2 - self.side * third * self.size[0] * (1 if len(shown) < 3 else 0.2)
        x += self.size[0] * 0.05 * (self.chance.random() - 0.5)
        found = []
        for n, pictogram in enumerate(shown):
            share, aside, up = (
                (1.0, 0.0, 0.0),
                (0.62, 1.0, 0.02),
                (0.5, -1.0, 0.06),
                (0.4, 1.75, 0.2),
                (0.4, -1.7, 0.2),
            )[n]
            pixels = tall * share
            middle = (top + bottom) / 2 + height * 0.02
            at = x + self.side * aside * tall * 0.9
            if upright and n:
                at = self.size[0] / 2 + self.side * (0.24, -0.24)[n % 2] * self.size[0]
                up = (0.0, -0.38, 0.36, -0.34, 0.40)[n]
            at = min(max(at, pixels * 0.6), self.size[0] - pixels * 0.6)
            floats = (pictogram.character in FLOATING or self.direction.place in FLYING_PLACES or line > self.size[1]
                      or size == "AERIAL" or (upright and n > 0))  # fmt: skip
            if floats:
                lift = -height * 0.08 if line < self.size[1] and size != "AERIAL" else 0.0
                y = middle + lift + (height * up if upright else tall * (0.5 - share / 2) * 0.5 - height * up * 0.3)
                y = min(max(y, top + pixels / 2), bottom - pixels / 2) if pixels < height else y
                found.append(self._make(pictogram, pixels, at, y, 0.9 - 0.12 * n, subject=n == 0))
            else:
                foot = min(line + tall * 0.16 - height * 0.03 * n, bottom - height * 0.02)
                foot = max(foot, top + pixels * 1.02) if pixels < height else bottom + (pixels - height) / 2
                found.append(self._make(pictogram, pixels, at, foot, 0.9 - 0.12 * n, subject=n == 0, foot=True))
        return found[::-1]

    def _scenery(self) -> list[Placed]:
        """A place's own pictograms far off, and the sun or the moon."""
        width, height = self.size
        unit, found = min(self.size), []
        line = self.horizon
        shown = {one.character for one in self.direction.pictograms}
        if line < 1 and not shown & SCENERY:
            behind = BEHIND.get(self.direction.place, "")
            for n, character in enumerate(behind):
                x = width * ((n + 0.5) / len(behind) + 0.06 * (self.chance.random() - 0.5))
                pixels = unit * (0.20, 0.25, 0.30)[int(3 * self.chance.random())] * (1.6 if character == "⛰" else 1.0)
                pictogram = by_character()[character]
                found.append(self._make(pictogram, pixels, x, line * height + 2, 0.3, foot=True, opacity=0.5))
        inside = self.direction.place in ("room", "studio", "space", "underwater")
        disc = "" if inside else {"night": "🌙", "day": "☀", "neon": "🌙"}.get(self.direction.light, "")
        disc = self.direction.sky.character if self.direction.sky and not inside else disc
        if disc and disc not in shown and self.slate.caption_is_below and not self.direction.weather:
            top = self.slate.room[1]
            x = width * (0.5 + self.side * 0.34)
            found.append(self._make(by_character()[disc], unit * 0.15, x, top + unit * 0.10, 0.1))
        return found

    def _weather(self) -> list[Placed]:
        """A cloud, and what falls from it."""
        if not self.slate.caption_is_below or self.direction.place in ("room", "studio", "space", "underwater"):
            return []
        width, height = self.size
        unit, found, shown = min(self.size), [], {one.character for one in self.direction.pictograms}
        kinds = [kind for kind in ("thunder", "rain", "snow") if kind in self.direction.weather][:1]
        for kind in kinds:
            white = (246, 248, 252) if kind == "snow" else (196, 214, 238)
            flake = by_character()["❄" if kind == "snow" else "💧"]
            if OF_WEATHER[kind] not in shown:
                x, y = width * (0.5 + self.side * 0.33), self.slate.room[1] + unit * 0.12
                found.append(self._make(by_character()[OF_WEATHER[kind]], unit * 0.22, x, y, 0.15, colour=white))
            for n in range(7):
                x, y = width * (n + 0.2 + 0.6 * self.chance.random()) / 7, height * self.chance.random()
                pixels = unit * (0.03, 0.04, 0.05)[int(3 * self.chance.random())]
                one = Placed(self.sprite(flake, pixels, white, white, 0.85), x, y, 0.5)
                one.fall = unit * (0.05 if kind == "snow" else 0.45) * (0.8 + 0.4 * self.chance.random())
                found.append(one)
        return found


def _widened(plane: Bytes, columns: int) -> Bytes:
    """So many more on each side, like those at the edge."""
    found: Bytes = np.pad(plane, ((0, 0), (columns, columns)), "edge")
    return found
