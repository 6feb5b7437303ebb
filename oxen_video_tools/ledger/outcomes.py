"""Outcomes of jobs: status, real cost, file; and sums of what was spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from typing import NamedTuple

from .jobs import DAY, TOTAL_COST, finish_if_all_done
from .records import CLIP_COLUMNS, INSERT_CLIP, GenerationRow, Job
from .transactions import Steps, clips, job_named


def record_status(scope: str, seen: Sequence[GenerationRow], now: float) -> Steps[list[str]]:
    """Record the hub's status of generations. Unknown ones are added: they belong to no intent and to no budget.
    Returns the jobs that ended by it.
    """
    known = yield from clips(scope, [clip.generation_id for clip in seen])
    changed: set[str] = set()
    for clip in seen:
        before = known.get(clip.generation_id)
        if before is None:
            adopted = replace(clip, scope=scope, job=None, file=None, sha256=None, size=None)
            yield f"{INSERT_CLIP} on conflict do nothing", astuple(adopted)
        elif before.status != clip.status and not before.is_terminal:
            yield (
                """update clips set status = ?, error = ?, model = coalesce(model, ?), created = coalesce(?, created),
                    ended = ? where scope = ? and generation_id = ?""",
                (
                    *(clip.status, clip.error, clip.model, clip.created),
                    *((clip.ended or now) if clip.is_terminal else None, scope, clip.generation_id),
                ),
            )
            if before.job is not None:
                changed.add(before.job)
    ended = []
    for job in sorted(changed):
        if (yield from finish_if_all_done(job, now)):
            ended.append(job)
    return ended


def record_cost(scope: str, costs: Mapping[str, int]) -> Steps[None]:
    """The real cost of generations, in micro-dollars, as the hub billed it."""
    for generation_id, cost in costs.items():
        yield (
            "update clips set cost = ? where scope = ? and generation_id = ? and (cost is null or cost <> ?)",
            (cost, scope, generation_id, cost),
        )
        rows = yield "select job from clips where scope = ? and generation_id = ?", (scope, generation_id)
        if rows and rows[0][0]:
            yield (
                f"update jobs set {TOTAL_COST} where job = ? and state in ('succeeded', 'failed', 'cancelled')",
                (rows[0][0],),
            )


class Unsettled(NamedTuple):
    """A generation of ours that has ended and whose real cost is not known yet.

    namespace: where it is kept and billed; None is the account's own.
    """

    clip: GenerationRow
    namespace: str | None


def unsettled(scope: str, since: float, most: int = 1000) -> Steps[list[Unsettled]]:
    """The generations whose cost is still looked for. since: Unix seconds of their POST."""
    columns = ", ".join(f"clips.{column}" for column in CLIP_COLUMNS.split(", "))
    rows = yield (
        f"""select jobs.namespace, {columns} from jobs join clips on clips.job = jobs.job
            where jobs.scope = ? and jobs.cost is null and jobs.sent > ?
            and clips.cost is null and clips.status in ('succeeded', 'failed', 'cancelled')
            order by jobs.sent limit ?""",
        (scope, since, most),
    )
    return [Unsettled(GenerationRow(*row), namespace) for namespace, *row in rows]


def delivered(scope: str, generation_id: str, file: str, sha256: str, size: int) -> Steps[None]:
    """Where a result lies."""
    kept = GenerationRow(scope, generation_id, status="succeeded", file=file, sha256=sha256, size=size)
    yield (
        f"""{INSERT_CLIP} on conflict (scope, generation_id) do update set
            file = excluded.file, sha256 = excluded.sha256, size = excluded.size""",
        astuple(kept),
    )


def undelivered(scope: str, since: float, most: int = 200) -> Steps[list[str]]:
    """Good results of ours that were never saved. since: Unix seconds of their POST."""
    rows = yield (
        """select clips.generation_id from clips join jobs on jobs.job = clips.job where clips.scope = ?
            and clips.status = 'succeeded' and clips.file is null and jobs.sent > ? order by jobs.sent limit ?""",
        (scope, since, most),
    )
    return [row[0] for row in rows]


def typical(scope: str, model: str, most: int = 50) -> Steps[float | None]:
    """The median of the seconds that this model took for its last results."""
    rows = yield (
        """select ended - created from clips where scope = ? and model = ? and status = 'succeeded'
            and ended > created order by ended desc limit ?""",
        (scope, model, most),
    )
    lengths = sorted(row[0] for row in rows)
    return float(lengths[len(lengths) // 2]) if lengths else None


def claim_unfinished(scope: str, now: float, most: int = 50) -> Steps[list[Job]]:
    """Claim unfinished jobs that were not claimed since `now`; concurrent callers never get the same one."""
    rows = yield (
        """select job from jobs where scope = ? and state in ('planned', 'sending', 'running') and walked < ?
            and (state = 'running' or lease <= ?) order by walked, job limit ? {skipping}""",
        (scope, now, now, most),
    )
    jobs = []
    for (job,) in rows:
        yield "update jobs set walked = ? where job = ?", (now, job)
        found = yield from job_named(job)
        if found is not None:
            jobs.append(found)
    return jobs


def set_paused(paused: bool, now: float) -> Steps[None]:
    """Stop all spending through this ledger, or allow it again."""
    if paused:
        yield "insert into switches (name, since) values ('paused', ?) on conflict do nothing", (now,)
    else:
        yield "delete from switches where name = 'paused'", ()


class DaySum(NamedTuple):
    """What one model's jobs of one day came to.

    day: whole days since 1970 (UTC).
    cost: micro-dollars, real or reserved.
    unpriced: jobs of unknown price.
    """

    day: int
    model: str
    jobs: int
    cost: int
    unpriced: int


def spent(scope: str) -> Steps[list[DaySum]]:
    """Everything that may have cost something, by day and model. The database keeps the sums of what has ended (see
    `schema`); only running jobs are read one by one.
    """
    sums = yield (
        "select day, model, jobs, cost, unpriced from spending where scope = ? and jobs > 0 order by day, model",
        (scope,),
    )
    found = {row[:2]: DaySum._make(row) for row in sums}
    under_way = yield (  # found by their states: of these there are few
        """select sent, model, coalesce(cost, reserved), case when cost is null and estimate is null and reserved = 0
            then 1 else 0 end from jobs where scope = ? and state in ('sending', 'running')""",
        (scope,),
    )
    for sent, model, cost, unpriced in under_way:
        if sent is not None:
            key = int(sent // DAY), model
            one = found.get(key) or DaySum(*key, 0, 0, 0)
            found[key] = DaySum(*key, one.jobs + 1, one.cost + cost, one.unpriced + unpriced)
    return sorted(found.values())


class Ending(NamedTuple):
    """A video or a film of this ledger that has ended.

    kind: "video", "film", or "shot" for a failed clip of a film.
    film: the film of such a shot.
    ended: Unix seconds.
    """

    generation_id: str
    kind: str
    status: str
    model: str | None
    ended: float
    film: str | None = None


def endings(scope: str, since: float, most: int) -> Steps[list[Ending]]:
    """What has ended after `since` (Unix seconds), the oldest first. Of a film's shots only failed ones: the film's own
    end covers the others.
    """
    rows = yield (
        """select clips.generation_id, clips.status, clips.model, clips.ended,
                case when jobs.call is null then jobs.film end
            from clips join jobs on clips.job = jobs.job
            where clips.scope = ? and clips.ended > ? and clips.status in ('succeeded', 'failed', 'cancelled')
                and (jobs.film is null or jobs.call is not null or clips.status = 'failed')
            order by clips.ended, clips.generation_id limit ?""",
        (scope, since, most),
    )
    found = [
        Ending(one, "shot" if film else "video", status, model, ended, film) for one, status, model, ended, film in rows
    ]
    rows = yield (
        """select film, state, model, ended from films where scope = ? and ended > ?
            and (state in ('delivered', 'cancelled') or owner is null and note is not null)
            order by ended, film limit ?""",
        (scope, since, most),
    )
    states = {"delivered": "succeeded", "cancelled": "cancelled"}
    found += [Ending(film, "film", states.get(state, "failed"), model, ended) for film, state, model, ended in rows]
    return sorted(found, key=lambda one: (one.ended, one.generation_id))[:most]
