"""What was asked, submitted, paid and delivered; it survives anything. SQLite for one machine, PostgreSQL for many.

The hub is the truth about a job; the ledger is the truth about intent and money. Its transactions stand in
`steps`, what runs them in `sqlite` and `postgres`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar
from urllib.parse import unquote
from uuid import uuid4

from ..clock import Clock
from ..errors import InvalidRequest
from .transactions import Durability, Steps, durability_of

T = TypeVar("T")
P = ParamSpec("P")
LEASE = 60.0  # seconds: longer than a paid POST to the queue takes with all its tries


class Engine(Protocol):
    """What runs transactions."""

    async def run(self, make: Callable[[], Steps[T]], haste: Durability = "now") -> T:
        """What the steps return, once they are committed. haste: see `steps`."""

    async def close(self) -> None:
        """Close what is open."""


class Ledger:
    """One ledger, opened at its first use.

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
        """Owns one booking and no other: whoever holds it can mark it, send it and take all of that back, while every
        other call of this process is a stranger to it.
        """
        return f"{self.owner}/{uuid4().hex[:8]}"

    async def run(self, steps: Callable[P, Steps[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """One transaction of `steps`."""
        return await self._engine.run(lambda: steps(*args, **kwargs), durability_of(steps))

    async def close(self) -> None:
        """Close the database."""
        await self._engine.close()


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
    """The file of a SQLite ledger; None for one in memory. Raises InvalidRequest for what is no ledger's place."""
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
    """Where the ledger and the sandbox's state lie on this platform."""
    from platformdirs import user_data_path

    return user_data_path("oxen-video", appauthor=False)
