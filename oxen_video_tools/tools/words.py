"""What an agent reads after a call: the answer for a video, its failure, and the one sensible next call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import Charged, GenerationFailed
from .answers import Part, VideoAnswer, all_said, number, said

if TYPE_CHECKING:
    from ..studio.answers import Video

FILE = "Show the file to the user."
KEEP = "The link expires; get_video gives a fresh one, save_video keeps the file."


def ids(videos: Sequence[Video]) -> str:
    """As they stand in a call's arguments."""
    return "[" + ", ".join(f'"{video.generation_id}"' for video in videos) + "]"


def ago(created: float | None, now: float) -> str:
    """How long ago, for a person."""
    seconds = max(0.0, now - created) if created else 0.0
    for length, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {name} ago"
    return "a moment ago"


def after(video: Video, *, take: int | None = None, now: float | None = None) -> str:
    """The one sensible next call."""
    told = ""
    if video.reused:
        when = ago(video.created, time.time() if now is None else now)
        told = f"This is your video of {when}; for another version call with take={(take or 1) + 1}. "
    if video.status == "succeeded":
        return told + _delivered(video)
    if video.status == "cancelled":
        return told + "It was stopped; generate_video makes it anew."
    if video.status == "failed":
        return told + "Read the error, change the request and call generate_video again."
    if video.shots:
        return told + (
            f"Call get_video with generation_ids={ids([video])}. If it no longer moves, generate_video with the same "
            "arguments goes on where it stopped and pays for nothing twice."
        )
    return told + f"Call get_video with generation_ids={ids(video.takes or [video])}. Do not generate it again."


def _delivered(video: Video) -> str:
    if video.generation_id.startswith("sync-"):
        return "Show it to the user. The link can't be renewed: this video has no id at the hub."
    if video.url or any(take.url for take in video.takes):
        return KEEP
    if video.file:
        return FILE
    if video.shots:
        return "The shots were delivered one by one: see shots and warnings. save_video with this id joins them."
    return f"Call get_video with generation_ids={ids([video])} for the link."


def facts(video: Video, *, take: int | None = None) -> dict[str, Any]:
    """The fields that every answer about one video has."""
    return {
        "status": video.status,
        "generation_id": video.generation_id,
        "url": video.url,
        "file": str(video.file) if video.file else None,
        "model": video.model,
        "duration": number(video.duration),
        "cost_usd": number(video.cost),
        "cost_is": video.cost_is,
        "reused": video.reused,
        "takes": [Part.of(one) for one in video.takes],
        "shots": [Part.of(one) for one in video.shots],
        "error": said(video.error),
        "warnings": all_said(video.warnings),
        "next": after(video, take=take),
    }


def answered(video: Video, *, take: int | None = None) -> VideoAnswer:
    """A video as the agent reads it. Raises GenerationFailed for one that failed."""
    if video.status == "failed":
        raise failure(video)
    return VideoAnswer(**facts(video, take=take))


def failure(video: Video) -> GenerationFailed:
    """Why it failed, whether it cost anything, and what to do."""
    charged: Charged = "unknown"
    if video.cost_is == "real" and video.cost is not None:
        charged = "yes" if video.cost else "no"
    fix = None
    if video.shots:
        fix = "Call generate_video again with the same arguments: only what failed is made and paid for again."
    message = said(video.error) or "The job failed and the hub gave no reason."
    return GenerationFailed(message, fix=fix, charged=charged, generation_id=video.generation_id)
