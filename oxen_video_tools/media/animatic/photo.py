"""A shot that shows a picture: the user's own, or a still. The camera moves over it."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ...errors import InputUnreadable
from ..decode import plane_of
from ..understanding.direction import Direction
from .slate import Slate
from .sprites import Canvas, Planed, Planes

# The camera's way during a shot: how far it has turned, travelled and come closer.

CAMERA_ZOOMS = {"push_in": (1.0, 1.24), "pull_out": (1.24, 1.0), "aerial": (1.0, 1.14)}
WAYS = {  # of the frame's width or height, over a shot; positive: the picture goes left or up
    **{"pan_right": 0.17, "pan_left": -0.17, "track_right": 0.24, "track_left": -0.24},
    **{"tilt_down": 0.20, "tilt_up": -0.20, "orbit": 0.16, "drift": 0.03, "handheld": 0.0, "static": 0.0},
}
TURNS = ("pan", "tilt")
MOVES = (*CAMERA_ZOOMS, *WAYS)
BEYOND = 0.12  # of the way, that a shot goes on while it fades


@dataclass(frozen=True)
class View:
    """x, y: pixels that near things have gone left and up.  zoom: how much larger they are."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0


@dataclass(frozen=True)
class Camera:
    """move: a code of `MOVES`.  size: of the frame, in pixels.  phase: of a hand's shaking, in radians."""

    move: str
    size: tuple[int, int]
    phase: float = 0.0

    @property
    def zooms(self) -> bool:
        return self.move in CAMERA_ZOOMS

    @property
    def tilts(self) -> bool:
        """Whether everything moves together, the backdrop too."""
        return self.move.startswith("tilt") or self.move == "handheld"

    @property
    def reach(self) -> float:
        """Pixels that a hand's shaking goes to each side."""
        return min(self.size) * 0.016 if self.move == "handheld" else 0.0

    def hold(self, frames: int) -> int:
        """For how many frames of a shot one picture may stand: near things then go two and a half pixels at most, or
        what they go in two frames."""
        if self.move in ("static", "handheld"):
            return 12 if self.move == "static" else 2
        way = 0.09 * min(self.size) if self.zooms else abs(WAYS[self.move]) * max(self.size)
        return 4 if 4 * way <= 2.5 * frames else 2

    def view(self, progress: float, seconds: float) -> View:
        """progress: 0 to 1 over the shot, a little beyond while cuts fade."""
        share = eased(progress)
        width, height = self.size
        if self.zooms:
            first, last = CAMERA_ZOOMS[self.move]
            return View(zoom=max(0.9, first + (last - first) * share))
        if self.move == "handheld":
            reach, one = self.reach / 1.6, self.phase
            x = reach * (math.sin(seconds * 1.9 + one) + 0.6 * math.sin(seconds * 4.3 + 2 * one))
            y = reach * 0.6 * (math.sin(seconds * 2.3 + 2 * one) + 0.5 * math.sin(seconds * 5.1))
            return View(x, y)
        way = WAYS[self.move] * (share - 0.5)
        if self.move.startswith("tilt"):
            return View(y=way * height)
        return View(x=way * width)

    def nearness(self, depth: float) -> float:
        """How far a thing goes against the nearest. depth: 0 far to 1 near. One that turns shifts all, one that
        travels the near ones; an orbit turns the far ones the other way."""
        if self.move.startswith(TURNS) or self.move == "handheld":
            return 1.0 if self.tilts else 0.6 + 0.4 * depth
        return depth - 0.85 if self.move == "orbit" else 0.1 + 0.9 * depth


def eased(share: float) -> float:
    """Nearly even, with softened ends; goes on beyond them a little."""
    share = min(1.0 + BEYOND, max(-BEYOND, share))
    inner = min(1.0, max(0.0, share))
    return share + 0.5 * (inner * inner * (3 - 2 * inner) - inner)


LARGER = 1.16  # frames that the picture is wide and high, where the camera goes over it or comes closer
MOST_PIXELS = 60_000_000
ZOOMS = {"push_in": 0.20, "aerial": 0.20, "pull_out": -0.20, "static": 0.0, "drift": 0.10}


class Photo:
    """draw(canvas, n), like `Card`. Raises InputUnreadable for what is no image or too large."""

    def __init__(self, path: Path, direction: Direction, slate: Slate, size: tuple[int, int], frames: int) -> None:
        self.move = direction.move or ("aerial" if direction.size == "AERIAL" else "drift")
        self.slate, self.frames = slate, frames
        self.hold = 12 if self.move == "handheld" else Camera(self.move, size).hold(frames)
        self.zoom = ZOOMS.get(self.move, 0.0)
        larger = 1.0 if self.move == "static" else LARGER
        changed = path.stat().st_mtime_ns if path.exists() else 0
        self.planes = _planes(path, (round(size[0] * larger) & ~1, round(size[1] * larger) & ~1), changed)
        self.zoomed = [Planed(self.planes[0]), Planed(*self.planes[1:])]

    def draw(self, canvas: Canvas, n: int) -> None:
        share = eased(n / max(1, self.frames - 1))
        if self.zoom:
            self._sample(canvas, 1.0 + abs(self.zoom) * (share if self.zoom > 0 else 1 - share))
        else:
            x = y = 0.5
            if self.move.startswith(("pan", "track", "orbit")):
                x = 1 - share if "left" in self.move else share
            elif self.move.startswith("tilt"):
                y = 1 - share if self.move == "tilt_up" else share
            height, width = self.planes[0].shape
            room = width - canvas.width, height - canvas.height
            across, down = (round(most * min(1.0, max(0.0, way))) for most, way in zip(room, (x, y), strict=True))
            canvas.copy(self.planes, across=across, down=down)
        self.slate.lay_arrows(canvas.planes)
        self.slate.lay_still(canvas.planes)
        canvas.shows = None

    def _sample(self, canvas: Canvas, zoom: float) -> None:
        """The middle, so much larger than the frame that shows all of it."""
        height, width = self.planes[0].shape
        scale = canvas.width / width * zoom
        x, y = (width - canvas.width / scale) / 2, (height - canvas.height / scale) / 2
        for k, planes in ((1, canvas.planes[:1]), (2, canvas.planes[1:])):
            tall, wide = planes[0].shape
            found = self.zoomed[k - 1].sample(x / k, y / k, scale, wide, tall)
            if found is not None:
                pictures, row, column = found
                for target, picture in zip(planes, pictures, strict=True):
                    target[row : row + picture.shape[0], column : column + picture.shape[1]] = picture


@lru_cache(1)  # several shots often go over one picture
def _planes(path: Path, size: tuple[int, int], changed: int) -> Planes:  # noqa: ARG001  # tells versions of a file apart
    """The image, upright, cropped to the frame's shape, as planes in BT.709. changed: when it was, in ns."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise InputUnreadable(f"{path.name} has {opened.width} × {opened.height} pixels; that is too many.")
                opened.draft("RGB", size)
                upright = ImageOps.exif_transpose(opened).convert("RGB")
    except InputUnreadable:
        raise
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError, Warning) as error:
        raise InputUnreadable(f"{path.name} can't be read as an image.") from error
    fitted = ImageOps.fit(upright, size, Image.Resampling.BICUBIC, centering=(0.5, 0.42))
    frame = av.VideoFrame.from_ndarray(np.asarray(fitted), format="rgb24")
    shown = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
    y, u, v = (plane_of(plane).copy() for plane in shown.planes)
    return y, u, v
