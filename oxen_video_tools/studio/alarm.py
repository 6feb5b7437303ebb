"""A sleep that can be cut short, on the injected clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..clock import Clock


class Alarm:
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

    def ring(self) -> None:
        """Ask for the time again."""
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)
