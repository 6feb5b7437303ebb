"""A film as it was agreed to: its clips, frozen when the first is paid, so that whoever goes on makes the same film.

The ledger keeps the clips as JSON text; this module writes and reads it.
"""

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
from ...ledger.films import FilmRow
from ...ledger.records import ClipRef, Intent, micros
from ..plan import Join, PlannedJob

# Words that ledgers of before have for how clips are joined.
_WAYS: Mapping[str, Join] = {"side by side": "separate shots", "chained": "one take"}


@dataclass(frozen=True)
class FilmClip:
    """One clip of a film. job: what is sent; its media are named by what they are, not where they lie.

    share: micro-dollars that it reserves.
    """

    ref: ClipRef
    job: PlannedJob = field(repr=False)
    share: int = 0

    @property
    def name(self) -> str:
        """What a person calls it: "Shot 2"."""
        return self.job.name

    @property
    def seconds(self) -> float | None:
        """Its length, where it is certain."""
        return self.job.seconds

    def intent(
        self,
        scope: str,
        asked: Mapping[str, Any],
        route: Literal["queue", "sync"],
        *,
        film: str | None = None,
        call: str | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Intent:
        """The job that makes it, to be booked. body: as it is sent, where that is known already."""
        job = self.job
        return Intent(
            scope=scope,
            request=self.ref.request,
            take=self.ref.take,
            part=self.ref.part,
            body=job.body if body is None else body,
            asked=asked,
            film=film,
            call=call,
            route=route,
            expects=int(job.body.get("num_generations") or 1),
            estimate=None if job.price.usd is None else micros(job.price.usd),
            reserved=self.share,
        )


def clips_in(row: FilmRow) -> tuple[FilmClip, ...]:
    """The clips of a film."""
    told: list[dict[str, Any]] = json.loads(row.jobs)
    return tuple(FilmClip(ref, _read_job(one), one["share"]) for ref, one in zip(row.refs, told, strict=True))


def way_of(row: FilmRow) -> Join:
    """How its clips are joined."""
    return _WAYS.get(row.way, "one take" if row.way == "one take" else "separate shots")


def film_id(scope: str, refs: Sequence[ClipRef], way: Join) -> str:
    """The id that every process gives the same clips, joined in the same way."""
    told = "\n".join(f"{ref.request} {ref.take} {ref.part}" for ref in refs)
    digest = hashlib.sha256(f"{scope}\n{way}\n{told}".encode()).hexdigest()
    return f"film-{UUID(digest[:32])}"


def named_by_content(job: PlannedJob, prints: Mapping[str, str]) -> PlannedJob:
    """The job with its media named by what they are: tomorrow, or on another machine, they lie elsewhere."""
    media = tuple(replace(one, reference=prints.get(one.reference, one.reference)) for one in job.media)
    return replace(job, body=put_urls(job.body, {one.path: one.reference for one in media}), media=media)


def shared_out(jobs: Sequence[PlannedJob], amount: Decimal) -> tuple[int, ...]:
    """`amount` US dollars, divided among jobs: to each its price; what is over to those whose price is not known."""
    info = [micros(job.price.usd) if job.price.usd is not None else 0 for job in jobs]
    open_ended = [number for number, job in enumerate(jobs) if not job.price.is_known] or list(range(len(jobs)))
    over = max(0, micros(amount) - sum(info))
    for place, number in enumerate(open_ended):
        info[number] += over // len(open_ended) + (1 if place < over % len(open_ended) else 0)
    return tuple(info)


def frozen(clips: Sequence[FilmClip]) -> str:
    """The clips as JSON."""
    return json.dumps(
        [
            {
                "ref": [clip.ref.request, clip.ref.take, clip.ref.part],
                "model": clip.job.model,
                "body": clip.job.body,
                "usd": None if clip.job.price.usd is None else str(clip.job.price.usd),
                "unpriced": clip.job.price.unpriced,
                "text": clip.job.price.text,
                "seconds": clip.job.seconds,
                "shots": clip.job.shots,
                "media": [[one.path, one.kind, one.role, one.reference, dict(one.limits)] for one in clip.job.media],
                "first_frame": clip.job.first_frame,
                "share": clip.share,
            }
            for clip in clips
        ],
        ensure_ascii=False,
    )


def _read_job(told: Mapping[str, Any]) -> PlannedJob:
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
