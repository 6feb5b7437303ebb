"""What a model's server says about a request when the job runs: the hub's own words, or nothing when it is fine.

Written from the documentation and held against the raw schemas with `jsonschema`; it shares nothing with the checks
that the client makes before it sends (Oxen docs, video generation: Errors; async queue: Validation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .limits import limit_problem
from .models import Model
from .rules import rule_problem
from .shotlist import filled
from .shots import shots_problem, single_length_problem
from .words import (
    BOTH_PROMPTS,
    NEITHER_PROMPT,
    NO_PROMPT_FOR_A_PICTURE,
    UNREADABLE,
    duration_words,
    forbidden,
    number,
    one_of,
    refused,
)

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
    errors = sorted(_validator(model).iter_errors(dict(body)), key=lambda error: [str(part) for part in error.path])
    return _words(errors[0], model) if errors else None


def _validator(model: Model) -> Draft202012Validator:
    known = _VALIDATORS.get(model.name)
    if known is None:
        properties = {name: _as_meant(schema) for name, schema in model.properties.items()}
        known = _VALIDATORS[model.name] = Draft202012Validator({**(model.accepts or {}), "properties": properties})
    return known


def _as_meant(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Media lists whose items are objects of no told shape: Oxen's examples put plain URLs there."""
    if "x-media" in schema and schema.get("items") == {"type": "object"}:
        return {**schema, "items": {"type": ["object", "string"]}}
    return schema


_VALIDATORS: dict[str, Draft202012Validator] = {}


def _words(error: ValidationError, model: Model) -> str:
    """A schema's complaint as the hub's models put it (they answer with pydantic's sentences)."""
    path = [str(part) for part in error.absolute_path]
    wanted: Any = error.validator_value
    given: Any = error.instance
    if error.validator == "required":
        missing = next(name for name in wanted if name not in given)
        return refused(".".join([*path, missing]), "Field required")
    name = ".".join(path)
    if error.validator == "enum" and path == ["duration"]:
        return duration_words(given, model.properties["duration"].get("default") or wanted[0])
    return refused(name, _sentence(str(error.validator), wanted, given) or error.message)


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
