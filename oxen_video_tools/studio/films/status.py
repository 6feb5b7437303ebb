"""The state of a film as one `Video` with all its shots; and waiting for it, whichever process makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ...clock import wait_until
from ...errors import GenerationFailed, NotFound, OxenError
from ...hub.records import Status
from ...ledger.films import FilmRow, FilmStatus, Part
from ...ledger.records import LOCAL, Job, dollars
from ..media_inputs import private_link
from ..results import FilmShot, Progress, Report, Video, moment
from ..settlement import record_observed
from ..videos import is_part, length, prompt_of, shots_of, watch
from .record import FilmClip, clips_in

if TYPE_CHECKING:
    from ...clock import Clock
    from ...hub import Generation
    from ..session import Session

AT_ONCE = 16  # clips that are read together
MOST_LISTED = 500  # films that are searched for a state or a model
UPLOADING = (5.0, 10.0)  # seconds that an answer waits for the upload of a film: at least, at most
COMING = "The film is being uploaded; get_video gives its link in a moment."
IDLE = "Nobody is making this film now: generate_video with the same arguments goes on, and pays for nothing twice."
GONE = "Its file is not where it was joined; save_video joins it again, free."
KEPT = "What is finished of it stays: save_video with this id joins it, free."
GLANCES = (0.1, 2.0)  # seconds between looks at the ledger: first and longest pause
MADE = 0.95  # the share of its clips in a film's progress; the rest is the joining
GoOn = Callable[[], Awaitable[bool]]


async def standing_of(session: Session, film: str) -> FilmStatus:
    """The state of a film in the ledger. Raises NotFound."""
    found = await session.ledger.standing(film)
    if found is None or found.film.scope != await session.scope():
        raise NotFound(f"There is no film {film} in this ledger.")
    return found


@asynccontextmanager
async def about(session: Session, film: str) -> AsyncIterator[None]:
    """Add to any error in the block which film it is about, and whether anything of it was paid."""
    try:
        yield
    except GenerationFailed:
        raise
    except OxenError as error:
        error.generation_id = film
        with suppress(OxenError):
            found = await session.ledger.standing(film)
            if found is not None and any(job.generation_ids and job.cost != 0 for job in found.booked):
                error.comes_after("yes", film)
        raise


async def get(session: Session, film: str, *, wait_seconds: float = 0, on_progress: Report | None = None) -> Video:
    """The state of a film, with fresh links to its shots. Raises NotFound."""
    until = session.clock.monotonic() + wait_seconds
    async with about(session, film):
        if wait_seconds > 0:
            await follow(session, film, until, on_progress)
        return await show(session, film, until)


async def show(session: Session, film: str, until: float = 0.0) -> Video:
    """The state of a film. What the hub can't report now is shown as last seen.

    until: the `clock.monotonic()` until which to wait for the upload of the film, within `UPLOADING`.
    """
    now = await standing_of(session, film)
    records, unread = await _read_records(session, now)
    info = await session.ledger.clips(now.film.scope, list(records))
    await record_observed(session, list(records.values()), info)
    now = await standing_of(session, film)
    video = video_of_film(now, session, records)
    if video.status != "succeeded":
        return replace(video, warnings=(*video.warnings, *unread))
    least, most = UPLOADING
    patience = min(most, max(least, until - session.clock.monotonic()))
    url, trouble = await link_to(session, now.film, patience)
    return replace(video, url=url, warnings=(*video.warnings, *unread, *([trouble] if trouble else [])))


async def link_to(session: Session, film: FilmRow, patience: float) -> tuple[str | None, str | None]:
    """A fresh link to a joined film, or the reason why there is none. The film is uploaded if the hub doesn't have it.

    patience: seconds to wait for the upload, which continues after them.
    """
    if session.settings.upload == "never" or film.sha256 is None:
        return None, None
    file = await asyncio.to_thread(_file_of, film)
    try:
        linking = session.errand(private_link(session, film.sha256, file))
        if not await wait_until(session.clock, session.clock.monotonic() + patience, linking):
            return None, COMING
        return await linking, None
    except OxenError as error:
        return None, f"There is no link to the film: {error.message} The file is there."


def _file_of(film: FilmRow) -> Path | None:
    """The file of the joined film, if it still exists."""
    return Path(film.file) if film.file and Path(film.file).is_file() else None


async def known_links(session: Session, films: Sequence[FilmRow]) -> dict[str, str]:
    """Fresh links to the films that the hub already has, by SHA-256."""
    contents = [film.sha256 for film in films if film.sha256 is not None]
    if session.settings.upload == "never" or not contents:
        return {}
    hub, gate = await session.hub(), asyncio.Semaphore(AT_ONCE)
    places = await session.ledger.kept_places(await session.scope(), contents)

    async def link(place: str) -> str | None:
        async with gate:
            with suppress(OxenError):  # get_video puts it there again
                return await hub.private_link(place)
        return None

    links = await asyncio.gather(*map(link, places.values()))
    return {content: url for content, url in zip(places, links, strict=True) if url is not None}


async def _read_records(session: Session, now: FilmStatus) -> tuple[dict[str, Generation], list[str]]:
    ids = dict.fromkeys(part.clip.generation_id for part in now.parts if part.clip is not None)
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


async def listed(
    session: Session,
    records: dict[str, Generation],
    status: str | None,
    model: str | None,
    limit: int,
    since: float = 0.0,
) -> list[Video]:
    """The last films. The clips that were made for them are taken out of `records`, what the hub's list holds."""
    scope = await session.scope()
    jobs = await session.ledger.find_jobs(scope, of=list(records))
    made = [job for job in jobs if job.is_clip]  # a still stands for itself
    shots = [one for job in made for one in job.generation_ids if one in records]
    seen = [records.pop(one) for one in shots]
    await record_observed(session, seen, await session.ledger.clips(scope, shots))
    films = await session.ledger.newest_films(scope, limit if status is None and model is None else MOST_LISTED)
    films = [one for one in films if one.film.created >= since and (model is None or is_part(model, one.film.model))]
    videos = [(one.film, video_of_film(one, session)) for one in films]
    videos = [(film, video) for film, video in videos if status in (None, video.status)][: max(0, limit)]
    links = await known_links(session, [film for film, _ in videos])
    return [replace(video, url=links.get(film.sha256 or "")) for film, video in videos]


def video_of_film(now: FilmStatus, session: Session, records: Mapping[str, Generation] | None = None) -> Video:
    """A film as a `Video`. records: its clips as the hub just reported them."""
    film, at = now.film, session.clock.time()
    live = film.film in session.films or now.is_live(at)
    status = _status(now, live)
    file = _file_of(film)
    planned = clips_in(film)
    cost, cost_is = _cost(now, status, planned)
    lengths = [_seconds(clip) for clip in planned]
    return Video(
        status=status,
        generation_id=film.film,
        file=file,
        model=film.model,
        duration=film.duration or (None if None in lengths else sum(one for one in lengths if one is not None)),
        cost_usd=cost,
        cost_is=cost_is,
        warnings=_warnings(now, status, live, file),
        shots=tuple(_shots(now, status, planned, records or {})),
        error=(film.note or "A shot failed.") if status == "failed" else None,
        created=moment(film.created),
        take=film.take,
        words=prompt_of(planned[0].job.body) if planned else "",
        kind="film",
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
    if status in ("failed", "cancelled"):
        return (KEPT,) if now.in_state("done") and not live else ()
    return () if live else (IDLE,)


def _shots(
    now: FilmStatus, status: Status, planned: tuple[FilmClip, ...], records: Mapping[str, Generation]
) -> list[FilmShot]:
    """All shots with their times. The durations of a clip with several shots come from its body."""
    found: list[FilmShot] = []
    at: float | None = 0.0
    for clip, part in zip(planned, now.parts, strict=True):
        whole = _whole_clip(part, now, status, records)
        lengths = _lengths(clip)
        cost = _cost_of(part.job)
        total = sum(one for one in lengths if one is not None) or None
        for index, seconds in zip(clip.job.shots or (part.number,), lengths, strict=True):
            end = None if at is None or seconds is None else at + seconds
            share = None if cost is None else cost * Decimal(str((seconds or 0) / total)) if total else cost
            found.append(replace(whole, shot=index + 1, start=at, end=end, cost_usd=share))
            at = end
    return found


def _lengths(clip: FilmClip) -> list[float | None]:
    """Seconds of each shot of a clip."""
    count = max(1, len(clip.job.shots))
    if count == 1:
        return [_seconds(clip)]
    shots = shots_of(clip.job.body)
    return [seconds for _, seconds in shots] if len(shots) == count else [None] * count


def _whole_clip(part: Part, now: FilmStatus, status: Status, records: Mapping[str, Generation]) -> FilmShot:
    job, clip = part.job, part.clip
    reused = job is not None and job.film != now.film.film and part.state in ("running", "done")
    seen = FilmShot(1, None, None, "queued", clip.generation_id if clip else "", part.ref.take, reused=reused)
    record = records.get(clip.generation_id) if clip is not None else None
    if record is not None:
        file = Path(clip.file) if clip is not None and clip.file else None
        url = record.url if record.status == "succeeded" else None
        error = record.error_message if record.status == "failed" else None
        return replace(seen, status=record.status, url=url, file=file, error=error)
    if clip is not None:
        file = Path(clip.file) if clip.file else None
        return replace(seen, status=cast(Status, clip.status), url=clip.url, file=file, error=clip.error)
    if part.state == "failed":
        return replace(seen, status="failed", error=job.note if job else None)
    return replace(seen, status="cancelled") if status == "cancelled" else seen


def _seconds(clip: FilmClip) -> float | None:
    return clip.seconds if clip.seconds is not None else length(clip.job.body)


def _cost_of(job: Job | None) -> Decimal | None:
    """The cost of a clip, or its estimate; nothing for a failed one until its cost is known."""
    if job is None or job.state in ("planned", "refused", "dropped"):
        return None
    amount = job.cost if job.cost is not None else None if job.state in ("failed", "cancelled") else job.estimate
    return None if amount is None else dollars(amount)


def _cost(
    now: FilmStatus, status: Status, planned: tuple[FilmClip, ...]
) -> tuple[Decimal | None, Literal["real", "estimate", "unknown"]]:
    """The cost of the film: billed or estimated amounts of all tries at its clips, and of those still to be made."""
    costs, sure, info = 0, True, True
    of_others = [part.job for part in now.parts if part.job is not None and part.job.film != now.film.film]
    for job in {job.job: job for job in (*now.tries, *of_others)}.values():
        if job.state in ("planned", "refused", "dropped"):
            continue
        sure = sure and job.cost is not None
        amount = job.cost if job.cost is not None else None if job.state in ("failed", "cancelled") else job.estimate
        info = info and amount is not None
        costs += amount or 0
    if status in ("queued", "processing"):
        for part in now.in_state("open"):
            usd, sure = planned[part.number].job.price.usd, False
            info = info and usd is not None
            costs += round(usd * 1_000_000) if usd is not None else 0
    if sure:
        return dollars(costs), "real"
    return (dollars(costs), "estimate") if info else (dollars(costs) if costs else None, "unknown")


# -- waiting -----------------------------------------------------------------------------------------------------------


@dataclass
class _Aggregator:
    """One caller's report of a film: each clip's own progress becomes progress of the whole, which only rises.

    shots: for each clip, which shots of the film it makes, from 0. A person hears of shots, never of clips.
    """

    film: str
    shots: Sequence[Sequence[int]]
    report: Report
    clock: Clock
    began: float
    fractions: dict[int, float] = field(default_factory=dict)
    told: float = -1.0

    @property
    def count(self) -> int:
        """The number of shots of the film."""
        return sum(map(len, self.shots))

    def of_clip(self, number: int) -> Report:
        """The listener for one clip. Its share of the progress is its duration."""

        def tell(progress: Progress) -> Awaitable[None] | None:
            self.fractions[number] = max(progress.fraction, self.fractions.get(number, 0.0))
            done = sum(fraction * len(self.shots[clip]) for clip, fraction in self.fractions.items())
            shot = self.shots[number][0] + 1
            told = replace(progress, shot=shot, shot_fraction=progress.fraction)
            return self.tell(told, MADE * done / self.count)

        return tell

    def tell(self, progress: Progress, fraction: float) -> Awaitable[None] | None:
        """Report the progress of the film."""
        self.told = fraction if fraction > self.told else self.told + (1.0 - self.told) * 1e-6
        elapsed = self.clock.monotonic() - self.began
        return self.report(
            replace(progress, generation_id=self.film, fraction=self.told, elapsed=elapsed, shots=self.count)
        )

    async def joining(self, done: float) -> None:
        """Report that the shots are being joined."""
        telling = self.tell(Progress(self.film, "joining", 0.0), MADE + (0.999 - MADE) * done)
        if isawaitable(telling):
            await telling


async def follow(
    session: Session, film: str, until: float, on_progress: Report | None, go_on: GoOn | None = None
) -> None:
    """Wait until the film has ended or stopped, or `clock.monotonic()` is `until`.

    go_on: called if the process that made it is gone; returns whether this process continues it.
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
        self._telling: _Aggregator | None = None
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._joined = 0.0

    async def run(self, go_on: GoOn | None) -> None:
        pause, longest = GLANCES
        before: object = None
        while True:
            now = await standing_of(self._session, self._film)
            runner = self._session.films.get(self._film)
            if runner is None and not now.is_live(self._session.clock.time()) and await self._ends(now, go_on):
                return await self._last(now)
            self._watch(now)
            if runner is not None and runner.joined > self._joined and self._telling is not None:
                self._joined = runner.joined
                await self._telling.joining(self._joined)
            if self._session.clock.monotonic() >= self._until:
                return None
            states = [part.state for part in now.parts]
            pause = GLANCES[0] if states != before else min(pause * 1.5, longest)
            before = states
            await self._until_news(runner.done if runner else None, pause)

    async def _ends(self, now: FilmStatus, go_on: GoOn | None) -> bool:
        """Whether a film that no process makes has ended."""
        if now.film.state != "open" or now.film.note is not None or now.in_state("failed"):
            return True
        if go_on is not None and await go_on():
            return False
        return not now.in_state("running")

    def _watch(self, now: FilmStatus) -> None:
        if self._telling is None and self._report is not None:
            planned = clips_in(now.film)
            shots = [clip.job.shots or (part.number,) for clip, part in zip(planned, now.parts, strict=True)]
            self._telling = _Aggregator(self._film, shots, self._report, self._session.clock, self._began)
        for part in now.parts:
            if self._telling is not None and part.state == "done":
                self._telling.fractions[part.number] = 1.0
            clip = part.clip
            if part.state == "running" and clip and clip.generation_id not in self._watching:
                self._watching[clip.generation_id] = asyncio.ensure_future(self._one(part, clip.generation_id))

    async def _one(self, part: Part, generation_id: str) -> None:
        session, tell = self._session, self._telling.of_clip(part.number) if self._telling else None
        left = max(0.0, self._until - session.clock.monotonic())
        if generation_id.startswith(LOCAL) or left <= 0:
            return
        try:
            record = await watch(session, generation_id, left, tell, part.clip)
            await record_observed(session, [record], await session.ledger.clips(await session.scope(), [generation_id]))
        except OxenError:  # the process that makes the film meets it, too, and reports it
            return

    async def _until_news(self, runner: asyncio.Task[None] | None, pause: float) -> None:
        """Wait for a moment, or until a shot or the film ends, or the time is up."""
        for task in self._watching.values():
            if task.done():
                task.result()  # an exception of the caller's listener ends its wait
        news = {task for task in self._watching.values() if not task.done()} | ({runner} if runner else set())
        clock = self._session.clock
        await wait_until(clock, min(clock.monotonic() + pause, self._until), *news)

    async def _last(self, now: FilmStatus) -> None:
        if self._telling is not None and now.film.state == "delivered":
            told = self._telling.tell(Progress(self._film, "succeeded", 1.0), 1.0)
            if isawaitable(told):
                await told

    async def close(self) -> None:
        for task in self._watching.values():
            task.cancel()
        await asyncio.gather(*self._watching.values(), return_exceptions=True)
