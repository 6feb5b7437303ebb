"""One list poll for all the active jobs of a namespace, instead of a poll for each job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..clock import Clock
from ..errors import OxenError, RateLimited, Unauthenticated
from . import pace
from .alarm import Alarm
from .reads import Reads
from .tickets import Job

if TYPE_CHECKING:
    from ..hub.records import Generation

SHORTEST = 2.0  # seconds between two lists for the sake of newcomers
PATIENCE = 3  # failed lists in a row, after which ids are read one by one
log = logging.getLogger(__name__)


class Listed(Protocol):
    """What a lookout needs of the hub."""

    async def list(self, *, namespace: str | None = None) -> Sequence[Generation]:
        """Active jobs. Raises OxenError."""


@dataclass
class News:
    """Where a lookout reports. heard: whether the event stream is alive."""

    saw: Callable[[Job, Generation], None]
    refused: Callable[[OxenError], None]
    elsewhere: Callable[[Job, str], None]
    heard: Callable[[], bool]


class Lookout:
    """Watches the queue of one namespace while somebody waits for a job in it."""

    def __init__(self, namespace: str | None, hub: Listed, reads: Reads, clock: Clock, news: News) -> None:
        self.namespace = namespace
        self.jobs: dict[str, Job] = {}
        self._hub, self._reads, self._clock, self._news = hub, reads, clock, news
        self._alarm = Alarm(clock)
        self._next = clock.monotonic() + pace.DEAF[0]
        self._last = clock.monotonic() - SHORTEST
        self._failures = 0

    def look_at_once(self) -> None:
        """After a reconnect: whatever was announced meanwhile is lost."""
        if not self._failures:
            self._next = self._clock.monotonic()
            self._alarm.ring()

    def look_soon(self) -> None:
        """There is a newcomer that was not seen yet."""
        if not self._failures:
            gap = pace.spaced(SHORTEST, len(self.jobs), heard=self._news.heard())
            self._next = min(self._next, self._last + gap)
            self._alarm.ring()

    def quicken(self) -> None:
        """The event stream broke: the pace is another one."""
        if not self._failures:
            self._next = min(self._next, self._clock.monotonic() + self._pause())
            self._alarm.ring()

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
        self._next = self._last + pace.HEARD[1]
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

    def _failed(self, error: OxenError, asked: Sequence[Job]) -> None:
        self._failures += 1
        self._reads.hush(error)
        pause = pace.back_off(self._failures, error.retry_after)
        self._next = self._clock.monotonic() + pace.jittered(pause)
        log.debug("the queue of %s can't be read (%s); again in %.0f s", self.namespace, error.kind, pause)
        if self._failures >= PATIENCE and not isinstance(error, RateLimited):
            self._reads.unlist(asked)

    def _pause(self) -> float:
        heard = self._news.heard()
        paces = (pace.look_every(job.age(self._clock), job.media_type, heard=heard) for job in self.jobs.values())
        soonest = min(paces, default=pace.HEARD[1])
        return pace.jittered(pace.spaced(soonest, len(self.jobs), heard=heard))

    def _missing(self, asked: Sequence[Job], records: Sequence[Generation]) -> list[Job]:
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


def _home(job: Job) -> str | None:
    """The namespace that its record names, if it was not looked for there yet."""
    home = job.record.namespace if job.record else None
    return home if home and home != job.namespace and not job.moved and job.record and job.record.is_active else None
