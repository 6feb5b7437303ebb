"""Films in the ledger: a row says what was agreed to and who makes it; each job is a job like any other, with its part.

Rows are locked in one order everywhere: the account, the film, its jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..films.screenplay import Film, frozen
from .booking import drop, lock_account, reserve
from .records import Booking, Intent, Job, packed
from .standing import FILM_COLUMNS, film_named, standing
from .steps import Steps, job_named


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
            *(film.film, film.scope, film.request, film.take, film.way, film.model, frozen(film.jobs, film.shares)),
            *(packed(film.asked), film.agreed, now, "open", owner, now + lease, None, None, None, None, None, None),
        ),
    )
    return True


def take_up(
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
        found = yield from standing(film.film)
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


def hold(film: str, owner: str, now: float, lease: float) -> Steps[bool]:
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


def fill(
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
        (packed(body), now + lease, sender or owner, job.job),
    )
    return (yield from job_named(job.job))


def rebook(intent: Intent, owner: str, now: float, lease: float, budget: int | None) -> Steps[Booking | None]:
    """Book a part again that was given up before its first byte. None: the film is not the owner's any more."""
    yield from lock_account(intent.scope)
    if not (yield from _is_owned(str(intent.film), owner)):
        return None
    [booking] = yield from reserve([intent], owner, now, lease, budget)
    return booking


def let_go(film: Film, owner: str, now: float, note: str | None) -> Steps[None]:
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
class Cut:
    """How a film was delivered. note: why its shots were not joined, where they were not."""

    file: str | None = None
    sha256: str | None = None
    size: int | None = None
    duration: float | None = None
    note: str | None = None


def cut_film(film: str, cut: Cut, owner: str, now: float) -> Steps[bool]:
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
