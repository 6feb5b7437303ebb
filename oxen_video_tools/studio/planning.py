"""Words become a request, a request a plan; and what a person must agree to before it is paid."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import InvalidRequest, OverBudget, Paused, invalid_arguments
from ..request import VideoRequest
from .answers import Question
from .identity import asked, references, request_key
from .inputs import Files, fingerprints
from .ledger.booking import committed
from .ledger.records import Job
from .ledger.steps import holder, is_paused
from .limits import question_about, staked
from .money import dollars, micros, said

if TYPE_CHECKING:
    from .plan import Plan
    from .stage import Stage


def requested(request: VideoRequest | None, words: dict[str, Any]) -> VideoRequest:
    """The request itself, or one made of keyword arguments. Raises InvalidRequest with every problem."""
    if request is not None:
        if words:
            raise InvalidRequest(f"Give a request or {', '.join(sorted(words))}, not both.")
        return request
    try:
        return VideoRequest(**words)
    except ValidationError as error:
        raise invalid_arguments(error) from None


async def planned(stage: Stage, request: VideoRequest, files: Files) -> Plan:
    """What would be sent, in how many jobs, and what it may cost. Free."""
    from .misfits import with_misfits
    from .plan import make_plan

    plan = make_plan(request, await stage.catalog().models(), stage.settings)
    plan = await with_misfits(plan, stage.settings, files)
    if plan.film is None:
        return plan
    from .films.cutting import told_without_media

    return told_without_media(plan)


async def identified(
    stage: Stage, request: VideoRequest, files: Files, prints: Mapping[str, str] | None = None
) -> tuple[str, dict[str, Any]]:
    """The request's key, and the words it stands for. Raises InputNotAllowed, InputUnreadable.

    prints: what its media are, where that was found out already (`inputs.fingerprints`).
    """
    prints = await fingerprints(stage, references(request), files) if prints is None else prints
    words = asked(request, stage.settings.namespace, prints)
    return request_key(words), words


async def question(
    stage: Stage,
    request: VideoRequest,
    *,
    take: int | None = 1,
    max_cost_usd: Decimal | None = None,
    files: Files = "anywhere",
) -> Question | None:
    """What a person must agree to first; None where nobody need be asked, or nothing new would be paid.

    Raises InvalidRequest, OverBudget, Paused, NeedsApproval.
    """
    scope = await stage.scope()  # without a key nothing can be paid: said before anything is looked up
    if take is not None and request.multi_prompt:
        from .films.terms import asked_again

        again = await asked_again(stage, request, take, max_cost_usd, files)
        if again is not None:
            if again.pays:
                await _afforded(stage, again.amount)
            return again.question
    plan = await planned(stage, request, files)
    plan.raise_for_problems()
    if take is not None:
        key, _ = await identified(stage, request, files)
        if stands(await stage.ledger.run(holder, scope, key, take)):
            return None
    stake = staked(plan, stage.settings, max_cost_usd)
    await _afforded(stage, stake.amount)
    return question_about(plan, stake, stage.settings, max_cost_usd)


def stands(job: Job | None) -> bool:
    """Whether a job is, or may be, at the hub already, so that the same call pays for nothing new."""
    return job is not None and job.state != "planned"


async def _afforded(stage: Stage, amount: Decimal) -> None:
    """The same as `reserve` will find, before a person is bothered with it."""
    if await stage.ledger.run(is_paused):
        raise Paused("All spending is paused; nothing was sent.")
    budget = stage.settings.budget
    if budget is None:
        return
    spent = await stage.ledger.run(committed, await stage.scope(), stage.clock.time())
    if spent + micros(amount) > micros(budget):
        left = dollars(max(0, micros(budget) - spent))
        raise OverBudget(
            f"This may cost {said(amount)}; of the budget of {said(budget)} in 24 hours {said(left)} is left."
        )
