"""Length, frame size and shots: what a model offers, and how it wants them in its body.

Lengths are `duration`, `seconds`, `retake_duration`, or `num_frames` with `fps`; as 5, "5", "5s", and as "auto", -1
(the model decides) or 0 (as long as the input).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .schema import Parameter

if TYPE_CHECKING:
    from ..request import Shot


NAMES = ("duration", "seconds", "duration_seconds", "length", "video_length", "num_seconds", "length_seconds")
FRAMES = ("num_frames", "frames", "frame_count", "video_frames")
RATES = ("fps", "frames_per_second", "frame_rate")
AUTO = "auto"
_SAID = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds?)?\s*", re.I)
_FPS = re.compile(r"\b(\d{2})\s?fps\b", re.I)

Seconds = float


def seconds_in(value: object) -> Seconds | str | None:
    """5, "5", "5s" → 5; "auto", -1 and 0 → "auto"; anything else → None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value if value > 0 else AUTO
    if not isinstance(value, str):
        return None
    if value.strip().lower() == AUTO:
        return AUTO
    said = _SAID.fullmatch(value)
    if said is None:
        return AUTO if value.strip() in ("-1", "0") else None
    number = float(said[1])
    return int(number) if number == int(number) else number


@dataclass(frozen=True)
class Length:
    """A model's parameter for the length.

    frames: whether it counts frames.
    rate: the parameter with the frames per second.
    fps: frames per second if there is no such parameter; None if unknown.
    """

    parameter: Parameter
    frames: bool = False
    rate: Parameter | None = None
    fps: float | None = None

    @property
    def name(self) -> str:
        return self.parameter.name

    @cached_property
    def choices(self) -> tuple[Seconds, ...]:
        """The lengths it offers, in seconds and ascending; empty if it offers a range."""
        told = {seconds_in(one) for one in self.parameter.enum} if not self.frames else set()
        return tuple(sorted(one for one in told if isinstance(one, (int, float))))

    @cached_property
    def auto(self) -> Any:
        """The value that lets the model decide, or follow its input; None if there is none."""
        told = (*self.parameter.enum, self.parameter.default)
        return next((one for one in told if one is not None and seconds_in(one) == AUTO), None)

    def span(self, body: Mapping[str, Any] | None = None) -> tuple[Seconds | None, Seconds | None]:
        """Shortest and longest length in seconds, each None if unknown."""
        if self.choices:
            return self.choices[0], self.choices[-1]
        least, most = self.parameter.span
        if self.frames:
            rate = self.rate_of(body or {})
            return (least / rate if rate and least else None), (int(most / rate) if rate and most else None)
        return least, most

    @cached_property
    def default(self) -> Seconds | str | None:
        """The length if none is set: seconds, "auto", or None if unknown."""
        return self.read(self.parameter.default, {}) if self.parameter.default is not None else None

    def rate_of(self, body: Mapping[str, Any]) -> float | None:
        """Frames per second, as the body says or by default."""
        told = body.get(self.rate.name, self.rate.default) if self.rate else None
        if isinstance(told, (int, float)) and not isinstance(told, bool) and told > 0:
            return told
        return self.fps

    def read(self, value: object, body: Mapping[str, Any]) -> Seconds | str | None:
        """The seconds that a value of the parameter means; "auto", or None if that is unknown."""
        if not self.frames:
            return seconds_in(value)
        rate = self.rate_of(body)
        if rate is None or not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
            return None
        return round(max(value - self._extra, 1) / rate, 3)

    def say(self, seconds: Seconds, body: Mapping[str, Any]) -> Any:
        """The value for so many seconds (0 or less: let the model decide); None where it has none."""
        if seconds <= 0:
            return self.auto
        if self.frames:
            return self._frames(seconds, body)
        for value in self.parameter.enum:
            if seconds_in(value) == seconds:
                return value
        if self.parameter.enum:
            return None
        return self._written(seconds)

    def _written(self, seconds: Seconds) -> Any:
        whole = int(seconds) if seconds == int(seconds) else seconds
        if self.parameter.types == ("string",):
            unit = "s" if str(self.parameter.default or "").endswith("s") else ""
            return f"{whole}{unit}"
        return whole

    @property
    def _extra(self) -> int:
        """Video models of this kind make 4k + 1 (8k + 1) frames: the first one and then whole groups."""
        default = self.parameter.default
        return 1 if isinstance(default, int) and default % 4 == 1 else 0

    @property
    def _group(self) -> int:
        least, default = self.parameter.span[0], self.parameter.default
        if not self._extra:
            return 1
        return 8 if default % 8 == 1 and least is not None and least % 8 == 1 and least > 1 else 4

    def _frames(self, seconds: Seconds, body: Mapping[str, Any]) -> int | None:
        rate = self.rate_of(body)
        if rate is None:
            return None
        frames = self._extra + self._group * max(1, round(seconds * rate / self._group))
        most = self.parameter.span[1]
        over_by_a_group = most is not None and frames > most >= seconds * rate
        return frames - self._group if over_by_a_group else frames

    def offers(self, seconds: Seconds) -> bool:
        """Whether a video may be exactly so long (frames: within their span)."""
        if self.choices or self.parameter.enum:
            return seconds in self.choices
        least, most = self.span()
        whole = self.frames or "integer" not in self.parameter.types or seconds == int(seconds)
        return whole and (least is None or seconds >= least) and (most is None or seconds <= most)


def length(parameters: Mapping[str, Parameter], told: str, fps: float | None) -> Length | None:
    """The parameter for the length, if there is one.

    told: the model's description.
    fps: where documented.
    """
    named = [parameters[name] for name in NAMES if name in parameters]
    named += [one for name, one in parameters.items() if name.endswith(("_duration", "_seconds")) and _a_length(one)]
    if named:
        return Length(named[0])
    frames = next((parameters[name] for name in FRAMES if name in parameters), None)
    if frames is None:
        return None
    rate = next((parameters[name] for name in RATES if name in parameters), None)
    written = _FPS.search(told)
    return Length(frames, True, rate, fps or (float(written[1]) if written else None))


def _a_length(parameter: Parameter) -> bool:
    return parameter.is_number or any(isinstance(seconds_in(one), (int, float)) for one in parameter.enum)


# Aspect ratios and resolutions: the common words, and the values of each model.
#
# An aspect ratio is `16:9`, `landscape`, `adaptive`, part of a size's name (`landscape_16_9`), or width and
# height. A resolution is `720p`, `720P`, `4k`, `2160p`, or `standard`.

_RATIO = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[:x×/]\s*(\d+(?:\.\d+)?)\s*", re.I)
_SIZE = re.compile(r"(landscape|portrait|square)(?:_(\d+)_(\d+)|_hd)?", re.I)
_WORDS = {"landscape": 16 / 9, "horizontal": 16 / 9, "widescreen": 16 / 9, "portrait": 9 / 16, "vertical": 9 / 16}
_WORDS["square"] = 1.0
_FREE = ("auto", "adaptive", "original", "source")
_LINES = re.compile(r"(\d{3,4})\s*p", re.I)
_K = {"2k": 1440, "4k": 2160, "8k": 4320, "hd": 720, "fhd": 1080, "full hd": 1080, "qhd": 1440, "uhd": 2160}
STEP = 16  # pixels: video models take sizes in steps of 16


_LONGEST = 1e6  # of a side: no frame is longer


def ratio(word: object) -> float | None:
    """Width over height of "16:9", "16x9", "landscape", "landscape_16_9"; None where a word has none."""
    if not isinstance(word, str):
        return None
    written = _RATIO.fullmatch(word)
    if written:
        wide, high = float(written[1]), float(written[2])
        return wide / high if 0 < wide < _LONGEST and 0 < high < _LONGEST else None
    named = word.strip().lower()
    size = _SIZE.fullmatch(named)
    if size and size[2]:
        long, short = sorted((float(size[2]), float(size[3])), reverse=True)
        return long / short if size[1].lower() == "landscape" else short / long
    return _WORDS.get(size[1].lower() if size else named)


def is_free(word: object) -> bool:
    """Whether it leaves the shape to the model or to the input."""
    return isinstance(word, str) and word.strip().lower() in _FREE


def lines(word: object) -> int | None:
    """Lines of a resolution: "720P" → 720, "4k" → 2160; None where it names none."""
    if not isinstance(word, str):
        return None
    named = word.strip().lower()
    written = _LINES.fullmatch(named)
    return int(written[1]) if written else _K.get(named)


def same_word(word: str, among: Iterable[Any]) -> Any:
    """The value that is this word in some letter case; None where there is none."""
    folded = word.strip().casefold()
    return next((one for one in among if isinstance(one, str) and one.casefold() == folded), None)


def same_ratio(word: str, among: Iterable[Any]) -> Any:
    """The value that means this aspect ratio; None where there is none."""
    among = tuple(among)
    if is_free(word):
        return same_word(word, among) or next((one for one in among if is_free(one)), None)
    wanted = ratio(word)
    if wanted is None:
        return same_word(word, among)
    exact = [one for one in among if (here := ratio(one)) is not None and math.isclose(here, wanted, rel_tol=0.01)]
    if exact:
        return same_word(word, exact) or exact[0]
    return _orientation(wanted, among)


def _orientation(wanted: float, among: tuple[Any, ...]) -> Any:
    """`landscape` means every wide ratio if the model's values contain no numbers."""
    if any(_RATIO.fullmatch(one) or "_" in one for one in among if isinstance(one, str)):
        return None
    wide = "square" if wanted == 1 else "landscape" if wanted > 1 else "portrait"
    return same_word(wide, among)


def same_resolution(word: str, among: Iterable[Any]) -> Any:
    """The value that means this resolution, in the model's own letter case; None where there is none."""
    among = tuple(among)
    exact = same_word(word, among)
    if exact is not None or is_free(word):
        return exact if exact is not None else next((one for one in among if is_free(one)), None)
    wanted = lines(word)
    return next((one for one in among if wanted is not None and lines(one) == wanted), None)


def nearest_ratios(word: str, among: Iterable[Any]) -> list[Any]:
    """All values, the nearest aspect ratio first."""
    wanted = ratio(word) or 1.0
    return sorted(among, key=lambda one: abs(math.log((ratio(one) or 1e6) / wanted)))


def nearest_resolutions(word: str, among: Iterable[Any]) -> list[Any]:
    """All values, the nearest number of lines first."""
    wanted = lines(word) or 720
    return sorted(among, key=lambda one: abs((lines(one) or 10**6) - wanted))


@dataclass(frozen=True)
class Frame:
    """The parameters of a model for the size of its picture.

    aspect, resolution: the parameters.
    sizes: one parameter that is both (`landscape_16_9`).
    width, height: pixels.
    """

    aspect: Parameter | None = None
    resolution: Parameter | None = None
    sizes: Parameter | None = None
    width: Parameter | None = None
    height: Parameter | None = None

    @cached_property
    def ratios(self) -> tuple[str, ...]:
        """The aspect ratios it offers, as its schema writes them."""
        told = self.aspect.enum if self.aspect else self.sizes.enum if self.sizes else ()
        return tuple(one for one in told if isinstance(one, str))

    @cached_property
    def resolutions(self) -> tuple[str, ...]:
        told = self.resolution.enum if self.resolution else ()
        return tuple(one for one in told if isinstance(one, str))

    @property
    def in_pixels(self) -> bool:
        return self.width is not None and self.height is not None

    def pixels(self, aspect: str | None, resolution: str | None) -> tuple[int, int] | None:
        """Width and height for these words, within the model's limits and in steps of 16; None where unreadable."""
        if self.width is None or self.height is None:
            return None
        usual = _usual(self.width), _usual(self.height)
        shape = ratio(aspect) if aspect else usual[0] / usual[1]
        wanted = lines(resolution) if resolution else None
        if shape is None or (resolution and wanted is None):
            return None
        short = wanted or min(usual)
        width, height = (short * shape, short) if shape >= 1 else (short, short / shape)
        most = _most(self.width), _most(self.height)
        if wanted and max(width / most[0], height / most[1]) > 1 and min(width, height) > min(most):
            return round(width), round(height)  # over the limit: the checks say so
        shrink = min(1.0, most[0] / width, most[1] / height)
        return _stepped(width * shrink, most[0]), _stepped(height * shrink, most[1])


def _usual(parameter: Parameter) -> float:
    default = parameter.default
    return default if isinstance(default, (int, float)) and default else _most(parameter)


def _most(parameter: Parameter) -> float:
    most = parameter.span[1]
    return most if most else 1280


def _stepped(pixels: float, most: float) -> int:
    return min(max(STEP, round(pixels / STEP) * STEP), int(most // STEP * STEP) or int(most))


def frame(parameters: Mapping[str, Parameter]) -> Frame:
    """How this model is told its picture's size."""
    resolution = next(
        (parameters[name] for name in ("resolution", "target_resolution", "video_resolution") if name in parameters),
        None,
    )
    aspect = next((parameters[name] for name in ("aspect_ratio", "ratio", "aspect") if name in parameters), None)
    sizes = next((parameters[name] for name in ("size", "image_size", "video_size") if name in parameters), None)
    if resolution is not None and sum(_SIZE.fullmatch(str(one)) is not None for one in resolution.enum) > 1:
        resolution, sizes = None, resolution
    return Frame(aspect, resolution, None if aspect else sizes, parameters.get("width"), parameters.get("height"))


# Several shots in one job: which models take them, and within which limits.
#
# Only what a schema or a page says counts. On Oxen's pages it is `multi_prompt` of the Kling O3 reference model,
# with each limit and the hub's sentence for it (Oxen docs, Kling O3 Pro walkthrough: multi_prompt, Duration
# Constraints).

_NAMES = ("multi_prompt", "multi_prompts", "shots", "multi_shot")
LEAST_SHOT, MOST_SHOT, CHARACTERS = 1, 15, 512  # Oxen docs: each shot, where a model does not say otherwise


@dataclass(frozen=True)
class MultiShot:
    """least, most: seconds of all shots together.  shot_least, shot_most: seconds of one.

    characters: of one shot's prompt.
    count: how many shots; None where nothing says so.
    prompt, duration: the keys of a shot in the body.
    """

    parameter: Parameter
    least: float = 0
    most: float | None = None
    shot_least: float = LEAST_SHOT
    shot_most: float = MOST_SHOT
    characters: int | None = CHARACTERS
    count: int | None = None
    prompt: str = "prompt"
    duration: str = "duration"

    @property
    def name(self) -> str:
        return self.parameter.name

    def say(self, shots: Sequence[Shot]) -> list[dict[str, Any]]:
        """The shots as the body has them; each says its length, the API's default of 5 s filled in."""
        return [{self.prompt: shot.prompt, self.duration: shot.seconds} for shot in shots]

    def fits(self, seconds: Sequence[float]) -> bool:
        """Whether shots of these lengths go into one job."""
        total = sum(seconds)
        within = total >= self.least and (self.most is None or total <= self.most)
        return within and (self.count is None or len(seconds) <= self.count)


@dataclass(frozen=True)
class PromptShots:
    """Shots as timed lines of one prompt (Oxen docs, Wan 2.7 text-to-video: "Shot 1 [0-3s] Wide angle: …").

    line: the form of one.  confirmed: whether its own page shows the form; what is only supposed is never sent.
    """

    line: str
    confirmed: bool

    def say(self, shots: Sequence[Shot], style: str = "") -> str:
        """The prompt of these shots, the words for the look in front."""
        lines, at = [style] if style else [], 0.0
        for number, shot in enumerate(shots, 1):
            words = " ".join(shot.prompt.split())
            until = at + shot.seconds
            lines.append(self.line.format(number=number, start=f"{at:g}", end=f"{until:g}", prompt=words))
            at = until
        return "\n".join(lines)


def multi_shot(parameters: Mapping[str, Parameter]) -> MultiShot | None:
    """How a model takes several shots in one job; None unless something says that it does."""
    for name in _NAMES:
        parameter = parameters.get(name)
        if parameter is not None and parameter.is_list:
            return _read(parameter)
    return None


def _read(parameter: Parameter) -> MultiShot:
    told = parameter.items.spec.get("properties") if parameter.items else None
    keys: Mapping[str, Any] = told if isinstance(told, dict) else {}
    prompt = next((key for key in ("prompt", "text", "description") if key in keys), "prompt")
    duration = next((key for key in ("duration", "seconds") if key in keys), "duration")
    words, seconds = Parameter.of(prompt, keys.get(prompt)), Parameter.of(duration, keys.get(duration))
    numbers = [int(one) for one in seconds.enum if str(one).isdecimal()]
    span = (min(numbers), max(numbers)) if numbers else seconds.span
    total = parameter.limits.get("total_seconds") or (0, None)
    return MultiShot(
        parameter,
        least=total[0] or 0,
        most=total[1],
        shot_least=span[0] or LEAST_SHOT,
        shot_most=span[1] or MOST_SHOT,
        characters=words.spec.get("maxLength", CHARACTERS),
        count=parameter.spec.get("maxItems"),
        prompt=prompt,
        duration=duration,
    )
