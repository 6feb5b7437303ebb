"""The ledger's transactions, written once for both databases; this file has what they share, and simple queries.

Each is a generator that yields statements and is sent their rows: what runs them (a thread for SQLite, psycopg for
PostgreSQL) opens the transaction before the first statement and commits it when the generator returns. An exception
rolls everything back. `{locked}` becomes FOR UPDATE and `{skipping}` FOR UPDATE SKIP LOCKED where the database has
them; SQLite's transactions have the file to themselves.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Literal, TypeVar

from .records import CLIP_COLUMNS, JOB_COLUMNS, GenerationRow, Job, State, job_of

T = TypeVar("T")
BATCH = 500  # names in one statement
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
Steps = Generator[Statement, list[Row], T]
# now: on the disk before the caller goes on.  soon: written, and on the disk with the next "now" at the latest; what a
# power failure could take with it is harmless.  read: writes nothing, and waits for no other process's writing.
Durability = Literal["now", "soon", "read"]


def job_named(job: str) -> Steps[Job | None]:
    """The job of this id, its generation ids with it."""
    rows = yield f"select {JOB_COLUMNS} from jobs where job = ?", (job,)
    return (yield from whole(rows[0])) if rows else None


def find_jobs(scope: str, *, states: Sequence[State] = (), of: Sequence[str] = ()) -> Steps[list[Job]]:
    """The jobs in one of these states, and the jobs that made these generations (`of`); of each, oldest first."""
    rows: list[Row] = []
    if states:
        rows += yield (
            f"""select {JOB_COLUMNS} from jobs where scope = ? and state in ({", ".join("?" * len(states))})
                order by created, job""",
            (scope, *states),
        )
    names: list[str] = []
    for marks, some in batches(of):
        made = yield (
            f"""select distinct job from clips where scope = ? and job is not null
                and generation_id in ({marks})""",
            (scope, *some),
        )
        names += [row[0] for row in made]
    for marks, some in batches(names):
        rows += yield f"select {JOB_COLUMNS} from jobs where job in ({marks}) order by created, job", tuple(some)
    its = yield from clips_of([row[0] for row in rows])
    return [job_of(row, tuple(clip.generation_id for clip in its.get(row[0], ()))) for row in rows]


def batches(names: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """The names in batches, because databases limit the values of a statement; each with its placeholders."""
    for begin in range(0, len(names), BATCH):
        some = names[begin : begin + BATCH]
        yield ", ".join("?" * len(some)), some


def job_for_take(scope: str, request: str, take: int, part: int = 0) -> Steps[Job | None]:
    """The job that holds this take of this request."""
    rows = yield (
        f"select {JOB_COLUMNS} from jobs where scope = ? and request = ? and take = ? and part = ? and holds = 1",
        (scope, request, take, part),
    )
    return (yield from whole(rows[0])) if rows else None


def whole(row: Row) -> Steps[Job]:
    clips = yield "select generation_id from clips where job = ? order by position, generation_id", (row[0],)
    return job_of(row, tuple(clip[0] for clip in clips))


def clip_and_job(scope: str, generation_id: str) -> Steps[tuple[GenerationRow | None, Job | None]]:
    """What is known of one generation, and the job that made it."""
    clip = (yield from clips(scope, [generation_id])).get(generation_id)
    return clip, (yield from job_named(clip.job)) if clip and clip.job else None


def clips(scope: str, generation_ids: Sequence[str]) -> Steps[dict[str, GenerationRow]]:
    """What is known of these generations."""
    found: dict[str, GenerationRow] = {}
    for marks, some in batches(generation_ids):
        rows = yield (
            f"select {CLIP_COLUMNS} from clips where scope = ? and generation_id in ({marks})",
            (scope, *some),
        )
        found |= {row[1]: GenerationRow(*row) for row in rows}
    return found


def clips_of(jobs: Sequence[str]) -> Steps[dict[str, list[GenerationRow]]]:
    """The generations of these jobs, each job's in their order."""
    made: dict[str, list[GenerationRow]] = {}
    for marks, some in batches(jobs):
        rows = yield (
            f"select {CLIP_COLUMNS} from clips where job in ({marks}) order by position, generation_id",
            tuple(some),
        )
        for row in rows:
            clip = GenerationRow(*row)
            made.setdefault(str(clip.job), []).append(clip)
    return made


def is_paused() -> Steps[bool]:
    """Whether all spending is stopped."""
    rows = yield "select since from switches where name = 'paused'", ()
    return bool(rows)


def claim_interval(name: str, now: float, rest: float) -> Steps[bool]:
    """Whether the caller should do something now that all processes together do once in `rest` seconds."""
    yield "insert into switches (name, since) values (?, ?) on conflict do nothing", (name, now - rest - 1)
    rows = yield "select name from switches where name = ? and since < ? {locked}", (name, now - rest)
    yield "update switches set since = ? where name = ? and since < ?", (now, name, now - rest)
    return bool(rows)
