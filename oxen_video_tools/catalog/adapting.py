"""Where a page tells how two parameters go together, the body follows it, and says so.

Two cases only. A parameter that a page wants left out is left out. And where a default (which nobody asked for) would
forbid what was asked for, another value is said: veo's default is 1080p, which wants 8 s; asked for 4 s it gets 720p.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .findings import listing
from .rules import Case, among, condition
from .shapes import lines

if TYPE_CHECKING:
    from .draft import Draft


def adapt(draft: Draft) -> None:
    """Follow the rules that can be followed without changing what was asked for."""
    case = Case(draft.known, draft.body, draft.said)
    for rule in draft.known.rules:
        try:
            if rule.told["rule"] == "omit_when":
                _leave_out(draft, case, rule.told)
            elif rule.told["rule"] == "requires_value" and isinstance(rule.told.get("when"), dict):
                _another_default(draft, case, rule.told)
        except (KeyError, TypeError):  # a rule of another shape than any seen
            continue


def _leave_out(draft: Draft, case: Case, rule: Mapping[str, Any]) -> None:
    field = rule["field"]
    if field in draft.body and field not in draft.loose and condition(rule, case).holds:
        draft.findings.warning(
            f"{case.name(field)} is left out: {draft.known.id} wants none here ({rule['when']}).", field
        )
        del draft.body[field]


def _another_default(draft: Draft, case: Case, rule: Mapping[str, Any]) -> None:
    silent = [name for name in rule["when"] if name not in draft.body]
    if len(silent) != 1 or not condition(rule, case).holds:
        return
    said = [name for name, told in rule["then"].items() if name in draft.body and not _fits(case, name, told)]
    name = silent[0]
    parameter = draft.known.parameters.get(name)
    told = rule["when"][name]
    forbidden = told if isinstance(told, list) else [told]
    others = [one for one in parameter.enum if one not in forbidden] if parameter else []
    if not said or parameter is None or not others:
        return
    value = max(others, key=lambda one: lines(one) or 0)
    draft.body[name] = value
    asked = listing(
        [f"{case.name(field)}={draft.said.get(field, (field, draft.body[field]))[1]}" for field in said], "and"
    )
    text = f"{name}={value} is sent: with {parameter.default}, the default, {draft.known.id} does not make {asked}."
    draft.findings.warning(text, name)


def _fits(case: Case, name: str, told: Any) -> bool:
    return among(case, name, case.body[name], told)
