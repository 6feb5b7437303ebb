"""One model: the hub's record, what Oxen's pages add to it, and what follows from both."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from . import schema
from .dimensions import Frame, Length, MultiShot, PromptShots, frame, length, multi_shot
from .schema import MediaParameter, Parameter, Rule, media_parameter, merge_schemas, rules

if TYPE_CHECKING:
    from ..hub.records import Pricing, VideoModel
    from .schema import MediaParameter


_SOUNDS = re.compile(
    r"(?<!optional )\b(native|synchroni[sz]ed|synced|matching) (\w+[ -]){0,2}audio\b"
    r"|\bwith audio\b|\bgenerates? audio\b",
    re.I,
)
_LINK = re.compile(r"https?://\S+")
ABOUT = 60  # characters: a description shorter than that is but a title
_AUDIO_FLAGS = ("generate_audio", "enable_audio", "with_audio", "audio", "sound")


@dataclass(frozen=True)
class ModelInfo:
    """A model. Its facts are computed on first use and cached.

    listed: the current list of models contains it.
    live: that list was read from the hub; otherwise it is the bundled snapshot.
    bundled: the model's schema in the snapshot, for what the live record omits.
    """

    model: VideoModel
    listed: bool = True
    live: bool = False
    bundled: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return self.model.id

    @property
    def name(self) -> str:
        """Its display name."""
        return self.model.name

    @cached_property
    def page(self) -> Mapping[str, Any]:
        """What Oxen's pages state about it and its schema omits."""
        return schema.page(self.id)

    @property
    def schema_is_live(self) -> bool:
        """Whether its parameters come from the live list, so that a mismatch is certain to be an error."""
        return self.live and self.model.request_schema is not None

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """Its parameters by name, in the order of the schema."""
        return merge_schemas(self.model.request_schema, self.bundled, self.page, live=self.live)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Rules between parameters."""
        return rules(self.model.request_schema, self.bundled, self.page, live=self.live)

    @property
    def has_schema(self) -> bool:
        """Whether any of its parameters are known."""
        return bool(self.parameters)

    @cached_property
    def about(self) -> str:
        """Its description, as Oxen writes it."""
        told = _LINK.sub("", self.model.description or "").strip()
        page: str = self.page.get("about", "")
        return page if page and (not self.live or len(told) < ABOUT) else told or page

    @cached_property
    def slots(self) -> tuple[MediaParameter, ...]:
        """The parameters that take media, in order."""
        items = self.page.get("items", {})
        found = (media_parameter(parameter, items) for parameter in self.parameters.values())
        return tuple(one for one in found if one is not None)

    def slot(self, kind: str, *roles: str) -> MediaParameter | None:
        """The first media parameter of this kind with one of these roles. Earlier roles are preferred."""
        return next((one for role in roles for one in self.slots if one.kind == kind and one.role == role), None)

    @cached_property
    def length(self) -> Length | None:
        """Its parameter for the duration; None if it has none."""
        fps = self.page.get("fps", {}).get("value")
        return length(self.parameters, f"{self.about} {self.model.description or ''}", fps)

    @cached_property
    def frame(self) -> Frame:
        """Its parameters for aspect ratio and resolution."""
        return frame(self.parameters)

    @cached_property
    def audio_flag(self) -> Parameter | None:
        """The parameter that switches sound on and off; None if it has none."""
        return next(
            (
                self.parameters[name]
                for name in _AUDIO_FLAGS
                if name in self.parameters and self.parameters[name].is_flag
            ),
            None,
        )

    @cached_property
    def sound(self) -> Literal["always", "on request"] | None:
        """Whether it makes sound; None if nothing says so."""
        if self.audio_flag is not None:
            return "on request"
        told = f"{self.about} {self.model.description or ''}"
        return "always" if "audio" in self.model.outputs or _SOUNDS.search(told) else None

    @cached_property
    def multi_shot(self) -> MultiShot | None:
        """Its parameter for several shots in one job; None if neither its schema nor a page has one."""
        return multi_shot(self.parameters)

    @property
    def shots_in_prompt(self) -> PromptShots | None:
        """How its prompt takes several shots as timed lines; None where no page says that it does."""
        told = self.page.get("shots_in_prompt")
        return None if told is None else PromptShots(told["line"], told["confirmed"])

    @property
    def most_characters(self) -> int | None:
        """Of its prompt; None where nothing says so."""
        prompt = self.parameters.get("prompt")
        most = prompt and (prompt.limits.get("max_characters") or prompt.spec.get("maxLength"))
        return most if isinstance(most, int) else None

    @cached_property
    def needs_prompt(self) -> bool:
        """Whether it needs a prompt."""
        prompt = self.parameters.get("prompt")
        return (prompt is not None and prompt.required) or self.multi_shot is not None or not self.has_schema

    @property
    def pricing(self) -> Pricing | None:
        """Its prices; None without the live list, because others may be out of date."""
        return self.model.pricing if self.live else None

    def takes(self, kind: str) -> bool:
        """Whether it takes "text", "image", "video" or "audio"."""
        if kind == "text":
            return "prompt" in self.parameters or not self.has_schema
        return any(one.kind == kind for one in self.slots)


# The arguments of `VideoRequest`, and the parameters of a model that they belong to.

# Every model takes these beside its own parameters (Oxen docs, video generation and async queue: Request Parameters).
OF_THE_HUB = ("model", "response_format", "num_generations", "target_namespace", "target_repo", "target_directory")
# These decide who pays, for what and how often. They are refused in `model_parameters`, which nothing checks.
NOT_A_PARAMETER = ("model", "prompt", "multi_prompt", "num_generations", "target_namespace", "response_format")
# So is what decides where a result goes or who is notified, in any spelling and at any depth.
_ELSEWHERE = re.compile(
    r"target(repo|repository|directory|dir|folder|path|branch|namespace)s?"
    r"|webhook|callback|apikey|authtoken|accesstoken|authorization|bearer"
)


def misplaced(parameters: Mapping[str, Any]) -> list[str]:
    """The names in `model_parameters` that are not allowed there."""
    found = {name for name, value in parameters.items() if _bare(name) in _OWN_ARGUMENTS and value != ""}
    level: list[Any] = [parameters]
    while level:
        inner: list[Any] = []
        for one in level:
            if isinstance(one, Mapping):
                found |= {name for name in one if _ELSEWHERE.search(_bare(name))}
            if isinstance(one, (Mapping, list)):
                inner += one.values() if isinstance(one, Mapping) else one
        level = inner
    return sorted(found)


def _bare(name: str) -> str:
    """A name in a form in which `Target-Repo`, `targetRepo` and `TARGET_REPO` are equal."""
    return "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if one.isalnum())


_OWN_ARGUMENTS = frozenset(map(_bare, NOT_A_PARAMETER))

# For each argument: the kind and roles of the media parameters that it may go to, best first.
ROLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "start_image": ("image", ("first_frame", "keyframes")),
    "end_image": ("image", ("last_frame", "keyframes")),
    "input_image": ("image", ("reference", "keyframes", "first_frame", "elements", "reference_face")),
    "input_video": ("video", ("source", "reference", "reference_face")),
    "input_audio": ("audio", ("driving_audio", "reference")),
}
MEDIA = tuple(ROLES)

# Parameter names for models of unknown schema: those that Oxen's pages and most models use.
AT_THE_HUB = {"start_image": "input_image", "end_image": "tail_image_url"}
BESIDE_PICTURES = "start_image_url"  # the first frame, where `input_image` holds references


def slots_for(info: ModelInfo, word: str) -> list[MediaParameter]:
    """The media parameters that this argument may go to, best first."""
    kind, roles = ROLES[word]
    return [one for role in roles for one in info.slots if one.kind == kind and one.role == role]


def has_place(info: ModelInfo, word: str) -> bool:
    """Whether the model has a parameter for an argument of the request."""
    if word in ROLES:
        return bool(slots_for(info, word))
    frame = info.frame
    places: dict[str, Any] = {
        "prompt": info.takes("text"),
        "multi_prompt": info.multi_shot,
        "duration": info.length,
        "aspect_ratio": frame.aspect or frame.sizes or frame.in_pixels,
        "resolution": frame.resolution or frame.in_pixels,
        "generate_audio": info.sound,
    }
    return bool(places[word]) if word in places else word in info.parameters


def word_for(slot: MediaParameter) -> str:
    """The argument of the request that goes to this media parameter; its own name if there is none."""
    for word, (kind, roles) in ROLES.items():
        if slot.kind == kind and slot.role in roles and slot.role != "keyframes":
            return word
    return "input_image" if slot.role == "keyframes" else slot.name
