"""What is checked when a job is enqueued, and the two forms of a refusal (Oxen docs, async queue: Validation)."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from oxen_video_tools.sandbox import Sandbox

from .conftest import KLING, SHOTS, client, enqueue, get

LONG = {"error", "status", "status_message"}


@pytest.fixture(params=["/api/ai/queue", "/api/ai/videos/generate"])
def paid(request):
    return request.param


def test_an_unknown_model(http, paid):
    answer = http.post(paid, json={"model": "kling-9", "prompt": "A bird"})
    assert (answer.status_code, answer.json()) == (404, {"error": {"message": "Model not found: kling-9"}})


@pytest.mark.parametrize("model", [None, "", 7, ["x"]])
def test_no_usable_model(http, paid, model):
    assert http.post(paid, json={"model": model, "prompt": "A bird"}).status_code in (400, 404)


def test_a_model_of_text(http, paid):
    answer = http.post(paid, json={"model": "claude-sonnet-4-6", "prompt": "A bird"})
    assert (answer.status_code, answer.json()) == (415, {"error": {"detail": ":unsupported_media_type"}})


def test_an_image_model_makes_no_video(http):
    answer = http.post(
        "/api/ai/videos/generate", json={"model": "black-forest-labs-flux-2-klein-4b", "prompt": "A bird"}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize("count", [0, 5, -1, "2", 1.5, True, None])
def test_a_count_out_of_range(http, count):
    answer = http.post("/api/ai/queue", json={"model": KLING, "prompt": "A bird", "num_generations": count})
    assert answer.status_code == 400
    assert answer.json() == {"error": {"message": "num_generations must be an integer between 1 and 4"}}


def test_several_generations(http):
    answer = http.post("/api/ai/queue", json={"model": KLING, "prompt": "A bird", "num_generations": 4}).json()
    assert [one["status"] for one in answer["generations"]] == ["queued"] * 4
    assert len({one["generation_id"] for one in answer["generations"]}) == 4


NO_JSON_OBJECT = [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"null", b'{"prompt": NaN}', b'{"seed": 1e999}']
NO_JSON_OBJECT += [
    b'{"prompt": "\\ud800"}',
    b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b'{"x": ' + b"9" * 9_000 + b"}",
]


@pytest.mark.parametrize("content", NO_JSON_OBJECT, ids=lambda content: repr(content[:24]))
def test_no_json_object(http, paid, content):
    answer = http.post(paid, content=content)
    assert answer.status_code == 400
    assert set(answer.json()) == LONG


def test_a_body_beyond_bounds(http, paid):
    answer = http.post(paid, json={"model": KLING, "prompt": "x" * 2_000_000})
    assert answer.status_code == 413
    assert http.get("/sandbox/ledger").json()["accepted"] == 0


def test_no_key(hub, paid):
    answer = httpx.post(hub.base_url + paid, json={"model": KLING, "prompt": "A bird"}, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "unauthenticated"
    assert answer.json()["status_message"] == "unauthenticated"


def test_a_wrong_key():
    with (
        Sandbox(api_key="right") as hub,
        client(hub) as right,
        client(hub, headers={"Authorization": "Bearer no"}) as wrong,
    ):
        answer = wrong.post("/api/ai/queue", json={"model": KLING, "prompt": "A bird"})
        assert (answer.status_code, answer.json()) == (401, {"error": {"message": "Invalid API key"}})
        assert wrong.get("/api/ai/models").status_code == 200  # the list needs no key
        assert hub.api_key == "right"
        assert right.get("/api/ai/queue").status_code == 200


def test_namespaces():
    with Sandbox(namespaces=["studio"], picture_height=144) as hub, client(hub) as http:
        job = enqueue(http, target_namespace="studio")
        assert get(http, job)["target_namespace"] == "studio"
        succeeded = {"status": "succeeded"}
        assert http.get("/api/ai/queue", params=succeeded).json()["count"] == 0  # one's own only
        assert http.get("/api/ai/queue", params=succeeded | {"namespace": "studio"}).json()["count"] == 1
        refused = http.post("/api/ai/queue", json={"model": KLING, "prompt": "A bird", "target_namespace": "others"})
        assert refused.status_code == 404


def test_credits_run_out_at_enqueue():
    with Sandbox(credits="0.50", picture_height=144) as hub, client(hub) as http:
        enqueue(http)  # 5 s at 0.07
        refused = http.post("/api/ai/queue", json={"model": KLING, "prompt": "A bird"})
        assert (refused.status_code, refused.json()["error"]) == (
            402,
            {"type": "insufficient_credits", "title": "You have run out of credits."},
        )
        assert hub.ledger()["charged"] == "0.3500"
        assert Decimal(hub.ledger()["credits_left"]) == Decimal("0.15")


def test_credits_run_out_while_jobs_wait(slow, clock):
    """Each was affordable when it was enqueued; the documented failure says why the second one is not."""
    http = slow(credits="0.50")
    first, second = enqueue(http), enqueue(http, prompt="A blue balloon")
    clock.advance(3600)
    assert get(http, first)["status"] == "succeeded"
    failed = get(http, second)
    assert (failed["status"], failed["error_message"]) == ("failed", "Insufficient credits")
    assert http.get("/sandbox/ledger").json()["charged"] == "0.3500"


def test_the_blocking_endpoint_says_at_once_what_is_wrong(http):
    both = {"prompt": "A bird", "multi_prompt": [{"prompt": "A bird", "duration": 5}]}
    prefix = "Getting model response error: 422 - Value error, "
    for body, words in [
        (both, "Cannot provide both 'prompt' and 'multi_prompt'."),
        ({}, "Either 'prompt' or 'multi_prompt' must be provided."),
        ({"multi_prompt": []}, "Either 'prompt' or 'multi_prompt' must be provided."),
    ]:
        answer = http.post("/api/ai/videos/generate", json={"model": SHOTS} | body)
        assert (answer.status_code, answer.json()) == (400, {"error": {"message": prefix + words}})


def test_the_blocking_endpoints_two_forms(http):
    import base64

    body = {"model": KLING, "prompt": "A bird", "duration": 5}
    by_url = http.post("/api/ai/videos/generate", json=body | {"response_format": "url"}).json()
    inline = http.post("/api/ai/videos/generate", json=body | {"response_format": "b64_json"}).json()
    assert by_url["model"] == inline["model"] == KLING
    assert isinstance(by_url["created"], int)
    content = base64.b64decode(inline["videos"][0]["b64_json"], validate=True)
    assert content == httpx.get(by_url["videos"][0]["url"], trust_env=False).content


def test_unknown_paths_and_methods(http):
    answer = http.get("/api/ai/nothing")
    assert (answer.status_code, answer.json()) == (
        404,
        {
            "error": {"type": "resource_not_found", "title": "The requested resource could not be found"},
            "status": "error",
            "status_message": "resource_not_found",
        },
    )
    assert http.patch("/api/ai/queue").status_code == 405
