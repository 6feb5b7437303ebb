"""Every form of record, list, answer and model that has been seen on the wire becomes one clean value."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path

import pytest

from oxen_video_tools.errors import HubUnavailable
from oxen_video_tools.hub.records import Answer, Generation, HistoryPage, VideoModel, generations, listing, media_models

HUB = "https://hub.oxen.ai"
RECORD = {
    "generation_id": "0197f2a4-6a2c-7c11-9c5e-0d6e2a7f1b11",
    "model_name": "kling-video-v2-6-pro-text-to-video",
    "prompt": "A red balloon floating upward",
    "media_type": "video",
    "status": "succeeded",
    "result_url": "https://hub.oxen.ai/api/repos/me/r/file/main/v.mp4?oxen_signature=abc&oxen_expires=9",
    "error_message": None,
    "enqueued_at": 1775090508,
    "started_at": 1775090510,
    "completed_at": 1775090590,
    "aspect_ratio": "16:9",
    "duration": 5,
    "seed": 7,
    "input_image": ["https://example.com/a.png"],
    "something_new": {"kept": True},
}


def test_a_record_as_documented() -> None:
    job = Generation.parse(RECORD, base_url=HUB)
    assert job.generation_id == RECORD["generation_id"]
    assert (job.model, job.prompt, job.media_type) == (RECORD["model_name"], RECORD["prompt"], "video")
    assert job.status == "succeeded"
    assert job.is_terminal
    assert not job.is_active
    assert job.url == RECORD["result_url"]
    assert (job.enqueued_at, job.started_at, job.completed_at) == (1775090508, 1775090510, 1775090590)
    assert job.error_message is None


def test_every_parameter_of_the_request_is_echoed_and_unknown_fields_are_kept() -> None:
    job = Generation.parse(RECORD)
    assert job.parameters == {
        "prompt": RECORD["prompt"],
        "aspect_ratio": "16:9",
        "duration": 5,
        "seed": 7,
        "input_image": ["https://example.com/a.png"],
        "something_new": {"kept": True},
    }
    assert job.raw == RECORD


@pytest.mark.parametrize("wrap", [lambda r: {"generation": r}, lambda r: r, json.dumps])
def test_a_wrapped_record_is_the_record(wrap: object) -> None:
    assert Generation.parse(wrap(RECORD)) == Generation.parse(RECORD)  # type: ignore[operator]


def test_the_older_field_model_names_the_model() -> None:
    assert Generation.parse({"generation_id": "g", "model": "old"}).model == "old"


@pytest.mark.parametrize(
    ("word", "meaning", "terminal"),
    [
        ("queued", "queued", False),
        ("processing", "processing", False),
        ("succeeded", "succeeded", True),
        ("failed", "failed", True),
        ("cancelled", "cancelled", True),
        ("canceled", "cancelled", True),
        ("SUCCEEDED", "succeeded", True),
        ("rendering", "processing", False),  # unknown: active
        (None, "processing", False),
        (7, "processing", False),
    ],
)
def test_statuses(word: object, meaning: str, terminal: bool) -> None:
    job = Generation.parse({"generation_id": "g", "status": word})
    assert (job.status, job.is_terminal, job.is_active) == (meaning, terminal, not terminal)


@pytest.mark.parametrize(
    "result",
    [
        {"result_url": "https://cdn.example/v.mp4?s=1"},
        {"video_url": "https://cdn.example/v.mp4?s=1"},
        {"url": "https://cdn.example/v.mp4?s=1"},
        {"videos": [{"url": "https://cdn.example/v.mp4?s=1"}]},
        {"result_url": None, "videos": [{"url": "https://cdn.example/v.mp4?s=1"}]},
        {"result": {"url": "https://cdn.example/v.mp4?s=1"}},
    ],
)
def test_the_result_lies_where_the_record_says(result: dict[str, object]) -> None:
    job = Generation.parse({"generation_id": "g", "status": "succeeded"} | result, base_url=HUB)
    assert job.url == "https://cdn.example/v.mp4?s=1"


@pytest.mark.parametrize("missing", [{}, {"result_url": None}, {"result_url": " "}, {"videos": []}, {"result_url": 5}])
def test_succeeded_without_a_url(missing: dict[str, object]) -> None:
    job = Generation.parse({"generation_id": "g", "status": "succeeded"} | missing, base_url=HUB)
    assert job.is_terminal
    assert job.url is None


def test_a_relative_url_is_the_hubs() -> None:
    job = Generation.parse({"generation_id": "g", "result_url": "/api/repos/a/b/v.mp4?x=1"}, base_url=HUB)
    assert job.url == "https://hub.oxen.ai/api/repos/a/b/v.mp4?x=1"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (1775090508, 1775090508.0),
        (1775090508.25, 1775090508.25),
        (1775090508250, 1775090508.25),
        ("1775090508", 1775090508.0),
        ("1775090508250", 1775090508.25),
        ("2026-04-02T00:41:48Z", 1775090508.0),
        ("2026-04-02T00:41:48", 1775090508.0),
        (None, None),
        ("yesterday", None),
        (float("inf"), None),
        (-1, None),
        (True, None),
        (10**400, None),
    ],
)
def test_times_are_unix_seconds(told: object, seconds: float | None) -> None:
    assert Generation.parse({"generation_id": "g", "enqueued_at": told}).enqueued_at == seconds


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"error_message": "the model failed"}, "the model failed"),
        ({"error": {"message": "m", "detail": "d"}}, "d"),
        ({"error": "plain"}, "plain"),
        ({"error_message": "see https://x.example/a?oxen_signature=topsecret"}, "see https://x.example/a?[hidden]"),
        ({"error_message": ""}, None),
    ],
)
def test_why_a_job_failed(record: dict[str, object], words: str | None) -> None:
    job = Generation.parse({"generation_id": "g", "status": "failed", "error_retryable": False} | record)
    assert job.error_message == words
    assert "error_retryable" not in job.parameters
    assert job.raw["error_retryable"] is False


def test_the_cost_is_an_exact_decimal() -> None:
    assert Generation.parse({"generation_id": "g", "cost": "0.1234567890123"}).cost == Decimal("0.1234567890123")


@pytest.mark.parametrize("raw", [None, [], "text", 5, {}, {"generation": None}, {"generation_id": ""}])
def test_no_record_is_an_error_and_not_a_crash(raw: object) -> None:
    with pytest.raises(HubUnavailable):
        Generation.parse(raw)


def test_no_repr_shows_a_signature() -> None:
    job = Generation.parse(RECORD | {"input_video": "https://x/y?sig=topsecret"})
    assert "oxen_signature" not in repr(job)
    assert "topsecret" not in repr(job)


def test_an_enqueue_answer_is_filled_with_what_was_sent() -> None:
    body = {"model": "m", "prompt": "p", "duration": 5, "target_namespace": "org"}
    (job,) = generations({"generations": [{"generation_id": "g", "status": "queued"}]})
    job = job.of_request(body)
    assert (job.model, job.prompt, job.namespace, job.status) == ("m", "p", "org", "queued")
    assert job.parameters["duration"] == 5


# -- lists -----------------------------------------------------------------------------------------------------------


def test_a_list_with_its_namespace_and_count() -> None:
    found = listing({"count": 1, "target_namespace": "org", "generations": [RECORD]})
    assert [job.generation_id for job in found] == [RECORD["generation_id"]]
    assert found[0].namespace == "org"
    assert found.told == 1
    assert found.is_whole


def test_a_record_that_names_its_own_namespace_keeps_it() -> None:
    found = listing({"target_namespace": "org", "generations": [RECORD | {"target_namespace": "me"}]})
    assert found[0].namespace == "me"


def test_a_list_that_was_cut_short_says_so() -> None:
    assert not listing({"count": 3, "generations": [RECORD]}).is_whole


def test_entries_that_are_no_records_are_left_out() -> None:
    assert len(listing({"generations": [RECORD, None, 5, {"status": "queued"}, {"generation": RECORD}]})) == 2


@pytest.mark.parametrize("raw", [{}, None, "x", {"generations": None}, {"generations": {}}, {"count": 0}])
def test_what_is_no_list_proves_no_absence(raw: object) -> None:
    with pytest.raises(HubUnavailable):
        listing(raw)


@pytest.mark.parametrize(
    ("paging", "more", "count"),
    [
        ({}, None, None),
        ({"has_more": True}, True, None),
        ({"total_pages": 2}, True, None),
        ({"total_pages": 1}, False, None),
        ({"pagination": {"page_number": 1, "total_pages": 3, "total_entries": 101}}, True, 101),
        ({"total_entries": 2}, False, 2),
        ({"count": 1}, None, 1),
    ],
)
def test_a_page_of_the_history(paging: dict[str, object], more: bool | None, count: int | None) -> None:
    raw = {"generations": [RECORD | {"cost": "0.70"}], "total_cost": "12.3456"} | paging
    page = HistoryPage.parse(raw, page=1, page_size=50)
    assert page.generations[0].cost == Decimal("0.70")
    assert page.total_cost == Decimal("12.3456")
    assert (page.page, page.has_more, page.count) == (1, more, count)


# -- answers of the blocking route ------------------------------------------------------------------------------

DATA = b"\x00\x00\x00\x20ftypisom" + b"\xff" * 50


@pytest.mark.parametrize(
    "inline",
    [
        base64.b64encode(DATA).decode(),
        "data:video/mp4;base64," + base64.b64encode(DATA).decode(),
        base64.encodebytes(DATA).decode(),
        base64.b64encode(DATA).decode().rstrip("="),
    ],
)
def test_inline_video(inline: str) -> None:
    answer = Answer.parse({"model": "m", "created": 1775090508, "videos": [{"b64_json": inline}]})
    assert answer.videos[0].data == DATA
    assert (answer.model, answer.created) == ("m", 1775090508)


@pytest.mark.parametrize(
    "raw",
    [
        {"videos": [{"url": "https://x.example/v.mp4?s=1"}]},
        {"video_url": "https://x.example/v.mp4?s=1"},
        {"url": "https://x.example/v.mp4?s=1"},
        {"data": [{"url": "https://x.example/v.mp4?s=1"}]},
        {"videos": [{}, {"url": "https://x.example/v.mp4?s=1"}]},
    ],
)
def test_an_answer_with_a_link(raw: dict[str, object]) -> None:
    answer = Answer.parse(raw, base_url=HUB)
    assert [video.url for video in answer.videos] == ["https://x.example/v.mp4?s=1"]
    assert "s=1" not in repr(answer)


@pytest.mark.parametrize(
    "raw", [{"videos": []}, {}, None, [], "x", {"videos": [{"b64_json": "***"}]}, {"videos": [{"b64_json": ""}]}]
)
def test_an_answer_without_a_video(raw: object) -> None:
    assert Answer.parse(raw).videos == ()


# -- models ------------------------------------------------------------------------------

MODEL = {
    "id": "happyhorse-1.0-t2v",
    "display_name": "Happy Horse",
    "summary": "short",
    "description": "long",
    "endpoint": "/videos/generate",
    "capabilities": {"input": ["text", "image"], "output": ["video"]},
    "pricing": {
        "method": "per_video_output_second",
        "cost_per_second": "0.07",
        "cost_per_second_by_resolution": {"720P": 0.05, "1080p": "0.1", "4K": None},
        "cost_per_second_with_audio": 0.14,
        "cost_per_second_high_res": "$0.2",
        "cost_per_image": "0.001",
    },
    "request_schema": {"type": "object", "properties": {"prompt": {"type": "string", "x-order": 0}}},
    "developer": "someone",
}


def test_a_model_as_documented() -> None:
    model = VideoModel.parse(MODEL)
    assert (model.id, model.name, model.description) == ("happyhorse-1.0-t2v", "Happy Horse", "long")
    assert (model.inputs, model.outputs) == (("text", "image"), ("video",))
    assert model.request_schema == MODEL["request_schema"]
    assert model.raw["developer"] == "someone"
    price = model.pricing
    assert price is not None
    assert price.method == "per_video_output_second"
    assert price.cost_per_second == Decimal("0.07")
    assert price.cost_per_second_by_resolution == {"720p": Decimal("0.05"), "1080p": Decimal("0.1")}
    assert price.cost_per_second_with_audio == Decimal("0.14")
    assert price.cost_per_second_high_res == Decimal("0.2")
    assert price.cost_per_image == Decimal("0.001")


def test_prices_of_pictures() -> None:
    grid = {"HIGH": {"1K": 0.13, "4K": "1.13"}, "low": {"2K": None}, "odd": 3}
    told = VideoModel.parse({"id": "m", "pricing": {"method": "per_image", "cost_per_image_grid": grid}}).pricing
    assert told is not None
    assert told.cost_per_image_grid == {"high": {"1k": Decimal("0.13"), "4k": Decimal("1.13")}}
    credit = VideoModel.parse({"id": "m", "pricing": {"method": "per_provider_credit", "cost_per_credit": 0.08}})
    assert credit.pricing is not None
    assert credit.pricing.cost_per_credit == Decimal("0.08")


@pytest.mark.parametrize(
    "raw",
    [
        {"images": [{"url": "/i.png"}]},
        {"image_url": "https://hub.oxen.ai/i.png"},
        {"model": "m", "images": [{"b64_json": "iVBORw0KGgo="}]},
    ],
)
def test_a_picture_in_every_form(raw: dict[str, object]) -> None:
    answer = Answer.parse(raw, base_url=HUB)
    assert answer.videos == ()
    (image,) = answer.images
    assert image.url == f"{HUB}/i.png" or image.data is not None


def test_a_schema_under_its_other_name_and_as_text() -> None:
    schema = {"type": "object"}
    assert VideoModel.parse({"id": "m", "json_request_schema": schema}).request_schema == schema
    assert VideoModel.parse({"id": "m", "request_schema": json.dumps(schema)}).request_schema == schema


def test_schema_and_pricing_may_be_null() -> None:
    model = VideoModel.parse({"id": "m", "request_schema": None, "pricing": None})
    assert model.request_schema is None
    assert model.pricing is None


@pytest.mark.parametrize("cost", ["NaN", "inf", -1, True, "free", "1e400", [], {}])
def test_a_price_that_is_no_price(cost: object) -> None:
    model = VideoModel.parse({"id": "m", "pricing": {"method": "time", "cost_per_second": cost}})
    assert model.pricing is not None
    assert model.pricing.cost_per_second is None


@pytest.mark.parametrize(
    ("endpoint", "video"),
    [
        ("/videos/generate", True),
        ("videos/generate", True),
        ("/api/ai/videos/generate", True),
        ("https://hub.oxen.ai/api/ai/videos/generate", True),
        ("/images/generate", False),
        (None, False),
    ],
)
def test_without_capabilities_the_endpoints_ending_tells(endpoint: str | None, video: bool) -> None:
    assert VideoModel.parse({"id": "m", "endpoint": endpoint}).makes_video is video


@pytest.mark.parametrize("wrap", [lambda m: {"object": "list", "data": m}, lambda m: m, lambda m: {"models": m}])
def test_the_list_holds_models_of_videos_and_pictures_in_either_form(wrap: object) -> None:
    still = {"id": "flux", "capabilities": {"input": ["text"], "output": ["image"]}}
    words = {"id": "claude", "capabilities": {"input": ["text"], "output": ["text"]}}
    found = media_models(wrap([MODEL, still, words, None, {}]))  # type: ignore[operator]
    assert [model.id for model in found] == ["happyhorse-1.0-t2v", "flux"]
    assert [(model.makes_video, model.makes_image) for model in found] == [(True, False), (False, True)]


@pytest.mark.parametrize("raw", [None, {}, [], "m"])
def test_a_model_without_an_id(raw: object) -> None:
    with pytest.raises(HubUnavailable):
        VideoModel.parse(raw)


def test_every_model_of_the_bundled_snapshot_can_be_read() -> None:
    snapshot = Path(__file__).parents[2] / "oxen_video_tools" / "catalog" / "snapshot.json"
    if not snapshot.exists():
        pytest.skip("no snapshot yet")
    raw = json.loads(snapshot.read_text("utf-8"))
    models = media_models(raw)
    assert len(models) == len(raw["data"])
    assert sum(model.makes_video for model in models) == 78
    assert sum(model.makes_image for model in models) == 34
