"""What the hub answers, as clean values: one form for every form that has been seen on the wire.

Nothing here imports httpx or pydantic. Times are Unix seconds, money is US dollars as `Decimal`. Fields that nobody
knows stay in `raw` and, for a generation, in `parameters`. Links carry signatures, so no repr shows them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urljoin

from ..errors import HubUnavailable
from ..redaction import redact
from . import values

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
        *("result_url", "url", "video_url", "videos", "result", "error", "error_message", "error_retryable"),
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
            model=_name(values.first(record.get("model_name"), record.get("model"))),
            prompt=values.text(record.get("prompt")),
            media_type=values.text(record.get("media_type")),
            status=status(record.get("status")),
            url=result_url(record, base_url),
            error_message=_complaint(record),
            enqueued_at=values.unix(
                values.first(record.get("enqueued_at"), record.get("created_at"), record.get("inserted_at"))
            ),
            started_at=values.unix(record.get("started_at")),
            completed_at=values.unix(record.get("completed_at")),
            namespace=_name(values.first(record.get("target_namespace"), record.get("namespace"))),
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


def result_url(record: Mapping[str, Any], base_url: str = "") -> str | None:
    """Where the result lies, wherever the answer says it; a relative link is made whole."""
    result = record.get("result")
    clips = values.mappings(record.get("videos"))
    found = (
        record.get("result_url"),
        record.get("url"),
        record.get("video_url"),
        clips[0].get("url") if clips else None,
        values.mapping(result).get("url"),
    )
    link = next((one.strip() for one in found if isinstance(one, str) and one.strip()), None)
    if link is None or not base_url:
        return link
    try:
        return urljoin(base_url + "/", link)
    except ValueError:  # `http://[`
        return None


def _name(value: Any) -> str | None:
    """A name, or the name inside an object."""
    inner = values.mapping(value)
    return values.text(values.first(inner.get("id"), inner.get("name"))) if inner else values.text(value)


def _complaint(record: Mapping[str, Any]) -> str | None:
    error = record.get("error")
    inner = values.mapping(error)
    said = (record.get("error_message"), inner.get("detail"), inner.get("message"), inner.get("title"), error)
    words = next((one for one in map(values.text, said) if one), None)
    return redact(words) if words else None


@dataclass(frozen=True)
class ResultVideo:
    """A result of the blocking route: a link, or the bytes themselves."""

    url: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Answer:
    """What `videos/generate` answers. created: Unix seconds."""

    model: str | None
    created: float | None
    videos: tuple[ResultVideo, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Any, *, base_url: str = "") -> Answer:
        """Every form of the answer; `videos` is empty where it holds none that can be read."""
        answer = values.mapping(raw)
        clips = values.mappings(answer.get("videos")) or values.mappings(answer.get("data"))
        videos = [_result(clip, base_url) for clip in clips or [answer]]
        return cls(
            model=_name(values.first(answer.get("model"), answer.get("model_name"))),
            created=values.unix(answer.get("created")),
            videos=tuple(video for video in videos if video is not None),
            raw={key: value for key, value in answer.items() if key not in ("videos", "data", "b64_json")},
        )


def _result(clip: Mapping[str, Any], base_url: str) -> ResultVideo | None:
    link = result_url(clip, base_url)
    if link is not None and not link.startswith("data:"):
        return ResultVideo(url=link)
    data = decoded(values.first(clip.get("b64_json"), link))
    return ResultVideo(data=data) if data else None


def decoded(inline: Any) -> bytes | None:
    """Base64, with or without a `data:video/mp4;base64,` prefix and line breaks; None where it is none."""
    if not isinstance(inline, str):
        return None
    if inline.startswith("data:"):
        inline = inline.partition(",")[2]
    packed = "".join(inline.split()) if any(mark in inline for mark in "\r\n ") else inline
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


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
        """A page of `/generations`."""
        answer = values.mapping(raw)
        paging = values.mapping(answer.get("pagination")) or answer
        found = generations(raw, base_url=base_url)
        total = values.count(values.first(paging.get("total_entries"), paging.get("total_count"), paging.get("total")))
        pages = values.count(paging.get("total_pages"))
        told = paging.get("has_more")
        more = told if isinstance(told, bool) else None
        if more is None and pages is not None:
            more = page < pages
        if more is None and total is not None:
            more = page * page_size < total
        return cls(
            generations=found,
            total_cost=values.money(answer.get("total_cost")),
            page=values.first(values.count(paging.get("page")), values.count(paging.get("page_number")), page),
            has_more=more,
            count=values.first(total, values.count(answer.get("count"))),
        )


def generations(raw: Any, *, base_url: str = "") -> tuple[Generation, ...]:
    """The records of any answer that holds some: a list, `generations`, or one record; those without an id are left."""
    answer = values.mapping(raw)
    listed = answer.get("generations", answer.get("data"))
    records = values.mappings(raw) or values.mappings(listed) or ([answer] if answer else [])
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
class Pricing:
    """A model's rates in US dollars; `by_resolution` keys are in lower case."""

    method: str | None = None
    cost_per_second: Decimal | None = None
    cost_per_second_by_resolution: Mapping[str, Decimal] = field(default_factory=dict)
    cost_per_second_with_audio: Decimal | None = None
    cost_per_second_high_res: Decimal | None = None
    cost_per_image: Decimal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Any) -> Pricing | None:
        """None where the model names no price."""
        told = values.mapping(raw)
        if not told:
            return None
        return cls(
            method=values.text(told.get("method")),
            cost_per_second=values.money(told.get("cost_per_second")),
            cost_per_second_by_resolution=values.moneys(told.get("cost_per_second_by_resolution")),
            cost_per_second_with_audio=values.money(told.get("cost_per_second_with_audio")),
            cost_per_second_high_res=values.money(told.get("cost_per_second_high_res")),
            cost_per_image=values.money(told.get("cost_per_image")),
            raw=told,
        )


@dataclass(frozen=True)
class VideoModel:
    """A model as the hub lists it. inputs, outputs: "text", "image", "video", "audio"."""

    id: str
    name: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    pricing: Pricing | None = None
    request_schema: Mapping[str, Any] | None = field(default=None, repr=False)
    endpoint: str | None = None
    description: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def makes_video(self) -> bool:
        """Whether it can be asked for a video. The endpoint decides where the capabilities are not told."""
        if self.outputs:
            return "video" in self.outputs
        return (self.endpoint or "").rstrip("/").endswith("videos/generate")

    @classmethod
    def parse(cls, raw: Any) -> VideoModel:
        """A model of the list, the search or the detail. Raises HubUnavailable where it has no id."""
        record = values.mapping(raw)
        record = values.mapping(record.get("model")) or record
        model_id = values.text(values.first(record.get("id"), record.get("name")))
        if model_id is None:
            raise HubUnavailable("The hub answered a model without an id.", retry=False)
        capabilities = values.mapping(record.get("capabilities"))
        return cls(
            id=model_id,
            name=values.text(record.get("display_name")) or values.text(record.get("name")) or model_id,
            inputs=tuple(word.lower() for word in values.texts(capabilities.get("input"))),
            outputs=tuple(word.lower() for word in values.texts(capabilities.get("output"))),
            pricing=Pricing.parse(record.get("pricing")),
            request_schema=values.mapping(record.get("request_schema"))
            or values.mapping(record.get("json_request_schema"))
            or None,
            endpoint=values.text(record.get("endpoint")),
            description=values.text(record.get("description")) or values.text(record.get("summary")),
            raw=record,
        )


def video_models(raw: Any) -> list[VideoModel]:
    """The video models of a list, in either of its forms; entries without an id are left out."""
    answer = values.mapping(raw)
    listed: Sequence[dict[str, Any]] = values.mappings(raw)
    for name in ("data", "models"):
        listed = listed or values.mappings(answer.get(name))
    named = (one for one in listed if values.text(values.first(one.get("id"), one.get("name"))))
    return [model for model in map(VideoModel.parse, named) if model.makes_video]


@dataclass(frozen=True)
class Completion:
    """An event of the stream: this generation ended. A hint only; the record is the truth."""

    generation_id: str
    status: Status
    url: str | None = field(default=None, repr=False)
    error: str | None = None
    media_type: str | None = None
    model: str | None = None
