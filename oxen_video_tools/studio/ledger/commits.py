"""Transactions in SQLite: alone or several in one commit, each as strictly as it asks for."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import Internal, InvalidRequest
from .steps import Haste, Row, Statement, Steps

T = TypeVar("T")
BUSY = 30.0  # seconds to wait for another process's transaction


@dataclass(eq=False)
class Call:
    """One transaction that somebody waits for; result or error, once it has been carried out."""

    make: Callable[[], Steps[Any]]
    haste: Haste
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """On the loop of who waits."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def _begin(connection: sqlite3.Connection, calls: Sequence[Call]) -> None:
    """As strictly as the strictest of them asks for."""
    hastes = {call.haste for call in calls}
    connection.execute(f"pragma synchronous = {'full' if 'now' in hastes else 'normal'}")
    patiently(lambda: _begin_reading(connection) if hastes == {"read"} else connection.execute("begin immediate"))


def _begin_reading(connection: sqlite3.Connection) -> None:
    """Waits for no writer of another process; only, after a crash, for who brings the file in order."""
    connection.execute("begin")
    try:
        connection.execute("pragma user_version").fetchone()
    except BaseException:
        connection.execute("rollback")
        raise


def together(connection: sqlite3.Connection, calls: Sequence[Call]) -> bool:
    """In one commit. False where the database itself failed: then nothing of it was done."""
    try:
        _begin(connection, calls)
        for call in calls:
            connection.execute("savepoint one")
            try:
                call.result = _carried_out(connection, call.make())
            except sqlite3.Error:
                raise
            except BaseException as error:
                call.error = in_words(error, "")  # SQLite's own are not among them
                connection.execute("rollback to one")
            connection.execute("release one")
        connection.execute("commit")
    except sqlite3.Error:
        _undo(connection)
        for call in calls:
            call.result = call.error = None
        return False
    return True


def alone(connection: sqlite3.Connection, call: Call, path: Path | str) -> None:
    try:
        _begin(connection, [call])
        call.result = _carried_out(connection, call.make())
        connection.execute("commit")
    except BaseException as error:
        _undo(connection)
        call.error = in_words(error, path)


def _undo(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("rollback")


def tell(calls: Sequence[Call]) -> None:
    """One waking for each loop."""
    for loop in {call.loop for call in calls}:
        theirs = [call for call in calls if call.loop is loop]
        with suppress(RuntimeError):  # the loop is gone, and nobody listens
            loop.call_soon_threadsafe(_tell_all, theirs)


def _tell_all(calls: Sequence[Call]) -> None:
    for call in calls:
        call.tell()


def _carried_out(connection: sqlite3.Connection, steps: Steps[T]) -> T:
    try:
        statement = next(steps)
        while True:
            statement = steps.send(_rows(connection, statement))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration can't be told its type


def _rows(connection: sqlite3.Connection, statement: Statement) -> list[Row]:
    sql, values = statement
    return connection.execute(sql.replace("{locked}", "").replace("{skipping}", ""), tuple(values)).fetchall()


def unwritable(place: str, why: str) -> InvalidRequest:
    """The error of a ledger that can't be kept where it should be."""
    return InvalidRequest(
        f"The ledger can't be kept in {place}: {why}. Nothing more is sent without it.",
        fix="Make that place writable, or set OXEN_VIDEO_LEDGER to another one. A new ledger, memory: among them, does "
        "not know what was paid before: look with list_videos before you generate again.",
    )


def in_words(error: BaseException, path: Path | str) -> BaseException:
    """What SQLite and its driver say, for a person; any other error as it is."""
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


def patiently(begin: Callable[[], T]) -> T:
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
