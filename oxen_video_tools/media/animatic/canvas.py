"""One frame as three planes of luma and chroma (YUV 4:2:0), written in place: no picture is ever converted."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np

from ..decode import Bytes, mix_planes, plane_of

Planes = tuple[Bytes, Bytes, Bytes]


def copied(planes: Planes) -> Planes:
    y, u, v = planes
    return y.copy(), u.copy(), v.copy()


Rect = tuple[int, int, int, int]  # left, top, right, bottom; even pixels


class Canvas:
    """A frame of the encoder's own, and views of its planes. Used by one thread at a time.

    shows: the picture that drew it last.  touched: what is not that picture's still part any more.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.frame = av.VideoFrame(width, height, "yuv420p")
        self.frame.color_range = 1
        self.frame.colorspace = 1
        self.planes: Planes = tuple(plane_of(plane) for plane in self.frame.planes)  # type: ignore[assignment]
        self.shows: object = None
        self.touched: list[Rect] = []

    def copy(self, planes: Planes, rect: Rect | None = None, down: int = 0) -> None:
        """What `planes` show there, or everywhere. down: rows further down in `planes`."""
        left, top, right, bottom = rect or (0, 0, self.width, self.height)
        for n, (mine, theirs) in enumerate(zip(self.planes, planes, strict=True)):
            k = 1 if n else 0
            mine[top >> k : bottom >> k, left >> k : right >> k] = theirs[
                (top + down) >> k : (bottom + down) >> k, left >> k : right >> k
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


def blend(under: Bytes, keep: Bytes, over: Bytes) -> None:
    """In place: under × keep + over. keep: 0 to 255 for 1 to 256 of 256.  over: colour times opacity."""
    mixed = np.multiply(under, keep, dtype=np.uint16)
    mixed += under
    mixed >>= 8
    np.add(mixed, over, out=under, casting="unsafe")


def around(rects: Sequence[Rect]) -> Rect:
    """The rectangle around several."""
    left, top, right, bottom = zip(*rects, strict=True)
    return min(left), min(top), max(right), max(bottom)
