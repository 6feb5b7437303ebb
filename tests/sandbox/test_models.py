"""The model list, search and detail (Oxen docs, models overview)."""

from __future__ import annotations

import httpx
import pytest

from .conftest import KLING, SHOTS

FIELDS = {
    "id",
    "object",
    "created",
    "owned_by",
    "display_name",
    "description",
    "summary",
    "model_type",
    "endpoint",
    "capabilities",
    "pricing",
    "fine_tuning",
    "deployments",
    "developer",
    "source_model",
    "image_url",
    "released_at",
    "request_schema",
}


def test_the_list(http):
    listed = http.get("/api/ai/models").json()
    assert listed["object"] == "list"
    assert all(set(one) == FIELDS for one in listed["data"])
    videos = [one["id"] for one in listed["data"] if "video" in one["capabilities"]["output"]]
    assert {KLING, SHOTS} <= set(videos)
    assert len(videos) >= 80
    assert any(one["capabilities"]["output"] == ["text"] for one in listed["data"])


def test_the_shots_stand_in_no_schema_of_the_list(http):
    """As on the hub: the page knows `multi_prompt`, the schema lists neither it nor `prompt` nor `duration`."""
    schema = http.get(f"/api/ai/models/{SHOTS}").json()["request_schema"]
    assert not {"prompt", "multi_prompt", "duration"} & set(schema["properties"])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("kling", lambda ids: SHOTS in ids and len(ids) > 8),
        ("KLING o3 omni", lambda ids: ids == {"kling-video-o3-omni"}),
        ("zzz", lambda ids: ids == set()),
    ],
)
def test_search(http, words, found):
    answer = http.get("/api/ai/models/search", params={"search": words}).json()
    assert found({one["id"] for one in answer["data"]})


def test_search_without_words(http):
    assert http.get("/api/ai/models/search").status_code == 400


def test_detail(http):
    assert http.get("/api/ai/models/happyhorse-1.0-t2v").json()["id"] == "happyhorse-1.0-t2v"
    assert http.get("/api/ai/models/my-custom-model", params={"deployment_status": "live"}).status_code == 200
    answer = http.get("/api/ai/models/nope%2Fx")
    assert (answer.status_code, answer.json()) == (404, {"error": {"message": "Model not found: nope/x"}})


def test_by_developer(http):
    listed = http.get("/api/ai/models", params={"developer_name": "kling"}).json()["data"]
    assert listed
    assert all(one["id"].startswith("kling") for one in listed)


def test_custom_models_are_switched_on_and_off(http):
    for verb, status in (("activate", "active"), ("deactivate", "inactive")):
        answer = http.post(f"/api/ai/models/my-custom-model/{verb}")
        assert answer.json()["deployments"] == [{"status": status}]
    assert http.post(f"/api/ai/models/{KLING}/activate").json()["deployments"] == []
    assert http.post("/api/ai/models/nope/activate").status_code == 404


def test_who_am_i(http, hub):
    assert http.get("/api/users/me").json()["user"]["username"] == "sandbox"
    assert httpx.get(f"{hub.base_url}/api/users/me", trust_env=False).status_code == 401
