"""find_video_models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answers import ModelsAnswer
from .arguments import FindArguments
from .table import Call, tool

if TYPE_CHECKING:
    from ..studio import AsyncStudio

SHOWN = 12  # lines: the first screen of a list that an agent has to read whole


@tool()
async def find_video_models(studio: AsyncStudio, request: FindArguments, _: Call) -> ModelsAnswer:
    """Find a model by words and by what it must take or make, best first, with price and limits. With one exact id as
    model: all its parameters, allowed values and price. Free."""
    found: list[Any] = list(await studio.find_models(request.query, request.needs, request.model))
    if request.model is not None:
        return ModelsAnswer(model=found[0].detail, next=f'Call plan_video with model="{request.model}".')
    follow = "Call find_video_models with one id as model for its parameters."
    if not found:
        follow = "Nothing fits: ask with fewer needs or other words."
    return ModelsAnswer(models=[known.line for known in found[:SHOWN]], more=max(0, len(found) - SHOWN), next=follow)
