"""Pending waits: one `WatchedJob` for each generation, one `PendingWait` for each caller that waits for it."""

from __future__ import annotations

import asyncio
import heapq
import random
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from inspect import isawaitable
from itertools import count
from typing import TYPE_CHECKING, Any

from ..clock import Clock, Wakeup, wait_until
from .results import Progress, Report

if TYPE_CHECKING:
    from ..hub.records import Generation


# How often to look and how far a job seems to be: the rules of waiting, as pure functions. All times are seconds.

HEARD = (10.0, 30.0)  # between two looks at a queue while the event stream is alive: then it is a safety net
DEAF = (2.0, 10.0)  # while it is not
SHARE = {"image": 4.0, "video": 15.0}  # look once in this fraction of a job's age: an image is ready in seconds
USUAL = {"image": 20.0, "video": 120.0}  # a job's length where nothing was learnt about its model
A_SECOND_FOR = 250  # records on a list, between two looks at it
KINDEST = 60.0  # the longest pause after errors, unless the hub asks for more
TOLD_EVERY = 4.9  # between two reports, at most


def look_every(age: float, media_type: str | None, *, heard: bool) -> float:
    """How long until the queue is worth another look, for a job of this age."""
    shortest, longest = HEARD if heard else DEAF
    return min(longest, max(shortest, age / _of(SHARE, media_type)))


def spaced(seconds: float, listed: int, *, heard: bool) -> float:
    """The same, but seldomer where the list is heavy: thousands of records hold up hub and client alike."""
    longest = (HEARD if heard else DEAF)[1]
    return min(longest, max(seconds, listed / A_SECOND_FOR))


def back_off(failures: int, asked: float | None = None) -> float:
    """The pause after so many failures in a row; never shorter than the hub asked for."""
    return max(asked or 0.0, min(KINDEST, 2.0 ** min(failures, 10)))


def jitter_interval(seconds: float) -> float:
    """A tenth more or less, so that processes that started together do not ask together."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 — spreads load, guards nothing


def fraction(age: float, typical: float | None, media_type: str | None) -> float:
    """How much of a job is probably done, below 1 however long it takes; rises with every second."""
    usual = max(typical or _of(USUAL, media_type), 1.0)
    if age < usual:
        return 0.9 * max(age, 0.0) / usual
    return 1.0 - 0.1 * usual / age


def next_report(now: float) -> float:
    """When to report again: on the half second, so that thousands of reports share one waking."""
    return (now + TOLD_EVERY) // 0.5 * 0.5


def _of(info: dict[str, float], media_type: str | None) -> float:
    return info.get((media_type or "video").partition("/")[0], info["video"])


@dataclass
class Allowance:
    """So many at once, and so many a second after that."""

    burst: float
    rate: float
    left: float = -1.0
    at: float = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is allowed now."""
        full = self.left < 0
        self.left = self.burst if full else min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


GRACE = 2.0  # seconds that the last report may take


@dataclass(eq=False, slots=True)
class PendingWait:
    """One caller's wait.

    until, began: `clock.monotonic()`.
    told: the fraction last reported.
    """

    until: float
    began: float
    typical: float | None
    report: Report | None
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    context: Context = field(default_factory=copy_context)
    told: float = -1.0
    telling: asyncio.Future[Any] | None = None

    def end(self) -> None:
        """The wait is over: the job ended, or the time ran out."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: BaseException) -> None:
        """The wait can't go on."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(eq=False, slots=True)
class WatchedJob:
    """One generation that somebody waits for. All times but `since` are `clock.monotonic()`.

    since: Unix seconds when it was enqueued, where the caller knows.
    record: the last that was seen of it.
    listed: False where the hub's list leaves it out though it is active.
    turn: its place among those that are read slowly.
    moved: it was looked for in the namespace that its record names.
    """

    generation_id: str
    namespace: str | None
    media_type: str | None
    model: str | None
    since: float | None
    joined: float
    waits: list[PendingWait] = field(default_factory=list)
    record: Generation | None = None
    error: Exception | None = None
    listed: bool = True
    moved: bool = False
    missed: int = 0
    turn: int = 0
    reading: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.record is not None and self.record.is_terminal

    @property
    def awaited(self) -> bool:
        """Whether looking for it still helps anybody."""
        return bool(self.waits) and not self.ended

    def age(self, clock: Clock) -> float:
        """Seconds since it was enqueued, as far as is known."""
        waited = clock.monotonic() - self.joined
        since = self.since if self.since is not None else self.record.enqueued_at if self.record else None
        return waited if since is None else max(waited, clock.time() - since)

    def known(self) -> Generation:
        """The last that was seen of it; before anything was, what is known without looking."""
        if self.record is not None:
            return self.record
        from ..hub.records import Generation

        return Generation(self.generation_id, model=self.model, media_type=self.media_type, namespace=self.namespace)


class WaitTimers:
    """Ends each wait at its limit and reports at least every five seconds: one task for all of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alarm = Wakeup(clock)
        self._due: list[tuple[float, int, PendingWait, WatchedJob]] = []
        self._order = count()

    def start(self, wait: PendingWait, job: WatchedJob) -> None:
        """Count this wait down."""
        self._tell(wait, job)
        self._push(wait, job)
        self._alarm.notify()

    def _push(self, wait: PendingWait, job: WatchedJob) -> None:
        when = wait.until
        if wait.report is not None:
            when = min(when, next_report(self._clock.monotonic()))
        heapq.heappush(self._due, (when, next(self._order), wait, job))

    def clear(self) -> None:
        """Nobody waits any more."""
        self._due.clear()

    async def run(self) -> None:
        """For as long as somebody waits."""
        while self._next() is not None:
            await self._alarm.until(lambda: self._next() or 0.0)
            now = self._clock.monotonic()
            while self._due and self._due[0][0] <= now:
                _, _, wait, job = heapq.heappop(self._due)
                self._act(wait, job, now)

    def _next(self) -> float | None:
        while self._due and self._due[0][2].done.done():
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _act(self, wait: PendingWait, job: WatchedJob, now: float) -> None:
        if wait.done.done():
            return
        if now >= wait.until:
            wait.end()
            return
        self._tell(wait, job)
        self._push(wait, job)

    def changed(self, job: WatchedJob) -> None:
        """Its status is another one: tell everybody who waits for it."""
        for wait in job.waits:
            self._tell(wait, job)

    def _tell(self, wait: PendingWait, job: WatchedJob) -> None:
        if wait.report is None or wait.done.done() or (wait.telling and not wait.telling.done()):
            return  # nobody listens, or the last report is still being heard
        try:
            answer = wait.context.run(wait.report, self._progress(wait, job))
        except Exception as error:
            wait.fail(error)
            return
        if isawaitable(answer):
            wait.telling = wait.context.run(asyncio.ensure_future, answer)
            wait.telling.add_done_callback(lambda told: _heard(told, wait))

    def _progress(self, wait: PendingWait, job: WatchedJob) -> Progress:
        likely = 1.0 if job.ended else fraction(job.age(self._clock), wait.typical, job.media_type)
        wait.told = likely if likely > wait.told else wait.told + (1.0 - wait.told) * 1e-6
        return Progress(
            generation_id=job.generation_id,
            status=job.known().status,
            fraction=wait.told,
            elapsed=self._clock.monotonic() - wait.began,
            typical=wait.typical,
        )

    async def last(self, wait: PendingWait, job: WatchedJob) -> None:
        """What is still being told, and after an end how it ended; not longer than `GRACE`."""
        if wait.report is None:
            return
        await self._within(wait.telling)
        if job.ended and wait.told < 1.0:
            answer = wait.report(self._progress(wait, job))
            if isawaitable(answer):
                await self._within(asyncio.ensure_future(answer))

    async def _within(self, telling: asyncio.Future[Any] | None) -> None:
        if telling is None or telling.done():
            return
        try:
            await wait_until(self._clock, self._clock.monotonic() + GRACE, telling)
        finally:
            telling.cancel()


def _heard(told: asyncio.Future[Any], wait: PendingWait) -> None:
    if not told.cancelled() and (error := told.exception()) is not None:
        wait.fail(error)
