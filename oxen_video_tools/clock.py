"""Time as a seam: everything that waits or stamps takes a `Clock`, so that no test sleeps for real seconds."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


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
