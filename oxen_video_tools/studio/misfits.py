"""Local media held against what the model wants of them, before anything is uploaded or paid."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..catalog.limits import unfit
from ..errors import InputNotAllowed, InputUnreadable
from .inputs import Files, allowed, is_generation, is_url
from .local_files import snapshot

if TYPE_CHECKING:
    from ..catalog.dialect import MediaPlace
    from ..media.measure import Measures
    from ..settings import Settings
    from .plan import Plan


async def with_misfits(plan: Plan, settings: Settings, files: Files) -> Plan:
    """The plan, with a warning for what its local files are too much or too little of.

    What can't be read is left to whoever uploads it.
    """
    places = [place for job in plan.jobs for place in job.media if place.limits and _is_local(place.reference)]
    if not places:
        return plan
    warnings = await asyncio.to_thread(_held, places, settings, files)
    return replace(plan, warnings=(*plan.warnings, *warnings))


async def with_unreachable(plan: Plan, settings: Settings, files: Files) -> Plan:
    """The plan, with a problem for each local file that the paid call would refuse to read."""
    named = dict.fromkeys(place.reference for job in plan.jobs for place in job.media if _is_local(place.reference))
    problems = await asyncio.to_thread(_refused, list(named), settings, files)
    return replace(plan, problems=(*plan.problems, *problems)) if problems else plan


def _refused(references: list[str], settings: Settings, files: Files) -> list[str]:
    found = []
    for reference in references:
        try:
            allowed(reference, settings, files)
        except (InputNotAllowed, InputUnreadable) as error:
            found.append(f"{error.message} {error.fix or ''}".strip())
    return found


def _is_local(reference: str) -> bool:
    return not is_url(reference) and not is_generation(reference)


def _held(places: list[MediaPlace], settings: Settings, files: Files) -> list[str]:
    found: dict[str, None] = {}
    measured: dict[str, Measures | None] = {}
    for place in places:
        if place.reference not in measured:
            measured[place.reference] = _measures(place.reference, settings, files)
        facts = measured[place.reference]
        if facts is not None:
            found.update(dict.fromkeys(_words(place, facts)))
    return list(found)


def _measures(reference: str, settings: Settings, files: Files) -> Measures | None:
    from ..media.measure import measure

    try:
        with snapshot(reference, settings, files) as path:
            return measure(path)
    except (InputNotAllowed, InputUnreadable, OSError):
        return None


def _words(place: MediaPlace, facts: Measures) -> Iterator[str]:
    found = unfit(
        place.limits,
        size=facts.size,
        width=facts.width,
        height=facts.height,
        seconds=facts.seconds,
        fps=facts.fps,
    )
    for misfit in found:
        yield f"{place.path[0]} {place.reference}: {misfit}."
