"""What a run of the tests shares, in however many processes: one PostgreSQL, and an order that ends together.

`make test` runs them on all cores (pytest-xdist). Each test already has its own ports, folders and schemas; a test that
wants a database takes a schema of the run's one server (`tests/ledger/postgres.py`).
"""

from __future__ import annotations

import gc
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import pytest

#: What is compiled once is kept, for this process and for the hundreds of programs that the tests start: containers
#: often forbid it, and then a third of the processor time goes into compiling the same files again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
#: `jsonschema` would build 38 grammars for the format of an IRI, seconds in each process; no test asks for formats.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
#: What is imported and collected stays until the end: looking for garbage in it, again and again, takes a third of the
#: time of collecting and a tenth of that of the tests.
gc.disable()

import httpx  # noqa: E402
import httpx2  # noqa: E402
from hypothesis import settings  # noqa: E402

from tests import forked  # noqa: E402
from tests.clocks import HUNG  # noqa: E402
from tests.ledger import postgres  # noqa: E402

#: A client of a test that says nothing of time waits as long as a slow machine needs, and not five seconds.
for default in (httpx._config.DEFAULT_TIMEOUT_CONFIG, httpx2._config.DEFAULT_TIMEOUT_CONFIG):
    for part in ("connect", "read", "write", "pool"):
        setattr(default, part, HUNG)

settings.register_profile("any machine", deadline=None)  # what an example takes is the machine's business
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        os.environ[postgres.SHARED] = tempfile.mkdtemp(prefix="oxen-pg-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config) and (folder := os.environ.pop(postgres.SHARED, "")):
        postgres.end(Path(folder))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """`make check` has a minute: what has not begun by then is skipped, and said to be."""
    if time.time() > float(os.environ.get("TESTS_UNTIL", "inf")):
        pytest.skip("no time left: `make test` runs it")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In random order if TESTS_SEED says so; `long` tests first, dealt out to the workers, so that none ends late."""
    if seed := os.environ.get("TESTS_SEED"):
        items[:] = _shuffled(items, random.Random(seed))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0))
    if workers < 2:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    rest = [item for item in items if not item.get_closest_marker("long")]
    share = -(-len(items) // workers)  # what xdist hands to each worker at first
    ordered: list[pytest.Item] = []
    for number in range(workers):
        mine = long[number::workers]
        ordered += mine + rest[: max(0, share - len(mine))]
        rest = rest[max(0, share - len(mine)) :]
    items[:] = ordered + rest


@pytest.fixture(scope="session", autouse=True)
def _media_in_forked_processes() -> None:
    forked.fork_media()


def _shuffled(items: list[pytest.Item], chance: random.Random) -> list[pytest.Item]:
    """Files in any order, and the tests of each in any order: the same in every worker."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = chance.sample(sorted(files), len(files))
    return [item for file in order for item in chance.sample(files[file], len(files[file]))]


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
