"""Films: a request that is more than one job of a model can make. `generate`, its question, and `cancel`.

The price of the whole is agreed to and reserved before the first job is paid. What was agreed to stands in the ledger,
so that the same call goes on with the film from any process, and pays for nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from ...errors import InputUnreadable, NotInstalled, OxenError, SubmissionUnclear, TimedOut
from ..answers import Report, Video
from ..delivery import make_writable
from ..following import saw, settle_costs
from ..identity import references
from ..inputs import Files, fingerprints, readable
from ..ledger.films import begin_film, cancel_film, take_up
from ..ledger.records import Clip
from ..ledger.standing import Standing, standing
from ..ledger.steps import clips, holder
from ..limits import question_about, staked
from ..making import agreed
from ..money import micros
from ..plan import Plan
from ..planning import identified, planned, stands
from ..reading import SETTLING
from ..submit import ended
from .cutting import INSTALL, NOT_CHAINED, can_join
from .screening import about, shown, standing_of
from .screenplay import Film, film_id, named_by_content, shared_out
from .shooting import Shooting
from .terms import reckoned
from .waiting import followed

if TYPE_CHECKING:
    from ...request import VideoRequest
    from ..making import Call
    from ..stage import Stage

STOPPING = 20.0  # seconds that cancelling waits for shots which are just being sent


@dataclass(frozen=True)
class Opening:
    """A film that is about to be made, or gone on with. Nothing of it is paid by this call yet.

    pays: the parts that this call pays for.  media: where each medium lies, by what it is.
    """

    film: Film
    pays: tuple[int, ...]
    media: Mapping[str, str] = field(repr=False)
    files: Files
    is_new: bool
    warnings: tuple[str, ...] = ()


async def opened(stage: Stage, request: VideoRequest, call: Call) -> Opening | None:
    """The film of a request: the one that exists, or one that is planned and agreed to; None where it is one job.

    Raises InvalidRequest, OverBudget, NeedsApproval, Declined, InputNotAllowed, InputUnreadable, NotInstalled.
    """
    scope = await stage.scope()
    if call.take is not None:
        key, _ = await identified(stage, request, call.files)
        found = await stage.ledger.run(standing, film_id(scope, key, call.take))
        if found is not None:
            return await _again(stage, found, request, call)
        if stands(await stage.ledger.run(holder, scope, key, call.take)):
            return None
    plan = await planned(stage, request, call.files)
    return None if len(plan.jobs) < 2 else await _planned(stage, plan, call)


async def _planned(stage: Stage, plan: Plan, call: Call) -> Opening:
    if plan.problems == (NOT_CHAINED,):
        raise NotInstalled(NOT_CHAINED, fix=f"{INSTALL}, or ask for each shot by itself.")
    plan.raise_for_problems()
    await _ready(stage)
    stake = staked(plan, stage.settings, call.max_cost_usd)
    await agreed(question_about(plan, stake, stage.settings, call.max_cost_usd), call)
    prints = await fingerprints(stage, references(plan.request), call.files)
    key, words = await identified(stage, plan.request, call.files, prints)
    if call.take is None:
        key = f"{key}+{uuid4().hex}"  # a film of its own each time
    scope, take = await stage.scope(), call.take or 1
    for one, told in prints.items():  # what can't be read is said before anything is paid
        await readable(stage, one, call.files, known_as=told)
    film = Film(
        film=film_id(scope, key, take),
        scope=scope,
        request=key,
        take=take,
        way=plan.film or "side by side",
        model=plan.model,
        jobs=tuple(named_by_content(job, prints) for job in plan.jobs),
        shares=shared_out(plan.jobs, stake.amount),
        asked=words,
        agreed=micros(stake.amount),
        created=stage.clock.time(),
    )
    media = {told: one for one, told in prints.items()}
    return Opening(film, tuple(range(len(film.jobs))), media, call.files, True, plan.warnings)


async def _ready(stage: Stage) -> None:
    """Whether it could be delivered; said before anything is paid. Raises InputUnreadable."""
    try:
        await asyncio.to_thread(make_writable, stage.settings.videos_folder)
    except InputUnreadable as error:
        raise InputUnreadable(
            f"{error.message.partition(' The video')[0]} A film is joined there; nothing was sent.",
            fix="Make room, or set OXEN_VIDEO_OUTPUT_DIR to a folder that can be written.",
            charged="no",
        ) from None


# -- the same call again -----------------------------------------------------------------------------------------------


async def _again(stage: Stage, found: Standing, request: VideoRequest, call: Call) -> Opening:
    film = found.film
    prints = await fingerprints(stage, references(request), call.files)
    opening = Opening(film, (), {told: one for one, told in prints.items()}, call.files, False)
    if film.film in stage.films or found.is_live(stage.clock.time()):
        return opening
    terms = await reckoned(stage, found, request, call.max_cost_usd)
    await agreed(terms.question, call)
    return replace(opening, film=terms.film, pays=terms.pays)


# -- making ------------------------------------------------------------------------------------------------------------


async def made(stage: Stage, opening: Opening, until: float, ready: float, on_progress: Report | None) -> Video:
    """Start or go on, and wait. until, ready: `clock.monotonic()` that bounds the wait, and the start.

    Raises what keeps the first shot from being sent: Paused, OverBudget, the hub's refusal; and SubmissionUnclear.
    """
    name = opening.film.film
    starting = stage.own(_started(stage, opening, opening.pays))
    if not await ended(starting, stage.clock, ready):
        raise TimedOut(
            "The time ran out while the film was being begun.",
            charged="unknown",
            generation_id=name,
            fix="Call again with the same arguments: the same request is paid once.",
        )
    shooting = await starting
    first = opening.is_new and shooting is not None and shooting.film is opening.film
    async with about(stage, name):
        if shooting is not None:
            waiting = asyncio.ensure_future(shooting.under_way.wait())
            await ended(waiting, stage.clock, max(until, ready))
            waiting.cancel()
        await followed(stage, name, until, on_progress, lambda: _goes_on(stage, opening))
        await _raise_what_stopped_it(stage, shooting)
        video = await shown(stage, name)
    return replace(video, reused=not first, warnings=(*opening.warnings, *video.warnings))


async def _started(stage: Stage, opening: Opening, pays: tuple[int, ...]) -> Shooting | None:
    """Booked and begun here, or here already; None where another process makes it, or nothing is left to be done."""
    film, ledger = opening.film, stage.ledger
    budget = None if stage.settings.budget is None else micros(stage.settings.budget)
    intents = [film.intent(number, stage.settings.route) for number in pays]
    lease = (ledger.owner, stage.clock.time(), ledger.lease, budget)
    shooting: Shooting = Shooting(stage, film, opening.media, opening.files)
    if opening.is_new and await ledger.run(begin_film, film, intents, *lease):
        return shooting.begin()
    here: Shooting | None = stage.films.get(film.film)
    if here is not None or opening.is_new or _is_delivered(await standing_of(stage, film.film)):
        return here
    if not await ledger.run(take_up, film, intents, film.agreed, *lease):
        return None
    here = stage.films.get(film.film)  # another call of this process may have been quicker
    return here or shooting.begin()


def _is_delivered(found: Standing) -> bool:
    """Whether nothing is left to be done, or nothing can be done here."""
    file = found.film.file
    there = Path(file).is_file() if file else not can_join()
    return found.film.state == "delivered" and found.is_shot and there


async def _goes_on(stage: Stage, opening: Opening) -> bool:
    """Whoever made it is gone: go on here with what was never paid, within what was agreed to."""
    found = await standing_of(stage, opening.film.film)
    pays = tuple(part.number for part in found.in_state("open"))
    needed = sum(found.film.shares[number] for number in pays)
    if stage.closing or found.spent + needed > found.film.agreed:
        return False
    await asyncio.wait({starting := stage.own(_started(stage, replace(opening, film=found.film, is_new=False), pays))})
    starting.result()
    return True


async def _raise_what_stopped_it(stage: Stage, shooting: Shooting | None) -> None:
    error = shooting.error if shooting is not None else None
    if error is None or shooting is None:
        return
    found = await standing_of(stage, shooting.film.film)
    if isinstance(error, SubmissionUnclear) or not found.is_begun:
        raise error


# -- stopping ----------------------------------------------------------------------------------------------------------


async def cancelled(stage: Stage, film: str) -> Video:
    """Stop what runs and send nothing more. What was charged stays charged. Raises NotFound."""
    found = await standing_of(stage, film)
    if await stage.ledger.run(cancel_film, found.film, stage.clock.time()):
        until = stage.clock.monotonic() + STOPPING
        while await _stop_shots(stage, film) and stage.clock.monotonic() < until:
            await stage.clock.sleep(0.2)
        shooting = stage.films.get(film)
        if shooting is not None and shooting.done is not None:
            shooting.done.cancel()
            await ended(shooting.done, stage.clock, until)
        with suppress(OxenError, asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(stage.own(settle_costs(stage))), SETTLING)
    return await shown(stage, film)


async def _stop_shots(stage: Stage, film: str) -> bool:
    """Cancel every shot that the hub has. Whether one is just being sent."""
    now = await standing_of(stage, film)
    running = [part.clip for part in now.in_state("running") if part.clip is not None]
    hub = await stage.hub()

    async def stop(clip: Clip) -> None:
        record = await hub.cancel(clip.generation_id)
        await saw(stage, [record], await stage.ledger.run(clips, now.film.scope, [clip.generation_id]))

    await asyncio.gather(*map(stop, running))
    at = stage.clock.time()
    return any(part.job is not None and part.job.is_live(at) for part in now.in_state("sending"))
