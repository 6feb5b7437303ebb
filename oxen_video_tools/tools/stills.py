"""make_stills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import HeldPart, StillPart, StillsAnswer, all_said, number, said
from .arguments import StillsArguments
from .handlers import check_namespace
from .tool import Call, Files, Reply, tool

if TYPE_CHECKING:
    from ..studio import AsyncStudio
    from ..studio.stills import PreparedStills, Still, Stills


async def _prepare(studio: AsyncStudio, request: StillsArguments, files: Files) -> PreparedStills:
    check_namespace(studio, request)
    return await studio.prepare_stills(
        request.video,
        max_cost_usd=request.max_cost_usd,
        files=files,
        image_model=request.model,
        quality=request.quality,
    )


@tool(read_only=False, answer=StillsAnswer, prepares=_prepare)
async def make_stills(studio: AsyncStudio, request: StillsArguments, call: Call) -> Reply:
    """Make the first picture of each shot, the cast in it, numbered on one sheet; prompt alone makes one picture. Costs
    cents: look before paying for motion. Each is paid once; still_take=2 in a shot makes another. generate_video with
    the same shots, cast, style and stills=true begins each shot with its still."""
    if call.prepared is None:
        check_namespace(studio, request)
    made = await studio.stills(
        request.video,
        max_cost_usd=request.max_cost_usd,
        wait_seconds=call.seconds(request.wait_seconds),
        approved_usd=call.approved_usd,
        files=call.files,
        prepared=call.prepared,
        image_model=request.model,
        quality=request.quality,
    )
    answer = StillsAnswer(
        stills=[_part(one) for one in made.stills],
        cost_usd=number(made.cost),
        cast=[HeldPart.of(one) for one in made.cast],
        warnings=all_said(made.warnings),
        next=_next(made),
    )
    return Reply(answer, (made.sheet,) if made.sheet else ())


def _part(still: Still) -> StillPart:
    video = still.video
    return StillPart(
        shot=still.shot,
        status=video.status,
        generation_id=video.generation_id or None,
        model=video.model,
        take=still.take,
        url=video.url,
        cost_usd=number(video.cost),
        reused=video.reused,
        error=said(video.error),
    )


def _next(made: Stills) -> str:
    if not made.is_terminal:
        return "Call make_stills again with the same arguments: it goes on, and pays for nothing twice."
    lost = [one for one in made.stills if one.video.status != "succeeded"]
    if lost:
        where = ", ".join(str(one.shot) for one in lost)
        return f"Change the words of shot {where}, or give still_take={(lost[0].take or 1) + 1} there, and call again."
    return (
        "Show the sheet to the user. Another still: still_take in its shot. When they are right, generate_video with "
        "the same shots, cast and style, and stills=true."
    )
