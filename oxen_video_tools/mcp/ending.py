"""An end without losses: when the process is told to stop, waits answer at once with their id, then the server closes.

The web server's own handling of the signals goes on as it was; ours only hears them first.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .service import Service


@contextmanager
def closing_on_signals(service: Service) -> Iterator[None]:
    """Sets `service.closing` on SIGTERM and SIGINT, and when the block ends. In the main thread only."""
    before: dict[int, Any] = {}
    loop = asyncio.get_running_loop()

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(service.closing.set)
        if callable(before[number]):
            before[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for stop in (signal.SIGTERM, signal.SIGINT):
            before[stop] = signal.getsignal(stop)
            signal.signal(stop, heard)
    try:
        yield
    finally:
        service.closing.set()
        for stopped, handler in before.items():
            if signal.getsignal(stopped) is heard:
                signal.signal(stopped, handler)
