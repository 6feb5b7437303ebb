"""The drawing table: a picture somewhat larger than the frame, built up in sheets from far to near."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ..pictures import Bytes
from .direction import Direction
from .layer import Layer, Planes, flat, painted
from .noise import Floats, clouds, enlarged
from .palette import BLACK, PALETTES, Colour, Palette, array, mix, yuv

Shape = Callable[[ImageDraw.ImageDraw, int, int], None]

HORIZONS = {"AERIAL": 0.30, "EWS": 0.60, "WS": 0.64, "FS": 0.62, "MS": 0.58, "OTS": 0.58, "MCU": 0.55, "CU": 0.52}
CLOSE = frozenset({"CU", "ECU", "MCU", "OTS"})


class Plate:
    """width, height: of the plate, pixels.  unit: the shorter side of the frame, in plate pixels.

    frame: left, top, right, bottom of the frame when the camera rests.  horizon: row.  ground: row that things stand
    on.  sun: where the light is.  chance: the shot's own.
    """

    def __init__(self, direction: Direction, size: tuple[int, int], scale: float, margin: tuple[float, float]) -> None:
        self.direction = direction
        frame_width, frame_height = size[0] * scale, size[1] * scale
        self.width = int(frame_width * (1 + 2 * margin[0])) // 4 * 4 + 4
        self.height = int(frame_height * (1 + 2 * margin[1])) // 4 * 4 + 4
        left, top = (self.width - frame_width) / 2, (self.height - frame_height) / 2
        self.frame = (left, top, left + frame_width, top + frame_height)
        self.unit = min(frame_width, frame_height)
        self.chance = np.random.default_rng(direction.seed)
        self.framing = direction.framing
        self.close = self.framing in CLOSE
        self.palette: Palette = PALETTES[direction.light or _light_of(direction)]
        self.horizon = round(top + frame_height * HORIZONS.get(self.framing, 0.6))
        self.ground = self.horizon + self.unit * 0.20
        side = 0.66 + 0.2 * self.chance.random()
        self.light_side = 1 if direction.seed & 1 else -1
        light_x = self.width * (side if self.light_side > 0 else 1 - side)
        self.sun = (light_x, self.horizon - (0.10 if self.palette.low else 0.34) * self.unit)
        self.cliff: tuple[int, Floats] | None = None  # the side it lies on, and its edge
        self.layers: list[Layer] = []

    @property
    def bottom(self) -> float:
        return self.frame[3]

    def paint(self, rgb: npt.NDArray[Any], depth: float, top: int = 0, height: int | None = None) -> Layer:
        """A sheet across the whole width from a small picture; opaque from `top` on."""
        height = (self.height - top) // 2 * 2 if height is None else height // 2 * 2
        planes = painted(rgb, self.width, height, self.chance)
        layer = Layer(planes, None, top=top // 2 * 2, depth=depth, solid=0)
        self.layers.append(layer)
        return layer

    def small(self, height: float, columns: int = 200) -> tuple[Floats, Floats]:
        """Coordinates (0 to 1, down and across) of a small picture for `paint`."""
        rows = max(24, int(columns * height / self.width))
        down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        across = np.linspace(0, 1, columns, dtype=np.float32)[None, :]
        return np.broadcast_to(down, (rows, columns)), np.broadcast_to(across, (rows, columns))

    def ridge(
        self,
        line: Floats,
        high: Colour,
        low: Colour,
        depth: float,
        *,
        fade: float = 0.45,
        light: float = 0,
        grain: float = 0,
    ) -> Layer | None:
        """Everything below a line: `line` holds the row of its edge for each column. fade: from high to low, of height.

        light: luma that slopes towards the sun gain.  grain: luma of its roughness.
        """
        line = np.clip(line, -self.height, self.height * 2)
        top = max(0, int(line.min()) - 2) & ~1
        height = (self.height - top) & ~1
        if height < 4:
            return None
        rows = np.arange(top, top + height, dtype=np.float32)[:, None]
        edge = max(2, min(height, (int(min(line.max() + 3, self.height)) - top + 1) & ~1))
        alpha = np.full((height, self.width), 255, np.uint8)
        alpha[:edge] = np.clip((rows[:edge] - line[None] + 0.5) * 255, 0, 255)
        colours = yuv(array(high) + (array(low) - array(high)) * np.clip((rows - top) / (fade * self.height), 0, 1))
        luma = colours[:, :1] + self._relief(line, rows, light, grain)
        u, v = (np.repeat(np.round(colours[::2, n : n + 1]), self.width // 2, 1).astype(np.uint8) for n in (1, 2))
        layer = Layer((np.clip(luma + 0.5, 16, 235).astype(np.uint8), u, v), alpha, top=top, depth=depth, solid=edge)
        self.layers.append(layer)
        return layer

    def _relief(self, line: Floats, rows: Floats, light: float, grain: float) -> Floats:
        """Luma that light and roughness add, for each pixel of these rows."""
        relief = np.zeros((len(rows), self.width), np.float32)
        if light:
            relief += self._slopes(line) * light * np.exp(-np.maximum(0, rows - line[None]) / (self.unit * 0.07))
        if grain:
            relief += (enlarged(clouds(self.chance, 240, 135, 4, 14), self.width, len(rows), False) - 0.5) * grain
        return relief

    def _slopes(self, line: Floats) -> Floats:
        """How far each column leans towards the light, -1 to 1, softened."""
        window = np.hanning(max(5, int(self.unit * 0.05)) + 2)[1:-1]
        smooth = np.convolve(np.gradient(line), window / window.sum(), "same")
        return np.clip(smooth * 1.6 * self.light_side, -1, 1).astype(np.float32)[None]

    def stamp(
        self,
        shape: Shape,
        width: float,
        height: float,
        x: float,
        base: float,
        colour: Colour,
        depth: float,
        *,
        rim: Colour | None = None,
        subject: bool = False,
        smooth: int = 3,
    ) -> Layer:
        """A silhouette of this size whose middle is at `x` and whose foot is at `base`."""
        wide, tall = max(4, int(width)) & ~1, max(4, int(height)) & ~1
        mask = Image.new("L", (wide * smooth, tall * smooth))
        shape(ImageDraw.Draw(mask), wide * smooth, tall * smooth)
        return self.place(np.asarray(mask.reduce(smooth)), x, base, colour, depth, rim=rim, subject=subject)

    def place(
        self,
        alpha: Bytes,
        x: float,
        base: float,
        colour: Colour,
        depth: float,
        *,
        rim: Colour | None = None,
        subject: bool = False,
        shade: Floats | None = None,
    ) -> Layer:
        """A mask in one colour. rim: colour of its edge towards the light.  shade: luma added, drawn large."""
        tall, wide = alpha.shape[0] & ~1, alpha.shape[1] & ~1
        alpha = np.ascontiguousarray(alpha[:tall, :wide])
        left, top = int(x - wide / 2) & ~1, int(base - tall) & ~1
        layer = Layer(flat(colour, wide, tall), alpha, left=left, top=top, depth=depth, subject=subject)
        if shade is not None:
            layer.shade(enlarged(shade, wide, tall, False))
        if rim is not None:
            self._rim(layer.planes, alpha, x, rim)
        self.layers.append(layer)
        return layer

    def _rim(self, planes: Planes, alpha: Bytes, x: float, colour: Colour) -> None:
        """Light along the edges that face the sun."""
        step = max(2, int(self.unit * 0.006))
        mask = Image.fromarray(alpha)
        shifted = Image.new("L", mask.size)
        shifted.paste(mask, (step if self.sun[0] < x else -step, max(1, step // 2)))
        edge = np.asarray(ImageChops.subtract(mask, shifted), np.float32) * (0.85 / 255)
        values = yuv(array(colour))
        for n, share in enumerate((edge, edge[::2, ::2], edge[::2, ::2])):
            planes[n][:] = planes[n] + (values[n] - planes[n]) * share

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float, depth: float) -> Layer:
        """Light in the air around a lamp."""
        side = max(8, int(radius * 2) // 4 * 4)
        rows, columns = np.mgrid[0:64, 0:64].astype(np.float32)
        distance = np.hypot(columns - 31.5, rows - 31.5) / 32
        soft = np.clip(np.exp(-((distance * 2.1) ** 2)) - 0.012, 0, 1) * 255 * strength
        alpha = np.clip(enlarged(soft, side, side), 0, 255).astype(np.uint8)
        return self.place(alpha, x, y + side / 2, colour, depth, subject=True)

    def defocus(self) -> None:
        """Behind a close subject everything is soft."""
        reach = self.unit * {"ECU": 0.022, "CU": 0.016, "MCU": 0.011}.get(self.framing, 0.010)
        for layer in self.layers:
            if layer.subject:
                continue
            radius = reach * (1.15 - layer.depth)
            if layer.width < self.width and layer.alpha is not None:
                layer.pad((int(radius * 3) + 4) & ~1)
            luma, u, v = (_blurred(plane, radius / (1 + bool(n))) for n, plane in enumerate(layer.planes))
            layer.planes = luma, u, v
            if layer.alpha is not None:
                layer.alpha = _blurred(layer.alpha, radius)
                layer.solid = None


def _blurred(plane: Bytes, radius: float) -> Bytes:
    if plane.min() == plane.max():
        return plane
    pixels = max(1, int(radius))
    step = max(1, min(6, pixels // 2))
    image = Image.fromarray(np.ascontiguousarray(plane))
    small = image.reduce(step) if step > 1 else image
    soft = small.filter(ImageFilter.BoxBlur(max(1, pixels / step)))
    return np.asarray(soft.resize(image.size, Image.Resampling.BILINEAR))


def _light_of(direction: Direction) -> str:
    """The light where the words name none: bad weather brings its own, a place outside has day, nothing has no hour."""
    if "rain" in direction.weather or "fog" in direction.weather:
        return "overcast"
    if direction.place in ("", "studio"):
        return "plain"
    return "night" if direction.place == "space" else "day"


def shaded(colour: Colour, share: float) -> Colour:
    """Darker by `share`."""
    return mix(colour, BLACK, share)
