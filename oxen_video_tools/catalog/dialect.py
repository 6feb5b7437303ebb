"""The common request → the body that one model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .known import Known

if TYPE_CHECKING:
    from ..request import VideoRequest

Path = tuple[str | int, ...]

BOTH_PROMPTS = "Cannot provide both 'prompt' and 'multi_prompt'."
NO_PROMPT = "Either 'prompt' or 'multi_prompt' must be provided."


@dataclass(frozen=True)
class MediaPlace:
    """Where a medium stands in a body.

    path: keys and indexes into the body.  kind: "image", "video" or "audio".  role: "first_frame", "reference", …
    reference: as the request gave it: a URL, a local path, a generation id or a data URI.
    """

    path: Path
    kind: str
    role: str
    reference: str = field(repr=False)


@dataclass(frozen=True)
class Translation:
    """A body for one model, and what is wrong or worth knowing about it."""

    body: dict[str, Any]
    problems: list[str]
    warnings: list[str]
    media: tuple[MediaPlace, ...] = ()


def placed(body: Mapping[str, Any], urls: Mapping[Path, str]) -> dict[str, Any]:
    """The body with other references: `urls` says what stands at which place."""

    def at(value: Any, here: Path) -> Any:
        if here in urls:
            return urls[here]
        if isinstance(value, dict):
            return {key: at(inner, (*here, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [at(inner, (*here, index)) for index, inner in enumerate(value)]
        return value

    filled: dict[str, Any] = at(dict(body), ())
    return filled


def translate(request: VideoRequest, known: Known, *, route: Literal["queue", "sync"] = "queue") -> Translation:
    """The body that says to this model what the request says."""
    words = request.given()
    parameters = words.pop("model_parameters", {})
    if route == "queue":
        words.pop("response_format", None)
    problems = []
    if request.prompt and request.multi_prompt:
        problems.append(BOTH_PROMPTS)
    if not request.prompt and not request.multi_prompt:
        problems.append(NO_PROMPT)
    body = words | {"model": known.id} | parameters
    return Translation(body, problems, [])
