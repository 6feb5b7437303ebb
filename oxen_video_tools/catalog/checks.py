"""A body against a model: every problem at once, in words to act on.

What the live schema says is certain. What the bundled schema, a page's prose or a default says is a warning: local
checks never block what the hub might accept. So is whatever came by way of `model_parameters`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import limits, rules, shots
from .findings import Finding, Findings, Said
from .fitting import fitting_lengths, fitting_ratios, fitting_resolutions, misfits
from .rules import is_set
from .words import OF_THE_HUB, word_for

if TYPE_CHECKING:
    from .known import Known
    from .schema import Parameter

MOST_GENERATIONS = 4  # Oxen docs, async queue: Validation


def check(body: Mapping[str, Any], known: Known, *, said: Said | None = None, loose: Collection[str] = ()) -> Findings:
    """What is wrong with a body for this model.

    said: the word of the request that each field came from.  loose: fields that came by way of `model_parameters`.
    """
    findings = Findings()
    said = said or {}
    for finding in _all(body, known, said):
        certain = finding.certain and not any(field in loose for field in finding.fields)
        findings.add(Finding(finding.text, certain, finding.fields))
    return findings


def _all(body: Mapping[str, Any], known: Known, said: Said) -> Iterator[Finding]:
    yield from _prompts(body, known)
    yield from _counts(body)
    for name, value in body.items():
        if name in OF_THE_HUB:
            continue
        parameter = known.parameters.get(name)
        if parameter is None:
            yield from _unknown(name, known, said)
        elif known.multi_shot is not None and name == known.multi_shot.name:
            yield from shots.told_shots(value, known.multi_shot) if value else ()
        else:
            yield from _value(_as_read(parameter, body, known), value, body, known, said)
    yield from _missing(body, known)
    yield from limits.over(known, body, said)
    case = rules.Case(known, body, said)
    for rule in known.rules:
        yield from rules.broken(rule, case)


def _as_read(parameter: Parameter, body: Mapping[str, Any], known: Known) -> Parameter:
    """A length is for a single prompt (Oxen docs, Kling O3 Pro walkthrough): beside shots only its type counts."""
    shots_told = known.multi_shot is not None and is_set(body, known.multi_shot.name)
    if not shots_told or known.length is None or parameter.name != known.length.name:
        return parameter
    return replace(parameter, spec={"type": list(parameter.types)})


def _prompts(body: Mapping[str, Any], known: Known) -> Iterator[Finding]:
    several = known.multi_shot.name if known.multi_shot else "multi_prompt"
    prompt, told = is_set(body, "prompt"), is_set(body, several)
    if prompt and told:
        yield Finding(shots.BOTH_PROMPTS, True, ("prompt", several))
    if told and not prompt and known.multi_shot is None and known.has_schema and known.needs_prompt:
        certain = known.parameters["prompt"].certain
        yield Finding(f"{known.id} takes no {several}: give one prompt.", certain, (several,))
    if prompt or told:
        return
    if known.needs_prompt or not any(is_set(body, slot.name) for slot in known.slots):
        yield Finding(shots.NO_PROMPT, True, ("prompt", several))


def _counts(body: Mapping[str, Any]) -> Iterator[Finding]:
    count = body.get("num_generations", 1)
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not whole or not 1 <= count <= MOST_GENERATIONS:
        text = f"num_generations={count}: num_generations must be an integer between 1 and {MOST_GENERATIONS}."
        yield Finding(text, True, ("num_generations",))


def _unknown(name: str, known: Known, said: Said) -> Iterator[Finding]:
    if not known.has_schema or name in said:
        return
    near = difflib.get_close_matches(name, known.parameters, n=1, cutoff=0.7)
    meant = f" Did you mean {near[0]}?" if near else ""
    yield Finding(f"{known.id} lists no parameter {name}; it is passed on as it is.{meant}", False, (name,))


def _value(parameter: Parameter, value: Any, body: Mapping[str, Any], known: Known, said: Said) -> Iterator[Finding]:
    wrong = misfits(parameter, value)
    if not wrong or _links_where_nobody_told(value, known, parameter):
        return
    word, original = said.get(parameter.name, (parameter.name, value))
    better = _better(word, original, body, known)
    for text in [better] if better else wrong:
        shown = f"{word}={original}" if isinstance(original, (int, float, str)) and len(str(original)) < 60 else word
        yield Finding(f"{shown}: {text}.", parameter.certain, (parameter.name,))


def _links_where_nobody_told(value: Any, known: Known, parameter: Parameter) -> bool:
    """Plain links in a list of objects whose shape is not told: Oxen's own examples write them so."""
    slot = next((slot for slot in known.slots if slot.name == parameter.name), None)
    plain = isinstance(value, list) and all(isinstance(item, (str, dict)) for item in value)
    return slot is not None and not slot.shape_is_told and plain


def _better(word: str, original: Any, body: Mapping[str, Any], known: Known) -> str | None:
    """What to use instead, in the words of the request."""
    if word == "duration" and known.length is not None and isinstance(original, (int, float)):
        return fitting_lengths(known.length, original, dict(body))
    if word == "aspect_ratio" and known.frame.ratios and isinstance(original, str):
        return fitting_ratios(original, known.frame.ratios)
    if word == "resolution" and known.frame.resolutions and isinstance(original, str):
        return fitting_resolutions(original, known.frame.resolutions)
    return None


def _missing(body: Mapping[str, Any], known: Known) -> Iterator[Finding]:
    slots = {slot.name: slot for slot in known.slots}
    for name, parameter in known.parameters.items():
        if not parameter.required or name in body or name == "prompt" or name in OF_THE_HUB:
            continue
        slot = slots.get(name)
        word = word_for(slot) if slot else name
        what = f"{word} ({name})" if word != name else name
        yield Finding(f"{known.id} needs {what}.", parameter.certain, (name,))
