"""The ledger in a SQLite file: one connection on its own thread, so that no commit blocks the event loop.

Transactions that wait for the thread at the same moment are committed together: a hundred callers cost one write to
the disk, not a hundred. Each is all or nothing by itself, and none is answered before the commit.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakSet

from ..errors import Internal, InvalidRequest
from ..files import atomic_file
from ..threads import DaemonExecutor
from .schema import VERSION, migrations, refuse_newer
from .transactions import Durability, Steps

# Transactions in SQLite: alone or several in one commit, each as strictly as it asks for.

BUSY = 30.0  # seconds to wait for another process's transaction


@dataclass(eq=False)
class Call:
    """One transaction that a caller waits for; then its result or error."""

    make: Callable[[], Steps[Any]]
    durability: Durability
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


def _begin(connection: sqlite3.Connection, calls: Sequence[Call]) -> None:
    """As strictly as the strictest of them asks for."""
    durabilities = {call.durability for call in calls}
    connection.execute(f"pragma synchronous = {'full' if 'now' in durabilities else 'normal'}")
    wait_for_lock(
        lambda: _begin_reading(connection) if durabilities == {"read"} else connection.execute("begin immediate")
    )


def _begin_reading(connection: sqlite3.Connection) -> None:
    """Begin a read. It waits for no writer of another process, except for a recovery after a crash."""
    connection.execute("begin")
    try:
        connection.execute("pragma user_version").fetchone()
    except BaseException:
        connection.execute("rollback")
        raise


def commit_together(connection: sqlite3.Connection, calls: Sequence[Call]) -> bool:
    """Run these in one commit. False if the database itself failed: then nothing was done."""
    try:
        _begin(connection, calls)
        for call in calls:
            connection.execute("savepoint one")
            try:
                call.result = _carried_out(connection, call.make())
            except sqlite3.Error:
                raise
            except BaseException as error:
                call.error = describe_error(error, "")  # SQLite's own are not among them
                connection.execute("rollback to one")
            connection.execute("release one")
        connection.execute("commit")
    except sqlite3.Error:
        _undo(connection)
        for call in calls:
            call.result = call.error = None
        return False
    return True


def commit_alone(connection: sqlite3.Connection, call: Call, path: Path | str) -> None:
    try:
        _begin(connection, [call])
        call.result = _carried_out(connection, call.make())
        connection.execute("commit")
    except BaseException as error:
        _undo(connection)
        call.error = describe_error(error, path)


def _undo(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("rollback")


def tell(calls: Sequence[Call]) -> None:
    """One waking for each loop."""
    for loop in {call.loop for call in calls}:
        theirs = [call for call in calls if call.loop is loop]
        with suppress(RuntimeError):  # the event loop is closed: no one waits for the result
            loop.call_soon_threadsafe(_tell_all, theirs)


def _tell_all(calls: Sequence[Call]) -> None:
    """On the loop of those who wait."""
    for call in calls:
        if call.future.done():
            continue
        if call.error is not None:
            call.future.set_exception(call.error)
        else:
            call.future.set_result(call.result)


def _carried_out(connection: sqlite3.Connection, steps: Steps[T]) -> T:
    try:
        sql, values = next(steps)
        while True:
            plain = sql.replace("{locked}", "").replace("{skipping}", "")
            sql, values = steps.send(connection.execute(plain, tuple(values)).fetchall())
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration can't be told its type


def unwritable(place: str, why: str) -> InvalidRequest:
    """The error of a ledger that can't be kept where it should be."""
    return InvalidRequest(
        f"The ledger can't be kept in {place}: {why}. Nothing more is sent without it.",
        fix="Make that place writable, or set OXEN_VIDEO_LEDGER to another one. A new ledger, memory: among them, does "
        "not know what was paid before: look with list_videos before you generate again.",
    )


def describe_error(error: BaseException, path: Path | str) -> BaseException:
    """An error of SQLite or its driver, in words for a person; any other error as it is."""
    if isinstance(error, OverflowError):
        return Internal("A number is too large for the ledger.", charged="no")
    if not isinstance(error, sqlite3.Error):
        return error
    words = str(error)
    said: InvalidRequest | Internal = Internal(
        f"The ledger {path} could not be used: {words}.", charged="no", retry=True, fix="Try again in a minute."
    )
    if "readonly" in words or "unable to open" in words or "disk is full" in words or "not a database" in words:
        said = unwritable(str(path), words)
    said.__cause__ = error
    return said


def wait_for_lock(begin: Callable[[], T]) -> T:
    """Retry while SQLite says "busy". Its own time-out does not cover every lock: not a change of journal mode, nor all
    of a recovery after a process was killed. Nothing has been done when it says busy here.
    """
    until = time.monotonic() + BUSY
    while True:
        try:
            return begin()
        except sqlite3.OperationalError as error:
            busy = "locked" in str(error) or "busy" in str(error)
            if not busy or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 — spreads processes, guards nothing


T = TypeVar("T")
MEMORY = ":memory:"
TOGETHER = 64  # transactions in one commit, at most: other processes wait for their turn


class SqliteLedger:
    """Runs transactions in a SQLite file, or in memory if `path` is MEMORY."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self._thread = DaemonExecutor(1, "oxen-video-ledger")  # a paid answer is recorded even while the program exits
        self._connection: sqlite3.Connection | None = None
        self._used = Lock()
        self._calls: list[Call] = []
        self._queue = Lock()
        _ledgers.add(self)

    async def run(self, make: Callable[[], Steps[T]], durability: Durability = "now") -> T:
        """Run a transaction; its result once it is committed. A caller that gives up does not interrupt it."""
        loop = asyncio.get_running_loop()
        call = Call(make, durability, loop, loop.create_future())
        with self._queue:
            if not self._calls:  # else the thread is about to look
                self._thread.submit(self._carry_out)
            self._calls.append(call)
        return await call.future  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Let what is under way end, then close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        with self._used:
            self._release()

    def _release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _carry_out(self) -> None:
        """Everything that waits."""
        with self._queue:
            calls, self._calls = self._calls, []
        while calls:
            some = [call for call in calls[:TOGETHER] if not call.future.cancelled()]
            del calls[:TOGETHER]
            if some:
                self._commit(some)
                tell(some)

    def _commit(self, calls: Sequence[Call]) -> None:
        try:
            with self._used:
                if self._connection is None:
                    self._connection = wait_for_lock(self._open)
                if len(calls) == 1 or not commit_together(self._connection, calls):
                    for call in calls:
                        commit_alone(self._connection, call, self.path)
        except BaseException as error:
            for call in calls:
                call.error = describe_error(error, self.path)

    def before_fork(self) -> None:
        """Close the file: a forked child that inherits it would believe that it holds locks, and lose its writes."""
        self._used.acquire()
        self._queue.acquire()
        if self.path != MEMORY:
            self._release()

    def after_fork(self) -> None:
        """Parent and child each open the file anew when they need it."""
        self._queue.release()
        self._used.release()

    def _open(self) -> sqlite3.Connection:
        if self.path != MEMORY:
            _make_private(Path(self.path))
        connection = sqlite3.connect(str(self.path), timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection


_ledgers: WeakSet[SqliteLedger] = WeakSet()
_forking: list[SqliteLedger] = []


def _before_fork() -> None:
    _forking[:] = _ledgers
    for ledger in _forking:
        ledger.before_fork()


def _after_fork() -> None:
    while _forking:
        _forking.pop().after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _make_private(path: Path) -> None:
    """The file belongs to its owner only; SQLite gives its journals the same rights.

    A file that exists is not touched: closing it would drop the locks of every other connection of this process.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise unwritable(str(path), error.strerror or str(error)) from None


def _prepare(connection: sqlite3.Connection, path: Path | str) -> None:
    connection.execute(f"pragma busy_timeout = {int(BUSY * 1000)}")
    _write_ahead(connection)
    connection.execute("pragma synchronous = full")  # a commit is on the disk before a POST leaves
    connection.execute("pragma foreign_keys = on")
    connection.execute("begin immediate")
    try:
        version = connection.execute("pragma user_version").fetchone()[0]
        refuse_newer(version, str(path))
        if 0 < version < VERSION and path != MEMORY:
            _copy_aside(Path(path), version)
        for step in migrations("sqlite")[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _copy_aside(path: Path, version: int) -> None:
    """Copy the file before it is migrated. The caller's transaction keeps others from writing.

    Raises InvalidRequest if the disk is full.
    """
    aside = path.with_name(f"{path.stem}.form-{version}{path.suffix}")
    try:
        with atomic_file(aside) as part:
            os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            # A connection of its own: it reads what was committed. The file itself must not be opened and closed by
            # other means, which would drop the locks of every connection of this process.
            with closing(sqlite3.connect(str(path))) as reading, closing(sqlite3.connect(str(part))) as copy:
                reading.backup(copy)
    except OSError as error:
        raise unwritable(str(aside), error.strerror or str(error)) from None


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging: readers and a writer side by side. If several processes open a new file at once,
    it may be locked: the busy time-out does not cover this change, and the first one makes it for all."""
    with suppress(sqlite3.OperationalError):
        connection.execute("pragma journal_mode = wal").fetchone()
