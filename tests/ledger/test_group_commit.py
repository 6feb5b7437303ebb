"""What waits for the ledger's thread at once is committed at once, and each as if it were alone."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import Internal, Paused
from oxen_video_tools.ledger import Ledger, durability_of, jobs, outcomes, transaction
from oxen_video_tools.ledger import sqlite as ledger_sqlite
from oxen_video_tools.ledger.transactions import Steps
from tests.clocks import HUNG


class Watched:
    """A ledger in a file, every statement that reaches SQLite, and a way to keep its thread busy."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.said = path, list[str]()
        self.ledger = Ledger.at(f"sqlite:///{path}")
        connect = sqlite3.connect

        def listened(*args: object, **given: object) -> sqlite3.Connection:
            connection = connect(*args, **given)  # type: ignore[call-overload]
            connection.set_trace_callback(self.said.append)
            return connection  # type: ignore[no-any-return]

        self._connect = connect
        monkeypatch.setattr(ledger_sqlite.sqlite3, "connect", listened)

    async def at_once(self, *works: tuple[Callable[[str], Steps[Any]], str], cancel: int | None = None) -> list[Any]:
        """All of them wait while the thread is at something else. Their results or errors."""
        gate, inside = threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def busy() -> Steps[None]:
            loop.call_soon_threadsafe(inside.set)
            gate.wait(HUNG)
            yield "select 1", ()

        first = asyncio.ensure_future(self.ledger.run(busy))
        await inside.wait()
        waiting = [asyncio.ensure_future(self.ledger.run(work, name)) for work, name in works]
        await asyncio.sleep(0)
        if cancel is not None:
            waiting[cancel].cancel()
        self.said.clear()
        gate.set()
        await first
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    def written(self) -> list[str]:
        """What another process sees."""
        with self._connect(self.path) as other:
            return [name for (name,) in other.execute("select name from switches order by name")]


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    one = Watched(tmp_path / "ledger.db", monkeypatch)
    await one.ledger.funds("hub|me", 0.0)  # it is open
    yield one
    await one.ledger.close()


def written(name: str) -> Steps[str]:
    yield "insert into switches (name, since) values (?, 0)", (name,)
    return name


def given_up(name: str) -> Steps[str]:
    yield "insert into switches (name, since) values (?, 0)", (name,)
    raise Paused("not now")


def broken(name: str) -> Steps[str]:
    yield "insert into switches (name, since) values (?, 0)", (name,)
    yield "select nonsense", ()
    return name


async def test_what_waits_together_is_committed_together(watched: Watched) -> None:
    names = [f"{n:03}" for n in range(50)]
    assert await watched.at_once(*((written, name) for name in names)) == names
    assert watched.said.count("commit") == 2, "the one that kept them waiting, and all of them"
    assert watched.written() == names


async def test_one_that_gives_up_takes_no_other_with_it(watched: Watched) -> None:
    first, second, third = await watched.at_once((written, "a"), (given_up, "b"), (written, "c"))
    assert (first, third) == ("a", "c")
    assert isinstance(second, Paused)
    assert watched.written() == ["a", "c"]


async def test_where_the_database_fails_each_is_carried_out_alone(watched: Watched) -> None:
    made: list[str] = []

    def again(name: str) -> Steps[str]:
        made.append(name)
        return (yield from broken(name) if name == "b" else written(name))

    first, second, third = await watched.at_once(*((again, name) for name in "abc"))
    assert (first, third) == ("a", "c")
    assert isinstance(second, Internal) and "nonsense" in str(second)
    assert watched.written() == ["a", "c"]
    assert made == ["a", "b", "a", "b", "c"], "together first; then one by one"


async def test_nobody_is_answered_before_the_commit(watched: Watched) -> None:
    async def told(name: str) -> bool:
        await watched.ledger.run(written, name)
        return name in watched.written()

    assert all(await asyncio.gather(*(told(str(n)) for n in range(20))))


async def test_who_gave_up_waiting_for_its_turn_writes_nothing(watched: Watched) -> None:
    await watched.at_once((written, "a"), (written, "late"), cancel=1)
    assert watched.written() == ["a"]


def unhurried(name: str) -> Steps[str]:
    return (yield from written(name))


transaction(unhurried, "soon")


async def test_only_what_must_be_on_the_disk_waits_for_it(watched: Watched) -> None:
    for name, work, strictly in (("a", written, True), ("b", unhurried, False), ("c", written, True)):
        watched.said.clear()
        await watched.ledger.run(work, name)
        begun = watched.said.index("begin immediate")
        assert watched.said[:begun] == [f"pragma synchronous = {'full' if strictly else 'normal'}"]


async def test_the_strictest_of_those_that_are_committed_together_decides(watched: Watched) -> None:
    await watched.at_once((unhurried, "a"), (written, "b"))
    assert [words for words in watched.said if "synchronous" in words] == ["pragma synchronous = full"]


def test_what_says_that_money_may_be_spent_is_on_the_disk_first() -> None:
    """An intent may be lost with the power, for nothing of it was sent: its mark is written to the disk after it."""
    at_once = (jobs.mark_sending, jobs.record_submission, jobs.unsent, jobs.unclear, outcomes.set_paused)
    assert [durability_of(one) for one in at_once] == ["now"] * len(at_once)
    assert durability_of(jobs.reserve) == durability_of(outcomes.record_status) == "soon"


async def test_a_read_does_not_wait_for_another_process_that_writes(watched: Watched) -> None:
    with sqlite3.connect(watched.path, isolation_level=None) as other:
        other.execute("begin immediate")
        other.execute("insert into switches (name, since) values ('paused', 0)")
        assert not (await asyncio.wait_for(watched.ledger.funds("hub|me", 0.0), HUNG)).paused
        other.execute("commit")
    assert (await watched.ledger.funds("hub|me", 0.0)).paused
