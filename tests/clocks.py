"""Time for tests: hours pass in milliseconds, in the same order every time.

    clock = FakeClock()
    await asyncio.gather(clock.sleep(30), clock.sleep(3600))     # takes no real time
    assert clock.monotonic() == 3600

Whenever the event loop has nothing left to do, time jumps to the next sleeper. With real sockets or threads the loop
also looks idle while an answer is on its way: then give `patience`, the real seconds of silence before a jump. Silence
means that no other thread and no child process has anything to do, so a slow machine only makes it last longer.
`FakeClock(auto=False)` stands still until the test says `await clock.advance(seconds)`.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

from oxen_video_tools.clock import SystemClock

#: Real seconds after which something counts as hung. Tests wait for other processes and threads, and a busy machine may
#: be slow: no test fails because of that, so this is far above anything that ends.
HUNG = 300.0
START = 1_790_000_000.0  # Unix seconds
CALM = 5  # rounds of the loop without anything to do, before time moves


class FakeClock:
    """A `Clock` whose seconds are free."""

    def __init__(self, start: float = START, *, auto: bool = True, patience: float = 0.0) -> None:
        self._start, self._passed = start, 0.0
        self._auto, self._patience = auto, patience
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._turning: asyncio.AbstractEventLoop | None = None

    def time(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        return self._passed

    @property
    def sleepers(self) -> int:
        """How many are asleep."""
        return sum(not one.done() for _, _, one in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        alarm: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._order), alarm))
        if self._auto and self._turning is not loop:
            self._turning = loop
            loop.call_soon(self._turn, loop, 0)
        await alarm

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: everybody who is due wakes in order, and acts before the next one wakes."""
        until = self._passed + seconds
        await self._settled()
        while (due := self._next()) is not None and due <= until:
            self._jump(due)
            await self._settled()
        self._passed = until
        await self._settled()

    async def _settled(self) -> None:
        quiet = 0
        while self._patience and quiet < CALM:
            await asyncio.sleep(self._patience / CALM)
            quiet = 0 if others_work() else quiet + 1
        calm = 0
        while calm < CALM:
            await asyncio.sleep(0)
            calm = 0 if _busy(asyncio.get_running_loop()) else calm + 1

    def _turn(self, loop: asyncio.AbstractEventLoop, calm: int) -> None:
        if (due := self._next()) is None:
            self._turning = None
        elif _busy(loop):
            loop.call_soon(self._turn, loop, 0)
        elif calm < CALM:
            loop.call_soon(self._turn, loop, calm + 1)
        elif self._patience and calm < 2 * CALM:
            calm = CALM if others_work() else calm + 1
            loop.call_later(self._patience / CALM, self._turn, loop, calm)
        else:
            self._jump(due)
            loop.call_soon(self._turn, loop, 0)

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _jump(self, due: float) -> None:
        self._passed = max(self._passed, due)
        while self._sleepers and self._sleepers[0][0] <= due:
            alarm = heapq.heappop(self._sleepers)[2]
            if not alarm.done():
                alarm.set_result(None)


class Unhurried(SystemClock):
    """The machine's clock, whose steady seconds last a minute: for crowds that must be served, however slowly.

    Deadlines hardly ever pass by it: they are longer than `SHORT`. Shorter pauses, between two tries, are real.
    """

    SHORT = 8.0

    def monotonic(self) -> float:
        return super().monotonic() / 60

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds <= self.SHORT else 60 * seconds)


def end_leases(ledger: Path) -> None:
    """In a SQLite ledger: what processes hold that were killed is free again, as it is a minute later."""
    with closing(sqlite3.connect(ledger, timeout=HUNG)) as database, database:
        for table in ("jobs", "films"):
            database.execute(f"update {table} set lease = 1 where lease > 1")


class Stopped:
    """The time at a sandbox: it stands still but for what it is put forward, until it goes on as everywhere."""

    def __init__(self) -> None:
        self._at, self._going_since = time.time(), math.inf

    def time(self) -> float:
        return self._at + max(0.0, time.monotonic() - self._going_since)

    def put_forward(self, seconds: float) -> None:
        self._at += seconds

    def go_on(self) -> None:
        self._going_since = time.monotonic()


def _busy(loop: asyncio.AbstractEventLoop) -> bool:
    return bool(loop._ready)  # type: ignore[attr-defined]


def others_work() -> bool:
    """Whether another thread of this process, or a process that it started, runs or waits for the disk.

    Linux says so; elsewhere it is not known, and False.
    """
    return _works(Path("/proc/self/task"), threading.get_native_id())


async def quiet() -> None:
    """Until nobody else works, and what they sent has been read here."""
    calm = 0
    while calm < 2:
        await asyncio.sleep(0.003)
        calm = 0 if others_work() else calm + 1


def _works(threads: Path, but: int = 0) -> bool:
    for thread in threads.glob("*") if threads.exists() else ():
        state = _read(thread / "stat").rpartition(")")[2].strip()[:1]
        if thread.name != str(but) and state in ("R", "D"):
            return True
        if any(_works(Path(f"/proc/{child}/task")) for child in _read(thread / "children").split()):
            return True
    return False


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it has just ended
        return ""


def growth(work: Callable[[int], object], size: int) -> float:
    """How many times as long four times the work takes: about 4 if time grows with the size, 16 if with its square.

    A ratio of CPU times of this thread, the best of five each: the same on a slow machine and on a busy one.
    """

    def best(size: int) -> float:
        times = []
        for _ in range(5):
            begun = time.thread_time()
            work(size)
            times.append(time.thread_time() - begun)
        return min(times)

    return best(4 * size) / max(best(size), 1e-9)
