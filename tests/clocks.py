"""Time for tests: hours pass in milliseconds, in the same order every time.

    clock = FakeClock()
    await asyncio.gather(clock.sleep(30), clock.sleep(3600))     # takes no real time
    assert clock.monotonic() == 3600

Whenever the event loop has nothing left to do, time jumps to the next sleeper. With real sockets or threads the loop
also looks idle while an answer is on its way: then give `patience`, the real seconds of silence before a jump.
`FakeClock(auto=False)` stands still until the test says `await clock.advance(seconds)`.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

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
        if self._patience:
            await asyncio.sleep(self._patience)
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
        elif self._patience and calm == CALM:
            loop.call_later(self._patience, self._turn, loop, calm + 1)
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


def _busy(loop: asyncio.AbstractEventLoop) -> bool:
    return bool(loop._ready)  # type: ignore[attr-defined]
