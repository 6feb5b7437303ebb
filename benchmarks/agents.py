"""1,000 agents' tool calls at once through LangChain, asynchronous and from threads, beside as many raw requests."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
from langchain_core.tools import tool

from benchmarks.hub import BODY, running
from benchmarks.table import Row, against_floor, at_percent
from oxen_video_tools.hub import HubClient
from oxen_video_tools.hub.transport import AT_ONCE
from oxen_video_tools.langchain import GetVideo

AGENTS = 1000
ARRIVING = 10.0  # seconds over which calls begin, in the second measurement
Taken = list[float]


def asked(generation_id: str) -> dict[str, Any]:
    """One call's arguments: the jobs never end, so nobody waits."""
    return {"generation_ids": [generation_id], "wait_seconds": 0}


async def _jobs(address: str) -> list[str]:
    async with HubClient(api_key="bench", base_url=address) as hub:
        return [(await hub.enqueue(BODY))[0].generation_id for _ in range(50)]


async def _at_once(ask: Callable[[str], Any], ids: list[str], pause: float = 0.0) -> Taken:
    """Milliseconds of each call, from when its agent made it."""
    taken = []

    async def agent(n: int) -> None:
        await asyncio.sleep(n * pause)
        began = time.perf_counter()
        await ask(ids[n % len(ids)])
        taken.append((time.perf_counter() - began) * 1e3)

    await asyncio.gather(*[agent(n) for n in range(AGENTS)])
    return taken


async def _raw(address: str, ids: list[str], pause: float = 0.0) -> Taken:
    """With no more under way than ours: httpx left alone with a thousand takes twenty times as long."""
    places = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(timeout=120) as client:

        async def ask(one: str) -> None:
            async with places:
                (await client.get(f"{address}/api/ai/queue/{one}")).raise_for_status()

        return await _at_once(ask, ids, pause)


async def _bare(address: str, ids: list[str], pause: float = 0.0) -> Taken:
    """The same raw request in the least of LangChain tools: what LangChain itself takes."""
    places = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(timeout=120) as client:

        @tool
        async def bare(generation_id: str) -> str:
            """Nothing but the request."""
            async with places:
                return (await client.get(f"{address}/api/ai/queue/{generation_id}")).text

        return await _at_once(lambda one: bare.ainvoke({"generation_id": one}), ids, pause)


async def _tools(ours: GetVideo, ids: list[str], pause: float = 0.0) -> Taken:
    async def ask(one: str) -> None:
        answer = json.loads(await ours.ainvoke(asked(one)))
        assert answer.get("status") == "processing", answer

    return await _at_once(ask, ids, pause)


def _in_threads(ask: Callable[[str], None], ids: list[str]) -> Taken:
    """A thread for each agent, all let go at the same moment."""
    gate = Barrier(AGENTS)

    def agent(n: int) -> float:
        gate.wait()
        began = time.perf_counter()
        ask(ids[n % len(ids)])
        return (time.perf_counter() - began) * 1e3

    with ThreadPoolExecutor(AGENTS) as pool:
        return list(pool.map(agent, range(AGENTS)))


def _raw_threads(address: str, ids: list[str]) -> Taken:
    with httpx.Client(timeout=120) as client:
        return _in_threads(lambda one: client.get(f"{address}/api/ai/queue/{one}").raise_for_status() and None, ids)


def _bare_threads(address: str, ids: list[str]) -> Taken:
    with httpx.Client(timeout=120) as client:

        @tool
        def bare(generation_id: str) -> str:
            """Nothing but the request."""
            return client.get(f"{address}/api/ai/queue/{generation_id}").text

        def ask(one: str) -> None:
            bare.invoke({"generation_id": one})

        return _in_threads(ask, ids)


def _threads(ours: GetVideo, ids: list[str]) -> Taken:
    def ask(one: str) -> None:
        assert "processing" in ours.invoke(asked(one))

    return _in_threads(ask, ids)


LIMIT = (
    "All of them are one Python process on one core, and a call is a millisecond or two of it: LangChain's own run "
    "and callbacks, the hop to the studio's thread and back, the read, the ledger. The last of a thousand that begin "
    "in one instant waits for all the others, and the two threads hand Python's lock to each other for every call."
)


def _row(what: str, ours: Taken, theirs: Taken, bare: Taken) -> Row:
    assert len(ours) == AGENTS
    p99 = {name: at_percent(taken, 99) for name, taken in (("ours", ours), ("raw", theirs), ("bare", bare))}
    return against_floor(
        what,
        "the raw request in a bare LangChain tool, as many at once",
        p99["ours"],
        p99["bare"],
        most=1.5,
        unit="ms, p99",
        words=f"{len(ours):,} answered; raw httpx without LangChain: {p99['raw']:,.0f} ms",
        limit=LIMIT,
    )


def rows() -> list[Row]:
    """Everybody in the same instant, and a hundred a second."""
    with running() as address, tempfile.TemporaryDirectory() as folder:
        os.environ |= {"OXEN_API_KEY": "bench", "OXEN_BASE_URL": address}
        os.environ["OXEN_VIDEO_LEDGER"] = f"sqlite:///{Path(folder) / 'ledger.db'}"
        ours, ids = GetVideo(), asyncio.run(_jobs(address))
        ours.invoke(asked(ids[0]))  # the studio is open
        asyncio.run(_tools(ours, ids))
        pause = ARRIVING / AGENTS
        instant = [asyncio.run(one) for one in (_tools(ours, ids), _raw(address, ids), _bare(address, ids))]
        steady = [
            asyncio.run(one)
            for one in (_tools(ours, ids, pause), _raw(address, ids, pause), _bare(address, ids, pause))
        ]
        threads = [_threads(ours, ids), _raw_threads(address, ids), _bare_threads(address, ids)]
        ours.portal.close()
    return [
        _row("1,000 agents' calls in one instant, LangChain async", *instant),
        _row("the same, synchronous, a thread each", *threads),
        _row("1,000 agents' calls, a hundred a second, LangChain async", *steady),
    ]
