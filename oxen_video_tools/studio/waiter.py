"""Waiting for thousands of jobs at once, at next to no cost: one event stream, one list poll for each namespace.

The stream is a hint (the hub buffers nothing, and tells no cancellation): whatever it announces is read again, and a
slow poll is the safety net. Nothing is asked while nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from copy import copy
from typing import TYPE_CHECKING, Any, Protocol

from ..clock import Clock, SystemClock
from ..errors import Internal, NotFound, OxenError, RateLimited, Unauthenticated
from . import waits as studio_waits
from .polling import PollCallbacks, QueueListing, QueuePoller, Readable, RecordReader
from .results import Report
from .waits import PendingWait, WaitTimers, WatchedJob

if TYPE_CHECKING:
    from ..hub.records import Completion, Generation

LIMIT = 20_000  # waits in one process
LINGER = 15.0  # seconds that the stream outlives the last wait: the next one often follows at once
REMEMBERED = 4096  # ends that were announced before anybody waited
FIRST_LOOKS = (20, 2.0)  # newcomers that are read at once, and then so many a second; the others wait for the list
log = logging.getLogger(__name__)


class Watched(Readable, QueueListing, Protocol):
    """What waiting needs of the hub; `HubClient` has it."""

    def events(
        self, *, on_open: Callable[[], None] | None = None, on_break: Callable[[], None] | None = None
    ) -> AsyncIterator[Completion]:
        """Completions, reconnecting by itself."""


class Waiter:
    """One for each hub and key. Lives on the loop that uses it first; starts when somebody waits.

    limit: waits at once.
    """

    def __init__(self, hub: Watched, clock: Clock | None = None, *, limit: int = LIMIT) -> None:
        self._hub, self._clock, self._limit = hub, clock or SystemClock(), limit
        self._jobs: dict[str, WatchedJob] = {}
        self._pollers: dict[str | None, QueuePoller] = {}
        self._tasks: dict[object, asyncio.Task[None]] = {}
        self._announced: dict[str, None] = {}
        self._first_looks = studio_waits.Allowance(*FIRST_LOOKS)
        self._countdown = WaitTimers(self._clock)
        self._reads = RecordReader(
            hub,
            self._clock,
            saw=self._saw,
            refused=self._fail,
            unlisted=lambda: self._start("unlisted", self._reads.run),
            heard=lambda: self._heard,
        )
        self._news = PollCallbacks(self._saw, self._fail, self._elsewhere, lambda: self._heard)
        self._waits = self._listeners = 0
        self._heard = False  # the stream is alive

    @property
    def waits(self) -> int:
        """How many callers wait now."""
        return self._waits

    async def wait(
        self,
        generation_id: str,
        *,
        seconds: float,
        namespace: str | None = None,
        on_progress: Report | None = None,
        typical: float | None = None,
        since: float | None = None,
        media_type: str | None = None,
        model: str | None = None,
        record: Generation | None = None,
    ) -> Generation:
        """The job when it has ended, or as it was last seen after `seconds`.

        typical: seconds that this model usually takes.
        since: Unix seconds when the job was enqueued, where known.
        record: how the caller saw it last. A hub that does not answer fails no wait.
        Raises Unauthenticated, NotFound
        for an id that never existed, and RateLimited when too many wait already.
        """
        self._admit(generation_id)
        now = self._clock.monotonic()
        job = self._jobs.get(generation_id)
        if job is None:
            job = self._jobs[generation_id] = WatchedJob(generation_id, namespace, media_type, model, since, now)
            job.record = record
        wait = PendingWait(now + seconds, now, typical, on_progress)
        try:
            self._join(job, wait)
            await wait.done
            await self._countdown.last(wait, job)
        except OxenError as error:
            error.generation_id = error.generation_id or generation_id
            raise
        finally:
            self._leave(job, wait)
        if job.record is None and isinstance(job.error, NotFound):
            job.error.generation_id = job.error.generation_id or generation_id
            raise job.error
        return job.known()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear the events before a job is enqueued, so that an end in between is not missed. A hint, no promise.

        Raises RateLimited when too many wait already: better before a job is paid for than after.
        """
        self._admit(None)
        self._listeners += 1
        self._start("stream", self._listen)
        try:
            yield
        finally:
            self._listeners -= 1
            self._rest()

    async def aclose(self) -> None:
        """End every wait with an error and stop asking."""
        tasks = list(self._tasks.values())
        for job in list(self._jobs.values()):
            for wait in job.waits:
                words = "The studio was closed while this was waited for."
                wait.fail(Internal(words, generation_id=job.generation_id))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _admit(self, generation_id: str | None) -> None:
        if self._waits + self._listeners >= self._limit:
            raise RateLimited(
                f"{self._waits + self._listeners} calls are waiting for videos in this process already; more than "
                f"{self._limit} are not allowed.",
                fix="Wait for some of them to end, or call with wait_seconds=0 and come back later with get_video.",
                generation_id=generation_id,
            )

    # -- joining and leaving ------------------------------------------------------------------------------------------

    def _join(self, job: WatchedJob, wait: PendingWait) -> None:
        self._waits += 1
        newcomer = not job.waits
        job.waits.append(wait)
        if job.ended:
            wait.end()
            return
        self._countdown.start(wait, job)
        self._start("countdown", self._countdown.run)
        self._start("stream", self._listen)
        self._stop("linger")
        if newcomer:
            self._watch(job, job.namespace)
            self._look_first(job)

    def _look_first(self, job: WatchedJob) -> None:
        """Unless the caller has just seen it."""
        announced = job.generation_id in self._announced
        if job.record is not None and not announced:
            return
        if announced or self._first_looks.take(self._clock.monotonic()):
            self._read(job, announced=announced)
        else:
            self._pollers[job.namespace].look_soon()

    def _watch(self, job: WatchedJob, namespace: str | None) -> None:
        poller = self._pollers.get(namespace)
        if poller is None:
            poller = QueuePoller(namespace, self._hub, self._reads, self._clock, self._news)
            self._pollers[namespace] = poller
        poller.jobs[job.generation_id] = job
        self._start(poller, poller.run)

    def _elsewhere(self, job: WatchedJob, namespace: str) -> None:
        """It is listed under another namespace than the caller knew."""
        self._unwatch(job)
        job.namespace, job.moved = namespace, True
        self._watch(job, namespace)
        self._pollers[namespace].look_soon()

    def _unwatch(self, job: WatchedJob) -> None:
        poller = self._pollers.get(job.namespace)
        if poller is not None:
            poller.jobs.pop(job.generation_id, None)
            if not poller.jobs:
                del self._pollers[job.namespace]
                self._stop(poller)

    def _leave(self, job: WatchedJob, wait: PendingWait) -> None:
        wait.end()
        if wait in job.waits:
            self._waits -= 1
            job.waits.remove(wait)
        if not job.waits:
            self._jobs.pop(job.generation_id, None)
            self._unwatch(job)
            if job.reading is not None:
                job.reading.cancel()
            self._rest()

    def _rest(self) -> None:
        """Nobody waits any more: stop what is running, the stream a little later."""
        if self._waits:
            return
        self._stop("countdown")
        self._countdown.clear()
        self._stop("unlisted")
        self._reads.clear()
        if not self._listeners:
            self._start("linger", self._linger)

    async def _linger(self) -> None:
        await self._clock.sleep(LINGER)
        if not self._waits and not self._listeners:
            self._stop("stream")

    # -- what the hub tells -------------------------------------------------------------------------------------------

    def _saw(self, job: WatchedJob, record: Generation) -> None:
        if job.ended:
            return
        before = job.known().status
        job.record, job.error, job.media_type = record, None, job.media_type or record.media_type
        if job.ended:
            for wait in job.waits:
                wait.end()
        elif record.status != before:
            self._countdown.changed(job)

    def _read(self, job: WatchedJob, *, announced: bool) -> None:
        if job.reading is not None and not job.reading.done():
            if not announced:
                return
            job.reading.cancel()
        job.reading = asyncio.ensure_future(self._reads.announced(job) if announced else self._once(job))
        job.reading.add_done_callback(self._ended)

    async def _once(self, job: WatchedJob) -> None:
        await self._reads.read(job)

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with aclosing(self._events()) as events:
                    async for event in events:
                        failures = 0
                        self._hear(event)
            except OxenError as error:
                if isinstance(error, Unauthenticated) and error.status_code != 403:  # 403: no events for this key
                    self._fail(error)
                    return
                log.debug("no event stream: %s", error)
            finally:
                self._closed()
            failures += 1
            await self._clock.sleep(studio_waits.jitter_interval(studio_waits.back_off(failures)))

    def _events(self) -> Any:
        return self._hub.events(on_open=self._opened, on_break=self._closed)

    def _opened(self) -> None:
        self._heard = True
        for poller in list(self._pollers.values()):
            poller.look_at_once()

    def _closed(self) -> None:
        if self._heard:
            self._heard = False
            for poller in list(self._pollers.values()):
                poller.quicken()

    def _hear(self, event: Completion) -> None:
        job = self._jobs.get(event.generation_id)
        if job is not None:
            self._read(job, announced=True)
            return
        self._announced[event.generation_id] = None
        while len(self._announced) > REMEMBERED:
            del self._announced[next(iter(self._announced))]

    def _fail(self, error: Exception) -> None:
        """No wait can go on."""
        for job in list(self._jobs.values()):
            for wait in job.waits:
                wait.fail(copy(error))

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _start(self, name: object, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        running = self._tasks.get(name)
        if running is None or running.done():
            task = self._tasks[name] = asyncio.ensure_future(run())
            task.add_done_callback(self._ended)

    def _stop(self, name: object) -> None:
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A fault of ours must not leave anybody waiting for nothing."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("waiting failed", exc_info=error)
            self._fail(Internal("Waiting for the video failed."))
