"""A hub made by hand, over loopback HTTP: not the package's own sandbox, and as odd as a test wants it.

    with HandmadeHub() as hub:
        hub.answers.append(Answer(200, {"message": "rate limit"}))   # to the next paid POST
        ...
        assert hub.posts == hub.charges == 1

What it takes it charges at once. Its answers to a paid POST, its echo of a request and its clock can be scripted.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

PRICE = "0.35"  # US dollars for each video
SEEDED, SEEDLESS = "maker-with-seed", "maker-without-seed"


def _model(name: str, *more: str) -> dict[str, Any]:
    words: dict[str, Any] = {
        "prompt": {"type": "string"},
        "duration": {"type": "integer", "enum": [5, 10], "default": 5},
        "aspect_ratio": {"type": "string", "enum": ["16:9", "9:16"], "default": "16:9"},
        "generate_audio": {"type": "boolean", "default": False},
        "input_image": {"type": "string", "format": "uri"},
    }
    words |= {one: {"type": "integer"} for one in more}
    return {
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "endpoint": "/videos/generate",
        "capabilities": {"input": ["text", "image"], "output": ["video"]},
        "pricing": {"method": "per_video_output_second", "cost_per_second": "0.07"},
        "request_schema": {"type": "object", "properties": words, "required": ["prompt"]},
    }


@dataclass
class Answer:
    """To one paid POST. takes: the hub makes (and charges) the job all the same.  body: JSON, text, or a function of
    the jobs made.  cut: the connection ends without an answer.
    """

    status: int = 200
    body: Any = None
    takes: bool = True
    cut: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Made:
    """One job that was taken and charged. shown_at: Unix seconds, by the hub's clock, from which lists show it."""

    generation_id: str
    sent: dict[str, Any]
    enqueued_at: float
    shown_at: float
    status: str = "succeeded"
    cost: Any = PRICE
    error: str | None = None


class HandmadeHub:
    """Runs in threads of its own.

    answers: to the next paid POSTs, one each; then a plain one.
    echo: what a record says of the request, from what was sent.
    late: seconds after which a new job shows in lists and by its id.
    ahead: seconds by which the hub's clock is ahead of this machine's.
    ends: the status that new jobs have.
    locked: every call but a paid POST is answered 401.  forgotten: ids that are a 404; None forgets all.
    before_answer: called when a paid POST was taken, before it is answered.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.echo: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.late = self.ahead = 0.0
        self.ends = "succeeded"
        self.locked = False
        self.forgotten: set[str] | None = set()
        self.before_answer: Callable[[], None] = lambda: None
        self.bill: Any = PRICE
        self.made: list[Made] = []
        self.posts = 0
        self.asked: list[str] = []
        self.video = b""
        self._lock = threading.RLock()

    @property
    def charges(self) -> int:
        """How many videos it made and charged for."""
        return len(self.made)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def now(self) -> float:
        """Unix seconds by the hub's clock."""
        return time.time() + self.ahead

    def __enter__(self) -> HandmadeHub:
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # -- what it does ----------------------------------------------------------------------------------------------

    def take(self, body: dict[str, Any]) -> list[Made]:
        """Make what a body asks for."""
        with self._lock:
            now = self.now()
            count = int(body.get("num_generations") or 1)
            made = [
                Made(
                    str(uuid4()),
                    body,
                    now,
                    now + self.late,
                    self.ends,
                    self.bill,
                    "It failed." * (self.ends == "failed"),
                )
                for _ in range(count)
            ]
            self.made += made
            return made

    def paid(self, body: dict[str, Any], plain: Callable[[list[Made]], Any]) -> Answer:
        """The answer to a paid POST."""
        with self._lock:
            self.posts += 1
            answer = self.answers.pop(0) if self.answers else Answer()
            made = self.take(body) if answer.takes else []
        self.before_answer()
        said = answer.body(made) if callable(answer.body) else plain(made) if answer.body is None else answer.body
        return Answer(answer.status, said, answer.takes, answer.cut, answer.headers)

    def record(self, one: Made) -> dict[str, Any]:
        """A record as the queue shows it."""
        own = {
            "generation_id": one.generation_id,
            "model_name": one.sent.get("model"),
            "media_type": "video",
            "status": one.status,
            "result_url": f"{self.base_url}/files/{one.generation_id}.mp4" if one.status == "succeeded" else None,
            "error_message": one.error or None,
            "enqueued_at": one.enqueued_at,
        }
        return own | {name: value for name, value in self.echo(dict(one.sent)).items() if name != "model"}

    def shown(self) -> list[Made]:
        """What lists show now, newest first."""
        now = self.now()
        with self._lock:
            forgotten = {one.generation_id for one in self.made} if self.forgotten is None else self.forgotten
            return [one for one in reversed(self.made) if one.shown_at <= now and one.generation_id not in forgotten]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    hub: HandmadeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None: ...

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.hub.now() if timestamp is None else timestamp)

    def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _seen(self) -> str:
        path = urlsplit(self.path).path
        self.hub.asked.append(f"{self.command} {path}")
        return path

    def do_POST(self) -> None:
        path, hub = self._seen(), self.hub
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if path == "/api/ai/queue":
            answer = hub.paid(body, _queued)
        elif path == "/api/ai/videos/generate":
            answer = hub.paid(body, self._videos)
        else:
            return self._say(404, {"error": {"message": f"no route {path}"}})
        if answer.cut:
            self.close_connection = True
            return None
        return self._say(answer.status, answer.body, answer.headers)

    def _videos(self, made: list[Made]) -> Any:
        return {"model": "m", "videos": [{"url": f"{self.hub.base_url}/files/{one.generation_id}.mp4"} for one in made]}

    def do_DELETE(self) -> None:
        one = self._one(self._seen())
        if one is None:
            return self._say(404, {"error": {"type": "resource_not_found", "title": "Resource not found"}})
        if one.status in ("queued", "processing"):
            one.status = "cancelled"
        return self._say(200, {"status": "success", "generation_id": one.generation_id})

    def _one(self, path: str) -> Made | None:
        name = unquote(path.rpartition("/")[2])
        return next((one for one in self.hub.shown() if one.generation_id == name), None)

    def do_GET(self) -> None:
        path, hub = self._seen(), self.hub
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if path.startswith("/files/"):
            return self._say(200, hub.video, {"Content-Type": "video/mp4"})
        if path == "/api/ai/models":
            return self._say(200, {"object": "list", "data": [_model(SEEDED, "seed"), _model(SEEDLESS)]})
        if hub.locked:
            return self._say(401, {"error": {"type": "unauthenticated", "title": "Invalid API key"}})
        if path == "/api/users/me":
            return self._say(200, {"user": {"username": "ann"}})
        if path == "/api/events":
            return self._say(403, {"error": {"title": "No events here"}})
        if path == "/api/ai/queue":
            state = query.get("status")
            states = (state,) if state else ("queued", "processing")
            listed = [hub.record(one) for one in hub.shown() if one.status in states]
            return self._say(200, {"count": len(listed), "generations": listed})
        if path == "/api/ai/generations":
            number, size = int(query.get("page", 1)), int(query.get("page_size", 50))
            listed = [hub.record(one) | {"cost": one.cost} for one in hub.shown()]
            part = listed[(number - 1) * size : number * size]
            return self._say(200, {"generations": part, "count": len(listed), "has_more": number * size < len(listed)})
        if path.startswith("/api/ai/queue/") and (one := self._one(path)) is not None:
            return self._say(200, hub.record(one))
        return self._say(404, {"error": {"type": "resource_not_found", "title": "Resource not found"}})


def _queued(made: list[Made]) -> Any:
    return {"generations": [{"generation_id": one.generation_id, "status": "queued"} for one in made]}
