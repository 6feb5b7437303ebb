"""get_video, list_videos and cancel_video: jobs that exist, whoever made them. None of these spends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .answers import GetAnswer, ListAnswer, Listed, Part, VideoAnswer, said
from .arguments import CancelArguments, GetArguments, ListArguments
from .table import Call, tool
from .words import after, answered, facts, failure, ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..studio import AsyncStudio
    from ..studio.answers import Video


@tool(shows_video=True)
async def get_video(studio: AsyncStudio, request: GetArguments, call: Call) -> GetAnswer:
    """How one or several videos stand, with a fresh URL for each that is finished. Waits up to wait_seconds for those
    that are not. Free, and only reads."""
    wait = call.seconds(request.wait_seconds)
    if len(request.generation_ids) == 1:
        video = await studio.get(request.generation_ids[0], wait_seconds=wait, on_progress=call.report)
        if video.status == "failed":
            raise failure(video)
        return GetAnswer(**facts(video))
    videos = await studio.get_many(request.generation_ids, wait_seconds=wait, on_progress=call.report)
    return GetAnswer(videos=[Part.of(video) for video in videos], next=_after_many(videos))


def _after_many(videos: Sequence[Video]) -> str:
    active = [video for video in videos if not video.is_terminal]
    if active:
        return f"Call get_video with generation_ids={ids(active)}. Do not generate them again."
    return "save_video joins them to one file." if len(videos) > 1 else after(videos[0])


@tool()
async def list_videos(studio: AsyncStudio, request: ListArguments, _: Call) -> ListAnswer:
    """What is running or finished, newest first: the way back after a lost answer. Never generate again to find out
    what became of a video."""
    videos = await studio.list(status=request.status, model=request.model, limit=request.limit or 10)
    active = [video for video in videos if not video.is_terminal]
    if active:
        follow = f"Call get_video with generation_ids={ids(active[:5])} to wait for what is running."
    elif videos:
        follow = "get_video gives a fresh link to any of these."
    else:
        follow = "Nothing is there; generate_video makes a video."
    return ListAnswer(videos=[_line(video) for video in videos], next=follow)


def _line(video: Video) -> Listed:
    return Listed(
        status=video.status,
        generation_id=video.generation_id,
        model=video.model,
        file=str(video.file) if video.file else None,
        duration=Part.of(video).duration,
        created=_date(video.created),
        error=said(video.error),
    )


def _date(created: float | None) -> str | None:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if created else None


@tool(read_only=False, destructive=True)
async def cancel_video(studio: AsyncStudio, request: CancelArguments, _: Call) -> VideoAnswer:
    """Stop a queued or running video for good. What was already charged stays charged. A finished video stays as it
    is."""
    return answered(await studio.cancel(request.generation_id))
