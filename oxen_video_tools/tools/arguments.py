"""The arguments of each tool, as a language model fills them in (`request.py` has the video itself)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from ..errors import invalid_arguments
from ..hub import records as hub_records
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
    unsendable,
    unset,
)
from .calls import read_call


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
    hub_records.Status | None,
    BeforeValidator(_status),
    WithJsonSchema({"type": "string", "enum": list(hub_records.STATUSES)}),
]


class CallArguments(ArgumentModel):
    """The base of every tool's arguments: what a model wrote is read by `calls` before its types are checked.

    tool: whose arguments they are.
    settled: its arguments that are not the model's to say here.
    read_as: what was read otherwise than it was written; no schema shows it, and the answer's warnings tell it.
    """

    tool: ClassVar[str] = ""
    settled: ClassVar[frozenset[str]] = frozenset()

    read_as: SkipJsonSchema[list[str]] = Field(default_factory=list)

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, given: Any, check: ModelWrapValidatorHandler[Any]) -> Any:
        if not (cls.tool and isinstance(given, Mapping)) or unsendable(given):
            return check(given)
        reading = read_call(cls.tool, cls.model_fields.keys(), given, cls.settled)
        problems = list(reading.problems)
        try:
            made = check(reading.values)
        except ValidationError as error:
            if not problems:
                raise
            problems += invalid_arguments(error).problems
            made = None
        if problems or made is None:
            raise PydanticCustomError("refused", "{message}", {"message": " ".join(problems), "problems": problems})
        made.read_as = list(dict.fromkeys([*made.read_as, *reading.notes]))
        return made


class VideoArguments(CallArguments, VideoRequest):
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
    """What `generate_video` takes is taken here, too: max_cost_usd says whether it would be refused."""

    tool = "plan_video"

    take: Take = Field(default_factory=unset, description="As in generate_video.")
    bodies: Flag = Field(default_factory=unset, description="Also show what is sent for each clip.")
    animatic: Flag = Field(default_factory=unset, description="Also render a free preview.")
    max_cost_usd: SkipJsonSchema[Dollars] = Field(default_factory=unset)


class GenerateArguments(VideoArguments):
    tool = "generate_video"

    take: Take = Field(default_factory=unset, description="1 if left out; 2 is another version.")
    max_cost_usd: Dollars = Field(default_factory=unset, description="Most US dollars to spend.")
    wait_seconds: Wait = Field(default_factory=unset, description="Seconds to wait, 0 for none; 45 over MCP, else 900.")
    repository: Text = Field(default_factory=unset, description="Keep it there, too: namespace/name.")


class StillsArguments(CallArguments):
    """What the stills show, in the words of a video."""

    tool = "make_stills"

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


class GetArguments(CallArguments):
    tool = "get_video"

    generation_ids: Names = Field(description="1 to 100 ids.")
    wait_seconds: Wait = Field(default_factory=unset, description="As in generate_video.")


class ListArguments(CallArguments):
    tool = "list_videos"

    status: Status = Field(default_factory=unset, description="Only these. All if left out.")
    model: Text = Field(default_factory=unset, description="Only of this model id, or part of it.")
    since: Text = Field(default_factory=unset, description="today, 24 h or a date.")
    mine: Flag = Field(default_factory=unset, description="Only what was paid for from here.")
    limit: Limit = Field(default_factory=unset, description="1 to 100; 10 if left out, 100 with since.")


class CancelArguments(CallArguments):
    tool = "cancel_video"

    generation_ids: Names = Field(description='Ids; ["all"] for all that run.')


class FindArguments(CallArguments):
    tool = "find_video_models"

    query: Text = Field(default_factory=unset, description="Words to rank by: kling, cheap, anime.")
    needs: Texts = Field(
        default_factory=list,
        description="What it must take, make or be for: text, start_image, input_image, input_video, audio (out), "
        "10 s, 9:16, 4k, under $0.10/s, cast, shots, upscale, lip_sync, extend, retake, reframe, edit, "
        "motion_control, cut_out, depth.",
    )
    model: Text = Field(default_factory=unset, description="One exact id, for all its parameters.")


class InspectArguments(CallArguments):
    tool = "inspect_video"

    videos: Names = Field(description="1 to 9 of them, as in save_video.")


class SaveArguments(CallArguments):
    tool = "save_video"

    videos: Names = Field(description="Ids, URLs or allowed paths, in order; id#t=from,to is a part.")
    filename: Text = Field(default_factory=unset, description="Chosen if left out.")
    transition: Text = Field(default_factory=unset, description="cut (default) or fade.")
    fade_seconds: Wait = Field(default_factory=unset, description="0.5; at most 5.")
    music: Text = Field(default_factory=unset, description="Id, URL or path, under the clips' sound.")
    sound: Text = Field(default_factory=unset, description="Of the clips: keep (default) or mute.")
    captions: Text = Field(default_factory=unset, description="SRT or WebVTT, text or path.")
    burn: Flag = Field(default_factory=unset, description="Draw captions in.")
    upload: Flag = Field(default_factory=unset, description="Give a link, too.")
    wait_seconds: Wait = Field(default_factory=unset, description="As in generate_video.")


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
    gone = frozenset(values.keys() | set(hidden))
    narrow = _subset(arguments, arguments.model_fields.keys() - gone)
    narrow.tool, narrow.settled = arguments.tool, gone  # type: ignore[attr-defined]  # both are CallArguments

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
        arguments.__name__, __base__=CallArguments, __module__=__name__, __doc__=arguments.__doc__, **fields
    )
    return made
