"""A process that is stopped while it holds a lock, a host that vanishes: nobody else waits for longer than seconds."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from oxen_video_tools.clock import DatabaseClock
from oxen_video_tools.errors import OxenError
from oxen_video_tools.ledger import Ledger, jobs
from oxen_video_tools.ledger.postgres import Limits, PostgresLedger
from oxen_video_tools.ledger.records import Intent
from oxen_video_tools.ledger.transactions import Steps
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from tests.ledger import postgres

from .swift import Swift

NOW = 1_790_000_000.0
SHORT = Limits(connect=1.0, alive=0.3, idle=0.5, lock=5.0, statement=5.0, whole=2.0)  # seconds
LONG = Limits(idle=0.5)
SLOW = 30.0  # seconds: far beyond all limits, however busy the machine is
_schemas = count()


@pytest.fixture
def database(postgres_url: str) -> str:
    return postgres.with_schema(postgres_url, f"limits{os.getpid()}_{next(_schemas)}")


def ledger_of(url: str, limits: Limits) -> Ledger:
    return Ledger(PostgresLedger(url, limits=limits))


def intent(request: str = "r") -> Intent:
    return Intent("hub|me", request, 1, {"model": "kling"}, reserved=1)


async def booked(ledger: Ledger, request: str = "r") -> bool:
    [found] = await ledger.reserve([intent(request)], ledger.owner, NOW, 60.0)
    return found.mine


STOPS = """
import asyncio, os, signal, sys
from oxen_video_tools.ledger import Ledger, jobs
from oxen_video_tools.ledger.postgres import Limits, PostgresLedger

tries = []

def held():
    yield from jobs.lock_account("hub|me")
    tries.append(1)
    if len(tries) == 1:
        print("locked", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    yield "select 1", ()

asyncio.run(Ledger(PostgresLedger(sys.argv[1], limits=Limits(idle=0.5))).run(held))
print("ended after", len(tries), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")
async def test_a_process_stopped_with_a_lock_in_its_hands_stops_nobody(database: str) -> None:
    ledger = ledger_of(database, LONG)
    assert await booked(ledger, "first")
    stopped = subprocess.Popen(
        [sys.executable, "-c", STOPS, database], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    try:
        assert stopped.stdout and await asyncio.to_thread(stopped.stdout.readline) == "locked\n"
        async with asyncio.timeout(SLOW):
            assert await booked(ledger, "second"), "the server took the lock from it"
            await ledger.close()
        stopped.send_signal(signal.SIGCONT)
        said, _ = await asyncio.to_thread(stopped.communicate, None, SLOW)
        assert said == "ended after 2\n", "its transaction was rolled back whole, so it was made again"
    finally:
        stopped.kill()
        stopped.wait()


class Tunnel:
    """TCP to a server's socket. `vanish`: no byte passes any more, and no connection is closed."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._target = psycopg.conninfo.conninfo_to_dict(url)
        self._passes = asyncio.Event()
        self._passes.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.options = str(self._target.get("options") or "")

    async def open(self) -> str:
        """The URL of this way to the database."""
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = self._target.get("user", "postgres")
        return f"postgresql://{user}@127.0.0.1:{port}/{self._target['dbname']}?options={quote(self.options)}"

    def vanish(self) -> None:
        self._passes.clear()

    def come_back(self) -> None:
        self._passes.set()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self._target.get("port") or 5432
        there = await asyncio.open_unix_connection(f"{self._target['host']}/.s.PGSQL.{port}")
        for source, sink in ((reader, there[1]), (there[0], writer)):
            task = asyncio.ensure_future(self._passed(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _passed(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while content := await source.read(65_536):
                await self._passes.wait()
                sink.write(content)
                await sink.drain()
        sink.close()


@pytest.fixture
async def tunnel(database: str) -> AsyncIterator[Tunnel]:
    one = Tunnel(database)
    yield one
    with suppress(AssertionError):
        await one.close()


@pytest.mark.skipif(sys.platform == "win32", reason="the server listens on a Unix socket")
async def test_a_host_that_vanishes_inside_a_transaction_stops_nobody(database: str, tunnel: Tunnel) -> None:
    near = ledger_of(await tunnel.open(), SHORT)
    far = ledger_of(database, LONG)

    def cut_off() -> Steps[None]:
        yield from jobs.lock_account("hub|me")
        tunnel.vanish()
        yield "select 1", ()

    assert await booked(near, "first")
    async with asyncio.timeout(SLOW):
        with pytest.raises(OxenError, match="no answer within 2 s") as caught:
            await near.run(cut_off)
        assert caught.value.kind != "internal"
        assert await booked(far, "second"), "the server gave the vanished one's transaction up"
        with pytest.raises(OxenError):
            await booked(near, "third")
        tunnel.come_back()
        assert await booked(near, "third"), "and when it is back, so is the ledger"
        await asyncio.gather(near.close(), far.close())


@pytest.mark.skipif(sys.platform == "win32", reason="the server listens on a Unix socket")
async def test_idle_connections_that_were_cut_off_hold_nobody_up_one_after_the_other(tunnel: Tunnel) -> None:
    engine = PostgresLedger(await tunnel.open(), limits=LONG)
    ledger = Ledger(engine)
    await asyncio.gather(*(booked(ledger, f"r{n}") for n in range(8)))  # every connection is open and idle
    engine._limits = SHORT
    tunnel.vanish()
    async with asyncio.timeout(SLOW):
        began = time.monotonic()
        tries = await asyncio.gather(*(booked(ledger, f"s{n}") for n in range(40)), return_exceptions=True)
        took = time.monotonic() - began
    assert all(isinstance(one, OxenError) for one in tries)
    assert took < 10 * SHORT.whole, "all of them gave up at the same time, not one after the other"
    async with asyncio.timeout(SLOW):
        await ledger.close()


@pytest.mark.skipif(sys.platform == "win32", reason="the server listens on a Unix socket")
async def test_a_studio_closes_although_its_database_vanished(tunnel: Tunnel, hub: Sandbox) -> None:
    studio = AsyncStudio(base_url=hub.base_url, api_key="key", ledger=await tunnel.open(), clock=Swift())
    studio._session.ledger._engine._limits = SHORT  # type: ignore[attr-defined]  # else it takes its twenty seconds
    await studio.list()
    tunnel.vanish()
    call = asyncio.ensure_future(studio.generate(prompt="A red balloon", take=1, wait_seconds=0))
    async with asyncio.timeout(SLOW):
        with pytest.raises(OxenError):
            await call
        await studio.close()
    assert hub.ledger()["accepted"] == 0


async def test_the_limits_of_the_url_hold_where_it_names_some(database: str) -> None:
    more = quote(" -c statement_timeout=1234ms")
    ledger = ledger_of(f"{database}{more}", LONG)

    def told() -> Steps[dict[str, Any]]:
        rows = yield "select name, setting from pg_settings where name in ('statement_timeout', 'lock_timeout')", ()
        return dict(rows)

    assert await ledger.run(told) == {"statement_timeout": "1234", "lock_timeout": "8000"}
    await ledger.close()


async def test_a_lost_commit_is_not_tried_again(database: str, tunnel: Tunnel) -> None:
    """Nobody knows whether it was carried out."""
    ledger = ledger_of(await tunnel.open(), SHORT)
    made = 0

    def once() -> Steps[None]:
        nonlocal made
        made += 1
        yield "select 1", ()
        tunnel.vanish()

    await ledger.funds("hub|me", NOW)
    async with asyncio.timeout(SLOW):
        with pytest.raises(OxenError):
            await ledger.run(once)
        await ledger.close()
    assert made == 1


# ---- whose clock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-86_400.0, 86_400.0])
async def test_leases_and_times_are_the_databases(database: str, hub: Sandbox, wrong: float) -> None:
    """A machine whose clock is a day off neither takes another's job over nor loses its own."""
    off = Swift()
    off.wrong = wrong
    studios = [
        AsyncStudio(base_url=hub.base_url, api_key="key", ledger=database, clock=DatabaseClock(inner))
        for inner in (off, Swift())
    ]
    try:
        stages = [studio._session for studio in studios]
        scope = await stages[0].scope()
        assert scope == await stages[1].scope()
        [ours] = await stages[0].ledger.reserve(
            [Intent(scope, "r", 1, {"model": "kling"})], "us", stages[0].clock.time(), 60.0
        )
        [theirs] = await stages[1].ledger.reserve(
            [Intent(scope, "r", 1, {"model": "kling"})], "them", stages[1].clock.time(), 60.0
        )
        assert theirs.job.job == ours.job.job and not theirs.mine and theirs.job.is_live(stages[1].clock.time())
        video = await studios[0].generate(prompt="A red balloon", duration=5, take=1, wait_seconds=0)
        job = (await stages[1].ledger.clip_and_job(scope, video.generation_id))[1]
        assert job is not None and job.sent is not None and abs(job.sent - time.time()) < 60
    finally:
        for studio in studios:
            await studio.close()
