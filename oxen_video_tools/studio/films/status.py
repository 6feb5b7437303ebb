"""Looking at a film: how it stands, as one `Video`, with all its shots. Nothing here spends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ...errors import GenerationFailed, NotFound, OxenError
from ...ledger.films import FilmPart, FilmStatus, film_status, films_of, newest_films
from ...ledger.records import LOCAL, dollars
from ...ledger.transactions import clips
from ..queries import length, video_of, watch
from ..results import Progress, Report, Status, Video
from ..settlement import record_observed

if TYPE_CHECKING:
    from ...clock import Clock
    from ...hub import Generation
    from ..session import Session


AT_ONCE = 16  # shots that are read together
MOST_LISTED = 500  # films that are looked through for a state or a model
IDLE = "Nobody is making this film now: generate_video with the same arguments goes on, and pays for nothing twice."
GONE = "Its file is not where it was joined; save_video joins it again, free."


async def standing_of(session: Session, film: str) -> FilmStatus:
    """The film as the ledger has it. Raises NotFound."""
    found = await session.ledger.run(film_status, film)
    if found is None or found.film.scope != await session.scope():
        raise NotFound(f"There is no film {film} in this ledger.")
    return found


@asynccontextmanager
async def about(session: Session, film: str) -> AsyncIterator[None]:
    """Every error says which film it is about, and whether anything of it was paid."""
    try:
        yield
    except GenerationFailed:
        raise
    except OxenError as error:
        error.generation_id = film
        with suppress(OxenError):
            found = await session.ledger.run(film_status, film)
            if found is not None and any(job.generation_ids and job.cost != 0 for job in found.tries):
                error.comes_after("yes", film)
        raise


async def show_film(session: Session, film: str) -> Video:
    """As it is now. What the hub can't tell just now is told as it was last seen."""
    now = await standing_of(session, film)
    records, unread = await _records(session, now)
    info = await session.ledger.run(clips, now.film.scope, list(records))
    await record_observed(session, list(records.values()), info)
    video = video_of_film(await standing_of(session, film), session, records)
    return replace(video, warnings=(*video.warnings, *unread))


async def _records(session: Session, now: FilmStatus) -> tuple[dict[str, Generation], list[str]]:
    ids = [part.clip.generation_id for part in now.parts if part.clip is not None]
    gate, hub = asyncio.Semaphore(AT_ONCE), await session.hub()

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


async def list_films(
    session: Session, records: dict[str, Generation], status: str | None, model: str | None, limit: int
) -> list[Video]:
    """The last films. Their shots are taken out of `records`, what the hub's list holds."""
    scope = await session.scope()
    shots = await session.ledger.run(films_of, scope, list(records))
    seen = [records.pop(one) for one in shots]
    await record_observed(session, seen, await session.ledger.run(clips, scope, list(shots)))
    films = await session.ledger.run(newest_films, scope, limit if status is None and model is None else MOST_LISTED)
    videos = [video_of_film(one, session) for one in films if model in (None, one.film.model)]
    return [one for one in videos if status in (None, one.status)][: max(0, limit)]


def video_of_film(now: FilmStatus, session: Session, records: Mapping[str, Generation] | None = None) -> Video:
    """The answer about a film. records: its shots as the hub has just shown them."""
    film, at = now.film, session.clock.time()
    live = film.film in session.films or now.is_live(at)
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


def _status(now: FilmStatus, live: bool) -> Status:
    film = now.film
    if film.state == "cancelled":
        return "cancelled"
    if film.state == "delivered" and now.is_shot:
        return "succeeded"
    if not live and (film.note or now.in_state("failed")):
        return "failed"
    return "processing" if now.in_state("running", "done") else "queued"


def _warnings(now: FilmStatus, status: Status, live: bool, file: Path | None) -> tuple[str, ...]:
    if status == "succeeded":
        return (now.film.note,) if now.film.note else () if file else (GONE,)
    return () if live or status in ("failed", "cancelled") else (IDLE,)


def _shot(part: FilmPart, now: FilmStatus, status: Status, records: Mapping[str, Generation]) -> Video:
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


def _seconds(part: FilmPart, now: FilmStatus) -> float | None:
    planned = now.film.jobs[part.number]
    return planned.seconds if planned.seconds is not None else length(planned.body)


def _cost(now: FilmStatus, status: Status) -> tuple[Decimal | None, Literal["real", "estimate", "unknown"]]:
    """Of the whole: every try as far as it is billed, else its estimate; and what is still to be made."""
    costs, sure, info = 0, True, True
    for job in now.tries:
        if job.state in ("planned", "refused", "dropped"):
            continue
        sure = sure and job.cost is not None
        amount = job.cost if job.cost is not None else None if job.state in ("failed", "cancelled") else job.estimate
        info = info and amount is not None
        costs += amount or 0
    if status in ("queued", "processing"):
        for part in now.in_state("open"):
            usd, sure = now.film.jobs[part.number].price.usd, False
            info = info and usd is not None
            costs += round(usd * 1_000_000) if usd is not None else 0
    if sure:
        return dollars(costs), "real"
    return (dollars(costs), "estimate") if info else (dollars(costs) if costs else None, "unknown")


# Waiting for a film, whoever makes it: this process, another one, or nobody any more. Nothing here spends.

GLANCES = (0.1, 2.0)  # seconds between looks at the ledger: the first, the longest
MADE = 0.95  # of a film's progress: the rest is the joining
GoOn = Callable[[], Awaitable[bool]]


async def get_film(session: Session, film: str, *, wait_seconds: float = 0, on_progress: Report | None = None) -> Video:
    """How a film stands, each shot with a fresh link. Raises NotFound."""
    async with about(session, film):
        if wait_seconds > 0:
            await follow_film(session, film, session.clock.monotonic() + wait_seconds, on_progress)
        return await show_film(session, film)


@dataclass
class ProgressAggregator:
    """One caller's report of a film: each shot's own progress becomes progress of the whole, which only rises."""

    film: str
    shots: int
    report: Report
    clock: Clock
    began: float
    fractions: dict[int, float] = field(default_factory=dict)
    told: float = -1.0

    def of_shot(self, number: int) -> Report:
        """Hears one shot."""

        def tell(progress: Progress) -> Awaitable[None] | None:
            self.fractions[number] = max(progress.fraction, self.fractions.get(number, 0.0))
            whole = MADE * sum(self.fractions.values()) / self.shots
            return self.tell(replace(progress, shot=number + 1, shot_fraction=progress.fraction), whole)

        return tell

    def tell(self, progress: Progress, fraction: float) -> Awaitable[None] | None:
        """Tell it of the whole."""
        self.told = fraction if fraction > self.told else self.told + (1.0 - self.told) * 1e-6
        elapsed = self.clock.monotonic() - self.began
        return self.report(
            replace(progress, generation_id=self.film, fraction=self.told, elapsed=elapsed, shots=self.shots)
        )

    async def joining(self, done: float) -> None:
        """The shots are there and are being joined."""
        telling = self.tell(Progress(self.film, "joining", 0.0), MADE + (0.999 - MADE) * done)
        if isawaitable(telling):
            await telling


async def follow_film(
    session: Session, film: str, until: float, on_progress: Report | None, go_on: GoOn | None = None
) -> None:
    """Wait until it has ended, or stopped, or `clock.monotonic()` is `until`.

    go_on: called when whoever made it is gone and it is not finished; says whether it goes on here.
    """
    watch = _Watch(session, film, until, on_progress)
    try:
        await watch.run(go_on)
    finally:
        await watch.close()


class _Watch:
    def __init__(self, session: Session, film: str, until: float, on_progress: Report | None) -> None:
        self._session, self._film, self._until, self._report = session, film, until, on_progress
        self._began = session.clock.monotonic()
        self._telling: ProgressAggregator | None = None
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._joined = 0.0

    async def run(self, go_on: GoOn | None) -> None:
        pause, longest = GLANCES
        before: object = None
        while True:
            now = await standing_of(self._session, self._film)
            shooting = self._session.films.get(self._film)
            if shooting is None and not now.is_live(self._session.clock.time()) and await self._ends(now, go_on):
                return await self._last(now)
            self._watch(now)
            if shooting is not None and shooting.joined > self._joined and self._telling is not None:
                self._joined = shooting.joined
                await self._telling.joining(self._joined)
            if self._session.clock.monotonic() >= self._until:
                return None
            states = [part.state for part in now.parts]
            pause = GLANCES[0] if states != before else min(pause * 1.5, longest)
            before = states
            await self._until_news(shooting.done if shooting else None, pause)

    async def _ends(self, now: FilmStatus, go_on: GoOn | None) -> bool:
        """Nobody makes it: whether that is the end of it."""
        if now.film.state != "open" or now.film.note is not None or now.in_state("failed"):
            return True
        if go_on is not None and await go_on():
            return False
        return not now.in_state("running")

    def _watch(self, now: FilmStatus) -> None:
        if self._telling is None and self._report is not None:
            self._telling = ProgressAggregator(
                self._film, len(now.parts), self._report, self._session.clock, self._began
            )
        for part in now.parts:
            if self._telling is not None and part.state == "done":
                self._telling.fractions[part.number] = 1.0
            clip = part.clip
            if part.state == "running" and clip and clip.generation_id not in self._watching:
                self._watching[clip.generation_id] = asyncio.ensure_future(self._one(part, clip.generation_id))

    async def _one(self, part: FilmPart, generation_id: str) -> None:
        session, tell = self._session, self._telling.of_shot(part.number) if self._telling else None
        left = max(0.0, self._until - session.clock.monotonic())
        if generation_id.startswith(LOCAL) or left <= 0:
            return
        try:
            record = await watch(session, generation_id, left, tell, part.clip)
            await record_observed(
                session, [record], await session.ledger.run(clips, await session.scope(), [generation_id])
            )
        except OxenError:  # whoever makes the film meets it too, and says so
            return

    async def _until_news(self, shooting: asyncio.Task[None] | None, pause: float) -> None:
        """A moment; shorter where a shot, the film or the time ends."""
        for task in self._watching.values():
            if task.done():
                task.result()  # a report that raises ends the caller's wait
        news = {task for task in self._watching.values() if not task.done()} | ({shooting} if shooting else set())
        clock = self._session.clock
        alarm = asyncio.ensure_future(clock.sleep(max(0.0, min(pause, self._until - clock.monotonic()))))
        try:
            await asyncio.wait({alarm, *news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()

    async def _last(self, now: FilmStatus) -> None:
        if self._telling is not None and now.film.state == "delivered":
            told = self._telling.tell(Progress(self._film, "succeeded", 1.0), 1.0)
            if isawaitable(told):
                await told

    async def close(self) -> None:
        for task in self._watching.values():
            task.cancel()
        await asyncio.gather(*self._watching.values(), return_exceptions=True)
