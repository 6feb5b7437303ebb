"""Clients that are not ours, each in an environment of its own, over stdio and HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.tools import TABLE
from tests import forked
from tests.clocks import HUNG

from .conftest import KEY, environment
from .judging import NPM, SOURCES, needed, node, python_of
from .serving import ROOT, bearer, over_http

Target = dict[str, Any]


@pytest.fixture
def asks(settings: Settings) -> Settings:
    """Ten seconds cost more than what needs no question."""
    return replace(settings, approve_above=Decimal("0.50"))


@pytest.fixture(params=["stdio", "http"])
def target(request: pytest.FixtureRequest, asks: Settings) -> Iterator[Target]:
    """What a client connects to."""
    if request.param == "stdio":
        program, *arguments = [*forked.python(), str(ROOT / "mcp_server.py")]
        yield {"command": program, "args": arguments, "env": environment(asks)}
        return
    with over_http(asks, ServerSettings(log_level="ERROR"), here=False) as address:
        yield {"url": f"{address}/mcp", "headers": bearer(KEY)}


@pytest.fixture
def ask() -> Callable[[str, str, Target], dict[str, Any]]:
    def run(name: str, script: str, target: Target) -> dict[str, Any]:
        command = [python_of(name), str(SOURCES / script), json.dumps(target)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HUNG, cwd=SOURCES)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.long
def test_the_sdk_of_the_1_line(target: Target, ask: Any, hub: Sandbox) -> None:
    seen = ask("sdk1", "client_sdk1.py", target)
    assert seen["sdk"].startswith("1.") and seen["protocol"] == "2025-11-25"
    assert seen["tools"] == list(TABLE) and len(seen["prompts"]) == 3
    assert seen["made"]["status"] == "succeeded" and seen["made"] == seen["text"]
    assert len(seen["asked"]) == 1 and "$0.70" in seen["asked"][0] and seen["approved"]["status"] == "succeeded"
    assert seen["failed"] == [True, "not_found"] and float(seen["spend"]) == pytest.approx(1.05)
    assert seen["rising"] and hub.ledger()["accepted"] == 2


@pytest.mark.long
def test_langchain_mcp_adapters(target: Target, ask: Any, hub: Sandbox) -> None:
    seen = ask("adapters", "client_adapters.py", target)
    assert seen["tools"] == list(TABLE) and seen["made"]["status"] == "succeeded"
    assert seen["artifact"] == seen["made"] and seen["failed"] == ["error", "not_found"]
    assert seen["again"]["generation_id"] == seen["made"]["generation_id"] and seen["again"]["reused"]
    assert seen["rising"] and hub.ledger()["accepted"] == 1


@pytest.mark.long
def test_langchain_with_its_own_mcp(target: Target, ask: Any, hub: Sandbox) -> None:
    """The question becomes a LangGraph interrupt; on resume the call is made anew, and paid once."""
    seen = ask("langchain-mcp", "client_langchain_mcp.py", target)
    assert seen["tools"] == list(TABLE)
    assert "$0.70" in seen["yes"]["question"] and seen["yes"]["answer"]["status"] == "succeeded"
    assert seen["no"]["status"] == "error" and seen["no"]["answer"]["error"] == "declined"
    assert hub.ledger()["accepted"] == 1


@pytest.mark.long
def test_the_official_typescript_client_with_tasks(asks: Settings) -> None:
    with (
        Sandbox(picture_height=96, speed=150) as hub,
        over_http(replace(asks, base_url=hub.base_url), ServerSettings(log_level="ERROR", poll=0.2)) as address,
    ):
        seen = json.loads(node("tasks_client.mjs", f"{address}/mcp", KEY))
    assert seen["version"] == "2026-07-28" and seen["outcome"] == "completed"
    assert {"io.modelcontextprotocol/ui", "io.modelcontextprotocol/tasks"} <= set(seen["extensions"])
    assert seen["answer"]["status"] == "succeeded"


@pytest.mark.long
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_inspector(asks: Settings, transport: str) -> None:
    program = needed(ROOT / ".judges" / "node-bin" / "node", "Node 22 or newer")
    packages = needed(NPM / "node_modules" / "@modelcontextprotocol" / "inspector", "the inspector")
    manifest = json.loads((NPM / "node_modules" / "@modelcontextprotocol" / "inspector" / "package.json").read_text())
    script = f"{packages}/{next(iter(manifest['bin'].values()))}"

    def inspect(where: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, script, "--cli", *where, "--connect-timeout", str(int(HUNG * 1000)), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=HUNG, cwd=NPM)

    def judge(where: list[str]) -> None:
        listed = inspect(where, "--method", "tools/list")
        assert listed.returncode == 0, listed.stderr
        assert [tool["name"] for tool in json.loads(listed.stdout)["tools"]] == list(TABLE)
        found = inspect(where, "--method", "tools/call", "--tool-name", "generate_video", "--tool-arg", "prompt=a fox")
        assert found.returncode == 0 and '"succeeded"' in found.stdout, found.stderr
        lost = inspect(
            where, "--method", "tools/call", "--tool-name", "cancel_video", "--tool-arg", "generation_ids=no"
        )
        assert lost.returncode == 5 and "not_found" in lost.stdout + lost.stderr

    if transport == "http":
        with over_http(asks, ServerSettings(log_level="ERROR"), here=False) as address:
            judge([f"{address}/mcp", "--transport", "http", "--header", f"Authorization: Bearer {KEY}"])
    else:
        pairs = [part for name, value in environment(asks).items() for part in ("-e", f"{name}={value}")]
        judge([*forked.python(), str(ROOT / "mcp_server.py"), *pairs])
