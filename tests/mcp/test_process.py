"""The server as a process: how it starts, what it loads, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.tools import TABLE
from tests import forked
from tests.clocks import HUNG

from .conftest import environment
from .serving import PYTHON, ROOT, TOKEN, bearer, client_with, patient, words

HEAVY = ("langchain_core", "langgraph", "psycopg", "av", "numpy", "PIL", "httpx", "sqlite3", "httpx_sse")


def started(*arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*forked.python(), *arguments], cwd=ROOT, env={"PATH": os.environ["PATH"], **(env or {})}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def sandboxed(env: dict[str, str]) -> StdioServerParameters:
    """`python mcp_server.py --sandbox`."""
    program, *arguments = [*forked.python(), "mcp_server.py", "--sandbox"]
    return StdioServerParameters(command=program, args=arguments, cwd=str(ROOT), env=env)


@contextmanager
def serving_http(
    settings: Settings, *arguments: str, token: str | None = TOKEN, **env: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python mcp_server.py --http` on a free port, and its address. token: None lets it make one."""
    given = environment(settings) | ({"OXEN_VIDEO_MCP_TOKEN": token} if token else {}) | env
    process = started("mcp_server.py", "--http", "--port", "0", *arguments, env=given)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/mcp", line)
        assert found, line
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("module", ["oxen_video_tools.mcp.server", "oxen_video_tools.mcp.__main__"])
def test_what_a_start_does_not_load(module: str) -> None:
    code = (
        f"import sys, {module} as m; getattr(m, 'build_server', print); "
        f"sys.exit(' '.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run([PYTHON, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_listing_tools_loads_nothing_heavy_either() -> None:
    """Spoken by hand, so that the server's own process can be asked what it has loaded."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    spoken = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    code = (
        "import sys\nfrom oxen_video_tools.mcp.__main__ import main\nmain()\n"
        f"sys.stderr.write(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    said = "\n".join(map(json.dumps, spoken)) + "\n"
    server = subprocess.Popen([PYTHON, "-c", code], cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True)
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(said)
    server.stdin.flush()
    answers = [json.loads(server.stdout.readline()) for _ in range(2)]  # before it hears that nobody speaks any more
    _, loaded = server.communicate(timeout=HUNG)
    assert [answer["id"] for answer in answers] == [1, 2] and len(answers[1]["result"]["tools"]) == len(TABLE)
    assert loaded == ""


@pytest.mark.parametrize(
    "command",
    [
        [PYTHON, "-m", "oxen_video_tools.mcp"],
        [str(Path(sys.executable).with_name("oxen-video-mcp"))],
    ],
    ids=["module", "script"],
)
async def test_every_way_in_is_the_same_server(command: list[str], settings: Settings) -> None:
    server = StdioServerParameters(command=command[0], args=command[1:], cwd="/", env=environment(settings))
    async with Client(server) as client:
        assert words(await client.call_tool("generate_video", {"prompt": "a fox"}))["status"] == "succeeded"


async def test_the_sandbox_needs_no_key(tmp_path: Path) -> None:
    env = {"OXEN_VIDEO_LEDGER": "memory:", "HOME": str(tmp_path), "OXEN_VIDEO_MCP_LOG_LEVEL": "ERROR"}
    server = sandboxed(env)
    async with Client(server) as client:
        video = words(await client.call_tool("generate_video", {"prompt": "a fox", "duration": 5}))
        assert video["status"] == "succeeded" and patient.get(video["url"]).content[4:8] == b"ftyp"


async def test_in_the_sandbox_a_process_finds_what_the_last_one_made(tmp_path: Path) -> None:
    """`langchain-mcp-adapters` starts a process per call."""
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "OXEN_VIDEO_MCP_LOG_LEVEL": "ERROR"}
    server = sandboxed(env)
    async with Client(server) as client:
        made = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
    async with Client(server) as client:
        found = words(await client.call_tool("get_video", {"generation_ids": [made["generation_id"]]}))
        assert found["status"] == "succeeded" and patient.get(found["url"]).content[4:8] == b"ftyp"
        again = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
    assert again["reused"] and again["generation_id"] == made["generation_id"]


async def test_uvicorn_serves_app_and_lends_no_key(settings: Settings) -> None:
    process = started(
        "-m", "uvicorn", "mcp_server:app", "--port", "0", "--no-access-log", env=environment(settings)
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"(http://127\.0\.0\.1:\d+)", line):
                break
        address = found[1]  # type: ignore[index]  # the loop ended there
        async with client_with(address, headers=bearer("another-key")) as client:
            assert len((await client.list_tools()).tools) == len(TABLE)
        assert patient.post(f"{address}/mcp", json={}).status_code == 401
    finally:
        process.kill()
        process.communicate()


async def test_told_to_stop_waits_end_with_the_id_and_nothing_is_paid_twice(settings: Settings, hub: Sandbox) -> None:
    hub.faults.add("stuck@*")
    with serving_http(settings) as (process, address):
        async with client_with(address) as client:
            await client.list_tools()  # else the client asks for them after the answer, when the server has gone
            waiting = [
                asyncio.create_task(client.call_tool("generate_video", {"prompt": f"fox {number}", "wait_seconds": 40}))
                for number in range(3)
            ]
            async with asyncio.timeout(HUNG):
                while hub.ledger()["accepted"] < 3:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            answers = [words(result) for result in await asyncio.gather(*waiting)]
        assert await asyncio.to_thread(process.wait, HUNG) in (0, -signal.SIGTERM)
    assert all(answer["status"] in ("queued", "processing") for answer in answers)
    assert {answer["generation_id"] for answer in answers} == {
        line["generation_id"] for line in hub.ledger()["generations"]
    }
    assert hub.ledger()["accepted"] == 3


async def test_logs_are_lines_of_json_with_ids_and_money_and_without_secrets(settings: Settings) -> None:
    env = {"OXEN_VIDEO_MCP_LOG_LEVEL": "INFO", "OXEN_VIDEO_MCP_LOG": "json"}
    with serving_http(settings, **env) as (process, address):
        async with client_with(address, headers=bearer("a-secret-key-of-somebody")) as client:
            video = words(await client.call_tool("generate_video", {"prompt": "a most private fox"}))
            await client.call_tool("get_video", {"generation_ids": ["nothing"]})
        process.send_signal(signal.SIGTERM)
        _, log = await asyncio.to_thread(process.communicate, timeout=HUNG)
    lines = [json.loads(line) for line in log.splitlines()]
    calls = [line for line in lines if line["message"] == "call"]
    made, lost = calls
    assert (made["tool"], made["outcome"], made["generation_id"]) == ("generate_video", "ok", video["generation_id"])
    assert made["cost_usd"] == pytest.approx(0.35) and made["ms"] > 0
    assert (lost["outcome"], lost["error"]) == ("error", "not_found")
    for secret in ("a-secret-key", "private fox", "oxen_signature=", settings.api_key):
        assert secret not in log.replace("oxen_signature=[hidden]", "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OXEN_VIDEO_WAIT", "soon"),
        ("OXEN_VIDEO_MCP_RATE", "0"),
        ("OXEN_VIDEO_MCP_SECRETS", "short"),
        ("OXEN_VIDEO_MCP_LOG", "xml"),
        ("OXEN_VIDEO_MCP_PUBLIC_URL", "video.example.com"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(variable: str, value: str) -> None:
    command = [*forked.python(), "mcp_server.py"]
    done = subprocess.run(command, cwd=ROOT, env={variable: value}, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 1 and variable in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['mcp'] = None\nfrom oxen_video_tools.mcp.__main__ import main\nmain([])"
    done = subprocess.run([PYTHON, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "pip install 'oxen-video-tools[mcp]'" in done.stderr


def test_help_says_where_the_key_comes_from() -> None:
    done = subprocess.run([PYTHON, "mcp_server.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "OXEN_API_KEY" in done.stdout and "--http" in done.stdout
