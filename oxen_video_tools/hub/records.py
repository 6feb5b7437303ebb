"""The hub's answers as typed values, whatever form they had on the wire.

Nothing here imports httpx or pydantic. Times are Unix seconds, money is US dollars as `Decimal`. Unknown fields stay in
`raw` and, for a generation, in `parameters`. Links contain signatures, so no repr shows them.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import urljoin

from ..errors import HubUnavailable
from ..redaction import inert, is_plain, redact, visible

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


# JSON of unknown shape → plain values. None of these functions raises: unreadable values become None.

LONGEST_ID = 500  # characters
MOST_VALUES = 500_000  # in one JSON text; a list of 8 MiB holds about half as many
LARGEST = Decimal(10) ** 9  # US dollars: a larger amount is neither a price nor a bill
DEEPEST = 100  # objects and lists inside one another; no schema of a model has 20
LARGEST_COUNT = 2**63  # what databases take
_MILLISECONDS_FROM = 1e11  # as Unix seconds that is the year 5138, as milliseconds 1973


def unreadable(content: bytes | str) -> bool:
    """Whether `content` is no JSON at all."""
    return parse_json(content) is Ellipsis


def parse_json(content: bytes | str) -> Any:
    """The JSON value; Ellipsis, which JSON can't contain, if it is invalid, too deep or has too many values."""
    if _values_in(content) > MOST_VALUES:
        return ...
    try:
        value = json.loads(content, parse_float=_finite, parse_constant=_no_number)
    except (ValueError, RecursionError):  # RecursionError: ten thousand brackets
        return ...
    return ... if _is_deep(value) else value


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _no_number(_name: str) -> None:
    """NaN and Infinity, which are no JSON."""


def _is_deep(value: Any) -> bool:
    """Whether it is nested deeper than `DEEPEST`: code that walks it later must not overflow the stack."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _values_in(content: bytes | str) -> int:
    """How many values it can hold at most: millions of empty lists fit into a few megabytes."""
    if isinstance(content, str):
        return sum(content.count(mark) for mark in ",[{")
    return sum(content.count(mark) for mark in (b",", b"[", b"{"))


def text(value: Any) -> str | None:
    """A text that says something, or a number written out."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value) if not isinstance(value, int) or abs(value) < LARGEST_COUNT else None
    return None


def identifier(value: Any) -> str | None:
    """An id of the hub's. Texts with terminal control characters, and very long ones, are not accepted."""
    found = text(value)
    return found if found is not None and len(found) <= LONGEST_ID and is_plain(found) else None


def words(value: Any) -> str | None:
    """A text that is only shown: its control characters are made visible."""
    found = text(value)
    return None if found is None else visible(found)


def first_given(*values: Any) -> Any:
    """The first that is not None."""
    return next((value for value in values if value is not None), None)


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, also when it was sent as JSON text; else an empty one."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = parse_json(value)
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...]:
    """A list of words; a single word is a list of one."""
    items: Iterable[Any] = value if isinstance(value, list) else (value,)
    return tuple(item for item in items if isinstance(item, str) and item)


def money(value: Any) -> Decimal | None:
    """US dollars, exactly: `0.07`, `"0.07"` and `"$0.07"` are the same; None for an impossibly large amount."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value).strip().lstrip("$"))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < LARGEST and amount.adjusted() > -30 else None


def moneys(value: Any) -> Mapping[str, Decimal]:
    """A table of prices; its keys in lower case, because the hub writes both `720p` and `720P`."""
    priced = ((key.lower(), money(price)) for key, price in mapping(value).items())
    return {key: price for key, price in priced if price is not None}


def integer(value: Any) -> int | None:
    """A whole number."""
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and len(value) < 20:
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_COUNT
    return value if is_count else None


def unix(value: Any) -> float | None:
    """Unix seconds from seconds or milliseconds, as number or text, or from an ISO 8601 time (UTC without a zone)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return _iso(value) if isinstance(value, str) else None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds


def _iso(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def name_in(value: Any) -> str | None:
    """A name, or the name inside an object."""
    inner = mapping(value)
    return identifier(first_given(inner.get("id"), inner.get("name"))) if inner else identifier(value)


def result_link(record: Mapping[str, Any], base_url: str = "") -> str | None:
    """The result's link, wherever the answer has it; a relative link is made absolute."""
    result = record.get("result")
    clips = mappings(record.get("videos")) or mappings(record.get("images"))
    found = (
        record.get("result_url"),
        record.get("url"),
        record.get("video_url"),
        record.get("image_url") if record.get("media_type") == "image" else None,
        clips[0].get("url") if clips else None,
        mapping(result).get("url"),
    )
    place = next((one.strip() for one in found if isinstance(one, str) and one.strip()), None)
    if place is None or not base_url:
        return None if place is None else inert(place)
    try:
        return urljoin(base_url + "/", inert(place))
    except ValueError:  # `http://[`
        return None


# A model as the hub lists it: what goes in, what comes out, what it costs.


@dataclass(frozen=True)
class Pricing:
    """A model's rates in US dollars; keys of tables are in lower case.

    cost_per_image_grid: quality → size → US dollars.
    cost_per_credit: for `per_provider_credit`; nothing says how many credits a result takes.
    """

    method: str | None = None
    cost_per_second: Decimal | None = None
    cost_per_second_by_resolution: Mapping[str, Decimal] = field(default_factory=dict)
    cost_per_second_with_audio: Decimal | None = None
    cost_per_second_high_res: Decimal | None = None
    cost_per_image: Decimal | None = None
    cost_per_image_grid: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    cost_per_credit: Decimal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Any) -> Pricing | None:
        """None where the model names no price."""
        told = mapping(raw)
        if not told:
            return None
        return cls(
            method=text(told.get("method")),
            cost_per_second=money(told.get("cost_per_second")),
            cost_per_second_by_resolution=moneys(told.get("cost_per_second_by_resolution")),
            cost_per_second_with_audio=money(told.get("cost_per_second_with_audio")),
            cost_per_second_high_res=money(told.get("cost_per_second_high_res")),
            cost_per_image=money(told.get("cost_per_image")),
            cost_per_image_grid=_grid(told.get("cost_per_image_grid")),
            cost_per_credit=money(told.get("cost_per_credit")),
            raw=told,
        )


def _grid(told: Any) -> Mapping[str, Mapping[str, Decimal]]:
    rows = ((quality.lower(), moneys(row)) for quality, row in mapping(told).items())
    return {quality: row for quality, row in rows if row}


@dataclass(frozen=True)
class VideoModel:
    """A model as the hub lists it, of videos or of images. inputs, outputs: "text", "image", "video", "audio"."""

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
        """Whether it makes videos. The endpoint decides if the capabilities are unknown."""
        if self.outputs:
            return "video" in self.outputs
        return self._ends("videos/generate")

    @property
    def makes_image(self) -> bool:
        """Whether it makes pictures. The endpoint decides if the capabilities are unknown."""
        if self.outputs:
            return "image" in self.outputs
        return self._ends("images/generate") or self._ends("images/edit")

    def _ends(self, path: str) -> bool:
        return (self.endpoint or "").rstrip("/").endswith(path)

    @classmethod
    def parse(cls, raw: Any) -> VideoModel:
        """A model of the list, the search or the detail. Raises HubUnavailable where it has no id."""
        record = mapping(raw)
        record = mapping(record.get("model")) or record
        model_id = identifier(first_given(record.get("id"), record.get("name")))
        if model_id is None:
            raise HubUnavailable("The hub answered a model without an id.", retry=False)
        capabilities = mapping(record.get("capabilities"))
        return cls(
            id=model_id,
            name=words(record.get("display_name")) or words(record.get("name")) or model_id,
            inputs=tuple(word.lower() for word in texts(capabilities.get("input"))),
            outputs=tuple(word.lower() for word in texts(capabilities.get("output"))),
            pricing=Pricing.parse(record.get("pricing")),
            request_schema=mapping(record.get("request_schema")) or mapping(record.get("json_request_schema")) or None,
            endpoint=text(record.get("endpoint")),
            description=words(record.get("description")) or words(record.get("summary")),
            raw=record,
        )


def media_models(raw: Any) -> list[VideoModel]:
    """The models of a list that make videos or pictures, in either of its forms; entries without an id are left out.

    Raises HubUnavailable for what is no list.
    """
    answer = mapping(raw)
    listed = next((one for one in (raw, answer.get("data"), answer.get("models")) if isinstance(one, list)), None)
    if listed is None:
        raise HubUnavailable("The hub answered no list of models.", retry=False)
    named = (one for one in mappings(listed) if identifier(first_given(one.get("id"), one.get("name"))))
    return [model for model in map(VideoModel.parse, named) if model.makes_video or model.makes_image]


# What the blocking routes answer, in every form that has been seen.


@dataclass(frozen=True)
class ResultVideo:
    """A video of the blocking route: a link, or the bytes themselves."""

    url: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ResultImage:
    """A picture of the blocking routes: a link, or the bytes themselves."""

    url: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)


Result = TypeVar("Result", ResultVideo, ResultImage)


@dataclass(frozen=True)
class Answer:
    """What `videos/generate`, `images/generate` and `images/edit` answer. created: Unix seconds."""

    model: str | None
    created: float | None
    videos: tuple[ResultVideo, ...]
    images: tuple[ResultImage, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Any, *, base_url: str = "") -> Answer:
        """Every form of the answer; `videos` and `images` are empty where it holds none that can be read."""
        answer = mapping(raw)
        pictures = mappings(answer.get("images"))
        if not pictures and answer.get("image_url") and not answer.get("error"):
            pictures = [{"url": answer["image_url"]}]
        clips = mappings(answer.get("videos")) or mappings(answer.get("data"))
        if not clips and not pictures and not answer.get("error"):  # an error's `url` may lead to an explanation
            clips = [answer]
        return cls(
            model=name_in(first_given(answer.get("model"), answer.get("model_name"))),
            created=unix(answer.get("created")),
            videos=_results(ResultVideo, clips, base_url),
            images=_results(ResultImage, pictures, base_url),
            raw={key: value for key, value in answer.items() if key not in ("videos", "images", "data", "b64_json")},
        )


def _results(kind: type[Result], told: list[dict[str, Any]], base_url: str) -> tuple[Result, ...]:
    found = []
    for one in told:
        link = result_link(one, base_url)
        if link is not None and not link.startswith("data:"):
            found.append(kind(url=link))
            continue
        data = decode_video(first_given(one.get("b64_json"), link))
        if data:
            found.append(kind(data=data))
    return tuple(found)


def decode_video(inline: Any) -> bytes | None:
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


Status = Literal["queued", "processing", "succeeded", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
TERMINAL: tuple[Status, ...] = ("succeeded", "failed", "cancelled")

LONGEST_COMPLAINT = 10_000  # characters of a job's error that are kept
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

    status: an unknown status counts as "processing"; `raw["status"]` has the hub's own word.
    url: the whole link, signature and all.
    error_message: the hub's words, redacted.
    namespace: where it is kept and who pays.
    cost: US dollars, known from the history only.
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
        return self.status in TERMINAL

    @property
    def is_active(self) -> bool:
        """Whether it is still waiting or running."""
        return not self.is_terminal

    @classmethod
    def parse(cls, raw: Any, *, base_url: str = "") -> Generation:
        """A record of the queue, the history or an enqueue answer. Raises HubUnavailable where it has no id."""
        record = mapping(raw)
        inner = mapping(record.get("generation"))
        record = inner or record
        generation_id = identifier(first_given(record.get("generation_id"), record.get("id")))
        if generation_id is None:
            raise HubUnavailable("The hub answered a record without a generation_id.", retry=False)
        return cls(
            generation_id=generation_id,
            model=name_in(first_given(record.get("model_name"), record.get("model"))),
            prompt=text(record.get("prompt")),
            media_type=words(record.get("media_type")),
            status=status(record.get("status")),
            url=result_link(record, base_url),
            error_message=_complaint(record),
            enqueued_at=unix(
                first_given(record.get("enqueued_at"), record.get("created_at"), record.get("inserted_at"))
            ),
            started_at=unix(record.get("started_at")),
            completed_at=unix(record.get("completed_at")),
            namespace=name_in(first_given(record.get("target_namespace"), record.get("namespace"))),
            cost=money(record.get("cost")),
            parameters={key: value for key, value in record.items() if key not in _OWN},
            raw=record,
        )

    def of_request(self, body: Mapping[str, Any]) -> Generation:
        """The record of a job just sent: an enqueue answer has only id and status, the rest comes from the request."""
        sent = {key: value for key, value in body.items() if key not in _OWN}
        return replace(
            self,
            model=self.model or text(body.get("model")),
            prompt=self.prompt or text(body.get("prompt")),
            namespace=self.namespace or text(body.get("target_namespace")),
            parameters=sent | dict(self.parameters),
        )


def status(word: Any) -> Status:
    """The hub's status; an unknown one counts as active."""
    return _STATUS.get(word.strip().lower(), "processing") if isinstance(word, str) else "processing"


def _complaint(record: Mapping[str, Any]) -> str | None:
    error = record.get("error")
    inner = mapping(error)
    said = (record.get("error_message"), inner.get("detail"), inner.get("message"), inner.get("title"), error)
    words = next((one for one in map(text, said) if one), None)
    return redact(words[:LONGEST_COMPLAINT]) if words else None


@dataclass(frozen=True)
class HistoryPage:
    """One page of what was made and paid. count: entries in all, total_cost: US dollars, each where the hub says so."""

    generations: tuple[Generation, ...]
    total_cost: Decimal | None = None
    page: int = 1
    has_more: bool | None = None
    count: int | None = None
    page_size: int = 50

    @property
    def is_last(self) -> bool:
        """Whether this is the last page. If the hub does not say so, a page that is not full is the last."""
        more = len(self.generations) >= self.page_size if self.has_more is None else self.has_more
        return not more or not self.generations

    @classmethod
    def parse(cls, raw: Any, *, page: int, page_size: int, base_url: str = "") -> HistoryPage:
        """A page of `/generations`. Raises HubUnavailable for what is no list."""
        answer = mapping(raw)
        paging = mapping(answer.get("pagination")) or answer
        found = listing(raw, base_url=base_url)
        total = integer(first_given(paging.get("total_entries"), paging.get("total_count"), paging.get("total")))
        pages = integer(paging.get("total_pages"))
        told = paging.get("has_more")
        more = told if isinstance(told, bool) else None
        if more is None and pages is not None:
            more = page < pages
        if more is None and total is not None:
            more = page * page_size < total
        return cls(
            generations=tuple(found),
            total_cost=money(answer.get("total_cost")),
            page=first_given(integer(paging.get("page")), integer(paging.get("page_number")), page),
            has_more=more,
            count=first_given(total, integer(answer.get("count"))),
            page_size=page_size,
        )


class Listing(list[Generation]):
    """Jobs of the queue. told: how many the hub says there are, if it does."""

    told: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all records came that the hub counted: a truncated list can't prove that a job is absent."""
        return self.told is None or len(self) >= self.told


def listing(raw: Any, *, base_url: str = "") -> Listing:
    """The queue's list. Raises HubUnavailable for anything else, from which nothing may be concluded."""
    answer = mapping(raw)
    if not any(isinstance(one, list) for one in (raw, answer.get("generations"), answer.get("data"))):
        raise HubUnavailable("The hub answered no list of generations.", retry=False)
    found = Listing(generations(raw, base_url=base_url))
    found.told = integer(answer.get("count"))
    return found


def generations(raw: Any, *, base_url: str = "") -> tuple[Generation, ...]:
    """The records of any answer that holds some: a list, `generations`, or one record; those without an id are left."""
    answer = mapping(raw)
    listed = answer.get("generations", answer.get("data"))
    alone = bool(answer.get("generation_id") or answer.get("generation"))  # a bare `id` may be the request's
    records = mappings(raw) or mappings(listed) or ([answer] if alone else [])
    namespace = identifier(answer.get("target_namespace")) if isinstance(listed, list) else None
    found = []
    for record in records:
        inner = mapping(record.get("generation")) or record
        if identifier(first_given(inner.get("generation_id"), inner.get("id"))) is None:
            continue
        one = Generation.parse(record, base_url=base_url)
        found.append(one if one.namespace else replace(one, namespace=namespace))
    return tuple(found)


@dataclass(frozen=True)
class Completion:
    """An event of the stream: this generation ended. Only a hint; the record is authoritative."""

    generation_id: str
    status: Status
    url: str | None = field(default=None, repr=False)
    error: str | None = None
    media_type: str | None = None
    model: str | None = None
