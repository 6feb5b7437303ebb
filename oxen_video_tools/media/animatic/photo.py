"""A shot that shows a picture: the user's own, or a still. The camera moves over it."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ...errors import InputUnreadable
from ..decode import Bytes, plane_of
from ..understanding.direction import Direction
from .camera import eased
from .canvas import Canvas
from .slate import Slate
from .sprites import Plane

SCALE = 1.2  # picture pixels for each of the frame's
MOST_PIXELS = 60_000_000
ZOOMS = {"push_in": 0.20, "aerial": 0.20, "pull_out": -0.20, "static": 0.0, "drift": 0.10}


class Photo:
    """draw(canvas, n), like `Card`. Raises InputUnreadable for what is no image or too large."""

    def __init__(self, path: Path, direction: Direction, slate: Slate, size: tuple[int, int], frames: int) -> None:
        self.move = direction.move or ("aerial" if direction.size == "AERIAL" else "drift")
        self.slate, self.frames, self.hold = slate, frames, 12 if self.move == "static" else 2
        planes = _planes(path, (round(size[0] * SCALE) & ~1, round(size[1] * SCALE) & ~1))
        self.planes = [Plane(plane) for plane in planes]

    def draw(self, canvas: Canvas, n: int) -> None:
        share = eased(n / max(1, self.frames - 1))
        amount = ZOOMS.get(self.move, 0.0)
        zoom = 1.0 + abs(amount) * (share if amount >= 0 else 1 - share)
        zoom = zoom if amount or self.move == "static" else 1.12
        height, width = self.planes[0].plane.shape
        scale = canvas.width / width * zoom
        room_x, room_y = width - canvas.width / scale, height - canvas.height / scale
        x = y = 0.5
        if self.move.startswith(("pan", "track", "orbit")):
            x = 1 - share if "left" in self.move else share
        elif self.move.startswith("tilt"):
            y = 1 - share if self.move == "tilt_up" else share
        for plane, target in zip(self.planes, canvas.planes, strict=True):
            k = canvas.width // target.shape[1]
            found = plane.sample(room_x * x / k, room_y * y / k, scale, target.shape[1], target.shape[0])
            if found is not None:
                picture, row, column = found
                target[row : row + picture.shape[0], column : column + picture.shape[1]] = picture
        self.slate.lay_arrows(canvas.planes)
        self.slate.lay_still(canvas.planes)
        canvas.shows = None


def _planes(path: Path, size: tuple[int, int]) -> list[Bytes]:
    """The image, upright, cropped to the frame's shape, as planes in BT.709."""
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
    fitted = ImageOps.fit(upright, size, Image.Resampling.LANCZOS, centering=(0.5, 0.42))
    frame = av.VideoFrame.from_ndarray(np.asarray(fitted), format="rgb24")
    shown = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
    return [plane_of(plane).copy() for plane in shown.planes]
