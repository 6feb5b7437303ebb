"""What the hub answers, as clean values: one form for every form that has been seen on the wire.

Nothing here imports httpx or pydantic. Times are Unix seconds, money is US dollars as `Decimal`. Fields that nobody
knows stay in `raw` and, for a generation, in `parameters`. Links carry signatures, so no repr shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from ..errors import HubUnavailable
from ..redaction import redact
from . import values
from .answers import Answer, ResultImage, ResultVideo
from .models import Pricing, VideoModel

__all__ = [
    "Answer",
    "Completion",
    "Generation",
    "HistoryPage",
    "Listing",
    "Pricing",
    "ResultImage",
    "ResultVideo",
    "Status",
    "VideoModel",
    "generations",
    "listing",
    "status",
]

Status = Literal["queued", "processing", "succeeded", "failed", "cancelled"]

_STATUS: dict[str, Status] = {
    "queued": "queued",
    "processing": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
# The record's own fields; whatever else it holds is a parameter of the request (Oxen docs, async queue: "every
# parameter of the original request").
_OWN = frozenset(
    (
        *("generation_id", "id", "model", "model_name", "media_type", "status", "namespace", "cost", "generation"),
        *(
            "result_url",
            "url",
            "video_url",
            "image_url",
            "videos",
            "images",
            "result",
            "error",
            "error_message",
            "error_retryable",
        ),
        *("enqueued_at", "started_at", "completed_at", "created_at", "inserted_at", "updated_at"),
    )
)


@dataclass(frozen=True)
class Generation:
    """One job as the hub shows it.

    status: a word that the hub may invent later counts as "processing"; `raw["status"]` has the word itself.
    url: the whole link, signature and all.  error_message: the hub's words, redacted.
    namespace: where it is kept and who pays.  cost: US dollars, known from the history only.
    parameters: every parameter that the record echoes, `prompt` among them.
    """

    generation_id: str
    model: str | None = None
    prompt: str | None = None
    media_type: str | None = None
    status: Status = "queued"
    url: str | None = field(default=None, repr=False)
    error_message: str | None = None
    enqueued_at: float | None = None
    started_at: float | None = None
    completed_at: float | None = None
    namespace: str | None = None
    cost: Decimal | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ("succeeded", "failed", "cancelled")

    @property
    def is_active(self) -> bool:
        """Whether it is still waiting or running."""
        return not self.is_terminal

    @classmethod
    def parse(cls, raw: Any, *, base_url: str = "") -> Generation:
        """A record of the queue, the history or an enqueue answer. Raises HubUnavailable where it has no id."""
        record = values.mapping(raw)
        inner = values.mapping(record.get("generation"))
        record = inner or record
        generation_id = values.text(values.first(record.get("generation_id"), record.get("id")))
        if generation_id is None:
            raise HubUnavailable("The hub answered a record without a generation_id.", retry=False)
        return cls(
            generation_id=generation_id,
            model=values.name(values.first(record.get("model_name"), record.get("model"))),
            prompt=values.text(record.get("prompt")),
            media_type=values.text(record.get("media_type")),
            status=status(record.get("status")),
            url=values.link(record, base_url),
            error_message=_complaint(record),
            enqueued_at=values.unix(
                values.first(record.get("enqueued_at"), record.get("created_at"), record.get("inserted_at"))
            ),
            started_at=values.unix(record.get("started_at")),
            completed_at=values.unix(record.get("completed_at")),
            namespace=values.name(values.first(record.get("target_namespace"), record.get("namespace"))),
            cost=values.money(record.get("cost")),
            parameters={key: value for key, value in record.items() if key not in _OWN},
            raw=record,
        )

    def of_request(self, body: Mapping[str, Any]) -> Generation:
        """An enqueue answer names only id and status: the rest is what was sent."""
        sent = {key: value for key, value in body.items() if key not in _OWN}
        return replace(
            self,
            model=self.model or values.text(body.get("model")),
            prompt=self.prompt or values.text(body.get("prompt")),
            namespace=self.namespace or values.text(body.get("target_namespace")),
            parameters=sent | dict(self.parameters),
        )


def status(word: Any) -> Status:
    """The hub's status word; one that nobody knows is an active job."""
    return _STATUS.get(word.strip().lower(), "processing") if isinstance(word, str) else "processing"


def _complaint(record: Mapping[str, Any]) -> str | None:
    error = record.get("error")
    inner = values.mapping(error)
    said = (record.get("error_message"), inner.get("detail"), inner.get("message"), inner.get("title"), error)
    words = next((one for one in map(values.text, said) if one), None)
    return redact(words) if words else None


@dataclass(frozen=True)
class HistoryPage:
    """One page of what was made and paid. count: entries in all, total_cost: US dollars, each where the hub says so."""

    generations: tuple[Generation, ...]
    total_cost: Decimal | None = None
    page: int = 1
    has_more: bool | None = None
    count: int | None = None

    @classmethod
    def parse(cls, raw: Any, *, page: int, page_size: int, base_url: str = "") -> HistoryPage:
        """A page of `/generations`. Raises HubUnavailable for what is no list."""
        answer = values.mapping(raw)
        paging = values.mapping(answer.get("pagination")) or answer
        found = listing(raw, base_url=base_url)
        total = values.count(values.first(paging.get("total_entries"), paging.get("total_count"), paging.get("total")))
        pages = values.count(paging.get("total_pages"))
        told = paging.get("has_more")
        more = told if isinstance(told, bool) else None
        if more is None and pages is not None:
            more = page < pages
        if more is None and total is not None:
            more = page * page_size < total
        return cls(
            generations=tuple(found),
            total_cost=values.money(answer.get("total_cost")),
            page=values.first(values.count(paging.get("page")), values.count(paging.get("page_number")), page),
            has_more=more,
            count=values.first(total, values.count(answer.get("count"))),
        )


class Listing(list[Generation]):
    """Jobs of the queue. told: how many the hub says there are, where it says so."""

    told: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether as many records came as the hub counted: a list that was cut short proves no absence."""
        return self.told is None or len(self) >= self.told


def listing(raw: Any, *, base_url: str = "") -> Listing:
    """The queue's list. Raises HubUnavailable for what is no list: nothing may be concluded from it."""
    answer = values.mapping(raw)
    if not any(isinstance(one, list) for one in (raw, answer.get("generations"), answer.get("data"))):
        raise HubUnavailable("The hub answered no list of generations.", retry=False)
    found = Listing(generations(raw, base_url=base_url))
    found.told = values.count(answer.get("count"))
    return found


def generations(raw: Any, *, base_url: str = "") -> tuple[Generation, ...]:
    """The records of any answer that holds some: a list, `generations`, or one record; those without an id are left."""
    answer = values.mapping(raw)
    listed = answer.get("generations", answer.get("data"))
    alone = bool(answer.get("generation_id") or answer.get("generation"))  # a bare `id` may be the request's
    records = values.mappings(raw) or values.mappings(listed) or ([answer] if alone else [])
    namespace = values.text(answer.get("target_namespace")) if isinstance(listed, list) else None
    found = []
    for record in records:
        inner = values.mapping(record.get("generation")) or record
        if values.text(values.first(inner.get("generation_id"), inner.get("id"))) is None:
            continue
        one = Generation.parse(record, base_url=base_url)
        found.append(one if one.namespace else replace(one, namespace=namespace))
    return tuple(found)


@dataclass(frozen=True)
class Completion:
    """An event of the stream: this generation ended. A hint only; the record is the truth."""

    generation_id: str
    status: Status
    url: str | None = field(default=None, repr=False)
    error: str | None = None
    media_type: str | None = None
    model: str | None = None
