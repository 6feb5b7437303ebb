"""The stream of completion events (Oxen docs, async queue: Completion Events)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from oxen_video_tools.sandbox import Sandbox
from tests.clocks import HUNG

from .conftest import KLING, client, enqueue


class Reader:
    """Reads a stream in a thread of its own, byte for byte."""

    def __init__(self, http: httpx.Client) -> None:
        self.content = b""
        self.error: Exception | None = None
        self.ended = threading.Event()
        self._grown = threading.Condition()
        opened = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(http, opened), daemon=True)
        self._thread.start()
        assert opened.wait(HUNG)

    def _read(self, http: httpx.Client, opened: threading.Event) -> None:
        try:
            with http.stream("GET", "/api/events", timeout=HUNG) as answer:
                self.status, self.headers = answer.status_code, answer.headers
                opened.set()
                for piece in answer.iter_raw():
                    with self._grown:
                        self.content += piece
                        self._grown.notify_all()
        except httpx.HTTPError as error:
            self.error = error
        finally:
            opened.set()
            self.ended.set()

    def until(self, piece: bytes, count: int = 1) -> bytes:
        """Waits for `piece`, at most ten seconds."""
        with self._grown:
            assert self._grown.wait_for(lambda: self.content.count(piece) >= count, HUNG), self.content
            return self.content


@contextmanager
def listening(**options) -> Iterator[tuple[httpx.Client, Reader, Sandbox]]:
    with Sandbox(**{"picture_height": 144} | options) as hub, client(hub) as http, client(hub) as other:
        yield http, Reader(other), hub


def told(content: bytes) -> list[dict]:
    return [json.loads(line[6:]) for line in content.decode().splitlines() if line.startswith("data: ")]


def test_success():
    with listening() as (http, reader, _):
        assert reader.headers["content-type"].startswith("text/event-stream")
        job = enqueue(http)
        content = reader.until(b"\n\n")
        assert content.startswith(b"event: media_generation_completed\ndata: {")
        [event] = told(content)
        assert event["generation_id"] == job
        assert (event["status"], event["media_type"], event["model"]) == ("succeeded", "video", KLING)
        assert httpx.get(event["url"], trust_env=False).status_code == 200


def test_failure():
    with listening() as (http, reader, _):
        enqueue(http, duration=7)
        [event] = told(reader.until(b"\n\n"))
        assert set(event) == {"generation_id", "status", "media_type", "error"}
        assert event["status"] == "failed"
        assert event["error"].startswith("duration value '7' is invalid.")


def test_none_for_cancelled_jobs_nor_for_what_came_before():
    with listening(speed="real") as (http, reader, hub):
        job = enqueue(http)
        http.delete(f"/api/ai/queue/{job}")
        hub.stop()
        assert reader.ended.wait(HUNG)
        assert reader.content == b""


def test_keep_alive():
    with listening(keep_alive=0.02) as (_, reader, _hub):
        assert reader.until(b": keep-alive\n\n", 3)


def test_it_needs_a_key(hub):
    assert httpx.get(f"{hub.base_url}/api/events", trust_env=False).status_code == 401


def test_it_comes_without_anybody_asking(clock):
    """A clock that a test turns by hand: the event is told when the moment has come."""
    with listening(speed="real", clock=clock) as (http, reader, _):
        job = enqueue(http)
        clock.advance(600)
        assert told(reader.until(b"\n\n"))[0]["generation_id"] == job


@pytest.mark.parametrize("after", [0, 2])
def test_cut(after):
    with listening(faults=[f"events_cut={after}"]) as (http, reader, _):
        for number in range(3):
            enqueue(http, prompt=f"Balloon {number}")
        assert reader.ended.wait(HUNG)
        assert isinstance(reader.error, httpx.RemoteProtocolError)
        assert len(told(reader.content)) == after


def test_silent():
    with listening(faults=["events_silent"], keep_alive=0.01) as (http, reader, hub):
        enqueue(http)
        hub.stop()
        assert reader.ended.wait(HUNG)
        assert reader.content == b""


def test_duplicated():
    with listening(faults=["events_duplicated"]) as (http, reader, _):
        job = enqueue(http)
        assert [one["generation_id"] for one in told(reader.until(b"\n\n", 2))] == [job, job]


def test_out_of_order():
    with listening(faults=["events_out_of_order"]) as (http, reader, _):
        first, second = enqueue(http), enqueue(http, prompt="Another")
        assert [one["generation_id"] for one in told(reader.until(b"\n\n", 2))] == [second, first]


def test_unnamed():
    with listening(faults=["events_unnamed"]) as (http, reader, _):
        enqueue(http)
        content = reader.until(b"\n\n")
        assert b"event:" not in content.splitlines()[0].split(b"{")[0]
        assert told(content)[0]["event"] == "media_generation_completed"


def test_noise():
    with listening(faults=["events_noise"]) as (http, reader, _):
        enqueue(http)
        content = reader.until(b"media_generation_completed")
        assert b"event: deployment_status_changed" in content
        assert b"retry: 3000" in content


def test_chopped():
    with listening(faults=["events_chopped=2"]) as (http, reader, _):
        enqueue(http, prompt="Ein Bär")
        content = reader.until(b"\r\n\r\n")
        assert content.startswith(b"event: media_generation_completed\r\ndata: {")
