"""`get`, `get_many`, `list`, `cancel`: any generation of the account, whoever made it. None of these spends."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..catalog.pricing import billed_seconds
from ..errors import InvalidRequest, NotFound, OxenError, Unauthenticated
from ..ledger.outcomes import typical
from ..ledger.records import UNPAID, GenerationRow, Job, dollars
from ..ledger.transactions import clip_and_job, clips, clips_of, job_named, jobs_named
from .media_inputs import is_film
from .reconcile import STATES, unclear_error
from .results import Report, Status, Video
from .settlement import kept, record_observed, settle_one
from .submission import job_of_local, local_id

if TYPE_CHECKING:
    from ..hub import Generation
    from .session import Session

SETTLING = 5.0  # seconds that a cancelled job's cost is waited for
SAVING = 60.0  # seconds beyond the wait that keeping a finished result may take; it goes on after them
FORGOTTEN = "A person frees its take with `oxen-video recover --write-off {}`; what it cost stays counted."
log = logging.getLogger(__name__)
NO_RENEWAL = "The hub tells no id for this video: its link can't be renewed. The file is kept."


async def get(
    session: Session, generation_id: str, *, wait_seconds: float = 0, on_progress: Report | None = None
) -> Video:
    """How a video stands. Raises NotFound, Unauthenticated, HubUnavailable."""
    if job_of_local(generation_id) is not None:
        return await _local(session, generation_id, wait_seconds)
    if is_film(generation_id):
        from .films.status import get as get_film

        return await get_film(session, generation_id.strip(), wait_seconds=wait_seconds, on_progress=on_progress)
    try:
        return await shown(session, await watch(session, generation_id, wait_seconds, on_progress))
    except OxenError as error:
        raise await about_a_job(session, generation_id, error, reading=True) from error.__cause__


async def about_a_job(session: Session, generation_id: str, error: OxenError, *, reading: bool = False) -> OxenError:
    """What went wrong with a job that exists: with its id, and whether it was paid through this ledger.

    reading: its record could not be read; a NotFound then means that the hub forgot it.
    """
    error.generation_id = error.generation_id or generation_id
    job = None
    with suppress(OxenError):
        clip, job = await session.ledger.run(clip_and_job, await session.scope(), generation_id)
        if job is not None and job.state not in UNPAID and not (clip is not None and clip.cost == 0):
            error.comes_after("yes", generation_id)
    if job is not None and reading and isinstance(error, NotFound):
        error.message = f"The hub does not know generation {generation_id} any more, which was paid for."
        error.args = (error.message,)
        error.fix = FORGOTTEN.format(job.job)
    return error


async def get_many(
    session: Session, ids: Sequence[str], *, wait_seconds: float = 0, on_progress: Report | None = None
) -> list[Video]:
    """Several at once, in their order."""
    wanted = [get(session, one, wait_seconds=wait_seconds, on_progress=on_progress) for one in ids]
    return list(await asyncio.gather(*wanted))


async def watch(
    session: Session, generation_id: str, seconds: float, on_progress: Report | None, clip: GenerationRow | None = None
) -> Generation:
    """The record when it has ended, or as it stands after `seconds`."""
    if clip is None or seconds <= 0:
        record = await (await session.hub()).get(generation_id)
        if seconds <= 0 or record.is_terminal:
            return record
        model, since, namespace = record.model, record.enqueued_at, record.namespace
    else:
        record, model, since, namespace = None, clip.model, clip.created, None
    usual = None
    with suppress(OxenError):  # only the progress is the poorer
        usual = await session.ledger.run(typical, await session.scope(), model) if model else None
    return await (await session.waiter()).wait(
        generation_id,
        seconds=seconds,
        namespace=namespace,
        on_progress=on_progress,
        typical=usual,
        since=since,
        model=model,
        record=record,
    )


async def shown(session: Session, record: Generation) -> Video:
    """A record with what the ledger knows of it; what the ledger did not know is written down.

    The hub is the truth about a job: a ledger that fails takes nothing away but its own part.
    """
    clip: GenerationRow | None = None
    job: Job | None = None
    warnings: tuple[str, ...] = ()
    try:
        scope = await session.scope()
        clip, job = await session.ledger.run(clip_and_job, scope, record.generation_id)
        await record_observed(session, [record], {} if clip is None else {clip.generation_id: clip})
        if record.status == "succeeded" and session.settings.save == "always":
            warnings = await keep_soon(session, record.generation_id)
            clip, job = await session.ledger.run(clip_and_job, scope, record.generation_id)
    except Unauthenticated:
        raise
    except OxenError as error:
        log.warning("The ledger said nothing of %s: %s", record.generation_id, error)
        warnings = (*warnings, f"What is known of it here could not be read: {error.message}")
    if (odd := session.unreadable_bills.get(record.generation_id)) is not None:
        warnings = (*warnings, odd)
    return timed(
        session, replace(video_of(record, clip, job), warnings=warnings), job.body if job else record.parameters
    )


async def keep_soon(session: Session, generation_id: str) -> tuple[str, ...]:
    """Keep a result in a task of the studio's own; the answer waits for it only so long. What to warn of."""
    keeping = session.own(kept(session, generation_id))
    await asyncio.wait({keeping}, timeout=SAVING)
    trouble = keeping.result() if keeping.done() else "The file is still being fetched."
    return (trouble,) if trouble else ()


def video_of(record: Generation, clip: GenerationRow | None = None, job: Job | None = None) -> Video:
    """The answer about one generation."""
    cost, cost_is = _cost(record, clip, job)
    return Video(
        status=record.status,
        generation_id=record.generation_id,
        url=record.url if record.status == "succeeded" else None,
        file=Path(clip.file) if clip and clip.file else None,
        model=record.model or (clip.model if clip else None),
        duration=length(job.body if job else record.parameters),
        cost=cost,
        cost_is=cost_is,
        error=record.error_message if record.status == "failed" else None,
        created=record.enqueued_at,
    )


def _cost(
    record: Generation, clip: GenerationRow | None, job: Job | None
) -> tuple[Decimal | None, Literal["real", "estimate", "unknown"]]:
    if record.cost is not None:
        return record.cost, "real"
    if clip is not None and clip.cost is not None:
        return dollars(clip.cost), "real"
    if job is not None and job.estimate is not None and record.status not in ("failed", "cancelled"):
        return dollars(job.estimate) / max(1, job.expects), "estimate"
    return None, "unknown"


def length(body: Mapping[str, Any]) -> float | None:
    """Seconds that a body asks for, where it says so in a number."""
    shots = body.get("multi_prompt")
    if isinstance(shots, (list, tuple)) and shots:
        parts = [_number(shot.get("duration", 5)) if isinstance(shot, Mapping) else None for shot in shots]
        return None if None in parts else sum(part for part in parts if part is not None)
    return next((found for name in ("duration", "seconds") if (found := _number(body.get(name))) is not None), None)


def timed(session: Session, video: Video, body: Mapping[str, Any]) -> Video:
    """The video, with the length that its model makes where the body names none, if that is known."""
    info = session.catalog().at_hand().get(video.model or "") if video.duration is None else None
    if info is None:
        return video
    usual = billed_seconds(body, info)
    return video if usual.said else replace(video, duration=usual.value)


def _number(value: Any) -> float | None:
    try:
        found = float(str(value).removesuffix("s")) if not isinstance(value, bool) else None
    except ValueError:
        return None
    return found if found is not None and 0 < found < math.inf else None


async def _local(session: Session, generation_id: str, wait_seconds: float) -> Video:
    """A job of the blocking route, under the name that the ledger gave it."""
    name = job_of_local(generation_id)
    job = await session.ledger.run(job_named, name) if name else None
    if job is None or job.scope != await session.scope():
        raise NotFound(f"There is no generation {generation_id}.")
    until = session.clock.monotonic() + wait_seconds
    while job.state in ("planned", "sending") and job.is_live(session.clock.time()):
        if session.clock.monotonic() + 1.0 > until:
            break
        await session.clock.sleep(1.0)
        job = await session.ledger.run(job_named, job.job) or job
    return await of_blocking(session, job, generation_id)


async def of_blocking(session: Session, job: Job, generation_id: str | None = None) -> Video:
    """What the ledger knows of a job of the blocking route."""
    if job.is_unclear and not job.is_live(session.clock.time()):
        raise unclear_error(job)
    made = await session.ledger.run(clips_of, job.job)
    clip = next((one for one in made if one.generation_id == generation_id), made[0] if made else None)
    if clip is not None and job_of_local(clip.generation_id) is None:
        return await get(session, clip.generation_id)
    status: Status = "processing" if clip is None else "succeeded"
    if job.state in ("refused", "dropped", "failed", "cancelled"):
        status = "cancelled" if job.state == "cancelled" else "failed"
    video = Video(
        status=status,
        generation_id=clip.generation_id if clip else local_id(job),
        url=clip.url if clip else None,
        file=Path(clip.file) if clip and clip.file else None,
        model=job.model,
        duration=length(job.body),
        cost=dollars(job.estimate) if job.estimate is not None else None,
        cost_is="estimate" if job.estimate is not None else "unknown",
        warnings=(NO_RENEWAL,) if clip is not None else (),
        error=job.note if status == "failed" else None,
        created=job.created,
    )
    return timed(session, video, job.body)


def prompt_of(body: Mapping[str, Any]) -> str:
    """The words of a body: its prompt, or its first shot's."""
    shots = next((one for one in body.values() if isinstance(one, (list, tuple)) and one), ())
    first = shots[0] if shots and isinstance(shots[0], Mapping) else {}
    return str(body.get("prompt") or first.get("prompt") or first.get("text") or "")


def time_in(since: str, now: float) -> float:
    """Unix seconds of "today" (UTC), "24 h", "7 d" or a date such as "2026-11-30". Raises InvalidRequest."""
    said = since.strip().lower()
    span = re.fullmatch(r"(\d{1,4})\s*(h|hours?|d|days?)", said)
    if span:
        return now - int(span[1]) * (3600 if span[2].startswith("h") else 86400)
    if said == "today":
        return now - now % 86400
    try:
        told = datetime.fromisoformat(said)
    except ValueError:
        raise InvalidRequest(f"since={since!r} is no time.", fix='Use "today", "24 h" or "2026-11-30".') from None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


async def list_videos(
    session: Session, status: str | None, model: str | None, limit: int, since: float = 0.0, *, mine: bool = False
) -> list[Video]:
    """Newest first. since: Unix seconds.  mine: only what this ledger paid for.

    Raises HubUnavailable, Unauthenticated.
    """
    hub = await session.hub()
    spaces = list(dict.fromkeys((None, session.settings.namespace, *session.settings.namespaces)))
    found = await asyncio.gather(
        *(hub.list(status=state, model=model, namespace=space) for state in _states(status) for space in spaces)
    )
    records = {one.generation_id: one for page in found for one in page}
    from .films.status import listed as listed_films

    films = await listed_films(session, records, status, model, limit, since)  # their shots are no videos of their own
    newest = sorted(records.values(), key=lambda one: one.enqueued_at or 0.0, reverse=True)
    newest = [one for one in newest if (one.enqueued_at or 0.0) >= since]
    info = await session.ledger.run(clips, await session.scope(), [one.generation_id for one in newest])
    if mine:
        newest = [one for one in newest if one.generation_id in info and info[one.generation_id].job]
    newest = newest[: max(0, limit)]
    await record_observed(session, newest, info)
    paid = await session.ledger.run(jobs_named, [clip.job for clip in info.values() if clip.job])
    videos = list(films)
    for one in newest:
        clip = info.get(one.generation_id)
        job = paid.get(clip.job or "") if clip is not None else None
        video = replace(video_of(one, clip, job), words=prompt_of(job.body if job else one.parameters))
        videos.append(timed(session, video, one.parameters))
    return sorted(videos, key=lambda one: one.created or 0.0, reverse=True)[: max(0, limit)]


def _states(status: str | None) -> Sequence[str]:
    if status is None:
        return STATES
    if status not in STATES:
        raise InvalidRequest(f"status={status!r} is none of {', '.join(STATES)}.")
    return (status,)


async def cancel_video(session: Session, generation_id: str) -> Video:
    """Stop a job for good. Says what was charged, where the hub does. Raises NotFound."""
    if is_film(generation_id):
        from .films.generate import cancel as cancel_film

        return await cancel_film(session, generation_id.strip())
    if job_of_local(generation_id) is not None:
        raise InvalidRequest(
            "A job of the blocking route can't be stopped.", fix="Wait for it; it is kept when it is done."
        )
    try:
        record = await (await session.hub()).cancel(generation_id)
    except OxenError as error:
        raise await about_a_job(session, generation_id, error, reading=True) from error.__cause__
    await shown(session, record)
    if record.status == "cancelled":
        with suppress(OxenError, asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(session.own(settle_one(session, record))), SETTLING)
    return await shown(session, record)
