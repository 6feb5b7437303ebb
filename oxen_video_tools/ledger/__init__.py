"""A durable record of what was asked, sent, paid and delivered. SQLite for one machine, PostgreSQL for many.

The hub is authoritative for jobs, the ledger for intent and money. `Ledger` is all that the other
packages use. Its transactions are written once for both databases, in `jobs`, `outcomes`, `films` and `accounts`;
what runs them is in `sqlite` and `postgres`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import unquote
from uuid import uuid4

from ..clock import Clock
from ..errors import InvalidRequest
from ..settings import at_home
from . import accounts, films, jobs, outcomes, transactions
from .transactions import Durability, Steps

T = TypeVar("T")
P = ParamSpec("P")
LEASE = 60.0  # seconds: longer than a paid POST to the queue takes with all its tries


class Engine(Protocol):
    """What runs transactions."""

    async def run(self, make: Callable[[], Steps[T]], durability: Durability = "now") -> T:
        """Run a transaction and return its result once it is committed. durability: see `transactions.Durability`."""

    async def close(self) -> None:
        """Close what is open."""


_DURABILITIES: dict[Callable[..., Any], Durability] = {}


def durability_of(steps: Callable[..., Any]) -> Durability:
    """How soon a transaction is on the disk; "now" unless its method declares otherwise."""
    return _DURABILITIES.get(steps, "now")


def transaction(
    steps: Callable[P, Steps[T]], durability: Durability = "now"
) -> Callable[Concatenate[Ledger, P], Coroutine[Any, Any, T]]:
    """A method of `Ledger` that runs these statements as one transaction."""
    _DURABILITIES[steps] = durability

    @wraps(steps)
    async def method(self: Ledger, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(steps, *args, **kwargs)

    return method


class Ledger:
    """One ledger, opened at its first use. Each method, except for the first few, is one transaction.

    owner: names this process in leases.  Raises InvalidRequest for a place that can't be written or read.
    """

    def __init__(self, engine: Engine, *, lease: float = LEASE) -> None:
        self._engine = engine
        self.lease = lease
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"

    @classmethod
    def at(cls, place: str | None, *, lease: float = LEASE, clock: Clock | None = None) -> Ledger:
        """place: `sqlite:////abs/path.db`, `postgresql://…`, `memory:` or None for the user's data folder.

        clock: a `DatabaseClock` is set by PostgreSQL.
        """
        return cls(_engine(place, clock), lease=lease)

    def booking_owner(self) -> str:
        """A name that owns one reservation only: a call that has it can mark, send and undo that reservation, and no
        other call of this process can.
        """
        return f"{self.owner}/{uuid4().hex[:8]}"

    async def run(self, steps: Callable[P, Steps[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run any statements as one transaction; the methods below are the ones that the package needs."""
        return await self._engine.run(lambda: steps(*args, **kwargs), durability_of(steps))

    async def close(self) -> None:
        """Close the database."""
        await self._engine.close()

    # A job: planned, sending, running, then finished, failed or cancelled. Nothing leaves before `mark_sending` is on
    # the disk, and what `reserve` wrote with it.
    reserve = transaction(jobs.reserve, "soon")
    mark_sending = transaction(jobs.mark_sending)
    renew = transaction(jobs.renew, "soon")  # a lease need not survive a power failure
    unbooked = transaction(jobs.unbooked)
    record_job = transaction(jobs.record_job)

    # A job whose answer was lost: searched for, found, sent again or written off.
    jobs_to_find = transaction(jobs.jobs_to_find)
    adopt = transaction(jobs.adopt)
    decide = transaction(jobs.decide)

    # Jobs and their generations, as they are known.
    job_named = transaction(transactions.job_named, "read")
    find_jobs = transaction(transactions.find_jobs, "read")
    clips = transaction(transactions.clips, "read")
    clip_and_job = transaction(transactions.clip_and_job, "read")
    claim_unfinished = transaction(outcomes.claim_unfinished)

    # Outcomes: status, cost, file. After a power failure the hub can be asked again for the first two.
    record_status = transaction(outcomes.record_status, "soon")
    record_cost = transaction(outcomes.record_cost, "soon")
    delivered = transaction(outcomes.delivered)
    unsettled = transaction(outcomes.unsettled)
    undelivered = transaction(outcomes.undelivered)
    typical = transaction(outcomes.typical, "read")
    endings = transaction(outcomes.endings, "read")

    # Films: several jobs, one file.
    start_film = transaction(films.start_film)
    hold_film = transaction(films.hold_film)
    fill_part = transaction(films.fill_part)
    record_film = transaction(films.record_film)
    standing = transaction(films.standing)
    newest_films = transaction(films.newest_films)
    parts_of = transaction(films.parts_of)
    remembered = transaction(films.remembered)
    open_films = transaction(films.open_films, "read")

    # Money of the account, and the switch that stops all of it.
    funds = transaction(jobs.funds, "read")
    spent = transaction(outcomes.spent)
    set_paused = transaction(outcomes.set_paused)
    ask_once = transaction(films.ask_once)
    claim_interval = transaction(transactions.claim_interval)

    # Who pays, and the cast that an account keeps.
    identity = transaction(accounts.identity, "read")
    remember_identity = transaction(accounts.remember_identity)
    members = transaction(accounts.members, "read")
    keep_member = transaction(accounts.keep_member)
    forget_member = transaction(accounts.forget_member)

    # What was put at the hub, and the links that a server of ours gives.
    kept_places = transaction(accounts.kept_places, "read")
    keep_place = transaction(accounts.keep_place, "soon")  # if this is lost, the file is uploaded again
    places_beginning = transaction(accounts.places_beginning, "read")
    swap_place = transaction(accounts.swap_place)
    link_state = transaction(accounts.link_state, "read")
    keep_sealed_key = transaction(accounts.keep_sealed_key)
    revoke_links = transaction(accounts.revoke_links)


def is_postgres(place: str | None) -> bool:
    """Whether a ledger's place is a PostgreSQL database, which several machines may share."""
    return bool(place) and str(place).lower().startswith(("postgresql://", "postgres://"))


def _engine(place: str | None, clock: Clock | None) -> Engine:
    if is_postgres(place):
        from .postgres import PostgresLedger

        return PostgresLedger(str(place), clock=clock)
    from .sqlite import MEMORY, SqliteLedger

    path = sqlite_path(place)
    return SqliteLedger(MEMORY if path is None else path)


def sqlite_path(place: str | None) -> Path | None:
    """The file of a SQLite ledger; None for one in memory. Raises InvalidRequest for anything else."""
    if place is None:
        return data_folder() / "ledger.db"
    if place.rstrip("/") in ("memory:", "sqlite::memory:", "sqlite:///:memory:"):
        return None
    scheme, separator, rest = place.partition("://")
    if scheme == "sqlite" and separator and rest.startswith("/"):
        path = unquote(rest[1:])
        if path:
            return Path(path)
    raise InvalidRequest(
        "OXEN_VIDEO_LEDGER is neither sqlite:////abs/path.db nor postgresql://… nor memory:.",
        fix="Correct OXEN_VIDEO_LEDGER.",
    )


def data_folder() -> Path:
    """The folder of the ledger and of the sandbox's state on this platform. Raises InvalidRequest without a home."""
    from platformdirs import user_data_path

    return at_home(lambda: user_data_path("oxen-video", appauthor=False), "OXEN_VIDEO_LEDGER (memory: keeps nothing)")
