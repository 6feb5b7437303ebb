"""Progress as MCP wants it: it rises strictly with every message, and a client hears something every few seconds.

Clients that let progress renew their patience give a silent call a minute at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from ..clock import Clock
    from ..studio.answers import Progress

SILENCE = 5.0  # seconds without a message, at most
STEP = 1e-6


class Reporter:
    """Sends one call's progress. `report` takes what the studio says; `beat` repeats the last of it."""

    def __init__(self, ctx: Context[Any], clock: Clock) -> None:
        self._ctx = ctx
        self._clock = clock
        self._sent = 0.0
        self._words = "working"
        self.spoke = clock.monotonic()

    async def report(self, progress: Progress) -> None:
        """Tell the client how far it is."""
        self._words = f"{progress.generation_id} {progress.text}"
        await self._send(progress.fraction)

    async def beat(self) -> None:
        """Tell the client that the call is alive."""
        await self._send(0.0)

    async def _send(self, fraction: float) -> None:
        self._sent = max(fraction, self._sent + STEP)
        self.spoke = self._clock.monotonic()
        with suppress(
            anyio.ClosedResourceError, anyio.BrokenResourceError
        ):  # whoever listened has gone; the job goes on
            await self._ctx.report_progress(self._sent, 1.0, self._words)


@asynccontextmanager
async def reporting(ctx: Context[Any], clock: Clock) -> AsyncIterator[Reporter]:
    """A reporter that is never silent for longer than `SILENCE`."""
    reporter = Reporter(ctx, clock)
    beats = asyncio.create_task(_beat(reporter, clock))
    try:
        yield reporter
    finally:
        beats.cancel()
        await asyncio.wait({beats})


async def _beat(reporter: Reporter, clock: Clock) -> None:
    while True:
        await clock.sleep(max(reporter.spoke + SILENCE - clock.monotonic(), 0.1))
        if clock.monotonic() - reporter.spoke >= SILENCE - 0.01:
            await reporter.beat()
