"""One thread, one loop, whoever calls; and what becomes of it at cancellation and fork."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pytest

from oxen_video_tools.errors import Internal
from oxen_video_tools.studio import portal as portal_room
from oxen_video_tools.studio.portal import Portal, shared
from tests.clocks import HUNG
from tests.studio.portal.toy import Toy, amake, make


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def portal(toy: Toy) -> Iterator[Portal[Toy]]:
    portal = Portal(toy.open)
    yield portal
    portal.close()


OTHERS: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Threads that were there before: the process's shared studio, opened by another test."""
    OTHERS.update(threading.enumerate())
    yield
    OTHERS.clear()


def threads() -> list[str]:
    alive = set(threading.enumerate()) - OTHERS
    return sorted(thread.name for thread in alive if thread.name.startswith("oxen-video"))


OURS = ["oxen-video", "oxen-video-work-0"]


def soon(true: Any) -> None:
    """Wait until it holds; a portal's thread needs a moment."""
    until = time.monotonic() + HUNG
    while not true():
        assert time.monotonic() < until, "it never held"
        time.sleep(0.002)


# ---- many callers ---------------------------------------------------------------------------------------------------


def test_64_threads_share_one(portal: Portal[Toy], toy: Toy) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: make(portal, str(n)), range(64)))
    assert answers == [f"{n} succeeded" for n in range(64)]
    assert len(toy.paid) == 64
    assert threads() == OURS


async def test_1000_calls_from_another_loop(portal: Portal[Toy], toy: Toy) -> None:
    answers = await asyncio.gather(*[amake(portal, str(n)) for n in range(1000)])
    assert answers == [f"{n} succeeded" for n in range(1000)]
    assert threads() == OURS


def test_loop_after_loop(portal: Portal[Toy]) -> None:
    assert all("succeeded" in asyncio.run(amake(portal)) for _ in range(5))
    assert "succeeded" in make(portal)
    assert threads() == OURS


def test_loops_in_many_threads_at_once(portal: Portal[Toy]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: asyncio.run(amake(portal, str(n))), range(32)))
    assert answers == [f"{n} succeeded" for n in range(32)]


async def test_a_synchronous_call_inside_a_running_loop(portal: Portal[Toy]) -> None:
    assert "succeeded" in make(portal)  # as in a notebook


def test_nothing_is_left_behind(toy: Toy) -> None:
    def use() -> None:
        portal = Portal(toy.open)
        make(portal)
        asyncio.run(amake(portal))
        portal.close()

    use()
    gc.collect()
    before = threads(), len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        use()
    gc.collect()
    assert (threads(), len(os.listdir("/proc/self/fd"))) == before
    assert threads() == []


def test_it_starts_again_after_close(portal: Portal[Toy]) -> None:
    make(portal)
    portal.close()
    assert threads() == []
    assert "succeeded" in make(portal)


def test_callers_that_meet_a_close_get_through_or_hear_why(portal: Portal[Toy], toy: Toy) -> None:
    answers: list[object] = []

    def call(n: int) -> None:
        for _ in range(20):
            try:
                answers.append(make(portal, str(n)))
            except Internal as error:
                answers.append(error)

    with ThreadPoolExecutor(9) as pool:
        calls = [pool.submit(call, n) for n in range(8)]
        for _ in range(10):
            time.sleep(0.005)
            portal.close()
        for one in calls:
            one.result(HUNG)
    assert len(answers) == 160
    assert all("closing" in str(one) or "succeeded" in str(one) for one in answers)


def test_a_studio_that_does_not_open_says_so_and_may_open_later(toy: Toy) -> None:
    opened = []

    @asynccontextmanager
    async def open_studio() -> AsyncIterator[Toy]:
        opened.append(1)
        if len(opened) == 1:
            raise ValueError("no key")
        yield toy

    portal = Portal(open_studio)
    with pytest.raises(ValueError, match="no key"):
        make(portal)
    assert "succeeded" in make(portal)
    portal.close()


def test_a_call_from_its_own_thread_is_refused_not_deadlocked(portal: Portal[Toy]) -> None:
    async def inside(toy: Toy, report: Any) -> str:
        return make(portal)

    with pytest.raises(RuntimeError, match="event loop thread"):
        portal.call(inside, print)


def test_closing_from_its_own_thread_is_refused_not_deadlocked(portal: Portal[Toy]) -> None:
    async def inside(toy: Toy, report: Any) -> None:
        portal.close()

    with pytest.raises(RuntimeError, match="own thread"):
        portal.call(inside, print)


def test_a_pickled_portal_is_the_same_one() -> None:
    portal: Portal[Toy] = shared(Toy.open)  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(portal)) is portal


VAR: ContextVar[str] = ContextVar("VAR", default="nothing")


def test_context_reaches_the_call_but_not_the_studio() -> None:
    """A tracing span should follow the call; the studio's own tasks must not keep the first caller's agent alive."""
    seen: dict[str, Any] = {}

    @asynccontextmanager
    async def open_studio() -> AsyncIterator[None]:
        seen["studio"] = VAR.get()
        yield

    async def work(_: None, report: Any) -> None:
        seen["work"] = VAR.get()
        await report("half")

    token = VAR.set("mine")
    portal = Portal(open_studio)
    portal.call(work, lambda event: seen.update(tell=(event, VAR.get(), threading.current_thread().name)))
    VAR.reset(token)
    portal.close()
    assert seen == {"studio": "nothing", "work": "mine", "tell": ("half", "mine", "MainThread")}


def test_a_listener_that_lags_behind_costs_no_memory_without_end(
    portal: Portal[Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_room, "BACKLOG", 10)
    heard: list[int] = []
    first, all_sent = threading.Event(), threading.Event()

    async def chatter(toy: Toy, report: Any) -> str:
        await report(0)
        await asyncio.to_thread(first.wait, 5)
        for n in range(1, 1000):
            await report(n)
        all_sent.set()
        return "done"

    def listen(n: int) -> None:
        heard.append(n)
        if n == 0:
            first.set()
            assert all_sent.wait(HUNG)

    assert portal.call(chatter, listen) == "done"
    assert heard == list(range(11))


def test_files_and_names_are_looked_up_on_its_own_threads(portal: Portal[Toy]) -> None:
    async def inside(toy: Toy, report: Any) -> str:
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    assert portal.call(inside, print).startswith("oxen-video-work")


# ---- cancellation ---------------------------------------------------------------------------------------------------


async def wait_for(portal: Portal[Toy]) -> None:
    await asyncio.wait_for(amake(portal), 0.05)


async def timeout(portal: Portal[Toy]) -> None:
    async with asyncio.timeout(0.05):
        await amake(portal)


async def cancel(portal: Portal[Toy]) -> None:
    task = asyncio.create_task(amake(portal))
    await asyncio.sleep(0.05)
    task.cancel()
    await task


@pytest.mark.parametrize("give_up", [wait_for, cancel, timeout])
async def test_giving_up_ends_the_wait_at_once_but_not_the_post(
    portal: Portal[Toy], toy: Toy, give_up: Any, caplog: pytest.LogCaptureFixture
) -> None:
    toy.post = 0.3
    with pytest.raises((asyncio.TimeoutError, asyncio.CancelledError)):
        await give_up(portal)
    assert not toy.paid
    await asyncio.to_thread(soon, lambda: toy.paid)
    gc.collect()
    assert toy.polls == 0  # nobody polls any more
    assert not caplog.records  # and nothing was left to complain


def test_a_post_outlives_the_loop_that_asked_for_it(portal: Portal[Toy], toy: Toy) -> None:
    toy.post = 0.2
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(wait_for(portal))
    soon(lambda: toy.paid)


def test_a_listener_that_fails_ends_the_wait(portal: Portal[Toy], toy: Toy) -> None:
    toy.tick = 0.01
    ended = threading.Event()

    async def work(toy: Toy, report: Any) -> None:
        try:
            while True:
                await report("still waiting")
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    with pytest.raises(ZeroDivisionError):
        portal.call(work, lambda event: 1 / 0)
    assert ended.wait(HUNG)


def test_closing_ends_what_is_waited_for_with_words(portal: Portal[Toy], toy: Toy) -> None:
    toy.tick = 60
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make, portal)
        soon(lambda: toy.paid)
        portal.close()
        with pytest.raises(Internal, match="closing"):
            waiting.result(HUNG)


# ---- fork -----------------------------------------------------------------------------------------------------------


def in_child(body: Any) -> int:
    """The exit status of `body` in a forked child, or -1 if it did not end within ten seconds."""
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):
            body()
            status = 0
        os._exit(status)
    for _ in range(1000):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_starts_its_own(portal: Portal[Toy], toy: Toy) -> None:
    toy.tick = 0.1
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make, portal, "the parent's")
        soon(lambda: toy.paid)

        def use() -> None:
            assert threads() == []
            assert "succeeded" in make(portal, "the child's")
            assert "succeeded" in asyncio.run(amake(portal, "the child's"))
            portal.close()

        assert in_child(use) == 0
        assert "succeeded" in waiting.result(HUNG)
    assert "succeeded" in make(portal)
    assert len(toy.paid) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_that_was_forked_while_a_thread_was_starting_it(toy: Toy) -> None:
    opening, go_on = threading.Event(), threading.Event()

    @asynccontextmanager
    async def open_studio() -> AsyncIterator[Toy]:
        opening.set()
        await asyncio.to_thread(go_on.wait, 10)
        yield toy

    portal = Portal(open_studio)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make, portal)
        assert opening.wait(HUNG)  # now the lock is held by a thread that the child does not have

        def use() -> None:
            go_on.set()
            assert "succeeded" in make(portal)

        assert in_child(use) == 0
        go_on.set()
        assert "succeeded" in waiting.result(HUNG)
    portal.close()


def test_where_no_thread_may_start_it_says_so(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    portal = Portal(toy.open)
    with monkeypatch.context() as ending:
        ending.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Internal, match="can't create new thread"):
            make(portal)
    assert "succeeded" in make(portal)
    portal.close()
