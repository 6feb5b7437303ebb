"""Rules between a model's parameters, checked against a body.

A rule is data: `{"rule": "excludes", "fields": ["input_images"], "with": ["input_video"]}`. Its condition is either
exact (`{"resolution": ["1080p"]}`, "elements set") or a page's own prose ("editing, or start/end frames only"). A rule
is certain only if the live schema states it and its condition is exact; everything else is a warning. A parameter that
the body leaves out has its default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .dimensions import is_free, seconds_in
from .findings import Finding, Said, listing

if TYPE_CHECKING:
    from .model_info import ModelInfo
    from .schema import Rule

Body = Mapping[str, Any]


def is_set(body: Body, name: str) -> bool:
    """Whether a body says something with this parameter: not null, empty, false or 0."""
    return _says(body.get(name))


def _says(value: object) -> bool:
    return value not in (None, "", [], {}, False)


@dataclass(frozen=True)
class RuleContext:
    """A body before a rule."""

    info: ModelInfo
    body: Body
    said: Said

    def value(self, name: str) -> Any:
        """What a parameter is, by the body or by default."""
        if name in self.body:
            return self.body[name]
        parameter = self.info.parameters.get(name)
        return parameter.default if parameter else None

    def name(self, field: str) -> str:
        """What the caller calls a parameter."""
        word = self.said.get(field, (field, None))[0]
        return field if word == field else f"{word} ({field})"

    def names(self, fields: Iterable[str], word: str = "or") -> str:
        return listing([self.name(field) for field in fields], word)

    def given(self, fields: Iterable[str]) -> list[str]:
        return [field for field in fields if is_set(self.body, field)]


def broken_rules(rule: Rule, case: RuleContext) -> Iterator[Finding]:
    """What the body breaks of one rule."""
    check = _CHECKS.get(rule.told["rule"])
    if check is None:
        return
    try:
        found = list(check(rule.told, case))
    except (KeyError, TypeError, AttributeError):  # a rule of an unknown form is ignored
        return
    for finding in found:
        yield Finding(finding.text, finding.certain and rule.certain, finding.fields)


@dataclass(frozen=True)
class Condition:
    """holds: None if a body can't tell.  exact: whether it is more than a page's prose."""

    holds: bool | None
    exact: bool
    fields: tuple[str, ...] = ()
    words: str = ""


_SET = re.compile(r"(\w+) set")
_EQUALS = re.compile(r"(\w+)=(\w+) with (\w+)")
_OR = re.compile(r",?\s+or\s+")


def read_condition(rule: Mapping[str, Any], case: RuleContext) -> Condition:
    """Whether a rule applies."""
    when = rule.get("when")
    if when is None and isinstance(rule.get("field"), str):
        field = rule["field"]
        return Condition(_says(case.value(field)), True, (field,), case.name(field))
    if isinstance(when, dict):
        return _equals(when, case)
    words = str(when or "")
    plain = _SET.fullmatch(words)
    if plain and plain[1] in case.info.parameters:
        return Condition(is_set(case.body, plain[1]), True, (plain[1],), case.name(plain[1]))
    parts = [_prose(part.removesuffix(" set").strip(), case) for part in _OR.split(words)]
    holds = True if True in parts else None if None in parts else False
    return Condition(holds, False, (), words)


def _equals(when: Mapping[str, Any], case: RuleContext) -> Condition:
    holds, said = True, []
    for name, values in when.items():
        among = values if isinstance(values, list) else [values]
        holds = holds and case.value(name) in among
        said.append(f"{case.name(name)}={case.value(name)}")
    return Condition(holds, True, tuple(when), listing(said, "and"))


def _prose(words: str, case: RuleContext) -> bool | None:
    """A condition as a page words it; None where a body can't tell."""
    equals = _EQUALS.fullmatch(words)
    if equals:
        return case.value(equals[1]) == equals[2] and is_set(case.body, equals[3])
    if words in case.info.parameters:
        return is_set(case.body, words)
    media = {slot.role for slot in case.info.slots if is_set(case.body, slot.name)}
    videos = {slot.role for slot in case.info.slots if slot.kind == "video" and is_set(case.body, slot.name)}
    if words == "reference":
        return bool(media & {"reference", "reference_face", "elements"})
    if re.search(r"\b(edit|extension|extend)", words):
        if "source" in videos:
            return case.value("video_mode") in (None, "edit")
        return None if videos else False
    if "frame" in words and "only" in words:
        return bool(media) and media <= {"first_frame", "last_frame"}
    return None


def _excludes(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    here, there = case.given(rule["fields"]), case.given(rule["with"])
    if here and there:
        text = f"{case.names(here, 'and')} can't go together with {case.names(there, 'and')}: leave one side out."
        yield Finding(text, True, (*here, *there))


def _requires(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    for name in case.given(rule["fields"]):
        missing = [other for other in rule["with"] if not is_set(case.body, other)]
        if missing:
            yield Finding(f"{case.name(name)} needs {case.names(missing, 'and')}.", True, (name, *missing))


def _requires_one(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    here = case.given(rule["fields"])
    if here and not case.given(rule["with"]):
        yield Finding(f"{case.names(here, 'and')} needs at least one of {case.names(rule['with'])}.", True, tuple(here))


def _one_of_required(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    if not case.given(rule["fields"]):
        yield Finding(f"Give {case.names(rule['fields'])}.", True, tuple(rule["fields"]))


def _requires_value(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    when = read_condition(rule, case)
    if when.holds is False:
        return
    for name, told in rule["then"].items():
        value = case.value(name)
        if value is None or among(case, name, value, told):
            continue
        wanted = f"{case.name(name)}={_told(told, case, name)}"
        if when.holds is None:
            yield Finding(f"For {when.words} this model wants {wanted}.", False, (name,))
            continue
        said = f"{case.name(name)}={value}" + ("" if name in case.body else ", the default,")
        text = f"{when.words} needs {wanted}, and {said} is not."
        yield Finding(text, when.exact, (*when.fields, name))


def among(case: RuleContext, name: str, value: Any, told: Sequence[Any]) -> bool:
    """Whether a value is one that a rule allows. Two numbers are a span where the parameter itself has one."""
    if _is_span(case, name, told):
        return isinstance(value, (int, float)) and told[0] <= value <= told[1]
    return any(value == _plain(one) or _both_free(value, _plain(one)) for one in told)


def _is_span(case: RuleContext, name: str, told: Sequence[Any]) -> bool:
    parameter = case.info.parameters.get(name)
    numbers = len(told) == 2 and all(isinstance(one, (int, float)) for one in told)
    return numbers and (parameter is None or not parameter.enum)


def _plain(value: Any) -> Any:
    """A value without a page's remark: "auto(sic; enum says adaptive)" → "auto"."""
    return value.partition("(")[0].strip() if isinstance(value, str) else value


def _both_free(one: Any, other: Any) -> bool:
    free = isinstance(other, str) and is_free(other)
    return free and (is_free(one) or (isinstance(one, (int, float)) and seconds_in(one) == "auto"))


def _told(told: Sequence[Any], case: RuleContext, name: str) -> str:
    if _is_span(case, name, told):
        return f"{told[0]} to {told[1]}"
    parameter = case.info.parameters.get(name)
    own = parameter.enum if parameter else ()
    return listing(next((one for one in own if _both_free(one, _plain(value))), _plain(value)) for value in told)


def _forces(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    when = read_condition(rule, case)
    value = case.value(rule["field"])
    if when.holds and value is not None and value != rule["value"]:
        wanted = str(rule["value"]).lower()
        yield Finding(f"With {when.words}, {case.name(rule['field'])} must be {wanted}.", when.exact, (rule["field"],))


def _ignored(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    if rule["field"] in case.body and read_condition(rule, case).holds:
        text = f"{case.name(rule['field'])} is ignored here ({rule['when']})."
        yield Finding(text, False, (rule["field"],))


def _omit(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    if rule["field"] in case.body and read_condition(rule, case).holds:
        yield Finding(f"Leave {case.name(rule['field'])} out: {rule['when']}.", False, (rule["field"],))


def _not_supported(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    when = read_condition(rule, case)
    if when.holds and _says(case.value(rule["field"])):
        fields = (rule["field"], *when.fields)
        yield Finding(f"{case.name(rule['field'])} does not go with {when.words}.", when.exact, fields)


def _limit(rule: Mapping[str, Any], case: RuleContext) -> Iterator[Finding]:
    when = read_condition(rule, case)
    if when.holds:
        limits = [f"{key.replace('_', ' ')} {value}" for key, value in rule.items() if key not in ("rule", "when")]
        yield Finding(f"With {when.words}: {listing(limits, 'and')}.", False, when.fields)


Check = Callable[[Mapping[str, Any], RuleContext], Iterator[Finding]]
_CHECKS: Mapping[str, Check] = {
    "excludes": _excludes,
    "requires": _requires,
    "requires_one": _requires_one,
    "one_of_required": _one_of_required,
    "requires_value": _requires_value,
    "forces": _forces,
    "ignored_when": _ignored,
    "omit_when": _omit,
    "not_supported": _not_supported,
    "limit": _limit,
}
