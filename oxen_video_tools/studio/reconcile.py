"""Looking for what may have arrived: the queue echoes every parameter of a request, so a lost answer can be found.

The hub has no idempotency key (Oxen docs, async queue). A record is an unclear job's own when it is not older than the
POST, every value that it echoes is what was sent, and no other intent holds it. It is adopted only when such records
number exactly what the unclear jobs expect; else nobody can tell them from another client's, and a person decides.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import OxenError, SubmissionUnclear
from ..ledger.jobs import adopt, idless, note
from ..ledger.records import GenerationRow, Job
from ..ledger.transactions import claim_interval, clips, in_state
from ..redaction import unsigned
from .identifiers import DEFAULTS
from .media_inputs import is_url

if TYPE_CHECKING:
    from ..hub import Generation, HistoryPage, HubClient
    from .session import Session


# Which records of the hub may be what became of which jobs: pure rules over what was sent and what is echoed.

TOLERANCE = 5.0  # seconds between our clock, put right by the hub's `Date`, and its `enqueued_at`
# A record may name these although they were not sent: the API's defaults. Any other common word makes it another
# request's record.
_COMMON = frozenset(
    [
        "prompt",
        "multi_prompt",
        "duration",
        "aspect_ratio",
        "resolution",
        "input_image",
        "start_image",
        "end_image",
        "input_video",
        "input_audio",
        "generate_audio",
        "negative_prompt",
        "seed",
        "num_generations",
    ]
)
_DEFAULT = {**DEFAULTS, "duration": 5}


def is_its_record(job: Job, record: Generation, offset: float = 0.0) -> bool:
    """Whether a record may be what became of a job. offset: seconds that the hub's clock is ahead of ours."""
    if job.sent is None or record.enqueued_at is None:
        return False
    if record.enqueued_at < job.sent + offset - TOLERANCE:
        return False
    if record.model is not None and record.model != job.model:
        return False
    echoed = dict(record.parameters)
    if record.prompt is not None:
        echoed.setdefault("prompt", record.prompt)
    return _echoes(job.body, echoed)


def _echoes(sent: Mapping[str, Any], echoed: Mapping[str, Any]) -> bool:
    for name, value in echoed.items():
        if value is None or name in ("model", "target_namespace", "response_format", "num_generations"):
            continue
        if name in sent:
            if not _same(sent[name], value):
                return False
        elif name in _COMMON and value not in ("", [], {}) and not _same(value, _DEFAULT.get(name)):
            return False
    return True


def _same(ours: Any, theirs: Any) -> bool:
    return bool(_bare(ours) == _bare(theirs))


def _bare(value: Any) -> Any:
    """What two spellings of one value have in common: 5, 5.0 and "5"; a link with one signature or another."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        text = value.strip()
        if is_url(text) and not text.startswith("data:") and "\n" not in text:
            return unsigned(text)
        try:
            return float(text)
        except ValueError:
            return text
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _bare(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return _bare(value[0]) if len(value) == 1 else [_bare(item) for item in value]
    return value


def assign_records(
    unclear: Sequence[Job], sending: Sequence[Job], records: Sequence[Generation], offset: float = 0.0
) -> dict[str, list[Generation]]:
    """Which records belong to which unclear jobs, where that can be told.

    sending: jobs whose answer is still awaited; a record that may be theirs is left alone.  records: held by no intent.
    """
    given: dict[str, list[Generation]] = {}
    for jobs, candidates in _groups([*unclear, *sending], records, offset):
        waiting = {job.job for job in sending}
        expected = sum(job.expects for job in jobs)
        if any(job.job in waiting for job in jobs) or not candidates or len(candidates) != expected:
            continue
        given |= _dealt(jobs, candidates, offset)
    return given


def _groups(
    jobs: Sequence[Job], records: Sequence[Generation], offset: float
) -> Iterable[tuple[list[Job], list[Generation]]]:
    """Jobs that could be taken for each other, with every record that could be one of theirs."""
    left = {job.job: job for job in jobs}
    fits = {job.job: {one.generation_id for one in records if is_its_record(job, one, offset)} for job in jobs}
    while left:
        name, first = next(iter(left.items()))
        group, ids = [first], set(fits[name])
        del left[name]
        grown = True
        while grown:
            near = [job for job in left.values() if fits[job.job] & ids or _alike(job, group)]
            for job in near:
                del left[job.job]
                ids |= fits[job.job]
            group += near
            grown = bool(near)
        yield group, [one for one in records if one.generation_id in ids]


def _alike(job: Job, group: Sequence[Job]) -> bool:
    return any(job.body == other.body for other in group)


def _dealt(jobs: Sequence[Job], records: Sequence[Generation], offset: float) -> dict[str, list[Generation]]:
    """In the order of time; nothing at all where that does not fit."""
    waiting = sorted(records, key=lambda one: (one.enqueued_at or 0.0, one.generation_id))
    given: dict[str, list[Generation]] = {}
    for job in sorted(jobs, key=lambda job: (job.sent or 0.0, job.job)):
        given[job.job], waiting = waiting[: job.expects], waiting[job.expects :]
        if not all(is_its_record(job, one, offset) for one in given[job.job]):
            return {}
    return given


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


def clip_of(record: Generation, scope: str, model: str | None = None) -> GenerationRow:
    """A record of the hub, as the ledger keeps it."""
    return GenerationRow(
        scope,
        record.generation_id,
        status=record.status,
        model=record.model or model,
        error=record.error_message,
        created=record.enqueued_at,
        ended=record.completed_at if record.is_terminal else None,
    )


def clock_offset(hub: HubClient) -> float:
    """Seconds that the hub's clock is ahead of ours, as its last answer's `Date` said; 0 where none did."""
    return hub.transport.clock_offset or 0.0


async def reconcile(session: Session) -> None:
    """Find the ids of every job of this account that has none. Raises nothing for a hub that can't be read now."""
    scope = await session.scope()
    hub = await session.hub()
    async with session.reconciling:
        now = session.clock.time()
        jobs = await session.ledger.run(idless, scope, now)
        for namespace in {job.namespace for job in jobs if not job.is_live(now)}:
            await _reconcile_in(session, hub, scope, [job for job in jobs if job.namespace == namespace], now)


async def look_around(session: Session) -> None:
    """A process that opens a ledger looks for what others left unclear; one process a minute does."""
    scope, now = await session.scope(), session.clock.time()
    jobs = await session.ledger.run(in_state, scope, ["sending"])
    if any(not job.is_live(now) for job in jobs) and await session.ledger.run(
        claim_interval, f"look {scope}", now, GRACE
    ):
        try:
            await reconcile(session)
        except OxenError as error:
            log.info("What is unclear could not be looked for now: %s", error)


async def _reconcile_in(session: Session, hub: HubClient, scope: str, jobs: Sequence[Job], now: float) -> None:
    since = min(job.sent or now for job in jobs) + clock_offset(hub) - TOLERANCE
    reading = await read_account(hub, jobs[0].namespace, since)
    if not reading.complete:
        return
    offset = clock_offset(hub)
    info = await session.ledger.run(clips, scope, [one.generation_id for one in reading.generations])
    free = [one for one in reading.generations if (held := info.get(one.generation_id)) is None or held.job is None]
    unclear = [job for job in jobs if not job.is_live(now)]
    found = assign_records(unclear, [job for job in jobs if job.is_live(now)], free, offset)
    for job in unclear:
        if job.job in found:
            await _adopt(session, scope, job, found[job.job], [one.job for one in jobs], offset)
        else:
            several = any(_may_be_its_record(job, one, offset) for one in free)
            settled = now - (job.sent or now) > _grace(job)
            words = AMBIGUOUS if several else ABSENT if settled else YOUNG
            await session.ledger.run(note, job.job, words, now)


def _may_be_its_record(job: Job, record: Generation, offset: float) -> bool:
    """As `is_its_record`, but a record without a time proves no absence, although it is not adopted."""
    timed = record if record.enqueued_at is not None else replace(record, enqueued_at=float("inf"))
    return is_its_record(job, timed, offset)


def _grace(job: Job) -> float:
    """The blocking route may show its job only when it is done."""
    return GRACE if job.route == "queue" else GRACE + LONGEST


async def _adopt(
    session: Session, scope: str, job: Job, records: Sequence[Generation], considered: Sequence[str], offset: float
) -> None:
    def rivals(other: Job) -> bool:
        return any(is_its_record(other, one, offset) for one in records)

    finds = {job.job: [clip_of(one, scope, job.model) for one in records]}
    await session.ledger.run(adopt, finds, considered, rivals, session.clock.time())


def unclear_error(job: Job) -> SubmissionUnclear:
    """What an agent reads of a job that nobody can find."""
    person = f"a person settles it with oxen-video recover: --send-again {job.job} or --write-off {job.job}"
    fixes = {
        ABSENT: f"Do not generate again; {person}.",
        AMBIGUOUS: f"Do not generate again. list_videos shows what it may be; {person} or --adopt ID.",
    }
    return SubmissionUnclear(
        f"Nobody knows whether the hub took this job ({job.note or 'its answer was lost'}). It was not sent again.",
        sent=job.body,
        fix=fixes.get(
            job.note or "", "Do not generate again. Call with the same arguments in a minute: it is looked for."
        ),
    )
