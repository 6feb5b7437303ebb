"""JSON of unknown shape → plain values. None of these functions raises: what can't be read is None."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urljoin

MOST_VALUES = 500_000  # in one JSON text; a list of 8 MiB holds about half as many
_MILLISECONDS_FROM = 1e11  # as Unix seconds that is the year 5138, as milliseconds 1973


def unreadable(content: bytes | str) -> bool:
    """Whether `content` is no JSON at all."""
    return parsed(content) is Ellipsis


def parsed(content: bytes | str) -> Any:
    """The JSON value; Ellipsis (which no JSON is) where there is none, or one of more than `MOST_VALUES` values."""
    if _values_in(content) > MOST_VALUES:
        return ...
    try:
        return json.loads(content)
    except (ValueError, RecursionError):  # RecursionError: ten thousand brackets
        return ...


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
        return str(value)
    return None


def first(*values: Any) -> Any:
    """The first that is not None."""
    return next((value for value in values if value is not None), None)


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, also when it was sent as JSON text; else an empty one."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = parsed(value)
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...]:
    """A list of words; a single word is a list of one."""
    items: Iterable[Any] = value if isinstance(value, list) else (value,)
    return tuple(item for item in items if isinstance(item, str) and item)


def money(value: Any) -> Decimal | None:
    """US dollars, exactly: `0.07`, `"0.07"` and `"$0.07"` are the same."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value).strip().lstrip("$"))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 and abs(amount.adjusted()) < 30 else None


def moneys(value: Any) -> Mapping[str, Decimal]:
    """A table of prices; its keys in lower case, for the hub writes `720p` and `720P`."""
    priced = ((key.lower(), money(price)) for key, price in mapping(value).items())
    return {key: price for key, price in priced if price is not None}


def count(value: Any) -> int | None:
    """A whole number."""
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def unix(value: Any) -> float | None:
    """Unix seconds out of seconds, milliseconds, either as text, or an ISO 8601 time (UTC where it names no zone)."""
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
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def name(value: Any) -> str | None:
    """A name, or the name inside an object."""
    inner = mapping(value)
    return text(first(inner.get("id"), inner.get("name"))) if inner else text(value)


def link(record: Mapping[str, Any], base_url: str = "") -> str | None:
    """Where the result lies, wherever the answer says it; a relative link is made whole."""
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
        return place
    try:
        return urljoin(base_url + "/", place)
    except ValueError:  # `http://[`
        return None
