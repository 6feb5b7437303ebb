"""Time as a seam: everything that waits or stamps takes a `Clock`, so that no test sleeps for real seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol


class Clock(Protocol):
    """What the package asks of time."""

    def time(self) -> float:
        """Unix seconds, as written into the ledger."""

    def monotonic(self) -> float:
        """Seconds that only rise, for deadlines inside this process."""

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def wait_until(clock: Clock, until: float, *tasks: asyncio.Future[Any]) -> bool:
    """Whether one of these has ended when `clock.monotonic()` is `until`; returns as soon as one has.

    Giving up, or being cancelled here, leaves them running: cancelling them is their owner's to do.
    """
    alarm = asyncio.ensure_future(clock.sleep(max(0.0, until - clock.monotonic())))
    try:
        await asyncio.wait({alarm, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()
    return any(task.done() for task in tasks)


class DatabaseClock:
    """The time of day of a database, for ledgers that several machines share: whose clock is wrong plays no part.

    It is set with every transaction; in between this machine only counts the seconds. inner: what counts them, and the
    time of day before it was ever set.
    """

    def __init__(self, inner: Clock | None = None) -> None:
        self._inner = inner or SystemClock()
        self._told: tuple[float, float] | None = None

    @property
    def is_set(self) -> bool:
        """Whether the database has told its time."""
        return self._told is not None

    def set(self, now: float, *, ago: float = 0.0) -> None:
        """The database's time, Unix seconds, as it was `ago` seconds before."""
        self._told = now, self._inner.monotonic() - ago

    def time(self) -> float:
        if self._told is None:
            return self._inner.time()
        then, counted = self._told
        return then + self._inner.monotonic() - counted

    def monotonic(self) -> float:
        return self._inner.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


# A sleep that can be cut short, on the injected clock.


class Wakeup:
    """One sleeper; whoever changes the time it sleeps until rings."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bell: asyncio.Future[None] | None = None

    async def until(self, when: Callable[[], float]) -> None:
        """Sleep until `clock.monotonic()` is `when()`, which is asked anew at every ring."""
        while (left := when() - self._clock.monotonic()) > 0:
            self._bell = asyncio.get_running_loop().create_future()
            nap = asyncio.ensure_future(self._clock.sleep(left))
            try:
                await asyncio.wait((nap, self._bell), return_when=asyncio.FIRST_COMPLETED)
            finally:
                nap.cancel()
                self._bell = None

    def notify(self) -> None:
        """Ask for the time again."""
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)
