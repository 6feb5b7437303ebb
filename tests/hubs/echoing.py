"""A small hub over loopback HTTP, written from Oxen's pages alone: it takes every job and shows it, as told to.

It shares no code with the package's own sandbox. What a hub may do otherwise is a plain attribute that a test sets:
what a record echoes, what time it is there, which answers get lost, who the key's owner is.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

SNAPSHOT = Path(__file__).parents[2] / "oxen_video_tools" / "catalog" / "snapshot.json"


class EchoingHub:
    """Jobs in memory.

    clock: the hub's own time, for its `Date` and its records.  dated: whether answers carry a `Date`.
    echo: makes the record that is shown of the one that would be (`None`: it is not shown at all).
    lose: of the POSTs to come, how many are taken without an answer.  swallow: how many are lost before they arrive.
    me: what `/api/users/me` answers, as status and JSON.  status: of every job.
    """

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.time
        self.dated = True
        self.echo: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda record: record
        self.lose = 0
        self.swallow = 0
        self.me: tuple[int, Any] = (200, {"user": {"username": "me"}})
        self.status = "processing"
        self.jobs: dict[str, dict[str, Any]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.requests: Counter[str] = Counter()
        self.address = ""
        self._lock = threading.Lock()

    @property
    def charged(self) -> int:
        """Jobs that were taken, and are billed."""
        return len(self.jobs)

    def add(self, **body: Any) -> str:
        """Another client's job."""
        job = str(uuid4())
        given = {name: value for name, value in body.items() if name not in ("model", "num_generations")}
        at = given.pop("at", self.clock())
        with self._lock:
            self.jobs[job] = given | {
                "generation_id": job,
                "model_name": body.get("model"),
                "media_type": "video",
                "enqueued_at": at,
                "cost": None,
            }
        return job

    def shown(self) -> list[dict[str, Any]]:
        """Newest first, each as `echo` makes it."""
        with self._lock:
            jobs = [dict(job) | {"status": self.status} for job in self.jobs.values()]
        ordered = sorted(jobs, key=lambda job: -float(job["enqueued_at"]))
        return [record for job in ordered if (record := self.echo(job)) is not None]

    def enqueue(self, body: dict[str, Any]) -> list[str]:
        """Take a job."""
        return [self.add(**body) for _ in range(int(body.get("num_generations") or 1))]

    def answer(self, method: str, target: str, content: bytes) -> tuple[int, Any] | None:
        """Status and JSON; None: the connection is cut."""
        parts = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.rstrip("/")
        with self._lock:
            self.requests[f"{method} {path}"] += 1
        if (method, path) == ("POST", "/api/ai/queue"):
            body = json.loads(content)
            self.bodies.append(body)
            if self.swallow:
                self.swallow -= 1
                return None
            made = self.enqueue(body)
            if self.lose:
                self.lose -= 1
                return None
            return 200, {"generations": [{"generation_id": one, "status": "queued"} for one in made]}
        if path == "/api/ai/queue":
            states = (asked["status"],) if "status" in asked else ("queued", "processing")
            found = [job for job in self.shown() if job["status"] in states]
            return 200, {"count": len(found), "generations": found}
        if path == "/api/ai/generations":
            page, size = int(asked.get("page", 1)), int(asked.get("page_size", 50))
            found = self.shown()
            part = found[(page - 1) * size : page * size]
            return 200, {"generations": part, "total_cost": "0", "has_more": page * size < len(found)}
        if path.startswith("/api/ai/queue/"):
            found = [job for job in self.shown() if job["generation_id"] == path.rpartition("/")[2]]
            return (200, found[0]) if found else (404, {"error": {"type": "resource_not_found"}})
        if path == "/api/ai/models":
            return 200, json.loads(SNAPSHOT.read_bytes())
        if path == "/api/users/me":
            return self.me
        return 404, {"error": {"type": "resource_not_found"}}


def _handler(hub: EchoingHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            told = hub.answer(self.command, self.path, content)
            if told is None:
                self.close_connection = True
                return
            status, payload = told
            said = json.dumps(payload).encode()
            self.send_response_only(status)
            if hub.dated:
                self.send_header("Date", formatdate(hub.clock(), usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = do_PUT = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler


@contextmanager
def echoing() -> Iterator[EchoingHub]:
    """A hub that runs as long as the block; its address is `hub.address`."""
    hub = EchoingHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
