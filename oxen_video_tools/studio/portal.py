"""One background thread with one event loop and one open studio, for callers from any thread and any other loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from functools import cache, partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread, get_ident, main_thread
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakSet

from ..errors import Internal, accounted

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from ..threads import DaemonExecutor


# Ctrl-C reaches the main thread alone. A synchronous agent runs its tools in a pool, and its main thread then
# waits for the pool before it lets the interrupt through: a tool that waits for minutes has to notice it by
# itself.

_WAITING = {
    ("concurrent.futures._base", "wait"),
    ("concurrent.futures._base", "result"),
    ("concurrent.futures.thread", "shutdown"),
    ("threading", "join"),
}


def is_interrupted() -> bool:
    """Whether the main thread is on its way out of a Ctrl-C and waits for other threads, this one not being it.

    Also where it has stopped listening to a graph's stream, which LangGraph closes only when its tools have ended: a
    Ctrl-C between two parts of the stream looks like that.
    """
    main = main_thread().ident
    if main is None or get_ident() == main:
        return False
    handled: object = sys._current_exceptions().get(main)
    error = handled[1] if isinstance(handled, tuple) else handled  # Python 3.12 and later give the exception itself
    if not isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return False
    frames = _frames(sys._current_frames().get(main))
    closing = any(module.startswith("langgraph.") and name == "__exit__" for module, name in frames)
    return bool(_WAITING & frames) and (isinstance(error, KeyboardInterrupt) or closing)


def _frames(frame: FrameType | None) -> set[tuple[str, str]]:
    """Module and function of every call under way."""
    found = set()
    while frame is not None:
        found.add((str(frame.f_globals.get("__name__")), frame.f_code.co_name))
        frame = frame.f_back
    return found


S = TypeVar("S")
T = TypeVar("T")
Tell = Callable[[Any], Awaitable[None]]

BACKLOG = 1000  # reports that wait for a slow listener; what comes on top of them is not told
THREADS = 32  # at most, for files, names and questions to people
LAST = 2.0  # seconds for what they are still at when everything else has ended
GLANCE = 0.5  # seconds


class Portal(Generic[S]):
    """Starts on first use, ends at exit; a forked child starts its own.

    `work(studio, report)` runs on the portal's loop. What it reports is told in the caller's own thread and context.
    A caller that gives up cancels its work at once; what the studio does in tasks of its own goes on to its end.
    """

    def __init__(self, open_studio: Callable[[], AbstractAsyncContextManager[S]]) -> None:
        self._open_studio = open_studio
        self._forget()
        _portals.add(self)

    def _forget(self) -> None:
        self._lock = Lock()
        self._portal: BlockingPortal | None = None
        self._thread: Thread | None = None
        self._ended = False  # the interpreter is on its way out

    def call(self, work: Callable[[S, Tell], Awaitable[T]], tell: Callable[[Any], object]) -> T:
        """Run `work` from a thread that may block. Raises RuntimeError on the portal's own thread."""
        news: SimpleQueue[Any] = SimpleQueue()

        def post(event: Any) -> None:
            if news.qsize() < BACKLOG:
                news.put(event)

        call = self._begun(work, post)
        call.add_done_callback(lambda _: news.put(None))
        try:
            while (event := _next(news)) is not None:
                tell(event)
            return call.result()
        finally:
            call.cancel()

    async def acall(self, work: Callable[[S, Tell], Awaitable[T]], tell: Callable[[Any], Awaitable[object]]) -> T:
        """Run `work` from another event loop, which is never blocked."""
        loop, news = asyncio.get_running_loop(), asyncio.Queue[Any]()

        def hear(event: Any) -> None:
            if news.qsize() < BACKLOG:
                news.put_nowait(event)

        def post(event: Any) -> None:
            with suppress(RuntimeError):  # the caller's loop is gone, and nobody listens
                loop.call_soon_threadsafe(hear, event)

        call: asyncio.Future[T] = asyncio.ensure_future(self._hop(work, post))
        call.add_done_callback(lambda _: news.put_nowait(None))
        try:
            while (event := await news.get()) is not None:
                await tell(event)
            return call.result()
        finally:
            call.cancel()

    def close(self) -> None:
        """Cancel what is still waited for, let the studio finish its own tasks, end the thread."""
        if self._thread is current_thread():
            raise RuntimeError("The portal can't be closed from its own thread.")
        with self._lock:
            atexit.unregister(self._at_exit)
            portal, thread = self._portal, self._thread
            self._portal = None  # who calls from here on waits for the lock, and starts it again
            if portal is not None:
                with suppress(RuntimeError):  # it has ended by itself
                    portal.call(portal.stop, True)
            if thread is not None:
                thread.join()

    def _at_exit(self) -> None:
        self._ended = True
        self.close()

    def _begun(self, work: Callable[[S, Tell], Awaitable[T]], post: Callable[[Any], None]) -> Future[T]:
        while True:
            portal = self._portal or self._running()
            try:
                return portal.start_task_soon(self._work, work, post)
            except RuntimeError:
                if self._portal is portal:
                    raise
                # it was closed in this very moment: open it anew

    async def _hop(self, work: Callable[[S, Tell], Awaitable[T]], post: Callable[[Any], None]) -> T:
        begun = False

        async def once(studio: S, report: Tell) -> T:
            nonlocal begun
            begun = True
            return await work(studio, report)

        while True:
            if (portal := self._portal) is None:
                portal = await asyncio.to_thread(self._running)
            try:
                return await portal.call_async(self._work, once, post, abandon_on_cancel=True)
            except RuntimeError:
                if begun or self._portal is portal:
                    raise

    async def _work(self, work: Callable[[S, Tell], Awaitable[T]], post: Callable[[Any], None]) -> T:
        async def report(event: Any) -> None:
            post(event)

        with accounted():
            try:
                return await work(self._studio, report)
            except asyncio.CancelledError:  # heard only by a caller that still waits while the portal closes
                raise Internal("The program, or its studio, is closing.") from None

    def _running(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                if self._ended:
                    raise Internal("The program is ending.", charged="no")
                from ..threads import DaemonExecutor

                ready: Future[BlockingPortal] = Future()
                try:
                    crew = DaemonExecutor(THREADS, "oxen-video-work")
                    self._thread = Thread(target=self._run, args=(ready, crew), name="oxen-video", daemon=True)
                    self._thread.start()
                except RuntimeError as error:  # Python 3.12, once the main thread has ended
                    self._thread = None
                    raise Internal(f"The studio could not be opened: {error}.", charged="no") from None
                atexit.register(self._at_exit)
                return ready.result()
            return self._portal

    def _run(self, ready: Future[BlockingPortal], crew: DaemonExecutor) -> None:
        try:
            import anyio  # it takes longer to load than the tools themselves: only who calls one needs it

            anyio.run(self._live, ready, backend_options={"loop_factory": partial(_loop, crew)})
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _live(self, ready: Future[BlockingPortal]) -> None:
        from anyio.from_thread import BlockingPortal

        # Not anyio's start_blocking_portal: left open, its generator hangs a forked child and the end of the program.
        try:
            async with self._open_studio() as self._studio, BlockingPortal() as portal:
                self._portal = portal
                ready.set_result(portal)
                await portal.sleep_until_stopped()
        finally:
            self._portal = None

    def __reduce__(self) -> tuple[Any, ...]:
        return shared, (self._open_studio,)


def _loop(crew: DaemonExecutor) -> asyncio.AbstractEventLoop:
    """A loop whose threads work, and end, even while the interpreter is ending."""
    loop = asyncio.new_event_loop()

    async def shutdown_default_executor(timeout: float | None = None) -> None:  # noqa: ARG001 — asyncio names it
        crew.shutdown(wait=False)  # asyncio's own way is a new thread, which Python 3.12 may refuse by now
        until = loop.time() + LAST
        while not crew.ended and loop.time() < until:  # noqa: ASYNC110 — threads set no asyncio.Event
            await asyncio.sleep(0.005)

    loop.set_default_executor(crew)
    loop.shutdown_default_executor = shutdown_default_executor  # type: ignore[method-assign]  # there is no hook for it
    return loop


def _next(news: SimpleQueue[Any]) -> Any:
    """The next report. Raises KeyboardInterrupt where Ctrl-C meant this thread and could not reach it."""
    # on Windows a wait without a limit hides Ctrl-C from the main thread, too
    glance = None if os.name != "nt" and current_thread() is main_thread() else GLANCE
    while True:
        with suppress(Empty):
            return news.get(timeout=glance)
        if is_interrupted():
            raise KeyboardInterrupt


_portals: WeakSet[Portal[Any]] = WeakSet()


@cache
def shared(open_studio: Callable[[], AbstractAsyncContextManager[S]]) -> Portal[S]:
    """The process's one portal for this way of opening a studio."""
    return Portal(open_studio)


def _start_over() -> None:
    """In a forked child: the thread and its loop are the parent's."""
    for portal in _portals:
        portal._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over)
