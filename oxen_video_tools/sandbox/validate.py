"""Check a request as a model's server does when the job runs: the hub's own sentences, or nothing if it is valid.

Written from the documentation, and checked against the raw schemas with `jsonschema-rs`. It shares no code with the
checks that the client makes before it sends (Oxen docs, video generation: Errors; async queue: Validation).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, cast

from jsonschema_rs import Draft202012Validator, ValidationError

from .models import Model, Shots
from .render import filled

# The sentences of a failed job, word for word where Oxen's pages have them.

PREFIX = "Getting model response error: 422 - "

# Oxen docs, video generation: Errors
BOTH_PROMPTS = PREFIX + "Value error, Cannot provide both 'prompt' and 'multi_prompt'."
NEITHER_PROMPT = PREFIX + "Value error, Either 'prompt' or 'multi_prompt' must be provided."

# Oxen docs, async queue: Errors
COUNT = "num_generations must be an integer between 1 and 4"
TEXT_ONLY = ":unsupported_media_type"
NO_CREDITS = "Insufficient credits"

# Not on Oxen's pages; as other clients have seen it
NO_PROMPT_FOR_A_PICTURE = "Prompt cannot be empty"  # Oxen docs, image generation: Errors
UNREADABLE = PREFIX + "Failed to download the file. Please check if the URL is accessible and try again."
MODERATED = "DataInspectionFailed - Green net check failed for text (input): the content was refused."


def forbidden(url: str) -> str:
    """Oxen docs, image editing: Errors."""
    return f"{PREFIX}403 Client Error: Forbidden for url: {url}"


def refused(name: str, words: str) -> str:
    """A parameter that the model's server does not take."""
    return f"{PREFIX}{name}: {words}" if name else PREFIX + words


def one_of(values: Sequence[Any]) -> str:
    """ "Input should be '1', '2' or '3'" """
    shown = [f"'{value}'" if isinstance(value, str) else str(value) for value in values]
    return "Input should be " + " or ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def number(value: Any) -> Any:
    """A numeric string as its number; anything else as it is."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", value):
        return float(value) if "." in value else int(value)
    return value


def duration_words(value: object, better: object) -> str:
    """Oxen docs, Kling O3 Pro walkthrough: Duration Constraints."""
    return (
        f"duration value '{value}' is invalid. Try using duration='{better}' instead, "
        "as duration support may vary by model and mode."
    )


# Rules between parameters, as Oxen's pages state them (`rules` in a schema).
#
# A rule whose condition is prose ("video editing/extension") can't be checked against a request and never applies; so
# do those that only say what is ignored.

Rule = Mapping[str, Any]
Body = Mapping[str, Any]


def rule_problem(rule: Rule, body: Body, filled: Body) -> str | None:
    """What `body` breaks of `rule`, in a sentence like the hub's.

    filled: `body` with the model's defaults, which hold where the request says nothing.
    """
    check = _CHECKS.get(rule["rule"])
    return check(rule, filled if rule["rule"] in _OF_VALUES else body) if check else None


def _given(name: str, body: Body) -> bool:
    return body.get(name) not in (None, "", [], False)


def _holds(when: Any, body: Body) -> bool:
    """`{"resolution": ["1080p"]}`, or "elements set"."""
    if isinstance(when, dict):
        return all(body.get(name) in (value if isinstance(value, list) else [value]) for name, value in when.items())
    words = str(when).split()
    return len(words) == 2 and words[1] == "set" and _given(words[0], body)


def _excludes(rule: Rule, body: Body) -> str | None:
    here = [name for name in rule["fields"] if _given(name, body)]
    there = [name for name in rule["with"] if _given(name, body)]
    if here and there:
        return refused("", f"Value error, '{here[0]}' cannot be combined with '{there[0]}'.")
    return None


def _requires(rule: Rule, body: Body) -> str | None:
    for name in rule["fields"]:
        missing = [other for other in rule["with"] if not _given(other, body)]
        if _given(name, body) and missing:
            return refused("", f"Value error, '{name}' requires '{missing[0]}'.")
    return None


def _requires_value(rule: Rule, body: Body) -> str | None:
    if not (_given(rule["field"], body) if "field" in rule else _holds(rule["when"], body)):
        return None
    for name, values in rule["then"].items():
        if name in body and not _among(body[name], values):
            return refused(name, one_of(values))
    return None


def _among(value: Any, values: list[Any]) -> bool:
    """Two numbers are a range; anything else is a list of what is allowed."""
    if len(values) == 2 and all(isinstance(one, int) for one in values) and isinstance(value, (int, float)):
        return bool(values[0] <= value <= values[1])
    return value in values


def _one_of_required(rule: Rule, body: Body) -> str | None:
    if any(_given(name, body) for name in rule["fields"]):
        return None
    return refused("", "Value error, one of " + ", ".join(f"'{name}'" for name in rule["fields"]) + " is required.")


def _not_supported(rule: Rule, body: Body) -> str | None:
    if _given(rule["field"], body) and _holds(rule["when"], body):
        return refused(rule["field"], "Value error, not supported with these settings.")
    return None


_OF_VALUES = ("requires_value", "not_supported")
_CHECKS = {
    "excludes": _excludes,
    "requires": _requires,
    "requires_value": _requires_value,
    "one_of_required": _one_of_required,
    "not_supported": _not_supported,
}


# Numbers that Oxen's pages state in prose (`x-limits` in a schema): how many, how long, from where to where.


def limit_problem(properties: Mapping[str, Any], body: Mapping[str, Any]) -> str | None:
    """What exceeds a limit, in the hub's words. Sizes of media files are not checked."""
    for name, schema in properties.items():
        limits = schema.get("x-limits")
        if limits and body.get(name) is not None:
            words = _of_one(body[name], limits) or _of_all(properties, body, limits)
            if words:
                return refused(name, words)
    return None


def _of_one(value: Any, limits: Mapping[str, Any]) -> str | None:
    if isinstance(value, str) and len(value) > limits.get("max_characters", len(value)):
        return f"String should have at most {limits['max_characters']} characters"
    if isinstance(value, list):
        if len(value) > limits.get("max_items", len(value)):
            return f"List should have at most {limits['max_items']} items after validation, not {len(value)}"
        if len(value) < limits.get("min_items", 0):
            return f"List should have at least {limits['min_items']} items after validation, not {len(value)}"
    if "prose_range" in limits and isinstance(value, (int, float)):
        least, most = limits["prose_range"]
        if not least <= value <= most:
            return f"Input should be between {least} and {most}"
    return None


def _of_all(properties: Mapping[str, Any], body: Mapping[str, Any], limits: Mapping[str, Any]) -> str | None:
    """Limits that several parameters share."""
    for key, count in _SHARED.items():
        if key not in limits:
            continue
        most = _most(key, limits, body)
        sharing = [name for name, schema in properties.items() if key in schema.get("x-limits", {})]
        total = sum(count(body[name]) for name in sharing if isinstance(body.get(name), list))
        if total > most:
            return f"At most {most} references in all, not {total}"
    return None


def _most(key: str, limits: Mapping[str, Any], body: Mapping[str, Any]) -> int:
    beside_video = limits.get(f"{key}_with_input_video")
    return int(beside_video if beside_video is not None and body.get("input_video") else limits[key])


def _images(items: list[Any]) -> int:
    """An element counts for each of its pictures."""
    return sum(1 + len(item.get("reference_image_urls") or ()) if isinstance(item, dict) else 1 for item in items)


_SHARED = {"max_total_references": len, "max_total_images_and_elements": len, "max_total_images": _images}


# The rules of `multi_prompt` (Oxen docs, Kling O3 Pro walkthrough: multi_prompt, Duration Constraints).


def shots_problem(shots: Any, limits: Shots) -> str | None:
    """What is wrong with a list of shots, in the hub's words."""
    if not isinstance(shots, list):
        return "Input should be a valid list"
    for shot in shots:
        words = _shot_problem(shot, limits)
        if words:
            return words
    total = sum(shot.get("duration", limits.default_seconds) for shot in shots)
    if total > limits.most_seconds:
        return f"Total shot duration ({total}s) exceeds maximum allowed ({limits.most_seconds}s)."
    if total < limits.least_seconds:
        return duration_words(total, limits.default_seconds)
    return None


def single_length_problem(seconds: Any, limits: Shots) -> str | None:
    """The same limits for `duration` beside a single `prompt`."""
    if _is_one_shot(seconds, limits):
        return duration_words(seconds, limits.default_seconds) if seconds < limits.least_seconds else None
    return _lengths(limits)


def _shot_problem(shot: Any, limits: Shots) -> str | None:
    if not isinstance(shot, dict):
        return "Input should be a valid dictionary"
    prompt = shot.get("prompt")
    if prompt is None:
        return "Field required"
    if not isinstance(prompt, str):
        return "Input should be a valid string"
    if len(prompt) > limits.most_characters:
        return f"String should have at most {limits.most_characters} characters"
    if not _is_one_shot(shot.get("duration", limits.default_seconds), limits):
        return _lengths(limits)
    return None


def _is_one_shot(seconds: Any, limits: Shots) -> bool:
    return isinstance(seconds, int) and not isinstance(seconds, bool) and 1 <= seconds <= limits.most_seconds


def _lengths(limits: Shots) -> str:
    return one_of([str(seconds) for seconds in range(1, limits.most_seconds + 1)])


Readable = Callable[[str, str], bool]
_TYPES = {
    "string": "Input should be a valid string",
    "integer": "Input should be a valid integer",
    "number": "Input should be a valid number",
    "boolean": "Input should be a valid boolean",
    "array": "Input should be a valid list",
    "object": "Input should be a valid dictionary",
}


def problem(model: Model, body: Mapping[str, Any], readable: Readable | None = None) -> str | None:
    """The first thing that is wrong with `body`, in the hub's words.

    readable: tells whether the model's server could fetch a URL and finds media of that kind ("image", …) there.
    """
    body = lax(model, body)
    for check in (_prompt_problem, _shots_problem, _schema_problem, _length_problem, _limit_problem, _rule_problem):
        words = check(model, body)
        if words:
            return words
    for url, kind in media(model, body) if readable else ():
        if readable is not None and not readable(url, kind):
            return forbidden(url) if model.media_type == "image" else UNREADABLE
    return None


def lax(model: Model, body: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with numbers for numeric strings: Oxen's own examples write `"duration": "8"` where 8 is meant."""
    numeric = {name for name, schema in model.properties.items() if schema.get("type") in ("integer", "number")}
    read = {name: number(value) if name in numeric else value for name, value in body.items()}
    if model.shots is not None and isinstance(read.get("multi_prompt"), list):
        read["multi_prompt"] = [_lax_shot(shot) for shot in read["multi_prompt"]]
    return read


def _lax_shot(shot: Any) -> Any:
    if not isinstance(shot, dict) or "duration" not in shot:
        return shot
    return shot | {"duration": number(shot["duration"])}


def _prompt_problem(model: Model, body: Mapping[str, Any]) -> str | None:
    prompt, shots = body.get("prompt"), body.get("multi_prompt")
    if model.media_type == "image":
        needed = "prompt" in (model.accepts or {}).get("required", ("prompt",))
        return NO_PROMPT_FOR_A_PICTURE if needed and not str(prompt or "").strip() else None
    if prompt and shots:
        return BOTH_PROMPTS
    if prompt or shots:
        return None
    if model.accepts is not None and _needs_no_prompt(model) and any(True for _ in media(model, body)):
        return None
    return NEITHER_PROMPT


def _needs_no_prompt(model: Model) -> bool:
    """Upscalers and the like: neither the schema nor Oxen's pages ask for words."""
    return model.shots is None and "prompt" not in (model.accepts or {}).get("required", ())


def _shots_problem(model: Model, body: Mapping[str, Any]) -> str | None:
    if not body.get("multi_prompt"):
        return None
    if model.shots is None:  # it knows no shots, so it sees no prompt
        return None if _needs_no_prompt(model) else refused("prompt", "Field required")
    return shots_problem(body["multi_prompt"], model.shots)


def _length_problem(model: Model, body: Mapping[str, Any]) -> str | None:
    if model.shots is None or body.get("multi_prompt"):
        return None
    return single_length_problem(body.get("duration", model.shots.default_seconds), model.shots)


def _schema_problem(model: Model, body: Mapping[str, Any]) -> str | None:
    if model.accepts is None:
        return None
    schema, validator = _validator(model)
    errors = sorted(validator.iter_errors(dict(body)), key=lambda error: [str(part) for part in error.instance_path])
    return _words(errors[0], schema, model) if errors else None


def _validator(model: Model) -> tuple[Mapping[str, Any], Draft202012Validator]:
    known = _VALIDATORS.get(model.name)
    if known is None:
        properties = {name: _as_meant(schema) for name, schema in model.properties.items()}
        schema = {**(model.accepts or {}), "properties": properties}
        known = _VALIDATORS[model.name] = schema, Draft202012Validator(schema)
    return known


def _as_meant(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Media lists whose items are objects of no told shape: Oxen's examples put plain URLs there."""
    if "x-media" in schema and schema.get("items") == {"type": "object"}:
        return {**schema, "items": {"type": ["object", "string"]}}
    return schema


_VALIDATORS: dict[str, tuple[Mapping[str, Any], Draft202012Validator]] = {}


def _words(error: ValidationError, schema: Mapping[str, Any], model: Model) -> str:
    """A schema's complaint as the hub's models put it (they answer with pydantic's sentences)."""
    path, broken = [str(part) for part in error.instance_path], str(error.schema_path[-1])
    wanted: Any = reduce(lambda part, step: part[step], error.schema_path, cast("Any", schema))
    given: Any = error.instance
    if broken == "required":
        missing = next(name for name in wanted if name not in given)
        return refused(".".join([*path, missing]), "Field required")
    name = ".".join(path)
    if broken == "enum" and path == ["duration"]:
        return duration_words(given, model.properties["duration"].get("default") or wanted[0])
    return refused(name, _sentence(broken, wanted, given) or error.message)


def _sentence(kind: str, limit: Any, given: Any) -> str | None:
    if kind == "enum":
        return one_of(limit)
    if kind == "type":
        return _TYPES[limit if isinstance(limit, str) else limit[0]]
    if kind == "minimum":
        return f"Input should be greater than or equal to {limit}"
    if kind == "maximum":
        return f"Input should be less than or equal to {limit}"
    if kind in ("maxItems", "minItems"):
        bound = "at most" if kind == "maxItems" else "at least"
        return f"List should have {bound} {limit} item{'s' * (limit != 1)} after validation, not {len(given)}"
    return None


def _limit_problem(model: Model, body: Mapping[str, Any]) -> str | None:
    return limit_problem(model.properties, body)


def _rule_problem(model: Model, body: Mapping[str, Any]) -> str | None:
    for rule in (model.accepts or {}).get("rules", ()):
        words = rule_problem(rule, body, filled(model, body))
        if words:
            return words
    return None


def media(model: Model, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every URL that the model's server would have to fetch, and the kind of media that it expects."""
    for name, schema in model.properties.items():
        value = body.get(name)
        if value is not None and ("x-media" in schema or "uri" in (schema.get("format"), _of_items(schema))):
            kind = schema.get("x-media", {}).get("kind", "image")
            yield from ((url, kind) for url in _urls(value))


def _of_items(schema: Mapping[str, Any]) -> str | None:
    items = schema.get("items")
    return items.get("format") if isinstance(items, dict) else None


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _urls(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if "url" in name:
                yield from _urls(one)
