"""A shot that shows the user's own image, with a camera move over it."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ...errors import InputUnreadable
from ..pictures import Bytes, plane_of
from .canvas import Canvas
from .glide import eased
from .zoom import Plane

SCALE = 1.3  # picture pixels for each of the frame's
MOST_PIXELS = 60_000_000
ZOOMS = {"push_in": 0.20, "aerial": 0.20, "pull_out": -0.20, "static": 0.0, "drift": 0.10}


class Photo:
    """draw(canvas, progress, seconds). Raises InputUnreadable for what is no image or too large."""

    def __init__(self, path: Path, size: tuple[int, int], move: str) -> None:
        self.move = move
        self.planes = [
            Plane(plane) for plane in _planes(path, (round(size[0] * SCALE) & ~1, round(size[1] * SCALE) & ~1))
        ]

    def draw(self, canvas: Canvas, progress: float, seconds: float) -> None:
        del seconds
        share = eased(progress)
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
        for n, target in enumerate(canvas.planes):
            k = 2 if n else 1
            found = self.planes[n].sample(room_x * x / k, room_y * y / k, scale, target.shape[1], target.shape[0])
            if found is not None:
                picture, row, column = found
                target[row : row + picture.shape[0], column : column + picture.shape[1]] = picture


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
