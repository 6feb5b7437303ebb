"""A hub whose jobs follow a script in virtual time, at the seam that waiting has: `get`, `list`, `events`.

Every answer takes a little virtual time, and is the state at the moment the hub was asked, as on a network.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from oxen_video_tools.errors import NotFound
from oxen_video_tools.hub.records import Completion, Generation
from tests.clocks import FakeClock

LATENCY = 0.05  # virtual seconds


@dataclass
class Scripted:
    """One job. starts, ends: `clock.monotonic()`; None: never."""

    generation_id: str
    ends: float | None
    outcome: str = "succeeded"
    starts: float = 0.0
    namespace: str | None = None
    home: str | None = None  # what its record calls the namespace
    media_type: str = "video"


@dataclass
class ScriptedHub:
    clock: FakeClock
    events_work: bool = True
    longest_list: int | None = None  # records that a list holds at most
    list_error: Callable[[], Exception | None] = lambda: None
    get_error: Callable[[str], Exception | None] = lambda _: None
    stream_error: Callable[[], Exception | None] = lambda: None
    lag: float = 0.0  # seconds by which records follow events
    jobs: dict[str, Scripted] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, str]] = field(default_factory=list)
    listeners: set[asyncio.Queue[Any]] = field(default_factory=set)
    reading: int = 0
    most_reading: int = 0

    def add(self, generation_id: str, ends: float | None, outcome: str = "succeeded", **more: Any) -> str:
        self.jobs[generation_id] = job = Scripted(generation_id, ends, outcome, **more)
        if ends is not None and outcome != "cancelled":
            self._timers = [*getattr(self, "_timers", []), asyncio.ensure_future(self._fire(job))]
        return generation_id

    async def _fire(self, job: Scripted) -> None:
        await self.clock.sleep((job.ends or 0) - self.clock.monotonic())
        self.announce(job.generation_id, job.outcome)

    def announce(self, generation_id: str, outcome: str = "succeeded") -> None:
        if self.events_work:
            for listener in self.listeners:
                listener.put_nowait(Completion(generation_id, outcome))  # type: ignore[arg-type]

    def break_stream(self) -> None:
        for listener in list(self.listeners):
            listener.put_nowait(None)

    def record(self, job: Scripted) -> Generation:
        now = self.clock.monotonic()
        status = "queued" if now < job.starts else "processing"
        if job.ends is not None and now >= job.ends + self.lag:
            status = job.outcome
        url = f"https://hub.example/{job.generation_id}.mp4?oxen_signature=s" if status == "succeeded" else None
        return Generation(
            job.generation_id,
            status=status,  # type: ignore[arg-type]
            url=url,
            namespace=job.home or job.namespace,
            media_type=job.media_type,
        )

    def _count(self, what: str) -> None:
        self.asked[what] += 1
        self.times.append((self.clock.monotonic(), what))

    async def get(self, generation_id: str) -> Generation:
        self._count("get")
        self.reading += 1
        self.most_reading = max(self.reading, self.most_reading)
        try:
            if (error := self.get_error(generation_id)) is not None:
                raise error
            if generation_id not in self.jobs:
                raise NotFound(f"No generation {generation_id!r}.")
            record = self.record(self.jobs[generation_id])
            await self.clock.sleep(LATENCY)
            return record
        finally:
            self.reading -= 1

    async def list(self, *, namespace: str | None = None) -> list[Generation]:
        self._count("list")
        if (error := self.list_error()) is not None:
            raise error
        records = [self.record(job) for job in self.jobs.values() if job.namespace == namespace]
        await self.clock.sleep(LATENCY)
        return [one for one in records if one.is_active][: self.longest_list]

    async def events(
        self, *, on_open: Callable[[], None] | None = None, on_break: Callable[[], None] | None = None
    ) -> AsyncGenerator[Completion, None]:
        while True:
            self._count("stream")
            if (error := self.stream_error()) is not None:
                raise error
            await self.clock.sleep(LATENCY)
            listener: asyncio.Queue[Any] = asyncio.Queue()
            self.listeners.add(listener)
            if on_open:
                on_open()
            try:
                while (event := await listener.get()) is not None:
                    yield event
            finally:
                self.listeners.discard(listener)
            if on_break:
                on_break()
            await self.clock.sleep(1.0)

    async def stop(self) -> None:
        for timer in getattr(self, "_timers", []):
            timer.cancel()
            with suppress(asyncio.CancelledError):
                await timer
