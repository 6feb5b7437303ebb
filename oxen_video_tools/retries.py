"""Trying again and looking again: the one retry of the package, and the one loop that polls.

Both wait by an injected `Clock`, so tests of them take no real time.

    answer = await retry(send, again=is_temporary, clock=clock, until=clock.monotonic() + 15)
    async for _ in poll((0.0, 1.0, 3.0), clock=clock):
        if found := await look():
            return found
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import count
from typing import TypeVar

from .clock import Clock
from .errors import OxenError

T = TypeVar("T")
log = logging.getLogger(__name__)


async def retry(
    attempt: Callable[[], Awaitable[T]],
    *,
    again: Callable[[OxenError], bool],
    clock: Clock,
    until: float,
    attempts: int | None = 8,
    shortest: float = 0.25,
    longest: float = 8.0,
) -> T:
    """What `attempt` returns; after an error for which `again` holds it is tried once more. Raises the last error.

    until: `clock.monotonic()` after which no new try begins; a wait that would end later is not begun, so a
    `Retry-After` beyond it raises at once.
    attempts: tries in all; None: as many as `until` allows.
    shortest, longest: seconds between tries, doubling, with jitter; where the error says how long, that is waited.
    """
    for number in count(1):
        try:
            return await attempt()
        except OxenError as error:
            if number == attempts or not again(error):
                raise
            pause = error.retry_after
            if pause is None:
                pause = jitter(back_off(number, shortest=shortest, longest=longest))
            if clock.monotonic() + pause >= until:
                raise
            log.debug("%s; again in %.1f s", error.kind, pause)
        await clock.sleep(pause)
    raise AssertionError("counting ends nowhere")


def poll(pauses: Iterable[float], *, clock: Clock, until: float = math.inf) -> AsyncIterator[None]:
    """One turn after each of these pauses, in seconds; none that would begin after `until` (`clock.monotonic()`).

    A pause of 0 is no wait: its turn comes even when the time is up.
    """
    return _Turns(iter(pauses), clock, until)


class _Turns:
    """An iterator and not a generator: nothing stays open where a loop over it ends early."""

    def __init__(self, pauses: Iterator[float], clock: Clock, until: float) -> None:
        self._pauses, self._clock, self._until = pauses, clock, until

    def __aiter__(self) -> _Turns:
        return self

    async def __anext__(self) -> None:
        pause = next(self._pauses, None)
        if pause is None or (pause and self._clock.monotonic() + pause > self._until):
            raise StopAsyncIteration
        await self._clock.sleep(pause)


def back_off(failures: int, *, shortest: float, longest: float) -> float:
    """Seconds to wait after so many failures in a row: `shortest` after the first, then doubling up to `longest`."""
    return min(longest, shortest * 2.0 ** min(failures - 1, 30))


def jitter(seconds: float) -> float:
    """Half of it to all of it: callers that failed together do not come back together."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 — spreads load, guards nothing
