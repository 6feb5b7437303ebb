"""Whatever a hub may say: a clean value or an OxenError, never another exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from oxen_video_tools.errors import OxenError, SubmissionUnclear
from oxen_video_tools.hub import HubClient
from oxen_video_tools.hub.error_mapping import Reply, after_paying, to_error
from oxen_video_tools.hub.records import Answer, Generation, HistoryPage, Listing, VideoModel, listing, media_models

from ..clocks import FakeClock
from .conftest import KEY

NAMES = st.sampled_from(
    [
        *("generation_id", "id", "model", "model_name", "prompt", "status", "result_url", "url", "video_url", "videos"),
        *("error", "error_message", "detail", "message", "title", "type", "status_message", "status_description"),
        *("enqueued_at", "completed_at", "cost", "total_cost", "count", "generations", "generation", "data", "models"),
        *("capabilities", "input", "output", "pricing", "cost_per_second", "cost_per_second_by_resolution", "method"),
        *("request_schema", "endpoint", "b64_json", "created", "pagination", "total_pages", "has_more", "namespace"),
        *("target_namespace", "result", "user", "username", "asset_path", "event"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["succeeded", "failed", "queued", "1e999", "NaN", "-0", "http://[", "//", "data:,", "0x1"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)
STATUSES = st.sampled_from([200, 201, 400, 404, 429, 500])
ODD = [
    '{"generation_id": "g", "enqueued_at": 1e999}',
    '{"generation_id": 1' + "0" * 5000 + "}",
    "[" * 20_000,
    '{"a":' * 20_000,
    '{"generation_id": "\\ud800", "result_url": "\\ud800"}',
    '{"error": {"message": "\\ud800"}}',
    "NaN",
    "",
    "\x00",
    "\ufeff{}",
]


@settings(max_examples=300, deadline=None)
@given(JSON)
@pytest.mark.parametrize(
    "parse",
    [
        lambda raw: Generation.parse(raw, base_url="https://hub.oxen.ai"),
        lambda raw: Answer.parse(raw, base_url="https://hub.oxen.ai"),
        lambda raw: HistoryPage.parse(raw, page=1, page_size=50),
        listing,
        VideoModel.parse,
        media_models,
    ],
)
def test_any_json_is_read_or_is_an_oxen_error(parse: Callable[[Any], Any], raw: Any) -> None:
    try:
        value = parse(raw)
    except OxenError:
        return
    repr(value)
    if isinstance(value, Generation):
        assert value.is_active is not value.is_terminal
        assert value.generation_id.strip()
        assert value.enqueued_at is None or 0 <= value.enqueued_at < 1e11
    if isinstance(value, Listing):
        assert all(one.generation_id for one in value)


@settings(max_examples=300, deadline=None)
@given(st.integers(100, 999), JSON.map(json.dumps) | st.text(max_size=200) | st.sampled_from(ODD))
def test_any_error_body_is_mapped(status: int, body: str) -> None:
    reply = Reply(status, body.encode("utf-8", "surrogatepass"), {"retry-after": body[:30]})
    error = to_error(reply, "do a thing", now=0.0)
    assert isinstance(error, OxenError)
    assert json.loads(error.words)["error"] == error.kind
    assert len(error.message) < 1000
    paid = after_paying(reply, "pay", sent={"a": 1})
    if status in (408, 425) or status >= 500:
        assert isinstance(paid, SubmissionUnclear)
    elif 400 <= status < 500:
        assert paid.charged == "no"


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([200, 201, 400, 404, 429, 500]), st.binary(max_size=60) | JSON.map(lambda j: json.dumps(j).encode())
)
@example(200, ODD[1].encode())
@example(200, ODD[2].encode())
@example(200, ODD[3].encode())
@example(200, ODD[4].encode())
@example(400, ODD[5].encode())
async def test_no_call_ends_in_anything_else(status: int, body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    async with HubClient(api_key=KEY, clock=FakeClock(), transport=transport, deadline=1) as hub:
        calls: list[Callable[[], Any]] = [
            lambda: hub.get("g"),
            hub.list,
            lambda: hub.cancel("g"),
            hub.history,
            hub.models,
            lambda: hub.search("x"),
            lambda: hub.model("m"),
            lambda: hub.activate("m"),
            hub.me,
            lambda: hub.enqueue({"model": "m"}),
            lambda: hub.generate({"model": "m"}),
        ]
        for call in calls:
            try:
                repr(await call())
            except OxenError as error:
                json.loads(error.words)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
async def test_any_id_is_one_segment_of_the_path(name: str) -> None:
    paths: list[str] = []

    def say(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path.decode())
        return httpx.Response(200, json={"generation_id": "g"})

    async with HubClient(api_key=KEY, clock=FakeClock(), transport=httpx.MockTransport(say)) as hub:
        try:
            await hub.get(name)
        except OxenError:
            assert paths == []
    for path in paths:
        assert path.startswith("/api/ai/queue/")
        assert path.count("/") == 4
        assert "?" not in path


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
async def test_any_link_is_fetched_or_refused(url: str) -> None:
    async with HubClient(api_key=KEY, clock=FakeClock()) as hub:
        try:
            assert await hub.fetchable(url) == url
        except OxenError as error:
            assert error.kind == "input_not_allowed"
