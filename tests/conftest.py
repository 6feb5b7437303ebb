"""What a run of the tests shares, in however many processes: one PostgreSQL, and an order that ends together.

`make test` runs them on all cores (pytest-xdist). Each test already has its own ports, folders and schemas; a test that
wants a database takes a schema of the run's one server (`tests/ledger/postgres.py`).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.ledger import postgres


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        os.environ[postgres.SHARED] = tempfile.mkdtemp(prefix="oxen-pg-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config) and (folder := os.environ.pop(postgres.SHARED, "")):
        postgres.end(Path(folder))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests marked `long`, dealt out to the workers, so that no worker is left with one at the end."""
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


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
