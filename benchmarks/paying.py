"""What the studio costs on top of the hub: enqueue and get with the ledger, beside raw httpx on the same hub."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from statistics import median

import httpx

from benchmarks.floors import DurableWrites, milliseconds
from benchmarks.hub import BODY, running
from benchmarks.table import Row, against_floor
from oxen_video_tools import AsyncStudio

SINGLE = 200  # of each, one after another
AT_ONCE, MANY = 100, 400  # callers, and videos in all
ROUNDS = 9


class Raw:
    """The least that a client can do."""

    def __init__(self, client: httpx.AsyncClient, address: str) -> None:
        self._client, self._queue = client, f"{address}/api/ai/queue"

    async def enqueue(self) -> str:
        answer = await self._client.post(self._queue, json=BODY)
        return str(answer.json()["generations"][0]["generation_id"])

    async def get(self, generation_id: str) -> str:
        return str((await self._client.get(f"{self._queue}/{generation_id}")).json()["status"])


class Ours:
    """Planned, priced, written down, paid once."""

    def __init__(self, studio: AsyncStudio) -> None:
        self._studio = studio

    async def enqueue(self) -> str:
        return (await self._studio.generate(**BODY, wait_seconds=0)).generation_id

    async def get(self, generation_id: str) -> str:
        return (await self._studio.get(generation_id)).status


async def _timed(step: Callable[[], Awaitable[str]], into: list[float]) -> str:
    began = time.perf_counter()
    answer = await step()
    into.append((time.perf_counter() - began) * 1e3)
    return answer


async def _singly(clients: Mapping[str, Raw | Ours], writes: DurableWrites) -> dict[str, list[float]]:
    """Milliseconds of each call, and of two durable writes; they take turns."""
    taken: dict[str, list[float]] = {f"{name} {verb}": [] for name in clients for verb in ("enqueue", "get")}
    taken["writes"] = []
    for turn in range(SINGLE + 10):
        for name, client in clients.items():
            job = await _timed(client.enqueue, taken[f"{name} enqueue"])
            await _timed(lambda client=client, job=job: client.get(job), taken[f"{name} get"])
        taken["writes"].append(milliseconds(writes.write, 1))
        if turn == 9:  # warm
            for one in taken.values():
                one.clear()
    return taken


async def _throughput(client: Raw | Ours) -> float:
    """Videos enqueued and read, a second, by so many callers at once."""
    left = iter(range(MANY))

    async def caller() -> None:
        for _ in left:
            await client.get(await client.enqueue())

    began = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(AT_ONCE)])
    return MANY / (time.perf_counter() - began)


async def _measured(address: str, folder: Path) -> tuple[dict[str, list[float]], list[float], list[float]]:
    async with (
        # httpx as it comes, a hundred connections of which it keeps twenty: with more kept, its pool becomes slower
        httpx.AsyncClient(headers={"Authorization": "Bearer bench"}, timeout=60) as client,
        AsyncStudio(api_key="bench", base_url=address, ledger=f"sqlite:///{folder / 'ledger.db'}") as studio,
        AsyncStudio(api_key="bench", base_url=address, ledger="memory:") as forgetful,
    ):
        raw, ours = Raw(client, address), Ours(studio)
        with closing(DurableWrites(folder)) as writes:
            singly = await _singly({"raw": raw, "ours": ours, "memory": Ours(forgetful)}, writes)
        theirs, mine = [], []
        for _ in range(ROUNDS):
            theirs.append(await _throughput(raw))
            mine.append(await _throughput(ours))
    return singly, theirs, mine


def rows() -> list[Row]:
    """Singly, then a hundred at once; the ledger is a file."""
    with running() as address, tempfile.TemporaryDirectory() as folder:
        singly, theirs, mine = asyncio.run(_measured(address, Path(folder)))
    table = []
    for verb, floor, most in (
        ("enqueue", "raw httpx and two writes that wait for the disk", 2.0),
        ("get", "raw httpx, same hub", 3.0),
    ):
        raw, ours, memory = (median(singly[f"{name} {verb}"]) for name in ("raw", "ours", "memory"))
        writes = median(singly["writes"]) if verb == "enqueue" else 0.0
        table.append(
            against_floor(
                f"{verb} through the studio with the ledger",
                floor,
                ours,
                raw + writes,
                most=most,
                unit="ms",
                words=f"{ours - raw:.1f} ms more than raw httpx, {memory - raw:.1f} ms with the ledger in memory"
                + (f"; the two writes alone take {writes:.1f} ms" if writes else ""),
                limit=LIMITS[verb],
            )
        )
    ratio = median(a / b for a, b in zip(mine, theirs, strict=True))
    table.append(
        Row(
            f"throughput, enqueue + get, {AT_ONCE} at once",
            "the same",
            "≥ 0.8 ×",
            f"{ratio:.2f} ×: {median(mine):.0f} against {median(theirs):.0f} a second",
            ratio >= 0.8,
            "" if ratio >= 0.8 else LIMITS["throughput"],
            ours=median(mine),
            theirs=median(theirs),
            unit="videos a second",
        )
    )
    return table


LIMITS = {
    "enqueue": "The disk: a paid request is marked before its first byte leaves, and its answer is written down; each "
    "of the two waits until SQLite has it on the disk (`synchronous=full`).",
    "get": "The answer is joined with what the ledger knows: a read on the ledger's own thread.",
    "throughput": "One process on one core does all of it, httpx's part included; this hub answers from memory at "
    "once, so that only the client is measured.",
}
