"""Where the ledger is kept: brought forward from every version, on every platform, or said why not."""

from __future__ import annotations

import ast
import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import InvalidRequest, OxenError
from oxen_video_tools.ledger import Ledger, transactions
from oxen_video_tools.ledger.jobs import Submitted
from oxen_video_tools.ledger.records import GenerationRow, Intent
from oxen_video_tools.ledger.schema import VERSION, Database, migrations
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from tests.clocks import HUNG
from tests.ledger import postgres

Open = Callable[..., AsyncStudio]
PACKAGE = Path(__file__).parents[2] / "oxen_video_tools"
NOW = 1_790_000_000.0
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5, "model": "kling-video-v2-6-pro-text-to-video"}
OLD_JOB = """insert into jobs (job, scope, request, take, part, holds, state, route, model, body, asked, expects,
    estimate, reserved, lease, created, sent, walked) values ('j', 'hub|me', 'r', 1, 0, 1, 'sending', 'queue', 'kling',
    '{"model": "kling"}', '{}', 1, 500000, 500000, 0, 1789999000, 1789999000, 0)"""


# ---- migrations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, VERSION))
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_ledger_of_an_earlier_version_is_brought_forward_with_all_that_is_in_it(
    kind: Database, version: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    old = [statement for step in migrations(kind)[:version] for statement in step] + [OLD_JOB]
    if kind == "sqlite":
        place = f"sqlite:///{tmp_path}/ledger.db"
        with sqlite3.connect(tmp_path / "ledger.db") as connection:
            for statement in [*old, f"pragma user_version = {version}"]:
                connection.execute(statement)
        connection.close()
    else:
        import psycopg

        place = postgres.with_schema(request.getfixturevalue("postgres_url"), f"old{os.getpid()}_{version}")
        with psycopg.connect(place, autocommit=True) as server:
            for statement in [*old, "create table oxen_video_schema (version integer not null)"]:
                server.execute(statement)
            server.execute("insert into oxen_video_schema values (%s)", (version,))
    ledgers = [Ledger.at(place) for _ in range(3)]
    found = await asyncio.gather(*(one.run(transactions.job_for_take, "hub|me", "r", 1) for one in ledgers))
    assert [job.job for job in found if job] == ["j"] * 3
    assert (await ledgers[0].funds("hub|me", NOW)).committed == 500_000
    await ledgers[1].record_job("j", Submitted([GenerationRow("hub|me", "g1")]), NOW)
    await ledgers[2].record_status("hub|me", [GenerationRow("hub|me", "g1", status="succeeded")], NOW)
    job = await ledgers[0].job_named("j")
    assert job is not None and job.state == "succeeded" and job.generation_ids == ("g1",)
    for one in ledgers:
        await one.close()


async def test_opening_it_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        one = Ledger.at(f"sqlite:///{tmp_path}/ledger.db")
        await one.set_paused(True, NOW)
        await one.close()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("pragma user_version").fetchone() == (VERSION,)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    connection.close()


# ---- others on the same file -----------------------------------------------------------------------------------------


async def test_it_waits_for_a_transaction_of_another_process(tmp_path: Path) -> None:
    one = Ledger.at(f"sqlite:///{tmp_path}/ledger.db")
    await one.set_paused(True, NOW)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    other.execute("delete from switches")
    writing = asyncio.ensure_future(one.set_paused(True, NOW))
    done, _ = await asyncio.wait({writing}, timeout=0.2)
    assert not done, "it waits"
    other.execute("commit")
    other.close()
    await writing
    assert (await one.funds("hub|me", NOW)).paused
    await one.close()


COUNTING = """
import asyncio, sys
from oxen_video_tools.ledger import Ledger
from oxen_video_tools.ledger.records import Intent
from oxen_video_tools.errors import OverBudget

async def main(place, name):
    ledger, won = Ledger.at(place), 0
    for number in range(20):
        intent = Intent("hub|me", f"r{number}", 1, {"model": "kling"}, reserved=100_000)
        try:
            [found] = await ledger.reserve([intent], ledger.owner, 1.79e9, 60.0, 1_500_000)
            won += found.mine
        except OverBudget:
            pass
    await ledger.close()
    print(won)

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_that_write_at_once_agree(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path}/ledger.db"
    command = [sys.executable, "-c", COUNTING, place]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    running = [
        subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True, env=environment) for n in range(3)
    ]
    won = [int(one.communicate(timeout=HUNG)[0]) for one in running]
    assert sum(won) == 15, "each request once, and the budget to the cent"


# ---- whose it is, and where ------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
async def test_what_the_studio_writes_is_its_owners_only(opened: Open, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        studio = opened(ledger=f"sqlite:///{tmp_path}/deep/er/ledger.db")
        await studio.generate(**ASKED, wait_seconds=0)
        rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep" / "er").iterdir()}
        assert "ledger.db" in rights and set(rights.values()) == {0o600}
    finally:
        os.umask(before)


@pytest.mark.parametrize("place", ["a file in the way", "a folder of that name"])
async def test_no_place_for_it_names_the_way_without_and_sends_nothing(
    hub: Sandbox, opened: Open, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.db").mkdir()
    path = tmp_path / ("file/ledger.db" if place == "a file in the way" else "folder.db")
    with pytest.raises(InvalidRequest) as caught:
        await opened(ledger=f"sqlite:///{path}").generate(**ASKED)
    assert "OXEN_VIDEO_LEDGER" in (caught.value.fix or "") and "memory:" in (caught.value.fix or "")
    assert caught.value.charged == "no" and hub.ledger()["accepted"] == 0
    assert (await opened(ledger="memory:").generate(**ASKED, wait_seconds=0)).generation_id, "as it was told"


async def test_the_usual_place_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from oxen_video_tools import ledger as module

    monkeypatch.setattr(module, "data_folder", lambda: tmp_path / "data")
    one = Ledger.at(None)
    await one.set_paused(True, NOW)
    assert (tmp_path / "data" / "ledger.db").is_file()
    await one.close()


# ---- Windows ---------------------------------------------------------------------------------------------------------

ONLY_HERE = {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "posix"}


def test_nothing_is_imported_that_windows_has_not() -> None:
    """fcntl nowhere; the rest not by importing a module."""
    found = {
        f"{file.relative_to(PACKAGE)}: {name}"
        for file in PACKAGE.rglob("*.py")
        for tree in [ast.parse(file.read_text("utf-8"))]
        for node in ast.walk(tree)
        for name in _imported(node)
        if name in (ONLY_HERE if node in tree.body else {"fcntl"})
    }
    assert not found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_a_ledger_is_kept_where_there_is_no_fcntl(tmp_path: Path) -> None:
    code = """
import sys
import asyncio, os, random
for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules[name] = None
del os.register_at_fork
from oxen_video_tools.ledger import Ledger

async def main(place):
    one, other = Ledger.at(place), Ledger.at(place)
    await one.set_paused(True, 1.0)
    assert (await other.funds("hub|me", 1.0)).paused
    await one.close()
    await other.close()

asyncio.run(main(sys.argv[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path}/ledger.db"],
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=HUNG,
    )
    assert done.returncode == 0, done.stderr


# ---- PostgreSQL ------------------------------------------------------------------------------------------------------


async def test_walkers_on_several_machines_never_wait_for_each_others_jobs(postgres_url: str) -> None:
    """SKIP LOCKED: what one walker has in hand, the other passes over at once."""
    place = postgres.with_schema(postgres_url, f"walk{os.getpid()}")
    one, other = Ledger.at(place), Ledger.at(place)
    for number in range(6):
        intent = Intent("hub|me", f"r{number}", 1, {"model": "kling"}, reserved=1)
        [found] = await one.reserve([intent], one.owner, NOW, 60.0)
        await one.mark_sending(found.job.job, one.owner, NOW, 60.0)
        await one.record_job(found.job.job, Submitted([GenerationRow("hub|me", f"g{number}")]), NOW)
    locked = threading.Event()

    def held() -> transactions.Steps[list[str]]:
        rows = yield "select job from jobs order by job limit 3 for update", ()
        locked.set()
        yield "select pg_sleep(0.5)", ()
        return [row[0] for row in rows]

    holding = asyncio.ensure_future(one.run(held))
    while not locked.is_set():
        await asyncio.sleep(0.01)
    walked = await asyncio.wait_for(other.claim_unfinished("hub|me", NOW + 10), HUNG)
    assert not holding.done(), "it did not wait for the other"
    in_hand = await holding
    assert len(walked) == 3 and not {job.job for job in walked} & set(in_hand)
    await one.close()
    await other.close()


@pytest.mark.parametrize("password", ["Hunter2%Secret", "Hunter2 Secret", "Hunter2@Secret", "Hunter2/Secret"])
async def test_a_password_that_breaks_its_url_is_not_repeated(password: str) -> None:
    """libpq and the resolver tell which piece of the URL they did not understand."""
    ledger = Ledger.at(f"postgresql://somebody:{password}@127.0.0.1:1/db")
    with pytest.raises(OxenError) as caught:
        await ledger.funds("hub|me", NOW)
    told = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    assert "Hunter2" not in caught.value.words and "Secret" not in caught.value.words
    assert "Hunter2" not in told and "Secret" not in told


async def test_an_address_that_breaks_its_url_is_said_in_words() -> None:
    ledger = Ledger.at("postgresql://me:Hunter2@[::1/videos")
    with pytest.raises(OxenError) as caught:
        await ledger.funds("hub|me", NOW)
    assert "Hunter2" not in str(caught.value) and "ledger" in caught.value.message
