"""Everything of a request but its media: prompts, length, shape, size, sound."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .fitting import fitting_lengths, number
from .shapes import is_free, same_ratio, same_resolution, same_word
from .shots import BOTH_PROMPTS

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .draft import Draft
    from .schema import Parameter

_FOLLOWS_ITS_INPUT = re.compile(r"match_.*(length|duration)")
_ALSO_CALLED = {"negative_prompt": ("negative_prompt", "neg_prompt"), "seed": ("seed", "random_seed")}


def place(draft: Draft, request: VideoRequest) -> None:
    """Write the request's words into the body."""
    _prompts(draft, request)
    _length(draft, request)
    _shape(draft, request.aspect_ratio, request.resolution)
    _sound(draft, request.generate_audio)
    for word, names in _ALSO_CALLED.items():
        value = getattr(request, word)
        if value is not None:
            name = next((name for name in names if name in draft.known.parameters), None)
            _put_or_nowhere(draft, name, value, word)


def as_written(value: Any, parameter: Parameter | None) -> Any:
    """A value as the schema writes it: an enum in its own letter case, a number as a number."""
    if parameter is None or not isinstance(value, str):
        return value
    if parameter.is_number:
        return number(value)
    same = same_word(value, parameter.enum)
    return value if same is None else same


def _put_or_nowhere(draft: Draft, name: str | None, value: Any, word: str) -> None:
    if name is None:
        draft.nowhere(word, value)
    else:
        draft.put(name, value, word, value)


def _prompts(draft: Draft, request: VideoRequest) -> None:
    known = draft.known
    if request.prompt:
        _put_or_nowhere(draft, "prompt" if known.takes("text") else None, request.prompt, "prompt")
    if not request.multi_prompt:
        return
    if request.prompt:
        draft.findings.problem(BOTH_PROMPTS)
    elif known.multi_shot is not None:
        draft.put(known.multi_shot.name, known.multi_shot.say(request.multi_prompt), "multi_prompt", "shots")
    else:
        shots = [shot.model_dump(exclude_none=True) for shot in request.multi_prompt]
        draft.nowhere("multi_prompt", shots)


def _length(draft: Draft, request: VideoRequest) -> None:
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
    length = draft.known.length
    if length is None:
        draft.nowhere("duration", seconds, why=_follows(draft, "length"))
        return
    value = length.say(seconds, draft.loose)
    if value is None and length.frames:
        text = f"duration={seconds:g}: {draft.known.id} counts frames. Give {length.name} in model_parameters."
        if length.rate_of(draft.loose):
            text = f"duration={seconds:g}: {fitting_lengths(length, seconds, draft.loose)}."
        draft.findings.problem(text, certain=draft.known.schema_is_live)
        return
    draft.put(length.name, seconds if value is None else value, "duration", seconds)
    for name, parameter in draft.known.parameters.items():
        if parameter.is_flag and parameter.default is True and _FOLLOWS_ITS_INPUT.fullmatch(name):
            draft.put(name, False, "duration", seconds)


def _follows(draft: Draft, what: str) -> str:
    """Why a model has no say in it."""
    if draft.known.slot("video", "source"):
        return f" (its {what} follows input_video)"
    if what == "shape" and draft.known.slot("image", "first_frame"):
        return " (its shape follows the first frame)"
    return ""


def _shape(draft: Draft, aspect: str | None, resolution: str | None) -> None:
    frame = draft.known.frame
    if frame.in_pixels and (aspect or resolution):
        _pixels(draft, None if aspect and is_free(aspect) else aspect, resolution)
        return
    parameter = frame.aspect or frame.sizes
    if aspect and parameter is None:
        draft.nowhere("aspect_ratio", aspect, why=_follows(draft, "shape"))
    elif aspect and parameter is not None:
        same = same_ratio(aspect, parameter.enum)
        draft.put(parameter.name, aspect if same is None else same, "aspect_ratio", aspect)
    if resolution:
        _resolution(draft, resolution)


def _resolution(draft: Draft, resolution: str) -> None:
    frame = draft.known.frame
    if frame.resolution is not None:
        same = same_resolution(resolution, frame.resolution.enum)
        draft.put(frame.resolution.name, resolution if same is None else same, "resolution", resolution)
        return
    size = same_word(resolution, frame.sizes.enum) if frame.sizes else None
    if frame.sizes is None or size is None:
        draft.nowhere("resolution", resolution)
    else:
        draft.put(frame.sizes.name, size, "resolution", resolution)


def _pixels(draft: Draft, aspect: str | None, resolution: str | None) -> None:
    frame = draft.known.frame
    if frame.width is None or frame.height is None or not (aspect or resolution):
        return
    size = frame.pixels(aspect, resolution)
    word, said = ("resolution", resolution) if resolution else ("aspect_ratio", aspect)
    if size is None:
        wrong = f"{word}={said}: give width and height in model_parameters, or 16:9 and 480p."
        draft.findings.problem(wrong, certain=draft.known.schema_is_live)
        return
    draft.put(frame.width.name, size[0], word, said)
    draft.put(frame.height.name, size[1], word, said)


def _sound(draft: Draft, wanted: bool | None) -> None:
    known = draft.known
    if wanted is None:
        return
    if known.audio_flag is not None:
        draft.put(known.audio_flag.name, wanted, "generate_audio", wanted)
    elif known.sound == "always":
        if not wanted:
            draft.findings.warning(f"{known.id} always makes sound; it has no way to switch it off.")
    elif wanted or not known.has_schema:
        draft.nowhere("generate_audio", wanted)
