"""The ledger in PostgreSQL, for several machines: a few connections, each transaction on one of them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

import anyio

from ..clock import Clock, DatabaseClock
from ..errors import Internal, NotInstalled, OxenError
from ..redaction import redact
from .schema import TABLES, VERSION, migrations, refuse_newer
from .sqlite import unwritable
from .transactions import Durability, Steps

T = TypeVar("T")
CONNECTIONS = 4
TRIES = 5  # the database itself aborted the transaction: a deadlock, or a connection lost before its commit
SET_UNLESS_GIVEN = "select set_config(%s, %s, false) where current_setting(%s) in ('0', '0ms')"
SCHEMA_LOCK = 0x6F78656E  # "oxen": one process at a time migrates the tables


@dataclass(frozen=True)
class Limits:
    """Time limits in seconds, so that a vanished host or a stopped process does not hold up others for longer.

    The limits that the server enforces can be changed by the URL's `options`.

    connect: opening a connection.
    alive: the answer of a connection that was idle.
    idle: between two statements of a transaction; then the server aborts it and frees its locks.
    lock: waiting for a lock; longer than `idle`, so that a stopped owner's lock becomes free in time.
    statement: one statement.
    whole: a transaction, including the wait for a connection.
    """

    connect: float = 5.0
    alive: float = 3.0
    idle: float = 5.0
    lock: float = 8.0
    statement: float = 10.0
    whole: float = 20.0
    forward: float = 600.0

    @property
    def settings(self) -> dict[str, str]:
        """What the server is told at connecting."""
        return {
            "idle_in_transaction_session_timeout": f"{self.idle * 1000:.0f}ms",
            "lock_timeout": f"{self.lock * 1000:.0f}ms",
            "statement_timeout": f"{self.statement * 1000:.0f}ms",
        }


# TCP itself also detects a host that no longer answers, within about ten seconds.
TCP = {
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


@dataclass
class _Transaction:
    """One attempt at a transaction.

    committing: its statements have run; if the answer is lost now, the outcome is unknown.
    lost: the connection was lost.
    cut: we closed it, because its time was up.
    """

    committing: bool = False
    lost: bool = False
    cut: bool = False


class PostgresLedger:
    """Runs transactions in the database of a `postgresql://` URL.

    clock: set to the database's time with every transaction, if it is a `DatabaseClock`.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, limits: Limits | None = None) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise NotInstalled(
                "A PostgreSQL ledger needs psycopg.", fix="pip install 'oxen-video-tools[postgres]'"
            ) from error
        self._psycopg = psycopg
        self._url = url
        self._secrets = _passwords(url)
        self._clock = clock if isinstance(clock, DatabaseClock) else None
        self._limits = limits or Limits()
        self._idle: list[Any] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._preparing = asyncio.Lock()
        self._prepared = False

    async def run(self, make: Callable[[], Steps[T]], durability: Durability = "now") -> T:  # noqa: ARG002 — each is safe at once
        """Run a transaction; its result once it is committed. A caller that gives up does not interrupt it."""
        return await asyncio.shield(asyncio.ensure_future(self._run(make)))

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().close()

    async def _run(self, make: Callable[[], Steps[T]]) -> T:
        now = asyncio.get_running_loop().time
        try:
            with anyio.fail_after(self._limits.whole if self._prepared else self._limits.forward):
                await self._preparing.acquire()
        except TimeoutError:
            raise self._late() from None
        try:
            if not self._prepared:
                await self._attempt(lambda: _migrate(self._limits.forward), now() + self._limits.forward)
                self._prepared = True
        finally:
            self._preparing.release()
        return await self._attempt(make, now() + self._limits.whole)

    async def _attempt(self, make: Callable[[], Steps[T]], until: float) -> T:
        """Retry if the database certainly did nothing: it aborted the transaction, or the connection was lost before
        the commit. until: the `loop.time()` by which all of it has to end.
        """
        for left in reversed(range(TRIES)):
            one = _Transaction()
            try:
                return await self._once(make, until, one)
            except OxenError:
                raise
            except TimeoutError:
                raise self._late() from None
            except (self._psycopg.Error, OSError) as error:
                if one.cut:
                    raise self._late() from None
                if not left or not self._is_undone(error, one):
                    said = redact(str(error), *self._secrets) == str(error)
                    raise self._in_words(error) from (error if said else None)
        raise AssertionError("the last try returns or raises")

    def _is_undone(self, error: Exception, one: _Transaction) -> bool:
        errors = self._psycopg.errors
        if isinstance(error, (errors.DeadlockDetected, errors.SerializationFailure)):
            return True
        lost = (errors.IdleInTransactionSessionTimeout, errors.AdminShutdown, errors.CrashShutdown)
        return not one.committing and (one.lost or isinstance(error, lost))

    async def _once(self, make: Callable[[], Steps[T]], until: float, one: _Transaction) -> T:
        loop = asyncio.get_running_loop()
        with anyio.fail_after(max(0.0, until - loop.time())):
            await self._free.acquire()
        try:
            connection = await self._connection(until)
            try:
                with _bounded(connection, until - loop.time(), one):
                    async with connection.transaction():
                        result = await _driven(connection, make())
                        one.committing = True
            except BaseException:
                one.lost = connection.closed or connection.broken
                if one.lost:
                    await connection.close()
                else:
                    self._idle.append(connection)
                raise
            self._idle.append(connection)
            return result
        finally:
            self._free.release()

    async def _connection(self, until: float) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if await self._is_alive(connection):
                return connection
            await connection.close()
            await self.close()  # the other connections are most likely lost, too
        left = until - asyncio.get_running_loop().time()
        given = self._psycopg.conninfo.conninfo_to_dict(self._url)
        more: dict[str, Any] = {name: value for name, value in TCP.items() if name not in given}
        with anyio.fail_after(max(0.0, min(left, self._limits.connect))):
            connection = await self._psycopg.AsyncConnection.connect(self._url, autocommit=True, **more)
        if not await self._is_alive(connection, fresh=True):
            await connection.close()
            raise TimeoutError  # it was opened, but does not answer
        return connection

    async def _is_alive(self, connection: Any, *, fresh: bool = False) -> bool:
        """Detect a connection that the server has closed, before a transaction uses it. Its answer is the database's
        time.
        """
        loop = asyncio.get_running_loop()
        asked = loop.time()
        with _bounded(connection, self._limits.alive, _Transaction()):
            try:
                if fresh:
                    for name, value in self._limits.settings.items():
                        await connection.execute(SET_UNLESS_GIVEN, (name, value, name))
                cursor = await connection.execute("select extract(epoch from clock_timestamp())::float8")
                told = (await cursor.fetchone())[0]
            except self._psycopg.Error:
                return False
        if self._clock is not None:
            self._clock.set(told, ago=(loop.time() - asked) / 2)
        return True

    def _late(self) -> OxenError:
        return unwritable("PostgreSQL", f"it gave no answer within {self._limits.whole:.0f} s")

    def _in_words(self, error: Exception) -> OxenError:
        words = redact(" ".join(str(error).split()), *self._secrets)
        if isinstance(error, self._psycopg.OperationalError):
            return unwritable("PostgreSQL", words)
        return Internal(f"The ledger could not be used: {words}.", charged="no", fix=None)


def _passwords(url: str) -> tuple[str, ...]:
    """The password of a URL, and the parts of it that a parser's error may repeat if it was not percent-encoded."""
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return (password, unquote(password), *re.split(r"[@/?#:%\s]+", password))


@contextmanager
def _bounded(connection: Any, seconds: float, one: _Transaction) -> Iterator[None]:
    """Wait at most these seconds, then close the socket, which ends every wait for it: a vanished host does not even
    answer a request to cancel.
    """

    def cut() -> None:
        one.cut = True
        with suppress(OSError, ValueError):
            end = socket.socket(fileno=connection.fileno())
            try:
                end.shutdown(socket.SHUT_RDWR)
            finally:
                end.detach()

    alarm = asyncio.get_running_loop().call_later(max(0.0, seconds), cut)
    try:
        yield
    finally:
        alarm.cancel()


async def _driven(connection: Any, steps: Steps[T]) -> T:
    try:
        sql, values = next(steps)
        while True:
            sql = sql.replace("{locked}", "for update").replace("{skipping}", "for update skip locked")
            cursor = await connection.execute(sql.replace("?", "%s"), tuple(values))
            rows = await cursor.fetchall() if cursor.description else []
            sql, values = steps.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration can't be told its type


def _migrate(most: float) -> Steps[None]:
    """Migrate, one process at a time. most: seconds that the others wait while a long history is migrated."""
    for name in ("statement_timeout", "lock_timeout"):
        yield "select set_config(?, ?, true)", (name, f"{most * 1000:.0f}ms")
    yield "select pg_advisory_xact_lock(?)", (SCHEMA_LOCK,)
    yield "create table if not exists oxen_video_schema (version integer not null)", ()
    rows = yield "select version from oxen_video_schema", ()
    version = rows[0][0] if rows else 0
    refuse_newer(version, "PostgreSQL")
    if 0 < version < VERSION:  # copied aside first
        rows = yield "select tablename from pg_tables where schemaname = current_schema()", ()
        there = {row[0] for row in rows}
        for table in TABLES:
            if table in there and f"{table}_form_{version}" not in there:
                yield f"create table {table}_form_{version} as table {table}", ()
    for step in migrations("postgres")[version:]:
        for statement in step:
            yield statement, ()
    if version < VERSION:
        yield "delete from oxen_video_schema", ()
        yield "insert into oxen_video_schema (version) values (?)", (VERSION,)
