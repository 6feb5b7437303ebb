"""Search the account for jobs whose answer was lost: the queue echoes every parameter of a request.

The hub has no idempotency key (Oxen docs, async queue). A record is adopted for a job only under the rules below, and
only if it belongs to no other job.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import NotFound, OxenError, SubmissionUnclear
from ..hub.records import STATUSES
from ..ledger.jobs import SearchFailed
from ..ledger.records import UNPAID, GenerationRow, Job
from ..redaction import visible
from .identifiers import DEFAULTS, link_name
from .media_inputs import is_url

if TYPE_CHECKING:
    from ..hub import Generation, HubClient
    from .session import Session


# Which records of the hub belong to which jobs: pure rules over what was sent and what is echoed.
#
# Two questions, two rules. **Is it absent?** Only if no record since the POST, by the hub's time, has its model or its
# prompt in any spelling. **Is this it?** Only if the record carries a mark of ours (a seed or a folder that nobody else
# has), or if exactly one record has all that was sent and exactly one job of ours could have made it. Everything in
# between is ambiguous, and a person decides.

TOLERANCE = 5.0  # seconds between the clocks of the hub's own machines; `Date` and `enqueued_at` may be whole seconds
MISSET = 86_400.0  # seconds that this machine's clock may be off, if the hub's time of the POST is unknown
FORGOTTEN = "A person frees its take with `oxen-video recover --write-off {}`; what it cost stays counted."
FOLDER = "oxen-video/"  # our `target_directory` begins with it and ends with a unique word
# The API's defaults: a record may have these although they were not sent. Any other argument of the request that was
# not sent makes it the record of another request.
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
        "input_videos",
        "input_audios",
        "generate_audio",
        "negative_prompt",
        "seed",
        "num_generations",
    ]
)
_DEFAULT = {**DEFAULTS, "duration": 5}
_NOT_COMPARED = ("model", "target_namespace", "response_format", "num_generations")
_ID = re.compile(r"[A-Za-z0-9._]+(?:-[A-Za-z0-9._]+)+")  # an id such as "kling-video-v2-6-pro", not a display name
_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)\s*(?:s|sec|seconds?)?", re.I)
_PART = 12  # characters that identify a prompt if the hub shortened or extended it


# ---- is this it? -----------------------------------------------------------------------------------------------------


def is_its_record(job: Job, record: Generation) -> bool:
    """Whether a record is newer than the POST and has all that was sent."""
    if job.hub_sent is None or record.enqueued_at is None or record.enqueued_at < job.hub_sent - TOLERANCE:
        return False
    if record.model is not None and record.model != job.model:
        return False
    return _echoes(job.body, _echoed(record))


def is_marked(job: Job, record: Generation) -> bool:
    """Whether a record has a mark that only this job has."""
    echoed, marks = _echoed(record), marks_of(job)
    return any(_same(value, echoed.get(name)) for name, value in marks.items()) and may_be_its_record(job, record)


def marks_of(job: Job) -> dict[str, Any]:
    """The marks in a body: values that we added to identify its record, never what the caller gave."""
    given = {**job.asked, **(job.asked.get("model_parameters") or {})}
    found = {}
    if job.body.get("seed") is not None and given.get("seed") is None:
        found["seed"] = job.body["seed"]
    folder = job.body.get("target_directory")
    if isinstance(folder, str) and folder.startswith(FOLDER) and given.get("target_directory") is None:
        found["target_directory"] = folder
    return found


def _echoed(record: Generation) -> dict[str, Any]:
    echoed = dict(record.parameters)
    if record.prompt is not None:
        echoed.setdefault("prompt", record.prompt)
    return echoed


def _echoes(sent: Mapping[str, Any], echoed: Mapping[str, Any]) -> bool:
    for name, value in echoed.items():
        if value is None or name in _NOT_COMPARED:
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
    """A value in a form in which all its spellings are equal: 5, 5.0, "5" and "5s"; "é" as one character or two; any
    line ends; a link with any signature.
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        text = " ".join(unicodedata.normalize("NFC", value).split())
        if is_url(text) and not text.startswith("data:") and " " not in text:
            return link_name(text)
        length = _LENGTH.fullmatch(text)
        return float(length[1]) if length else text
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _bare(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return _bare(value[0]) if len(value) == 1 else [_bare(item) for item in value]
    return value


# ---- is it absent? ---------------------------------------------------------------------------------------------------


def may_be_its_record(job: Job, record: Generation) -> bool:
    """Whether a record can't be ruled out: newer than the POST, with the job's model or its prompt. What a record omits
    does not rule it out.
    """
    return _since(job, record) and (_model_alike(job, record) or _words_alike(job, record))


def could_be_its_record(job: Job, record: Generation) -> bool:
    """Whether a person may adopt the record for the job: newer than the POST, with the job's model and its prompt."""
    return _since(job, record) and _model_alike(job, record) and _words_alike(job, record)


def _since(job: Job, record: Generation) -> bool:
    if record.enqueued_at is None:
        return True
    begun = since(job)
    return begun is None or record.enqueued_at >= begun


def since(job: Job) -> float | None:
    """The hub's time from which on a record of the job may exist."""
    if job.hub_sent is not None:
        return job.hub_sent - TOLERANCE
    return None if job.sent is None else job.sent - MISSET


def _model_alike(job: Job, record: Generation) -> bool:
    """Whether the models may be the same. Only ids are compared: a display name proves nothing."""
    if record.model is None or not _ID.fullmatch(record.model):
        return True
    return record.model.casefold() == job.model.casefold()


def _words_alike(job: Job, record: Generation) -> bool:
    ours, theirs = _words(job.body), _words(_echoed(record))
    if not theirs:
        return True
    if not ours:
        return False
    short, long = sorted((ours, theirs), key=len)
    return short == long or (len(short) >= _PART and short in long)


def _words(body: Mapping[str, Any]) -> str:
    """The letters and digits of a text, so that changes of spelling don't matter."""
    shots = body.get("multi_prompt")
    told = (
        [shot.get("prompt") if isinstance(shot, Mapping) else shot for shot in shots] if isinstance(shots, list) else []
    )
    whole = " ".join(str(one) for one in (body.get("prompt"), *told) if one)
    return "".join(sign for sign in unicodedata.normalize("NFKC", whole).casefold() if sign.isalnum())


# ---- which is whose --------------------------------------------------------------------------------------------------


def assign_records(
    unclear: Sequence[Job], sending: Sequence[Job], records: Sequence[Generation]
) -> dict[str, list[Generation]]:
    """Assign records to unclear jobs, where the rules allow it.

    sending: jobs whose answer is still awaited; records that may be theirs are not assigned.
    records: those that belong to no job yet.
    """
    given, left = _marked_ones(unclear, sending, records)
    open_ones = [job for job in unclear if job.job not in given]
    for job in open_ones:
        near = [one for one in left if resembles(job, one)]
        rivals = [other for other in (*open_ones, *sending) if other.job != job.job]
        sure = len(near) == job.expects and all(is_its_record(job, one) for one in near)
        if sure and not any(resembles(rival, one) for rival in rivals for one in near):
            given[job.job] = _in_order(near)
    return given


def _marked_ones(
    unclear: Sequence[Job], sending: Sequence[Job], records: Sequence[Generation]
) -> tuple[dict[str, list[Generation]], list[Generation]]:
    """Assign records by marks; and the records without a known mark."""
    given: dict[str, list[Generation]] = {}
    taken: set[str] = set()
    jobs = (*unclear, *sending)
    for job in jobs:
        its = [one for one in records if is_marked(job, one) and not _is_marked_by_another(job, jobs, one)]
        taken |= {one.generation_id for one in its}
        if len(its) > job.expects:  # a variation was made with the same seed
            its = [one for one in its if is_its_record(job, one)]
        if len(its) == job.expects and job in unclear:
            given[job.job] = _in_order(its)
    return given, [one for one in records if one.generation_id not in taken]


def _is_marked_by_another(job: Job, jobs: Iterable[Job], record: Generation) -> bool:
    return any(other.job != job.job and is_marked(other, record) for other in jobs)


def resembles(job: Job, record: Generation) -> bool:
    """Whether a person could take the record for the job's, by its prompt."""
    return _since(job, record) and (_words_alike(job, record) if _words(job.body) else _model_alike(job, record))


def _in_order(records: Iterable[Generation]) -> list[Generation]:
    return sorted(records, key=lambda one: (one.enqueued_at or 0.0, one.generation_id))


LONGEST = 1200.0  # seconds that the blocking route may take (hub docs: 1–15 minutes by model)
GRACE = 60.0  # seconds after which a job that no complete reading shows counts as absent
YOUNG = "it is not in the queue yet"
ABSENT = "the hub does not show it"
AMBIGUOUS = "the hub shows jobs that can't be told from it"
PAGE, PAGES = 50, 400
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """The records of an account. complete: it was read to its end without an error."""

    generations: tuple[Generation, ...]
    complete: bool


async def read_account(hub: HubClient, namespace: str | None, since: float) -> Reading:
    """Read the queue in every state, and the history. since: Unix seconds by the hub's clock."""
    found: dict[str, Generation] = {}
    try:
        whole = await _read_queue(hub, namespace, found)
        for asked in dict.fromkeys(
            (namespace, None)
        ):  # the documentation does not say which of them the history is for
            whole = await _read_history(hub, asked, namespace, since, found) and whole
    except OxenError as error:
        log.info("The account could not be read to its end: %s", error)
        whole = False
    return Reading(tuple(one for one in found.values() if one.enqueued_at is None or one.enqueued_at >= since), whole)


async def _read_queue(hub: HubClient, namespace: str | None, found: dict[str, Generation]) -> bool:
    whole = True
    for state in STATUSES:
        listed = await hub.list(status=state, namespace=namespace)
        whole = whole and listed.is_whole
        found |= {one.generation_id: one for one in listed}
    return whole


async def _read_history(
    hub: HubClient, asked: str | None, namespace: str | None, since: float, found: dict[str, Generation]
) -> bool:
    """Read pages until one has no record that is new enough, if all pages before were in order."""
    newest_first, last = True, float("inf")
    async for page in hub.iter_history(namespace=asked, page_size=PAGE, most=PAGES):
        for one in page.generations:
            if namespace is None or one.namespace in (None, namespace):
                found.setdefault(one.generation_id, one)
            moment = one.enqueued_at if one.enqueued_at is not None else last
            newest_first, last = newest_first and moment <= last, moment
        if page.is_last or (newest_first and last < since):
            return True
    return False


def clip_of(record: Generation, scope: str, model: str | None = None) -> GenerationRow:
    """A record of the hub as a row of the ledger."""
    return GenerationRow(
        scope,
        record.generation_id,
        status=record.status,
        model=record.model or model,
        error=record.error_message,
        created=record.enqueued_at,
        ended=record.completed_at if record.is_terminal else None,
    )


async def reconcile(session: Session) -> set[str]:
    """Search for all jobs of this account that lack an id. Raises nothing if the hub can't be read now.

    Returns the jobs that were searched for in an account that was read to its end.
    """
    scope = await session.scope()
    hub = await session.hub()
    looked: set[str] = set()
    async with session.reconciling:
        now = session.clock.time()
        jobs, rest = await session.ledger.jobs_to_find(scope, now)
        for namespace in {job.namespace for job in (*jobs, *rest) if not job.is_live(now)}:
            here = [job for job in jobs if job.namespace == namespace]
            more = [job for job in rest if job.namespace == namespace]
            if await _reconcile_in(session, hub, scope, here, more, now):
                looked |= {job.job for job in (*here, *more)}
    return looked


async def look_around(session: Session) -> None:
    """Search for jobs that other processes left unclear. Called when a ledger is opened; at most once a minute."""
    scope, now = await session.scope(), session.clock.time()
    jobs = await session.ledger.find_jobs(scope, states=["sending"])
    if any(not job.is_live(now) for job in jobs) and await session.ledger.claim_interval(f"look {scope}", now, GRACE):
        try:
            await reconcile(session)
        except OxenError as error:
            log.info("What is unclear could not be looked for now: %s", error)


async def _reconcile_in(
    session: Session, hub: HubClient, scope: str, jobs: Sequence[Job], rest: Sequence[Job], now: float
) -> bool:
    """Search in one namespace. Returns whether the account was read to its end.

    jobs: those without an id.
    rest: those that may have made more generations than the ledger knows.
    """
    sent = [since(job) for job in (*jobs, *rest)]
    begin = min((one for one in sent if one is not None), default=0.0)
    reading = await read_account(hub, (*jobs, *rest)[0].namespace, begin)
    if not reading.complete:
        return False
    info = await session.ledger.clips(scope, [one.generation_id for one in reading.generations])
    free = [one for one in reading.generations if (held := info.get(one.generation_id)) is None or held.job is None]
    unclear = [job for job in jobs if not job.is_live(now)]
    found = assign_records(unclear, [job for job in jobs if job.is_live(now)], free)
    given = {one.generation_id for some in found.values() for one in some}
    for job in unclear:
        if job.job in found:
            await _adopt(session, scope, job, found[job.job], [one.job for one in jobs])
        else:
            several = any(may_be_its_record(job, one) for one in free if one.generation_id not in given)
            words = AMBIGUOUS if several else ABSENT if _is_settled(hub, job, now) else YOUNG
            await session.ledger.record_job(job.job, SearchFailed(words), now)
    left = [one for one in free if one.generation_id not in given]
    considered = [job.job for job in (*jobs, *rest)]
    await _find_the_rest(session, scope, [job for job in jobs if job.job not in found], rest, left, considered)
    return True


async def _find_the_rest(
    session: Session,
    scope: str,
    jobs: Sequence[Job],
    rest: Sequence[Job],
    free: Sequence[Generation],
    considered: Sequence[str],
) -> None:
    """Add generations to the jobs of `rest` that no other job may have made.

    jobs: those that still have no id, which come first.
    free: records that belong to no job.
    considered: all jobs that were compared with the account; the ledger refuses if there is a newer one.
    """
    for job in rest:
        its = [one for one in free if is_its_record(job, one)]
        others = [other for other in (*jobs, *rest) if other is not job]
        if not its or len(its) > job.expects - len(job.generation_ids):
            continue
        if any(resembles(other, one) for other in others for one in its if not is_marked(job, one)):
            continue
        log.info("%d more of job %s found", len(its), job.job)

        def rivals(other: Job, job: Job = job, its: Sequence[Generation] = tuple(its)) -> bool:
            return any(resembles(other, one) for one in its if not is_marked(job, one))

        finds = [clip_of(one, scope, job.model) for one in its]
        await session.ledger.adopt({job.job: finds}, considered, rivals, session.clock.time(), more=True)


def _is_settled(hub: HubClient, job: Job, now: float) -> bool:
    """Whether a record of the job would be visible by now; by the hub's clock, if it gave the time of the POST."""
    there = hub.hub_time(latest=True)
    if there is not None and job.hub_sent is not None:
        return there - job.hub_sent > _grace(job)
    return now - (job.sent or now) > _grace(job)


def _grace(job: Job) -> float:
    """Seconds after which a missing record counts. The blocking route may show a job only when it has ended."""
    return GRACE if job.route == "queue" else GRACE + LONGEST


async def _adopt(
    session: Session, scope: str, job: Job, records: Sequence[Generation], considered: Sequence[str]
) -> None:
    def rivals(other: Job) -> bool:
        marked = any(is_marked(job, one) for one in records)
        return not marked and any(resembles(other, one) for one in records)

    finds = {job.job: [clip_of(one, scope, job.model) for one in records]}
    await session.ledger.adopt(finds, considered, rivals, session.clock.time())


def unclear_error(job: Job) -> SubmissionUnclear:
    """The error for a job that can't be found."""
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


async def about_a_job(session: Session, generation_id: str, error: OxenError, *, reading: bool = False) -> OxenError:
    """Add to an error the id of the job, and whether it was paid through this ledger.

    reading: the record was read; then NotFound means that the hub has deleted it.
    """
    error.generation_id = error.generation_id or generation_id
    job = None
    with suppress(OxenError):
        clip, job = await session.ledger.clip_and_job(await session.scope(), generation_id)
        if job is not None and job.state not in UNPAID and not (clip is not None and clip.cost == 0):
            error.comes_after("yes", generation_id)
    if job is not None and reading and isinstance(error, NotFound):
        error.message = f"The hub does not know generation {generation_id} any more, which was paid for."
        error.args = (error.message,)
        error.fix = FORGOTTEN.format(job.job)
    elif isinstance(error, NotFound) and generation_id not in error.message:
        error.message = f"No generation has the id {visible(generation_id[:60], lines=False)}."
        error.args = (error.message,)
    return error
