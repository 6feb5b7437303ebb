"""What operators watch, as OpenTelemetry metrics: money, jobs in flight, jobs unclear, the time to a result.

Only the API is spoken, and only where the application has loaded it: without `opentelemetry` nothing is counted and
nothing is imported. Names of models and outcomes are told; prompts, ids, links and keys never are.

| instrument | unit | attributes |
|---|---|---|
| `oxen.video.spend` | USD | `model`: estimates of what the hub took, counted when it did |
| `oxen.video.requests` | paid requests | `model`, `outcome`: accepted, refused, dropped or unclear |
| `oxen.video.in_flight` | generations of this process that have not ended | `model` |
| `oxen.video.unclear` | requests of which nobody knows whether the hub took them | `model`; falls when found |
| `oxen.video.time_to_result` | s, from the acceptance to the end | `model`, `status` |
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..ledger.records import dollars

if TYPE_CHECKING:
    from ..hub import Generation
    from ..ledger.records import Job

NAME = "oxen_video_tools"
MOST = 100_000  # generations remembered; one that is never looked at again must not stay for ever
SECONDS = (1, 5, 10, 30, 60, 120, 180, 300, 450, 600, 900, 1200, 1800, 3600)


class _Instruments:
    """Made once somebody has loaded OpenTelemetry: nobody else can be listening."""

    @cached_property
    def meter(self) -> Any:
        return sys.modules["opentelemetry.metrics"].get_meter(NAME)

    @cached_property
    def spend(self) -> Any:
        return self.meter.create_counter("oxen.video.spend", unit="USD", description="Estimates of paid requests")

    @cached_property
    def requests(self) -> Any:
        return self.meter.create_counter("oxen.video.requests", unit="1", description="Paid requests by outcome")

    @cached_property
    def in_flight(self) -> Any:
        return self.meter.create_up_down_counter("oxen.video.in_flight", unit="1", description="Generations under way")

    @cached_property
    def unclear(self) -> Any:
        return self.meter.create_up_down_counter("oxen.video.unclear", unit="1", description="Requests without answer")

    @cached_property
    def time_to_result(self) -> Any:
        return self.meter.create_histogram(
            "oxen.video.time_to_result",
            unit="s",
            description="From the acceptance to the end",
            explicit_bucket_boundaries_advisory=SECONDS,
        )


_instruments = _Instruments()


def _heard() -> bool:
    return "opentelemetry.metrics" in sys.modules


class Meter:
    """The counts of one studio."""

    def __init__(self) -> None:
        self._under_way: dict[str, tuple[str, float]] = {}
        self._unclear: dict[str, str] = {}

    def accepted(self, job: Job, generation_ids: Iterable[str], now: float) -> None:
        """The hub took a paid request."""
        if not _heard():
            return
        model = {"model": job.model}
        _instruments.requests.add(1, {**model, "outcome": "accepted"})
        _instruments.spend.add(float(dollars(job.reserved if job.estimate is None else job.estimate)), model)
        for one in generation_ids:
            if len(self._under_way) < MOST:
                self._under_way[one] = job.model, now
                _instruments.in_flight.add(1, model)

    def unanswered(self, job: Job, outcome: str) -> None:
        """It was refused, never sent ("dropped"), or its answer was lost ("unclear")."""
        if not _heard():
            return
        _instruments.requests.add(1, {"model": job.model, "outcome": outcome})
        if outcome == "unclear":
            self._unclear[job.job] = job.model
            _instruments.unclear.add(1, {"model": job.model})

    def resolved(self, job: Job, now: float) -> None:
        """A request that was unclear was found, or given up."""
        model = self._unclear.pop(job.job, None)
        if model is None:
            return
        _instruments.unclear.add(-1, {"model": model})
        if job.generation_ids:
            self.accepted(job, job.generation_ids, job.sent or now)

    def saw(self, records: Sequence[Generation], now: float) -> None:
        """How generations stand; those of this studio that ended are counted once."""
        for record in records:
            if not record.is_terminal or (info := self._under_way.pop(record.generation_id, None)) is None:
                continue
            model, began = info
            _instruments.in_flight.add(-1, {"model": model})
            _instruments.time_to_result.record(max(0.0, now - began), {"model": model, "status": record.status})
