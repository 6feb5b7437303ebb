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

from ...catalog.pricing import total
from ...errors import InputUnreadable, NotInstalled, OxenError, SubmissionUnclear, TimedOut
from ...ledger.films import FilmStatus, begin_film, cancel_film, film_status, resume_film
from ...ledger.records import GenerationRow, dollars, micros
from ...ledger.transactions import clips, job_for_take
from ..generate import check_agreement
from ..identifiers import references
from ..local_files import Files
from ..media_inputs import fingerprints, to_public_url
from ..plan import Plan
from ..prepare import identify, plan_request, question_about, reserve_amount, stands
from ..queries import SETTLING
from ..result_files import make_writable
from ..results import Question, Report, Video
from ..settlement import record_observed, settle_costs
from ..submission import ended
from .assembly import INSTALL, NOT_CHAINED, can_join
from .record import Film, film_id, name_by_content, share_out
from .runner import FilmRunner
from .status import about, follow_film, show_film, standing_of

if TYPE_CHECKING:
    from decimal import Decimal

    from ...request import VideoRequest
    from ...settings import Settings
    from ..generate import Call
    from ..session import Session


# The same call again: what going on with a film would pay for, and whether a person has to agree to it once more.
#
# Within the sum that was agreed to for the whole nobody is asked again.


@dataclass(frozen=True)
class Terms:
    """What going on with a film pays for. film: with the shares and the sum that are then agreed to."""

    film: Film
    pays: tuple[int, ...]
    question: Question | None = None

    @property
    def amount(self) -> Decimal:
        """US dollars, at most."""
        return dollars(sum(self.film.shares[number] for number in self.pays))


async def reckoned(session: Session, found: FilmStatus, request: VideoRequest, max_cost_usd: Decimal | None) -> Terms:
    if any(job.state in ("failed", "cancelled") and job.cost is None for job in found.tries):
        with suppress(OxenError):  # else what was reserved counts as spent
            await settle_costs(session)
            found = await standing_of(session, found.film.film)
    return terms(found, request, session.settings, max_cost_usd)


def terms(found: FilmStatus, request: VideoRequest, settings: Settings, max_cost_usd: Decimal | None) -> Terms:
    """Within what was agreed to nobody is asked again. Raises OverBudget, NeedsApproval."""
    film = found.film
    pays = tuple(part.number for part in found.in_state("open", "failed"))
    if not pays:
        return Terms(film, pays)
    needed = sum(film.shares[number] for number in pays)
    capped = max_cost_usd is not None and (max_cost_usd <= 0 or needed > micros(max_cost_usd))
    if found.spent + needed <= film.agreed and not capped:
        return Terms(film, pays)
    rest = tuple(film.jobs[number] for number in pays)
    plan = Plan(request, film.model, "", rest, total(job.price for job in rest), film=film.way)
    stake = reserve_amount(plan, settings, max_cost_usd)
    shares = list(film.shares)
    for number, share in zip(pays, share_out(rest, stake.amount), strict=True):
        shares[number] = share
    whole = max(film.agreed, found.spent + micros(stake.amount))
    again = replace(film, shares=tuple(shares), agreed=whole)
    return Terms(again, pays, question_about(plan, stake, settings, max_cost_usd))


async def asked_again(
    session: Session, request: VideoRequest, take: int, max_cost_usd: Decimal | None, files: Files
) -> Terms | None:
    """What this call would pay for, and a person must agree to, to go on with a film; None where there is none yet."""
    key, _ = await identify(session, request, files)
    found = await session.ledger.run(film_status, film_id(await session.scope(), key, take))
    if found is None:
        return None
    if found.film.film in session.films or found.is_live(session.clock.time()):
        return Terms(found.film, ())
    return await reckoned(session, found, request, max_cost_usd)


STOPPING = 20.0  # seconds that cancelling waits for shots which are just being sent


@dataclass(frozen=True)
class PreparedFilm:
    """A film that is about to be made, or gone on with. Nothing of it is paid by this call yet.

    pays: the parts that this call pays for.  media: where each medium lies, by what it is.
    """

    film: Film
    pays: tuple[int, ...]
    media: Mapping[str, str] = field(repr=False)
    files: Files
    is_new: bool
    warnings: tuple[str, ...] = ()


async def prepare_film(session: Session, request: VideoRequest, call: Call) -> PreparedFilm | None:
    """The film of a request: the one that exists, or one that is planned and agreed to; None where it is one job.

    Raises InvalidRequest, OverBudget, NeedsApproval, Declined, InputNotAllowed, InputUnreadable, NotInstalled.
    """
    scope = await session.scope()
    if call.take is not None:
        key, _ = await identify(session, request, call.files)
        found = await session.ledger.run(film_status, film_id(scope, key, call.take))
        if found is not None:
            return await _again(session, found, request, call)
        if stands(await session.ledger.run(job_for_take, scope, key, call.take)):
            return None
    plan = await plan_request(session, request, call.files)
    return None if len(plan.jobs) < 2 else await _planned(session, plan, call)


async def _planned(session: Session, plan: Plan, call: Call) -> PreparedFilm:
    if plan.problems == (NOT_CHAINED,):
        raise NotInstalled(NOT_CHAINED, fix=f"{INSTALL}, or ask for each shot by itself.")
    plan.raise_for_problems()
    await _ready(session)
    stake = reserve_amount(plan, session.settings, call.max_cost_usd)
    await check_agreement(question_about(plan, stake, session.settings, call.max_cost_usd), call)
    prints = await fingerprints(session, references(plan.request), call.files)
    key, words = await identify(session, plan.request, call.files, prints)
    if call.take is None:
        key = f"{key}+{uuid4().hex}"  # a film of its own each time
    scope, take = await session.scope(), call.take or 1
    for one, told in prints.items():  # what can't be read is said before anything is paid
        await to_public_url(session, one, call.files, known_as=told)
    film = Film(
        film=film_id(scope, key, take),
        scope=scope,
        request=key,
        take=take,
        way=plan.film or "side by side",
        model=plan.model,
        jobs=tuple(name_by_content(job, prints) for job in plan.jobs),
        shares=share_out(plan.jobs, stake.amount),
        asked=words,
        agreed=micros(stake.amount),
        created=session.clock.time(),
    )
    media = {told: one for one, told in prints.items()}
    return PreparedFilm(film, tuple(range(len(film.jobs))), media, call.files, True, plan.warnings)


async def _ready(session: Session) -> None:
    """Whether it could be delivered; said before anything is paid. Raises InputUnreadable."""
    try:
        await asyncio.to_thread(make_writable, session.settings.videos_folder)
    except InputUnreadable as error:
        raise InputUnreadable(
            f"{error.message.partition(' The video')[0]} A film is joined there; nothing was sent.",
            fix="Make room, or set OXEN_VIDEO_OUTPUT_DIR to a folder that can be written.",
            charged="no",
        ) from None


# -- the same call again -----------------------------------------------------------------------------------------------


async def _again(session: Session, found: FilmStatus, request: VideoRequest, call: Call) -> PreparedFilm:
    film = found.film
    prints = await fingerprints(session, references(request), call.files)
    opening = PreparedFilm(film, (), {told: one for one, told in prints.items()}, call.files, False)
    if film.film in session.films or found.is_live(session.clock.time()):
        return opening
    terms = await reckoned(session, found, request, call.max_cost_usd)
    await check_agreement(terms.question, call)
    return replace(opening, film=terms.film, pays=terms.pays)


# -- making ------------------------------------------------------------------------------------------------------------


async def make_film(
    session: Session, opening: PreparedFilm, until: float, ready: float, on_progress: Report | None
) -> Video:
    """Start or go on, and wait. until, ready: `clock.monotonic()` that bounds the wait, and the start.

    Raises what keeps the first shot from being sent: Paused, OverBudget, the hub's refusal; and SubmissionUnclear.
    """
    name = opening.film.film
    starting = session.own(_started(session, opening, opening.pays))
    if not await ended(starting, session.clock, ready):
        raise TimedOut(
            "The time ran out while the film was being begun.",
            charged="unknown",
            generation_id=name,
            fix="Call again with the same arguments: the same request is paid once.",
        )
    shooting = await starting
    first = opening.is_new and shooting is not None and shooting.film is opening.film
    async with about(session, name):
        if shooting is not None:
            waiting = asyncio.ensure_future(shooting.under_way.wait())
            await ended(waiting, session.clock, max(until, ready))
            waiting.cancel()
        await follow_film(session, name, until, on_progress, lambda: _goes_on(session, opening))
        await _raise_what_stopped_it(session, shooting)
        video = await show_film(session, name)
    return replace(video, reused=not first, warnings=(*opening.warnings, *video.warnings))


async def _started(session: Session, opening: PreparedFilm, pays: tuple[int, ...]) -> FilmRunner | None:
    """Booked and begun here, or here already; None where another process makes it, or nothing is left to be done."""
    film, ledger = opening.film, session.ledger
    budget = None if session.settings.budget is None else micros(session.settings.budget)
    intents = [film.intent(number, session.settings.route) for number in pays]
    lease = (ledger.owner, session.clock.time(), ledger.lease, budget)
    shooting: FilmRunner = FilmRunner(session, film, opening.media, opening.files)
    if opening.is_new and await ledger.run(begin_film, film, intents, *lease):
        return shooting.begin()
    here: FilmRunner | None = session.films.get(film.film)
    if here is not None or opening.is_new or _is_delivered(await standing_of(session, film.film)):
        return here
    if not await ledger.run(resume_film, film, intents, film.agreed, *lease):
        return None
    here = session.films.get(film.film)  # another call of this process may have been quicker
    return here or shooting.begin()


def _is_delivered(found: FilmStatus) -> bool:
    """Whether nothing is left to be done, or nothing can be done here."""
    file = found.film.file
    there = Path(file).is_file() if file else not can_join()
    return found.film.state == "delivered" and found.is_shot and there


async def _goes_on(session: Session, opening: PreparedFilm) -> bool:
    """Whoever made it is gone: go on here with what was never paid, within what was agreed to."""
    found = await standing_of(session, opening.film.film)
    pays = tuple(part.number for part in found.in_state("open"))
    needed = sum(found.film.shares[number] for number in pays)
    if session.closing or found.spent + needed > found.film.agreed:
        return False
    await asyncio.wait(
        {starting := session.own(_started(session, replace(opening, film=found.film, is_new=False), pays))}
    )
    starting.result()
    return True


async def _raise_what_stopped_it(session: Session, shooting: FilmRunner | None) -> None:
    error = shooting.error if shooting is not None else None
    if error is None or shooting is None:
        return
    found = await standing_of(session, shooting.film.film)
    if isinstance(error, SubmissionUnclear) or not found.is_begun:
        raise error


# -- stopping ----------------------------------------------------------------------------------------------------------


async def cancel_running_film(session: Session, film: str) -> Video:
    """Stop what runs and send nothing more. What was charged stays charged. Raises NotFound."""
    found = await standing_of(session, film)
    if await session.ledger.run(cancel_film, found.film, session.clock.time()):
        until = session.clock.monotonic() + STOPPING
        while await _stop_shots(session, film) and session.clock.monotonic() < until:
            await session.clock.sleep(0.2)
        shooting = session.films.get(film)
        if shooting is not None and shooting.done is not None:
            shooting.done.cancel()
            await ended(shooting.done, session.clock, until)
        with suppress(OxenError, asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(session.own(settle_costs(session))), SETTLING)
    return await show_film(session, film)


async def _stop_shots(session: Session, film: str) -> bool:
    """Cancel every shot that the hub has. Whether one is just being sent."""
    now = await standing_of(session, film)
    running = [part.clip for part in now.in_state("running") if part.clip is not None]
    hub = await session.hub()

    async def stop(clip: GenerationRow) -> None:
        record = await hub.cancel(clip.generation_id)
        await record_observed(session, [record], await session.ledger.run(clips, now.film.scope, [clip.generation_id]))

    await asyncio.gather(*map(stop, running))
    at = session.clock.time()
    return any(part.job is not None and part.job.is_live(at) for part in now.in_state("sending"))
