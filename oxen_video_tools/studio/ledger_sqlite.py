"""The ledger in a SQLite file: one connection on one thread of its own, so that no commit holds up the event loop."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar
from weakref import WeakSet

from ..errors import Internal, InvalidRequest
from .crew import Crew
from .ledger_schema import MIGRATIONS, VERSION
from .ledger_steps import Row, Statement, Steps

T = TypeVar("T")
BUSY = 30.0  # seconds to wait for another process's transaction
MEMORY = ":memory:"


class SqliteLedger:
    """Runs steps in a SQLite file, or in memory where `path` is MEMORY."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self._thread = Crew(1, "oxen-video-ledger")  # a paid answer is written down even while the program ends
        self._connection: sqlite3.Connection | None = None
        self._used = Lock()
        _ledgers.add(self)

    async def run(self, make: Callable[[], Steps[T]]) -> T:
        """What the steps return, once they are committed. A caller that gives up does not stop them half-way."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, make)

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

    def _run(self, make: Callable[[], Steps[T]]) -> T:
        try:
            with self._used:
                if self._connection is None:
                    self._connection = _patiently(self._open)
                connection = self._connection
                _patiently(lambda: connection.execute("begin immediate"))
                return _carried_out(connection, make())
        except sqlite3.Error as error:
            raise _in_words(error, self.path) from error

    def before_fork(self) -> None:
        """A child that inherits an open file believes in locks that it does not hold, and loses what it writes."""
        self._used.acquire()
        if self.path != MEMORY:
            self._release()

    def after_fork(self) -> None:
        """Parent and child each open the file anew when they need it."""
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


def unwritable(place: str, why: str) -> InvalidRequest:
    """The error of a ledger that can't be kept where it should be."""
    return InvalidRequest(
        f"The ledger can't be kept in {place}: {why}. Without it nothing is sent.",
        fix="Set OXEN_VIDEO_LEDGER to a place that can be written, or to memory: to do without one deliberately.",
    )


def _in_words(error: sqlite3.Error, path: Path | str) -> InvalidRequest | Internal:
    words = str(error)
    if "readonly" in words or "unable to open" in words or "disk is full" in words or "not a database" in words:
        return unwritable(str(path), words)
    return Internal(
        f"The ledger {path} could not be used: {words}.", charged="no", retry=True, fix="Try again in a minute."
    )


def _patiently(begin: Callable[[], T]) -> T:
    """SQLite's own time-out does not cover every lock: not that of a change of mode, nor all of a recovery after a
    process was killed. Nothing has been done when it says busy here, so it is asked again.
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


def _carried_out(connection: sqlite3.Connection, steps: Steps[T]) -> T:
    try:
        rows: list[Row] = []
        try:
            statement = next(steps)
            while True:
                rows = _rows(connection, statement)
                statement = steps.send(rows)
        except StopIteration as end:
            connection.execute("commit")
            return end.value  # type: ignore[no-any-return]  # StopIteration can't be told its type
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _rows(connection: sqlite3.Connection, statement: Statement) -> list[Row]:
    sql, values = statement
    return connection.execute(sql.replace("{locked}", "").replace("{skipping}", ""), tuple(values)).fetchall()
