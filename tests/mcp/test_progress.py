"""A client hears something every five seconds at most, and what it hears rises."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server import MCPServer

from oxen_video_tools.mcp import build_server
from oxen_video_tools.mcp.server import serving
from oxen_video_tools.mcp.tools import LONGEST, SILENCE, WAIT, Reporter, limits, project_tools, reporting
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.results import Progress
from oxen_video_tools.tools import TABLE
from tests.clocks import FakeClock

from .conftest import QUIET
from .serving import words


class Listening:
    """The client's end of one call."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.heard: list[tuple[float, float, str]] = []

    async def report_progress(self, progress: float, total: float, message: str) -> None:
        self.heard.append((self.clock.monotonic(), progress, message))


async def test_progress_rises_even_where_the_hub_stands_still() -> None:
    clock = FakeClock()
    client = Listening(clock)
    reporter = Reporter(client, clock)  # type: ignore[arg-type]  # all that it asks of a context
    for fraction in (0.0, 0.0, 0.5, 0.5, 0.4, 0.9):
        await reporter.report(Progress("g1", "processing", fraction, elapsed=7))
    fractions = [fraction for _, fraction, _ in client.heard]
    assert all(a < b for a, b in itertools.pairwise(fractions)) and len(fractions) == 6
    assert client.heard[0][2] == "g1 processing, 7 s"


async def test_a_silent_studio_is_not_a_silent_call() -> None:
    clock = FakeClock()
    client = Listening(clock)
    async with reporting(client, clock) as reporter:  # type: ignore[arg-type]  # as above
        await clock.sleep(12)
        await reporter.report(Progress("g1", "processing", 0.3))
        await clock.sleep(31)
    await clock.sleep(60)
    times = [0.0, *(at for at, *_ in client.heard)]
    assert max(b - a for a, b in itertools.pairwise(times)) <= SILENCE + 0.2
    assert times[-1] <= 43, "a call that ended goes on talking"
    fractions = [fraction for _, fraction, _ in client.heard]
    assert fractions == sorted(set(fractions)) and "g1" in client.heard[-1][2]


async def test_a_client_that_left_does_not_break_the_wait() -> None:
    class Gone:
        async def report_progress(self, *_: Any) -> None:
            raise anyio.ClosedResourceError

    await Reporter(Gone(), FakeClock()).report(Progress("g1", "processing", 0.3))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_progress_reaches_the_client(settings: Settings, mode: str) -> None:
    seen: list[tuple[float, str]] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message or ""))

    with Sandbox(picture_height=96, speed=150) as hub:
        async with Client(
            build_server(settings=replace(settings, base_url=hub.base_url), options=QUIET), mode=mode
        ) as client:
            answer = await client.call_tool("generate_video", {"prompt": "a fox"}, progress_callback=heard)
    assert words(answer)["status"] == "succeeded" and seen
    assert words(answer)["generation_id"] in seen[-1][1]
    assert [one for one, _ in seen] == sorted({one for one, _ in seen})


def test_the_wait_ends_before_clients_lose_patience(settings: Settings) -> None:
    class Studio:
        def __init__(self, wait: float | None) -> None:
            self.settings = replace(settings, wait=wait)

    assert WAIT <= 45 and LONGEST < 60
    assert limits(Studio(None)) == (WAIT, LONGEST)  # type: ignore[arg-type]  # only its settings are asked
    assert limits(Studio(20)) == (20, LONGEST)  # type: ignore[arg-type]
    assert limits(Studio(300)) == (300, 300)  # type: ignore[arg-type]


async def test_an_agent_cannot_ask_for_a_longer_wait_than_clients_have(settings: Settings) -> None:
    waited: list[float] = []

    async def handler(studio: Any, request: Any, call: Any) -> Any:
        waited.append(call.seconds(request.wait_seconds))
        return TABLE["get_video"].answer(next="")

    row = replace(TABLE["get_video"], handler=handler)
    service = serving(settings=settings, options=QUIET)
    from contextlib import asynccontextmanager

    from oxen_video_tools.mcp.service import Service

    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        yield service

    server: MCPServer[Service] = MCPServer("x", tools=[project_tools(row)], lifespan=lifespan, log_level="ERROR")
    async with Client(server) as client:
        for wait in (600, 10, None):
            arguments = {"generation_ids": ["g1"], **({"wait_seconds": wait} if wait else {})}
            assert not (await client.call_tool("get_video", arguments)).is_error
    assert waited == [LONGEST, 10, WAIT]
