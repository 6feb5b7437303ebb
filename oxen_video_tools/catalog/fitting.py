"""Whether a value fits a parameter's schema, and what to use instead: what `jsonschema` says, in words to act on."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from .findings import listing
from .lengths import Length, Seconds
from .schema import Parameter
from .shapes import nearest_ratios, nearest_resolutions

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


def misfits(parameter: Parameter, value: object) -> list[str]:
    """What is wrong with a value, each as what to do instead: "use 5 or 10". Empty where it fits."""
    if value is None:
        return [] if parameter.nullable or not parameter.types else [_wanted(parameter)]
    value = number(value) if parameter.is_number else value
    if parameter.types and not any(is_type(value, name) for name in parameter.types):
        return [_wanted(parameter)]
    if parameter.enum:
        return [] if any(_equal(value, one) for one in parameter.enum) else [_one_of(value, parameter.enum)]
    return [*_bounds(parameter, value), *_inside(parameter, value)]


def number(value: object) -> object:
    """A number that came as a text, as in some of Oxen's examples (`"duration": "8"`)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    return value


def _wanted(parameter: Parameter) -> str:
    if parameter.enum:
        return f"use {shown(parameter.enum)}"
    return f"must be {listing(_TYPES.get(name, name) for name in parameter.types)}"


def _equal(value: object, one: object) -> bool:
    return value == one and isinstance(value, bool) == isinstance(one, bool)


def shown(values: Sequence[object]) -> str:
    """A few values of a list."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in values]
    return listing(texts) if len(texts) <= SHOWN else f"{', '.join(texts[:SHOWN])}, …"


def _one_of(value: object, among: Sequence[Any]) -> str:
    if isinstance(value, (int, float)) and all(is_type(one, "number") for one in among):
        return f"use {shown(_neighbours(value, among))}"
    near = difflib.get_close_matches(str(value), [str(one) for one in among], n=1, cutoff=0.6)
    first = [one for one in among if str(one) in near]
    return f"use {shown([*first, *(one for one in among if one not in first)])}"


def _neighbours(value: float, among: Sequence[Any]) -> list[Any]:
    """All of a short list; of a longer one the next below and above."""
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
    except re.error:  # a schema's patterns are JavaScript's; what Python can't read is not judged
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
            for misfit in misfits(parameter.items, item):
                yield f"item {index + 1}: {misfit}"
    if isinstance(value, dict):
        told, needed = parameter.spec.get("properties"), parameter.spec.get("required")
        for name in needed if isinstance(needed, list) else []:
            if name not in value:
                yield f"{name} is missing"
        for name, spec in told.items() if isinstance(told, dict) else ():
            if name in value:
                for misfit in misfits(Parameter.of(name, spec), value[name]):
                    yield f"{name}: {misfit}"


def fitting_lengths(length: Length, seconds: Seconds, body: dict[str, Any]) -> str:
    """What to use instead of a length that is not offered."""
    if length.choices:
        near = _neighbours(seconds, length.choices) if seconds > 0 else list(length.choices)
        free = "" if length.auto is None else ", or leave it out and the model decides"
        spread = f" ({length.choices[0]:g} to {length.choices[-1]:g} are offered)" if len(length.choices) > 4 else ""
        return f"use {shown(near)}{spread}{free}"
    least, most = length.span(body)
    if least is None and most is None:
        return "use a whole number of seconds"
    if least is not None and most is not None and least <= seconds <= most:
        return f"use whole seconds, {least:g} to {most:g}"
    return _between(round(least, 2) if least is not None else None, most)


def fitting_ratios(word: str, among: Sequence[Any]) -> str:
    """What to use instead of an aspect ratio that is not offered."""
    return f"use {shown(nearest_ratios(word, among))}"


def fitting_resolutions(word: str, among: Sequence[Any]) -> str:
    """What to use instead of a resolution that is not offered."""
    return f"use {shown(nearest_resolutions(word, among))}"
