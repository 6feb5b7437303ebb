"""How long a video may be, and how a model wants to be told.

Seen: `duration`, `seconds`, `retake_duration` or `num_frames` with `fps`; as 5, "5", "5s", and as "auto", -1 (the model
decides) or 0 (as long as the input).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .schema import Parameter

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

    frames: whether it counts frames.  rate: the parameter with the frames per second.  fps: frames per second where
    no parameter says so; None where nobody does.
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
        """The lengths it offers, in seconds and rising; empty where a span says it."""
        told = {seconds_in(one) for one in self.parameter.enum} if not self.frames else set()
        return tuple(sorted(one for one in told if isinstance(one, (int, float))))

    @cached_property
    def auto(self) -> Any:
        """The value by which the model decides itself, or follows its input; None where there is none."""
        told = (*self.parameter.enum, self.parameter.default)
        return next((one for one in told if one is not None and seconds_in(one) == AUTO), None)

    def span(self, body: Mapping[str, Any] | None = None) -> tuple[Seconds | None, Seconds | None]:
        """Least and greatest length in seconds, each where something says it."""
        if self.choices:
            return self.choices[0], self.choices[-1]
        least, most = self.parameter.span
        if self.frames:
            rate = self.rate_of(body or {})
            return (least / rate if rate and least else None), (int(most / rate) if rate and most else None)
        return least, most

    @cached_property
    def default(self) -> Seconds | str | None:
        """The length when none is said: seconds, "auto", or None where nothing says it."""
        return self.read(self.parameter.default, {}) if self.parameter.default is not None else None

    def rate_of(self, body: Mapping[str, Any]) -> float | None:
        """Frames per second, as the body says or by default."""
        told = body.get(self.rate.name, self.rate.default) if self.rate else None
        if isinstance(told, (int, float)) and not isinstance(told, bool) and told > 0:
            return told
        return self.fps

    def read(self, value: object, body: Mapping[str, Any]) -> Seconds | str | None:
        """The seconds that a value of the parameter means; "auto", or None where it can't be told."""
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
    """The parameter for the length, if there is one. told: the model's description.  fps: where documented."""
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
