"""After the POST: what the hub says of a job goes into the ledger, its real cost follows, its file where it is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import OxenError
from ..redaction import redact
from .delivery import keep
from .ledger.booking import DAY
from .ledger.following import payers, see, settle, unsettled
from .ledger.records import LOCAL, Clip
from .ledger.steps import clips
from .likeness import TOLERANCE
from .money import micros
from .reconcile import PAGE, PAGES, clip_of, is_last, reconcile

if TYPE_CHECKING:
    from ..hub import Generation
    from .stage import Stage

PAUSES = (2.0, 10.0, 60.0)  # seconds between looks for a cost that the history does not show yet
REST = 1.0  # seconds between readings of the history for ends that come one after the other
log = logging.getLogger(__name__)


async def saw(stage: Stage, records: Sequence[Generation], known: dict[str, Clip] | None = None) -> None:
    """Write down how generations stand. Those that ended have their cost looked up, in a task of the studio's own."""
    stage.meter.saw(records, stage.clock.time())
    known = known or {}
    news = [one for one in records if (clip := known.get(one.generation_id)) is None or clip.status != one.status]
    if not news:
        return
    scope = await stage.scope()
    ended = await stage.ledger.run(see, scope, [clip_of(one, scope) for one in news], stage.clock.time())
    if ended:
        settle_soon(stage)


def settle_soon(stage: Stage) -> None:
    """Look for the real costs of what ended: once before the studio closes, and again while it is open."""
    stage.settle_again = True
    if stage.settling is None or stage.settling.done():
        stage.settling = stage.own(_settle_all(stage))


async def _settle_all(stage: Stage) -> None:
    """However many end at once, the history is read by one task."""
    missing = 0
    while stage.settle_again:
        stage.settle_again = False
        missing = await _settle_quietly(stage)
        if stage.settle_again and not stage.closing:
            await stage.clock.sleep(REST)
    if missing and not stage.closing and (stage.patience is None or stage.patience.done()):
        stage.patience = stage.errand(_settle_patiently(stage))


async def _settle_quietly(stage: Stage) -> int:
    try:
        return await settle_costs(stage)
    except OxenError as error:
        log.info("Costs could not be read now: %s", error)
        return 1


async def _settle_patiently(stage: Stage) -> None:
    for pause in PAUSES:
        await stage.clock.sleep(pause)
        if not await _settle_quietly(stage):
            return


async def settle_costs(stage: Stage, since: float = DAY) -> int:
    """Real costs out of the history, for everything of ours that ended. Answers how many it does not show yet.

    since: seconds back.
    """
    scope, now = await stage.scope(), stage.clock.time()
    missing = {clip.generation_id: clip for clip in await stage.ledger.run(unsettled, scope, now - since)}
    if any(one.startswith(LOCAL) for one in missing):
        await reconcile(stage)
        missing = {clip.generation_id: clip for clip in await stage.ledger.run(unsettled, scope, now - since)}
    if missing:
        payer = await stage.ledger.run(payers, scope, now - since)
        for namespace in sorted({payer[one] for one in missing if one in payer}):
            here = {one: clip for one, clip in missing.items() if payer.get(one) == namespace}
            for settled in await _settle_in(stage, namespace, here):
                del missing[settled]
        for settled in await _settle_in(stage, None, missing):  # and whatever the account's own history shows
            del missing[settled]
    return len(missing)


async def _settle_in(stage: Stage, namespace: str | None, wanted: Mapping[str, Clip]) -> list[str]:
    """The ids whose costs the history of a namespace (None: the account's own) shows."""
    hub, scope, missing = await stage.hub(), await stage.scope(), dict(wanted)
    for number in range(1, PAGES + 1):
        if not missing:
            break
        page = await hub.history(page=number, page_size=PAGE, namespace=namespace)
        costs = {
            one.generation_id: micros(one.cost)
            for one in page.generations
            if one.generation_id in missing and one.cost is not None
        }
        if costs:
            await stage.ledger.run(settle, scope, costs)
        for settled in costs:
            del missing[settled]
        for one in page.generations:
            if one.generation_id in missing and one.cost is None and one.raw.get("cost") not in (None, ""):
                del missing[one.generation_id]  # it won't say it better
                stage.unreadable_bills[one.generation_id] = unreadable_bill(one)
                log.warning("%s", stage.unreadable_bills[one.generation_id])
        if is_last(page) or _is_past(page.generations, missing.values()):
            break
    return [one for one in wanted if one not in missing]


def unreadable_bill(record: Generation) -> str:
    """What a person reads of a bill that is no amount."""
    told = redact(str(record.raw.get("cost")))[:40]
    return f"The hub bills {told!r} for {record.generation_id}, which is no amount; what was reserved stays counted."


async def settle_one(stage: Stage, record: Generation) -> None:
    """What a generation cost that has just ended, whoever made it."""
    await settle_costs(stage)
    one = record.generation_id
    clip = (await stage.ledger.run(clips, await stage.scope(), [one])).get(one)
    if clip is not None and clip.job is None and clip.cost is None:
        for namespace in dict.fromkeys((None, record.namespace)):
            if await _settle_in(stage, namespace, {one: clip}):
                break


def _is_past(page: Sequence[Generation], missing: Iterable[Clip]) -> bool:
    """Whether a page is older than everything that is looked for (newest come first)."""
    oldest = min((clip.created or 0.0 for clip in missing), default=0.0)
    return bool(page) and all((one.enqueued_at or 0.0) < oldest - TOLERANCE for one in page)


async def kept(stage: Stage, generation_id: str) -> str | None:
    """Keep a result where OXEN_VIDEO_SAVE=always; a disk that is full costs the file, not the answer. Why it failed."""
    try:
        await keep(stage, generation_id)
    except OxenError as error:
        log.warning("%s could not be kept: %s", generation_id, error)
        return f"The file could not be kept: {error.message}"
    return None
