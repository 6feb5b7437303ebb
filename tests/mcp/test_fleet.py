"""A service of three processes on one PostgreSQL ledger, behind one address that hands each request to the next.

One process is killed outright while eighty videos are asked for. Clients do what clients do: what broke they call
again. Nothing may be lost, and nothing paid twice.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from oxen_video_tools.sandbox import Sandbox
from tests import forked
from tests.clocks import HUNG
from tests.ledger import postgres

from .conformance import await_port, free_port
from .serving import ROOT, asgi, bearer, words

WORKERS, VIDEOS, CLIENTS, CLAIM = 3, 80, 20, 4.0
DEAR = {"duration": 10, "model": "kling-video-v2-6-pro-text-to-video"}  # dear enough for a question
KEY = "the-key-of-one-caller"


class Fleet:
    """The processes, and the proxy's turn among those that are alive."""

    def __init__(self, hub: Sandbox, ledger: str, folder: Path) -> None:
        self.ports = [free_port() for _ in range(WORKERS)]
        env = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "OXEN_BASE_URL": hub.base_url,
            "OXEN_VIDEO_LEDGER": ledger,
            "OXEN_VIDEO_OUTPUT_DIR": str(folder),
            "OXEN_VIDEO_APPROVE_ABOVE": "0.50",
            "OXEN_VIDEO_MCP_SECRETS": "one-secret-of-32-characters-or-more",
            "OXEN_VIDEO_MCP_PUBLIC_URL": "http://localhost",
            "OXEN_VIDEO_MCP_RATE": "1000000",
        }
        self.processes = [
            subprocess.Popen([*forked.python(), "-m", "tests.mcp.worker", str(port), str(CLAIM)], cwd=ROOT, env=env)
            for port in self.ports
        ]
        for port, process in zip(self.ports, self.processes, strict=True):
            await_port(port, process)
        self._turn = itertools.cycle(range(WORKERS))
        self.answered = [0] * WORKERS

    def next(self) -> int:
        return next(number for number in self._turn if self.processes[number].poll() is None)

    def kill(self, number: int) -> None:
        self.processes[number].kill()
        self.processes[number].wait()

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def proxy(self) -> Starlette:
        """Each request to the next process: no client stays with one."""
        upstream = httpx.AsyncClient(timeout=HUNG, limits=httpx.Limits(max_connections=200))

        async def forward(request: Request) -> Response:
            number = self.next()
            url = f"http://127.0.0.1:{self.ports[number]}{request.url.path}?{request.url.query}"
            headers = [(name, value) for name, value in request.headers.items() if name != "content-length"]
            asked = upstream.build_request(request.method, url, headers=headers, content=await request.body())
            try:
                answer = await upstream.send(asked, stream=True)
            except httpx.TransportError:
                return Response("a process is gone", 502)
            self.answered[number] += 1
            kept = {name: answer.headers[name] for name in ("content-type", "location") if name in answer.headers}
            return StreamingResponse(answer.aiter_raw(), answer.status_code, kept)

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with upstream:
                yield

        return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST", "DELETE"])], lifespan=lifespan)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Fleet, Sandbox, str]]:
    with ExitStack() as stack:
        ledger = stack.enter_context(postgres.server())
        hub = stack.enter_context(Sandbox(picture_height=96))
        fleet = Fleet(hub, ledger, tmp_path)
        stack.callback(fleet.stop)
        yield fleet, hub, stack.enter_context(asgi(fleet.proxy()))


async def agree(_: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"approve": True})


async def ask_until_all_are_answered(address: str, questions: asyncio.Queue[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a client does: one connection for many calls; a call that broke is called again, with the same arguments."""
    answers = []
    open_question: dict[str, Any] | None = None
    tries = 0
    while open_question or not questions.empty():
        try:
            async with (
                httpx2.AsyncClient(headers=bearer(KEY), timeout=HUNG) as http,
                Client(
                    streamable_http_client(f"{address}/mcp", http_client=http), elicitation_callback=agree
                ) as client,
            ):
                while open_question or not questions.empty():
                    open_question = open_question or questions.get_nowait()
                    answer = words(await client.call_tool("generate_video", open_question, read_timeout_seconds=25))
                    if answer.get("status") == "succeeded":
                        answers.append(answer)
                        open_question, tries = None, 0
                        continue
                    tries += 1
                    assert tries < 100, f"never answered: {answer}"
                    await asyncio.sleep(0.2)
        except AssertionError:
            raise
        except Exception:  # the connection broke; anyio wraps that in a group
            tries += 1
            if tries >= 100:
                raise
    return answers


@pytest.mark.long
async def test_one_of_three_dies_and_nothing_is_lost_or_paid_twice(fleet: tuple[Fleet, Sandbox, str]) -> None:
    service, hub, address = fleet
    questions = asyncio.Queue[dict[str, Any]]()
    for number in range(VIDEOS):
        questions.put_nowait({"prompt": f"fox number {number}", **(DEAR if number % 2 else {})})

    async def death() -> None:
        while questions.qsize() > VIDEOS // 2:
            await asyncio.sleep(0.02)
        service.kill(1)

    _, *told = await asyncio.gather(death(), *(ask_until_all_are_answered(address, questions) for _ in range(CLIENTS)))
    answers = [answer for some in told for answer in some]
    ids = {answer["generation_id"] for answer in answers}
    ledger = hub.ledger()
    assert len(answers) == len(ids) == VIDEOS
    assert ledger["accepted"] == VIDEOS, "paid twice, or lost"
    assert {line["generation_id"] for line in ledger["generations"]} == ids
    assert min(service.answered) > 0 and service.processes[1].returncode != 0
    async with httpx.AsyncClient() as http:  # a link that one process made is opened by any other
        for answer in answers[:6]:
            link = answer["url"].replace("http://localhost", address)
            assert (await http.get(link)).status_code == 302
