"""`generate`: plan, ask, pay once, wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..request import VideoRequest
from .answers import Report, Video
from .planning import planned
from .reading import shown, watch

if TYPE_CHECKING:
    from .stage import Stage


async def generate(
    stage: Stage, request: VideoRequest, *, wait_seconds: float | None, on_progress: Report | None, **_: Any
) -> Video:
    plan = await planned(stage, request)
    plan.raise_for_problems()
    hub = await stage.hub()
    jobs = await stage.own(hub.enqueue(plan.jobs[0].body))
    wait = 900.0 if wait_seconds is None else wait_seconds
    return shown(await watch(stage, jobs[0].generation_id, wait, on_progress))
