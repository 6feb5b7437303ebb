"""inspect_video and save_video: what a video looks like, and keeping it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answers import InspectAnswer, SaveAnswer, all_said, number
from .arguments import InspectArguments, SaveArguments
from .table import Call, Reply, tool

if TYPE_CHECKING:
    from ..studio import AsyncStudio


@tool(answer=InspectAnswer)
async def inspect_video(studio: AsyncStudio, request: InspectArguments, _: Call) -> Reply:
    """Look at a video: length, size, frame rate, sound, cuts, black or frozen stretches, and a contact sheet of up to 9
    frames as one small JPEG. Free."""
    seen: Any = await studio.inspect(request.video)
    return Reply(InspectAnswer(next="If it is not what was asked for, call generate_video with take=2."), ())


@tool(read_only=False)
async def save_video(studio: AsyncStudio, request: SaveArguments, call: Call) -> SaveAnswer:
    """Save one or more videos, in the given order, as one verified MP4 file. Copies the streams where it can. Costs
    nothing at the hub."""
    saved = await studio.save(
        request.videos, filename=request.filename, transition=request.transition, on_progress=call.report
    )
    return SaveAnswer(
        file=str(saved.file),
        size_bytes=saved.size,
        sha256=saved.sha256,
        duration=number(saved.duration),
        width=saved.width,
        height=saved.height,
        codec=saved.codec,
        warnings=all_said(saved.warnings),
        next="Tell the user where the file is; inspect_video looks at it.",
    )
