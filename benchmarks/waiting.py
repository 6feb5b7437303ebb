"""5,000 jobs waited for in one process: what it asks of the hub, when an end is noticed, memory and CPU."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.hub import running
from benchmarks.table import Row, against_floor, at_percent
from oxen_video_tools.hub import HubClient
from oxen_video_tools.studio.results import Progress
from oxen_video_tools.studio.waiter import Waiter
from tests.clocks import FakeClock
from tests.studio.waiter.scripted import ScriptedHub

JOBS = 5000
PEER = 5.0  # seconds between two polls of a job: what other clients of such queues do (2 to 10 s)
SHORT, LONG = 60.0, 600.0  # seconds that jobs take: a median of 5.5 minutes (Oxen docs: 1–15 minutes by model)
IDLE = 20.0  # seconds in which everybody waits and nothing ends
ENDS = 60.0  # seconds in which all of them end
LISTED = 10.0  # seconds between two lists while the event stream is up
QUIET, LOUD = 2.0, 5.0  # seconds: settling, and the longest that a first list may take


def scripted(clock: FakeClock, *, events: bool) -> ScriptedHub:
    """All jobs at once; their ends are spread evenly."""
    hub = ScriptedHub(clock, events_work=events)
    for n in range(JOBS):
        hub.add(str(n), SHORT + (LONG - SHORT) * n / JOBS)
    return hub


async def _ours(*, events: bool) -> tuple[int, list[float]]:
    """Requests, and how late each end was noticed, in virtual time."""
    clock = FakeClock()
    hub = scripted(clock, events=events)
    waiter = Waiter(hub, clock)
    late = []

    async def wait(job: str) -> None:
        await waiter.wait(job, seconds=3600)
        late.append(clock.monotonic() - (hub.jobs[job].ends or 0.0))

    await asyncio.gather(*[wait(one) for one in hub.jobs])
    await waiter.aclose()
    await hub.stop()
    return sum(hub.asked.values()), late


async def _theirs() -> int:
    clock = FakeClock()
    hub = scripted(clock, events=False)

    async def wait(job: str) -> None:
        while (await hub.get(job)).is_active:
            await clock.sleep(PEER)

    await asyncio.gather(*[wait(one) for one in hub.jobs])
    await hub.stop()
    return sum(hub.asked.values())


def _counted() -> list[Row]:
    ours, _ = asyncio.run(_ours(events=True))
    deaf, late_deaf = asyncio.run(_ours(events=False))
    theirs = asyncio.run(_theirs())
    poll = 10 * 1.1
    return [
        Row(
            "5,000 jobs of 1–10 minutes waited for: requests to the hub",
            f"a poll loop per job, every {PEER:.0f} s",
            "≤ 2 %",
            f"{ours / theirs:.2%}: {ours:,} against {theirs:,} ({JOBS:,} of ours read each result once); "
            f"{deaf / theirs:.2%} with a stream that says nothing. Counted in virtual time",
            ours / theirs <= 0.02,
            ours=ours,
            theirs=theirs,
            unit="requests",
        ),
        Row(
            "an end noticed without events",
            "–",
            "≤ one poll",
            f"p99 {at_percent(late_deaf, 99):.1f} s, longest {max(late_deaf):.1f} s, with polls 10–30 s apart",
            max(late_deaf) <= 30 * 1.1 + poll / 10,
            ours=at_percent(late_deaf, 99),
            unit="s",
        ),
    ]


def _resident() -> float:
    """Bytes of this process in memory."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return float("nan")


class Measured:
    """5,000 waits against a hub over HTTP, in real time."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.late: list[float] = []
        self.reports = 0

    def heard(self, _: Progress) -> None:
        self.reports += 1

    async def run(self) -> None:
        async with HubClient(api_key="bench", base_url=self.address) as hub, httpx.AsyncClient() as plain:
            spread = {"count": JOBS, "first": IDLE + QUIET + LOUD + 3, "last": IDLE + QUIET + LOUD + 3 + ENDS}
            ids = (await plain.post(f"{self.address}/bench/jobs", json=spread, timeout=60)).json()
            waiter = Waiter(hub)
            await waiter.wait(ids[0], seconds=QUIET)  # the stream is up, everything is loaded
            gc.collect()
            before = _resident()
            waits = [asyncio.ensure_future(self._wait(waiter, one)) for one in ids]
            await asyncio.sleep(LOUD)
            self.memory = (_resident() - before) / JOBS
            began, cpu, reports = time.monotonic(), time.process_time(), self.reports
            await asyncio.sleep(IDLE)
            passed = time.monotonic() - began
            self.list = await _parse_list(plain, f"{self.address}/api/ai/queue") / LISTED
            self.idle = (time.process_time() - cpu) / passed
            self.pace = (self.reports - reports) / passed
            await asyncio.gather(*waits)
            self.reading = await _read_singly(plain, f"{self.address}/api/ai/queue/{ids[0]}")
            self.requests: dict[str, int] = (await plain.get(f"{self.address}/bench/requests")).json()
            await waiter.aclose()

    async def _wait(self, waiter: Waiter, job: str) -> None:
        ended = await waiter.wait(job, seconds=600, on_progress=self.heard, media_type="video")
        assert ended.completed_at is not None
        self.late.append(time.time() - ended.completed_at)


async def _read_singly(plain: httpx.AsyncClient, url: str) -> float:
    """Milliseconds of a raw read, one after another: 99 of a hundred take no longer."""
    taken = []
    for _ in range(500):
        began = time.perf_counter()
        (await plain.get(url)).raise_for_status()
        taken.append((time.perf_counter() - began) * 1e3)
    return at_percent(taken, 99)


async def _parse_list(plain: httpx.AsyncClient, url: str) -> float:
    """CPU seconds of parsing the list of active jobs once."""
    content = (await plain.get(url, timeout=60)).content
    began = time.process_time()
    for _ in range(5):
        json.loads(content)
    return (time.process_time() - began) / 5


def _timed() -> list[Row]:
    with running() as address:
        measured = Measured(address)
        asyncio.run(measured.run())
    p50, p99 = (at_percent(measured.late, percent) * 1e3 for percent in (50, 99))
    asked: Any = measured.requests
    return [
        against_floor(
            "an end noticed with events, 5,000 ends in a minute",
            "a raw read of a job's record",
            p99,
            measured.reading,
            most=50,
            unit="ms, p99",
            words=f"p50 {p50:.0f} ms, with {asked['GET one']:,} reads and {asked['GET queue']} lists",
            limit="Each end is read again over HTTP before it counts, 83 a second here, on the core that also parses a "
            "list of thousands every ten seconds.",
        ),
        Row(
            "memory of one wait",
            "–",
            "≤ 20 kB",
            f"{measured.memory / 1000:.1f} kB, its record, its task and its listener included",
            measured.memory <= 20_000,
            ours=measured.memory / 1000,
            unit="kB",
        ),
        against_floor(
            "CPU while 5,000 wait and nothing ends",
            "`json.loads` of the list of active jobs, every ten seconds",
            measured.idle * 100,
            measured.list * 100,
            most=25,
            unit="% of a core",
            words=f"with {measured.pace:,.0f} progress reports a second",
            limit="The list of 5,000 active records, 1.6 MB of JSON every 10 s, and a report every 5 s to each.",
        ),
    ]


def rows() -> list[Row]:
    """Timed over loopback HTTP, and counted in virtual time."""
    timed = _timed()  # first, in a process whose memory nobody has used yet
    return [*_counted(), *timed]
