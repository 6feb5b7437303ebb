"""The arguments of each tool, as a language model fills them in (`request.py` has the video itself)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PrivateAttr, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from ..request import (
    NOT_GIVEN,
    ArgumentModel,
    Flag,
    Level,
    NamedCast,
    NamedShots,
    Text,
    Texts,
    VideoRequest,
    number,
    texts,
    unset,
)


def _amount(value: Any) -> Any:
    """Not given is null or empty text; 0 is a real 0 here."""
    return None if value in NOT_GIVEN else value


Number = WithJsonSchema({"type": "number"})
Whole = WithJsonSchema({"type": "integer"})
# Limits stand inside: outside they would be held against null, too.
Dollars = Annotated[Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None, BeforeValidator(_amount), Number]
Wait = Annotated[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None, BeforeValidator(_amount), Number]
Take = Annotated[Annotated[int, Field(ge=1, le=1_000_000)] | None, BeforeValidator(number), Whole]
Limit = Annotated[Annotated[int, Field(ge=1, le=100)] | None, BeforeValidator(number), Whole]


def _named(value: Any) -> Any:
    """Said here and not as a limit in the schema, which not every provider takes."""
    if value in NOT_GIVEN or value == []:
        raise PydanticCustomError("missing", "Field required")
    return value


Name = Annotated[str, BeforeValidator(_named)]
Names = Annotated[
    Annotated[list[str], Field(max_length=100)],
    AfterValidator(_named),
    BeforeValidator(texts),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]


def _status(value: Any) -> Any:
    value = _amount(value)
    return value.strip().lower() if isinstance(value, str) else value


Status = Annotated[
    Literal["queued", "processing", "succeeded", "failed", "cancelled"] | None,
    BeforeValidator(_status),
    WithJsonSchema({"type": "string", "enum": ["queued", "processing", "succeeded", "failed", "cancelled"]}),
]


class VideoArguments(VideoRequest):
    """The video itself, and what a developer has settled of it."""

    _settled: frozenset[str] = PrivateAttr(frozenset())

    @property
    def chose_namespace(self) -> str | None:
        """The namespace that the agent named; one that the developer settled is not the agent's."""
        return None if "target_namespace" in self._settled else self.target_namespace

    @property
    def video(self) -> VideoRequest:
        """The request alone, without what is said about the call."""
        return VideoRequest.model_construct(**{name: getattr(self, name) for name in VideoRequest.model_fields})


class PlanArguments(VideoArguments):
    take: Take = Field(default_factory=unset, description="As in generate_video.")
    bodies: Flag = Field(default_factory=unset, description="Also show what is sent for each clip.")
    animatic: Flag = Field(default_factory=unset, description="Also render a free preview with a contact sheet.")


class GenerateArguments(VideoArguments):
    take: Take = Field(default_factory=unset, description="1 if left out; 2 is another version.")
    max_cost_usd: Dollars = Field(default_factory=unset, description="Spend no more US dollars than this.")
    wait_seconds: Wait = Field(default_factory=unset, description="Seconds to wait, 0 for none; 45 over MCP, else 900.")

    repository: Text = Field(default_factory=unset, description="Keep it there, too: namespace/name.")


class StillsArguments(ArgumentModel):
    """What the stills show, in the words of a video."""

    prompt: Text = Field(default_factory=unset, description="One picture. This or multi_prompt.")
    multi_prompt: NamedShots = Field(default_factory=list, description="As in generate_video.")
    cast: NamedCast = Field(default_factory=list, description="As in generate_video.")
    style: Text = Field(default_factory=unset, description="As in generate_video.")
    aspect_ratio: Text = Field(default_factory=unset, description="16:9 (default).")
    input_image: Texts = Field(default_factory=list, description="Pictures for all, such as a place.")
    level: Level = Field(default_factory=unset, description="standard if left out.")
    model: Text = Field(default_factory=unset, description="An image model.")
    target_namespace: Text = Field(default_factory=unset, description="Who pays.")
    max_cost_usd: Dollars = Field(default_factory=unset, description="As in generate_video.")
    wait_seconds: Wait = Field(default_factory=unset, description="As in generate_video.")

    _settled: frozenset[str] = PrivateAttr(frozenset())

    @property
    def chose_namespace(self) -> str | None:
        """The namespace that the agent named; one that the developer settled is not the agent's."""
        return None if "target_namespace" in self._settled else self.target_namespace

    @property
    def video(self) -> VideoRequest:
        """The request that the stills are for."""
        words = ("prompt", "multi_prompt", "cast", "style", "aspect_ratio", "input_image", "level", "target_namespace")
        return VideoRequest.model_construct(**{name: getattr(self, name) for name in words})


class GetArguments(ArgumentModel):
    generation_ids: Names = Field(description="1 to 100 ids that generate_video or list_videos gave.")
    wait_seconds: Wait = Field(default_factory=unset, description="The same, until all are finished.")


class ListArguments(ArgumentModel):
    status: Status = Field(default_factory=unset, description="Only these. All if left out.")
    model: Text = Field(default_factory=unset, description="Only of this model id.")
    since: Text = Field(default_factory=unset, description="today, 24 h or a date.")
    mine: Flag = Field(default_factory=unset, description="Only what was paid for from here.")
    limit: Limit = Field(default_factory=unset, description="1 to 100; 10 if left out, 100 with since.")


class CancelArguments(ArgumentModel):
    generation_ids: Names = Field(description='Ids of running videos; ["all"] for everything that runs.')


class FindArguments(ArgumentModel):
    query: Text = Field(default_factory=unset, description="Words to rank by: kling, cheap, anime.")
    needs: Texts = Field(
        default_factory=list,
        description="What it must take, make or be for: text, start_image, input_image, input_video, audio (out), "
        "10 s, 9:16, 4k, under $0.10/s, cast, shots, upscale, lip_sync, extend, retake, reframe, edit, "
        "motion_control, cut_out, depth.",
    )
    model: Text = Field(default_factory=unset, description="One exact id, for all its parameters.")


class InspectArguments(ArgumentModel):
    video: Name = Field(description="A generation id, an https URL or an allowed local path.")


class SaveArguments(ArgumentModel):
    videos: Names = Field(
        description="Generation ids, https URLs or allowed local paths, in the order they are joined."
    )
    filename: Text = Field(default_factory=unset, description="Name of the file. Chosen if left out.")
    transition: Text = Field(default_factory=unset, description='"cut" if left out, or "fade".')


Filled = Callable[[BaseModel], BaseModel]


def fix_arguments(arguments: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    """Values that a developer settles, checked alone. Raises pydantic's ValidationError for one that does not fit."""
    unknown = values.keys() - arguments.model_fields.keys()
    if unknown:
        raise TypeError(f"{arguments.__name__} has no {', '.join(sorted(unknown))}")
    return _subset(arguments, values.keys()).model_validate(dict(values))


def without(arguments: type[BaseModel], values: Mapping[str, Any], hidden: Collection[str]) -> tuple[Any, Filled]:
    """The same arguments less those that are settled or hidden: an agent neither sees nor sets them.

    Also what makes them whole again.
    """
    fixed = fix_arguments(arguments, values)
    given = {name: getattr(fixed, name) for name in values}
    narrow = _subset(arguments, arguments.model_fields.keys() - values.keys() - set(hidden))

    def filled(request: BaseModel) -> BaseModel:
        asked = {name: getattr(request, name) for name in narrow.model_fields}
        whole = arguments.model_validate(asked | given)
        if isinstance(whole, (VideoArguments, StillsArguments)):
            whole._settled = frozenset(given)
        return whole

    return narrow, filled


def _subset(arguments: type[BaseModel], names: Collection[str]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in arguments.model_fields.items() if name in names
    }
    made: type[BaseModel] = create_model(
        arguments.__name__, __base__=ArgumentModel, __module__=__name__, __doc__=arguments.__doc__, **fields
    )
    return made
