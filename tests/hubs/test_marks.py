"""Nothing sent is never unclear: whatever happens between the booking and the first byte is taken back."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import HubUnavailable, OxenError
from oxen_video_tools.studio import AsyncStudio

from ..studio.swift import Swift
from .conftest import Open
from .handmade import SEEDED, HandmadeHub

ASKED: dict[str, Any] = {"model": SEEDED, "prompt": "A red balloon rises", "duration": 5}
STATES = ["planned", "sending", "running", "succeeded", "failed", "cancelled", "refused", "dropped", "written off"]


async def states(studio: AsyncStudio) -> Counter[str]:
    session = studio._session
    jobs = await session.ledger.find_jobs(await session.scope(), states=STATES)  # type: ignore[arg-type]
    return Counter(job.state for job in jobs)


async def until(studio: AsyncStudio, wanted: dict[str, int]) -> None:
    for _ in range(500):
        if await states(studio) == wanted:
            return
        await asyncio.sleep(0.01)
    assert await states(studio) == wanted


def around(
    monkeypatch: pytest.MonkeyPatch,
    studio: AsyncStudio,
    name: str,
    *,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Do something right before, or right after, each transaction of this name."""
    ledger = studio._session.ledger
    real = ledger.run

    async def run(steps: Any, *args: Any, **kwargs: Any) -> Any:
        if steps.__name__ != name:
            return await real(steps, *args, **kwargs)
        before()
        result = await real(steps, *args, **kwargs)
        after()
        return result

    monkeypatch.setattr(ledger, "run", run)


def once(error: Exception) -> Callable[[], None]:
    left = [error]

    def fail() -> None:
        if left:
            raise left.pop()

    return fail


@pytest.mark.parametrize("name", ["reserve", "mark_sending"])
async def test_a_commit_whose_word_was_lost_is_taken_back(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    studio = opened()
    with monkeypatch.context() as losing:
        around(losing, studio, name, after=once(OxenError("the connection broke", charged="no")))
        with pytest.raises(OxenError, match="the connection broke") as caught:
            await studio.generate(**ASKED, take=1)
    assert caught.value.charged == "no"
    await until(studio, {"dropped": 1})
    assert (await opened().generate(**ASKED, take=1)).status == "succeeded"
    assert (hub.posts, hub.charges) == (1, 1)


async def test_a_file_that_is_locked_at_the_mark_for_longer_than_the_call_has(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The mark is written when the lock goes, and by then nobody sends any more."""
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    studio = opened()
    await studio.list()
    (await studio._session.hub()).transport.deadline = 0.3

    def lock() -> None:
        other.execute("begin immediate")
        threading.Timer(1.0, other.execute, ("rollback",)).start()

    with monkeypatch.context() as locking:
        around(locking, studio, "mark_sending", before=lock)
        with pytest.raises(HubUnavailable) as caught:
            await studio.generate(**ASKED, take=1)
    assert (caught.value.charged, hub.posts) == ("no", 0)
    await until(studio, {"dropped": 1})
    assert (await opened().generate(**ASKED, take=1)).status == "succeeded"
    assert hub.charges == 1
    other.close()


async def test_a_machine_that_stood_still_inside_the_mark(
    hub: HandmadeHub, opened: Open, clock: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than its lease: others have looked for the job meanwhile, and found that the hub does not show it."""
    studio, watcher = opened(), opened()

    def stand_still() -> None:
        if not clock.ahead:
            clock.ahead = 500.0

    around(monkeypatch, studio, "mark_sending", after=stand_still)
    video = await studio.generate(**ASKED, take=1)
    assert video.status == "succeeded" and (hub.posts, hub.charges) == (1, 1)
    assert await states(watcher) == {"dropped": 1, "succeeded": 1}
