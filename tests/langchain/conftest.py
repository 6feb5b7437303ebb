"""A sandbox and a studio for each test; hours of its time pass in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.studio.portal import Portal
from tests.clocks import FakeClock

QUIET = 0.02  # real seconds of silence before the tests' clock jumps


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no limits and no ledger of whoever runs the tests."""
    import os

    for name in [name for name in os.environ if name.startswith(("OXEN_", "LANGSMITH_", "LANGCHAIN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OXEN_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("OXEN_VIDEO_LEDGER", "memory:")


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=90) as sandbox:
        yield sandbox


class Times:
    """The hub's time: that of the studio that is furthest. Each studio has a clock and a loop of its own."""

    def __init__(self) -> None:
        self.clocks = [FakeClock(patience=QUIET)]

    def another(self) -> FakeClock:
        """A clock for another studio, from now on."""
        self.clocks.append(FakeClock(self.time(), patience=QUIET))
        return self.clocks[-1]

    def time(self) -> float:
        return max(clock.time() for clock in self.clocks)

    def monotonic(self) -> float:
        return self.time()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the sandbox only asks for the time")


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def slow_hub(times: Times) -> Iterator[Sandbox]:
    """Jobs take minutes of the tests' clock."""
    with Sandbox(picture_height=90, speed="real", clock=times) as sandbox:
        yield sandbox


@pytest.fixture
def open_portal(tmp_path: Path) -> Iterator[Callable[..., Portal[Any]]]:
    """`open_portal(hub, clock=…, **settings)`: the way to a studio that ends with the test."""
    opened: list[Portal[Any]] = []

    def open_one(hub: Sandbox, *, clock: FakeClock | None = None, **settings: Any) -> Portal[Any]:
        given = {"api_key": "oxen-key-1", "base_url": hub.base_url, "ledger": "memory:", "output_dir": tmp_path}
        portal = Portal(partial(AsyncStudio.open, Settings(**given | settings), clock=clock))
        opened.append(portal)
        return portal

    yield open_one
    for portal in opened:
        portal.close()


@pytest.fixture
def portal(hub: Sandbox, open_portal: Callable[..., Portal[Any]]) -> Portal[Any]:
    return open_portal(hub)


@pytest.fixture
def slow_portal(slow_hub: Sandbox, times: Times, open_portal: Callable[..., Portal[Any]]) -> Portal[Any]:
    return open_portal(slow_hub, clock=times.clocks[0])
