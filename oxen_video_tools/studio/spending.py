"""`spend`, `pause`, `resume`: what everything came to, and the switch that stops it."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import OxenError
from .answers import Spend, Spent
from .following import settle_costs
from .ledger.booking import DAY, committed
from .ledger.following import Cost, spent, switch
from .ledger.steps import in_state, is_paused
from .money import dollars

if TYPE_CHECKING:
    from .stage import Stage


async def spend(stage: Stage) -> Spend:
    """By day (UTC) and model. What the hub has billed is real, the rest is what was reserved for it."""
    with suppress(OxenError):  # else the sums are those of the last time the hub told its costs
        await settle_costs(stage, 30 * DAY)
    scope, now = await stage.scope(), stage.clock.time()
    lines = await stage.ledger.run(spent, scope)
    days = _by_day_and_model(lines)
    return Spend(
        days=days,
        total=sum((day.cost for day in days), Decimal(0)),
        last_24h=dollars(await stage.ledger.run(committed, scope, now)),
        budget=stage.settings.budget,
        unclear=sum(not job.is_live(now) for job in await stage.ledger.run(in_state, scope, ["sending"])),
        paused=await stage.ledger.run(is_paused),
    )


def _by_day_and_model(lines: list[Cost]) -> tuple[Spent, ...]:
    groups: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for line in lines:
        groups[datetime.fromtimestamp(line.sent, UTC).strftime("%Y-%m-%d"), line.model].append(line)
    return tuple(
        Spent(
            day,
            model,
            jobs=len(group),
            cost=dollars(sum(line.amount or 0 for line in group)),
            unpriced=sum(line.amount is None for line in group),
        )
        for (day, model), group in sorted(groups.items())
    )


async def pause(stage: Stage) -> None:
    """Stop all spending, in every process that shares the ledger."""
    await stage.ledger.run(switch, True, stage.clock.time())


async def resume(stage: Stage) -> None:
    """Allow spending again."""
    await stage.ledger.run(switch, False, stage.clock.time())
