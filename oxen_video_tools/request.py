"""What an agent asks for, in the words of Oxen's own API (Oxen docs, video generation: Request Parameters).

Language models fill in what they were not asked for: `""`, `[]`, `null`, `"null"`, and `0` for a length, a seed or a
count all mean "not given". A list or an object may come as JSON text. Whether a request fits a model is not decided
here but in `catalog`, which names every problem at once.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

NOT_GIVEN = ("", "null", "None", "none")
LONGEST_NAME = 60  # characters of a cast member's name
DEEPEST = 50  # objects and lists inside one another
LARGEST_WHOLE = 10**300  # what every reader of JSON can turn into a number of its own
_HALF = re.compile("[\ud800-\udfff]")
DEFAULT_SECONDS = 5  # Oxen docs: `duration`, and each shot's, default to 5


def unset() -> None:
    """A default that pickles, and that leaves no `default` in the schema a language model sees."""


def _text(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip() in NOT_GIVEN else value


def composed(text: str) -> str:
    """A text as it is compared and sent: "é" as one sign (Unicode NFC), no spaces around it."""
    return unicodedata.normalize("NFC", text).strip()


def _said(value: Any) -> Any:
    value = _text(value)
    return composed(value) if isinstance(value, str) else value


def number(value: Any) -> Any:
    """Also `"5"` and `"5s"`; any 0 means not given."""
    if isinstance(value, str):
        value = value.strip()
        bare = value.removesuffix("s").rstrip()
        value = float(bare) if re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", bare) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value in NOT_GIVEN or (value == 0 and not isinstance(value, bool)) else value


def _parsed(value: Any) -> Any:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):  # RecursionError: a thousand brackets
        return value
    problem = unsendable(found)
    if problem:
        raise PydanticCustomError("unsendable", "{problem}", {"problem": problem})
    return found


def _list(value: Any) -> Any:
    if isinstance(value, str):
        value = _text(value)
        if value and value.lstrip()[:1] in "[{":
            value = _parsed(value)
    if value is None:
        return []
    return [value] if isinstance(value, (str, dict)) else value


def texts(value: Any) -> Any:
    value = _list(value)
    return [item for item in value if item not in NOT_GIVEN] if isinstance(value, list) else value


def _object(value: Any) -> Any:
    value = _text(value)
    value = _parsed(value) if isinstance(value, str) else value
    return {} if value is None or value == [] else value


def _said_always(value: Any) -> Any:
    return composed(value) if isinstance(value, str) else value


Text = Annotated[str | None, BeforeValidator(_said), WithJsonSchema({"type": "string"})]
Reference = Annotated[
    str | None, BeforeValidator(_text), WithJsonSchema({"type": "string"})
]  # a file's name stays as is
Flag = Annotated[bool | None, BeforeValidator(_text), WithJsonSchema({"type": "boolean"})]
Count = Annotated[int | None, BeforeValidator(number), WithJsonSchema({"type": "integer"})]
Seconds = Annotated[int | float | None, BeforeValidator(number), WithJsonSchema({"type": "integer"})]
Texts = Annotated[list[str], BeforeValidator(texts)]
Parameters = Annotated[dict[str, Any], BeforeValidator(_object), WithJsonSchema({"type": "string"})]


def inline_refs(schema: Any, within: dict[str, Any] | None = None) -> Any:
    """A JSON schema as a language model gets it: references filled in, without titles, defaults and closed objects.

    Not every client resolves `$ref` in an MCP tool's schema, and Gemini's converter warns at what it does not know.
    """
    if isinstance(schema, list):
        return [inline_refs(item, within) for item in schema]
    if not isinstance(schema, dict):
        return schema
    within = schema.get("$defs", {}) if within is None else within
    if "$ref" in schema:
        target = within[schema["$ref"].rpartition("/")[2]]
        return inline_refs(target | {key: value for key, value in schema.items() if key != "$ref"}, within)
    return {
        key: {name: inline_refs(field, within) for name, field in value.items()}
        if key == "properties"
        else inline_refs(value, within)
        for key, value in schema.items()
        if key not in ("title", "default", "additionalProperties", "$defs")
    }


def unsendable(value: Any) -> str | None:
    """Why a value can't travel as JSON and come back the same; None where it can. Nothing is said of what it holds."""
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, str) and _HALF.search(one):
                return "a text holds half of a character (a lone surrogate)"
            if isinstance(one, float) and not math.isfinite(one):
                return "a number is not finite"
            if isinstance(one, int) and abs(one) >= LARGEST_WHOLE:
                return "a whole number has more than 300 digits"
            if isinstance(one, Mapping):
                inner += [*one.keys(), *one.values()]
            elif isinstance(one, (list, tuple)):
                inner += one
        if not inner:
            return None
        level = inner
    return f"objects and lists stand inside one another, more than {DEEPEST} deep"


class ArgumentModel(BaseModel):
    """The base of every argument model. Its schema has no references (`inline_refs`)."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _can_be_sent(cls, given: Any) -> Any:
        problem = unsendable(given)
        if problem:
            raise PydanticCustomError("unsendable", "{problem}", {"problem": problem})
        return given

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        schema: dict[str, Any] = inline_refs(super().model_json_schema(*args, **options))
        return schema


def unheaded(model: type[ArgumentModel]) -> dict[str, Any]:
    """A model's schema as an item of a list: the list's own description says what it is."""
    return {key: value for key, value in model.model_json_schema().items() if key != "description"}


def undescribed(model: type[ArgumentModel]) -> dict[str, Any]:
    """The same where another tool of the list describes its fields already."""
    schema = unheaded(model)
    fields = schema["properties"].items()
    bare = {name: {key: value for key, value in field.items() if key != "description"} for name, field in fields}
    return schema | {"properties": bare}


class Shot(ArgumentModel):
    """One shot of a multi-shot video."""

    prompt: Annotated[str, BeforeValidator(_said_always)] = Field(
        description="What the camera shows; up to 512 characters."
    )
    duration: Seconds = Field(default_factory=unset, description="Seconds, 1 to 15; 5 if left out.")
    take: Count = Field(default_factory=unset, description="2 makes this shot anew, and no other.")
    still_take: Count = Field(default_factory=unset, description="The same for its still.")

    @property
    def seconds(self) -> float:
        """Its length, the API's default filled in."""
        return self.duration or DEFAULT_SECONDS


Shots = Annotated[
    list[Shot],
    BeforeValidator(_list),
    WithJsonSchema({"type": "array", "items": unheaded(Shot)}),  # whole, for who does not resolve `$ref`
]


NamedShots = Annotated[
    list[Shot],
    BeforeValidator(_list),
    WithJsonSchema({"type": "array", "items": undescribed(Shot)}),
]


Level = Annotated[
    Literal["draft", "standard", "best"] | None,
    BeforeValidator(_text),
    WithJsonSchema({"type": "string", "enum": ["draft", "standard", "best"]}),
]


def _member_name(value: str) -> str:
    name = value.strip()
    if not name or len(name) > LONGEST_NAME:
        raise ValueError(f"a name has 1 to {LONGEST_NAME} characters")
    return name


class Member(ArgumentModel):
    """Somebody or something that must be recognised from shot to shot: a person, an animal, a product, a place."""

    name: Annotated[str, AfterValidator(_member_name)] = Field(description="Its name in the prompts.")
    look: Text = Field(default_factory=unset, description="What it looks like.")
    images: Texts = Field(default_factory=list, description="Pictures of it.")
    real_face: Flag = Field(default_factory=unset, description="They show a real person.")


def _members(value: Any) -> Any:
    """A member may be a name alone: one that was kept before."""
    value = _list(value)
    return [{"name": one} if isinstance(one, str) else one for one in value] if isinstance(value, list) else value


Cast = Annotated[
    list[Member],
    BeforeValidator(_members),
    WithJsonSchema({"type": "array", "items": unheaded(Member)}),  # whole, for who does not resolve `$ref`
]


NamedCast = Annotated[
    list[Member],
    BeforeValidator(_members),
    WithJsonSchema({"type": "array", "items": undescribed(Member)}),
]


class VideoRequest(ArgumentModel):
    """A video, in the API's own words. `prompt` or `multi_prompt`, not both; everything else is optional."""

    prompt: Text = Field(default_factory=unset, description="The whole video in words. This or multi_prompt.")
    multi_prompt: Shots = Field(default_factory=list, description="The shots of a film, in order.")
    model: Text = Field(default_factory=unset, description="From find_video_models; chosen if left out.")
    duration: Seconds = Field(default_factory=unset, description="Seconds, with prompt; 5 if left out.")
    aspect_ratio: Text = Field(default_factory=unset, description="16:9 (default), 9:16, 1:1.")
    resolution: Text = Field(default_factory=unset, description="720p, 1080p, 4k.")
    input_image: Texts = Field(default_factory=list, description="Reference images: https URL, path or id.")
    start_image: Reference = Field(default_factory=unset, description="First frame; a video means its last.")
    end_image: Reference = Field(default_factory=unset, description="Last frame; a video means its first.")
    input_video: Reference = Field(default_factory=unset, description="Source video.")
    input_audio: Reference = Field(default_factory=unset, description="Source audio.")
    input_videos: Texts = Field(default_factory=list, description="Several source videos.")
    input_audios: Texts = Field(default_factory=list, description="Several source audios.")
    cast: Cast = Field(
        default_factory=list,
        description="Who looks the same in all shots; named in prompts.",
    )
    stills: Flag = Field(default_factory=unset, description="Begin each shot with its still (make_stills).")
    level: Level = Field(default_factory=unset, description="standard if left out.")
    generate_audio: Flag = Field(default_factory=unset, description="Make sound.")
    negative_prompt: Text = Field(default_factory=unset, description="What to avoid.")
    style: Text = Field(default_factory=unset, description="The look (light, lens, grain), for every prompt.")
    continuous: Flag = Field(default_factory=unset, description="One long take: each shot goes on from the last.")
    seed: Count = Field(default_factory=unset, description="Same seed, similar result.")
    num_generations: Count = Field(default_factory=unset, description="Versions to make, 1 to 4; each is paid.")
    response_format: Annotated[
        Literal["url", "b64_json"] | None,
        BeforeValidator(_text),
        WithJsonSchema({"type": "string", "enum": ["url", "b64_json"]}),
    ] = Field(default_factory=unset, description="b64_json saves the file; answers its path.")
    target_namespace: Text = Field(default_factory=unset, description="Who keeps it and pays.")
    model_parameters: Parameters = Field(default_factory=dict, description="Its other parameters, a JSON object.")

    @model_validator(mode="after")
    def _first_of_several(self) -> VideoRequest:
        """One video is `input_video` however it was said; of several it is the first, and the others follow."""
        for one, several in (("input_video", "input_videos"), ("input_audio", "input_audios")):
            given = list(dict.fromkeys(getattr(self, several)))
            if getattr(self, one) is None and given:
                setattr(self, one, given.pop(0))
            setattr(self, several, [rest for rest in given if rest != getattr(self, one)])
        return self

    def given(self) -> dict[str, Any]:
        """Only what was asked for, as plain JSON values."""
        dumped = self.model_dump(mode="json", exclude_none=True)
        return {name: value for name, value in dumped.items() if value not in ([], {})}


class PictureRequest(VideoRequest):
    """A picture as the studio makes it: what a video request says, without time.

    still: it stands for a shot or a member of the cast: the same one is the same whatever model or level it was made
    with, and only another take makes it anew.
    """

    quality: Text = Field(default_factory=unset, description="low, medium or high.")
    still: bool = Field(default=False, description="A still or a sheet.")


class ImageRequest(ArgumentModel):
    """A picture, in one vocabulary for all image models. Only `prompt` is needed by those that draw."""

    prompt: Text = Field(default_factory=unset, description="What the picture shows, or how to change input_image.")
    model: Text = Field(default_factory=unset, description="Id of an image model. Chosen if left out.")
    level: Level = Field(default_factory=unset, description="draft, standard (default) or best: cost and care.")
    input_image: Texts = Field(
        default_factory=list, description="Pictures to keep to or to change: https URL, allowed local path or id."
    )
    aspect_ratio: Text = Field(default_factory=unset, description='"16:9", "9:16", "1:1", …')
    resolution: Text = Field(default_factory=unset, description='"1K", "2K" or "4K".')
    quality: Text = Field(default_factory=unset, description="low, medium or high; follows level if left out.")
    negative_prompt: Text = Field(default_factory=unset, description="What to avoid.")
    seed: Count = Field(default_factory=unset, description="Same seed, similar result.")
    num_generations: Count = Field(default_factory=unset, description="Versions to make, 1 to 4; each is paid.")
    response_format: Annotated[
        Literal["url", "b64_json"] | None,
        BeforeValidator(_text),
        WithJsonSchema({"type": "string", "enum": ["url", "b64_json"]}),
    ] = Field(default_factory=unset, description="b64_json saves the file and answers its path.")
    target_namespace: Text = Field(default_factory=unset, description="Namespace to keep it in and bill.")
    model_parameters: Parameters = Field(
        default_factory=dict, description='The model\'s other parameters, a JSON object: {"output_format": "png"}.'
    )

    def given(self) -> dict[str, Any]:
        """Only what was asked for, as plain JSON values."""
        dumped = self.model_dump(mode="json", exclude_none=True)
        return {name: value for name, value in dumped.items() if value not in ([], {})}
