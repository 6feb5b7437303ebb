"""Threads that still work while the interpreter is ending.

Python's own executor refuses work as soon as the main thread has ended. That is when the studio closes, and when a paid
request that was on its way has to be written down.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from typing import Any, TypeVar

T = TypeVar("T")
Work = tuple["Future[Any]", Callable[[], Any]]


class DaemonExecutor(ThreadPoolExecutor):
    """At most `size` daemon threads. The first starts at once: some Pythons allow no new ones at the end.

    It is a ThreadPoolExecutor only because event loops take no other.
    """

    def __init__(self, size: int, name: str) -> None:
        super().__init__(size, name)
        self._size, self._name = size, name
        self._calls: SimpleQueue[Work | None] = SimpleQueue()
        self._hands: list[Thread] = []
        self._free = Semaphore(0)
        self._gate = Lock()
        self._dismissed = False
        self._hire()
        self._free.release()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call it on one of the threads. Raises RuntimeError after `shutdown`."""
        with self._gate:
            if self._dismissed:
                raise RuntimeError("these threads have ended")
            if not self._free.acquire(blocking=False) and len(self._hands) < self._size:
                self._hire()
            future: Future[T] = Future()
            self._calls.put((future, partial(fn, *args, **kwargs)))
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; those that were taken are done, unless they are cancelled."""
        with self._gate:
            if not self._dismissed:
                self._dismissed = True
                if cancel_futures:
                    self._cancel()
                for _ in self._hands:
                    self._calls.put(None)
        if wait:
            for hand in self._hands:
                hand.join()

    @property
    def ended(self) -> bool:
        """Whether no thread is left."""
        return not any(hand.is_alive() for hand in self._hands)

    def _cancel(self) -> None:
        while not self._calls.empty():
            if (call := self._calls.get()) is not None:
                call[0].cancel()

    def _hire(self) -> None:
        hand = Thread(target=self._work, name=f"{self._name}-{len(self._hands)}", daemon=True)
        try:
            hand.start()
        except RuntimeError:  # the interpreter is ending: those who are there do it
            if not self._hands:
                raise
        else:
            self._hands.append(hand)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            _do(*call)
            del call  # a result must not live until the next call
            self._free.release()


def _do(future: Future[Any], work: Callable[[], Any]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
