"""The life of a job as its record shows it (Oxen docs, async queue)."""

from __future__ import annotations

import pytest

from .conftest import KLING, SHOTS, enqueue, get

ALWAYS = {
    "generation_id",
    "model_name",
    "prompt",
    "media_type",
    "status",
    "result_url",
    "error_message",
    "enqueued_at",
    "started_at",
    "completed_at",
}
NOT_FOUND = {
    "error": {"type": "resource_not_found", "title": "The requested resource could not be found"},
    "status": "error",
    "status_message": "resource_not_found",
}


def test_from_queued_to_succeeded(slow, clock):
    http = slow()
    start = int(clock.time())
    job = enqueue(http, duration=10, aspect_ratio="9:16", seed=7)
    queued = get(http, job)
    assert set(queued) >= ALWAYS
    assert (queued["status"], queued["enqueued_at"], queued["started_at"]) == ("queued", start, None)
    assert (queued["duration"], queued["aspect_ratio"], queued["seed"]) == (10, "9:16", 7)

    clock.advance(2)
    running = get(http, job)
    assert (running["status"], running["started_at"], running["completed_at"]) == ("processing", start + 1, None)
    assert running["result_url"] is None

    clock.advance(300)
    done = get(http, job)
    assert done["status"] == "succeeded"
    assert start + 60 <= done["completed_at"] <= start + 300  # it took minutes, by the sandbox's clock
    assert done["result_url"].startswith(str(http.base_url))
    assert done["error_message"] is None


def test_instant(http):
    assert get(http, enqueue(http))["status"] == "succeeded"


def test_bad_parameters_fail_only_when_the_job_runs(slow, clock):
    http = slow()
    job = enqueue(http, duration=7)
    assert get(http, job)["status"] == "queued"
    clock.advance(1.5)
    assert get(http, job)["status"] == "processing"
    clock.advance(60)
    failed = get(http, job)
    assert failed["status"] == "failed"
    assert failed["error_message"].startswith("duration value '7' is invalid. Try using duration='5' instead")
    assert failed["result_url"] is None


def test_speed_is_a_factor(slow, clock):
    real, fast = slow(), slow(speed=100)
    jobs = enqueue(real), enqueue(fast)
    clock.advance(3)
    assert [get(real, jobs[0])["status"], get(fast, jobs[1])["status"]] == ["processing", "succeeded"]


def test_lists_are_filtered(slow, clock):
    http = slow()
    first = enqueue(http, target_repo="films", target_directory="a/b")
    second = enqueue(http, model=SHOTS)
    picture = enqueue(http, model="black-forest-labs-flux-2-klein-4b")

    def listed(**asked):
        answer = http.get("/api/ai/queue", params=asked).json()
        assert answer["count"] == len(answer["generations"])
        return [one["generation_id"] for one in answer["generations"]]

    assert listed() == [first, second, picture]
    assert listed(model=SHOTS) == [second]
    assert listed(media_type="image") == [picture]
    assert listed(repo="films") == listed(folder="a/b") == [first]
    assert listed(namespace="somebody-else") == []
    clock.advance(20)
    assert listed() == [first, second]  # by default only what is active
    assert listed(status="succeeded") == [picture]
    assert listed(status="queued") == []


@pytest.mark.parametrize("seconds", [0, 5])
def test_cancel(slow, clock, seconds):
    http = slow()
    job = enqueue(http)
    clock.advance(seconds)
    answer = http.delete(f"/api/ai/queue/{job}")
    assert answer.json() == {"status": "success", "generation_id": job}
    clock.advance(3600)
    assert get(http, job)["status"] == "cancelled"
    assert http.get("/sandbox/ledger").json()["charged"] == "0"


def test_cancelling_what_has_ended_has_no_effect(http):
    job = enqueue(http)
    done = get(http, job)
    assert http.delete(f"/api/ai/queue/{job}").status_code == 200
    assert get(http, job)["status"] == done["status"] == "succeeded"


def test_unknown_ids(http):
    for answer in (http.get("/api/ai/queue/nope"), http.delete("/api/ai/queue/nope")):
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_only_so_many_run_at_once(slow, clock):
    http = slow(parallel=2)
    jobs = [enqueue(http, prompt=f"Balloon {number}") for number in range(5)]
    clock.advance(2)
    assert [get(http, job)["status"] for job in jobs] == ["processing"] * 2 + ["queued"] * 3
    clock.advance(3600)
    done = [get(http, job) for job in jobs]
    assert {one["status"] for one in done} == {"succeeded"}
    assert done[2]["started_at"] >= done[0]["completed_at"]  # a machine had to become free


def test_history_with_costs(http):
    for prompt in ("first", "second", "third"):
        enqueue(http, prompt=prompt, duration=10)
    enqueue(http, duration=7)  # fails, and costs nothing
    page = http.get("/api/ai/generations", params={"page": 1, "page_size": 3}).json()
    assert [one["prompt"] for one in page["generations"]] == ["A red balloon", "third", "second"]
    assert [one["cost"] for one in page["generations"]] == ["0", "0.7000", "0.7000"]
    assert page["total_cost"] == "2.1000"
    rest = http.get("/api/ai/generations", params={"page": 2, "page_size": 3}).json()
    assert [one["prompt"] for one in rest["generations"]] == ["first"]
    assert http.get("/api/ai/generations", params={"page": "-1"}).status_code == 400


def test_the_blocking_endpoint_is_in_the_history_but_not_in_the_queue(http):
    http.post("/api/ai/videos/generate", json={"model": KLING, "prompt": "A bird"})
    assert http.get("/api/ai/queue", params={"status": "succeeded"}).json()["count"] == 0
    assert [one["prompt"] for one in http.get("/api/ai/generations").json()["generations"]] == ["A bird"]


def test_the_ledger(http, hub):
    enqueue(http, duration=10)
    enqueue(http, duration=10, generate_audio=True)
    http.post("/api/ai/queue", json={"model": "nope", "prompt": "x"})
    ledger = http.get("/sandbox/ledger").json()
    assert (ledger["charged"], ledger["accepted"]) == ("1.4000", 2)
    assert ledger["requests"]["POST /api/ai/queue"] == 3
    assert ledger["prices"] == "invented by the sandbox"
    assert [one["body"]["duration"] for one in ledger["generations"]] == [10, 10]
    assert hub.ledger()["charged"] == ledger["charged"]
    hub.stop()
    assert hub.ledger()["charged"] == ledger["charged"]  # how it stood at the end
