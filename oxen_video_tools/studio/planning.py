"""Words become a request, a request becomes a plan, and a plan that costs something becomes a question."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import InvalidRequest, invalid_arguments
from ..request import VideoRequest
from .answers import Question

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


async def planned(stage: Stage, request: VideoRequest) -> Plan:
    """What would be sent, in how many jobs, and what it may cost. Free."""
    from .plan import make_plan

    return make_plan(request, await stage.catalog().models(), stage.settings)


async def question(
    stage: Stage, request: VideoRequest, *, take: int | None = 1, max_cost_usd: Decimal | None = None
) -> Question | None:
    """What a person must agree to first."""
    return None
