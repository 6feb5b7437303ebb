"""The API's defaults, written into a body: 5 seconds, 16:9, silent (Oxen docs, video generation: Request Parameters).

A default is sent wherever the model has a place for it and offers the value, so that what is made is what was asked
for. Where the model does not offer it, the model's own default is sent instead, and a warning says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .dimensions import AUTO, nearest_ratios, ratio, same_ratio
from .pricing import follows_its_input
from .validate import DEFAULT_SECONDS, check

if TYPE_CHECKING:
    from .body_builder import BodyBuilder

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
        return  # the source decides the length
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
        return  # a medium that is given decides the frame
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
    """Add the first of these to the body against which nothing new is to be said; answers what was added, or None."""
    before = _said_of(draft, draft.body)
    for fields in candidates:
        if _said_of(draft, {**draft.body, **fields}) <= before:
            draft.body.update(fields)
            return fields
    return None


def _said_of(draft: BodyBuilder, body: Mapping[str, Any]) -> set[str]:
    found = check(body, draft.info, said=draft.said, loose=draft.loose).found
    return {finding.text for finding in found if " needs " not in finding.text}
