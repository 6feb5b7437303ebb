"""inspect_video and save_video: what a video looks like, and keeping it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import InspectAnswer, SaveAnswer, all_said, number
from .arguments import InspectArguments, SaveArguments
from .table import Call, Reply, tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..media.inspect import Stretch
    from ..studio import AsyncStudio

LONGEST_LIST = 20  # cuts or stretches


@tool(answer=InspectAnswer)
async def inspect_video(studio: AsyncStudio, request: InspectArguments, call: Call) -> Reply:
    """Look at a video: length, size, frame rate, sound, cuts, black or frozen stretches, and a contact sheet of up to 9
    frames as one small JPEG. Free."""
    seen = await studio.inspect(request.video, files=call.files)
    answer = InspectAnswer(
        duration=number(seen.duration),
        width=seen.width,
        height=seen.height,
        fps=number(seen.fps),
        size_bytes=seen.size,
        video_codec=seen.video_codec,
        audio_codec=seen.audio_codec,
        loudness_lufs=number(seen.loudness),
        complete=seen.complete,
        cuts=[round(cut, 2) for cut in seen.cuts[:LONGEST_LIST]],
        black=_stretches(seen.black),
        frozen=_stretches(seen.frozen),
        warnings=all_said(seen.warnings),
        next="save_video keeps it; for another version call generate_video with the next take.",
    )
    return Reply(answer, (seen.sheet,) if seen.sheet else ())


def _stretches(stretches: Sequence[Stretch]) -> list[list[float]]:
    return [[round(start, 2), round(end, 2)] for start, end in stretches[:LONGEST_LIST]]


@tool(read_only=False)
async def save_video(studio: AsyncStudio, request: SaveArguments, call: Call) -> SaveAnswer:
    """Save one or more videos, in the given order, as one verified MP4 file. Copies the streams where it can. Costs
    nothing at the hub."""
    saved = await studio.save(
        request.videos,
        filename=request.filename,
        transition=request.transition,
        on_progress=call.report,
        files=call.files,
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
