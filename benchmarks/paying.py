"""What the studio costs on top of the hub: enqueue and get with the ledger, beside raw httpx on the same hub."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import httpx

from benchmarks.hub import BODY, running
from benchmarks.table import Row, spread
from oxen_video_tools import AsyncStudio

SINGLE = 200  # of each, one after another
AT_ONCE, MANY = 100, 600  # callers, and videos in all
ROUNDS = 3
Step = Callable[[], Awaitable[str]]


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


async def _singly(raw: Raw, ours: Ours) -> dict[str, list[float]]:
    """Milliseconds of each call; they take turns."""
    taken: dict[str, list[float]] = {"raw enqueue": [], "raw get": [], "enqueue": [], "get": []}
    for turn in range(SINGLE + 10):
        for name, client in (("raw ", raw), ("", ours)):
            job = await _timed(client.enqueue, taken[f"{name}enqueue"])
            await _timed(lambda client=client, job=job: client.get(job), taken[f"{name}get"])
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
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=AT_ONCE)
    async with (
        httpx.AsyncClient(headers={"Authorization": "Bearer bench"}, limits=limits, timeout=60) as client,
        AsyncStudio(api_key="bench", base_url=address, ledger=f"sqlite:///{folder / 'ledger.db'}") as studio,
    ):
        raw, ours = Raw(client, address), Ours(studio)
        singly = await _singly(raw, ours)
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
    for verb in ("enqueue", "get"):
        more = median(singly[verb]) - median(singly[f"raw {verb}"])
        table.append(
            Row(
                f"{verb} through the studio with the ledger",
                "raw httpx, same body, same hub",
                "≤ 3 ms more",
                f"{more:.1f} ms more: {spread(singly[verb], 'ms')} against {spread(singly[f'raw {verb}'], 'ms')}",
                more <= 3,
                "" if more <= 3 else LIMITS[verb],
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
        )
    )
    return table


LIMITS = {
    "enqueue": "Each paid request is committed to the ledger before it leaves and after it is answered (SQLite, "
    "`synchronous=full`: on the disk), goes out on a connection of its own, and is planned and priced.",
    "get": "The answer is joined with what the ledger knows: reads on the ledger's own thread.",
    "throughput": "One Python thread does all of it: planning, four transactions a video, and the client that raw "
    "httpx is, too. This hub answers from memory within a millisecond, so all that is measured is the client; beside a "
    "hub that takes 50 ms the difference is not seen.",
}
