"""A film as it was agreed to: its jobs, frozen when the first is paid, so that whoever goes on makes the same film."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from ...catalog.body_builder import MediaPlace
from ...catalog.pricing import Price
from ...catalog.translate import put_urls
from ...ledger.records import Intent, micros
from ..plan import PlannedJob

Way = Literal["side by side", "chained"]
FilmState = Literal["open", "delivered", "cancelled"]


@dataclass(frozen=True)
class Film:
    """Several jobs that become one file. Times are Unix seconds, money is micro-dollars.

    jobs: what is sent for each part; the media in them are named by what they are (`identity`), not where they lie.
    shares: what each of them reserves.  agreed: what the whole may cost without asking again.
    owner: who makes it, until `lease`.  note: why it stopped, or could not be joined.
    file: the joined film.  size: bytes.  duration: seconds.
    """

    film: str
    scope: str
    request: str
    take: int
    way: Way
    model: str
    jobs: tuple[PlannedJob, ...] = field(repr=False)
    shares: tuple[int, ...] = field(repr=False)
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

    def intent(self, number: int, route: Literal["queue", "sync"]) -> Intent:
        """One of its jobs, to be booked; its media are put in right before it is sent."""
        job = self.jobs[number]
        return Intent(
            scope=self.scope,
            request=self.request,
            take=self.take,
            body=job.body,
            asked=self.asked,
            part=number,
            film=self.film,
            route=route,
            estimate=None if job.price.usd is None else micros(job.price.usd),
            reserved=self.shares[number],
        )

    def called(self, number: int) -> str:
        """What a person calls one of its parts: "Shot 2", or "Shots 3 to 4" where one job makes several."""
        shots = self.jobs[number].shots or (number,)
        return f"Shot {shots[0] + 1}" if len(shots) == 1 else f"Shots {shots[0] + 1} to {shots[-1] + 1}"


def film_id(scope: str, request: str, take: int) -> str:
    """The id that every process gives the same film."""
    digest = hashlib.sha256(f"{scope}\n{request}\n{take}".encode()).hexdigest()
    return f"film-{UUID(digest[:32])}"


def name_by_content(job: PlannedJob, prints: Mapping[str, str]) -> PlannedJob:
    """The job with its media named by what they are: tomorrow, or on another machine, they lie elsewhere."""
    media = tuple(replace(one, reference=prints.get(one.reference, one.reference)) for one in job.media)
    return replace(job, body=put_urls(job.body, {one.path: one.reference for one in media}), media=media)


def share_out(jobs: Sequence[PlannedJob], amount: Decimal) -> tuple[int, ...]:
    """`amount` US dollars, divided among jobs: to each its price; what is over to those whose price is not known."""
    info = [micros(job.price.usd) if job.price.usd is not None else 0 for job in jobs]
    open_ended = [number for number, job in enumerate(jobs) if not job.price.is_known] or list(range(len(jobs)))
    over = max(0, micros(amount) - sum(info))
    for place, number in enumerate(open_ended):
        info[number] += over // len(open_ended) + (1 if place < over % len(open_ended) else 0)
    return tuple(info)


def dump_film(jobs: Sequence[PlannedJob], shares: Sequence[int]) -> str:
    """The jobs as JSON."""
    return json.dumps(
        [
            {
                "model": job.model,
                "body": job.body,
                "usd": None if job.price.usd is None else str(job.price.usd),
                "unpriced": job.price.unpriced,
                "text": job.price.text,
                "seconds": job.seconds,
                "shots": job.shots,
                "media": [[one.path, one.kind, one.role, one.reference, dict(one.limits)] for one in job.media],
                "first_frame": job.first_frame,
                "share": share,
            }
            for job, share in zip(jobs, shares, strict=True)
        ],
        ensure_ascii=False,
    )


def load_film(text: str) -> tuple[tuple[PlannedJob, ...], tuple[int, ...]]:
    """What `frozen` wrote: the jobs, and what each reserves."""
    told: list[dict[str, Any]] = json.loads(text)
    return tuple(_job(one) for one in told), tuple(one["share"] for one in told)


def _job(told: Mapping[str, Any]) -> PlannedJob:
    usd = None if told["usd"] is None else Decimal(told["usd"])
    return PlannedJob(
        told["model"],
        dict(told["body"]),
        Price(usd, tuple(told["unpriced"]), told["text"]),
        told["seconds"],
        tuple(told["shots"]),
        tuple(MediaPlace(tuple(path), *rest) for path, *rest in told["media"]),
        None if told["first_frame"] is None else tuple(told["first_frame"]),
    )
