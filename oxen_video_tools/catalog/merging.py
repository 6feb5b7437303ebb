"""What is known about a model's parameters, from three places: the live schema, the bundled one, Oxen's pages.

The live schema wins. It often leaves out what a parameter is for and the numbers that pages state in prose; those are
taken from the other two, and keep their origin: only what the hub itself says live is certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .schema import Parameter

Schema = Mapping[str, Any]
_NOTES = ("x-media", "x-limits", "x-addressing", "description", "x-order")


@dataclass(frozen=True)
class Rule:
    """A rule between parameters. certain: whether the live schema itself states it."""

    told: Mapping[str, Any]
    certain: bool


def merged(own: Schema | None, bundled: Schema | None, page: Schema, *, live: bool) -> Mapping[str, Parameter]:
    """Every parameter, in order."""
    schema = own if own is not None else bundled
    certain = live and own is not None
    needed = schema.get("required") if schema else None
    required = {name for name in needed if isinstance(name, str)} if isinstance(needed, list) else set()
    spare = _properties(bundled)
    documented = _properties(page.get("request_schema"))
    found: dict[str, Parameter] = {}
    for name, spec in _properties(schema).items():
        noted = _noted(spec, spare.get(name), documented.get(name), page.get("descriptions", {}).get(name))
        found[name] = Parameter.of(name, noted, required=name in required, certain=certain)
    for name, spec in documented.items():
        found.setdefault(name, Parameter.of(name, spec, certain="x-refused" in spec))  # the page has the hub's refusal
    return dict(sorted(found.items(), key=lambda one: _order(one[1])))


def rules(own: Schema | None, bundled: Schema | None, page: Schema, *, live: bool) -> tuple[Rule, ...]:
    """Every rule, once."""
    certain = live and own is not None and "rules" in own
    told = list(_rules(own)) if own is not None and "rules" in own else list(_rules(bundled))
    found = [Rule(rule, certain) for rule in told]
    extra = [*_rules(page), *_rules(page.get("request_schema"))]
    return (*found, *(Rule(rule, False) for rule in extra if rule not in told))


def _properties(schema: Any) -> Mapping[str, Schema]:
    told = schema.get("properties") if isinstance(schema, dict) else None
    return {name: spec for name, spec in told.items() if isinstance(spec, dict)} if isinstance(told, dict) else {}


def _rules(schema: Any) -> Iterator[Mapping[str, Any]]:
    told = schema.get("rules") if isinstance(schema, dict) else None
    for rule in told if isinstance(told, list) else []:
        if isinstance(rule, dict) and isinstance(rule.get("rule"), str):
            yield rule


def _noted(spec: Schema, bundled: Schema | None, documented: Schema | None, description: str | None) -> Schema:
    """The parameter's schema with the notes it lacks. Limits from elsewhere are kept apart: they are not certain."""
    notes: dict[str, Any] = {}
    for other in (documented, bundled):
        if other is not None and _lists(other) == _lists(spec):
            notes |= {key: other[key] for key in _NOTES if key in other}
    if description:
        notes["description"] = description
    missing = {key: value for key, value in notes.items() if key not in spec}
    if "x-limits" in missing:
        missing["x-limits-from"] = "pages"
    items = _items(spec, documented, bundled)
    if items:
        missing["items"] = items
    return {**spec, **missing} if missing else spec


def _items(spec: Schema, *others: Schema | None) -> Schema | None:
    """What a list holds, where only another place says it in full."""
    own = spec.get("items")
    if not isinstance(own, dict) or own.get("type") != "object" or own.get("properties"):
        return None
    fuller = (other["items"] for other in others if other and isinstance(other.get("items"), dict))
    return next((items for items in fuller if items.get("properties")), None)


def _lists(spec: Schema) -> bool:
    return "array" in str(spec.get("type")) or "items" in spec


def _order(parameter: Parameter) -> float:
    told = parameter.spec.get("x-order")
    return told if isinstance(told, (int, float)) and not isinstance(told, bool) else 1000
