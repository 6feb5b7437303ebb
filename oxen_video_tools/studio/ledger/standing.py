"""How films stand in the ledger: what was agreed to, and each part with what became of it. Readings only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..films.screenplay import Film, thawed
from .records import CLIP_COLUMNS, JOB_COLUMNS, Clip, Job, job_of
from .steps import Steps

FILM_COLUMNS = (
    "film, scope, request, take, way, model, jobs, asked, agreed, created, state, owner, lease, note, ended, "
    "file, sha256, size, duration"
)
PartState = Literal["open", "sending", "running", "done", "failed"]


@dataclass(frozen=True)
class Part:
    """One job of a film. number: from 0.  job: its last try, None before the first.  clip: what the hub made of it."""

    number: int
    job: Job | None = None
    clip: Clip | None = None

    @property
    def state(self) -> PartState:
        """How it stands. "open": not paid for yet, and nobody said no."""
        if self.job is None or self.job.state in ("planned", "dropped"):
            return "open"
        if self.job.state == "succeeded":
            return "done"
        return self.job.state if self.job.state in ("sending", "running") else "failed"


@dataclass(frozen=True)
class Standing:
    """A film as the ledger has it. tries: every job that was ever booked for it."""

    film: Film
    parts: tuple[Part, ...]
    tries: tuple[Job, ...] = field(repr=False)

    def is_live(self, now: float) -> bool:
        """Whether a process is at work on it."""
        return self.film.owner is not None and self.film.lease > now

    def in_state(self, *states: PartState) -> tuple[Part, ...]:
        """The parts in one of these states."""
        return tuple(part for part in self.parts if part.state in states)

    @property
    def is_shot(self) -> bool:
        """Whether every part is there."""
        return all(part.state == "done" for part in self.parts)

    @property
    def is_begun(self) -> bool:
        """Whether anything may have been paid."""
        return any(job.sent is not None and job.state not in ("refused", "dropped") for job in self.tries)

    @property
    def spent(self) -> int:
        """Micro-dollars: real costs where the hub told them, else what was reserved."""
        paid = [job for job in self.tries if job.state not in ("planned", "refused", "dropped")]
        return sum(job.reserved if job.cost is None else job.cost for job in paid)


def film_named(film: str) -> Steps[Film | None]:
    """The film of this id."""
    rows = yield f"select {FILM_COLUMNS} from films where film = ?", (film,)
    return _film(rows[0]) if rows else None


def _film(row: tuple[Any, ...]) -> Film:
    film, scope, request, take, way, model, jobs, asked, agreed, created, *rest = row
    planned, shares = thawed(jobs)
    return Film(film, scope, request, take, way, model, planned, shares, json.loads(asked), agreed, created, *rest)


def standing(film: str) -> Steps[Standing | None]:
    """The film with all its parts, as of one moment."""
    found = yield from film_named(film)
    if found is None:
        return None
    tries = yield from _tries("film = ?", film)
    last = {part.number: part for part in tries}  # of several tries at one part, the last
    parts = tuple(last.get(number) or Part(number) for number in range(len(found.jobs)))
    return Standing(found, parts, tuple(part.job for part in tries if part.job is not None))


def part_of(film: str, number: int) -> Steps[Part]:
    """One part of a film."""
    tries = yield from _tries("film = ? and part = ?", film, number)
    return tries[-1] if tries else Part(number)


def _tries(which: str, *values: str | int) -> Steps[list[Part]]:
    """Every try at the parts, in their order and that of time; the one that holds its part is a part's last."""
    rows = yield (
        f"select {CLIP_COLUMNS} from clips where job in (select job from jobs where {which}) order by position",
        values,
    )
    made: dict[str, list[Clip]] = {}
    for row in rows:
        clip = Clip(*row)
        made.setdefault(str(clip.job), []).append(clip)
    rows = yield f"select {JOB_COLUMNS} from jobs where {which} order by part, holds, created, job", values
    found = []
    for row in rows:
        its = made.get(row[0], [])
        job = job_of(row, tuple(clip.generation_id for clip in its))
        found.append(Part(job.part, job, its[0] if its else None))
    return found


def films_of(scope: str, generation_ids: Sequence[str]) -> Steps[dict[str, str]]:
    """Which of these generations are shots of which films."""
    found: dict[str, str] = {}
    for begin in range(0, len(generation_ids), 500):
        some = generation_ids[begin : begin + 500]
        rows = yield (
            f"""select clips.generation_id, jobs.film from clips join jobs on jobs.job = clips.job
                where clips.scope = ? and jobs.film is not null
                and clips.generation_id in ({", ".join("?" * len(some))})""",
            (scope, *some),
        )
        found |= dict(rows)
    return found


def newest_films(scope: str, most: int) -> Steps[list[Standing]]:
    """The last films of an account, newest first."""
    rows = yield "select film from films where scope = ? order by created desc, film limit ?", (scope, most)
    found = []
    for (film,) in rows:
        one = yield from standing(film)
        if one is not None:
            found.append(one)
    return found
