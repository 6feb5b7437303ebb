"""`recover`: walk everything that is unfinished; a person settles what nobody can find."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import HubUnavailable, InvalidRequest, NotFound, OxenError
from .answers import Recovered
from .delivery import keep
from .following import saw, settle_costs
from .ledger.booking import DAY
from .ledger.following import abandon, undelivered, walk
from .ledger.records import Job
from .ledger.steps import clips, in_state, job_named
from .ledger.unclear import adopt_by_hand, reopen, write_off
from .likeness import could_be_its_record, is_its_record
from .money import micros
from .reading import FORGOTTEN
from .reconcile import ABSENT, clip_of, reconcile, unclear_error
from .submit import send

if TYPE_CHECKING:
    from .stage import Stage

BACK = 30 * DAY  # how far back costs and files are looked for


async def recover(stage: Stage) -> list[Recovered]:
    """Every unfinished job of the account: found, followed, settled, kept. Sends nothing."""
    scope, begun = await stage.scope(), stage.clock.time()
    unclear = {job.job for job in await stage.ledger.run(in_state, scope, ["sending"]) if not job.is_live(begun)}
    await reconcile(stage)
    walked: list[Recovered] = []
    while jobs := await stage.ledger.run(walk, scope, begun):
        walked += [await _walked(stage, job, found=job.job in unclear) for job in jobs]
    for name in sorted(unclear - {one.job for one in walked}):
        job = await stage.ledger.run(job_named, name)
        if job is not None and job.generation_ids:  # found, and it had ended by then
            walked.append(_told(job, "found", f"It is {job.state}."))
    await settle_costs(stage, BACK)
    for generation_id, words in sorted(stage.unreadable_bills.items()):
        walked.append(Recovered(generation_id, "finished", (generation_id,), text=words))
    if stage.settings.save == "always":
        walked += [await _kept(stage, one) for one in await stage.ledger.run(undelivered, scope, begun - BACK)]
    from .films.recovery import films_walked

    return walked + await films_walked(stage, begun - BACK)


async def _walked(stage: Stage, job: Job, *, found: bool) -> Recovered:
    if job.state == "planned":
        await stage.ledger.run(abandon, job.job, stage.clock.time())
        return _told(job, "never sent", "It was written down and never sent: nothing was spent.")
    if job.is_unclear:
        error = unclear_error(job)
        return _told(job, "unclear", f"{error.message} {error.fix}")
    try:
        hub = await stage.hub()
        records = [await hub.get(one) for one in job.generation_ids]
        await saw(stage, records, await stage.ledger.run(clips, job.scope, job.generation_ids))
    except NotFound:
        return _told(job, "running", f"The hub does not know it any more. {FORGOTTEN.format(job.job)}")
    except OxenError as error:
        return _told(job, "running", error.message)
    now = await stage.ledger.run(job_named, job.job)
    job = now or job
    return _told(job, "found" if found else "finished" if job.is_final else "running", f"It is {job.state}.")


async def _kept(stage: Stage, generation_id: str) -> Recovered:
    try:
        saved = await keep(stage, generation_id)
    except OxenError as error:
        return Recovered(generation_id, "finished", (generation_id,), text=error.message)
    return Recovered(generation_id, "saved", (generation_id,), text=str(saved.file))


def _told(job: Job, outcome: str, text: str) -> Recovered:
    return Recovered(job.job, outcome, job.generation_ids, job.model, text)


async def settled_by_hand(
    stage: Stage, *, adopt: str | None, send_again: str | None, write_off: str | None
) -> Recovered:
    """What a person decided about one unclear job. Raises InvalidRequest, NotFound, SubmissionUnclear."""
    if sum(decision is not None for decision in (adopt, send_again, write_off)) != 1:
        raise InvalidRequest(
            "Decide one thing at a time: adopt, send_again or write_off.", fix="Name only one of them."
        )
    if adopt is not None:
        return await _adopted(stage, adopt)
    return await (_sent_again(stage, send_again) if send_again else _written_off(stage, str(write_off)))


async def _adopted(stage: Stage, generation_id: str) -> Recovered:
    """The generation goes to the one unclear job that it can be."""
    hub, scope, now = await stage.hub(), await stage.scope(), stage.clock.time()
    record = await hub.get(generation_id)
    unclear = [job for job in await stage.ledger.run(in_state, scope, ["sending"]) if not job.is_live(now)]
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
    adopted = await stage.ledger.run(adopt_by_hand, fitting[0].job, [clip_of(record, scope)], now)
    return _told(adopted, "found", f"{generation_id} is it.")


async def _written_off(stage: Stage, job: str) -> Recovered:
    found = await stage.ledger.run(job_named, job)
    forgotten = found is not None and found.state == "running" and await _is_forgotten(stage, found)
    lost = await stage.ledger.run(write_off, job, stage.clock.time(), forgotten=forgotten)
    return _told(lost, "written off", "What it may have cost counts as spent.")


async def _is_forgotten(stage: Stage, job: Job) -> bool:
    """Whether the hub knows none of its generations any more. Raises HubUnavailable where it does not say."""
    hub = await stage.hub()
    for generation_id in job.generation_ids:
        with suppress(NotFound):
            record = await hub.get(generation_id)
            raise InvalidRequest(
                f"The hub knows {generation_id}: it is {record.status}.", fix="Cancel it, or wait for its end."
            )
    return True


async def _sent_again(stage: Stage, name: str) -> Recovered:
    """Only what a complete reading of this moment, long enough after the POST, does not show."""
    looked = await reconcile(stage)
    job = await stage.ledger.run(job_named, name)
    if job is not None and job.generation_ids:
        return _told(job, "found", "It had arrived; it was not sent again.")
    if job is not None and job.is_unclear and name not in looked and not job.is_live(stage.clock.time()):
        raise HubUnavailable(
            "The account could not be read to its end just now, so nobody knows whether the job is there. It was not "
            "sent again.",
            fix="Try again when the hub answers: nothing was spent.",
        )
    if job is not None and job.is_unclear and job.note != ABSENT:
        raise unclear_error(job)
    ledger, budget = stage.ledger, stage.settings.budget
    limit = None if budget is None else micros(budget)
    again = await ledger.run(reopen, name, ledger.booking_owner(), stage.clock.time(), ledger.lease, limit)
    sent = await asyncio.shield(stage.own(send(stage, again)))
    if sent.is_unclear:
        raise unclear_error(sent)
    return _told(sent, "sent again", "It was sent again and paid for.")
