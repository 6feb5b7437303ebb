"""Aspect ratios and resolutions: the common words, and how a model wants to be told.

An aspect ratio is `16:9`, `landscape`, `adaptive`, part of a size's name (`landscape_16_9`), or width and height.
A resolution is `720p`, `720P`, `4k`, `2160p`, or `standard`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .schema import Parameter

_RATIO = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[:x×/]\s*(\d+(?:\.\d+)?)\s*", re.I)
_SIZE = re.compile(r"(landscape|portrait|square)(?:_(\d+)_(\d+)|_hd)?", re.I)
_WORDS = {"landscape": 16 / 9, "horizontal": 16 / 9, "widescreen": 16 / 9, "portrait": 9 / 16, "vertical": 9 / 16}
_WORDS["square"] = 1.0
_FREE = ("auto", "adaptive", "original", "source")
_LINES = re.compile(r"(\d{3,4})\s*p", re.I)
_K = {"2k": 1440, "4k": 2160, "8k": 4320, "hd": 720, "fhd": 1080, "full hd": 1080, "qhd": 1440, "uhd": 2160}
STEP = 16  # pixels: video models take sizes in steps of 16


def ratio(word: object) -> float | None:
    """Width over height of "16:9", "16x9", "landscape", "landscape_16_9"; None where a word has none."""
    if not isinstance(word, str):
        return None
    written = _RATIO.fullmatch(word)
    if written:
        return float(written[1]) / float(written[2]) if float(written[1]) and float(written[2]) else None
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
    """`landscape` stands for every wide ratio where a model knows no numbers."""
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
    """How a model is told its picture's size.

    aspect, resolution: the parameters.  sizes: one parameter that is both (`landscape_16_9`).
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
