"""Every test of the ledger runs on both databases, and everything above it on a real sandbox over loopback HTTP."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from tests.ledger import postgres

from .swift import HubClock

_numbers = count()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        postgres.missing("psycopg is not installed")
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger is kept."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url = request.getfixturevalue("postgres_url")
    return postgres.with_schema(url, f"t{os.getpid()}_{next(_numbers)}")


@pytest.fixture
def hub_clock() -> HubClock:
    """The time at the sandbox, by which a job is young or absent."""
    return HubClock()


@pytest.fixture
def hub(hub_clock: HubClock) -> Iterator[Sandbox]:
    """A sandbox with small pictures."""
    with Sandbox(picture_height=64, clock=hub_clock) as running:
        yield running


Open = Callable[..., AsyncStudio]


@pytest.fixture
async def opened(hub: Sandbox, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens studios on the sandbox that share a ledger, as processes of one machine do; closes them at the end."""
    studios: list[AsyncStudio] = []

    def open_studio(**given: Any) -> AsyncStudio:
        usual: dict[str, Any] = {
            "base_url": hub.base_url,
            "api_key": "key",
            "ledger": f"sqlite:///{tmp_path}/ledger.db",
            "output_dir": tmp_path / "videos",
        }
        studio = AsyncStudio(**usual | given)
        studios.append(studio)
        return studio

    yield open_studio
    for studio in studios:
        await studio.close()
