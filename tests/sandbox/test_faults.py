"""Faults on request: their text form, when they strike, and each of them on the wire."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.sandbox.faults import KINDS, POINTS, Fault, Faults

from .conftest import KLING, client, enqueue, get

BODY = {"model": KLING, "prompt": "A red balloon"}
BOTH = pytest.mark.parametrize("path", ["/api/ai/queue", "/api/ai/videos/generate"])


def pay(http: httpx.Client, path: str = "/api/ai/queue") -> httpx.Response:
    return http.post(path, json=BODY)


def accepted(hub: Sandbox) -> int:
    return hub.ledger()["accepted"]


# --- the text form and the counting


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stuck", Fault("stuck")),
        ("late=3@2/list", Fault("late", "3", "2", "list")),
        ("error=502:html@25%", Fault("error", "502:html", "25%")),
        (
            "redirect=https://elsewhere.test/a/b.mp4?x=1@1-3",
            Fault("redirect", "https://elsewhere.test/a/b.mp4?x=1", "1-3"),
        ),
        ("redirect=https://elsewhere.test/a", Fault("redirect", "https://elsewhere.test/a")),
        ("fail=Out of memory@*", Fault("fail", "Out of memory", "*")),
        ("drop-answer@2", Fault("drop_answer", None, "2")),
        ("drop_answer@1,3/paid", Fault("drop_answer", None, "1,3", "paid")),
    ],
)
def test_the_text_form(text, fault):
    assert Fault.parse(text) == fault


NONSENSE = ["", "nothing", "Late", "@1", "late@0", "late@x", "late@101%", "late@1-x"]
NONSENSE += [
    "late/nowhere",
    "late=3/nowhere",
    "late=soon",
    "late=-1",
    "error=99",
    "error=500:pdf",
    "stuck=done",
    "quirk=x",
]


@pytest.mark.parametrize("text", NONSENSE)
def test_what_is_no_fault(text):
    with pytest.raises(ValueError):
        Fault.parse(text)


@given(
    st.sampled_from(sorted(KINDS)),
    st.booleans(),
    st.sampled_from(["1", "2-4", "3-", "*", "25%", "1,5"]),
    st.none() | st.sampled_from([*POINTS, "any", "paid"]),
)
def test_text_and_back(name, valued, calls, point):
    fault = Fault(name, KINDS[name].value if valued else None, calls, point)
    assert Fault.parse(str(fault)) == fault


def struck(calls: str, seed: int = 0, count: int = 8) -> list[int]:
    faults = Faults([Fault("late", calls=calls)], seed=seed)
    return [number for number in range(1, count + 1) if faults.draw("get")]


def test_when_it_strikes():
    assert struck("2") == [2]
    assert struck("1,3") == [1, 3]
    assert struck("2-4") == [2, 3, 4]
    assert struck("6-") == [6, 7, 8]
    assert struck("*") == list(range(1, 9))
    assert struck("0%") == []
    assert struck("100%") == list(range(1, 9))


def test_probability_comes_from_the_seed():
    runs = [struck("30%", seed, 200) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert 30 < len(runs[0]) < 90


def test_only_calls_at_its_point_count_and_from_when_it_was_set():
    faults = Faults()
    faults.draw("enqueue")
    faults.add("drop_answer", calls=2)
    assert not faults.draw("list")
    assert not faults.draw("enqueue")
    assert faults.draw("generate")
    assert faults.struck("drop_answer") == 1
    faults.remove("drop_answer")
    assert faults.told() == []


def test_the_control_endpoint(http):
    added = http.post("/sandbox/faults", json={"fault": "error=503@2/list"}).json()
    assert [one["fault"] for one in added["faults"]] == ["error=503@2/list"]
    assert [http.get("/api/ai/queue").status_code for _ in range(3)] == [200, 503, 200]
    told = http.get("/sandbox/faults").json()
    assert (told["faults"][0]["calls"], told["faults"][0]["struck"]) == (3, 1)
    assert set(told["kinds"]) == set(KINDS)
    refused = http.post("/sandbox/faults", json={"faults": ["late", "nonsense"]})
    assert refused.status_code == 400
    assert "nonsense" in refused.json()["error"]["detail"]
    assert len(http.get("/sandbox/faults").json()["faults"]) == 1  # all, or none
    assert http.request("DELETE", "/sandbox/faults").json()["faults"] == []


# --- the answer to a call


@BOTH
def test_drop_answer(hub, http, path):
    hub.faults.add("drop_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        pay(http, path)
    assert accepted(hub) == 1
    assert float(hub.ledger()["charged"]) > 0
    assert pay(http, path).status_code == 200


@BOTH
def test_drop_request(hub, http, path):
    hub.faults.add("drop_request", calls=2)
    assert pay(http, path).status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        pay(http, path)
    assert accepted(hub) == 1


def test_late(slow, clock):
    """By the sandbox's own clock: the answer is there once an hour has passed on it, and not before."""
    http = slow(speed="instant", faults=["late=3600/list"])
    begun = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        http.get("/api/ai/queue", timeout=0.3)
    assert time.monotonic() - begun < 5
    http.post("/sandbox/faults", json={"fault": "late=3600/list"})
    import threading

    threading.Timer(0.1, clock.advance, [3601]).start()
    assert http.get("/api/ai/queue").status_code == 200


def test_rate_limited(hub, http):
    for name, value in (("rate_limited", "7"), ("rate_limited", "none"), ("rate_limited_date", "7")):
        hub.faults.clear()
        hub.faults.add(name, value)
        answer = pay(http)
        assert answer.status_code == 429
        assert answer.json()["status_message"] == "too_many_requests"
        after = answer.headers.get("retry-after")
        if value == "none":
            assert after is None
        elif name == "rate_limited":
            assert after == "7"
        else:
            assert 5 <= parsedate_to_datetime(after).timestamp() - time.time() <= 8
    assert accepted(hub) == 0


@BOTH
@pytest.mark.parametrize(
    ("value", "status", "kind", "piece"),
    [
        ("500", 500, "application/json", '"status":500'),
        ("502:json", 502, "application/json", '"upstream"'),
        ("504:html", 504, "text/html; charset=utf-8", "<h1>504"),
        ("503:text", 503, "text/plain; charset=utf-8", "upstream request failed"),
    ],
)
@pytest.mark.parametrize(("name", "taken"), [("error", 0), ("error_after", 1)])
def test_errors_before_and_after(hub, http, path, value, status, kind, piece, name, taken):
    hub.faults.add(name, value)
    answer = pay(http, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert piece in answer.text
    assert accepted(hub) == taken


def test_refusals(hub, http):
    for name, status, words in [
        ("insufficient_credits", 402, "You have run out of credits."),
        ("unauthenticated", 401, "Invalid API key"),
        ("error_in_200", 200, "Something went wrong"),
    ]:
        hub.faults.add(name)
        answer = pay(http)
        assert answer.status_code == status
        assert words in answer.text
    assert accepted(hub) == 0


@BOTH
def test_answers_that_say_nothing(hub, http, path):
    hub.faults.add("empty_answer")
    empty = pay(http, path)
    assert (empty.status_code, empty.json()) == (200, {"generations": []} if path.endswith("queue") else {"videos": []})
    hub.faults.add("garbled")
    garbled = pay(http, path)
    assert garbled.status_code == 200
    with pytest.raises(ValueError):
        garbled.json()
    assert accepted(hub) == 2


# --- a job


def test_moderated_and_failed(hub, http):
    hub.faults.add("moderated")
    hub.faults.add("fail=Out of memory", calls=2)
    refused, failed = get(http, enqueue(http)), get(http, enqueue(http))
    assert refused["error_message"].startswith("DataInspectionFailed")
    assert (failed["status"], failed["error_message"]) == ("failed", "Out of memory")
    assert hub.ledger()["charged"] == "0"
    hub.faults.add("moderated")
    assert pay(http, "/api/ai/videos/generate").status_code == 400


@pytest.mark.parametrize("state", ["processing", "queued"])
def test_stuck(slow, clock, state):
    http = slow(faults=[f"stuck={state}"])
    job = enqueue(http)
    clock.advance(30 * 86400)
    assert get(http, job)["status"] == state
    assert http.delete(f"/api/ai/queue/{job}").status_code == 200
    assert get(http, job)["status"] == "cancelled"


def test_vanish(slow, clock):
    http = slow(faults=["vanish=100"])
    job = enqueue(http)
    assert get(http, job)["status"] == "queued"
    clock.advance(101)
    assert http.get(f"/api/ai/queue/{job}").status_code == 404
    assert http.get("/api/ai/queue").json()["count"] == 0


def test_show_late(slow, clock):
    http = slow(faults=["show_late=4"])
    job = enqueue(http)
    assert http.get("/api/ai/queue").json()["count"] == 0
    assert get(http, job)["status"] == "queued"  # who has the id finds it
    clock.advance(5)
    assert [one["generation_id"] for one in http.get("/api/ai/queue").json()["generations"]] == [job]


def test_other_clients_of_the_account(slow):
    http = slow(faults=["other_clients=2", "twin@2"])
    first = enqueue(http)
    assert http.get("/api/ai/queue").json()["count"] == 3
    second = enqueue(http, seed=7)
    listed = http.get("/api/ai/queue").json()["generations"]
    twins = [one["generation_id"] for one in listed if one.get("seed") == 7]
    assert len(twins) == 2
    assert second in twins
    ledger = http.get("/sandbox/ledger").json()
    assert ledger["accepted"] == 2
    assert sorted(one["generation_id"] for one in ledger["generations"] if not one["stranger"]) == sorted(
        [first, second]
    )


# --- what is read


def test_short_list(hub, http):
    for number in range(3):
        enqueue(http, prompt=f"Balloon {number}")
    hub.faults.add("short_list", 2)
    assert http.get("/api/ai/queue", params={"status": "succeeded"}).json()["count"] == 2
    assert http.get("/api/ai/queue", params={"status": "succeeded"}).json()["count"] == 3


def test_no_url_and_expired_url(hub, http):
    job = enqueue(http)
    hub.faults.add("no_url")
    hub.faults.add("expired_url", calls=2)
    assert (get(http, job)["status"], get(http, job)["result_url"] is None) == ("succeeded", False)
    hub.faults.clear()
    hub.faults.add("no_url")
    assert get(http, job)["result_url"] is None
    hub.faults.add("expired_url")
    assert httpx.get(get(http, job)["result_url"], trust_env=False).status_code == 403
    assert httpx.get(get(http, job)["result_url"], trust_env=False).status_code == 200


def test_odd_records(hub, http):
    job = enqueue(http)
    plain = get(http, job)
    seen = {}
    for quirk in ("wrapped", "relative", "nested", "milliseconds", "old", "unknown"):
        hub.faults.add("quirk", quirk)
        seen[quirk] = get(http, job)
        hub.faults.clear()
    assert seen["wrapped"]["generation"]["generation_id"] == job
    assert seen["relative"]["result_url"].startswith("/api/repos/")
    assert seen["nested"]["videos"][0]["url"].startswith("http")
    assert seen["milliseconds"]["enqueued_at"] == plain["enqueued_at"] * 1000
    assert (seen["old"]["model"], "result_url" in seen["old"]) == (KLING, False)
    assert seen["unknown"]["status"] == "finalizing"


# --- a result file


def test_downloads(hub, http, tmp_path):
    url = get(http, enqueue(http))["result_url"]

    def fetch(fault: str) -> httpx.Response:
        hub.faults.add(fault)
        return httpx.get(url, trust_env=False)

    whole = httpx.get(url, trust_env=False).content
    assert fetch("truncated_file").content == whole[: len(whole) // 2]
    damaged = fetch("corrupt_file").content
    assert len(damaged) == len(whole)
    assert damaged != whole
    assert fetch("not_a_video").headers["content-type"].startswith("text/html")
    redirect = fetch("redirect=https://elsewhere.test/x.mp4?a=b")
    assert (redirect.status_code, redirect.headers["location"]) == (302, "https://elsewhere.test/x.mp4?a=b")
    hub.faults.add("cut_download")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, trust_env=False)
    film = tmp_path / "film.mp4"
    film.write_bytes(httpx.get(url, trust_env=False).content)
    assert probe(film).duration == pytest.approx(5, abs=0.1)


def test_every_kind_of_fault_has_its_test():
    """The names in this file and in that of the events, against the table."""
    from pathlib import Path

    tested = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in KINDS if tested.count(name) == 0] == []


def test_faults_from_the_start_and_with_a_seed():
    with Sandbox(faults=["error=500@50%/list"], seed=3, picture_height=144) as hub, client(hub) as http:
        statuses = [http.get("/api/ai/queue").status_code for _ in range(20)]
    again = Faults(["error=500@50%/list"], seed=3)
    assert statuses == [500 if again.draw("list") else 200 for _ in range(20)]
