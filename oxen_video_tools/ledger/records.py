"""The ledger's records: intents, the jobs that they become, and the generations of a job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

from ..errors import InvalidRequest

State = Literal[
    "planned",  # written down, never sent
    "sending",  # the POST may have left; without an id it is unknown whether it arrived
    "running",  # the hub has it
    "succeeded",
    "failed",
    "cancelled",
    "refused",  # the hub said no: nothing was spent
    "dropped",  # given up before the first byte: nothing was spent
    "written off",  # a person gave up looking for it
]
LOCAL = "sync-"  # prefix of ids that results of the blocking route get, because the hub returns none
UNPAID = ("refused", "dropped")
FREED = ("failed", "cancelled", "refused", "dropped", "written off")  # these give their take free
FINAL = ("succeeded", *FREED)
ENDED = ("succeeded", "failed", "cancelled")  # states of a generation


@dataclass(frozen=True)
class ClipRef:
    """Identifies a clip: one paid job, in whichever film it is used.

    request: its content key.
    take: None is a new one each time.
    part: the number among equal clips of one call, from 0.
    """

    request: str
    take: int | None
    part: int = 0


@dataclass(frozen=True)
class Intent:
    """A job before it exists.

    scope: hub and account.
    request, take, part: see `ClipRef`.
    call: the key of the call (see `studio.identifiers`), for a job that is no clip of a film.
    expects: how many generations the POST makes.
    estimate, reserved: micro-dollars.
    """

    scope: str
    request: str
    take: int | None
    body: Mapping[str, Any] = field(repr=False)
    asked: Mapping[str, Any] = field(repr=False, default_factory=dict)
    part: int = 0
    film: str | None = None
    route: Literal["queue", "sync"] = "queue"
    expects: int = 1
    estimate: int | None = None
    reserved: int = 0
    call: str | None = None

    @property
    def ref(self) -> ClipRef:
        """Which clip it makes."""
        return ClipRef(self.request, self.take, self.part)

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self.body.get("model", ""))

    @property
    def namespace(self) -> str | None:
        """Who pays, where it is not the account itself."""
        named = self.body.get("target_namespace")
        return str(named) if named else None


@dataclass(frozen=True)
class Job:
    """One paid POST. Times are Unix seconds of the ledger's clock.

    sent: right before the first byte.
    lease: until when the owner may act on it.
    hub_sent: the hub's time at that moment, at the earliest, because the hub's records have its own time.
    cost: micro-dollars, once the hub has billed every generation.
    """

    job: str
    scope: str
    request: str
    take: int | None
    part: int
    film: str | None
    state: State
    route: Literal["queue", "sync"]
    model: str
    namespace: str | None
    body: dict[str, Any] = field(repr=False)
    asked: dict[str, Any] = field(repr=False)
    expects: int
    estimate: int | None
    reserved: int
    cost: int | None
    owner: str | None
    lease: float
    created: float
    sent: float | None
    ended: float | None
    note: str | None
    hub_sent: float | None = None
    call: str | None = None
    generation_ids: tuple[str, ...] = ()

    @property
    def ref(self) -> ClipRef:
        """Which clip it makes."""
        return ClipRef(self.request, self.take, self.part)

    @property
    def is_clip(self) -> bool:
        """Whether it was booked for a film as one of its clips; its sheets and stills have calls of their own."""
        return self.film is not None and self.call is None

    def is_live(self, now: float) -> bool:
        """Whether somebody is at work on sending it."""
        return self.owner is not None and self.lease > now

    @property
    def is_unclear(self) -> bool:
        """Sent, or perhaps sent, and no id came back."""
        return self.state == "sending"

    @property
    def is_nameless(self) -> bool:
        """Whether the blocking route made it, which returns no id: it has a local id until the hub's is found."""
        return any(one.startswith(LOCAL) for one in self.generation_ids)

    @property
    def is_short(self) -> bool:
        """Whether the hub named fewer generations than were paid for."""
        return 0 < len(self.generation_ids) < self.expects

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL


JOB_COLUMNS = (
    "job, scope, request, take, part, film, state, route, model, namespace, body, asked, expects, estimate, reserved, "
    "cost, owner, lease, created, sent, ended, note, hub_sent, call"
)
_BODY, _ASKED = 10, 11


def job_of(row: tuple[Any, ...], generation_ids: tuple[str, ...] = ()) -> Job:
    """A row of `jobs`, in the order of JOB_COLUMNS."""
    values = list(row)
    values[_BODY], values[_ASKED] = json.loads(values[_BODY]), json.loads(values[_ASKED])
    return Job(*values, *[generation_ids])


@dataclass(frozen=True)
class GenerationRow:
    """One generation. job: None for one that the ledger did not pay for. file: where it was saved. size: bytes.

    url: kept only where the hub can't be asked for it again (a result of the blocking route).
    """

    scope: str
    generation_id: str
    job: str | None = None
    position: int = 0
    status: str = "queued"
    model: str | None = None
    cost: int | None = None
    error: str | None = None
    created: float | None = None
    ended: float | None = None
    file: str | None = None
    sha256: str | None = None
    size: int | None = None
    url: str | None = field(default=None, repr=False)

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


CLIP_COLUMNS = (
    "scope, generation_id, job, position, status, model, cost, error, created, ended, file, sha256, size, url"
)


INSERT_CLIP = f"insert into clips ({CLIP_COLUMNS}) values ({', '.join('?' * len(CLIP_COLUMNS.split(',')))})"


@dataclass(frozen=True)
class Booking:
    """What `reserve` found or inserted. mine: the caller holds the lease and may send."""

    job: Job
    mine: bool


def to_json(value: Mapping[str, Any]) -> str:
    """JSON with a fixed order."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# Money in the ledger is whole micro-dollars, so that sums are exact in every database. Outside it is `Decimal`
# USD.

MICRO = Decimal(1_000_000)
LARGEST = Decimal(10) ** 9  # US dollars


def micros(dollars: Decimal) -> int:
    """US dollars → micro-dollars, rounded up, so that a reservation covers its price.

    Raises InvalidRequest for impossibly large amounts, which no database could add up.
    """
    if not dollars < LARGEST:
        raise InvalidRequest(f"${dollars:.3g} is no amount: at most $1,000,000,000 is.", fix="Name a smaller sum.")
    return int((dollars * MICRO).to_integral_value(ROUND_CEILING))


def dollars(micro: int) -> Decimal:
    """Micro-dollars → US dollars."""
    return Decimal(micro) / MICRO


def said(amount: Decimal) -> str:
    """For people: whole cents, more digits only if they matter, and never rounded down to 0."""
    cents = amount.quantize(Decimal("0.01"), ROUND_CEILING)
    return f"${cents:.2f}" if amount == cents or amount >= 1 else f"${amount.normalize():f}"
