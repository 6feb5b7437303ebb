"""Threads for the end of a program: few, early, and none left."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest

from oxen_video_tools.threads import DaemonExecutor
from tests.clocks import HUNG


def hands() -> int:
    return sum(thread.name.startswith("crew-") for thread in threading.enumerate())


def test_one_thread_starts_early_and_more_come_when_they_are_needed() -> None:
    crew, gate = DaemonExecutor(3, "crew"), threading.Event()
    assert hands() == 1
    assert crew.submit(lambda: 5).result(HUNG) == 5
    time.sleep(0.01)
    assert crew.submit(int, "7").result(HUNG) == 7
    assert hands() == 1
    blocked = [crew.submit(gate.wait, 5) for _ in range(10)]
    assert hands() == 3
    gate.set()
    assert all(one.result(HUNG) for one in blocked)
    crew.shutdown()
    assert hands() == 0


def test_what_fails_fails_in_its_future() -> None:
    crew = DaemonExecutor(1, "crew")
    with pytest.raises(ZeroDivisionError):
        crew.submit(lambda: 1 / 0).result(HUNG)
    assert crew.submit(lambda: 1).result(HUNG) == 1
    crew.shutdown()


def test_after_shutdown_nothing_is_taken_and_what_was_taken_is_done() -> None:
    crew, done = DaemonExecutor(1, "crew"), []
    for n in range(5):
        crew.submit(done.append, n)
    crew.shutdown()
    crew.shutdown()
    assert done == list(range(5))
    with pytest.raises(RuntimeError, match="ended"):
        crew.submit(print)


def test_what_has_not_begun_can_be_cancelled() -> None:
    crew, gate, began = DaemonExecutor(1, "crew"), threading.Event(), threading.Event()
    running = crew.submit(lambda: began.set() or gate.wait(HUNG))
    waiting = crew.submit(print)
    assert began.wait(HUNG)
    crew.shutdown(wait=False, cancel_futures=True)
    gate.set()
    assert running.result(HUNG)
    with pytest.raises(CancelledError):
        waiting.result(HUNG)


def test_where_no_thread_may_start_the_first_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = DaemonExecutor(4, "crew")

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert [one.result(HUNG) for one in [crew.submit(int, n) for n in range(5)]] == list(range(5))
    with pytest.raises(RuntimeError, match="shutdown"):
        DaemonExecutor(1, "crew")
    monkeypatch.undo()
    crew.shutdown()
