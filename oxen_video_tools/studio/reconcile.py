"""Looking for what may have arrived: the queue echoes every parameter of a request, so a lost answer can be found.

The hub has no idempotency key (Oxen docs, async queue). What a record must say to be taken for a job's, and what it
must not say for the job to be called absent, stands in `likeness`; no other intent may hold it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import OxenError, SubmissionUnclear
from .ledger.records import Clip, Job
from .ledger.steps import clips, in_state, turn
from .ledger.unclear import add_found, adopt, idless, note, sought
from .likeness import assigned, is_its_record, is_marked, may_be_its_record, resembles, since

if TYPE_CHECKING:
    from ..hub import Generation, HistoryPage, HubClient
    from .stage import Stage

LONGEST = 1200.0  # seconds that the blocking route may take (hub docs: 1–15 minutes by model)
GRACE = 60.0  # seconds after which a job that no complete reading shows is taken to be absent
YOUNG = "it is not in the queue yet"
ABSENT = "the hub does not show it"
AMBIGUOUS = "the hub shows jobs that can't be told from it"
STATES = ("queued", "processing", "succeeded", "failed", "cancelled")
PAGE, PAGES = 50, 400
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What the hub shows of an account. complete: read to the end without a fault."""

    generations: tuple[Generation, ...]
    complete: bool


async def read_account(hub: HubClient, namespace: str | None, since: float) -> Reading:
    """The queue in every state and the history, from `since` (Unix seconds of the hub) on."""
    found: dict[str, Generation] = {}
    try:
        whole = await _read_queue(hub, namespace, found)
        for asked in dict.fromkeys((namespace, None)):  # no page says which of them the history is for
            whole = await _read_history(hub, asked, namespace, since, found) and whole
    except OxenError as error:
        log.info("The account could not be read to its end: %s", error)
        whole = False
    return Reading(tuple(one for one in found.values() if one.enqueued_at is None or one.enqueued_at >= since), whole)


async def _read_queue(hub: HubClient, namespace: str | None, found: dict[str, Generation]) -> bool:
    whole = True
    for state in STATES:
        listed = await hub.list(status=state, namespace=namespace)
        whole = whole and listed.is_whole
        found |= {one.generation_id: one for one in listed}
    return whole


async def _read_history(
    hub: HubClient, asked: str | None, namespace: str | None, since: float, found: dict[str, Generation]
) -> bool:
    """The pages are read until one holds nothing that is young enough, and no page before it was out of order."""
    newest_first, last = True, float("inf")
    for number in range(1, PAGES + 1):
        page = await hub.history(page=number, page_size=PAGE, namespace=asked)
        for one in page.generations:
            if namespace is None or one.namespace in (None, namespace):
                found.setdefault(one.generation_id, one)
            moment = one.enqueued_at if one.enqueued_at is not None else last
            newest_first, last = newest_first and moment <= last, moment
        if is_last(page) or (newest_first and last < since):
            return True
    return False


def is_last(page: HistoryPage) -> bool:
    """Whether the history ends here. A hub that does not say so ends it with a page that is not full."""
    more = len(page.generations) >= PAGE if page.has_more is None else page.has_more
    return not more or not page.generations


def clip_of(record: Generation, scope: str, model: str | None = None) -> Clip:
    """A record of the hub, as the ledger keeps it."""
    return Clip(
        scope,
        record.generation_id,
        status=record.status,
        model=record.model or model,
        error=record.error_message,
        created=record.enqueued_at,
        ended=record.completed_at if record.is_terminal else None,
    )


async def reconcile(stage: Stage) -> set[str]:
    """Find the ids of every job of this account that lacks one. Raises nothing for a hub that can't be read now.

    Answers the jobs that were looked for in an account which was read to its end.
    """
    scope = await stage.scope()
    hub = await stage.hub()
    looked: set[str] = set()
    async with stage.reconciling:
        now = stage.clock.time()
        jobs, rest = await stage.ledger.run(idless, scope, now), await stage.ledger.run(sought, scope, now)
        for namespace in {job.namespace for job in (*jobs, *rest) if not job.is_live(now)}:
            here = [job for job in jobs if job.namespace == namespace]
            more = [job for job in rest if job.namespace == namespace]
            if await _reconcile_in(stage, hub, scope, here, more, now):
                looked |= {job.job for job in (*here, *more)}
    return looked


async def look_around(stage: Stage) -> None:
    """A process that opens a ledger looks for what others left unclear; one process a minute does."""
    scope, now = await stage.scope(), stage.clock.time()
    jobs = await stage.ledger.run(in_state, scope, ["sending"])
    if any(not job.is_live(now) for job in jobs) and await stage.ledger.run(turn, f"look {scope}", now, GRACE):
        try:
            await reconcile(stage)
        except OxenError as error:
            log.info("What is unclear could not be looked for now: %s", error)


async def _reconcile_in(
    stage: Stage, hub: HubClient, scope: str, jobs: Sequence[Job], rest: Sequence[Job], now: float
) -> bool:
    """rest: jobs that may have made more than is known. Whether the account was read to its end."""
    sent = [since(job) for job in (*jobs, *rest)]
    begin = min((one for one in sent if one is not None), default=0.0)
    reading = await read_account(hub, (*jobs, *rest)[0].namespace, begin)
    if not reading.complete:
        return False
    known = await stage.ledger.run(clips, scope, [one.generation_id for one in reading.generations])
    free = [one for one in reading.generations if (held := known.get(one.generation_id)) is None or held.job is None]
    unclear = [job for job in jobs if not job.is_live(now)]
    found = assigned(unclear, [job for job in jobs if job.is_live(now)], free)
    given = {one.generation_id for some in found.values() for one in some}
    for job in unclear:
        if job.job in found:
            await _adopt(stage, scope, job, found[job.job], [one.job for one in jobs])
        else:
            several = any(may_be_its_record(job, one) for one in free if one.generation_id not in given)
            words = AMBIGUOUS if several else ABSENT if _is_settled(hub, job, now) else YOUNG
            await stage.ledger.run(note, job.job, words, now)
    left = [one for one in free if one.generation_id not in given]
    await _find_the_rest(stage, scope, [job for job in jobs if job.job not in found], rest, left)
    return True


async def _find_the_rest(
    stage: Stage, scope: str, jobs: Sequence[Job], rest: Sequence[Job], free: Sequence[Generation]
) -> None:
    """Give `rest` what nobody else may have made. jobs: those that still have no id, which come first."""
    for job in rest:
        its = [one for one in free if is_its_record(job, one)]
        others = [other for other in (*jobs, *rest) if other is not job]
        if not its or len(its) > job.expects - len(job.generation_ids):
            continue
        if any(resembles(other, one) for other in others for one in its if not is_marked(job, one)):
            continue
        log.info("%d more of job %s found", len(its), job.job)
        await stage.ledger.run(add_found, job.job, [clip_of(one, scope, job.model) for one in its], stage.clock.time())


def _is_settled(hub: HubClient, job: Job, now: float) -> bool:
    """Whether its record would show by now: by the hub's own time, where that of the POST is known."""
    there = hub.hub_time(latest=True)
    if there is not None and job.hub_sent is not None:
        return there - job.hub_sent > _grace(job)
    return now - (job.sent or now) > _grace(job)


def _grace(job: Job) -> float:
    """The blocking route may show its job only when it is done."""
    return GRACE if job.route == "queue" else GRACE + LONGEST


async def _adopt(stage: Stage, scope: str, job: Job, records: Sequence[Generation], considered: Sequence[str]) -> None:
    def rivals(other: Job) -> bool:
        marked = any(is_marked(job, one) for one in records)
        return not marked and any(resembles(other, one) for one in records)

    finds = {job.job: [clip_of(one, scope, job.model) for one in records]}
    await stage.ledger.run(adopt, finds, considered, rivals, stage.clock.time())


def unclear_error(job: Job) -> SubmissionUnclear:
    """What an agent reads of a job that nobody can find."""
    person = "a person settles it with oxen-video recover:"
    fixes = {
        ABSENT: f"Do not generate again; {person} --send-again {job.job} or --write-off {job.job}.",
        AMBIGUOUS: f"Do not generate again. list_videos shows what it may be; {person} --adopt ID "
        f"or --write-off {job.job}.",
    }
    return SubmissionUnclear(
        f"Nobody knows whether the hub took this job ({job.note or 'its answer was lost'}). It was not sent again.",
        sent=job.body,
        fix=fixes.get(
            job.note or "", "Do not generate again. Call with the same arguments in a minute: it is looked for."
        ),
    )
