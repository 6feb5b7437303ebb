"""`get`, `get_many`, `list`, `cancel`: any generation of the account, whoever made it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .answers import Progress, Report, Video

if TYPE_CHECKING:
    from ..hub import Generation
    from .stage import Stage


def shown(job: Generation) -> Video:
    """A record of the hub as an answer."""
    duration = job.parameters.get("duration")
    return Video(
        status=job.status,
        generation_id=job.generation_id,
        url=job.url,
        model=job.model,
        duration=float(duration) if isinstance(duration, (int, float)) else None,
        cost=job.cost,
        cost_is="real" if job.cost is not None else "unknown",
        error=job.error_message,
        created=job.enqueued_at,
    )


async def watch(stage: Stage, generation_id: str, seconds: float, on_progress: Report | None) -> Generation:
    """Read until it ends or `seconds` have passed."""
    hub = await stage.hub()
    began, pause = stage.clock.monotonic(), 0.25
    while True:
        job = await hub.get(generation_id)
        elapsed = stage.clock.monotonic() - began
        if job.is_terminal or elapsed + pause > seconds:
            return job
        if on_progress is not None:
            told = on_progress(Progress(generation_id, job.status, min(0.99, elapsed / max(seconds, 1)), elapsed))
            if inspect.isawaitable(told):
                await told
        await stage.clock.sleep(pause)
        pause = min(pause * 1.5, 5.0)


async def get(stage: Stage, generation_id: str, wait_seconds: float, on_progress: Report | None) -> Video:
    return shown(await watch(stage, generation_id, wait_seconds, on_progress))


async def get_many(stage: Stage, ids: Sequence[str], wait_seconds: float, on_progress: Report | None) -> list[Video]:
    return list(await asyncio.gather(*(get(stage, one, wait_seconds, on_progress) for one in ids)))


async def listed(stage: Stage, status: str | None, model: str | None, limit: int) -> list[Video]:
    """Newest first."""
    hub = await stage.hub()
    states = [status] if status else ["queued", "processing", "succeeded", "failed", "cancelled"]
    found = await asyncio.gather(*(hub.list(status=one, model=model) for one in states))
    jobs = {job.generation_id: job for page in found for job in page}
    newest = sorted(jobs.values(), key=lambda job: job.enqueued_at or 0, reverse=True)
    return [shown(job) for job in newest[:limit]]


async def cancelled(stage: Stage, generation_id: str) -> Video:
    hub = await stage.hub()
    await hub.cancel(generation_id)
    return shown(await hub.get(generation_id))
