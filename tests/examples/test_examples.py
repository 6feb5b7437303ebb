"""Every example runs against the sandbox, as whoever copied it would run it; the books judge what it paid."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from oxen_video_tools.sandbox import Sandbox
from tests import forked
from tests.clocks import HUNG
from tests.mcp.judging import chromium, node

from .conftest import ROOT

EXAMPLES = ROOT / "examples"
OTHERWISE = ("approval.py", "test_my_agent.py", "service.py")  # below, each in its own way
WITH_A_CHAT_MODEL = ("agent.py", "director.py")  # in tests/langchain/test_examples.py, with a scripted one
PROGRAMS = [path for path in sorted(EXAMPLES.glob("*.py")) if path.name not in OTHERWISE + WITH_A_CHAT_MODEL]


def run(
    command: list[str], environment: dict[str, str], folder: Path, *, typed: str = "", status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, env=environment, cwd=folder, input=typed, capture_output=True, text=True, timeout=HUNG
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_program_makes_its_video(program: Path, environment: dict[str, str], tmp_path: Path, hub: Sandbox) -> None:
    done = run([*forked.python(*forked.AGENTS), str(program)], environment, tmp_path, typed="yes\n" * 9)
    made = hub.ledger()["generations"]
    assert made, f"{program.name} paid for nothing:\n{done.stdout}"
    assert all(one["status"] == "succeeded" for one in made)


def test_plain_python_keeps_the_file(environment: dict[str, str], tmp_path: Path) -> None:
    done = run([*forked.python(*forked.AGENTS), str(EXAMPLES / "plain.py")], environment, tmp_path)
    assert (tmp_path / "bird.mp4").stat().st_size > 1000
    assert "http" in done.stdout


@pytest.mark.parametrize(("typed", "paid"), [("yes\n", 1), ("no\n", 0)])
def test_approval(typed: str, paid: int, environment: dict[str, str], tmp_path: Path, hub: Sandbox) -> None:
    asking = environment | {"OXEN_VIDEO_APPROVE_ABOVE": "0.50"}
    done = run([*forked.python(*forked.AGENTS), str(EXAMPLES / "approval.py")], asking, tmp_path, typed=typed)
    assert "$0.70" in done.stdout
    assert ('"succeeded"' in done.stdout) == bool(paid)
    assert ('"declined"' in done.stdout) != bool(paid)
    assert hub.ledger()["accepted"] == paid


@pytest.mark.long
def test_testing_an_agent(environment: dict[str, str], tmp_path: Path) -> None:
    here = ["-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    done = run(
        [*forked.python(*forked.AGENTS), "-m", "pytest", "-q", *here, str(EXAMPLES / "test_my_agent.py")],
        environment,
        tmp_path,
    )
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.long
def test_a_batch_goes_on_and_pays_once(environment: dict[str, str], tmp_path: Path, hub: Sandbox) -> None:
    text = (EXAMPLES / "batch.jsonl").read_text("utf-8")
    wanted = sum(json.loads(line).get("num_generations", 1) for line in text.splitlines())
    command = [*command_line("batch"), "--json", "--yes", "--report", str(tmp_path / "report"), "--no-pictures"]
    first = json.loads(run(command, environment, ROOT).stdout)
    charged = hub.ledger()["charged"]
    assert first["succeeded"] == first["lines"] == len(text.splitlines())
    assert len(hub.ledger()["generations"]) >= wanted  # a film may take several jobs
    again = json.loads(run(command, environment, ROOT).stdout)
    assert all(video["reused"] for video in again["videos"])
    assert hub.ledger()["charged"] == charged


def command_line(word: str) -> list[str]:
    """The command that examples/README.md gives, without its own options."""
    lines = (EXAMPLES / "README.md").read_text("utf-8").splitlines()
    given = next(line for line in lines if line.startswith(f"oxen-video {word} "))
    return [*forked.python(*forked.AGENTS), "-m", "oxen_video_tools.cli", *shlex.split(given, comments=True)[1:3]]


def test_a_service_with_its_own_routes_and_the_mcp_server(
    environment: dict[str, str], tmp_path: Path, hub: Sandbox
) -> None:
    with service(environment, tmp_path) as http:
        order = {"prompt": "a fox in the snow", "duration": 5}
        first, again = http.post("/videos", json=order).json(), http.post("/videos", json=order).json()
        assert again["generation_id"] == first["generation_id"]
        assert again["reused"]
        found = http.get(f"/videos/{first['generation_id']}", params={"wait_seconds": 20}).json()
        assert found["status"] == "succeeded"
        assert http.get("/videos/nobodys").json()["error"] == "not_found"
        assert "event: end" in http.get("/videos/nobodys/events").text
        assert http.post("/videos", json={}).json()["error"] == "invalid_request"
        assert tools_of(http) >= {"generate_video", "get_video"}
    assert hub.ledger()["accepted"] == 1


@pytest.mark.long
def test_its_page_orders_shows_progress_and_plays(environment: dict[str, str], tmp_path: Path, hub: Sandbox) -> None:
    plays = "document.querySelector('#video').readyState >= 2 && document.querySelector('#video').duration > 4"
    steps = [{"click": "button"}, {"until": plays}, {"tell": "document.querySelector('#state').textContent"}]
    with service(environment, tmp_path) as http:
        wanted = {"chromium": chromium(), "url": str(http.base_url), "steps": steps}
        seen = json.loads(node("page.mjs", json.dumps(wanted), timeout=HUNG))
    assert seen["told"] == ["succeeded"]
    assert hub.ledger()["accepted"] == 1


@contextmanager
def service(environment: dict[str, str], folder: Path) -> Iterator[httpx.Client]:
    """The example in a process of its own; a client for it. It must end without a trace."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *forked.python(*forked.AGENTS),
        "-m",
        "uvicorn",
        "--app-dir",
        str(EXAMPLES),
        "service:app",
        "--port",
        str(port),
    ]
    serving = subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=HUNG) as http:
            until_ready(http, serving)
            yield http
    finally:
        serving.terminate()
        _, errors = serving.communicate(timeout=HUNG)
    assert "Traceback" not in errors


def until_ready(http: httpx.Client, serving: subprocess.Popen[str]) -> None:
    latest = time.monotonic() + HUNG
    while time.monotonic() < latest:
        assert serving.poll() is None, serving.stderr.read() if serving.stderr else ""
        try:
            assert http.get("/readyz").status_code == 200
        except httpx.TransportError:
            time.sleep(0.1)  # another process is starting: there is nothing to wait on but its port
        else:
            return
    pytest.fail("the service did not start")


def tools_of(http: httpx.Client) -> set[str]:
    """What an MCP client is offered at /mcp."""
    headers = {
        "Authorization": "Bearer sandbox-key",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    hello: dict[str, Any] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "0"},
    }
    opened = http.post("/mcp", headers=headers, json=call("initialize", hello))
    headers["Mcp-Session-Id"] = opened.headers["mcp-session-id"]
    http.post("/mcp", headers=headers, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    told = http.post("/mcp", headers=headers, json=call("tools/list", {})).text
    data = next(line for line in told.splitlines() if line.startswith(("data: {", "{")))
    return {tool["name"] for tool in json.loads(data.removeprefix("data: "))["result"]["tools"]}


def call(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
