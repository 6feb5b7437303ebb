"""A generation's record as a `Video`, with what the ledger knows of it; and waiting for one."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..catalog.pricing import billed_seconds
from ..clock import wait_until
from ..errors import NotFound, OxenError, Unauthenticated
from ..hub.records import Status
from ..ledger.records import GenerationRow, Job, dollars
from ..request import DEFAULT_SECONDS
from .reconcile import about_a_job, unclear_error
from .results import Report, Video, moment
from .settlement import kept, record_observed
from .submission import filter_fix, job_of_local, local_id

if TYPE_CHECKING:
    from ..hub import Generation
    from .session import Session

SETTLING = 5.0  # seconds that a cancelled job's cost is waited for
SAVING = 60.0  # seconds beyond the wait that keeping a finished result may take; it goes on after them
log = logging.getLogger(__name__)
NO_RENEWAL = "The hub tells no id for this video: its link can't be renewed. The file is kept."


async def watch(
    session: Session, generation_id: str, seconds: float, on_progress: Report | None, clip: GenerationRow | None = None
) -> Generation:
    """The record when it has ended, or as it stands after `seconds`."""
    if clip is None or seconds <= 0:
        record = await (await session.hub()).get(generation_id)
        if seconds <= 0 or record.is_terminal:
            return record
        model, since, namespace = record.model, record.enqueued_at, record.namespace
    else:
        record, model, since, namespace = None, clip.model, clip.created, None
    usual = None
    with suppress(OxenError):  # only the progress is the poorer
        usual = await session.ledger.typical(await session.scope(), model) if model else None
    return await (await session.waiter()).wait(
        generation_id,
        seconds=seconds,
        namespace=namespace,
        on_progress=on_progress,
        typical=usual,
        since=since,
        model=model,
        record=record,
    )


async def shown(session: Session, record: Generation) -> Video:
    """A record with what the ledger knows of it; what the ledger did not know is written down.

    The hub is the truth about a job: a ledger that fails takes nothing away but its own part.
    """
    clip: GenerationRow | None = None
    job: Job | None = None
    warnings: tuple[str, ...] = ()
    try:
        scope = await session.scope()
        clip, job = await session.ledger.clip_and_job(scope, record.generation_id)
        await record_observed(session, [record], {} if clip is None else {clip.generation_id: clip})
        if record.status == "succeeded" and session.settings.save == "always":
            warnings = await keep_soon(session, record.generation_id)
            clip, job = await session.ledger.clip_and_job(scope, record.generation_id)
    except Unauthenticated:
        raise
    except OxenError as error:
        log.warning("The ledger said nothing of %s: %s", record.generation_id, error)
        warnings = (*warnings, f"What is known of it here could not be read: {error.message}")
    if (odd := session.unreadable_bills.get(record.generation_id)) is not None:
        warnings = (*warnings, odd)
    video = replace(video_of(record, clip, job), warnings=warnings)
    if video.status == "failed":
        video = replace(video, fix=await filter_fix(session, video.model, video.error))
    return timed(session, video, job.body if job else record.parameters)


async def keep_soon(session: Session, generation_id: str) -> tuple[str, ...]:
    """Keep a result in a task of the studio's own; the answer waits for it only so long. What to warn of."""
    keeping = session.own(kept(session, generation_id))
    in_time = await wait_until(session.clock, session.clock.monotonic() + SAVING, keeping)
    trouble = keeping.result() if in_time else "The file is still being fetched."
    return (trouble,) if trouble else ()


def video_of(record: Generation, clip: GenerationRow | None = None, job: Job | None = None) -> Video:
    """The answer about one generation."""
    cost, cost_is = _cost(record, clip, job)
    return Video(
        status=record.status,
        generation_id=record.generation_id,
        url=record.url if record.status == "succeeded" else None,
        file=Path(clip.file) if clip and clip.file else None,
        model=record.model or (clip.model if clip else None),
        duration=length(job.body if job else record.parameters),
        cost_usd=cost,
        cost_is=cost_is,
        error=record.error_message if record.status == "failed" else None,
        created=moment(record.enqueued_at),
        kind="still" if record.media_type == "image" else "video",
    )


def _cost(
    record: Generation, clip: GenerationRow | None, job: Job | None
) -> tuple[Decimal | None, Literal["real", "estimate", "unknown"]]:
    if record.cost is not None:
        return record.cost, "real"
    if clip is not None and clip.cost is not None:
        return dollars(clip.cost), "real"
    if job is not None and job.estimate is not None and record.status not in ("failed", "cancelled"):
        return dollars(job.estimate) / max(1, job.expects), "estimate"
    return None, "unknown"


def length(body: Mapping[str, Any]) -> float | None:
    """Seconds that a body asks for, where it says so in a number."""
    shots = body.get("multi_prompt")
    if isinstance(shots, (list, tuple)) and shots:
        parts = [_number(shot.get("duration", 5)) if isinstance(shot, Mapping) else None for shot in shots]
        return None if None in parts else sum(part for part in parts if part is not None)
    return next((found for name in ("duration", "seconds") if (found := _number(body.get(name))) is not None), None)


def timed(session: Session, video: Video, body: Mapping[str, Any]) -> Video:
    """The video, with the length that its model makes where the body names none, if that is known."""
    info = session.catalog().at_hand().get(video.model or "") if video.duration is None else None
    if info is None:
        return video
    usual = billed_seconds(body, info)
    return video if usual.said else replace(video, duration=usual.value)


def _number(value: Any) -> float | None:
    try:
        found = float(str(value).removesuffix("s")) if not isinstance(value, bool) else None
    except ValueError:
        return None
    return found if found is not None and 0 < found < math.inf else None


async def _local(session: Session, generation_id: str, wait_seconds: float) -> Video:
    """A job of the blocking route, under the name that the ledger gave it."""
    name = job_of_local(generation_id)
    job = await session.ledger.job_named(name) if name else None
    if job is None or job.scope != await session.scope():
        raise NotFound(f"There is no generation {generation_id}.")
    until = session.clock.monotonic() + wait_seconds
    while job.state in ("planned", "sending") and job.is_live(session.clock.time()):
        if session.clock.monotonic() + 1.0 > until:
            break
        await session.clock.sleep(1.0)
        job = await session.ledger.job_named(job.job) or job
    return await of_blocking(session, job, generation_id)


async def of_blocking(session: Session, job: Job, generation_id: str | None = None) -> Video:
    """What the ledger knows of a job of the blocking route."""
    if job.is_unclear and not job.is_live(session.clock.time()):
        raise unclear_error(job)
    now = await session.ledger.job_named(job.job) or job
    made = await session.ledger.clips(job.scope, now.generation_ids)
    clip = made.get(generation_id or "") or next((made[one] for one in now.generation_ids if one in made), None)
    if clip is not None and job_of_local(clip.generation_id) is None:
        try:
            return await shown(session, await watch(session, clip.generation_id, 0, None))
        except OxenError as error:
            raise await about_a_job(session, clip.generation_id, error, reading=True) from error.__cause__
    status: Status = "processing" if clip is None else "succeeded"
    if job.state in ("refused", "dropped", "failed", "cancelled"):
        status = "cancelled" if job.state == "cancelled" else "failed"
    video = Video(
        status=status,
        generation_id=clip.generation_id if clip else local_id(job),
        url=clip.url if clip else None,
        file=Path(clip.file) if clip and clip.file else None,
        model=job.model,
        duration=length(job.body),
        cost_usd=dollars(job.estimate) if job.estimate is not None else None,
        cost_is="estimate" if job.estimate is not None else "unknown",
        warnings=(NO_RENEWAL,) if clip is not None else (),
        error=job.note if status == "failed" else None,
        created=moment(job.created),
    )
    return timed(session, video, job.body)


def prompt_of(body: Mapping[str, Any]) -> str:
    """The words of a body: its prompt, or its first shot's."""
    shots = next((one for one in body.values() if isinstance(one, (list, tuple)) and one), ())
    first = shots[0] if shots and isinstance(shots[0], Mapping) else {}
    return str(body.get("prompt") or first.get("prompt") or first.get("text") or "")


def shots_of(body: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """The words and seconds of each shot of a body; of one without a list of shots its only one."""
    if not body.get("prompt"):
        for value in body.values():
            listed = isinstance(value, (list, tuple)) and value
            if listed and all(isinstance(one, Mapping) and prompt_of(one) for one in value):
                return [(prompt_of(one), length({"duration": one.get("duration", DEFAULT_SECONDS)})) for one in value]
    prompt = str(body.get("prompt") or "")
    return _timed_lines(prompt) or [(prompt, length(body))]


_TIMED = re.compile(r"(?m)^Shot (\d+) \[(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)s\] (.+)$")


def _timed_lines(prompt: str) -> list[tuple[str, float | None]]:
    """The shots that a prompt has as timed lines, each with the words in front of them all; empty where it has none."""
    lines = list(_TIMED.finditer(prompt))
    ends = [0.0, *(float(line[3]) for line in lines)]
    in_order = [(int(line[1]), float(line[2])) for line in lines] == list(enumerate(ends[:-1], 1))
    if len(lines) < 2 or not in_order:
        return []
    lead = prompt[: lines[0].start()].strip()
    return [(f"{line[4]} {lead}".strip(), end - start) for line, start, end in zip(lines, ends, ends[1:], strict=False)]


def is_part(said: str, model: str) -> bool:
    """Whether these words are part of a model's id: "kling 2.6" of kling-video-v2-6-pro-text-to-video."""
    bare = re.sub(r"[^a-z0-9]+", "", model.lower())
    words = re.findall(r"[a-z0-9]+", said.lower())
    return bool(words) and all(word in bare for word in words)
