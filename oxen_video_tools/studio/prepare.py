"""Words become a request, a request a plan; and what a person must agree to before it is paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import InvalidRequest, NeedsApproval, OverBudget, Paused, invalid_arguments
from ..ledger.jobs import committed_spend
from ..ledger.records import Job, dollars, micros, said
from ..ledger.transactions import is_paused, job_for_take
from ..request import VideoRequest
from .identifiers import canonical_request, references, request_key
from .local_files import Files
from .media_inputs import fingerprints
from .results import Question

if TYPE_CHECKING:
    from ..settings import Settings
    from .plan import Plan
    from .session import Session


# What a call may spend, and whom to ask first: decided before anything is sent.
#
# With a cap, a budget or an approval limit in force, a request whose price is not wholly known is refused unless
# the caller names `max_cost_usd`; then that sum is what is reserved.


@dataclass(frozen=True)
class Reservation:
    """US dollars. amount: the most this call may cost.  estimate: what the models' prices say, where they say it."""

    amount: Decimal
    estimate: Decimal | None


def reserve_amount(plan: Plan, settings: Settings, max_cost_usd: Decimal | None) -> Reservation:
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
        return Reservation(price.usd, price.usd)
    if max_cost_usd is None:
        _refuse_unpriced(plan, settings)
        return Reservation(price.usd or Decimal(0), price.usd)
    return Reservation(cap if cap is not None else max_cost_usd, price.usd)


def _refuse_unpriced(plan: Plan, settings: Settings) -> None:
    limited = settings.max_cost is not None or settings.budget is not None
    if not limited and settings.approve_above is None:
        return
    unknown = ", ".join(plan.price.unpriced) or "its price"
    words = f"What {plan.model} costs is not known ({unknown}), and a limit on spending is in force."
    fix = "Ask the user for the most it may cost and call again with that as max_cost_usd; the sum is then reserved."
    raise OverBudget(words, fix=fix) if limited else NeedsApproval(words, fix=fix)


def question_about(plan: Plan, stake: Reservation, settings: Settings, max_cost_usd: Decimal | None) -> Question | None:
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


def build_request(request: VideoRequest | None, words: dict[str, Any]) -> VideoRequest:
    """The request itself, or one made of keyword arguments. Raises InvalidRequest with every problem."""
    if request is not None:
        if words:
            raise InvalidRequest(f"Give a request or {', '.join(sorted(words))}, not both.")
        return request
    try:
        return VideoRequest(**words)
    except ValidationError as error:
        raise invalid_arguments(error) from None


async def plan_request(session: Session, request: VideoRequest, files: Files) -> Plan:
    """What would be sent, in how many jobs, and what it may cost. Free."""
    from .media_inputs import check_local_media
    from .plan import make_plan

    plan = make_plan(request, await session.catalog().models(), session.settings)
    plan = await check_local_media(plan, session.settings, files)
    if plan.film is None:
        return plan
    from .films.assembly import warn_without_media

    return warn_without_media(plan)


async def identify(
    session: Session, request: VideoRequest, files: Files, prints: Mapping[str, str] | None = None
) -> tuple[str, dict[str, Any]]:
    """The request's key, and the words it stands for. Raises InputNotAllowed, InputUnreadable.

    prints: what its media are, where that was found out already (`inputs.fingerprints`).
    """
    prints = await fingerprints(session, references(request), files) if prints is None else prints
    words = canonical_request(request, session.settings.namespace, prints)
    return request_key(words), words


async def question(
    session: Session,
    request: VideoRequest,
    *,
    take: int | None = 1,
    max_cost_usd: Decimal | None = None,
    files: Files = "anywhere",
) -> Question | None:
    """What a person must agree to first; None where nobody need be asked, or nothing new would be paid.

    Raises InvalidRequest, OverBudget, Paused, NeedsApproval.
    """
    scope = await session.scope()  # without a key nothing can be paid: said before anything is looked up
    if take is not None and request.multi_prompt:
        from .films.generate import asked_again

        again = await asked_again(session, request, take, max_cost_usd, files)
        if again is not None:
            if again.pays:
                await _afforded(session, again.amount)
            return again.question
    plan = await plan_request(session, request, files)
    plan.raise_for_problems()
    if take is not None:
        key, _ = await identify(session, request, files)
        if stands(await session.ledger.run(job_for_take, scope, key, take)):
            return None
    stake = reserve_amount(plan, session.settings, max_cost_usd)
    await _afforded(session, stake.amount)
    return question_about(plan, stake, session.settings, max_cost_usd)


def stands(job: Job | None) -> bool:
    """Whether a job is, or may be, at the hub already, so that the same call pays for nothing new."""
    return job is not None and job.state != "planned"


async def _afforded(session: Session, amount: Decimal) -> None:
    """The same as `reserve` will find, before a person is bothered with it."""
    if await session.ledger.run(is_paused):
        raise Paused("All spending is paused; nothing was sent.")
    budget = session.settings.budget
    if budget is None:
        return
    spent = await session.ledger.run(committed_spend, await session.scope(), session.clock.time())
    if spent + micros(amount) > micros(budget):
        left = dollars(max(0, micros(budget) - spent))
        raise OverBudget(
            f"This may cost {said(amount)}; of the budget of {said(budget)} in 24 hours {said(left)} is left."
        )
