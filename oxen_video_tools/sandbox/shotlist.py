"""What a job's picture looks like: the shots, the size, the sound. Pure: a request in, a shot list out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .models import Model

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
class ShotList:
    """shots: (prompt, seconds) of each.  size: pixels.  image: URL of the first frame, where one was given."""

    shots: tuple[tuple[str, float], ...]
    size: tuple[int, int]
    audio: bool
    seed: int
    image: str | None = None

    @property
    def seconds(self) -> float:
        return sum(seconds for _, seconds in self.shots)


def shot_list(model: Model, body: Mapping[str, Any], *, lines: int | None = None) -> ShotList:
    """lines: an upper bound for the picture's shorter side, for tests that want it small."""
    words = filled(model, body)
    seed = body.get("seed")
    return ShotList(
        shots=_shots(model, words),
        size=size(words.get("aspect_ratio"), words.get("resolution"), lines),
        audio=words.get("generate_audio") is True,
        seed=seed if isinstance(seed, int) else 0,
        image=_first_frame(model, body),
    )


def filled(model: Model, body: Mapping[str, Any]) -> dict[str, Any]:
    """A request with the model's own defaults where it says nothing."""
    return {name: schema["default"] for name, schema in model.properties.items() if "default" in schema} | dict(body)


def _shots(model: Model, words: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    several = words.get("multi_prompt")
    if model.shots is not None and isinstance(several, list) and several:
        default = model.shots.default_seconds
        return tuple((str(shot["prompt"]), float(shot.get("duration", default))) for shot in several)
    prompt = words.get("prompt")
    return ((prompt if isinstance(prompt, str) and prompt else model.name, length(words)),)


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


def _from_the_start(name: str, media: Mapping[str, Any]) -> int:
    words = f"{name} {media.get('role')}"
    return 0 if "first" in words or "start" in words else 2 if "last" in words or "end" in words else 1


def _first_frame(model: Model, body: Mapping[str, Any]) -> str | None:
    """The image that a model would start from: a first frame, else the first reference."""
    roles = {name: schema["x-media"] for name, schema in model.properties.items() if "x-media" in schema}
    images = [name for name, media in roles.items() if media.get("kind") == "image"]
    for name in sorted(images, key=lambda name: _from_the_start(name, roles[name])):
        value = body.get(name)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str) and first:
            return first
    return None
