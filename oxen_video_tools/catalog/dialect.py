"""The common request → the body that one model takes.

Nothing here knows a model by its id: places and forms are derived from the schema (`slots`, `lengths`, `shapes`). A
word without a place is told, together with models that have one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from . import dialect_media, dialect_words
from .adapting import adapt
from .addresses import renumbered
from .cast import Held, address, place
from .checks import check
from .draft import Draft, MediaPlace, Path
from .media import places
from .words import NOT_A_PARAMETER, OF_THE_HUB

if TYPE_CHECKING:
    from ..request import Member, VideoRequest
    from .known import Known
    from .models import Models

__all__ = ["MediaPlace", "Path", "Translation", "placed", "translate"]


@dataclass(frozen=True)
class Translation:
    """A body for one model, and what is wrong or worth knowing about it.

    body: media stand in it as the request gave them; `media` says where.  held: how each member of the cast is held.
    """

    body: dict[str, Any]
    problems: list[str]
    warnings: list[str]
    media: tuple[MediaPlace, ...] = field(default=())
    held: tuple[Held, ...] = field(default=())


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


def translate(
    request: VideoRequest,
    known: Known,
    *,
    route: Literal["queue", "sync"] = "queue",
    models: Models | None = None,
    cast: Sequence[Member] = (),
) -> Translation:
    """The body that says to this model what the request says.

    route: the queue has no inline results, so `response_format` is sent on the blocking route only.
    models: where to look for models that have a place for what this one has none for.
    cast: who may be named in the prompts; those who are get their pictures and addresses.
    """
    draft = Draft(known, request, models)
    _parameters(draft, request)
    dialect_words.place(draft, request)
    dialect_media.place(draft, request)
    members = place(draft, cast) if cast else None
    draft.body |= draft.loose
    _required(draft)
    _of_the_hub(draft, request, route)
    adapt(draft)
    renumbered(draft)
    held = address(members) if members else ()
    draft.findings.add(*check(draft.body, known, said=draft.said, loose=draft.loose).found)
    body = _ordered(draft.body, known)
    media = tuple(places(body, known))
    _doubts(draft, media)
    return Translation(body, draft.findings.problems, draft.findings.warnings, media, held)


def _doubts(draft: Draft, media: Sequence[MediaPlace]) -> None:
    """What can't be told from a schema."""
    if not draft.known.has_schema:
        draft.findings.warning(
            f"What {draft.known.id} takes is not known here: everything is sent as it is, unchecked."
        )
    inline = [place for place in media if place.reference.startswith("data:")]
    if inline:
        face = any(place.role == "reference_face" for place in inline)
        text = "Fields for faces refuse data: URIs." if face else "Not every model reads data: URIs."
        draft.findings.warning(f"{text} A file or an https URL is surer.")


def _parameters(draft: Draft, request: VideoRequest) -> None:
    """`model_parameters` pass as they are, but not what decides who pays and how often."""
    for name, value in request.model_parameters.items():
        if name in NOT_A_PARAMETER and value != "":
            draft.findings.problem(f"{name} does not belong in model_parameters: give it as an argument of its own.")
        elif value is not None:
            draft.loose[name] = dialect_words.as_written(value, draft.known.parameters.get(name))


def _required(draft: Draft) -> None:
    """What the model wants to be told, where its schema says a value for it."""
    for name, parameter in draft.known.parameters.items():
        silent = name not in draft.body and name != "prompt" and name not in OF_THE_HUB
        if parameter.required and parameter.default is not None and silent:
            draft.body[name] = parameter.default


def _of_the_hub(draft: Draft, request: VideoRequest, route: str) -> None:
    if request.num_generations is not None:
        draft.body["num_generations"] = request.num_generations
        if route == "sync" and request.num_generations > 1:
            draft.findings.problem(
                "num_generations: the blocking route makes one video a call. Call once a take, or use the queue."
            )
    if request.target_namespace:
        draft.body["target_namespace"] = request.target_namespace
    if request.response_format and route == "sync":
        draft.body["response_format"] = request.response_format


def _ordered(body: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """The model first, then parameters as its schema orders them, then the rest."""
    first = ["model", "prompt", "multi_prompt"]
    names = dict.fromkeys([*first, *known.parameters, *body])
    return {"model": known.id} | {name: body[name] for name in names if name in body and name != "model"}
