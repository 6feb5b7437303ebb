"""What a call may spend, and whom to ask first: decided before anything is sent.

With a cap, a budget or an approval limit in force, a request whose price is not wholly known is refused unless the
caller names `max_cost_usd`; then that sum is what is reserved.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import NeedsApproval, OverBudget
from .answers import Question
from .money import said

if TYPE_CHECKING:
    from ..settings import Settings
    from .plan import Plan


@dataclass(frozen=True)
class Stake:
    """US dollars. amount: the most this call may cost.  estimate: what the models' prices say, where they say it."""

    amount: Decimal
    estimate: Decimal | None


def staked(plan: Plan, settings: Settings, max_cost_usd: Decimal | None) -> Stake:
    """What is reserved for a plan. Raises OverBudget, NeedsApproval."""
    price = plan.price
    caps = [cap for cap in (max_cost_usd, settings.max_cost) if cap is not None]
    if any(cap <= 0 for cap in caps):
        raise OverBudget("The limit of this call is $0: nothing may be spent.")
    cap = min(caps, default=None)
    if price.usd is not None and cap is not None and price.usd > cap:
        more = " and more" if price.unpriced else ""
        raise OverBudget(f"This may cost {said(price.usd)}{more}; the limit of this call is {said(cap)}.")
    if price.usd is not None and not price.unpriced:
        return Stake(price.usd, price.usd)
    if max_cost_usd is None:
        _refuse_unpriced(plan, settings)
        return Stake(price.usd or Decimal(0), price.usd)
    return Stake(cap if cap is not None else max_cost_usd, price.usd)


def _refuse_unpriced(plan: Plan, settings: Settings) -> None:
    limited = settings.max_cost is not None or settings.budget is not None
    if not limited and settings.approve_above is None:
        return
    unknown = ", ".join(plan.price.unpriced) or "its price"
    words = f"What {plan.model} costs is not known ({unknown}), and a limit on spending is in force."
    fix = "Ask the user for the most it may cost and call again with that as max_cost_usd; the sum is then reserved."
    raise OverBudget(words, fix=fix) if limited else NeedsApproval(words, fix=fix)


def question_about(plan: Plan, stake: Stake, settings: Settings, max_cost_usd: Decimal | None) -> Question | None:
    """What a person must agree to first, if anything."""
    if settings.approve_above is None or stake.amount <= settings.approve_above:
        return None
    strict = settings.approval == "strict"
    about = "about " if stake.estimate == stake.amount else "up to "
    jobs = f" in {len(plan.jobs)} jobs" if len(plan.jobs) > 1 else ""
    text = f"Make this video with {plan.model}{jobs} for {about}{said(stake.amount)}?"
    fix = f"Ask the user, then call again with max_cost_usd={stake.amount.normalize():f}. Nothing was sent."
    if strict:
        fix = (
            "A person has to agree where this program can ask one; a number in a call does not count. Nothing was sent."
        )
    return Question(text=text, fix=fix, cost=stake.amount, waived=max_cost_usd is not None and not strict)
