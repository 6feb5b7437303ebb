"""The pipeline: this thread draws each picture, a second one encodes it, a third prepares the next shot and the sound.

Shots are joined by cuts; one that asks for it fades in over the one before. Pictures are drawn "on twos", as animators
say, or on threes and fours where little moves: each stands for so many frames, in which only the timecode runs on. A
canvas belongs to one thread at a time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from ...errors import Internal
from ..output import mp4_output, write_output
from ..understanding.direction import direct_all
from .ambience import RATE, ambience
from .canvas import Canvas
from .card import Card
from .photo import Photo
from .segments import Segment
from .slate import Cut, Slate

IN_FLIGHT = 4  # canvases between the two threads
_SOUND = {"b": "64k", "aac_coder": "fast", "cutoff": "8000"}  # nothing in it is higher
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")


class Picture(Protocol):
    """What a shot shows: a card of pictograms, or a photo. hold: for how many frames one drawing may stand."""

    hold: int

    def draw(self, canvas: Canvas, n: int) -> None:
        """Frame n of the shot with the still parts of its slate; n runs beyond the end while the next fades in."""


@dataclass(frozen=True)
class _Drawn:
    """A canvas and the frames of the film that show it."""

    canvas: Canvas
    slate: Slate
    frames: range


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
        self.drawn: queue.Queue[_Drawn | None] = queue.Queue(IN_FLIGHT)
        self.free: queue.Queue[Canvas | None] = queue.Queue()
        self.failure: BaseException | None = None

    def run(self, on_progress: Callable[[float], None]) -> None:
        film = self.film
        with mp4_output(self.path) as out:
            out.metadata["title"] = film.mark
            out.metadata["comment"] = "Drawn from the prompt's words as a preview; not the output of a video model."
            video = _video_stream(out, film)
            sound = out.add_stream("aac", rate=RATE, layout="stereo", options=_SOUND) if film.audio else None
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
        film, cut, direction, image = self.film, self.cuts[n], self.directions[n], self.film.shots[n].image
        size, frames = (film.width, film.height), cut.end - cut.start
        slate = Slate(size, direction, self.cuts, n, film.fps, film.mark, bool(image or direction.pictograms))
        if image is not None:
            return Photo(image, direction, slate, size, frames), slate
        return Card(direction, slate, size, frames, film.fps), slate

    def _draw(
        self, pool: ThreadPoolExecutor, first: Future[tuple[Picture, Slate]], on_progress: Callable[[float], None]
    ) -> None:
        """Every picture of every shot in order; both shots are drawn while one fades into the other."""
        film, coming = self.film, first
        second = Canvas(film.width, film.height) if any(shot.fade for shot in film.shots) else None
        before: tuple[Picture, int] | None = None
        for n, cut in enumerate(self.cuts):
            picture, slate = coming.result()
            fade = min(round(film.shots[n].fade * film.fps), cut.end - cut.start) if before and second else 0
            for number, frames in enumerate(self._held(cut, fade, picture)):
                into = frames.start - cut.start
                canvas = self._canvas()
                picture.draw(canvas, into)
                if before and second and into < fade:
                    before[0].draw(second, before[1] + into)
                    canvas.mix(second, 1 - (into + 0.5) / fade)
                if number == 0 and n + 1 < len(self.cuts):
                    coming = pool.submit(self._prepare, n + 1)
                self.drawn.put(_Drawn(canvas, slate, frames))
                on_progress(frames.start / self.cuts[-1].end)
            before = picture, cut.end - cut.start

    def _held(self, cut: Cut, fade: int, picture: Picture) -> Iterator[range]:
        """The shot's frames in groups that one drawing stands for."""
        start = cut.start
        while start < cut.end:
            hold = 2 if start < cut.start + fade else picture.hold
            stop = min(cut.end, start + hold) if self.film.fps >= 20 else start + 1
            yield range(start, stop)
            start = stop

    def _canvas(self) -> Canvas:
        canvas = self.free.get()
        if canvas is None:
            raise self.failure or Internal("The encoder stopped.")
        return canvas

    def _encode(self, out: Any, video: Any, packets: Future[list[Any]] | None) -> None:
        drawn: _Drawn | None = None
        try:
            while (drawn := self.drawn.get()) is not None:
                canvas, ground = drawn.canvas, drawn.slate.clock_ground(drawn.canvas.planes)
                for frame in drawn.frames:
                    drawn.slate.lay_live(canvas.planes, frame, ground)
                    canvas.frame.pts, canvas.frame.time_base = frame, Fraction(1, self.film.fps)
                    out.mux(video.encode(canvas.frame))
                drawn.slate.restore_clock(canvas.planes, ground)
                self.free.put(canvas)
            out.mux(video.encode())
            if packets is not None:
                out.mux(packets.result())
        except BaseException as error:
            self.failure = error
            self.free.put(None)
            while drawn is not None:  # the drawing thread must not wait for room in the queue
                drawn = self.drawn.get()

    def _sound(self, stream: Any) -> list[Any]:
        samples = ambience(self.directions, [(cut.end - cut.start) / self.film.fps for cut in self.cuts])
        packets: list[Any] = []
        for start in range(0, samples.shape[1], 1024):
            part = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            packets += stream.encode(frame)
        return packets + list(stream.encode())


def _video_stream(out: Any, film: Film) -> Any:
    name = next((name for name in _ENCODERS if name in av.codecs_available), "libvpx-vp9")
    options = {"preset": "ultrafast", "qp": "24", "g": str(film.fps * 8), "bf": "0"} if name == "libx264" else {}
    video = out.add_stream(name, rate=film.fps, options=options)
    video.width, video.height, video.pix_fmt = film.width, film.height, "yuv420p"
    context = video.codec_context
    context.thread_count = 1  # more cost more than they bring at this speed
    context.time_base = Fraction(1, film.fps)
    context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709, TV range
    return video
