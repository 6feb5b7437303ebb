"""The list of models: the live one, kept for an hour and then refreshed in the background; the bundled one offline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ..clock import Clock, SystemClock
from ..errors import OxenError
from .models import Models

if TYPE_CHECKING:
    from ..hub.records import VideoModel

log = logging.getLogger("oxen_video_tools.catalog")

TTL = 3600.0
RETRY_AFTER = 60.0  # seconds until a list that could not be read is asked for again


class Catalog:
    """The models, as they are now or as they were last seen.

    fetch: reads the live list; without one the bundled snapshot is all there is.
    ttl: seconds that a list is taken as it is. Afterwards callers still get it at once, while one task reads anew.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Sequence[VideoModel]]] | None = None,
        *,
        clock: Clock | None = None,
        ttl: float = TTL,
    ) -> None:
        self._fetch = fetch
        self._clock: Clock = clock or SystemClock()
        self._ttl = ttl
        self._models: Models | None = None
        self._fresh_until = float("-inf")
        self._reading: asyncio.Task[Models] | None = None

    async def models(self) -> Models:
        """The models. Never raises for a list that can't be read: the last good one stands, or the snapshot."""
        if self._models is not None and self._clock.monotonic() < self._fresh_until:
            return self._models
        if self._fetch is None:
            self._models, self._fresh_until = Models.bundled(), float("inf")
            return self._models
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())
            self._reading.add_done_callback(_heard)
        if self._models is not None and self._models.live:
            return self._models
        return await asyncio.shield(self._reading)  # a caller that gives up does not take the list from the others

    def at_hand(self) -> Models:
        """The models as they were last seen, the bundled ones before that; asks nobody."""
        return self._models or Models.bundled()

    async def _read(self) -> Models:
        assert self._fetch is not None
        try:
            listed = await self._fetch()
        except OxenError as error:
            log.warning("The list of models can't be read (%s); going on with the last one.", error.kind)
            listed = ()
        if listed:
            self._models, lasts = Models.of(listed), self._ttl
        else:
            self._models, lasts = self._models or Models.bundled(), min(RETRY_AFTER, self._ttl)
        self._fresh_until = self._clock.monotonic() + lasts
        return self._models

    async def close(self) -> None:
        """Let go of a reading that is under way."""
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def _heard(reading: asyncio.Task[Models]) -> None:
    """A reading in the background that failed as nobody foresaw is told to the log; callers have the last list."""
    error = None if reading.cancelled() else reading.exception()
    if error is not None:
        log.error("Reading the list of models failed.", exc_info=error)
