"""The pipeline: this thread draws each frame, a second one encodes it, a third prepares the next shot and the sound.

Shots are joined by cuts; one that asks for it fades in over the one before.

A frame belongs to exactly one thread at a time, and so does every scratch array: two threads that shared one once
blackened part of one frame in five hundred.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from ...errors import Internal
from ..clips import mp4_output, write_output
from . import Segment
from .canvas import Canvas
from .card import Card
from .direction import direct_all
from .photo import Photo
from .slate import Cut, Slate

IN_FLIGHT = 4  # frames between the two threads
_SOUND = {"b": "64k", "aac_coder": "fast", "cutoff": "8000"}  # nothing in it is higher
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")


class Picture(Protocol):
    """What a shot shows: a card of pictograms, or a photo."""

    def draw(self, canvas: Canvas, n: int) -> None:
        """Frame n of the shot with the still parts of its slate; n runs beyond the end while the next fades in."""


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
        with write_output(path) as unfinished:
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
            video = _video_stream(out, film)
            sound = out.add_stream("aac", rate=48_000, layout="stereo", options=_SOUND) if film.audio else None
            for _ in range(IN_FLIGHT + 2):
                self.free.put(Canvas(film.width, film.height))
            with ThreadPoolExecutor(1) as pool:
                first = pool.submit(self._prepare, 0)
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

    def _prepare(self, n: int) -> tuple[Picture, Slate]:
        film, cut, direction = self.film, self.cuts[n], self.directions[n]
        image, size, frames = film.shots[n].image, (film.width, film.height), cut.end - cut.start
        pictured = image is not None or bool(direction.pictograms)
        slate = Slate(size, direction, self.cuts, n, film.fps, film.mark, pictured)
        if image is not None:
            return Photo(image, direction, slate, size, frames, film.fps), slate
        return Card(direction, slate, size, frames, film.fps), slate

    def _draw(
        self, pool: ThreadPoolExecutor, first: Future[tuple[Picture, Slate]], on_progress: Callable[[float], None]
    ) -> None:
        """Every frame of every shot in order; both shots are drawn while one fades into the other."""
        film, total, coming = self.film, self.cuts[-1].end, first
        second = Canvas(film.width, film.height) if any(shot.fade for shot in film.shots) else None
        before: tuple[Picture, int] | None = None
        for n, cut in enumerate(self.cuts):
            picture, slate = coming.result()
            length = cut.end - cut.start
            fade = min(round(film.shots[n].fade * film.fps), length) if before else 0
            for frame in range(cut.start, cut.end):
                into = frame - cut.start
                canvas = self._canvas()
                picture.draw(canvas, into)
                if before and second and into < fade:
                    before[0].draw(second, before[1] + into)
                    canvas.mix(second, 1 - (into + 0.5) / fade)
                elif canvas.shows is picture:
                    canvas.touched.append(slate.clock_box())
                if into == min(fade, length - 1) and n + 1 < len(self.cuts):
                    before = None  # no more than two shots are held at a time
                    coming = pool.submit(self._prepare, n + 1)
                slate.lay_live(canvas.planes, frame)
                canvas.stamp(frame, film.fps)
                self.drawn.put(canvas)
                if frame % film.fps == 0:
                    on_progress(frame / total)
            before = picture, length

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


def _video_stream(out: Any, film: Film) -> Any:
    name = next((name for name in _ENCODERS if name in av.codecs_available), "libvpx-vp9")
    options = {"preset": "ultrafast", "qp": "24", "g": str(film.fps * 4), "bf": "0"} if name == "libx264" else {}
    if name == "libx264":  # without it flat colours show blocks
        options["x264-params"] = "no-deblock=0:deblock=0,0"
    video = out.add_stream(name, rate=film.fps, options=options)
    video.width, video.height, video.pix_fmt = film.width, film.height, "yuv420p"
    context = video.codec_context
    context.thread_count = 1  # more cost more than they bring at this speed
    context.time_base = Fraction(1, film.fps)
    context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709, TV range
    return video
