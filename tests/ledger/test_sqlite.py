"""The ledger's SQLite file: how it is opened, what is committed together, and what is said when it can't be used."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from oxen_video_tools.errors import Internal, InvalidRequest, OxenError
from oxen_video_tools.ledger import LEASE, Ledger, data_folder, outcomes, sqlite, sqlite_path, transactions
from oxen_video_tools.ledger import sqlite as ledger_sqlite
from oxen_video_tools.ledger.schema import VERSION, migrations
from oxen_video_tools.ledger.sqlite import MEMORY, TOGETHER, Call, SqliteLedger
from tests.clocks import HUNG

NOW = 1_790_000_000.0
FIX = (
    "Make that place writable, or set OXEN_VIDEO_LEDGER to another one. A new ledger, memory: among them, does not "
    "know what was paid before: look with list_videos before you generate again."
)
Steps = transactions.Steps


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    one = SqliteLedger(tmp_path / "ledger.db")
    yield one
    await one.close()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    one = sqlite3.connect(tmp_path / "plain.db", isolation_level=None, timeout=0.0)
    one.execute("create table words (word text)")
    yield one
    one.close()


def asked(sql: str, *values: Any) -> Callable[[], Steps[Any]]:
    """A transaction of one statement."""

    def make() -> Steps[Any]:
        return (yield sql, values)

    return make


def pause() -> Steps[None]:
    return outcomes.set_paused(True, NOW)


def words(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("select word from words")]


def write(word: str, then: BaseException | None = None) -> Callable[[], Steps[str]]:
    def make() -> Steps[str]:
        yield "insert into words (word) values (?) {locked}{skipping}", (word,)
        if then is not None:
            raise then
        return word

    return make


def call(make: Callable[[], Steps[Any]], durability: transactions.Durability = "now") -> Call:
    loop = asyncio.get_running_loop()
    return Call(make, durability, loop, loop.create_future())


# ---- where it lies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["memory:", "memory:/", "sqlite::memory:", "sqlite:///:memory:"])
def test_in_memory(place: str) -> None:
    assert sqlite_path(place) is None
    assert Ledger.at(place)._engine.path == MEMORY  # type: ignore[attr-defined]


def test_in_a_file(tmp_path: Path) -> None:
    assert sqlite_path("sqlite:////a/b%20c.db") == Path("/a/b c.db")
    assert sqlite_path("sqlite:///C:/a/b.db") == Path("C:/a/b.db")
    ledger = Ledger.at(f"sqlite:///{tmp_path}/l.db", lease=5.0)
    assert isinstance(ledger._engine, SqliteLedger) and ledger._engine.path == tmp_path / "l.db"
    assert (ledger.lease, Ledger.at("memory:").lease) == (5.0, LEASE)
    assert re.fullmatch(rf"{re.escape(socket.gethostname())}:{os.getpid()}:[0-9a-f]{{8}}", ledger.owner)
    assert ledger.owner != Ledger.at("memory:").owner


def test_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def user_data_path(*given: Any, **named: Any) -> Path:
        assert (given, named) == (("oxen-video",), {"appauthor": False})
        return tmp_path

    monkeypatch.setattr(platformdirs, "user_data_path", user_data_path)
    assert data_folder() == tmp_path and sqlite_path(None) == tmp_path / "ledger.db"
    assert Ledger.at(None)._engine.path == tmp_path / "ledger.db"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "place", ["file:///abs/l.db", "sqlite:///", "sqlite:/l.db", "sqlite://host/l.db", "l.db", "/l.db"]
)
def test_nowhere(place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Ledger.at(place)
    told = "OXEN_VIDEO_LEDGER is neither sqlite:////abs/path.db nor postgresql://… nor memory:."
    assert (caught.value.message, caught.value.fix) == (told, "Correct OXEN_VIDEO_LEDGER.")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_in_a_server(scheme: str) -> None:
    pytest.importorskip("psycopg")
    from oxen_video_tools.ledger.postgres import PostgresLedger

    engine = Ledger.at(f"{scheme}://127.0.0.1:1/db")._engine
    assert isinstance(engine, PostgresLedger) and engine._url == f"{scheme}://127.0.0.1:1/db"


# ---- how it is opened ------------------------------------------------------------------------------------------------


async def pragma(engine: SqliteLedger, name: str, durability: transactions.Durability = "now") -> Any:
    return (await engine.run(asked(f"pragma {name}"), durability))[0][0]


async def test_commits_are_as_strict_as_they_ask_for(engine: SqliteLedger) -> None:
    assert await pragma(engine, "synchronous") == 2, "on the disk"
    assert await pragma(engine, "synchronous", "soon") == 1
    assert await pragma(engine, "synchronous", "read") == 1
    assert await pragma(engine, "synchronous", "now") == 2
    found = {
        name: await pragma(engine, name) for name in ("foreign_keys", "busy_timeout", "journal_mode", "user_version")
    }
    assert found == {"foreign_keys": 1, "busy_timeout": 30_000, "journal_mode": "wal", "user_version": VERSION}


async def test_folders_are_made_as_deep_as_need_be(tmp_path: Path) -> None:
    engine = SqliteLedger(tmp_path / "a" / "b" / "ledger.db")
    await engine.run(pause)
    await engine.close()
    assert (tmp_path / "a" / "b" / "ledger.db").is_file()


async def test_the_urgency_is_that_of_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[transactions.Durability] = []
    ledger = Ledger.at("memory:")
    run = ledger._engine.run

    async def noted(make: Any, durability: transactions.Durability = "now") -> Any:
        asked_for.append(durability)
        return await run(make, durability)

    monkeypatch.setattr(ledger._engine, "run", noted)
    await ledger.set_paused(True, NOW)
    await ledger.funds("hub|me", NOW)
    await ledger.record_cost("hub|me", {})
    await ledger.close()
    assert asked_for == ["now", "read", "soon"]


async def test_a_file_that_is_there_keeps_its_rights_and_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as old:
        for statement in migrations("sqlite")[0]:
            old.execute(statement)
        old.execute("insert into switches values ('paused', 1.0)")
        old.execute("pragma user_version = 1")
    old.close()
    path.chmod(0o640)
    engine = SqliteLedger(path)
    assert await engine.run(transactions.is_paused)
    assert await pragma(engine, "user_version") == VERSION
    assert await engine.run(asked("select count(*) from films")) == [(0,)]
    assert await engine.run(asked("select count(*) from link_keys")) == [(0,)]
    await engine.close()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o640


async def test_a_newer_ledger_names_the_way_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as newer:
        newer.execute(f"pragma user_version = {VERSION + 1}")
    newer.close()
    engine = SqliteLedger(path)
    for _ in range(2):
        with pytest.raises(Internal) as caught:
            await engine.run(transactions.is_paused)
        assert caught.value.message == (
            f"The ledger in {path} was written by a newer oxen-video-tools: it has form {VERSION + 1}, and this "
            f"version knows forms up to {VERSION}. Nothing was read from it or sent."
        )
        assert (caught.value.fix, caught.value.charged) == (
            "Update oxen-video-tools, in every program that shares this ledger.",
            "no",
        )
    await engine.close()
    with sqlite3.connect(path) as newer:
        assert newer.execute("pragma user_version").fetchone() == (VERSION + 1,)
        assert newer.execute("select count(*) from sqlite_master").fetchone() == (0,)
    newer.close()


async def test_why_it_can_not_be_kept_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    engine = SqliteLedger(tmp_path / "file" / "ledger.db")
    with pytest.raises(InvalidRequest) as caught:
        await engine.run(transactions.is_paused)
    place = tmp_path / "file" / "ledger.db"
    assert caught.value.message.startswith(f"The ledger can't be kept in {place}: ")
    assert caught.value.message.endswith(". Nothing more is sent without it.") and caught.value.fix == FIX
    assert "None" not in caught.value.message
    await engine.close()


# ---- together --------------------------------------------------------------------------------------------------------


async def test_what_fails_among_others_takes_nothing_with_it(connection: sqlite3.Connection) -> None:
    wrong = OxenError("over budget")
    calls = [call(write("a")), call(write("b", wrong)), call(write("c"))]
    assert sqlite.commit_together(connection, calls) is True
    assert words(connection) == ["a", "c"] and not connection.in_transaction
    assert [(one.result, one.error) for one in calls] == [("a", None), (None, wrong), ("c", None)]


async def test_a_database_that_fails_among_others_has_done_nothing(connection: sqlite3.Connection) -> None:
    calls = [call(write("a")), call(write("x", OxenError("no"))), call(asked("insert into nowhere values (1)"))]
    assert sqlite.commit_together(connection, calls) is False
    assert words(connection) == [] and not connection.in_transaction
    assert [(one.result, one.error) for one in calls] == [(None, None)] * 3


async def test_alone_it_is_all_or_nothing(connection: sqlite3.Connection, tmp_path: Path) -> None:
    good = call(write("a"))
    sqlite.commit_alone(connection, good, tmp_path)
    assert (good.result, good.error) == ("a", None) and not connection.in_transaction
    wrong = OxenError("no")
    bad = call(write("b", wrong))
    sqlite.commit_alone(connection, bad, tmp_path)
    assert (bad.result, bad.error) == (None, wrong) and not connection.in_transaction
    broken = call(asked("insert into nowhere values (1)"))
    sqlite.commit_alone(connection, broken, "/the/ledger.db")
    assert isinstance(broken.error, Internal) and not connection.in_transaction
    assert broken.error.message == "The ledger /the/ledger.db could not be used: no such table: nowhere."
    assert words(connection) == ["a"]


async def test_readers_wait_for_no_writer(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.execute("pragma journal_mode = wal")
    connection.execute("insert into words values ('before')")
    writer = sqlite3.connect(tmp_path / "plain.db", isolation_level=None)
    writer.execute("begin immediate")
    reading = call(asked("select word from words"), "read")
    sqlite.commit_alone(connection, reading, tmp_path)
    assert (reading.result, reading.error) == ([("before",)], None)
    many = [call(asked("select word from words"), "read") for _ in range(2)]
    assert sqlite.commit_together(connection, many) and all(one.result == [("before",)] for one in many)
    writer.execute("rollback")
    writer.close()


@pytest.fixture
async def held(engine: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[SqliteLedger, list[int]]]:
    """A ledger whose thread waits; how many were carried out in each commit."""
    sizes: list[int] = []
    commit = engine._commit

    def counted(calls: Any) -> None:
        sizes.append(len(calls))
        commit(calls)

    monkeypatch.setattr(engine, "_commit", counted)
    await engine.run(transactions.is_paused)
    sizes.clear()
    engine._used.acquire()
    yield engine, sizes


async def waiting(engine: SqliteLedger, sizes: list[int]) -> asyncio.Task[Any]:
    """One that the thread has begun with."""
    first = asyncio.ensure_future(engine.run(transactions.is_paused))
    for _ in range(20_000):
        if sizes:
            return first
        await asyncio.sleep(0.001)
    pytest.fail("the ledger's thread did not begin")


async def test_what_waits_is_committed_together(held: tuple[SqliteLedger, list[int]]) -> None:
    engine, sizes = held
    first = await waiting(engine, sizes)
    rest = [asyncio.ensure_future(engine.run(asked("select ?", number))) for number in range(2 * TOGETHER + 2)]
    await asyncio.sleep(0)
    engine._used.release()
    assert await asyncio.gather(*rest) == [[(number,)] for number in range(2 * TOGETHER + 2)]
    assert await first is False and sizes == [1, TOGETHER, TOGETHER, 2]


async def test_who_gave_up_before_it_began_has_nothing_done(held: tuple[SqliteLedger, list[int]]) -> None:
    engine, sizes = held
    first = await waiting(engine, sizes)
    given_up = asyncio.ensure_future(engine.run(pause))
    other = asyncio.ensure_future(engine.run(asked("select 1")))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    engine._used.release()
    assert await other == [(1,)] and await first is False
    assert sizes == [1, 1] and not await engine.run(transactions.is_paused)


async def test_one_that_breaks_the_database_is_done_alone(engine: SqliteLedger) -> None:
    await engine.run(transactions.is_paused)
    engine._used.acquire()
    first = asyncio.ensure_future(engine.run(asked("select 0")))
    await asyncio.sleep(0.02)
    made = [pause, asked("insert into nowhere values (1)"), asked("select 2")]
    rest = [asyncio.ensure_future(engine.run(one)) for one in made]
    await asyncio.sleep(0)
    engine._used.release()
    paused, broken, read = await asyncio.gather(*rest, return_exceptions=True)
    assert paused is None and read == [(2,)] and await first == [(0,)]
    assert isinstance(broken, Internal) and broken.message == (
        f"The ledger {engine.path} could not be used: no such table: nowhere."
    )
    assert await engine.run(transactions.is_paused)


async def test_a_loop_that_is_gone_is_no_error() -> None:
    gone = asyncio.new_event_loop()
    future = gone.create_future()
    gone.close()
    here = call(asked("select 1"))
    here.result = 7
    sqlite.tell([Call(asked("select 1"), "now", gone, future), here])
    assert await asyncio.wait_for(here.future, HUNG) == 7
    failed = call(asked("select 1"))
    failed.error = OxenError("no")
    sqlite.tell([here, failed])  # `here` is told already
    with pytest.raises(OxenError, match="no"):
        await failed.future


# ---- what is said when it fails --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "attempt to write a readonly database",
        "unable to open database file",
        "database or disk is full",
        "file is not a database",
    ],
)
def test_a_place_that_is_no_good(said: str) -> None:
    error = sqlite3.OperationalError(said)
    told = sqlite.describe_error(error, Path("/l.db"))
    assert isinstance(told, InvalidRequest) and told.__cause__ is error
    assert told.message == f"The ledger can't be kept in /l.db: {said}. Nothing more is sent without it."
    assert (told.fix, told.charged) == (FIX, "no")


def test_a_moment_that_is_no_good() -> None:
    error = sqlite3.OperationalError("database is locked")
    told = sqlite.describe_error(error, Path("/l.db"))
    assert isinstance(told, Internal) and told.__cause__ is error
    assert told.message == "The ledger /l.db could not be used: database is locked."
    assert (told.charged, told.retry, told.fix) == ("no", True, "Try again in a minute.")
    other = ValueError("x")
    assert sqlite.describe_error(other, Path("/l.db")) is other


class Time:
    """A clock for one thread."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += 10.0


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    one = Time()
    monkeypatch.setattr(sqlite, "time", one)
    return one


@pytest.mark.parametrize("said", ["database is locked", "database schema is busy"])
def test_a_busy_file_is_asked_again(time: Time, said: str) -> None:
    left = [1, 2]

    def begin() -> str:
        if left:
            left.pop()
            raise sqlite3.OperationalError(said)
        return "begun"

    assert sqlite.wait_for_lock(begin) == "begun"
    assert len(time.slept) == 2 and all(0.01 <= seconds <= 0.1 for seconds in time.slept)


def test_a_busy_file_is_not_asked_for_ever(time: Time) -> None:
    def begin() -> None:
        raise sqlite3.OperationalError("database is locked")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite.wait_for_lock(begin)
    assert len(time.slept) == 4, "at 100, 110, 120 and 130 s; at 140 s the 30 s are over"


def test_another_failure_is_not_asked_again(time: Time) -> None:
    def begin() -> None:
        raise sqlite3.OperationalError("no such table: jobs")

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        sqlite.wait_for_lock(begin)
    assert time.slept == []


# ---- forks -----------------------------------------------------------------------------------------------------------


async def test_a_fork_finds_no_open_file(engine: SqliteLedger) -> None:
    await engine.run(pause)
    assert engine._connection is not None
    ledger_sqlite._before_fork()
    assert engine._connection is None and engine._used.locked() and engine._queue.locked()
    ledger_sqlite._after_fork()
    assert not engine._used.locked() and not engine._queue.locked()
    assert await engine.run(transactions.is_paused)


async def test_a_ledger_in_memory_outlives_a_fork() -> None:
    engine = SqliteLedger(MEMORY)
    await engine.run(pause)
    ledger_sqlite._before_fork()
    ledger_sqlite._after_fork()
    assert await engine.run(transactions.is_paused)
    await engine.close()


async def test_a_closed_ledger_holds_no_file_and_takes_no_more(tmp_path: Path) -> None:
    engine = SqliteLedger(tmp_path / "ledger.db")
    await engine.run(pause)
    await engine.close()
    assert engine._connection is None and not list(tmp_path.glob("*-wal"))
    with pytest.raises(RuntimeError):
        await engine.run(transactions.is_paused)
