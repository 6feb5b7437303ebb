"""Films in the ledger: a row says what was agreed to and who makes it; each job is a job like any other, with its part.

Rows are locked in one order everywhere: the account, the film, its jobs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..studio.films.record import Film, dump_film, load_film
from .jobs import drop, lock_account, reserve
from .records import CLIP_COLUMNS, JOB_COLUMNS, Booking, GenerationRow, Intent, Job, job_of, to_json
from .transactions import Steps, job_named

# How films stand in the ledger: what was agreed to, and each part with what became of it. Readings only.

FILM_COLUMNS = (
    "film, scope, request, take, way, model, jobs, asked, agreed, created, state, owner, lease, note, ended, "
    "file, sha256, size, duration"
)
PartState = Literal["open", "sending", "running", "done", "failed"]


@dataclass(frozen=True)
class FilmPart:
    """One job of a film. number: from 0.  job: its last try, None before the first.  clip: what the hub made of it."""

    number: int
    job: Job | None = None
    clip: GenerationRow | None = None

    @property
    def state(self) -> PartState:
        """How it stands. "open": not paid for yet, and nobody said no."""
        if self.job is None or self.job.state in ("planned", "dropped"):
            return "open"
        if self.job.state == "succeeded":
            return "done"
        return self.job.state if self.job.state in ("sending", "running") else "failed"


@dataclass(frozen=True)
class FilmStatus:
    """A film as the ledger has it. tries: every job that was ever booked for it."""

    film: Film
    parts: tuple[FilmPart, ...]
    tries: tuple[Job, ...] = field(repr=False)

    def is_live(self, now: float) -> bool:
        """Whether a process is at work on it."""
        return self.film.owner is not None and self.film.lease > now

    def in_state(self, *states: PartState) -> tuple[FilmPart, ...]:
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
    planned, shares = load_film(jobs)
    return Film(film, scope, request, take, way, model, planned, shares, json.loads(asked), agreed, created, *rest)


def film_status(film: str) -> Steps[FilmStatus | None]:
    """The film with all its parts, as of one moment."""
    found = yield from film_named(film)
    if found is None:
        return None
    tries = yield from _tries("film = ?", film)
    last = {part.number: part for part in tries}  # of several tries at one part, the last
    parts = tuple(last.get(number) or FilmPart(number) for number in range(len(found.jobs)))
    return FilmStatus(found, parts, tuple(part.job for part in tries if part.job is not None))


def part_of(film: str, number: int) -> Steps[FilmPart]:
    """One part of a film."""
    tries = yield from _tries("film = ? and part = ?", film, number)
    return tries[-1] if tries else FilmPart(number)


def _tries(which: str, *values: str | int) -> Steps[list[FilmPart]]:
    """Every try at the parts, in their order and that of time; the one that holds its part is a part's last."""
    rows = yield (
        f"select {CLIP_COLUMNS} from clips where job in (select job from jobs where {which}) order by position",
        values,
    )
    made: dict[str, list[GenerationRow]] = {}
    for row in rows:
        clip = GenerationRow(*row)
        made.setdefault(str(clip.job), []).append(clip)
    rows = yield f"select {JOB_COLUMNS} from jobs where {which} order by part, holds, created, job", values
    found = []
    for row in rows:
        its = made.get(row[0], [])
        job = job_of(row, tuple(clip.generation_id for clip in its))
        found.append(FilmPart(job.part, job, its[0] if its else None))
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


def newest_films(scope: str, most: int) -> Steps[list[FilmStatus]]:
    """The last films of an account, newest first."""
    rows = yield "select film from films where scope = ? order by created desc, film limit ?", (scope, most)
    found = []
    for (film,) in rows:
        one = yield from film_status(film)
        if one is not None:
            found.append(one)
    return found


def begin_film(
    film: Film, intents: Sequence[Intent], owner: str, now: float, lease: float, budget: int | None
) -> Steps[bool]:
    """Write a film down and reserve the price of the whole: all of it, or nothing. False: it was there already.

    Raises Paused, OverBudget.
    """
    yield from lock_account(film.scope)
    if (yield from film_named(film.film)) is not None:
        return False
    yield from reserve(intents, owner, now, lease, budget)
    yield (
        f"insert into films ({FILM_COLUMNS}) values ({', '.join('?' * 19)})",
        (
            *(film.film, film.scope, film.request, film.take, film.way, film.model, dump_film(film.jobs, film.shares)),
            *(to_json(film.asked), film.agreed, now, "open", owner, now + lease, None, None, None, None, None, None),
        ),
    )
    return True


def resume_film(
    film: Film, intents: Sequence[Intent], agreed: int, owner: str, now: float, lease: float, budget: int | None
) -> Steps[bool]:
    """Go on with a film that nobody makes: `intents` are reserved together. False: somebody is at work on it, or has
    been since it was reckoned up, so that this would go beyond what was agreed to.

    Raises Paused, OverBudget.
    """
    yield from lock_account(film.scope)
    rows = yield "select owner, lease from films where film = ? {locked}", (film.film,)
    if rows[0][0] not in (None, owner) and rows[0][1] > now:
        return False
    if intents:
        found = yield from film_status(film.film)
        assert found is not None
        free = {part.number for part in found.in_state("open", "failed")}
        needed = sum(intent.reserved for intent in intents if intent.part in free)
        if needed and found.spent + needed > agreed + len(found.parts):  # each share may be rounded up
            return False
        yield from reserve(intents, owner, now, lease, budget)
    yield (
        "update films set owner = ?, lease = ?, agreed = ?, state = 'open', note = null, ended = null where film = ?",
        (owner, now + lease, agreed, film.film),
    )
    return True


def hold_film(film: str, owner: str, now: float, lease: float) -> Steps[bool]:
    """Keep it, and what is reserved for it, a while longer. False: it is not the owner's any more, or was cancelled.

    A reservation that ran out is not taken back: somebody may have spent the money. It has to be booked again.
    """
    if not (yield from _is_owned(film, owner)):
        return False
    yield "update films set lease = ? where film = ?", (now + lease, film)
    yield (
        "update jobs set lease = ? where film = ? and owner = ? and state = 'planned' and lease > ?",
        (now + lease, film, owner, now),
    )
    return True


def _is_owned(film: str, owner: str) -> Steps[bool]:
    rows = yield "select film from films where film = ? and owner = ? and state = 'open' {locked}", (film, owner)
    return bool(rows)


def fill_part(
    job: Job, owner: str, body: dict[str, Any], now: float, lease: float, sender: str | None = None
) -> Steps[Job | None]:
    """The body as it is sent, in the place of the one that was planned. None: it is not the owner's to send, or what
    was reserved for it has run out. sender: who owns this one booking from here on.
    """
    if not (yield from _is_owned(str(job.film), owner)):
        return None
    rows = yield (
        "select job from jobs where job = ? and owner = ? and state = 'planned' and lease > ? {locked}",
        (job.job, owner, now),
    )
    if not rows:
        return None
    yield (
        "update jobs set body = ?, lease = ?, owner = ? where job = ?",
        (to_json(body), now + lease, sender or owner, job.job),
    )
    return (yield from job_named(job.job))


def rebook_film(intent: Intent, owner: str, now: float, lease: float, budget: int | None) -> Steps[Booking | None]:
    """Book a part again that was given up before its first byte. None: the film is not the owner's any more."""
    yield from lock_account(intent.scope)
    if not (yield from _is_owned(str(intent.film), owner)):
        return None
    [booking] = yield from reserve([intent], owner, now, lease, budget)
    return booking


def release_film(film: Film, owner: str, now: float, note: str | None) -> Steps[None]:
    """Nobody makes it any more, and what was reserved for parts that were never sent is free. note: why it stopped."""
    yield from lock_account(film.scope)
    if not (yield "select film from films where film = ? and owner = ? {locked}", (film.film, owner)):
        return
    yield from _drop_planned(film.film, now)
    yield (
        "update films set owner = null, lease = 0, note = coalesce(?, note), ended = ? where film = ?",
        (note, now, film.film),
    )


def _drop_planned(film: str, now: float) -> Steps[None]:
    rows = yield "select job from jobs where film = ? and state = 'planned'", (film,)
    for (job,) in rows:
        yield from drop(job, now, "its film stopped before it")


def cancel_film(film: Film, now: float) -> Steps[bool]:
    """Stop the rest: nothing more of it is sent. What was agreed to is over. False: it was delivered already."""
    yield from lock_account(film.scope)
    rows = yield "select state from films where film = ? {locked}", (film.film,)
    if rows[0][0] == "delivered":
        return False
    yield from _drop_planned(film.film, now)
    yield (
        """update films set state = 'cancelled', agreed = 0, owner = null, lease = 0, note = null, ended = ?
            where film = ?""",
        (now, film.film),
    )
    return True


@dataclass(frozen=True)
class FilmDelivery:
    """How a film was delivered. note: why its shots were not joined, where they were not."""

    file: str | None = None
    sha256: str | None = None
    size: int | None = None
    duration: float | None = None
    note: str | None = None


def record_delivery(film: str, cut: FilmDelivery, owner: str, now: float) -> Steps[bool]:
    """Delivered: joined to one file, or, where that can't be, shot by shot.

    False: it was cancelled, or somebody else is making it, who still needs its shots.
    """
    rows = yield (
        "select film from films where film = ? and state <> 'cancelled' and (owner is null or owner = ? or lease <= ?)"
        " {locked}",
        (film, owner, now),
    )
    if not rows:
        return False
    yield (
        """update films set state = 'delivered', file = ?, sha256 = ?, size = ?, duration = ?, note = ?, ended = ?
            where film = ?""",
        (cut.file, cut.sha256, cut.size, cut.duration, cut.note, now, film),
    )
    return True
