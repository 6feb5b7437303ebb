"""Trying again: stamina decides how often and how long, the injected clock waits, a total deadline ends it."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from ..clock import Clock
from ..errors import OxenError
from .wirelog import discreet

T = TypeVar("T")
log = logging.getLogger(__name__)


async def patiently(
    attempt: Callable[[], Awaitable[T]],
    *,
    again: Callable[[OxenError], bool],
    clock: Clock,
    until: float,
    attempts: int | None = 8,
    shortest: float = 0.25,
    longest: float = 8.0,
) -> T:
    """What `attempt` returns; after an error for which `again` holds it is tried once more.

    until: `clock.monotonic()` after which no new try begins; a wait that would end later is not begun, so a
    `Retry-After` beyond it raises at once.  shortest, longest: seconds between tries, doubling, with jitter.
    """
    pause = curve = 0.0
    failed: BaseException | None = None

    def decide(error: BaseException) -> bool | float:
        nonlocal pause
        if not isinstance(error, OxenError) or not again(error):
            return False
        pause = error.retry_after if error.retry_after is not None else jittered(curve)
        if clock.monotonic() + pause >= until:
            return False
        log.debug("%s; again in %.1f s", error.kind, pause)
        return 0.0  # stamina itself never sleeps

    try:
        return await attempt()
    except OxenError as error:
        if not again(error):
            raise
        failed = error  # only now is there anything to decide
    tries = stamina.retry_context(
        on=decide, attempts=attempts, timeout=None, wait_initial=shortest, wait_max=longest, wait_jitter=0
    )
    with discreet(None):  # stamina warns of each new try without saying of what: `log` says it
        async for one in tries:
            if one.num > 1:
                await clock.sleep(pause)
            curve = one.next_wait
            with one:
                if failed is not None and one.num == 1:
                    raise failed
                return await attempt()
    raise AssertionError("stamina ends by raising the last error")


def jittered(seconds: float) -> float:
    """Half of it to all of it: callers that failed together do not come back together."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 — spreads load, guards nothing
