"""The ledger in a SQLite file: one connection on one thread of its own, so that no commit holds up the event loop.

Transactions that wait for the thread at the same moment are committed together: a hundred callers cost one writing to
the disk, not a hundred. Each is all or nothing by itself, and none is answered before the commit.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar
from weakref import WeakSet

from ...errors import Internal
from ..crew import Crew
from .commits import BUSY, Call, alone, in_words, patiently, tell, together, unwritable
from .schema import MIGRATIONS, VERSION
from .steps import Haste, Steps

T = TypeVar("T")
MEMORY = ":memory:"
TOGETHER = 64  # transactions in one commit, at most: other processes wait for their turn


class SqliteLedger:
    """Runs steps in a SQLite file, or in memory where `path` is MEMORY."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self._thread = Crew(1, "oxen-video-ledger")  # a paid answer is written down even while the program ends
        self._connection: sqlite3.Connection | None = None
        self._used = Lock()
        self._calls: list[Call] = []
        self._queue = Lock()
        _ledgers.add(self)

    async def run(self, make: Callable[[], Steps[T]], haste: Haste = "now") -> T:
        """What the steps return, once they are committed. A caller that gives up does not stop them half-way."""
        loop = asyncio.get_running_loop()
        call = Call(make, haste, loop, loop.create_future())
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
                    self._connection = patiently(self._open)
                if len(calls) == 1 or not together(self._connection, calls):
                    for call in calls:
                        alone(self._connection, call, self.path)
        except BaseException as error:
            for call in calls:
                call.error = in_words(error, self.path)

    def before_fork(self) -> None:
        """A child that inherits an open file believes in locks that it does not hold, and loses what it writes."""
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
            _prepare(connection)
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


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(f"pragma busy_timeout = {int(BUSY * 1000)}")
    _write_ahead(connection)
    connection.execute("pragma synchronous = full")  # a commit is on the disk before a POST leaves
    connection.execute("pragma foreign_keys = on")
    connection.execute("begin immediate")
    try:
        version = connection.execute("pragma user_version").fetchone()[0]
        if version > VERSION:
            raise Internal(
                "The ledger was written by a newer oxen-video-tools.", charged="no", fix="Update oxen-video-tools."
            )
        for step in MIGRATIONS[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers and a writer side by side. Several processes that open a new file at once may find it locked: the busy
    time-out does not cover this change, and whoever wins makes it for all."""
    with suppress(sqlite3.OperationalError):
        connection.execute("pragma journal_mode = wal").fetchone()
