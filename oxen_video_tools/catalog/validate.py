"""Check a body against a model: all problems at once, each saying what to do.

Only the live schema is certain. What the bundled schema, a page's prose or a default says is a warning, because local
checks never block what the hub might accept; so is whatever came in `model_parameters`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import rules
from .dimensions import Length, MultiShot, Seconds, nearest_ratios, nearest_resolutions, ratio
from .findings import Finding, Findings, Said, listing
from .model_info import OF_THE_HUB, word_for
from .rules import is_set
from .schema import Parameter

if TYPE_CHECKING:
    from .model_info import ModelInfo
    from .schema import Parameter


# Whether a value fits a parameter's schema, and what to use instead.

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")
SHOWN = 6  # values of a long enum that are named


def is_type(value: object, name: str) -> bool:
    """JSON Schema's types: 5.0 is an integer, true is no number."""
    if name in ("integer", "number"):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and (name == "number" or isinstance(value, int) or float(value).is_integer())  # type: ignore[arg-type]  # it is a number here
    kinds: dict[str, type | tuple[type, ...]] = {"string": str, "boolean": bool, "array": (list, tuple), "object": dict}
    return value is None if name == "null" else isinstance(value, kinds.get(name, object))


def mismatches(parameter: Parameter, value: object) -> list[str]:
    """What is wrong with a value, each as what to do instead: "use 5 or 10". Empty where it fits."""
    if value is None:
        return [] if parameter.nullable or not parameter.types else [_wanted(parameter)]
    value = as_number(value) if parameter.is_number else value
    if parameter.types and not any(is_type(value, name) for name in parameter.types):
        return [_wanted(parameter)]
    if parameter.enum:
        same = (one == value and isinstance(one, bool) == isinstance(value, bool) for one in parameter.enum)
        return [] if any(same) else [_one_of(value, parameter.enum)]
    return [*_bounds(parameter, value), *_inside(parameter, value)]


def as_number(value: object) -> object:
    """A number that came as a text, as in some of Oxen's examples (`"duration": "8"`)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    return value


def _wanted(parameter: Parameter) -> str:
    if parameter.enum:
        return f"use {show_value(parameter.enum)}"
    return f"must be {listing(_TYPES.get(name, name) for name in parameter.types)}"


def show_value(values: Sequence[object]) -> str:
    """A few values of a list."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in values]
    return listing(texts) if len(texts) <= SHOWN else f"{', '.join(texts[:SHOWN])}, …"


def _one_of(value: object, among: Sequence[Any]) -> str:
    if isinstance(value, (int, float)) and all(is_type(one, "number") for one in among):
        return f"use {show_value(neighbours(value, among))}"
    near = difflib.get_close_matches(str(value), [str(one) for one in among], n=1, cutoff=0.6)
    first = [one for one in among if str(one) in near]
    return f"use {show_value([*first, *(one for one in among if one not in first)])}"


def neighbours(value: float, among: Sequence[Any]) -> list[Any]:
    """The values next to one that is not offered. All of a short list; of a longer one the next below and above."""
    ordered = sorted(among)
    if len(ordered) <= 4:
        return ordered
    below = [one for one in ordered if one < value][-1:]
    return below + [one for one in ordered if one > value][:1]


def _bounds(parameter: Parameter, value: object) -> Iterator[str]:
    spec = parameter.spec
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        least, most = parameter.span
        above, below = spec.get("exclusiveMinimum"), spec.get("exclusiveMaximum")
        if (least is not None and value < least) or (most is not None and value > most):
            yield _between(least, most)
        if isinstance(above, (int, float)) and value <= above:
            yield f"must be above {above}"
        if isinstance(below, (int, float)) and value >= below:
            yield f"must be below {below}"
        step = spec.get("multipleOf")
        if isinstance(step, (int, float)) and step and abs(value / step - round(value / step)) > 1e-9:
            yield f"must be a multiple of {step}"
    if isinstance(value, str):
        yield from _sized(len(value), spec.get("minLength"), spec.get("maxLength"), "characters")
        yield from _patterned(value, spec.get("pattern"))
    if isinstance(value, (list, tuple)):
        yield from _sized(len(value), spec.get("minItems"), spec.get("maxItems"), "items")


def _patterned(value: str, pattern: object) -> Iterator[str]:
    try:
        if isinstance(pattern, str) and not re.search(pattern, value):
            yield f"must match {pattern}"
    except re.error:  # patterns in schemas are JavaScript's; one that Python can't compile is not checked
        return


def _between(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        return f"use at most {most:g}" if least is None else f"use at least {least:g}"
    return f"use {least:g} to {most:g}"


def _sized(count: int, least: object, most: object, what: str) -> Iterator[str]:
    if isinstance(least, int) and count < least:
        yield f"at least {least} {what}, not {count}"
    if isinstance(most, int) and count > most:
        yield f"at most {most} {what}, not {count}"


def _inside(parameter: Parameter, value: object) -> Iterator[str]:
    """What is wrong with the items of a list and the fields of an object."""
    if isinstance(value, (list, tuple)) and parameter.items is not None:
        for index, item in enumerate(value):
            for misfit in mismatches(parameter.items, item):
                yield f"item {index + 1}: {misfit}"
    if isinstance(value, dict):
        told, needed = parameter.spec.get("properties"), parameter.spec.get("required")
        for name in needed if isinstance(needed, list) else []:
            if name not in value:
                yield f"{name} is missing"
        for name, spec in told.items() if isinstance(told, dict) else ():
            if name in value:
                for misfit in mismatches(Parameter.of(name, spec), value[name]):
                    yield f"{name}: {misfit}"


def fitting_lengths(length: Length, seconds: Seconds, body: dict[str, Any]) -> str:
    """What to use instead of a length that is not offered."""
    if length.choices:
        near = neighbours(seconds, length.choices) if seconds > 0 else list(length.choices)
        free = "" if length.auto is None else ", or leave it out and the model decides"
        spread = f" ({length.choices[0]:g} to {length.choices[-1]:g} are offered)" if len(length.choices) > 4 else ""
        return f"use {show_value(near)}{spread}{free}"
    least, most = length.span(body)
    if least is None and most is None:
        return "use a whole number of seconds"
    if least is not None and most is not None and least <= seconds <= most:
        return f"use whole seconds, {least:g} to {most:g}"
    return _between(round(least, 2) if least is not None else None, most)


def fitting_ratios(word: str, among: Sequence[Any]) -> str:
    """What to use instead of an aspect ratio that is not offered."""
    return f"use {show_value(nearest_ratios(word, among))}"


def fitting_resolutions(word: str, among: Sequence[Any]) -> str:
    """What to use instead of a resolution that is not offered."""
    return f"use {show_value(nearest_resolutions(word, among))}"


# Numbers that Oxen's pages state in prose (`x-limits`): how many, how long, how large.
#
# Counts and characters can be held against a body. Bytes, pixels and seconds of a medium can't: whoever has the
# file in hand asks `unfit`.

MEGABYTE = 1_000_000  # bytes


def exceeded_limits(info: ModelInfo, body: Mapping[str, Any], said: Said) -> Iterator[Finding]:
    """What in a body is over a limit."""
    told = set()
    for name, parameter in info.parameters.items():
        if parameter.limits and body.get(name) is not None:
            word = said.get(name, (name, None))[0]
            certain = parameter.certain and "x-limits-from" not in parameter.spec
            for text in _of_one(word, body[name], parameter.limits):
                yield Finding(text, certain, (name,))
            for text, fields in _of_all(info.parameters, body, parameter.limits):
                if text not in told:
                    yield Finding(text, certain, fields)
                told.add(text)


def _of_one(word: str, value: object, limits: Mapping[str, Any]) -> Iterator[str]:
    most = limits.get("max_characters")
    if isinstance(value, str) and isinstance(most, int) and len(value) > most:
        yield f"{word} has {len(value)} characters: use at most {most}."
    if isinstance(value, list):
        most, least = limits.get("max_items"), limits.get("min_items")
        if isinstance(most, int) and len(value) > most:
            yield f"{word} has {len(value)} items: use at most {most}."
        if isinstance(least, int) and len(value) < least:
            yield f"{word} has {len(value)} items: use at least {least}, or leave it out."
    span = limits.get("prose_range")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and isinstance(span, list) and len(span) == 2 and not span[0] <= value <= span[1]:
        yield f"{word}={value}: use {span[0]} to {span[1]}."


def _of_all(
    parameters: Mapping[str, Parameter], body: Mapping[str, Any], limits: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Limits that several parameters share."""
    for key, count in _SHARED.items():
        if key not in limits:
            continue
        beside_video = limits.get(f"{key}_with_input_video")
        most = beside_video if beside_video is not None and body.get("input_video") else limits[key]
        sharing = [name for name, one in parameters.items() if key in one.limits and isinstance(body.get(name), list)]
        total = sum(count(body[name]) for name in sharing)
        if isinstance(most, int) and total > most:
            yield f"{' and '.join(sharing)} hold {total} references in all: use at most {most}.", tuple(sharing)


def _images(items: Sequence[Any]) -> int:
    """An element counts for each of its pictures."""
    return sum(1 + len(item.get("reference_image_urls") or ()) if isinstance(item, dict) else 1 for item in items)


_SHARED: Mapping[str, Callable[[Sequence[Any]], int]] = {
    "max_total_references": len,
    "max_total_images_and_elements": len,
    "max_total_images": _images,
}


def unsuitable_media(
    limits: Mapping[str, Any],
    *,
    size: int | None = None,
    width: int | None = None,
    height: int | None = None,
    seconds: float | None = None,
    fps: float | None = None,
) -> list[str]:
    """What is wrong with a medium itself, for a `MediaPlace.limits`. size: bytes; width, height: pixels.

    Empty if it fits, and for anything unknown. These limits are prose on Oxen's pages, so a violation is a warning.
    """
    found = []
    most = limits.get("max_file_mb")
    if size is not None and most and size > most * MEGABYTE:
        found.append(f"{size / MEGABYTE:.1f} MB: at most {most} MB")
    if seconds is not None:
        shortest, longest = limits.get("media_seconds", (limits.get("min_seconds"), None))
        found += _outside(seconds, shortest, longest, "s")
    if width and height:
        found += _unfit_picture(limits, width, height)
    slowest = limits.get("min_fps_exclusive")
    if fps is not None and slowest and fps <= slowest:
        found.append(f"{fps:g} frames per second: more than {slowest}")
    return found


def _unfit_picture(limits: Mapping[str, Any], width: int, height: int) -> list[str]:
    short, long = sorted((width, height))
    least, most = limits.get("side_px", (limits.get("min_side_px"), None))
    found = _outside(short, limits.get("min_short_side_px", least), None, "pixels")
    found += _outside(long, None, limits.get("max_long_side_px", most), "pixels")
    above = limits.get("min_short_side_px_exclusive")
    if above and short <= above:
        found.append(f"{short} pixels on the short side: more than {above}")
    exact = limits.get("exact_px")
    if exact and f"{width}x{height}" not in exact:
        found.append(f"{width}x{height}: exactly {' or '.join(exact)}")
    if limits.get("exact_height") and height != limits["exact_height"]:
        found.append(f"{height} pixels high: exactly {limits['exact_height']}")
    shapes = [ratio(one) for one in limits.get("media_aspect", ())]
    if len(shapes) == 2 and shapes[0] and shapes[1] and not shapes[0] <= width / height <= shapes[1]:
        found.append(f"{width}x{height}: an aspect ratio from {' to '.join(limits['media_aspect'])}")
    return found


def _outside(value: float, least: float | None, most: float | None, unit: str) -> list[str]:
    if least is not None and value < least:
        return [f"{value:g} {unit}: at least {least:g} {unit}"]
    return [f"{value:g} {unit}: at most {most:g} {unit}"] if most is not None and value > most else []


# The rules of prompts and shots, in the hub's own sentences.
#
# Oxen docs, video generation: Errors; Kling O3 Pro walkthrough: Duration Constraints. They are documented word
# for word, so breaking one is certain.

BOTH_PROMPTS = "Cannot provide both 'prompt' and 'multi_prompt'."
NO_PROMPT = "Either 'prompt' or 'multi_prompt' must be provided."
DEFAULT_SECONDS = 5


def _one(prompt: str, seconds: float, limits: MultiShot) -> Iterator[str]:
    if not prompt.strip():
        yield "Field required (prompt)."
    if limits.characters and len(prompt) > limits.characters:
        yield f"its prompt has {len(prompt)} characters; use at most {limits.characters}."
    if not limits.shot_least <= seconds <= limits.shot_most or seconds != int(seconds):
        offered = [f"'{one}'" for one in range(int(limits.shot_least), int(limits.shot_most) + 1)]
        yield f"duration={seconds:g}: Input should be {listing(offered)}."


def _shot_problems(seconds: Sequence[float], limits: MultiShot) -> Iterator[str]:
    total = sum(seconds)
    if limits.most is not None and total > limits.most:
        yield f"Total shot duration ({total:g}s) exceeds maximum allowed ({limits.most:g}s)."
    if total < limits.least:
        yield (
            f"duration value '{total:g}' is invalid. Try using duration='{DEFAULT_SECONDS}' instead, as duration "
            f"support may vary by model and mode. The shots must be {limits.least:g} s or more in all."
        )
    if limits.count is not None and len(seconds) > limits.count:
        yield f"{len(seconds)} shots: use at most {limits.count}."


def check_shots(body: Any, limits: MultiShot) -> Iterator[Finding]:
    """What is wrong with the shots of a body, where anything may stand."""
    if not isinstance(body, list):
        yield Finding(f"{limits.name} must be a list of shots.", True, (limits.name,))
        return
    lengths = []
    for number, shot in enumerate(body, 1):
        prompt, seconds = _read(shot, limits)
        if prompt is None or seconds is None:
            yield Finding(f"Shot {number}: a prompt, and a duration in whole seconds.", True, (limits.name,))
            continue
        lengths.append(seconds)
        for text in _one(prompt, seconds, limits):
            yield Finding(f"Shot {number}: {text}", True, (limits.name,))
    if len(lengths) == len(body):
        for text in _shot_problems(lengths, limits):
            yield Finding(text, True, (limits.name,))


def _read(shot: Any, limits: MultiShot) -> tuple[str | None, float | None]:
    if not isinstance(shot, dict):
        return None, None
    prompt, seconds = shot.get(limits.prompt), shot.get(limits.duration, DEFAULT_SECONDS)
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return prompt if isinstance(prompt, str) else None, seconds if number else None


MOST_GENERATIONS = 4  # Oxen docs, async queue: Validation


def check(
    body: Mapping[str, Any], info: ModelInfo, *, said: Said | None = None, passthrough: Collection[str] = ()
) -> Findings:
    """What is wrong with a body for this model.

    said: the word of the request that each field came from.
    passthrough: the fields of `model_parameters`. Problems in these are certain only by the live schema.
    """
    findings = Findings()
    said = said or {}
    for finding in _all(body, info, said):
        certain = finding.certain and (finding.of_schema or not any(field in passthrough for field in finding.fields))
        findings.add(Finding(finding.text, certain, finding.fields))
    return findings


def _all(body: Mapping[str, Any], info: ModelInfo, said: Said) -> Iterator[Finding]:
    yield from _prompts(body, info)
    yield from _counts(body)
    has_shots = info.multi_shot is not None and is_set(body, info.multi_shot.name)
    for name, value in body.items():
        if name in OF_THE_HUB:
            continue
        parameter = info.parameters.get(name)
        if parameter is None:
            yield from _unknown(name, info, said)
        elif info.multi_shot is not None and name == info.multi_shot.name:
            yield from check_shots(value, info.multi_shot) if value else ()
        else:
            if has_shots and info.length is not None and name == info.length.name:
                # The length is one prompt's (Oxen docs, Kling O3 Pro walkthrough): beside shots only its type counts.
                parameter = replace(parameter, spec={"type": list(parameter.types)})
            yield from _value(parameter, value, body, info, said)
    yield from _missing(body, info)
    yield from exceeded_limits(info, body, said)
    case = rules.RuleContext(info, body, said)
    for rule in info.rules:
        yield from rules.broken_rules(rule, case)


def _prompts(body: Mapping[str, Any], info: ModelInfo) -> Iterator[Finding]:
    several = info.multi_shot.name if info.multi_shot else "multi_prompt"
    prompt, told = is_set(body, "prompt"), is_set(body, several)
    if prompt and told:
        yield Finding(BOTH_PROMPTS, True, ("prompt", several))
    if told and not prompt and info.multi_shot is None and info.has_schema and info.needs_prompt:
        certain = info.parameters["prompt"].certain
        yield Finding(f"{info.id} takes no {several}: give one prompt.", certain, (several,))
    if prompt or told:
        return
    if info.needs_prompt or not any(is_set(body, slot.name) for slot in info.slots):
        yield Finding(NO_PROMPT, True, ("prompt", several))


def _counts(body: Mapping[str, Any]) -> Iterator[Finding]:
    count = body.get("num_generations", 1)
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not whole or not 1 <= count <= MOST_GENERATIONS:
        text = f"num_generations={count}: num_generations must be an integer between 1 and {MOST_GENERATIONS}."
        yield Finding(text, True, ("num_generations",))


def _unknown(name: str, info: ModelInfo, said: Said) -> Iterator[Finding]:
    if not info.has_schema or name in said:
        return
    near = difflib.get_close_matches(name, info.parameters, n=1, cutoff=0.7)
    meant = f" Did you mean {near[0]}?" if near else ""
    yield Finding(f"{info.id} lists no parameter {name}; it is passed on as it is.{meant}", False, (name,))


def _value(parameter: Parameter, value: Any, body: Mapping[str, Any], info: ModelInfo, said: Said) -> Iterator[Finding]:
    wrong = mismatches(parameter, value)
    if not wrong or _links_where_nobody_told(value, info, parameter):
        return
    word, original = said.get(parameter.name, (parameter.name, value))
    better = _better(word, original, body, info)
    for text in [better] if better else wrong:
        shown = f"{word}={original}" if isinstance(original, (int, float, str)) and len(str(original)) < 60 else word
        yield Finding(f"{shown}: {text}.", parameter.certain, (parameter.name,), of_schema=True)


def _links_where_nobody_told(value: Any, info: ModelInfo, parameter: Parameter) -> bool:
    """Plain links in a list of objects whose shape is not told: Oxen's own examples write them so."""
    slot = next((slot for slot in info.slots if slot.name == parameter.name), None)
    plain = isinstance(value, list) and all(isinstance(item, (str, dict)) for item in value)
    return slot is not None and not slot.shape_is_told and plain


def _better(word: str, original: Any, body: Mapping[str, Any], info: ModelInfo) -> str | None:
    """What to use instead, in the words of the request."""
    if word == "duration" and info.length is not None and isinstance(original, (int, float)):
        return fitting_lengths(info.length, original, dict(body))
    if word == "aspect_ratio" and info.frame.ratios and isinstance(original, str):
        return fitting_ratios(original, info.frame.ratios)
    if word == "resolution" and info.frame.resolutions and isinstance(original, str):
        return fitting_resolutions(original, info.frame.resolutions)
    return None


def _missing(body: Mapping[str, Any], info: ModelInfo) -> Iterator[Finding]:
    slots = {slot.name: slot for slot in info.slots}
    for name, parameter in info.parameters.items():
        if not parameter.required or name in body or name == "prompt" or name in OF_THE_HUB:
            continue
        slot = slots.get(name)
        word = word_for(slot) if slot else name
        what = f"{word} ({name})" if word != name else name
        yield Finding(f"{info.id} needs {what}.", parameter.certain, (name,))
