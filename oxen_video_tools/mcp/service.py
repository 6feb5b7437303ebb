"""What one running server holds, whoever calls: settings, studios, the clock, and whether it is closing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ..clock import Clock, SystemClock
from ..settings import Settings
from .callers import Studios
from .doors import Doors
from .options import Options


@dataclass
class Service:
    """closing: set when the process was told to stop; waits then end with the id."""

    settings: Settings
    options: Options
    studios: Studios
    doors: Doors
    clock: Clock = field(default_factory=SystemClock)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self) -> None:
        """Close every studio; paid requests that are on their way are waited for."""
        self.closing.set()
        await self.studios.close()
        await self.doors.close()
