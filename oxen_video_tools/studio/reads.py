"""Reading single generations for those who wait: few at a time, never twice at once, and slowly where the list fails.

An id is read when its event came, when somebody begins to wait for it, and once when it left the active list. Ids
that the list leaves out though they are active are read one by one, `RATE` a second in all.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from copy import copy
from itertools import count
from typing import TYPE_CHECKING, Protocol

from ..clock import Clock
from ..errors import NotFound, OxenError, RateLimited, Unauthenticated
from ..retries import poll
from . import pace
from .tickets import Job

if TYPE_CHECKING:
    from ..hub.records import Generation

AT_ONCE = 16  # reads on their way
FIRST_WAVE, LARGEST_WAVE = 4, 32  # how many of the ids that left the list are read together
RATE = 4.0  # reads a second of ids that an incomplete list leaves out
SETTLING = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # seconds before each look at a record whose end was announced
log = logging.getLogger(__name__)


class Readable(Protocol):
    """What a read needs of the hub."""

    async def get(self, generation_id: str) -> Generation:
        """One job. Raises OxenError."""


class Reads:
    """All reads of one waiter.

    saw: told each record.  refused: told when the hub refuses the key.  unlisted: told when `run` has work.
    heard: whether the event stream is alive.
    """

    def __init__(
        self,
        hub: Readable,
        clock: Clock,
        *,
        saw: Callable[[Job, Generation], None],
        refused: Callable[[OxenError], None],
        unlisted: Callable[[], None],
        heard: Callable[[], bool],
    ) -> None:
        self._hub, self._clock = hub, clock
        self._saw, self._refused, self._started, self._heard = saw, refused, unlisted, heard
        self._places = asyncio.Semaphore(AT_ONCE)
        self._free_at = 0.0  # the hub asked for silence until then
        self._unlisted: list[tuple[float, int, Job]] = []
        self._order = count(1)

    async def read(self, job: Job) -> bool:
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
            pause = pace.back_off(1, error.retry_after)
            self._free_at = max(self._free_at, self._clock.monotonic() + pause)

    async def announced(self, job: Job) -> None:
        """Its end was announced: read until the record says so too, then leave it to the list."""
        async for _ in poll(SETTLING, clock=self._clock):
            await self.read(job)
            if not job.awaited:
                return

    async def left(self, jobs: Sequence[Job]) -> None:
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

    def unlist(self, jobs: Sequence[Job]) -> None:
        """The list leaves these out: read them one by one."""
        now = self._clock.monotonic()
        for job in jobs:
            if job.listed and job.awaited:
                job.listed = False
                self._again(job, now)
        log.debug("the hub's list leaves out %d jobs that somebody waits for", len(self._unlisted))
        self._started()

    def _again(self, job: Job, now: float) -> None:
        wait = pace.look_every(job.age(self._clock), job.media_type, heard=self._heard())
        job.turn = next(self._order)
        heapq.heappush(self._unlisted, (now + pace.jittered(wait), job.turn, job))

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
            await self._clock.sleep(pace.back_off(failures) if failures else 1.0 / RATE)


def _missed(job: Job, error: NotFound) -> None:
    """A 404 at once after enqueuing may be a lag; an id that was never seen and is asked for by name is wrong."""
    job.error = error
    job.missed += 1
    if job.record is None and job.since is None and job.missed > 1:
        for ticket in job.tickets:
            ticket.fail(copy(error))
