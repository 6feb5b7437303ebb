"""After the POST: what the hub says of a job goes into the ledger, its real cost follows, its file where it is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from ..errors import OxenError
from ..ledger.jobs import DAY
from ..ledger.outcomes import DaySum
from ..ledger.records import LOCAL, GenerationRow, dollars, micros
from ..redaction import redact
from ..retries import poll
from .reconcile import PAGE, PAGES, TOLERANCE, clip_of, reconcile
from .result_files import keep_file
from .results import Spend, Spent

if TYPE_CHECKING:
    from ..hub import Generation
    from .session import Session


PAUSES = (2.0, 10.0, 60.0)  # seconds between looks for a cost that the history does not show yet
REST = 1.0  # seconds between readings of the history for ends that come one after the other
log = logging.getLogger(__name__)


async def record_observed(
    session: Session, records: Sequence[Generation], info: dict[str, GenerationRow] | None = None
) -> None:
    """Write down how generations stand. Those that ended have their cost looked up, in a task of the studio's own."""
    session.meter.saw(records, session.clock.time())
    info = info or {}
    news = [one for one in records if (clip := info.get(one.generation_id)) is None or clip.status != one.status]
    if not news:
        return
    scope = await session.scope()
    ended = await session.ledger.record_status(scope, [clip_of(one, scope) for one in news], session.clock.time())
    if ended:
        settle_soon(session)


def settle_soon(session: Session) -> None:
    """Look for the real costs of what ended: once before the studio closes, and again while it is open."""
    session.settle_again = True
    if session.settling is None or session.settling.done():
        session.settling = session.own(_settle_all(session))


async def _settle_all(session: Session) -> None:
    """However many end at once, the history is read by one task."""
    missing = 0
    while session.settle_again:
        session.settle_again = False
        missing = await _settle_quietly(session)
        if session.settle_again and not session.closing:
            await session.clock.sleep(REST)
    if missing and not session.closing and (session.patience is None or session.patience.done()):
        session.patience = session.errand(_settle_patiently(session))


async def _settle_quietly(session: Session) -> int:
    try:
        return await settle_costs(session)
    except OxenError as error:
        log.info("Costs could not be read now: %s", error)
        return 1


async def _settle_patiently(session: Session) -> None:
    async for _ in poll(PAUSES, clock=session.clock):
        if not await _settle_quietly(session):
            return


async def settle_costs(session: Session, since: float = DAY) -> int:
    """Real costs out of the history, for everything of ours that ended. Answers how many it does not show yet.

    since: seconds back.
    """
    scope, now = await session.scope(), session.clock.time()
    unsettled = await session.ledger.unsettled(scope, now - since)
    if any(one.clip.generation_id.startswith(LOCAL) for one in unsettled):
        await reconcile(session)
        unsettled = await session.ledger.unsettled(scope, now - since)
    missing = {one.clip.generation_id: one.clip for one in unsettled}
    if missing:
        for namespace in sorted({one.namespace for one in unsettled if one.namespace}):
            here = {one.clip.generation_id: one.clip for one in unsettled if one.namespace == namespace}
            for settled in await _settle_in(session, namespace, here):
                del missing[settled]
        for settled in await _settle_in(session, None, missing):  # and whatever the account's own history shows
            del missing[settled]
    return len(missing)


async def _settle_in(session: Session, namespace: str | None, wanted: Mapping[str, GenerationRow]) -> list[str]:
    """The ids whose costs the history of a namespace (None: the account's own) shows."""
    hub, scope, missing = await session.hub(), await session.scope(), dict(wanted)
    if not missing:
        return []
    async for page in hub.iter_history(namespace=namespace, page_size=PAGE, most=PAGES):
        costs = {
            one.generation_id: micros(one.cost)
            for one in page.generations
            if one.generation_id in missing and one.cost is not None
        }
        if costs:
            await session.ledger.record_cost(scope, costs)
        for settled in costs:
            del missing[settled]
        for one in page.generations:
            if one.generation_id in missing and one.cost is None and one.raw.get("cost") not in (None, ""):
                del missing[one.generation_id]  # it won't say it better
                session.unreadable_bills[one.generation_id] = unreadable_bill(one)
                log.warning("%s", session.unreadable_bills[one.generation_id])
        if not missing or _is_past(page.generations, missing.values()):
            break
    return [one for one in wanted if one not in missing]


def unreadable_bill(record: Generation) -> str:
    """What a person reads of a bill that is no amount."""
    told = redact(str(record.raw.get("cost")))[:40]
    return f"The hub bills {told!r} for {record.generation_id}, which is no amount; what was reserved stays counted."


async def settle_one(session: Session, record: Generation) -> None:
    """What a generation cost that has just ended, whoever made it."""
    await settle_costs(session)
    one = record.generation_id
    clip = (await session.ledger.clips(await session.scope(), [one])).get(one)
    if clip is not None and clip.job is None and clip.cost is None:
        for namespace in dict.fromkeys((None, record.namespace)):
            if await _settle_in(session, namespace, {one: clip}):
                break


def _is_past(page: Sequence[Generation], missing: Iterable[GenerationRow]) -> bool:
    """Whether a page is older than everything that is looked for (newest come first)."""
    oldest = min((clip.created or 0.0 for clip in missing), default=0.0)
    return bool(page) and all((one.enqueued_at or 0.0) < oldest - TOLERANCE for one in page)


async def kept(session: Session, generation_id: str) -> str | None:
    """Keep a result where OXEN_VIDEO_SAVE=always; a disk that is full costs the file, not the answer. Why it failed."""
    try:
        await keep_file(session, generation_id)
    except OxenError as error:
        log.warning("%s could not be kept: %s", generation_id, error)
        return f"The file could not be kept: {error.message}"
    return None


# `spend`, `pause`, `resume`: what everything came to, and the switch that stops it.

_FIRST_DAY = date(1970, 1, 1).toordinal()


async def spend(session: Session) -> Spend:
    """By day (UTC) and model. What the hub has billed is real, the rest is what was reserved for it."""
    with suppress(OxenError):  # else the sums are those of the last time the hub told its costs
        await settle_costs(session, 30 * DAY)
    scope, now = await session.scope(), session.clock.time()
    lines, funds = await session.ledger.spent(scope), await session.ledger.funds(scope, now)
    return Spend(
        days=tuple(map(_said, lines)),
        total_usd=dollars(sum(one.cost for one in lines)),
        last_24h_usd=dollars(funds.committed),
        budget_usd=session.settings.budget,
        unclear=sum(not job.is_live(now) for job in await session.ledger.find_jobs(scope, states=["sending"])),
        paused=funds.paused,
    )


def _said(one: DaySum) -> Spent:
    return Spent(_date(one.day), one.model, one.jobs, dollars(one.cost), one.unpriced)


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return date.fromordinal(_FIRST_DAY + day).isoformat()


async def pause(session: Session) -> None:
    """Stop all spending, in every process that shares the ledger."""
    await session.ledger.set_paused(True, session.clock.time())


async def resume(session: Session) -> None:
    """Allow spending again."""
    await session.ledger.set_paused(False, session.clock.time())
