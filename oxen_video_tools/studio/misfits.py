"""Local media held against what the model wants of them, before anything is uploaded or paid."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..catalog.limits import unfit
from ..errors import InputNotAllowed, InputUnreadable
from .inputs import Files, allowed, is_generation, is_url

if TYPE_CHECKING:
    from ..catalog.dialect import MediaPlace
    from ..media.measure import Measures
    from ..settings import Settings
    from .plan import Plan


async def with_misfits(plan: Plan, settings: Settings, files: Files) -> Plan:
    """The plan, with what its local files are too much or too little of: a problem where the live schema itself says
    so, a warning where it is prose on Oxen's pages. What can't be read is left to whoever uploads it.
    """
    places = [place for job in plan.jobs for place in job.media if place.limits and _is_local(place.reference)]
    if not places:
        return plan
    problems, warnings = await asyncio.to_thread(_held, places, settings, files)
    return replace(plan, problems=(*plan.problems, *problems), warnings=(*plan.warnings, *warnings))


def _is_local(reference: str) -> bool:
    return not is_url(reference) and not is_generation(reference)


def _held(places: list[MediaPlace], settings: Settings, files: Files) -> tuple[list[str], list[str]]:
    problems: dict[str, None] = {}
    warnings: dict[str, None] = {}
    measured: dict[str, Measures | None] = {}
    for place in places:
        if place.reference not in measured:
            measured[place.reference] = _measures(place.reference, settings, files)
        facts = measured[place.reference]
        if facts is not None:
            (problems if place.certain else warnings).update(dict.fromkeys(_words(place, facts)))
    return list(problems), list(warnings)


def _measures(reference: str, settings: Settings, files: Files) -> Measures | None:
    from ..media.measure import measure

    try:
        return measure(allowed(reference, settings, files))
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
