"""A sandbox over loopback HTTP, and a plain client that knows nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from oxen_video_tools.sandbox import Sandbox
from tests.clocks import HUNG

KLING = "kling-video-v2-6-pro-text-to-video"
SHOTS = "kling-video-o3-pro-reference-to-video"
IMAGE_TO_VIDEO = "kling-video-v2-6-pro-image-to-video"


def client(hub: Sandbox, **options: Any) -> httpx.Client:
    headers = {"Authorization": f"Bearer {hub.api_key}"} | options.pop("headers", {})
    return httpx.Client(base_url=hub.base_url, headers=headers, trust_env=False, timeout=HUNG, **options)


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=144) as running:
        yield running


@pytest.fixture
def http(hub: Sandbox) -> Iterator[httpx.Client]:
    with client(hub) as one:
        yield one


class HandClock:
    """Time that moves when a test says so. Read from the sandbox's thread."""

    def __init__(self, start: float = 1_790_000_000.0) -> None:
        self.moment = start

    def time(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the sandbox never sleeps by this clock")

    def advance(self, seconds: float) -> None:
        self.moment += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def slow(clock: HandClock) -> Iterator[Callable[..., httpx.Client]]:
    """`slow(**options)`: a client of a sandbox that goes by `clock`, as slowly as the hub."""
    opened: list[Sandbox] = []

    def start(**options: Any) -> httpx.Client:
        hub = Sandbox(**{"speed": "real", "clock": clock, "picture_height": 144} | options).start()
        opened.append(hub)
        return client(hub)

    yield start
    for hub in opened:
        hub.stop()


def enqueue(http: httpx.Client, **body: Any) -> str:
    """The id of one job. None takes a field away."""
    given = {"model": KLING, "prompt": "A red balloon"} | body
    answer = http.post("/api/ai/queue", json={name: value for name, value in given.items() if value is not None})
    assert answer.status_code == 200, answer.text
    return answer.json()["generations"][0]["generation_id"]


def get(http: httpx.Client, generation_id: str) -> dict[str, Any]:
    return http.get(f"/api/ai/queue/{generation_id}").json()
