"""Looking at a film: how it stands, as one `Video`, with all its shots. Nothing here spends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ...errors import GenerationFailed, NotFound, OxenError
from ..answers import Status, Video
from ..following import saw
from ..ledger.records import LOCAL
from ..ledger.standing import Part, Standing, films_of, newest_films, standing
from ..ledger.steps import clips
from ..money import dollars
from ..reading import length, video_of

if TYPE_CHECKING:
    from ...hub import Generation
    from ..stage import Stage

AT_ONCE = 16  # shots that are read together
MOST_LISTED = 500  # films that are looked through for a state or a model
IDLE = "Nobody is making this film now: generate_video with the same arguments goes on, and pays for nothing twice."
GONE = "Its file is not where it was joined; save_video joins it again, free."


async def standing_of(stage: Stage, film: str) -> Standing:
    """The film as the ledger has it. Raises NotFound."""
    found = await stage.ledger.run(standing, film)
    if found is None or found.film.scope != await stage.scope():
        raise NotFound(f"There is no film {film} in this ledger.")
    return found


@asynccontextmanager
async def about(stage: Stage, film: str) -> AsyncIterator[None]:
    """Every error says which film it is about, and whether anything of it was paid."""
    try:
        yield
    except GenerationFailed:
        raise
    except OxenError as error:
        error.generation_id = film
        with suppress(OxenError):
            found = await stage.ledger.run(standing, film)
            if found is not None and any(job.generation_ids and job.cost != 0 for job in found.tries):
                error.comes_after("yes", film)
        raise


async def shown(stage: Stage, film: str) -> Video:
    """As it is now. What the hub can't tell just now is told as it was last seen."""
    now = await standing_of(stage, film)
    records, unread = await _records(stage, now)
    known = await stage.ledger.run(clips, now.film.scope, list(records))
    await saw(stage, list(records.values()), known)
    video = video_of_film(await standing_of(stage, film), stage, records)
    return replace(video, warnings=(*video.warnings, *unread))


async def _records(stage: Stage, now: Standing) -> tuple[dict[str, Generation], list[str]]:
    ids = [part.clip.generation_id for part in now.parts if part.clip is not None]
    gate, hub = asyncio.Semaphore(AT_ONCE), await stage.hub()

    async def read(generation_id: str) -> Generation:
        async with gate:
            return await hub.get(generation_id)

    asked = [one for one in ids if not one.startswith(LOCAL)]
    answers = await asyncio.gather(*map(read, asked), return_exceptions=True)
    records, unread = {}, []
    for one, answer in zip(asked, answers, strict=True):
        if isinstance(answer, OxenError):
            unread.append(f"A shot could not be read: {answer.message}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            records[one] = answer
    return records, unread[:1]


async def listed(
    stage: Stage, records: dict[str, Generation], status: str | None, model: str | None, limit: int
) -> list[Video]:
    """The last films. Their shots are taken out of `records`, what the hub's list holds."""
    scope = await stage.scope()
    shots = await stage.ledger.run(films_of, scope, list(records))
    seen = [records.pop(one) for one in shots]
    await saw(stage, seen, await stage.ledger.run(clips, scope, list(shots)))
    films = await stage.ledger.run(newest_films, scope, limit if status is None and model is None else MOST_LISTED)
    videos = [video_of_film(one, stage) for one in films if model in (None, one.film.model)]
    return [one for one in videos if status in (None, one.status)][: max(0, limit)]


def video_of_film(now: Standing, stage: Stage, records: Mapping[str, Generation] | None = None) -> Video:
    """The answer about a film. records: its shots as the hub has just shown them."""
    film, at = now.film, stage.clock.time()
    live = film.film in stage.films or now.is_live(at)
    status = _status(now, live)
    file = Path(film.file) if film.file and Path(film.file).is_file() else None
    cost, cost_is = _cost(now, status)
    lengths = [_seconds(part, now) for part in now.parts]
    return Video(
        status=status,
        generation_id=film.film,
        file=file,
        model=film.model,
        duration=film.duration or (None if None in lengths else sum(one for one in lengths if one is not None)),
        cost=cost,
        cost_is=cost_is,
        warnings=_warnings(now, status, live, file),
        shots=tuple(_shot(part, now, status, records or {}) for part in now.parts),
        error=(film.note or "A shot failed.") if status == "failed" else None,
        created=film.created,
    )


def _status(now: Standing, live: bool) -> Status:
    film = now.film
    if film.state == "cancelled":
        return "cancelled"
    if film.state == "delivered" and now.is_shot:
        return "succeeded"
    if not live and (film.note or now.in_state("failed")):
        return "failed"
    return "processing" if now.in_state("running", "done") else "queued"


def _warnings(now: Standing, status: Status, live: bool, file: Path | None) -> tuple[str, ...]:
    if status == "succeeded":
        return (now.film.note,) if now.film.note else () if file else (GONE,)
    return () if live or status in ("failed", "cancelled") else (IDLE,)


def _shot(part: Part, now: Standing, status: Status, records: Mapping[str, Generation]) -> Video:
    job, clip = part.job, part.clip
    if clip is not None and clip.generation_id in records:
        return video_of(records[clip.generation_id], clip, job)
    seen = Video(
        status="queued",
        generation_id=clip.generation_id if clip else "",
        model=now.film.model,
        duration=_seconds(part, now),
    )
    if clip is not None:
        file = Path(clip.file) if clip.file else None
        return replace(seen, status=cast(Status, clip.status), url=clip.url, file=file, error=clip.error)
    if part.state == "failed":
        return replace(seen, status="failed", error=job.note if job else None)
    return replace(seen, status="cancelled") if status == "cancelled" else seen


def _seconds(part: Part, now: Standing) -> float | None:
    planned = now.film.jobs[part.number]
    return planned.seconds if planned.seconds is not None else length(planned.body)


def _cost(now: Standing, status: Status) -> tuple[Decimal | None, Literal["real", "estimate", "unknown"]]:
    """Of the whole: every try as far as it is billed, else its estimate; and what is still to be made."""
    costs, sure, known = 0, True, True
    for job in now.tries:
        if job.state in ("planned", "refused", "dropped"):
            continue
        sure = sure and job.cost is not None
        amount = job.cost if job.cost is not None else None if job.state in ("failed", "cancelled") else job.estimate
        known = known and amount is not None
        costs += amount or 0
    if status in ("queued", "processing"):
        for part in now.in_state("open"):
            usd, sure = now.film.jobs[part.number].price.usd, False
            known = known and usd is not None
            costs += round(usd * 1_000_000) if usd is not None else 0
    if sure:
        return dollars(costs), "real"
    return (dollars(costs), "estimate") if known else (dollars(costs) if costs else None, "unknown")
