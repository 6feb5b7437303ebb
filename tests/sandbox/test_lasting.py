"""What outlives a restart, and how much it bears."""

from __future__ import annotations

import asyncio
import resource

import httpx
import pytest

from oxen_video_tools.sandbox import Sandbox
from tests.clocks import HUNG

from .conftest import KLING, client, enqueue, get


def test_state_survives_a_restart(tmp_path, clock):
    state = tmp_path / "kept" / "sandbox.db"
    options = {"state": state, "speed": "real", "clock": clock, "picture_height": 144}
    with Sandbox(**options) as hub, client(hub) as http:
        done = enqueue(http, prompt="Done before")
        clock.advance(600)
        old_url = get(http, done)["result_url"]
        first = httpx.get(old_url, trust_env=False).content
        running = enqueue(http, prompt="Running over it")
        clock.advance(5)
        http.post("/api/repos", json={"namespace": "sandbox", "name": "assets", "visibility": "public"})
        who = {"message": "m", "name": "n", "email": "e"}
        http.put("/api/repos/sandbox/assets/file/main/a.bin", files={"file": ("a.bin", b"kept")}, data=who)
        charged = hub.ledger()["charged"]
        assert get(http, running)["status"] == "processing"
    clock.advance(600)
    with Sandbox(**options) as hub, client(hub) as http:
        assert get(http, running)["status"] == "succeeded"  # time went on meanwhile
        assert hub.ledger()["accepted"] == 2
        assert hub.ledger()["charged"] > charged
        again = get(http, done)
        assert again["status"] == "succeeded"
        assert httpx.get(again["result_url"], trust_env=False).content == first
        path = old_url.split("/api/", 1)[1]
        assert http.get(f"/api/{path}").status_code == 200  # an old signature still holds
        assert http.get("/api/repos/sandbox/assets/file/main/a.bin").content == b"kept"


def test_credits_are_counted_over_a_restart(tmp_path):
    options = {"state": tmp_path / "sandbox.db", "credits": "0.50", "picture_height": 144}
    with Sandbox(**options) as hub, client(hub) as http:
        enqueue(http)
    with Sandbox(**options) as hub, client(hub) as http:
        assert http.post("/api/ai/queue", json={"model": KLING, "prompt": "x"}).status_code == 402


async def test_two_sandboxes_share_a_state(tmp_path):
    """As when two processes of one user each start theirs: both see every job, and each is charged once."""
    options = {"state": tmp_path / "sandbox.db", "speed": 5000, "picture_height": 144, "credits": 100}
    async with Sandbox(**options) as one, Sandbox(**options) as other:

        async def ask(hub: Sandbox, number: int) -> str:
            headers = {"Authorization": "Bearer x"}
            async with httpx.AsyncClient(base_url=hub.base_url, headers=headers, trust_env=False, timeout=HUNG) as http:
                body = {"model": KLING, "prompt": f"Balloon {number}"}
                answer = await http.post("/api/ai/videos/generate", json=body)
                return answer.json()["videos"][0]["url"]

        urls = await asyncio.gather(*(ask(hub, number) for number in range(20) for hub in (one, other)))
        for hub in (one, other):
            assert hub.ledger()["charged"] == "14.0000"
            assert hub.ledger()["credits_left"] == "86.0000"
        here = urls[1].replace(other.base_url, one.base_url)
        async with httpx.AsyncClient(trust_env=False, timeout=HUNG) as http:
            assert (await http.get(here)).status_code == 200


def test_a_folder_for_the_state(tmp_path):
    with Sandbox(state=tmp_path):
        assert (tmp_path / "sandbox.db").exists()


def test_nothing_is_left_behind_without_a_state(http, hub):
    httpx.get(get(http, enqueue(http))["result_url"], trust_env=False).raise_for_status()
    folder = hub._hub.files.folder
    assert list(folder.glob("*.mp4"))
    hub.stop()
    assert not folder.exists()


async def test_two_hundred_at_once():
    """Two hundred blocking requests, each waiting for its own video, and every answer is right."""
    limits = httpx.Limits(max_connections=250)
    async with Sandbox(speed=200, picture_height=144) as hub:
        headers = {"Authorization": "Bearer x"}
        async with httpx.AsyncClient(
            base_url=hub.base_url, headers=headers, trust_env=False, timeout=HUNG, limits=limits
        ) as http:

            async def one(number: int) -> str:
                body = {"model": KLING, "prompt": f"Balloon {number}"}
                answer = await http.post("/api/ai/videos/generate", json=body)
                assert answer.status_code == 200, answer.text
                return answer.json()["videos"][0]["url"]

            urls = await asyncio.gather(*(one(number) for number in range(200)))
        assert len(set(urls)) == 200
        assert hub.ledger()["accepted"] == 200
        assert hub.ledger()["charged"] == "70.0000"


def test_two_thousand_queued(slow, clock):
    http = slow()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(500):
        answer = http.post("/api/ai/queue", json={"model": KLING, "prompt": f"Balloon {number}", "num_generations": 4})
        assert answer.status_code == 200
    assert http.get("/api/ai/queue").json()["count"] == 2000
    clock.advance(2)
    assert http.get("/api/ai/queue", params={"status": "processing"}).json()["count"] == 200
    clock.advance(86400)
    assert http.get("/api/ai/queue").json()["count"] == 0
    assert http.get("/sandbox/ledger").json()["charged"] == "700.0000"
    assert http.get("/api/ai/generations", params={"page": 20, "page_size": 100}).json()["total_count"] == 2000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


def test_a_port_that_is_taken(hub):
    port = int(hub.base_url.rsplit(":", 1)[1])
    with pytest.raises(OSError):
        Sandbox(port=port).start()


def test_loopback_unless_told_otherwise(hub):
    assert hub.base_url.startswith("http://127.0.0.1:")


def test_options_that_cannot_be():
    for options in ({"speed": 0}, {"speed": -1}, {"faults": ["nonsense"]}, {"speed": "fast"}):
        with pytest.raises(ValueError):
            Sandbox(**options)
    with pytest.raises(RuntimeError, match="not started"):
        _ = Sandbox().base_url
