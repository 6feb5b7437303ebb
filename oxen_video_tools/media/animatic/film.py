"""The pipeline: this thread draws each frame, a second one encodes it, a third prepares the next shot and the sound.

A frame belongs to exactly one thread at a time, and so does every scratch array: two threads that shared one once
blackened part of one frame in five hundred.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import numpy as np

from ...errors import Internal
from ..output import mp4_output, written
from . import Segment
from .canvas import Canvas
from .direction import direct_all
from .slate import Cut, Slate
from .stage import Stage
from .weather import FALLING_FAST, weather_of

CROSS_FADE = 10  # frames at 24 a second
IN_FLIGHT = 4  # frames between the two threads
_SOUND = {"b": "64k", "aac_coder": "fast", "cutoff": "8000"}  # nothing in it is higher
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")


@dataclass(frozen=True)
class Film:
    """What is to be rendered, in bounds."""

    shots: tuple[Segment, ...]
    width: int
    height: int
    fps: int
    seed: int
    audio: bool
    mark: str

    def cuts(self) -> list[Cut]:
        """Where each shot begins and ends, in whole frames, without drift."""
        ends = [max(n, round(end * self.fps)) for n, end in enumerate(accumulate(s.seconds for s in self.shots), 1)]
        starts = [0, *ends[:-1]]
        return [
            Cut(n, start, max(start + 1, end), shot.seconds)
            for n, (start, end, shot) in enumerate(zip(starts, ends, self.shots, strict=True), 1)
        ]

    def write(self, path: Path, on_progress: Callable[[float], None]) -> Path:
        with written(path) as unfinished:
            _Rendering(self, unfinished).run(on_progress)
        return path


class _Rendering:
    """One rendering of one film."""

    def __init__(self, film: Film, path: Path) -> None:
        self.film, self.path = film, path
        self.cuts = film.cuts()
        self.directions = direct_all([shot.prompt for shot in film.shots], film.seed)
        self.drawn: queue.Queue[Canvas | None] = queue.Queue(IN_FLIGHT)
        self.free: queue.Queue[Canvas | None] = queue.Queue()
        self.failure: BaseException | None = None

    def run(self, on_progress: Callable[[float], None]) -> None:
        film = self.film
        with mp4_output(self.path) as out:
            out.metadata["title"] = film.mark
            out.metadata["comment"] = "Drawn from the prompt's words as a preview; not the output of a video model."
            video = _video_stream(out, film, self._busy())
            sound = out.add_stream("aac", rate=48_000, layout="stereo", options=_SOUND) if film.audio else None
            for _ in range(IN_FLIGHT + 2):
                self.free.put(Canvas(film.width, film.height))
            with ThreadPoolExecutor(1) as pool:
                first = pool.submit(self._stage, 0)
                packets = pool.submit(self._sound, sound) if sound is not None else None
                encoder = threading.Thread(target=self._encode, args=(out, video, packets), daemon=True)
                encoder.start()
                try:
                    self._draw(pool, first, on_progress)
                finally:
                    self.drawn.put(None)
                    encoder.join()
            if self.failure is not None:
                raise self.failure
        on_progress(1.0)

    def _busy(self) -> list[Cut]:
        """The shots in which something falls over the whole picture."""
        pictures = zip(self.cuts, self.directions, self.film.shots, strict=True)
        return [
            cut for cut, direction, shot in pictures if shot.image is None and weather_of(direction) in FALLING_FAST
        ]

    def _stage(self, n: int) -> tuple[Stage, Slate]:
        film, cut = self.film, self.cuts[n]
        size = (film.width, film.height)
        slate = Slate(size, self.directions[n], self.cuts, n, film.fps, film.mark)
        return Stage(size, self.directions[n], film.shots[n].image, cut.end - cut.start, film.fps), slate

    def _draw(
        self, pool: ThreadPoolExecutor, first: Future[tuple[Stage, Slate]], on_progress: Callable[[float], None]
    ) -> None:
        """Every frame of every shot in order; the shots on both sides of a cut are drawn while it fades."""
        second = Canvas(self.film.width, self.film.height)
        fade, total = self._fade(), self.cuts[-1].end
        before: Stage | None = None
        coming: Future[tuple[Stage, Slate]] | None = first
        for n, cut in enumerate(self.cuts):
            stage, slate = coming.result() if coming else self._stage(n)
            coming = None
            for frame in range(cut.start, cut.end):
                into, left = frame - cut.start, cut.end - frame
                canvas = self._canvas()
                stage.draw(canvas, into)
                if coming is not None and left <= fade:
                    coming.result()[0].draw(second, -left)
                    canvas.mix(second, (fade - left + 0.5) / (2 * fade))
                elif before is not None and into < fade:
                    before.draw(second, before.frames + into)
                    canvas.mix(second, 0.5 - (into + 0.5) / (2 * fade))
                if into >= min(fade, left - 2) and coming is None and n + 1 < len(self.cuts):
                    before = None  # no more than two shots are held at a time
                    coming = pool.submit(self._stage, n + 1)
                slate.lay(canvas.planes, frame)
                canvas.stamp(frame, self.film.fps)
                self.drawn.put(canvas)
                if frame % self.film.fps == 0:
                    on_progress(frame / total)
            before = stage

    def _fade(self) -> int:
        """Half a cross-fade, in frames; never more than a quarter of the shortest shot."""
        shortest = min(cut.end - cut.start for cut in self.cuts)
        return min(round(CROSS_FADE / 2 * self.film.fps / 24), shortest // 4)

    def _canvas(self) -> Canvas:
        canvas = self.free.get()
        if canvas is None:
            raise self.failure or Internal("The encoder stopped.")
        return canvas

    def _encode(self, out: Any, video: Any, packets: Future[list[Any]] | None) -> None:
        canvas: Canvas | None = None
        try:
            while (canvas := self.drawn.get()) is not None:
                out.mux(video.encode(canvas.frame))
                self.free.put(canvas)
            out.mux(video.encode())
            if packets is not None:
                out.mux(packets.result())
        except BaseException as error:
            self.failure = error
            self.free.put(None)
            while canvas is not None:  # the drawing thread must not wait for room in the queue
                canvas = self.drawn.get()

    def _sound(self, stream: Any) -> list[Any]:
        from .ambience import ambience

        samples = ambience(self.directions, [(cut.end - cut.start) / self.film.fps for cut in self.cuts])
        packets: list[Any] = []
        for start in range(0, samples.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, start : start + 1024]), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            packets += stream.encode(frame)
        return packets + list(stream.encode())


def _video_stream(out: Any, film: Film, busy: Sequence[Cut]) -> Any:
    name = next((name for name in _ENCODERS if name in av.codecs_available), "libvpx-vp9")
    options = {"preset": "ultrafast", "qp": "24", "g": str(film.fps * 2), "bf": "0"} if name == "libx264" else {}
    if name == "libx264":  # without it the flat drawings show blocks
        options["x264-params"] = "no-deblock=0:deblock=0,0"
        if busy:  # nor does anyone see fine steps behind rain
            options["x264-params"] += ":zones=" + "/".join(f"{cut.start},{cut.end - 1},q=27" for cut in busy)
    video = out.add_stream(name, rate=film.fps, options=options)
    video.width, video.height, video.pix_fmt = film.width, film.height, "yuv420p"
    context = video.codec_context
    context.thread_count = 1  # more cost more than they bring at this speed
    context.time_base = Fraction(1, film.fps)
    context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709, TV range
    return video
