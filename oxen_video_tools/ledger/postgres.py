"""The ledger in PostgreSQL, for several machines: a few connections, each transaction on one of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote

from ..errors import Internal, NotInstalled, OxenError
from ..redaction import redact
from .schema import MIGRATIONS, VERSION
from .sqlite import unwritable
from .transactions import Durability, Steps

T = TypeVar("T")
CONNECTIONS = 4
TRIES = 5  # of a transaction that the database itself gave up: a deadlock, a lost connection before its commit
SCHEMA_LOCK = 0x6F78656E  # "oxen": one process at a time brings the tables forward


class PostgresLedger:
    """Runs steps in the database of a `postgresql://` URL."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise NotInstalled(
                "A PostgreSQL ledger needs psycopg.", fix="pip install 'oxen-video-tools[postgres]'"
            ) from error
        self._psycopg = psycopg
        self._url = url
        self._secrets = _passwords(url)
        self._idle: list[Any] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._preparing = asyncio.Lock()
        self._prepared = False

    async def run(self, make: Callable[[], Steps[T]], haste: Durability = "now") -> T:  # noqa: ARG002 — each is safe at once
        """What the steps return, once they are committed. A caller that gives up does not stop them half-way."""
        return await asyncio.shield(asyncio.ensure_future(self._run(make)))

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().close()

    async def _run(self, make: Callable[[], Steps[T]]) -> T:
        async with self._preparing:
            if not self._prepared:
                await self._attempt(_migrate)
                self._prepared = True
        return await self._attempt(make)

    async def _attempt(self, make: Callable[[], Steps[T]]) -> T:
        for left in reversed(range(TRIES)):
            try:
                return await self._once(make)
            except OxenError:
                raise
            except (self._psycopg.errors.DeadlockDetected, self._psycopg.errors.SerializationFailure) as error:
                if not left:
                    raise self._in_words(error) from error
            except self._psycopg.Error as error:
                said = redact(str(error), *self._secrets) == str(error)
                raise self._in_words(error) from (error if said else None)
        raise AssertionError("the last try returns or raises")

    async def _once(self, make: Callable[[], Steps[T]]) -> T:
        async with self._free:
            connection = await self._connection()
            try:
                async with connection.transaction():
                    result = await _driven(connection, make())
            except BaseException:
                if connection.closed or connection.broken:
                    await connection.close()
                else:
                    self._idle.append(connection)
                raise
            self._idle.append(connection)
            return result

    async def _connection(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if await self._is_alive(connection):
                return connection
            await connection.close()
        return await self._psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=10)

    async def _is_alive(self, connection: Any) -> bool:
        """A connection that the server closed meanwhile is found out before a transaction rests on it."""
        try:
            await connection.execute("select 1")
        except self._psycopg.Error:
            return False
        return True

    def _in_words(self, error: Exception) -> OxenError:
        words = redact(" ".join(str(error).split()), *self._secrets)
        if isinstance(error, self._psycopg.OperationalError):
            return unwritable("PostgreSQL", words)
        return Internal(f"The ledger could not be used: {words}.", charged="no", fix=None)


def _passwords(url: str) -> tuple[str, ...]:
    """The password of a URL, and the pieces of it that a parser repeats where it was not percent-encoded."""
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return (password, unquote(password), *re.split(r"[@/?#:%\s]+", password))


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


def _migrate() -> Steps[None]:
    yield "select pg_advisory_xact_lock(?)", (SCHEMA_LOCK,)
    yield "create table if not exists oxen_video_schema (version integer not null)", ()
    rows = yield "select version from oxen_video_schema", ()
    version = rows[0][0] if rows else 0
    if version > VERSION:
        raise Internal("The ledger was written by a newer oxen-video-tools.", charged="no", fix="Update it.")
    for step in MIGRATIONS[version:]:
        for statement in step:
            yield statement, ()
    if version < VERSION:
        yield "delete from oxen_video_schema", ()
        yield "insert into oxen_video_schema (version) values (?)", (VERSION,)
