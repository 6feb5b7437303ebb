"""A job that works on a video: its own frames at another size or length, with a stretch in it that is drawn anew."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..media.container import audio_of, open_container, video_of
from ..media.output import mp4_output, write_output

FPS = 24


def rework(
    source: Path,
    path: Path,
    *,
    size: tuple[int, int],
    seconds: float,
    new: Path | None = None,
    drawn: tuple[float, float] | None = None,
) -> Path:
    """Writes an H.264 MP4 of `source` to `path`, with its sound as far as it reaches.

    size: pixels; the picture is cropped where the shape is another.  seconds: its length; a source that is shorter
    stands still at its end.  new: a clip that stands from `drawn[0]` to `drawn[1]` seconds; where that goes beyond the
    source or begins before it, the source is moved, not cut. Raises InputUnreadable.
    """
    import av

    start, end = drawn if drawn and new else (seconds, seconds)
    in_front = end if start == 0 and end < seconds and _length(source) <= seconds - end + 1 / FPS else 0.0
    with write_output(path) as unfinished, mp4_output(unfinished) as out, open_container(source) as container:
        name = "libx264" if "libx264" in av.codecs_available else "libvpx-vp9"
        video = out.add_stream(name, rate=FPS, options={"preset": "ultrafast", "crf": "23"} if "x264" in name else {})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        sound = audio_of(container)
        kept = out.add_stream_from_template(sound) if sound is not None and not in_front else None
        of_source, of_new = _Frames(source, size), _Frames(new, size) if new else None
        for number in range(max(1, round(seconds * FPS))):
            at = number / FPS
            picture = of_new.at(at - start) if of_new and start <= at < end else of_source.at(at - in_front)
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(picture))
        out.mux(video.encode())
        if kept is not None:
            for packet in container.demux(sound):
                if packet.dts is not None and float(packet.pts * packet.time_base) < seconds:
                    packet.stream = kept
                    out.mux(packet)
    return path


def _length(path: Path) -> float:
    from ..media.probe import probe

    return probe(path).duration


class _Frames:
    """The pictures of a file at rising times, at another size."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._size = size
        self._rest = self._decoded(path)
        self._shown: Any = None
        self._next: tuple[float, Any] | None = next(self._rest, None)

    def _decoded(self, path: Path) -> Iterator[tuple[float, Any]]:
        from ..media.decode import Decoder

        with open_container(path) as container:
            stream = video_of(container)
            first: float | None = None
            for frame in Decoder(container, stream):
                at = float((frame.pts or 0) * (frame.time_base or 0))
                first = at if first is None else first
                yield at - first, frame

    def at(self, seconds: float) -> Any:
        """The frame shown then; the last one for good."""
        import av
        from PIL import Image, ImageOps

        from ..media.decode import rgb

        while self._next is not None and (self._shown is None or self._next[0] <= seconds + 1e-6):
            picture = ImageOps.fit(Image.fromarray(rgb(self._next[1])), self._size)
            self._shown = picture
            self._next = next(self._rest, None)
        if self._shown is None:
            raise ValueError("a video without a picture")
        return av.VideoFrame.from_image(self._shown)  # type: ignore[no-untyped-call]  # PyAV has no types there
