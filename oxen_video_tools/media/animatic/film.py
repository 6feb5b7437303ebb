"""What may be drawn: the shots of an animatic, and their bounds."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt

from ...errors import Internal, InvalidRequest
from ..mp4 import mp4_output, write_output
from ..understanding.direction import Direction, direct_all
from .card import Card
from .photo import Photo
from .slate import Cut, Slate
from .sprites import Canvas

MOST_SECONDS = 900.0
MOST_SHOTS = 120
MOST_SIDE = 4096
LEAST_SIDE = 32


@dataclass(frozen=True)
class Segment:
    """One shot.

    prompt: any text, any length.
    seconds: its length.
    image: a picture to show instead of pictograms.

    fade: seconds over which it fades in over the shot before; 0: a cut.
    """

    prompt: str
    seconds: float
    image: Path | None = None
    fade: float = 0.0


def in_bounds(shots: Sequence[Segment], size: tuple[int, int], fps: int = 24) -> tuple[int, int]:
    """Width and height in pixels, made even. Raises InvalidRequest for what is out of bounds."""
    _bounded(shots, size, fps)
    width, height = (max(2, round(side / 2) * 2) for side in size)
    return width, height


def _bounded(shots: Sequence[Segment], size: tuple[int, int], fps: int) -> None:
    problems = []
    lengths = [shot.seconds for shot in shots]
    if not 1 <= len(shots) <= MOST_SHOTS:
        problems.append(f"an animatic has 1 to {MOST_SHOTS} shots, not {len(shots)}")
    if not all(math.isfinite(seconds) and seconds > 0 for seconds in lengths):
        problems.append("every shot needs a length above 0 s")
    elif sum(lengths) > MOST_SECONDS:
        problems.append(f"an animatic is at most {MOST_SECONDS:.0f} s long, not {sum(lengths):.0f} s")
    if not all(LEAST_SIDE <= side <= MOST_SIDE for side in size):
        problems.append(f"each side has {LEAST_SIDE} to {MOST_SIDE} pixels, not {size[0]} × {size[1]}")
    if not 1 <= fps <= 60:
        problems.append(f"it has 1 to 60 frames a second, not {fps}")
    if problems:
        raise InvalidRequest("; ".join(problems), problems=problems)


# A quiet bed of sound: a chord that changes with each shot, wind or rain, a soft pulse on each cut.
#
# Made at a quarter of the rate, for nothing in it is high, and then drawn out.

RATE = 24_000
COARSE = 4  # samples that are one while it is made
STEPS = (0, -4, 3, -2, 5)  # half tones between the shots' chords
DARK = frozenset({"night", "storm", "neon", "dusk", "overcast"})
WINDY = frozenset({"sea", "beach", "mountain", "desert", "snow", "sky"})

Samples = npt.NDArray[np.floating]


def ambience(directions: Sequence[Direction], seconds: Sequence[float]) -> Samples:
    """Stereo samples at 24 kHz, each shot's bed as long as the shot."""
    chance = np.random.default_rng(directions[0].seed)
    root = 110 * 2 ** (chance.integers(0, 8) / 12)
    ends = np.round(np.cumsum(seconds) * RATE).astype(int)
    out = np.zeros((2, int(ends[-1])), np.float32)
    start = 0
    for n, (direction, end) in enumerate(zip(directions, ends, strict=True)):
        count = int(end) - start
        coarse = _bed(direction, root * 2 ** (STEPS[n % len(STEPS)] / 12), count // COARSE + 2, chance)
        places = np.arange(count, dtype=np.float32) / COARSE
        for channel in (0, 1):
            out[channel, start:end] = np.interp(places, np.arange(coarse.shape[1]), coarse[channel])
        _pulse(out[:, start:end])
        start = int(end)
    found: Samples = np.clip(out * 1.3, -0.95, 0.95).astype(np.float32)
    return found


def _bed(direction: Direction, root: float, count: int, chance: np.random.Generator) -> Samples:
    t = np.arange(count, dtype=np.float32) * np.float32(COARSE / RATE)
    third = 2 ** ((3 if direction.light in DARK else 4) / 12) * 2
    bed = np.zeros((2, count), np.float32)
    for k, ratio in enumerate((1.0, 1.5, third, 3.0)):
        phase = np.float32(chance.random() * 6.28)
        swell = (0.7 + 0.3 * np.sin(_turns((0.11 + 0.05 * k) * t) + phase)) * np.float32(0.060 / (1 + 0.7 * k))
        for channel, tuned in enumerate((1.0, 1.003)):
            bed[channel] += swell * np.sin(_turns(root * ratio * tuned * t) + phase)
    bed += _air(direction, count, chance) * (0.75 + 0.25 * np.sin(_turns(0.13 * t)))
    ends = np.minimum(t / 0.35, (t[-1] - t) / 0.35 + 0.15)
    bed *= np.clip(ends, 0, 1)
    return bed


def _turns(t: Samples) -> Samples:
    """Radians of whole turns, kept small, where a float is exact."""
    found: Samples = np.float32(2 * np.pi) * (t % 1).astype(np.float32)
    return found


def _air(direction: Direction, count: int, chance: np.random.Generator) -> Samples:
    """Rain hisses, wind is softer, a room is nearly silent."""
    rain = bool({"rain", "thunder"} & set(direction.weather))
    width = 2 if rain else 7
    noise = np.cumsum(chance.standard_normal((2, count + width), dtype=np.float32), 1)
    strength = 0.05 if rain or direction.place in WINDY else 0.018
    found: Samples = (noise[:, width:] - noise[:, :-width]) * np.float32(strength / width)
    return found


def _pulse(shot: Samples) -> None:
    """A low, soft beat where the shot begins."""
    t = np.arange(min(shot.shape[1], RATE // 2), dtype=np.float32) / RATE
    shot[:, : len(t)] += 0.22 * np.sin(2 * np.pi * (52 + 40 * np.exp(-t * 30)) * t) * np.exp(-t * 9)


# The pipeline: this thread draws each picture, a second one encodes it, a third prepares the next shot and the
# sound.
#
# Shots are joined by cuts; one that asks for it fades in over the one before. Pictures are drawn "on twos", as
# animators say, or on fours where little moves. The timecode runs on twos, too: it says the first of two equal frames,
# of which the second costs the encoder nothing. A canvas belongs to one thread at a time.

IN_FLIGHT = 4  # canvases between the two threads
_SOUND = {"b": "64k", "aac_coder": "fast", "cutoff": "4000"}  # little in it is higher
_SOUND |= dict.fromkeys(("aac_tns", "aac_pns", "aac_is", "aac_ms"), "0")  # nor needs more than the plainest means
X264 = {"preset": "ultrafast", "qp": "24", "bf": "0"}
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
    words: bool = True

    @property
    def step(self) -> int:
        """How many frames are equal at least, until the next cut."""
        return 2 if self.fps >= 20 else 1

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
            video = VideoWriter(out, film)
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
        pictured = bool(image or direction.pictograms) or not film.words
        slate = Slate(size, direction, self.cuts, n, film.fps, film.mark, pictured, film.words)
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
            stop = min(cut.end, start + hold) if self.film.step > 1 else start + 1
            yield range(start, stop)
            start = stop

    def _canvas(self) -> Canvas:
        canvas = self.free.get()
        if canvas is None:
            raise self.failure or Internal("The encoder stopped.")
        return canvas

    def _encode(self, out: Any, video: VideoWriter, packets: Future[list[Any]] | None) -> None:
        drawn: _Drawn | None = None
        try:
            while (drawn := self.drawn.get()) is not None:
                canvas, ground = drawn.canvas, drawn.slate.clock_ground(drawn.canvas.planes)
                for frame in drawn.frames[:: self.film.step]:
                    drawn.slate.lay_live(canvas.planes, frame, ground)
                    video.encode(canvas.frame, range(frame, min(frame + self.film.step, drawn.frames.stop)))
                drawn.slate.restore_clock(canvas.planes, ground)
                self.free.put(canvas)
            video.close()
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


class VideoWriter:
    """The film's video stream: encodes a picture, and repeats it without the encoder's help.

    To encode a frame that equals the one before takes almost as long as any other. But of H.264 as libx264 makes it
    here (Baseline, no frame before the one it is made from) such a frame is one slice that says "skip all". No other
    frame is made from it, so that those that the encoder makes are not touched by it.
    """

    def __init__(self, out: Any, film: Film) -> None:
        name = next((name for name in _ENCODERS if name in av.codecs_available), "libvpx-vp9")
        options = X264 | {"g": str(film.fps * 8 // film.step)}
        self.out = out
        self.stream = out.add_stream(name, rate=film.fps, options=options if name == "libx264" else {})
        self.stream.width, self.stream.height, self.stream.pix_fmt = film.width, film.height, "yuv420p"
        self.time_base = Fraction(1, film.fps)
        context = self.stream.codec_context
        context.thread_count = 1  # more cost more than they bring at this speed
        context.time_base = self.time_base
        context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709, TV range
        self.blocks = math.ceil(film.width / 16) * math.ceil(film.height / 16)
        context.open()
        # Baseline; the first parameters, with numbers of 4 bits, frames in the order of their numbers.
        _, _, parameters = (context.extradata or b"").partition(b"\0\0\1\x67\x42")
        self.can_repeat = len(parameters) > 2 and parameters[2] >> 3 == 0b11011
        self.repeats: set[int] = set()  # frames that are equal to the one before and not encoded
        self.since_key = 0

    def encode(self, frame: av.VideoFrame, shown: range) -> None:
        """shown: the frames of the film that are this picture, one or two."""
        self.repeats.update(shown[1:] if self.can_repeat else ())
        for number in shown[:1] if self.can_repeat else shown:
            frame.pts, frame.time_base = number, self.time_base
            self._mux(self.stream.encode(frame))

    def close(self) -> None:
        """What the encoder still holds."""
        self._mux(self.stream.encode())

    def _mux(self, packets: Sequence[Any]) -> None:
        for packet in packets:
            self.since_key = 0 if packet.is_keyframe else self.since_key + 1
            following = packet.pts + 1
            self.out.mux(packet)
            if following in self.repeats:
                self.repeats.remove(following)
                repeated = av.Packet(_skip_all(self.blocks, self.since_key + 1))
                repeated.stream, repeated.time_base = self.stream, self.time_base
                repeated.pts = repeated.dts = following
                repeated.duration = 1
                self.out.mux(repeated)


def _skip_all(blocks: int, number: int) -> bytes:
    """A frame that shows what the one before shows, as an H.264 slice (ITU-T H.264, 7.3.3).

    blocks: macroblocks of a frame.  number: of frames that others are made from, since the last key frame, and one.
    """
    skipped = f"{blocks + 1:b}"
    bits = "".join((
        "1", "00110", "1", f"{number % 16:04b}",  # first block 0, type P, parameters 0, its number in 4 bits
        "0", "0", "1", "010",  # one reference, in the usual order; no change of quantisation; no filter
        "0" * (len(skipped) - 1), skipped, "1",  # so many blocks are skipped; the end
    ))  # fmt: skip
    bits += "0" * (-len(bits) % 8)
    return b"\0\0\0\1\x01" + int(bits, 2).to_bytes(len(bits) // 8, "big")  # nothing in it reads as a start code


def draw(shots: Sequence[dict[str, Any]], path: str, on_progress: Callable[[float], None], **film: Any) -> None:
    """A film of JSON values, in bounds already; told of progress in steps of a fiftieth."""
    told = 0.0

    def tell(fraction: float) -> None:
        nonlocal told
        if fraction >= told + 0.02 or fraction == 1.0:
            told = fraction
            on_progress(fraction)

    segments = tuple(Segment(**shot | {"image": Path(shot["image"]) if shot["image"] else None}) for shot in shots)
    Film(segments, **film).write(Path(path), tell)
