"""Several shots in one job: which models take them, and within which limits.

Only what a schema or a page says counts. On Oxen's pages it is `multi_prompt` of the Kling O3 reference model, with
each limit and the hub's sentence for it (Oxen docs, Kling O3 Pro walkthrough: multi_prompt, Duration Constraints).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .schema import Parameter

if TYPE_CHECKING:
    from ..request import Shot

_NAMES = ("multi_prompt", "multi_prompts", "shots", "multi_shot")
LEAST_SHOT, MOST_SHOT, CHARACTERS = 1, 15, 512  # Oxen docs: each shot, where a model does not say otherwise


@dataclass(frozen=True)
class MultiShot:
    """least, most: seconds of all shots together.  shot_least, shot_most: seconds of one.

    characters: of one shot's prompt.  count: how many shots; None where nothing says so.
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
        """The shots as the body has them; a length that was not given stays the model's own default."""
        return [
            {self.prompt: shot.prompt, **({self.duration: shot.duration} if shot.duration else {})} for shot in shots
        ]

    def fits(self, seconds: Sequence[float]) -> bool:
        """Whether shots of these lengths go into one job."""
        total = sum(seconds)
        within = total >= self.least and (self.most is None or total <= self.most)
        return within and (self.count is None or len(seconds) <= self.count)


def multi_shot(parameters: Mapping[str, Parameter]) -> MultiShot | None:
    """How a model takes several shots; None where nothing says that it does."""
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
