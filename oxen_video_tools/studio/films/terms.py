"""The same call again: what going on with a film would pay for, and whether a person has to agree to it once more.

Within the sum that was agreed to for the whole nobody is asked again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...catalog.pricing import total
from ...errors import OxenError
from ..answers import Question
from ..following import settle_costs
from ..inputs import Files
from ..ledger.standing import Standing, standing
from ..limits import question_about, staked
from ..money import dollars, micros
from ..plan import Plan
from ..planning import identified
from .screening import standing_of
from .screenplay import Film, film_id, shared_out

if TYPE_CHECKING:
    from decimal import Decimal

    from ...request import VideoRequest
    from ...settings import Settings
    from ..stage import Stage


@dataclass(frozen=True)
class Terms:
    """What going on with a film pays for. film: with the shares and the sum that are then agreed to."""

    film: Film
    pays: tuple[int, ...]
    question: Question | None = None

    @property
    def amount(self) -> Decimal:
        """US dollars, at most."""
        return dollars(sum(self.film.shares[number] for number in self.pays))


async def reckoned(stage: Stage, found: Standing, request: VideoRequest, max_cost_usd: Decimal | None) -> Terms:
    if any(job.state in ("failed", "cancelled") and job.cost is None for job in found.tries):
        with suppress(OxenError):  # else what was reserved counts as spent
            await settle_costs(stage)
            found = await standing_of(stage, found.film.film)
    return terms(found, request, stage.settings, max_cost_usd)


def terms(found: Standing, request: VideoRequest, settings: Settings, max_cost_usd: Decimal | None) -> Terms:
    """Within what was agreed to nobody is asked again. Raises OverBudget, NeedsApproval."""
    film = found.film
    pays = tuple(part.number for part in found.in_state("open", "failed"))
    if not pays:
        return Terms(film, pays)
    needed = sum(film.shares[number] for number in pays)
    capped = max_cost_usd is not None and (max_cost_usd <= 0 or needed > micros(max_cost_usd))
    if found.spent + needed <= film.agreed and not capped:
        return Terms(film, pays)
    rest = tuple(film.jobs[number] for number in pays)
    plan = Plan(request, film.model, "", rest, total(job.price for job in rest), film=film.way)
    stake = staked(plan, settings, max_cost_usd)
    shares = list(film.shares)
    for number, share in zip(pays, shared_out(rest, stake.amount), strict=True):
        shares[number] = share
    whole = max(film.agreed, found.spent + micros(stake.amount))
    again = replace(film, shares=tuple(shares), agreed=whole)
    return Terms(again, pays, question_about(plan, stake, settings, max_cost_usd))


async def asked_again(
    stage: Stage, request: VideoRequest, take: int, max_cost_usd: Decimal | None, files: Files
) -> Terms | None:
    """What this call would pay for, and a person must agree to, to go on with a film; None where there is none yet."""
    key, _ = await identified(stage, request, files)
    found = await stage.ledger.run(standing, film_id(await stage.scope(), key, take))
    if found is None:
        return None
    if found.film.film in stage.films or found.is_live(stage.clock.time()):
        return Terms(found.film, ())
    return await reckoned(stage, found, request, max_cost_usd)
