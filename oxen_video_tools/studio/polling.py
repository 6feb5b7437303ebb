"""One list poll for all the active jobs of a namespace, instead of a poll for each job."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

from ..clock import Clock, Wakeup
from ..errors import NotFound, OxenError, RateLimited, Unauthenticated
from ..retries import poll
from . import waits
from .waits import WatchedJob

if TYPE_CHECKING:
    from ..hub.records import Generation


# Reading single generations for those who wait: few at a time, never twice at once, and slowly where the list
# fails.
#
# An id is read when its event came, when somebody begins to wait for it, and once when it left the active list.
# Ids that the list leaves out though they are active are read one by one, `RATE` a second in all.

AT_ONCE = 16  # reads on their way
FIRST_WAVE, LARGEST_WAVE = 4, 32  # how many of the ids that left the list are read together
RATE = 4.0  # reads a second of ids that an incomplete list leaves out
SETTLING = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # seconds before each look at a record whose end was announced
log = logging.getLogger(__name__)


class Readable(Protocol):
    """What a read needs of the hub."""

    async def get(self, generation_id: str) -> Generation:
        """One job. Raises OxenError."""


class RecordReader:
    """All reads of one waiter.

    saw: told each record.
    refused: told when the hub refuses the key.
    unlisted: told when `run` has work.
    heard: whether the event stream is alive.
    """

    def __init__(
        self,
        hub: Readable,
        clock: Clock,
        *,
        saw: Callable[[WatchedJob, Generation], None],
        refused: Callable[[OxenError], None],
        unlisted: Callable[[], None],
        heard: Callable[[], bool],
    ) -> None:
        self._hub, self._clock = hub, clock
        self._saw, self._refused, self._started, self._heard = saw, refused, unlisted, heard
        self._places = asyncio.Semaphore(AT_ONCE)
        self._free_at = 0.0  # the hub asked for silence until then
        self._unlisted: list[tuple[float, int, WatchedJob]] = []
        self._order = count(1)

    async def read(self, job: WatchedJob) -> bool:
        """Look at it once. Whether the hub answered; then `job.record` is fresh."""
        async with self._places:
            if not job.awaited:
                return True
            await self.silence()
            try:
                record = await self._hub.get(job.generation_id)
            except Unauthenticated as error:
                self._refused(error)
                return False
            except NotFound as error:
                _missed(job, error)
                return False
            except OxenError as error:
                job.error = error
                self.hush(error)
                return False
        job.missed = 0
        self._saw(job, record)
        return True

    async def silence(self) -> None:
        """Wait until the hub may be asked again."""
        while (left := self._free_at - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    def hush(self, error: OxenError) -> None:
        """Honour what the hub asks for when it is asked too much."""
        if isinstance(error, RateLimited):
            pause = waits.back_off(1, error.retry_after)
            self._free_at = max(self._free_at, self._clock.monotonic() + pause)

    async def announced(self, job: WatchedJob) -> None:
        """Its end was announced: read until the record says so too, then leave it to the list."""
        async for _ in poll(SETTLING, clock=self._clock):
            await self.read(job)
            if not job.awaited:
                return

    async def left(self, jobs: Sequence[WatchedJob]) -> None:
        """These are no longer on the active list: read each once, a few first. Active ones show that it is incomplete;
        then all the rest is read slowly."""
        rest, width = list(jobs), FIRST_WAVE
        while rest:
            wave, rest = rest[:width], rest[width:]
            answered = await asyncio.gather(*map(self.read, wave))
            active = [job for job in wave if job.awaited]
            if active and all(answered):
                self.unlist([*active, *rest])
                return
            if active:
                return  # the hub is in trouble: the next look finds them again
            width = min(2 * width, LARGEST_WAVE)

    def unlist(self, jobs: Sequence[WatchedJob]) -> None:
        """The list leaves these out: read them one by one."""
        now = self._clock.monotonic()
        for job in jobs:
            if job.listed and job.awaited:
                job.listed = False
                self._again(job, now)
        log.debug("the hub's list leaves out %d jobs that somebody waits for", len(self._unlisted))
        self._started()

    def _again(self, job: WatchedJob, now: float) -> None:
        wait = waits.look_every(job.age(self._clock), job.media_type, heard=self._heard())
        job.turn = next(self._order)
        heapq.heappush(self._unlisted, (now + waits.jitter_interval(wait), job.turn, job))

    def clear(self) -> None:
        """Nobody waits any more."""
        self._unlisted.clear()

    async def run(self) -> None:
        """Read what the list leaves out, for as long as there is any."""
        failures = 0
        while self._unlisted:
            due, turn, job = self._unlisted[0]
            if job.listed or turn != job.turn or not job.awaited:
                heapq.heappop(self._unlisted)
                continue
            if (left := due - self._clock.monotonic()) > 0:
                await self._clock.sleep(min(left, 1.0))
                continue
            heapq.heappop(self._unlisted)
            failures = 0 if await self.read(job) else failures + 1
            self._again(job, self._clock.monotonic())
            await self._clock.sleep(waits.back_off(failures) if failures else 1.0 / RATE)


def _missed(job: WatchedJob, error: NotFound) -> None:
    """A 404 at once after enqueuing may be a lag; an id that was never seen and is asked for by name is wrong."""
    job.error = error
    job.missed += 1
    if job.record is None and job.since is None and job.missed > 1:
        for wait in job.waits:
            wait.fail(copy(error))


SHORTEST = 2.0  # seconds between two lists for the sake of newcomers
PATIENCE = 3  # failed lists in a row, after which ids are read one by one


class QueueListing(Protocol):
    """What a `QueuePoller` needs of the hub."""

    async def list(self, *, namespace: str | None = None) -> Sequence[Generation]:
        """Active jobs. Raises OxenError."""


@dataclass
class PollCallbacks:
    """Where a `QueuePoller` reports. heard: whether the event stream is alive."""

    saw: Callable[[WatchedJob, Generation], None]
    refused: Callable[[OxenError], None]
    elsewhere: Callable[[WatchedJob, str], None]
    heard: Callable[[], bool]


class QueuePoller:
    """Watches the queue of one namespace while somebody waits for a job in it."""

    def __init__(
        self, namespace: str | None, hub: QueueListing, reads: RecordReader, clock: Clock, news: PollCallbacks
    ) -> None:
        self.namespace = namespace
        self.jobs: dict[str, WatchedJob] = {}
        self._hub, self._reads, self._clock, self._news = hub, reads, clock, news
        self._alarm = Wakeup(clock)
        self._next = clock.monotonic() + waits.DEAF[0]
        self._last = clock.monotonic() - SHORTEST
        self._failures = 0

    def look_at_once(self) -> None:
        """After a reconnect: whatever was announced meanwhile is lost."""
        if not self._failures:
            self._next = self._clock.monotonic()
            self._alarm.notify()

    def look_soon(self) -> None:
        """There is a newcomer that was not seen yet."""
        if not self._failures:
            gap = waits.spaced(SHORTEST, len(self.jobs), heard=self._news.heard())
            self._next = min(self._next, self._last + gap)
            self._alarm.notify()

    def quicken(self) -> None:
        """The event stream broke: the pace is another one."""
        if not self._failures:
            self._next = min(self._next, self._clock.monotonic() + self._pause())
            self._alarm.notify()

    async def run(self) -> None:
        """For as long as somebody waits."""
        while self.jobs:
            await self._alarm.until(lambda: self._next)
            if self.jobs:
                await self._look()

    async def _look(self) -> None:
        asked = list(self.jobs.values())
        await self._reads.silence()
        self._last = self._clock.monotonic()
        self._next = self._last + waits.HEARD[1]
        try:
            records = await self._hub.list(namespace=self.namespace)
        except Unauthenticated as error:
            self._news.refused(error)
        except OxenError as error:
            self._failed(error, asked)
        else:
            self._failures = 0
            self._next = min(self._next, self._clock.monotonic() + self._pause())
            missing = self._missing(asked, records)
            if getattr(records, "is_whole", True):
                await self._reads.left(missing)
            else:
                self._reads.unlist(missing)

    def _failed(self, error: OxenError, asked: Sequence[WatchedJob]) -> None:
        self._failures += 1
        self._reads.hush(error)
        pause = waits.back_off(self._failures, error.retry_after)
        self._next = self._clock.monotonic() + waits.jitter_interval(pause)
        log.debug("the queue of %s can't be read (%s); again in %.0f s", self.namespace, error.kind, pause)
        if self._failures >= PATIENCE and not isinstance(error, RateLimited):
            self._reads.unlist(asked)

    def _pause(self) -> float:
        heard = self._news.heard()
        paces = (waits.look_every(job.age(self._clock), job.media_type, heard=heard) for job in self.jobs.values())
        soonest = min(paces, default=waits.HEARD[1])
        return waits.jitter_interval(waits.spaced(soonest, len(self.jobs), heard=heard))

    def _missing(self, asked: Sequence[WatchedJob], records: Sequence[Generation]) -> list[WatchedJob]:
        """Tell what the list tells; answer those who should be on it and are not."""
        active = {record.generation_id: record for record in records}
        missing = []
        for job in asked:
            if not job.awaited:
                continue
            if (record := active.get(job.generation_id)) is not None:
                job.listed = True
                self._news.saw(job, record)
            elif (home := _home(job)) is not None:
                self._news.elsewhere(job, home)
            elif job.listed:
                missing.append(job)
        return missing


def _home(job: WatchedJob) -> str | None:
    """The namespace that its record names, if it was not looked for there yet."""
    home = job.record.namespace if job.record else None
    return home if home and home != job.namespace and not job.moved and job.record and job.record.is_active else None
