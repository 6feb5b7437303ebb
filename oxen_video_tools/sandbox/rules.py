"""Rules between parameters, as Oxen's pages state them (`rules` in a schema).

A rule whose condition is prose ("video editing/extension") can't be held against a request and never fires; so do
those that only say what is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .words import one_of, refused

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
