"""`recover`: walk everything that is unfinished; a person settles what nobody can find."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import HubUnavailable, InvalidRequest, NotFound, OxenError
from ..ledger.films import FilmStatus
from ..ledger.jobs import DAY, Adopt, OwnerGone, SendAgain, WriteOff
from ..ledger.records import Job, micros
from .films.assembly import keep_film
from .reconcile import ABSENT, FORGOTTEN, clip_of, could_be_its_record, is_its_record, reconcile, unclear_error
from .result_files import keep_file
from .results import Recovered
from .settlement import record_observed, settle_costs
from .submission import send

if TYPE_CHECKING:
    from .session import Session


BACK = 30 * DAY  # how far back costs and files are looked for


async def recover(session: Session) -> list[Recovered]:
    """Every unfinished job of the account: found, followed, settled, kept. Sends nothing."""
    scope, begun = await session.scope(), session.clock.time()
    unclear = {job.job for job in await session.ledger.find_jobs(scope, states=["sending"]) if not job.is_live(begun)}
    await reconcile(session)
    walked: list[Recovered] = []
    while jobs := await session.ledger.claim_unfinished(scope, begun):
        walked += [await _recover_job(session, job, found=job.job in unclear) for job in jobs]
    for name in sorted(unclear - {one.job for one in walked}):
        job = await session.ledger.job_named(name)
        if job is not None and job.generation_ids:  # found, and it had ended by then
            walked.append(_told(job, "found", f"It is {job.state}."))
    await settle_costs(session, BACK)
    for generation_id, words in sorted(session.unreadable_bills.items()):
        walked.append(Recovered(generation_id, "finished", (generation_id,), text=words))
    if session.settings.save == "always":
        walked += [await _kept(session, one) for one in await session.ledger.undelivered(scope, begun - BACK)]

    return walked + await recover_films(session, begun - BACK)


async def _recover_job(session: Session, job: Job, *, found: bool) -> Recovered:
    if job.state == "planned":
        await session.ledger.record_job(job.job, OwnerGone(), session.clock.time())
        return _told(job, "never sent", "It was written down and never sent: nothing was spent.")
    if job.is_unclear:
        error = unclear_error(job)
        return _told(job, "unclear", f"{error.message} {error.fix}")
    try:
        hub = await session.hub()
        records = [await hub.get(one) for one in job.generation_ids]
        await record_observed(session, records, await session.ledger.clips(job.scope, job.generation_ids))
    except NotFound:
        return _told(job, "running", f"The hub does not know it any more. {FORGOTTEN.format(job.job)}")
    except OxenError as error:
        return _told(job, "running", error.message)
    now = await session.ledger.job_named(job.job)
    job = now or job
    return _told(job, "found" if found else "finished" if job.is_final else "running", f"It is {job.state}.")


async def _kept(session: Session, generation_id: str) -> Recovered:
    try:
        saved = await keep_file(session, generation_id)
    except OxenError as error:
        return Recovered(generation_id, "finished", (generation_id,), text=error.message)
    return Recovered(generation_id, "saved", (generation_id,), text=str(saved.file))


def _told(job: Job, outcome: str, text: str) -> Recovered:
    return Recovered(job.job, outcome, job.generation_ids, job.model, text)


async def settled_by_hand(
    session: Session, *, adopt: str | None, send_again: str | None, write_off: str | None
) -> Recovered:
    """What a person decided about one unclear job. Raises InvalidRequest, NotFound, SubmissionUnclear."""
    if sum(decision is not None for decision in (adopt, send_again, write_off)) != 1:
        raise InvalidRequest(
            "Decide one thing at a time: adopt, send_again or write_off.", fix="Name only one of them."
        )
    if adopt is not None:
        return await _adopted(session, adopt)
    return await (_sent_again(session, send_again) if send_again else _written_off(session, str(write_off)))


async def _adopted(session: Session, generation_id: str) -> Recovered:
    """The generation goes to the one unclear job that it can be."""
    hub, scope, now = await session.hub(), await session.scope(), session.clock.time()
    record = await hub.get(generation_id)
    unclear = [job for job in await session.ledger.find_jobs(scope, states=["sending"]) if not job.is_live(now)]
    possible = [job for job in unclear if could_be_its_record(job, record)]
    if not possible:
        raise InvalidRequest(
            f"{generation_id} can't be the video of an unclear job: its model, its words or its time is another's.",
            fix="`oxen-video recover` lists what is unclear, `oxen-video list` what the hub has.",
        )
    fitting = [job for job in possible if is_its_record(job, record)] or possible
    if not all(job.body == fitting[0].body for job in fitting):
        raise InvalidRequest(
            f"{generation_id} can't be told to be the video of one unclear job: {len(fitting)} may be meant.",
            fix="`oxen-video recover` lists what is unclear.",
        )
    adopted = await session.ledger.decide(fitting[0].job, Adopt([clip_of(record, scope)]), now)
    return _told(adopted, "found", f"{generation_id} is it.")


async def _written_off(session: Session, job: str) -> Recovered:
    found = await session.ledger.job_named(job)
    forgotten = found is not None and found.state == "running" and await _is_forgotten(session, found)
    lost = await session.ledger.decide(job, WriteOff(forgotten), session.clock.time())
    return _told(lost, "written off", "What it may have cost counts as spent.")


async def _is_forgotten(session: Session, job: Job) -> bool:
    """Whether the hub knows none of its generations any more. Raises HubUnavailable where it does not say."""
    hub = await session.hub()
    for generation_id in job.generation_ids:
        with suppress(NotFound):
            record = await hub.get(generation_id)
            raise InvalidRequest(
                f"The hub knows {generation_id}: it is {record.status}.", fix="Cancel it, or wait for its end."
            )
    return True


async def _sent_again(session: Session, name: str) -> Recovered:
    """Only what a complete reading of this moment, long enough after the POST, does not show."""
    looked = await reconcile(session)
    job = await session.ledger.job_named(name)
    if job is not None and job.generation_ids:
        return _told(job, "found", "It had arrived; it was not sent again.")
    if job is not None and job.is_unclear and name not in looked and not job.is_live(session.clock.time()):
        raise HubUnavailable(
            "The account could not be read to its end just now, so nobody knows whether the job is there. It was not "
            "sent again.",
            fix="Try again when the hub answers: nothing was spent.",
        )
    if job is not None and job.is_unclear and job.note != ABSENT:
        raise unclear_error(job)
    ledger, budget = session.ledger, session.settings.budget
    limit = None if budget is None else micros(budget)
    decision = SendAgain(ledger.booking_owner(), ledger.lease, limit)
    again = await ledger.decide(name, decision, session.clock.time())
    sent = await asyncio.shield(session.own(send(session, again)))
    if sent.is_unclear:
        raise unclear_error(sent)
    return _told(sent, "sent again", "It was sent again and paid for.")


# `recover` for films: those whose shots are all there are joined; of the others it says how to go on with them.

MOST = 500


async def recover_films(session: Session, since: float) -> list[Recovered]:
    """Every film begun after `since` (Unix seconds) that is not finished and that nobody makes. Sends nothing."""
    films = await session.ledger.newest_films(await session.scope(), MOST)
    now = session.clock.time()
    return [
        await _recover_film(session, one)
        for one in films
        if one.film.state == "open"
        and one.film.created > since
        and one.film.film not in session.films
        and not one.is_live(now)
    ]


async def _recover_film(session: Session, one: FilmStatus) -> Recovered:
    film, ids = one.film, tuple(part.clip.generation_id for part in one.parts if part.clip is not None)
    there = sum(part.state == "done" for part in one.parts)
    if not one.is_shot:
        text = f"{there} of {len(one.parts)} shots are there. {film.note or ''}".strip()
        return Recovered(film.film, "stopped", ids, film.model, f"{text} The same generate goes on with it.")
    try:
        saved = await keep_film(session, film.film)
    except OxenError as error:
        return Recovered(film.film, "finished", ids, film.model, error.message)
    return Recovered(film.film, "saved", ids, film.model, str(saved.file))
