"""One frame as three planes of luma and chroma (YUV 4:2:0), written in place: no picture is ever converted."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from ..pictures import Bytes, mix_planes, plane_of, scaled

Words = npt.NDArray[np.uint16]


class Canvas:
    """A frame of the encoder's own, and views of its planes. Used by one thread at a time."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.frame = av.VideoFrame(width, height, "yuv420p")
        self.frame.color_range = 1
        self.frame.colorspace = 1
        self.planes: tuple[Bytes, Bytes, Bytes] = tuple(  # type: ignore[assignment]  # always three
            plane_of(plane) for plane in self.frame.planes
        )

    def stamp(self, frame: int, fps: int) -> None:
        """Its place in the film."""
        self.frame.pts, self.frame.time_base = frame, Fraction(1, fps)

    def enlarge(self, drawn: Canvas, scaler: VideoReformatter) -> None:
        """Shows a smaller canvas at this one's size."""
        shown = scaled(scaler, drawn.frame, self.width, self.height, "BICUBIC")
        for mine, plane in zip(self.planes, shown.planes, strict=True):
            mine[:] = plane_of(plane)

    def mix(self, other: Canvas, share: float) -> None:
        """Cross-fades: `share` of the other, the rest of this one."""
        mix_planes(self.planes, other.planes, share)
