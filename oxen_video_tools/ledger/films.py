"""Films in the ledger: an order of clips, how they are joined, and who makes it. Each clip is a job like any other.

Rows are locked in one order everywhere: the account, the film, its jobs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .jobs import drop, lock_account, owns_film, reserve
from .records import JOB_COLUMNS, ClipRef, GenerationRow, Intent, Job, job_of, to_json
from .transactions import Steps, batches, clips_of, job_named

FILM_COLUMNS = (
    "film, scope, request, take, way, model, jobs, asked, agreed, created, state, owner, lease, note, ended, "
    "file, sha256, size, duration"
)
OF_PICTURE = "jobs.call is not null"  # of the jobs of a film: a sheet or a still, which has a call of its own
FilmState = Literal["open", "delivered", "cancelled"]
PartState = Literal["open", "sending", "running", "done", "failed"]


@dataclass(frozen=True)
class FilmRow:
    """A film's row. Times are Unix seconds, money is micro-dollars.

    request, take: of the call that asked for it (see `identity`).
    way: how its clips are joined.
    jobs: its clips as JSON text, in the form of `films.record`; each has its `ref`.
    agreed: what it may cost without asking a person again.
    owner: the process that makes it, until `lease`.
    note: why it stopped, or could not be joined.
    file: the joined film.
    size: bytes.
    duration: seconds.
    """

    film: str
    scope: str
    request: str
    take: int
    way: str
    model: str
    jobs: str = field(repr=False)
    asked: dict[str, Any] = field(repr=False)
    agreed: int
    created: float
    state: FilmState = "open"
    owner: str | None = None
    lease: float = 0.0
    note: str | None = None
    ended: float | None = None
    file: str | None = None
    sha256: str | None = None
    size: int | None = None
    duration: float | None = None

    @property
    def refs(self) -> tuple[ClipRef, ...]:
        """Its clips. In ledgers of before, the jobs of a film have the film's key and their number."""
        clips = json.loads(self.jobs)
        named = (one.get("ref") for one in clips)
        return tuple(
            ClipRef(*ref) if ref else ClipRef(self.request, self.take, number) for number, ref in enumerate(named)
        )


def film_of(row: tuple[Any, ...]) -> FilmRow:
    """A row of `films`, in the order of FILM_COLUMNS."""
    values = list(row)
    values[7] = json.loads(values[7])
    return FilmRow(*values)


@dataclass(frozen=True)
class Part:
    """One clip of a film.

    number: from 0.
    job: its last try, None before the first.
    clip: what the hub made of it.
    tries: every job that was ever booked for it, whoever booked it.
    """

    number: int
    ref: ClipRef
    job: Job | None = None
    clip: GenerationRow | None = None
    tries: tuple[Job, ...] = field(default=(), repr=False)

    @property
    def state(self) -> PartState:
        """How it stands. "open": not paid for yet, and nobody said no."""
        if self.job is None or self.job.state in ("planned", "dropped"):
            return "open"
        if self.job.state == "succeeded":
            return "done"
        return self.job.state if self.job.state in ("sending", "running") else "failed"

    def is_taken(self, now: float) -> bool:
        """Whether it is paid for, or is being paid for."""
        if self.state in ("sending", "running", "done"):
            return True
        return self.job is not None and self.job.state == "planned" and self.job.is_live(now)


@dataclass(frozen=True)
class FilmStatus:
    """A film as the ledger has it, as of one moment.

    pictures: sheets and stills that were booked together with its clips, each try by itself. They stand for themselves:
    what they came to counts against what was agreed to, and is no part of the film's own cost.
    """

    film: FilmRow
    parts: tuple[Part, ...]
    pictures: tuple[Part, ...] = ()

    def is_live(self, now: float) -> bool:
        """Whether a process is at work on it."""
        return self.film.owner is not None and self.film.lease > now

    def in_state(self, *states: PartState) -> tuple[Part, ...]:
        """The parts in one of these states."""
        return tuple(part for part in self.parts if part.state in states)

    @property
    def tries(self) -> tuple[Job, ...]:
        """Every clip that was booked for this film."""
        return tuple(job for part in self.parts for job in part.tries if job.film == self.film.film)

    @property
    def booked(self) -> tuple[Job, ...]:
        """Those, and the pictures that were booked with them."""
        return (*self.tries, *(one.job for one in self.pictures if one.job is not None))

    @property
    def is_shot(self) -> bool:
        """Whether every part is there."""
        return all(part.state == "done" for part in self.parts)

    @property
    def is_begun(self) -> bool:
        """Whether any clip may have been paid for it."""
        return any(job.sent is not None and job.state not in ("refused", "dropped") for job in self.tries)

    @property
    def spent(self) -> int:
        """Micro-dollars: real costs where the hub told them, else what was reserved."""
        return spent_on(self.booked)


def spent_on(jobs: Sequence[Job]) -> int:
    """Micro-dollars that these came to: real costs where the hub told them, else what was reserved."""
    paid = [job for job in jobs if job.state not in ("planned", "refused", "dropped")]
    return sum(job.reserved if job.cost is None else job.cost for job in paid)


# -- readings ----------------------------------------------------------------------------------------------------------


def film_named(film: str) -> Steps[FilmRow | None]:
    """The film of this id."""
    rows = yield f"select {FILM_COLUMNS} from films where film = ?", (film,)
    return film_of(rows[0]) if rows else None


def standing(film: str) -> Steps[FilmStatus | None]:
    """The film with all its parts."""
    found = yield from film_named(film)
    return None if found is None else (yield from _standing(found))


def _standing(film: FilmRow) -> Steps[FilmStatus]:
    parts = yield from parts_of(film.scope, film.refs)
    rows = yield (
        f"select {JOB_COLUMNS} from jobs where film = ? and {OF_PICTURE} order by created, request, job",
        (film.film,),
    )
    made = yield from clips_of([row[0] for row in rows])
    pictures = []
    for number, row in enumerate(rows):
        its = made.get(row[0], [])
        job = job_of(row, tuple(clip.generation_id for clip in its))
        pictures.append(Part(number, job.ref, job, its[0] if its else None, (job,)))
    return FilmStatus(film, parts, tuple(pictures))


def parts_of(scope: str, refs: Sequence[ClipRef]) -> Steps[tuple[Part, ...]]:
    """These clips with every try at them; the job that holds its clip is its last."""
    found: dict[ClipRef, list[Job]] = {}
    names = list(dict.fromkeys(ref.request for ref in refs if ref.take is not None))
    rows: list[tuple[Any, ...]] = []
    for marks, some in batches(names):
        rows += yield (
            f"""select {JOB_COLUMNS} from jobs where scope = ? and request in ({marks})
                order by holds, created, job""",
            (scope, *some),
        )
    wanted = set(refs)
    rows = [row for row in rows if ClipRef(row[2], row[3], row[4]) in wanted]
    made = yield from clips_of([row[0] for row in rows])
    for row in rows:
        job = job_of(row, tuple(clip.generation_id for clip in made.get(row[0], ())))
        found.setdefault(job.ref, []).append(job)
    parts = []
    for number, ref in enumerate(refs):
        tries = tuple(found.get(ref, ())) if ref.take is not None else ()
        last = tries[-1] if tries else None
        its = made.get(last.job, []) if last else []
        parts.append(Part(number, ref, last, its[0] if its else None, tries))
    return tuple(parts)


def remembered(scope: str, call: str, take: int) -> Steps[FilmStatus | Job | None]:
    """What the same call made before: the newest film, or the last attempt at a single job."""
    rows = yield (
        f"select {FILM_COLUMNS} from films where scope = ? and request = ? and take = ? order by created desc limit 1",
        (scope, call, take),
    )
    if rows:
        return (yield from _standing(film_of(rows[0])))
    rows = yield (
        "select job from jobs where scope = ? and call = ? and take = ? order by holds desc, created desc limit 1",
        (scope, call, take),
    )
    return (yield from job_named(rows[0][0])) if rows else None


def open_films(since: float) -> Steps[list[FilmRow]]:
    """The films of all accounts that are neither delivered nor cancelled and were begun after `since`."""
    rows = yield (
        f"select {FILM_COLUMNS} from films where state = 'open' and created > ? and jobs like ?",
        (since, '%"ref"%'),  # those that were begun before clips had keys name no media by content
    )
    return [film_of(row) for row in rows]


def newest_films(scope: str, most: int, *, without_refs: bool = False) -> Steps[list[FilmStatus]]:
    """The last films of an account, newest first. without_refs: only those that were written before clips had keys of
    their own.
    """
    only, values = ("and jobs not like ?", ('%"ref"%',)) if without_refs else ("", ())
    rows = yield (
        f"select {FILM_COLUMNS} from films where scope = ? {only} order by created desc, film limit ?",
        (scope, *values, most),
    )
    found = []
    for row in rows:
        found.append((yield from _standing(film_of(row))))
    return found


# -- making ------------------------------------------------------------------------------------------------------------


def start_film(
    film: FilmRow,
    intents: Sequence[Intent],
    owner: str,
    now: float,
    lease: float,
    budget: int | None,
    *,
    agreed: int | None = None,
) -> Steps[bool]:
    """Become a film's owner and reserve what this call pays for, pictures too: all of it, or nothing.

    agreed: resume a film that exists, for at most this sum; None: record a new one.
    False: a new one exists already; or a process makes it, or has made it since the price was worked out, so that this
    would exceed the agreed sum.
    Raises Paused, OverBudget.
    """
    yield from lock_account(film.scope)
    if agreed is not None:
        return (yield from _resume(film, intents, agreed, owner, now, lease, budget))
    if (yield from film_named(film.film)) is not None:
        return False
    if intents:
        yield from reserve(intents, owner, now, lease, budget)
    yield (
        f"insert into films ({FILM_COLUMNS}) values ({', '.join('?' * 19)})",
        (
            *(film.film, film.scope, film.request, film.take, film.way, film.model, film.jobs),
            *(to_json(film.asked), film.agreed, now, "open", owner, now + lease, None, None, None, None, None, None),
        ),
    )
    return True


def _resume(
    film: FilmRow, intents: Sequence[Intent], agreed: int, owner: str, now: float, lease: float, budget: int | None
) -> Steps[bool]:
    rows = yield "select owner, lease from films where film = ? {locked}", (film.film,)
    if rows[0][0] not in (None, owner) and rows[0][1] > now:
        return False
    if intents:
        found = yield from standing(film.film)
        assert found is not None
        parts = yield from parts_of(film.scope, [intent.ref for intent in intents])
        wanted = [intent for intent, part in zip(intents, parts, strict=True) if not part.is_taken(now)]
        needed = sum(intent.reserved for intent in wanted)
        if needed and found.spent + needed > agreed + len(found.parts):  # each share may be rounded up
            return False
        if wanted:
            yield from reserve(wanted, owner, now, lease, budget)
    yield (
        "update films set owner = ?, lease = ?, agreed = ?, state = 'open', note = null, ended = null where film = ?",
        (owner, now + lease, agreed, film.film),
    )
    return True


def hold_film(film: str, owner: str, now: float, lease: float) -> Steps[bool]:
    """Extend the lease of a film and its reservations. False: the owner lost it, or it was cancelled.

    An expired reservation is not renewed, because its money may have been spent meanwhile: it has to be made again.
    """
    if not (yield from owns_film(film, owner)):
        return False
    yield "update films set lease = ? where film = ?", (now + lease, film)
    yield (
        "update jobs set lease = ? where film = ? and owner = ? and state = 'planned' and lease > ?",
        (now + lease, film, owner, now),
    )
    return True


def fill_part(
    job: Job, owner: str, body: dict[str, Any], now: float, lease: float, sender: str | None = None
) -> Steps[Job | None]:
    """Store the body as it is sent, in place of the planned one. None: the owner may not send it, or its reservation
    expired. sender: the owner of this one reservation from here on.
    """
    if job.film is not None and not (yield from owns_film(job.film, owner)):
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


@dataclass(frozen=True)
class FilmDelivery:
    """It was joined to one file, or its shots were saved one by one.

    size: bytes.
    duration: seconds.
    note: why its shots were not joined, if they were not.
    """

    file: str | None = None
    sha256: str | None = None
    size: int | None = None
    duration: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class FilmStopped:
    """Its owner gives it up. note: why, if something went wrong."""

    note: str | None = None


@dataclass(frozen=True)
class FilmCancelled:
    """The rest is not made: nothing more of it is sent."""


FilmOutcome = FilmDelivery | FilmStopped | FilmCancelled


def record_film(film: str, outcome: FilmOutcome, owner: str, now: float) -> Steps[bool]:
    """Record what became of a film. One that is stopped or cancelled releases the reservations of unsent clips.

    False: nothing was written. It was delivered already (`FilmCancelled`); or `owner` is not making it (`FilmStopped`);
    or it was cancelled, or another process is making it and still needs its shots (`FilmDelivery`).
    """
    if isinstance(outcome, FilmDelivery):
        return (yield from _deliver(film, outcome, owner, now))
    scopes = yield "select scope from films where film = ?", (film,)
    if not scopes:
        return False
    yield from lock_account(scopes[0][0])
    rows = yield "select owner, state from films where film = ? {locked}", (film,)
    if isinstance(outcome, FilmStopped):
        if rows[0][0] != owner:
            return False
        yield from _drop_planned(film, now)
        yield (
            "update films set owner = null, lease = 0, note = coalesce(?, note), ended = ? where film = ?",
            (outcome.note, now, film),
        )
        return True
    if rows[0][1] == "delivered":
        return False
    yield from _drop_planned(film, now)
    yield (
        "update films set state = 'cancelled', owner = null, lease = 0, note = null, ended = ? where film = ?",
        (now, film),
    )
    return True


def _drop_planned(film: str, now: float) -> Steps[None]:
    rows = yield "select job from jobs where film = ? and state = 'planned'", (film,)
    for (job,) in rows:
        yield from drop(job, now, "its film stopped before it")


def _deliver(film: str, cut: FilmDelivery, owner: str, now: float) -> Steps[bool]:
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


# -- questions ---------------------------------------------------------------------------------------------------------


def ask_once(question: str, cost: int, now: float) -> Steps[tuple[int, bool]]:
    """What a person was first asked to agree to under this id, in micro-dollars; and whether that was in an earlier
    call.
    """
    before = yield "select cost from questions where question = ?", (question,)
    if before:
        return int(before[0][0]), True
    yield (
        "insert into questions (question, cost, asked) values (?, ?, ?) on conflict do nothing",
        (question, cost, now),
    )
    return cost, False
