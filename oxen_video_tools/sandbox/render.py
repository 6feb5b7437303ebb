"""What a job's result looks like (shots, size, sound), and its rendering with `media`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputUnreadable, OxenError
from ..files import atomic_file
from ..media import animatic
from ..media.container import audio_of, open_container, video_of
from ..media.mp4 import mp4_output, write_output
from .models import Model
from .store import Files

if TYPE_CHECKING:
    from PIL.Image import Image


DEFAULT_SECONDS = 5.0
MOST_SECONDS = 60.0
_FPS = 24
_LINES = {"2k": 1440, "4k": 2160, "standard": 720, "high": 1080, "hd": 720, "sd": 480, "fhd": 1080}
_SHAPES = {
    "landscape": (16, 9),
    "portrait": (9, 16),
    "square": (1, 1),
    "square_hd": (1, 1),
    "landscape_4_3": (4, 3),
    "landscape_16_9": (16, 9),
    "portrait_4_3": (3, 4),
    "portrait_16_9": (9, 16),
}
_LEAST_SIDE, _MOST_SIDE = 64, 3840


@dataclass(frozen=True)
class Medium:
    """A medium that a job works on.

    size: pixels.
    seconds: 0 for a picture.
    """

    size: tuple[int, int]
    seconds: float = 0.0


@dataclass(frozen=True)
class ShotList:
    """shots: (prompt, seconds) of each.  size: pixels.  image: URL of the first frame, where one was given.

    references: URLs of what shall be seen in it: people, products, places.
    source: URL of the video or picture that is worked on.
    drawn: from when to when (seconds of the result) something new is drawn; the rest is the source itself.
    """

    shots: tuple[tuple[str, float], ...]
    size: tuple[int, int]
    audio: bool
    seed: int
    image: str | None = None
    references: tuple[str, ...] = ()
    source: str | None = None
    drawn: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        return sum(seconds for _, seconds in self.shots)

    @property
    def media(self) -> tuple[str, ...]:
        """Every URL that has a part in the picture."""
        return tuple(url for url in (self.image, self.source, *self.references) if url)


def shot_list(
    model: Model, body: Mapping[str, Any], *, lines: int | None = None, source: Medium | None = None, take: int = 0
) -> ShotList:
    """lines: an upper bound for the picture's shorter side, for tests that want it small.

    source: the video or picture that is worked on, where it can be had: an upscale, a retake, an extension and a
    reframe have its length and shape.
    take: how many equal requests came before: each gets another picture.
    """
    words = filled(model, body)
    seed = body.get("seed")
    worked_on = _source(model, body)
    made = ShotList(
        shots=_shots(model, words),
        size=size(words.get("aspect_ratio"), words.get("resolution") or words.get("size"), lines),
        audio=words.get("generate_audio") is True,
        seed=seed if isinstance(seed, int) else 7919 * take,
        image=_first_frame(model, body),
        references=tuple(_references(model, body)),
        source=worked_on,
    )
    return made if source is None or worked_on is None else _reworked(model, body, words, made, source, lines)


def source_of(model: Model, body: Mapping[str, Any]) -> str | None:
    """URL of the video or picture that a job works on."""
    return _source(model, body)


def _reworked(
    model: Model,
    body: Mapping[str, Any],
    words: Mapping[str, Any],
    made: ShotList,
    source: Medium,
    lines: int | None,
) -> ShotList:
    """The same with the length and the size that a result has which is made out of `source`."""
    prompt = made.shots[0][0]
    seconds, drawn = _length_of_rework(model, body, words, source.seconds)
    shape = words.get("aspect_ratio") if "reframe" in model.name or body.get("aspect_ratio") else None
    factor = re.fullmatch(r"(\d+)x", str(words.get("upscale_factor") or words.get("scale") or ""))
    resolution = words.get("resolution") or words.get("target_resolution")
    width, height = source.size
    if factor:
        width, height = width * int(factor[1]), height * int(factor[1])
    elif shape or _names_lines(resolution):
        short = resolution if _names_lines(resolution) else f"{min(source.size)}p"
        width, height = size(shape or f"{width}:{height}", short)
    shrink = min(1.0, (lines or _MOST_SIDE) / min(width, height))
    return replace(made, shots=((prompt, seconds),), size=(_even(width * shrink), _even(height * shrink)), drawn=drawn)


def _length_of_rework(
    model: Model, body: Mapping[str, Any], words: Mapping[str, Any], seconds: float
) -> tuple[float, tuple[float, float] | None]:
    """Seconds of the result, and the stretch of it that is new."""
    if "extend" in model.name:
        more = length(words)
        total = seconds + more
        return total, (0.0, more) if words.get("mode") == "start" else (seconds, total)
    if "retake" in model.name:
        start = float(words.get("retake_start_time") or words.get("start_time") or 0)
        end = start + float(words.get("retake_duration") or words.get("duration") or seconds)
        return seconds, (min(start, seconds), min(end, seconds))
    if model.worked_on_freely or words.get("video_mode") == "reference":  # it has its own length parameter
        return length(words), None
    told = body.get("duration") if words.get("video_mode") != "edit" else None
    return (length(words) if told and length({"duration": told}) and told != "auto" else seconds), None


def _names_lines(word: object) -> bool:
    text = str(word).lower()
    return re.fullmatch(r"\d{3,4}p?", text) is not None or text in _LINES


def filled(model: Model, body: Mapping[str, Any]) -> dict[str, Any]:
    """A request with the model's own defaults for everything that it leaves out."""
    return {name: schema["default"] for name, schema in model.properties.items() if "default" in schema} | dict(body)


def _shots(model: Model, words: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    several = words.get("multi_prompt")
    if model.shots is not None and isinstance(several, list) and several:
        default = model.shots.default_seconds
        return tuple((str(shot["prompt"]), float(shot.get("duration", default))) for shot in several)
    prompt = words.get("prompt")
    if "wan-v2-7" in model.name and (timed := _timed(str(prompt), length(words))):
        return timed
    return ((prompt if isinstance(prompt, str) and prompt else model.name, length(words)),)


_LINE = re.compile(r"(?m)^Shot \d+ \[([\d.]+)-([\d.]+)s\] (.+)$")  # Oxen docs, Wan 2.7 text-to-video


def _timed(prompt: str, seconds: float) -> tuple[tuple[str, float], ...]:
    """The shots that a prompt names with their times, up to the clip's end; empty where it names none."""
    found = [(line[3], min(float(line[2]), seconds) - float(line[1])) for line in _LINE.finditer(prompt)]
    return tuple(found) if len(found) > 1 and all(one > 0 for _, one in found) else ()


def length(words: Mapping[str, Any]) -> float:
    """Seconds, from `duration`, `seconds` or `num_frames`; 5 where the model decides (Oxen docs, video generation)."""
    for name in ("duration", "seconds"):
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*s?", str(words.get(name, "")))
        if found and float(found[1]) > 0:
            return min(float(found[1]), MOST_SECONDS)
    frames = words.get("num_frames")
    if isinstance(frames, int) and frames > 0:
        rate = words.get("fps") or words.get("frames_per_second")
        return min(frames / (rate if isinstance(rate, int) and rate > 0 else _FPS), MOST_SECONDS)
    return DEFAULT_SECONDS


def size(aspect_ratio: object, resolution: object, lines: int | None = None) -> tuple[int, int]:
    """Width and height in pixels, both even. `resolution` names the shorter side."""
    wide, high = _shape(str(aspect_ratio).lower()) or _shape(str(resolution).lower()) or (16, 9)
    short = min(_lines(str(resolution).lower()), lines or _MOST_SIDE)
    ratio = wide / high
    width, height = (short * ratio, short) if ratio >= 1 else (short, short / ratio)
    scale = min(1.0, _MOST_SIDE / max(width, height))
    return _even(width * scale), _even(height * scale)


def _even(pixels: float) -> int:
    return max(_LEAST_SIDE, round(pixels / 2) * 2)


def _shape(word: str) -> tuple[float, float] | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", word)
    if found and float(found[1]) > 0 and float(found[2]) > 0:
        return float(found[1]), float(found[2])
    return _SHAPES.get(word)


def _lines(word: str) -> int:
    found = re.fullmatch(r"(\d{3,4})p?", word)
    return int(found[1]) if found else _LINES.get(word, 720)


def _media_of(model: Model, body: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Kind, role and URL of each medium of a request."""
    for name, schema in model.properties.items():
        media = schema.get("x-media")
        if media is not None and body.get(name):
            value = body[name]
            for item in value if isinstance(value, list) else [value]:
                url = _link(item)
                if url:
                    yield str(media.get("kind")), f"{name} {media.get('role')}", url


def _link(item: object) -> str | None:
    if isinstance(item, dict):
        item = next((value for key, value in item.items() if "url" in key and isinstance(value, str)), None)
    return item if isinstance(item, str) and item else None


def _source(model: Model, body: Mapping[str, Any]) -> str | None:
    """What is worked on: of an image model a picture to upscale or cut out, else a video."""
    kind = "image" if model.media_type == "image" else "video"
    return next((url for of, role, url in _media_of(model, body) if of == kind and "source" in role.split()), None)


def _first_frame(model: Model, body: Mapping[str, Any]) -> str | None:
    """The picture that a video begins with: a first frame, else the first keyframe."""
    images = [(role, url) for kind, role, url in _media_of(model, body) if kind == "image"]
    for words in (("first", "start"), ("keyframes",)):
        for role, url in images:
            if any(word in role for word in words):
                return url
    return None


def _references(model: Model, body: Mapping[str, Any]) -> Iterator[str]:
    """Pictures and videos that shall be seen in the result."""
    first = _first_frame(model, body)
    for kind, role, url in _media_of(model, body):
        apart = kind == "audio" or "source" in role.split() or "mask" in role or "control" in role
        if not apart and url != first:
            yield url


# Draws what jobs ask for: an animatic marked SANDBOX, with the pictures in it that were given.
#
# A first frame is where the picture begins; references (people, products, places) stand in front of it as cards,
# so that a test and an eye can see that shot 4 has Mira in it. A job that works on a video shows that video.
# Identical requests share one rendering.

MARK = "SANDBOX"
_MOST_BYTES = 1_000_000_000  # of renderings kept
_AT_ONCE = 2  # renderings
_CARD = 0.36  # height of a reference, as a share of the picture's
_BORDER = "white"

Media = Mapping[str, Path]


class Pictures:
    """Renderings by what they show. Used by one event loop."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._sizes: OrderedDict[Path, int] = OrderedDict()
        self._under_way: dict[Path, asyncio.Future[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def made(self, shots: ShotList, media: Media, ending: str) -> Path:
        """An H.264 MP4 of these shots ("mp4"), or a PNG of the first ("png"). media: the files behind their URLs."""
        place = self._place(shots, media, ending)
        while place in self._under_way:
            await asyncio.wait([self._under_way[place]])
        if place not in self._sizes:
            self._under_way[place] = asyncio.get_running_loop().create_future()
            try:
                async with self._turns:
                    self._sizes[place] = await asyncio.to_thread(_render, shots, media, place)
            finally:
                self._under_way.pop(place).set_result(None)
        self._sizes.move_to_end(place)
        self._forget()
        return place

    def _place(self, shots: ShotList, media: Media, ending: str) -> Path:
        seen = [file.name for url in shots.media if (file := media.get(url)) is not None]
        shown: list[Any] = [shots.shots, shots.size, shots.audio, shots.seed, shots.drawn, seen]
        return self._files.folder / f"{hashlib.sha256(json.dumps(shown).encode()).hexdigest()}.{ending}"

    def _forget(self) -> None:
        """Remove the renderings that were used longest ago, if there are too many."""
        while sum(self._sizes.values()) > _MOST_BYTES and len(self._sizes) > 1:
            oldest, _ = self._sizes.popitem(last=False)
            oldest.unlink(missing_ok=True)


def _render(shots: ShotList, media: Media, place: Path) -> int:
    """Answers the size in bytes. A rendering of an earlier start is as good as a new one."""
    if not place.exists():
        try:
            (_picture if place.suffix == ".png" else _film)(shots, media, place)
        except InputUnreadable:  # beyond what is decoded here; it is drawn from its words instead
            (_picture if place.suffix == ".png" else _film)(shots, {}, place)
    return place.stat().st_size


def _film(shots: ShotList, media: Media, place: Path) -> None:
    source = media.get(shots.source or "")
    if source is None:
        _draw(shots, media, place)
        return
    new = None
    if shots.drawn and shots.drawn[1] > shots.drawn[0]:
        start, end = shots.drawn
        part = ShotList(((shots.shots[0][0], end - start),), shots.size, False, shots.seed, references=shots.references)
        new = place.with_suffix(".new.mp4")
        _draw(part, media, new)
    # loads FFmpeg, which the start of a sandbox need not wait for

    try:
        rework(source, place, size=shots.size, seconds=shots.seconds, new=new, drawn=shots.drawn)
    finally:
        if new is not None:
            new.unlink(missing_ok=True)


def _draw(shots: ShotList, media: Media, place: Path) -> None:
    cards = [media[url] for url in shots.references if url in media]
    segments, made = [], []
    for number, (prompt, seconds) in enumerate(shots.shots):
        image = media.get(shots.image or "") if number == 0 else None
        if cards:
            image = place.with_suffix(f".{number}.png")
            made.append(image)
            base = media.get(shots.image or "") if number == 0 else None
            _composed(prompt, shots, base, cards).save(image, "PNG")
        segments.append(animatic.Segment(prompt, seconds, image))
    try:
        animatic.render(segments, place, size=shots.size, seed=shots.seed, audio=shots.audio, mark=MARK)
    finally:
        for image in made:
            image.unlink(missing_ok=True)


def _picture(shots: ShotList, media: Media, place: Path) -> None:
    """A still of the first shot: drawn from its words, or the picture that is worked on, with the references in it."""
    cards = [media[url] for url in shots.references if url in media]
    base = media.get(shots.source or "") or media.get(shots.image or "")
    with atomic_file(place) as part:
        _composed(shots.shots[0][0], shots, base, cards).save(part, "PNG")


def _composed(prompt: str, shots: ShotList, base: Path | None, cards: Sequence[Path]) -> Image:
    """One picture: the given one or one drawn from the prompt, with the references as cards in front of it."""
    from PIL import Image, ImageOps

    whole = ImageOps.fit(opened(base) if base else _still(prompt, shots.size, shots.seed), shots.size)
    if not cards:
        return whole
    width, height = shots.size
    room = width * 0.8 / len(cards)
    high = round(min(height * _CARD, room * 1.2))
    wide = round(min(high, room * 0.9))
    left = (width - wide * len(cards) - round(room * 0.1) * (len(cards) - 1)) // 2
    for number, card in enumerate(cards):
        border = max(2, high // 24)
        inner = ImageOps.fit(opened(card), (max(1, wide - 2 * border), max(1, high - 2 * border)))
        framed = Image.new("RGB", (wide, high), _BORDER)
        framed.paste(inner, (border, border))
        whole.paste(framed, (left + number * (wide + round(room * 0.1)), round(height * 0.52)))
    return whole


def _still(prompt: str, size: tuple[int, int], seed: int) -> Image:
    """One frame of the animatic that a prompt becomes, without words: a film over it has its own."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        clip = Path(folder) / "still.mp4"
        animatic.render([animatic.Segment(prompt, 1.0)], clip, size=size, seed=seed, fps=1, mark=MARK, words=False)
        return opened(clip)


def opened(file: Path) -> Image:
    """A picture, or the first frame of a video. Raises InputUnreadable."""
    from PIL import Image, ImageOps

    from ..files import content_type_of
    from ..media.contact_sheet import frame_at

    if not (content_type_of(file) or "").startswith("image/"):
        return Image.open(BytesIO(frame_at(file, 0.0))).convert("RGB")
    try:
        with Image.open(file) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # Pillow raises whatever its decoders do
        raise InputUnreadable(f"{file.name} can't be read as a picture: {error}") from error


@lru_cache(maxsize=256)
def measured(file: Path | None) -> Medium | None:
    """Length and size of a video or picture; None for what is neither. A file here never changes under its name."""
    from ..files import content_type_of
    from ..media.probe import probe

    if file is None:
        return None
    try:
        if (content_type_of(file) or "").startswith("image/"):
            return Medium(opened(file).size)
        found = probe(file)
    except OxenError:
        return None
    return Medium((found.width, found.height), found.duration) if found.width and found.height else None


# A job that works on a video: its own frames at another size or length, with a stretch in it that is drawn anew.

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

    size: pixels; the picture is cropped where the shape is another.
    seconds: its length; a source that is shorter stands still at its end.
    new: a clip that stands from `drawn[0]` to `drawn[1]` seconds; where that goes beyond the source or begins before
    it, the source is moved, not cut. Raises InputUnreadable.
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
