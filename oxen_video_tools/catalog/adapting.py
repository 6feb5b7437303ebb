"""Where a page tells how two parameters go together, the body follows it, and says so.

Two cases only. A parameter that a page wants left out is left out. And where a default (which nobody asked for) would
forbid what was asked for, another value is said: veo's default is 1080p, which wants 8 s; asked for 4 s it gets 720p.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
            elif rule.told["rule"] == "requires_value":
                _another_default(draft, case, rule.told)
        except (KeyError, TypeError):  # a rule of another shape than any seen
            continue


def _leave_out(draft: Draft, case: Case, rule: Mapping[str, Any]) -> None:
    field = rule["field"]
    if field in draft.body and field not in draft.loose and condition(rule, case).holds:
        draft.findings.warning(f"{case.name(field)} is left out: {draft.known.id} wants none here ({rule['when']}).")
        del draft.body[field]


def _another_default(draft: Draft, case: Case, rule: Mapping[str, Any]) -> None:
    """Let what was asked for win over a default: on the rule's one side or on the other."""
    if not condition(rule, case).holds:
        return
    when = rule["when"] if isinstance(rule.get("when"), dict) else {rule["field"]: True} if "field" in rule else {}
    unfit = [name for name, told in rule["then"].items() if not _fits(case, name, told)]
    asked = [name for name in unfit if name in draft.body]
    silent = [name for name in when if name not in draft.body]
    if asked and len(silent) == 1:
        _instead(draft, case, silent[0], _others(draft, silent[0], when[silent[0]]), asked)
    elif not asked:
        for name in unfit:
            _instead(draft, case, name, _allowed(draft, name, rule["then"][name]), list(when))


def _others(draft: Draft, name: str, told: Any) -> list[Any]:
    parameter = draft.known.parameters.get(name)
    forbidden = told if isinstance(told, list) else [told]
    return [one for one in parameter.enum if one not in forbidden] if parameter else []


def _allowed(draft: Draft, name: str, told: Any) -> list[Any]:
    parameter = draft.known.parameters.get(name)
    return [one for one in told if parameter is not None and one in parameter.enum]


def _instead(draft: Draft, case: Case, name: str, values: list[Any], asked: Sequence[str]) -> None:
    """Say the nearest value to the default that goes with what was asked for."""
    if not values:
        return
    default = draft.known.parameters[name].default
    value = min(values, key=lambda one: abs((lines(one) or 0) - (lines(default) or 0)))
    words = [(case.name(field), draft.said.get(field, (field, case.value(field)))[1]) for field in asked]
    wish = listing([f"{word}={said}" for word, said in words], "and")
    draft.body[name] = value
    text = f"{name}={value} is sent: with {default}, the default, {draft.known.id} does not make {wish}."
    draft.findings.warning(text)


def _fits(case: Case, name: str, told: Any) -> bool:
    return case.value(name) is None or among(case, name, case.value(name), told)
