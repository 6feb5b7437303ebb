"""`get`, `get_many`, `list`, `cancel`: any generation of the account, whoever made it. None of these spends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..clock import wait_until
from ..errors import InvalidRequest, OxenError
from ..hub.records import STATUSES
from .export import SAVE, get_saving
from .films.generate import cancel as cancel_film
from .films.status import get as get_film
from .films.status import listed as listed_films
from .media_inputs import is_film
from .reconcile import about_a_job
from .results import Cancelled, Report, Video
from .settlement import record_observed, settle_costs, settle_one
from .submission import job_of_local
from .videos import SETTLING, _local, is_part, prompt_of, shown, timed, video_of, watch

if TYPE_CHECKING:
    from ..ledger.outcomes import Ending
    from .session import Session


async def get(
    session: Session, generation_id: str, *, wait_seconds: float = 0, on_progress: Report | None = None
) -> Video:
    """How a video stands. Raises NotFound, Unauthenticated, HubUnavailable."""
    if job_of_local(generation_id) is not None:
        return await _local(session, generation_id, wait_seconds)
    if generation_id.startswith(SAVE):
        return await get_saving(session, generation_id, wait_seconds)
    if is_film(generation_id):
        return await get_film(session, generation_id.strip(), wait_seconds=wait_seconds, on_progress=on_progress)
    try:
        return await shown(session, await watch(session, generation_id, wait_seconds, on_progress))
    except OxenError as error:
        raise await about_a_job(session, generation_id, error, reading=True) from error.__cause__


async def get_many(
    session: Session, ids: Sequence[str], *, wait_seconds: float = 0, on_progress: Report | None = None
) -> list[Video]:
    """Several at once, in their order."""
    wanted = [get(session, one, wait_seconds=wait_seconds, on_progress=on_progress) for one in ids]
    return list(await asyncio.gather(*wanted))


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
    """Newest first.

    since: Unix seconds.
    mine: only what this ledger paid for.

    Raises HubUnavailable, Unauthenticated.
    """
    hub = await session.hub()
    spaces = list(dict.fromkeys((None, session.settings.namespace, *session.settings.namespaces)))
    exact = model if model in session.catalog().at_hand() else None  # a part of an id the hub does not know
    found = await asyncio.gather(
        *(hub.list(status=state, model=exact, namespace=space) for state in _states(status) for space in spaces)
    )
    records = {
        one.generation_id: one for page in found for one in page if model is None or is_part(model, one.model or "")
    }
    films = await listed_films(session, records, status, model, limit, since)  # their shots are no videos of their own
    newest = sorted(records.values(), key=lambda one: one.enqueued_at or 0.0, reverse=True)
    newest = [one for one in newest if (one.enqueued_at or 0.0) >= since]
    info = await session.ledger.clips(await session.scope(), [one.generation_id for one in newest])
    if mine:
        newest = [one for one in newest if one.generation_id in info and info[one.generation_id].job]
    newest = newest[: max(0, limit)]
    await record_observed(session, newest, info)
    made = await session.ledger.find_jobs(await session.scope(), of=[one.generation_id for one in newest])
    paid = {job.job: job for job in made}
    videos = list(films)
    for one in newest:
        clip = info.get(one.generation_id)
        job = paid.get(clip.job or "") if clip is not None else None
        video = replace(video_of(one, clip, job), words=prompt_of(job.body if job else one.parameters))
        videos.append(timed(session, video, one.parameters))
    return sorted(videos, key=lambda one: one.created.timestamp() if one.created else 0.0, reverse=True)[
        : max(0, limit)
    ]


def _states(status: str | None) -> Sequence[str]:
    if status is None:
        return STATUSES
    if status not in STATUSES:
        raise InvalidRequest(
            f"status={status[:40]!r} is no status.", fix=f"Use {', '.join(STATUSES[:-1])} or {STATUSES[-1]}."
        )
    return (status,)


async def cancel_video(session: Session, generation_id: str) -> Video:
    """Stop a job for good. Says what was charged, where the hub does. Raises NotFound."""
    if is_film(generation_id):
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
        await wait_until(session.clock, session.clock.monotonic() + SETTLING, session.own(settle_one(session, record)))
    return await shown(session, record)


LOOKED_AT = 200  # running generations that one look asks the hub about
GLANCE = 5.0  # seconds between two looks into the ledger while nothing of this process runs


async def endings(session: Session, since: float, most: int = 100) -> list[Ending]:
    """What of this ledger has ended after `since`, the oldest first; the hub is asked about what still runs.

    since: Unix seconds.  Raises HubUnavailable, Unauthenticated: then nobody knows yet.
    """
    await get_many(session, await _running(session))
    return await session.ledger.endings(await session.scope(), since, most)


async def next_ending(session: Session, seconds: float) -> None:
    """Wait until something that runs has ended, at most so many seconds. What runs is waited for like in `get`: the
    hub's event stream tells of it.
    """
    running = await _running(session)
    if not running:
        await session.clock.sleep(min(seconds, GLANCE))
        return
    waits = [asyncio.create_task(get(session, one, wait_seconds=seconds)) for one in running]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _running(session: Session) -> list[str]:
    jobs = await session.ledger.find_jobs(await session.scope(), states=["running"])
    return [one for job in jobs for one in job.generation_ids][-LOOKED_AT:]


ALL = "all"
CANCELLED_AT_ONCE = 8
MOST_CANCELLED = 500  # of each kind, by one call


async def cancel_many(session: Session, ids: Sequence[str]) -> list[Cancelled]:
    """Stop these, or all that runs in the account (`["all"]`). One that can't be stopped keeps no other running.

    Raises what the hub answers where it was for a single id.
    """
    if any(one.strip().lower() == ALL for one in ids):
        if len(ids) > 1:
            raise InvalidRequest('"all" stands alone.', fix='Give ids, or ["all"].')
        ids = await _all_that_runs(session)
    wanted, gate = list(dict.fromkeys(one.strip() for one in ids)), asyncio.Semaphore(CANCELLED_AT_ONCE)

    async def stop(one: str) -> Cancelled:
        async with gate:
            try:
                return await _stop(session, one)
            except OxenError as error:
                if len(wanted) == 1:
                    raise
                return Cancelled(one, None, None, error=error.message)

    return list(await asyncio.gather(*map(stop, wanted)))


async def _stop(session: Session, generation_id: str) -> Cancelled:
    before = await get(session, generation_id)
    after = await _billed(session, before) if _is_over(before) else await cancel_video(session, generation_id)
    charged = after.cost_usd if after.cost_is == "real" else None
    return Cancelled(after.generation_id, before.status, after.status, charged)


async def _billed(session: Session, video: Video) -> Video:
    """With its real cost, where the hub's history tells it by now."""
    if video.cost_is == "real":
        return video
    with suppress(OxenError):
        if await settle_costs(session) == 0:
            return await get(session, video.generation_id)
    return video


def _is_over(video: Video) -> bool:
    """Whether nothing of it runs. A film may have failed while its other shots go on."""
    return video.is_terminal and all(shot.status not in ("queued", "processing") for shot in video.shots)


async def _all_that_runs(session: Session) -> list[str]:
    """Films of this ledger of which something runs, and every other job of the account that runs."""
    now, films = session.clock.time(), await session.ledger.newest_films(await session.scope(), MOST_CANCELLED)
    found = [one.film.film for one in films if one.is_live(now) or one.in_state("running", "sending")]
    for status in ("queued", "processing"):
        found += [one.generation_id for one in await list_videos(session, status, None, MOST_CANCELLED)]
    return list(dict.fromkeys(found))
