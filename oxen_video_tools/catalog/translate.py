"""The common request → the body that one model takes.

No model is known here by its id: parameters and their values are derived from the schema (`media_parameters`,
`dimensions`). An argument that the model has no parameter for is reported, with models that have one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..redaction import visible
from .body_builder import Addressed, BodyBuilder, MediaPlace, Path, renumber_references
from .cast import Held, address, place
from .dimensions import AUTO, is_free, lines, nearest_ratios, ratio, same_ratio, same_resolution, same_word
from .findings import listing
from .model_info import AT_THE_HUB, BESIDE_PICTURES, NOT_A_PARAMETER, OF_THE_HUB, ROLES, misplaced, slots_for
from .pricing import follows_its_input
from .rules import RuleContext, among, read_condition
from .schema import holds_a_link
from .validate import BOTH_PROMPTS, DEFAULT_SECONDS, as_number, check, fitting_lengths

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .body_builder import BodyBuilder
    from .catalog import ModelList
    from .model_info import ModelInfo
    from .schema import MediaParameter, Parameter

__all__ = ["MediaPlace", "Path", "Translation", "put_urls", "translate"]


# The API's defaults, written into a body: 5 seconds, 16:9, silent (Oxen docs, video generation: Request
# Parameters).
#
# A default is sent if the model has a parameter for it and offers the value, so that the result does not depend on the
# model's own default. If it does not offer the value, its own default is sent, with a warning.

DEFAULT_RATIO = "16:9"
_PICTURES = ("start_image", "end_image", "input_image", "input_video")


def fill_defaults(draft: BodyBuilder) -> None:
    """Write the defaults that the request leaves open into the body of `draft`."""
    _fill_length(draft)
    _fill_ratio(draft)
    _fill_sound(draft)


def _fill_length(draft: BodyBuilder) -> None:
    length, request = draft.info.length, draft.request
    if length is None or length.name in draft.body or request.multi_prompt or request.duration is not None:
        return
    medium = request.input_video or request.input_audio
    if follows_its_input(draft.body, draft.info) or (medium and length.default in (AUTO, None)):
        return  # the duration is the input's
    values: list[Any] = []
    if length.offers(DEFAULT_SECONDS):
        values.append(length.say(DEFAULT_SECONDS, draft.body))
    values.append(length.parameter.default)
    values += [length.say(one, draft.body) for one in sorted(length.choices, key=lambda one: abs(one - 5))]
    sent = _first_that_fits(draft, ({length.name: value} for value in values if value is not None))
    if sent is None:
        return
    seconds = length.read(sent[length.name], draft.body)
    if isinstance(seconds, (int, float)) and abs(seconds - DEFAULT_SECONDS) > 0.5:
        told = f"{length.name}={sent[length.name]} is sent: {draft.info.id} does not make 5 s, the default, here."
        draft.findings.warning(told)


def _fill_ratio(draft: BodyBuilder) -> None:
    info, frame, request = draft.info, draft.info.frame, draft.request
    if request.aspect_ratio or any(getattr(request, word) for word in _PICTURES):
        return  # the aspect ratio is the input's
    if any(slot.name in draft.body for slot in info.slots if slot.kind in ("image", "video")):
        return
    if frame.in_pixels and frame.width is not None and frame.height is not None:
        size = frame.pixels(DEFAULT_RATIO, None)
        if size is not None and not {frame.width.name, frame.height.name} & draft.body.keys():
            _first_that_fits(draft, [{frame.width.name: size[0], frame.height.name: size[1]}])
        return
    parameter = frame.aspect or frame.sizes
    if parameter is None or parameter.name in draft.body or not frame.ratios:
        return
    own = parameter.default
    wide = ratio(own) is not None and ratio(own) == ratio(DEFAULT_RATIO)
    offered = own if wide else same_ratio(DEFAULT_RATIO, frame.ratios)
    values = [offered, own, *nearest_ratios(DEFAULT_RATIO, frame.ratios)]
    sent = _first_that_fits(draft, ({parameter.name: value} for value in values if value is not None))
    if sent is not None and sent[parameter.name] != offered:
        value = sent[parameter.name]
        draft.findings.warning(f"{parameter.name}={value} is sent: {info.id} does not make 16:9, the default.")


def _fill_sound(draft: BodyBuilder) -> None:
    info, request = draft.info, draft.request
    if request.generate_audio is not None:
        return
    if info.audio_flag is not None:
        if info.audio_flag.name not in draft.body and not request.input_audio:
            _first_that_fits(draft, [{info.audio_flag.name: False}, {info.audio_flag.name: True}])
    elif info.sound == "always":
        draft.findings.warning(f"{info.id} always makes sound; it has no way to switch it off.")


def _first_that_fits(draft: BodyBuilder, candidates: Iterator[Mapping[str, Any]] | list[Mapping[str, Any]]) -> Any:
    """Add the first of these to the body that causes no new finding. Returns what was added, or None."""
    before = _said_of(draft, draft.body)
    for fields in candidates:
        if _said_of(draft, {**draft.body, **fields}) <= before:
            draft.body.update(fields)
            return fields
    return None


def _said_of(draft: BodyBuilder, body: Mapping[str, Any]) -> set[str]:
    found = check(body, draft.info, said=draft.said, passthrough=draft.passthrough).found
    return {finding.text for finding in found if " needs " not in finding.text}


# The arguments of a request except for media: prompts, duration, aspect ratio, resolution, sound.

_FOLLOWS_ITS_INPUT = re.compile(r"match_.*(length|duration)")
_ALSO_CALLED = {"negative_prompt": ("negative_prompt", "neg_prompt"), "seed": ("seed", "random_seed")}


def write_words(draft: BodyBuilder, request: VideoRequest) -> None:
    """Write the request's words into the body."""
    _prompts(draft, request)
    _length(draft, request)
    _shape(draft, request.aspect_ratio, request.resolution)
    _sound(draft, request.generate_audio)
    for word, names in _ALSO_CALLED.items():
        value = getattr(request, word)
        if value is not None:
            name = next((name for name in names if name in draft.info.parameters), None)
            if name is None:
                draft.unsupported(word, value)
            else:
                draft.put(name, value, word, value)


def as_written(value: Any, parameter: Parameter | None) -> Any:
    """A value as the schema writes it: an enum in its own letter case, a number as a number."""
    if parameter is None or not isinstance(value, str):
        return value
    if parameter.is_number:
        return as_number(value)
    same = same_word(value, parameter.enum)
    return value if same is None else same


def _prompts(draft: BodyBuilder, request: VideoRequest) -> None:
    info = draft.info
    if request.prompt and info.takes("text"):
        draft.put("prompt", request.prompt, "prompt", request.prompt)
    elif request.prompt:
        draft.unsupported("prompt", request.prompt)
    if not request.multi_prompt:
        return
    if request.prompt:
        draft.findings.problem(BOTH_PROMPTS)
    elif info.multi_shot is not None:
        draft.put(info.multi_shot.name, info.multi_shot.say(request.multi_prompt), "multi_prompt", "shots")
    else:
        shots = [shot.model_dump(exclude_none=True, include={"prompt", "duration"}) for shot in request.multi_prompt]
        draft.unsupported("multi_prompt", shots)


def _length(draft: BodyBuilder, request: VideoRequest) -> None:
    seconds = request.duration
    if seconds is None:
        return
    if request.multi_prompt:
        total = sum(shot.seconds for shot in request.multi_prompt)
        if seconds != total:
            text = (
                f"duration={seconds:g} beside multi_prompt: the shots are {total:g} s long in all. Leave duration out."
            )
            draft.findings.problem(text)
        return
    length = draft.info.length
    if length is None:
        draft.unsupported("duration", seconds, why=_follows(draft, "length"))
        return
    value = length.say(seconds, draft.passthrough)
    if value is None and length.frames:
        text = f"duration={seconds:g}: {draft.info.id} counts frames. Give {length.name} in model_parameters."
        if length.rate_of(draft.passthrough):
            text = f"duration={seconds:g}: {fitting_lengths(length, seconds, draft.passthrough)}."
        draft.findings.problem(text, certain=draft.info.schema_is_live)
        return
    draft.put(length.name, seconds if value is None else value, "duration", seconds)
    for name, parameter in draft.info.parameters.items():
        if parameter.is_flag and parameter.default is True and _FOLLOWS_ITS_INPUT.fullmatch(name):
            draft.put(name, False, "duration", seconds)


def _follows(draft: BodyBuilder, what: str) -> str:
    """Why a model has no parameter for it, in words."""
    if draft.info.slot("video", "source"):
        return f" (its {what} follows input_video)"
    if what == "shape" and draft.info.slot("image", "first_frame"):
        return " (its shape follows the first frame)"
    return ""


def _shape(draft: BodyBuilder, aspect: str | None, resolution: str | None) -> None:
    frame = draft.info.frame
    if frame.in_pixels and (aspect or resolution):
        _pixels(draft, None if aspect and is_free(aspect) else aspect, resolution)
        return
    parameter = frame.aspect or frame.sizes
    if aspect and parameter is None:
        draft.unsupported("aspect_ratio", aspect, why=_follows(draft, "shape"))
    elif aspect and parameter is not None:
        same = same_ratio(aspect, parameter.enum)
        draft.put(parameter.name, aspect if same is None else same, "aspect_ratio", aspect)
    if resolution:
        _resolution(draft, resolution)


def _resolution(draft: BodyBuilder, resolution: str) -> None:
    frame = draft.info.frame
    if frame.resolution is not None:
        same = same_resolution(resolution, frame.resolution.enum)
        draft.put(frame.resolution.name, resolution if same is None else same, "resolution", resolution)
        return
    size = same_word(resolution, frame.sizes.enum) if frame.sizes else None
    if frame.sizes is None or size is None:
        draft.unsupported("resolution", resolution)
    else:
        draft.put(frame.sizes.name, size, "resolution", resolution)


def _pixels(draft: BodyBuilder, aspect: str | None, resolution: str | None) -> None:
    frame = draft.info.frame
    if frame.width is None or frame.height is None or not (aspect or resolution):
        return
    size = frame.pixels(aspect, resolution)
    word, said = ("resolution", resolution) if resolution else ("aspect_ratio", aspect)
    if size is None:
        wrong = f"{word}={said}: give width and height in model_parameters, or 16:9 and 480p."
        draft.findings.problem(wrong, certain=draft.info.schema_is_live)
        return
    draft.put(frame.width.name, size[0], word, said)
    draft.put(frame.height.name, size[1], word, said)


def _sound(draft: BodyBuilder, wanted: bool | None) -> None:
    info = draft.info
    if wanted is None:
        return
    if info.audio_flag is not None:
        draft.put(info.audio_flag.name, wanted, "generate_audio", wanted)
    elif info.sound == "always":
        if not wanted:
            draft.findings.warning(f"{info.id} always makes sound; it has no way to switch it off.")
    elif wanted or not info.has_schema:
        draft.unsupported("generate_audio", wanted)


# Where the media of a request go: each to the parameter with the same meaning.
#
# `input_image` holds references. They go first to a required picture that nothing else fills (image-to-video models
# call their first frame so), then to reference parameters, keyframes, a free first frame, and elements.

Medium = tuple[str, int, str]  # the request's word, its number there, the reference


def write_media(draft: BodyBuilder, request: VideoRequest) -> None:
    """Write the request's media into the body."""
    start = [("start_image", 1, request.start_image)] if request.start_image else []
    end = [("end_image", 1, request.end_image)] if request.end_image else []
    pictures = [("input_image", number, one) for number, one in enumerate(request.input_image, 1)]
    _frames(draft, start, pictures, end)
    _several(draft, "input_video", [request.input_video, *request.input_videos])
    _several(draft, "input_audio", [request.input_audio, *request.input_audios])


def _frames(draft: BodyBuilder, start: list[Medium], pictures: list[Medium], end: list[Medium]) -> None:
    keyframes = draft.info.slot("image", "keyframes")
    strip: tuple[list[Medium], list[Medium]] = ([], [])
    for media, role, at in ((start, "first_frame", 0), (end, "last_frame", 1)):
        for medium in media:
            slot = draft.info.slot("image", role)
            if slot is not None:
                _fill(draft, slot, [medium])
            elif keyframes is not None:
                strip[at].append(medium)
            else:
                _unsupported(draft, medium)
    pictures = _write_references(draft, pictures)
    if keyframes is not None and (strip[0] or strip[1] or pictures):
        if strip[1] and not strip[0] and not pictures:
            text = f"end_image alone: in {draft.info.id} a single picture starts the video. Give start_image too."
            draft.findings.problem(text, certain=draft.info.schema_is_live)
        _fill(draft, keyframes, [*strip[0], *pictures, *strip[1]])


def _write_references(draft: BodyBuilder, pictures: list[Medium]) -> list[Medium]:
    """Place references. Returns those that become keyframes."""
    if not pictures:
        return []
    count = len(pictures)
    used = {*draft.body, *draft.passthrough}
    free = [slot for slot in slots_for(draft.info, "input_image") if slot.name not in used]
    if not free:
        said = [slot for slot in slots_for(draft.info, "input_image") if slot.name in draft.passthrough]
        if said and said[0].role == "keyframes":
            return pictures
        if said:
            _fill(draft, said[0], _taken(said[0], pictures))
        else:
            _no_references(draft, pictures)
        return []
    for slot in _in_turn(free):
        if not pictures:
            return []
        if slot.role == "keyframes":
            return pictures
        taken = _taken(slot, pictures)
        _fill(draft, slot, taken)
        pictures = pictures[len(taken) :]
        if slot.role not in ("reference", "first_frame") or not _more(slot, pictures, free):
            break
    if pictures:
        takes = f"{count - len(pictures)} picture{'s' * (count - len(pictures) != 1)}"
        text = f"input_image holds {count} pictures, {draft.info.id} takes {takes}. Leave {len(pictures)} out."
        draft.findings.problem(text, certain=draft.info.schema_is_live)
    return []


def _taken(slot: MediaParameter, pictures: list[Medium]) -> list[Medium]:
    return pictures if slot.many else pictures[:1]


def _in_turn(free: list[MediaParameter]) -> list[MediaParameter]:
    """Media parameters in the order to fill them: a required single picture comes first."""
    needed = [slot for slot in free if slot.required and not slot.many]
    return needed + [slot for slot in free if slot not in needed]


def _more(slot: MediaParameter, left: Sequence[Medium], free: Sequence[MediaParameter]) -> bool:
    """Whether the remaining pictures go to this parameter: to a list of references, never to a first frame."""
    return bool(left) and slot.required and any(one.role == "reference" and one is not slot for one in free)


def _several(draft: BodyBuilder, word: str, references: Sequence[str | None]) -> None:
    """Place videos or sounds: one at its best parameter, several at one that takes a list."""
    media: list[Medium] = [(word, number, one) for number, one in enumerate(references, 1) if one]
    slots = slots_for(draft.info, word)
    if not media:
        return
    if not slots:
        for medium in media:
            _unsupported(draft, medium)
        return
    slot = slots[0] if len(media) == 1 else next((one for one in slots if one.many), slots[0])
    _fill(draft, slot, _taken(slot, media))
    if not slot.many and len(media) > 1:
        left = len(media) - 1
        text = f"{word}s holds {len(media)}, {draft.info.id} takes one. Leave {left} out."
        draft.findings.problem(text, certain=draft.info.schema_is_live)


def _fill(draft: BodyBuilder, slot: MediaParameter, media: Sequence[Medium]) -> None:
    items: list[Any] = [reference if slot.item is None else {slot.item: reference} for _, _, reference in media]
    word = media[0][0] if len({medium[0] for medium in media}) == 1 else "input_image"
    draft.put(slot.name, items if slot.many else items[0], word, "…")
    for index, (of, number, _) in enumerate(media):
        draft.addressed.append(Addressed(of, number, slot, index))
    if not _confirmed(slot):
        text = f"How {slot.name} holds a link is not documented; each is sent as {{{slot.item!r}: …}}."
        draft.findings.warning(text)


def _confirmed(slot: MediaParameter) -> bool:
    """Whether the model's own schema states the form of an item; `x-source` marks a schema taken from another model."""
    items = slot.parameter.items
    return slot.shape_is_told and (items is None or "x-source" not in items.spec)


def _unsupported(draft: BodyBuilder, medium: Medium) -> None:
    word, _, reference = medium
    beside = word == "start_image" and bool(draft.request.input_image)
    draft.unsupported(word, reference, BESIDE_PICTURES if beside else AT_THE_HUB.get(word))


def _no_references(draft: BodyBuilder, pictures: Sequence[Medium]) -> None:
    links = [reference for _, _, reference in pictures]
    if "input_image" in draft.body:  # the only picture that it takes is the first frame already
        text = f"{draft.info.id} takes no reference pictures beside start_image: leave input_image out."
        draft.findings.problem(text, certain=draft.info.schema_is_live)
        return
    draft.unsupported("input_image", links[0] if len(links) == 1 else links)


# Documented rules between parameters are followed, with a warning.
#
# There are two cases. A parameter that a rule excludes is left out. If a default forbids what was asked for, another
# value is sent: veo's default of 1080p requires 8 s; a request for 4 s gets 720p.


def adapt(draft: BodyBuilder) -> None:
    """Follow the rules that can be followed without changing what was asked for."""
    case = RuleContext(draft.info, draft.body, draft.said)
    for rule in draft.info.rules:
        try:
            if rule.told["rule"] == "omit_when":
                _leave_out(draft, case, rule.told)
            elif rule.told["rule"] == "requires_value":
                _another_default(draft, case, rule.told)
        except (KeyError, TypeError):  # a rule of an unknown form
            continue


def _leave_out(draft: BodyBuilder, case: RuleContext, rule: Mapping[str, Any]) -> None:
    field = rule["field"]
    if field in draft.body and field not in draft.passthrough and read_condition(rule, case).holds:
        draft.findings.warning(f"{case.name(field)} is left out: {draft.info.id} wants none here ({rule['when']}).")
        del draft.body[field]


def _another_default(draft: BodyBuilder, case: RuleContext, rule: Mapping[str, Any]) -> None:
    """Let the request win over a default that a rule forbids beside it, on either side of the rule."""
    if not read_condition(rule, case).holds:
        return
    when = rule["when"] if isinstance(rule.get("when"), dict) else {rule["field"]: True} if "field" in rule else {}
    unfit = [name for name, told in rule["then"].items() if not _fits(case, name, told)]
    asked = [name for name in unfit if name in draft.body]
    silent = [name for name in when if name not in draft.body]
    if asked and len(silent) == 1:
        _instead(draft, case, silent[0], _others(draft, silent[0], when[silent[0]]), asked)
    elif not asked:
        for name in unfit:
            _instead(draft, case, name, _allowed(draft, name, rule["then"][name]), list(when))


def _others(draft: BodyBuilder, name: str, told: Any) -> list[Any]:
    parameter = draft.info.parameters.get(name)
    forbidden = told if isinstance(told, list) else [told]
    return [one for one in parameter.enum if one not in forbidden] if parameter else []


def _allowed(draft: BodyBuilder, name: str, told: Any) -> list[Any]:
    parameter = draft.info.parameters.get(name)
    return [one for one in told if parameter is not None and one in parameter.enum]


def _instead(draft: BodyBuilder, case: RuleContext, name: str, values: list[Any], asked: Sequence[str]) -> None:
    """Set the value nearest to the default that is allowed with the request."""
    if not values:
        return
    default = draft.info.parameters[name].default
    value = min(values, key=lambda one: abs((lines(one) or 0) - (lines(default) or 0)))
    words = [(case.name(field), draft.said.get(field, (field, case.value(field)))[1]) for field in asked]
    wish = listing([f"{word}={said}" for word, said in words], "and")
    draft.body[name] = value
    text = f"{name}={value} is sent: with {default}, the default, {draft.info.id} does not make {wish}."
    draft.findings.warning(text)


def _fits(case: RuleContext, name: str, told: Any) -> bool:
    return case.value(name) is None or among(case, name, case.value(name), told)


# The places of media in a body.

# The hub's names of media parameters, if the schema is unknown (Oxen docs, video generation: Request Parameters).
_WORDS = {word: kind for word, (kind, _) in ROLES.items()} | dict.fromkeys(
    (*AT_THE_HUB.values(), BESIDE_PICTURES), "image"
)


def media_places(body: Mapping[str, Any], info: ModelInfo) -> Iterator[MediaPlace]:
    """Every medium of a body, in the order of the schema."""
    told = set()
    for slot in info.slots:
        told.add(slot.name)
        for path, reference in _references(body.get(slot.name), (slot.name,)):
            yield MediaPlace(path, slot.kind, slot.role, reference, slot.parameter.limits)
    for word, kind in _WORDS.items():
        if word not in told and word not in info.parameters:
            for path, reference in _references(body.get(word), (word,)):
                yield MediaPlace(path, kind, "unknown", reference)


def _references(value: Any, here: Path) -> Iterator[tuple[Path, str]]:
    """The links in a value; in an object only those whose key names a link."""
    if isinstance(value, str) and value:
        yield here, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*here, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str) and (holds_a_link(key) or isinstance(item, (list, dict))):
                yield from _references(item, (*here, key))


@dataclass(frozen=True)
class Translation:
    """A body for one model, with problems and warnings.

    body: with media as the request gave them.
    media: their places in the body.
    held: how each member of the cast is kept consistent.
    """

    body: dict[str, Any]
    problems: list[str]
    warnings: list[str]
    media: tuple[MediaPlace, ...] = field(default=())
    held: tuple[Held, ...] = field(default=())


def put_urls(body: Mapping[str, Any], urls: Mapping[Path, str]) -> dict[str, Any]:
    """The body with other references. urls: by place."""

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
    info: ModelInfo,
    *,
    route: Literal["queue", "sync"] = "queue",
    models: ModelList | None = None,
    defaults: bool = False,
) -> Translation:
    """Translate a request into the body of one model. Members of the cast who are named in the prompts get their
    pictures and addresses.

    route: `response_format` is sent on the blocking route only, because the queue has no inline results.
    models: among which alternatives are suggested for arguments that this model has no parameter for.
    defaults: also write the API's defaults (5 s, 16:9, silent) into the body.
    """
    draft = BodyBuilder(info, request, models)
    take_parameters(draft, request.model_parameters)
    write_words(draft, request)
    write_media(draft, request)
    own_draft_mode = info.parameters.get("draft")
    if request.level == "draft" and own_draft_mode is not None and own_draft_mode.is_flag:
        draft.put("draft", True, "level", "draft")
    members = place(draft, request.cast) if request.cast else None
    draft.body |= draft.passthrough
    if not defaults:
        _required(draft)
    _of_the_hub(draft, request, route)
    adapt(draft)
    if defaults:
        fill_defaults(draft)
        _required(draft)
    renumber_references(draft)
    held = address(members) if members else ()
    draft.findings.add(*check(draft.body, info, said=draft.said, passthrough=draft.passthrough).found)
    names = dict.fromkeys(["prompt", "multi_prompt", *info.parameters, *draft.body])  # as the schema orders them
    body = {"model": info.id} | {name: draft.body[name] for name in names if name in draft.body and name != "model"}
    media = tuple(media_places(body, info))
    _doubts(draft, media)
    return Translation(body, draft.findings.problems, draft.findings.warnings, media, held)


def _doubts(draft: BodyBuilder, media: Sequence[MediaPlace]) -> None:
    """Warnings about what a schema does not tell."""
    if not draft.info.has_schema:
        draft.findings.warning(f"What {draft.info.id} takes is not known here: everything is sent as it is, unchecked.")
    inline = [place for place in media if place.reference.startswith("data:")]
    if inline:
        face = any(place.role == "reference_face" for place in inline)
        text = "Fields for faces refuse data: URIs." if face else "Not every model reads data: URIs."
        draft.findings.warning(f"{text} A file or an https URL is surer.")


def take_parameters(draft: BodyBuilder, parameters: Mapping[str, Any]) -> None:
    """Pass `model_parameters` on as they are, except those that decide who pays, how often, or where a result goes."""
    refused = misplaced(parameters)
    for name in refused:
        own = name in NOT_A_PARAMETER
        instead = "give it as an argument of its own" if own else "who pays and where a result goes is not said there"
        draft.findings.problem(f"{visible(name[:60], lines=False)} does not belong in model_parameters: {instead}.")
    for name, value in parameters.items():
        if name not in refused and value is not None:
            draft.passthrough[name] = as_written(value, draft.info.parameters.get(name))


def _required(draft: BodyBuilder) -> None:
    """Parameters that the model requires and for which its schema has a value."""
    for name, parameter in draft.info.parameters.items():
        silent = name not in draft.body and name != "prompt" and name not in OF_THE_HUB
        if parameter.required and parameter.default is not None and silent:
            draft.body[name] = parameter.default


def _of_the_hub(draft: BodyBuilder, request: VideoRequest, route: str) -> None:
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
