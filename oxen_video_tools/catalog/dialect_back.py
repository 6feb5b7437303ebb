"""A body → the common request that says the same, so that a finished video can be asked for again or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .dialect import translate
from .shapes import is_free, ratio

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .known import Known
    from .slots import Slot

_HUB_WORDS = ("num_generations", "target_namespace", "response_format")
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "3:2", "2:3", "2:1", "1:2")
_RESOLUTIONS = (None, "480p", "720p", "1080p")
_WORD_OF_ROLE = {
    "first_frame": "start_image",
    "last_frame": "end_image",
    "keyframes": "input_image",
    "reference": "input_image",
    "source": "input_video",
    "driving_audio": "input_audio",
}


def untranslated(body: Mapping[str, Any], known: Known) -> VideoRequest:
    """The request whose translation is this body. What the common words can't say stands in `model_parameters`."""
    from ..request import VideoRequest

    fields = {name: value for name, value in body.items() if name != "model"}
    words = dict(_words(fields, known))
    while True:
        covered = {name for word in words for name in _fields_of(word, known)}
        rest = {name: value for name, value in fields.items() if name not in covered and name not in _HUB_WORDS}
        request = VideoRequest(model=known.id, **words, model_parameters=rest)
        said = translate(request, known, route="sync").body
        wrong = {name for name in {*said, *fields} - {"model"} if said.get(name) != fields.get(name)}
        doubtful = [word for word in words if wrong & set(_fields_of(word, known))]
        if not doubtful:
            return request
        for word in doubtful:
            del words[word]


def _fields_of(word: str, known: Known) -> list[str]:
    """The parameters that a word speaks of."""
    frame, length = known.frame, known.length
    if word in ("aspect_ratio", "resolution"):
        own = (frame.aspect or frame.sizes) if word == "aspect_ratio" else frame.resolution
        pixels = [one.name for one in (frame.width, frame.height) if one is not None] if frame.in_pixels else []
        return [own.name] if own else pixels
    if word == "duration":
        return [length.name] if length else []
    if word == "generate_audio":
        return [known.audio_flag.name] if known.audio_flag else []
    if word == "multi_prompt":
        return [known.multi_shot.name] if known.multi_shot else []
    media = [slot.name for slot in known.slots if _word(slot) == word]
    return media or [word]


def _word(slot: Slot) -> str | None:
    word = _WORD_OF_ROLE.get(slot.role)
    if word == "input_image" and slot.kind != "image":
        return f"input_{slot.kind}"
    return word


def _words(fields: Mapping[str, Any], known: Known) -> Iterator[tuple[str, Any]]:
    for name in (*_HUB_WORDS, "prompt", "negative_prompt", "seed"):
        if fields.get(name) not in (None, ""):
            yield name, fields[name]
    if known.multi_shot is not None and fields.get(known.multi_shot.name):
        yield "multi_prompt", list(_shots(fields, known))
    yield from _length(fields, known)
    yield from _shape(fields, known)
    if known.audio_flag is not None and isinstance(fields.get(known.audio_flag.name), bool):
        yield "generate_audio", fields[known.audio_flag.name]
    yield from _media(fields, known)


def _shots(fields: Mapping[str, Any], known: Known) -> Iterator[dict[str, Any]]:
    told = known.multi_shot
    for shot in fields[told.name] if told else ():
        if told is not None and isinstance(shot, dict):
            names = {told.prompt: "prompt", told.duration: "duration"}
            yield {names[key]: value for key, value in shot.items() if key in names}


def _length(fields: Mapping[str, Any], known: Known) -> Iterator[tuple[str, Any]]:
    length = known.length
    if length is None or fields.get(length.name) is None:
        return
    seconds = length.read(fields[length.name], fields)
    if isinstance(seconds, (int, float)):
        yield "duration", seconds
    elif seconds is not None:
        yield "duration", -1


def _shape(fields: Mapping[str, Any], known: Known) -> Iterator[tuple[str, Any]]:
    frame = known.frame
    if frame.in_pixels and frame.width and frame.height:
        yield from _of_pixels((fields.get(frame.width.name), fields.get(frame.height.name)), known)
        return
    parameter = frame.aspect or frame.sizes
    value = fields.get(parameter.name) if parameter else None
    if isinstance(value, str):
        plain = next((one for one in _RATIOS if ratio(one) == ratio(value)), None)
        yield "aspect_ratio", plain if frame.sizes and plain else "auto" if is_free(value) else value
    resolution = fields.get(frame.resolution.name) if frame.resolution else None
    if isinstance(resolution, str):
        yield "resolution", resolution


def _of_pixels(size: tuple[Any, Any], known: Known) -> Iterator[tuple[str, Any]]:
    for resolution in _RESOLUTIONS:
        for aspect in _RATIOS:
            if known.frame.pixels(aspect, resolution) == size:
                yield "aspect_ratio", aspect
                if resolution:
                    yield "resolution", resolution
                return


def _media(fields: Mapping[str, Any], known: Known) -> Iterator[tuple[str, Any]]:
    for slot in known.slots:
        word, value = _word(slot), fields.get(slot.name)
        if word is None or not value:
            continue
        items = value if isinstance(value, list) else [value]
        links = [item.get(slot.item) if isinstance(item, dict) and slot.item else item for item in items]
        if all(isinstance(link, str) for link in links):
            yield word, links if word == "input_image" else links[0]
