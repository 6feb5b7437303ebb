"""A hub that does nothing but answer: what is measured against it is the client. Runs in a process of its own.

It knows the endpoints that a studio uses, and two of its own: `POST /bench/jobs` for thousands of jobs whose ends are
spread over some seconds, and `GET /bench/requests` for what was asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn

ROOT = Path(__file__).parents[1]
SNAPSHOT = ROOT / "oxen_video_tools" / "catalog" / "snapshot.json"
BODY = {"model": "kling-video-v2-6-pro-text-to-video", "prompt": "A red balloon rises", "duration": 5}


class Hub:
    """Jobs in memory. `moment` is when a job's state really changed."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.active: dict[str, dict[str, Any]] = {}
        self.requests: Counter[str] = Counter()
        self.listeners: set[asyncio.Queue[bytes]] = set()
        self.models = SNAPSHOT.read_bytes()
        self.tasks: set[asyncio.Task[None]] = set()

    def enqueue(self, body: dict[str, Any]) -> dict[str, Any]:
        job = {"generation_id": str(uuid4()), "status": "processing", "media_type": "video", "result_url": None}
        job |= {"enqueued_at": time.time(), "model_name": body.get("model"), **body}
        job.pop("model", None)
        self.jobs[job["generation_id"]] = self.active[job["generation_id"]] = job
        return job

    def end(self, generation_id: str) -> None:
        job = self.active.pop(generation_id)
        job |= {"status": "succeeded", "result_url": "https://hub.example/clip.mp4", "completed_at": time.time()}
        told = {"generation_id": generation_id, "status": "succeeded", "media_type": "video"}
        for listener in self.listeners:
            listener.put_nowait(f"event: media_generation_completed\ndata: {json.dumps(told)}\n\n".encode())

    def spread(self, count: int, first: float, last: float) -> list[str]:
        """Jobs that end one after another, between `first` and `last` seconds from now."""
        ids = [self.enqueue(BODY)["generation_id"] for _ in range(count)]
        task = asyncio.ensure_future(self._end_all(ids, time.monotonic() + first, (last - first) / count))
        self.tasks.add(task)
        return ids

    async def _end_all(self, ids: list[str], begin: float, apart: float) -> None:
        for n, one in enumerate(ids):
            await asyncio.sleep(max(0.0, begin + n * apart - time.monotonic()))
            self.end(one)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Everything but the event stream."""
        if path == "/api/ai/queue":
            if method == "POST":
                job = self.enqueue(json.loads(body))
                return 200, _json({"generations": [{"generation_id": job["generation_id"], "status": "queued"}]})
            return 200, _json({"count": len(self.active), "generations": list(self.active.values())})
        if path.startswith("/api/ai/queue/"):
            job = self.jobs.get(path.rpartition("/")[2])
            return (200, _json(job)) if job else (404, b'{"error": {"type": "resource_not_found"}}')
        if path == "/api/ai/models":
            return 200, self.models
        if path == "/api/users/me":
            return 200, b'{"user": {"username": "bench"}}'
        if path == "/api/ai/generations":
            return 200, b'{"generations": [], "total_cost": "0"}'
        if path == "/bench/jobs":
            return 200, _json(self.spread(**json.loads(body)))
        if path == "/bench/requests":
            return 200, _json(self.requests)
        return 404, b'{"error": "no such route"}'

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        method, path = scope["method"], scope["path"]
        kind = "events" if path == "/api/events" else "one" if "/queue/" in path else path.rpartition("/")[2]
        self.requests[f"{method} {kind}"] += 1
        if path == "/api/events":
            await self._stream(receive, send)
            return
        body = b""
        while (part := await receive())["type"] == "http.request":
            body += part["body"]
            if not part.get("more_body"):
                break
        status, content = self.answer(method, path, body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _stream(self, receive: Any, send: Any) -> None:
        listener: asyncio.Queue[bytes] = asyncio.Queue()
        self.listeners.add(listener)
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        left = asyncio.ensure_future(receive_disconnect(receive))
        try:
            while not left.done():
                try:
                    content = await asyncio.wait_for(listener.get(), 15)
                except TimeoutError:
                    content = b": keep-alive\n\n"
                await send({"type": "http.response.body", "body": content, "more_body": True})
        finally:
            left.cancel()
            self.listeners.discard(listener)


async def receive_disconnect(receive: Any) -> None:
    """Until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@contextmanager
def running() -> Iterator[str]:
    """The address of a hub in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.hub"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio leaves a socket that it did not make
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(Hub(), log_level="error", access_log=False, lifespan="off", timeout_keep_alive=120)  # type: ignore[arg-type]
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
