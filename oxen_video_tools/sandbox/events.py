"""Completion events: to whoever is connected, with no buffering (Oxen docs, async queue: Completion Events)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

Payload = Mapping[str, Any]
_MOST_WAITING = 10_000  # events that one slow reader may leave unread before it is cut off


class Listener:
    """One open connection."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Payload | None] = asyncio.Queue(_MOST_WAITING)

    def put(self, payload: Payload | None) -> None:
        """None ends the stream; so does a reader that has fallen too far behind."""
        if self._waiting.full():
            while not self._waiting.empty():
                self._waiting.get_nowait()
            payload = None
        self._waiting.put_nowait(payload)

    async def next(self, seconds: float) -> Payload | None:
        """The next event; raises asyncio.TimeoutError after `seconds` of silence. None: the stream is over."""
        return await asyncio.wait_for(self._waiting.get(), seconds)


class Events:
    """Everybody who listens."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def listen(self) -> Listener:
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def tell(self, payload: Payload | None) -> None:
        for listener in list(self._listeners):
            listener.put(payload)

    @property
    def listening(self) -> int:
        return len(self._listeners)
