"""The body of a request while it is being built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .findings import Findings, listing

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .catalog import ModelList
    from .model_info import ModelInfo
    from .schema import MediaParameter


Path = tuple[str | int, ...]


@dataclass(frozen=True)
class MediaPlace:
    """Where a medium stands in a body.

    path: keys and indexes into the body.
    kind: "image", "video" or "audio".
    role: "first_frame", "reference", …
    reference: as the request gave it: a URL, a local path, a generation id or a data URI.
    limits: what the model requires of the medium, for `validate.unsuitable_media`.
    """

    path: Path
    kind: str
    role: str
    reference: str = field(repr=False)
    limits: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Addressed:
    """A medium that a prompt may name: the number-th of this word in the request stands at `index` of `slot`."""

    word: str
    number: int
    slot: MediaParameter
    index: int


@dataclass
class BodyBuilder:
    """Builds a body, and collects findings.

    models: among which alternatives are suggested.
    body: the fields so far.
    passthrough: the fields of `model_parameters`, which win over translated ones.
    said: for each field, the argument that it came from and the argument's value.
    addressed: where each medium went.
    """

    info: ModelInfo
    request: VideoRequest
    models: ModelList | None = None
    body: dict[str, Any] = field(default_factory=dict)
    passthrough: dict[str, Any] = field(default_factory=dict)
    said: dict[str, tuple[str, object]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    addressed: list[Addressed] = field(default_factory=list)

    def put(self, name: str, value: Any, word: str, said: object) -> None:
        """Set a parameter of the model, unless `model_parameters` set it already."""
        self.said[name] = (word, said)
        if name in self.passthrough and self.passthrough[name] != value:
            self.findings.warning(f"{word} and model_parameters.{name} differ: {name} is taken.")
        self.body[name] = value

    def unsupported(self, word: str, value: object, name: str | None = None, why: str = "") -> None:
        """Report an argument that the model has no parameter for: a problem if its live schema says so, else a warning.

        name: what the hub calls it, if that differs.
        why: a more exact reason.
        """
        info = self.info
        self.said[name or word] = (word, value)
        if info.schema_is_live:
            others = self.models.instead_of(info, word, self.request) if self.models else []
            instead = f" Leave it out, or use {listing(others)}." if others else " Leave it out."
            self.findings.problem(f"{word} has no place in {info.id}{why}.{instead}")
            return
        self.body[name or word] = value
        if info.has_schema:
            called = f" as {name}" if name and name != word else ""
            self.findings.warning(f"{word} has no place in {info.id}, as far as is known here; it is sent{called}.")


# References to media in prompts: `@Image1`, `Image 1`, `@Element1`, `@FirstFrame`.
#
# A request counts its own media: Image 1 is the first `input_image`. Each model has its own way to write it and
# its own counting (Seedance counts faces first, Gemini calls the first frame @FirstFrame, elements are counted
# apart). The way is read from the descriptions; where none tells it, prompts stay as they are.

_STYLE = r"(?P<before>@|<+|\[)?(?P<noun>{noun})(?P<gap>[ _]?)1(?P<after>>+|\])?(?![\w])"
_NAMED = re.compile(r"(?P<at>@)?\b(?P<noun>image|video|audio|element)(?:[ _]?)(?P<number>\d{1,2})\b", re.I)
_FIRST_FRAME = re.compile(r"@(?:first_?frame|start_?(?:frame|image))\b", re.I)
_NOUNS = {"image": "input_image", "video": "input_video", "audio": "input_audio"}
_COUNTED = ("reference_face", "reference", "source", "driving_audio")  # faces first (Oxen docs, Seedance 2.0)


def reference_style(info: ModelInfo, noun: str) -> str | None:
    """How this model's prompts name the n-th image (video, audio, element): "@Image{n}"; None if unknown."""
    told = _own_pattern(info, noun)
    if told:
        return told
    pattern = re.compile(_STYLE.format(noun=noun), re.I)
    for text in _prompt_texts(info):
        found = pattern.search(text)
        if found and (found["before"] or found["noun"][0].isupper()):
            return f"{found['before'] or ''}{found['noun']}{found['gap']}{{n}}{found['after'] or ''}"
    return None


def _own_pattern(info: ModelInfo, noun: str) -> str | None:
    """`x-media-references` of a live prompt: `{"pattern": "Image {n}"}`, alone or by kind."""
    prompt = info.parameters.get("prompt")
    told = prompt.spec.get("x-media-references") if prompt else None
    for one in (told, *(told.values() if isinstance(told, dict) else ())):
        pattern = one.get("pattern") if isinstance(one, dict) else one
        if isinstance(pattern, str) and pattern.count("{n}") == 1 and noun in pattern.lower():
            return pattern if pattern.replace("{n}", "").count("{") == 0 else None
    return None


def _prompt_texts(info: ModelInfo) -> Iterator[str]:
    prompt = info.parameters.get("prompt")
    yield prompt.description if prompt else ""
    told = prompt.spec.get("x-addressing") if prompt else None
    yield told if isinstance(told, str) else ""
    yield from (slot.parameter.description for slot in info.slots)
    yield info.about


def renumber_references(draft: BodyBuilder) -> None:
    """Rewrite the references in the body's prompts in the way that the model expects."""
    if not draft.info.slots:
        return
    several = draft.info.multi_shot.name if draft.info.multi_shot else None
    prompt = draft.body.get("prompt")
    if isinstance(prompt, str):
        draft.body["prompt"] = _rewritten(prompt, draft)
    shots = draft.body.get(several) if several else None
    if isinstance(shots, list) and draft.info.multi_shot is not None:
        key = draft.info.multi_shot.prompt
        draft.body[several or ""] = [_references_of_shot(shot, key, draft) for shot in shots]


def _references_of_shot(shot: Any, key: str, draft: BodyBuilder) -> Any:
    words = shot.get(key) if isinstance(shot, dict) else None
    return {**shot, key: _rewritten(words, draft)} if isinstance(words, str) else shot


def _rewritten(prompt: str, draft: BodyBuilder) -> str:
    def named(found: re.Match[str]) -> str:
        noun, number = found["noun"].lower(), int(found["number"])
        if not found["at"] and not found["noun"][0].isupper():
            return found[0]  # "the image 1 m above the ground" names nothing
        name = _reference_name(noun, number, bool(found["at"]), draft)
        if name is not None and _digits(name) not in (None, number):
            draft.findings.warning(f"{found[0]} in the prompt is {name} for {draft.info.id}.")
        return found[0] if name is None else name

    def first(found: re.Match[str]) -> str:
        place = next((one for one in draft.addressed if one.word == "start_image"), None)
        return (address_of(place, draft) if place else None) or found[0]

    return _NAMED.sub(named, _FIRST_FRAME.sub(first, prompt))


def _digits(name: str) -> int | None:
    digits = re.search(r"\d+", name)
    return int(digits[0]) if digits else None


def _reference_name(noun: str, number: int, surely: bool, draft: BodyBuilder) -> str | None:
    """The model's name for the medium that a prompt names; None if the text is to stay as it is."""
    if noun == "element":
        told = reference_style(draft.info, "element")
        return told.format(n=number) if told else None
    place = _meant(noun, number, draft)
    if place is not None:
        return address_of(place, draft)
    kind_in_parameters = any(slot.kind == noun and slot.name in draft.passthrough for slot in draft.info.slots)
    if surely and not kind_in_parameters:
        draft.findings.warning(f"The prompt names @{noun.capitalize()}{number}, and there is no such {noun}.")
    return None


def _meant(noun: str, number: int, draft: BodyBuilder) -> Addressed | None:
    """The medium that a request means by this name. Without references, pictures are counted from the first frame."""
    of = [one for one in draft.addressed if one.word == _NOUNS[noun]]
    if not of and noun == "image":
        of = [one for word in ("start_image", "end_image") for one in draft.addressed if one.word == word]
        return of[number - 1] if 0 < number <= len(of) else None
    return next((one for one in of if one.number == number), None)


def address_of(place: Addressed, draft: BodyBuilder) -> str | None:
    """The name of a medium of the body in the model's prompts; None if unknown."""
    slot = place.slot
    if slot.role == "elements":
        told = reference_style(draft.info, "element")
        return told.format(n=place.index + 1) if told else None
    if slot.role in ("first_frame", "last_frame"):
        return _frame_name(draft.info, slot)
    told = reference_style(draft.info, slot.kind) if slot.role in _COUNTED else None
    return told.format(n=_before(slot, draft) + place.index + 1) if told else None


def _frame_name(info: ModelInfo, slot: MediaParameter) -> str | None:
    pattern = re.compile(r"@(?:First|Start)\w*" if slot.role == "first_frame" else r"@(?:Last|End|Tail)\w*")
    return next((found[0] for text in _prompt_texts(info) if (found := pattern.search(text))), None)


def _before(slot: MediaParameter, draft: BodyBuilder) -> int:
    """How many media of this kind the model counts before those of this slot."""
    same = [one for one in draft.info.slots if one.kind == slot.kind and one.role in _COUNTED]
    same.sort(key=lambda one: _COUNTED.index(one.role))
    return sum(_count_references(draft.body.get(one.name)) for one in same[: same.index(slot)])


def _count_references(value: Sequence[Any] | str | None) -> int:
    return len(value) if isinstance(value, list) else int(bool(value))
