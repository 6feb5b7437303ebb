"""The blocking route, `videos/generate`: a paid POST that answers with the video and without a generation's id.

The result is kept at once, for nobody can renew its link; the id is looked up in the account's history, and where it is
not there the ledger gives it one of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import OxenError
from .ledger.records import LOCAL, Clip, Job
from .ledger.steps import clips, job_named
from .reconcile import LONGEST

if TYPE_CHECKING:
    from ..hub import Answer, HubClient
    from .stage import Stage

PAUSES = (0.0, 1.0, 3.0)  # seconds between looks for the id
log = logging.getLogger(__name__)


async def post_and_wait(stage: Stage, hub: HubClient, job: Job, gate: Callable[[], Awaitable[None]]) -> list[Clip]:
    """Make a video and wait for it. Raises as `HubClient.generate` does."""
    answer = await hub.generate(job.body, timeout=LONGEST, before_send=gate)
    ids = await _ids(stage, hub, job, len(answer.videos))
    now = stage.clock.time()
    made = [
        Clip(job.scope, one, job.job, place, "succeeded", job.model, created=job.created, ended=now)
        for place, one in enumerate(ids)
    ]
    return [await _kept(stage, answer, clip) for clip in made]


async def _ids(stage: Stage, hub: HubClient, job: Job, count: int) -> list[str]:
    """The hub's own ids, where its history shows them soon; else ids of ours."""
    for pause in PAUSES:
        await stage.clock.sleep(pause)
        try:
            found = await _in_history(stage, hub, job)
        except Exception as error:  # it is paid: whatever fails now must not make it a refused or an unclear one
            log.warning("The ids of %s could not be looked up: %s", job.job, type(error).__name__, exc_info=True)
            continue
        if len(found) == count:
            return found
    return [f"{LOCAL}{job.job}" + (f"-{place}" if place else "") for place in range(count)]


async def _in_history(stage: Stage, hub: HubClient, job: Job) -> list[str]:
    from .likeness import is_its_record, since
    from .reconcile import read_account

    current = await stage.ledger.run(job_named, job.job) or job
    reading = await read_account(hub, job.namespace, since(current) or 0.0)
    candidates = [one for one in reading.generations if is_its_record(current, one)]
    held = await stage.ledger.run(clips, job.scope, [one.generation_id for one in candidates])
    taken = {one for one, clip in held.items() if clip.job is not None}
    return [one.generation_id for one in candidates if one.generation_id not in taken] if reading.complete else []


async def _kept(stage: Stage, answer: Answer, clip: Clip) -> Clip:
    """The clip with its file. A disk that is full, or whatever else goes wrong, costs the file, never the id."""
    from .delivery import keep_result

    result = answer.videos[clip.position]
    clip = replace(clip, url=result.url)
    try:
        saved = await keep_result(stage, clip, result)
    except OxenError as error:
        log.warning("The result of %s could not be kept: %s", clip.generation_id, error)
        return clip
    except Exception as error:  # of a kind without redacted words
        log.warning("The result of %s could not be kept: %s", clip.generation_id, type(error).__name__)
        return clip
    return replace(clip, file=str(saved.file), sha256=saved.sha256, size=saved.size)


def local_id(job: Job) -> str:
    """What a job of the blocking route is called until, or unless, the hub tells its id."""
    return f"{LOCAL}{job.job}"


def job_of_local(generation_id: str) -> str | None:
    """The job in such a name."""
    return generation_id[len(LOCAL) :][:36] if generation_id.startswith(LOCAL) else None
