"""What brings the server to its users: blocks for assistants, the registry's file, the bundle, the container."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.mcp.client_config import CLIENTS, KEY, Launch, block
from oxen_video_tools.mcp.settings import VARIABLES, ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import _VARIABLES as SETTINGS
from oxen_video_tools.settings import Settings
from oxen_video_tools.tools import TABLE
from tests import forked
from tests.clocks import HUNG

from .judging import NODE, NPM, needed
from .serving import PYTHON, ROOT, over_http

UVX = PurePosixPath("/home/ada/.local/bin/uvx")
WINDOWS = PureWindowsPath(r"C:\Users\Ada Byron\.local\bin\uvx.exe")
PLATFORMS = {"darwin": UVX, "linux": UVX, "win32": WINDOWS}
KNOWN = {name for name, _ in [*VARIABLES.values(), *SETTINGS.values()]}


def entry_of(client: str, text: str, platform: str) -> dict[str, Any]:
    """The server as the client will read it."""
    if client == "claude-code":
        words = shlex.split(text, posix=platform != "win32")
        words = words[words.index("claude") :]
        cut = words.index("--")
        env = dict(word.strip('"').removeprefix("--env=").split("=", 1) for word in words[4:cut])
        command, *args = (word.strip('"') for word in words[cut + 1 :])
        return {"command": command, "args": args, "env": env}
    read = json.loads(text)
    return next(iter((read.get("mcpServers") or read["servers"]).values()))


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_block_starts_the_server_from_anywhere(client: str, platform: str, sandbox: bool) -> None:
    launch = Launch.by_uvx(PLATFORMS[platform], sandbox=sandbox)
    made = block(client, launch, platform=platform)
    entry = entry_of(client, made.text, platform)
    command = (PureWindowsPath if platform == "win32" else PurePosixPath)(entry["command"])
    assert command.is_absolute() and command == PLATFORMS[platform]
    assert entry["args"][:1] == ["--from"] and entry["args"][-1] == "oxen-video-mcp"
    assert list(entry["env"]) == (["OXEN_VIDEO_SANDBOX"] if sandbox else ["OXEN_API_KEY"])
    assert ("\\" in made.place) is (platform == "win32" and client != "claude-code")


def test_links_of_one_click_carry_the_same_entry() -> None:
    launch = Launch.by_uvx(WINDOWS)
    cursor = parse_qs(urlsplit(block("cursor", launch, platform="win32").link or "").query)
    assert json.loads(base64.b64decode(cursor["config"][0])) == launch.entry
    vscode = json.loads(unquote((block("vscode", launch, platform="win32").link or "").partition("?")[2]))
    assert vscode == {"name": "oxen-video", **launch.entry}


def test_vscode_asks_for_the_key_and_keeps_it_out_of_the_file() -> None:
    text = block("vscode", Launch.by_uvx(UVX), platform="linux").text
    assert KEY not in text and json.loads(text)["inputs"][0]["password"] is True


def test_an_unknown_client_is_named() -> None:
    with pytest.raises(InvalidRequest, match="netscape"):
        block("netscape", Launch.here())


def test_the_block_for_this_machine_can_be_piped() -> None:
    done = subprocess.run(
        [PYTHON, "-m", "oxen_video_tools.mcp", "--config", "claude-desktop"], cwd="/", capture_output=True, text=True
    )
    entry = json.loads(done.stdout)["mcpServers"]["oxen-video"]
    assert entry["command"] == sys.executable and "Paste into" in done.stderr


CONFLICT = "from oxen_video_tools.mcp import conflict; print(conflict())"


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        ({"mcp": "1.26.0", "langchain-mcp-adapters": "0.2.1"}, "mcp 1.26.0 is installed, which langchain-mcp-adapters"),
        ({"mcp": "1.26.0"}, "The MCP server needs mcp 2 or newer; mcp 1.26.0 is installed."),
        ({"mcp": "2.3.0", "langchain-mcp-adapters": "0.2.1"}, "langchain-mcp-adapters 0.2.1 needs mcp below 2"),
        ({"mcp": "2.3.0"}, "None"),
    ],
)
def test_packages_that_do_not_go_together_are_named(tmp_path: Path, packages: dict[str, str], words: str) -> None:
    """By their own metadata: `doctor` says it, and so does a server that can't start."""
    for name, version in packages.items():
        about = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        needs = "Requires-Dist: mcp<1.30,>=1.9.2\nRequires-Dist: mcp<2,>=1.9.2\n" if "adapters" in name else ""
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}", "utf-8")
    found = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([*forked.python(), "-c", CONFLICT], env=found, cwd="/", capture_output=True, text=True)
    assert words in done.stdout, done.stderr
    code = "import sys; sys.modules['mcp'] = None\nfrom oxen_video_tools.mcp.__main__ import main\nmain([])"
    done = subprocess.run([PYTHON, "-c", code], env=found, cwd="/", capture_output=True, text=True)
    assert done.returncode == 1
    assert ("in an environment of its own" in done.stderr) is (words != "None"), done.stderr
    doctor = subprocess.run(
        [*forked.python(), "-m", "oxen_video_tools.cli", "doctor", "--json", "--sandbox"],
        env=found,
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert bool(json.loads(doctor.stdout)["conflicts"]) is (words != "None")


def test_the_registrys_file_starts_the_server_that_the_readme_starts() -> None:
    told = json.loads((ROOT / "server.json").read_text())
    package = told["packages"][0]
    assert (package["registryType"], package["identifier"]) == ("pypi", "oxen-video-tools")
    assert package["version"] == told["version"] and len(told["description"]) <= 100
    assert {one["name"] for one in package["environmentVariables"]} <= KNOWN
    assert next(one for one in package["environmentVariables"] if one["name"] == "OXEN_API_KEY")["isSecret"]
    assert [one["value"] for one in package["runtimeArguments"]][-1] == "oxen-video-mcp"


def test_the_bundle_is_one_that_the_official_tool_accepts() -> None:
    folder = ROOT / "mcpb"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [tool["name"] for tool in manifest["tools"]] == list(TABLE)
    assert set(manifest["server"]["mcp_config"]["env"]) <= KNOWN
    assert manifest["user_config"]["api_key"]["sensitive"]
    tool = needed(NPM / "node_modules" / "@anthropic-ai" / "mcpb" / "dist" / "cli" / "cli.js", "mcpb")
    command = [needed(NODE, "Node 22 or newer"), tool, "validate", str(folder / "manifest.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_container_and_the_service_use_what_there_is() -> None:
    """No container can be built everywhere; what they name has to exist."""
    container, service = ((ROOT / name).read_text() for name in ("Dockerfile", "compose.yaml"))
    named = set(re.findall(r"\bOXEN_[A-Z_]+\b", container + service))
    assert named <= KNOWN and {"OXEN_VIDEO_MCP_SECRETS", "OXEN_VIDEO_LEDGER"} <= named
    assert "OXEN_API_KEY" not in named, "a shared server has no key of its own"
    assert "USER oxen" in container and "/readyz" in container
    command = json.loads(re.findall(r"^CMD (\[.*\])$", container, re.M)[-1])
    from oxen_video_tools.mcp.__main__ import _parsed

    asked = _parsed(command[1:])
    assert asked.http and (asked.host, asked.port) == ("0.0.0.0", 8765)
    for copied in re.findall(r"^COPY ([^-].*) \S+$", container, re.M):
        assert all((ROOT / name).exists() for name in copied.split()), copied


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_example_of_a_client_runs(transport: str, settings: Settings, hub: Sandbox) -> None:
    from .conftest import environment

    env = {**environment(settings), "PATH": os.environ["PATH"]}
    script = str(ROOT / "examples" / "mcp_client.py")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*forked.python(), script, *arguments], env=env, capture_output=True, text=True, timeout=HUNG
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    if transport == "http":
        with over_http(settings, ServerSettings(log_level="ERROR"), here=False) as address:
            said = run(f"{address}/mcp")
    else:
        said = run()
    assert "plan: kling-video-o3-pro-reference-to-video" in said and "asked:" in said
    assert said.splitlines()[-1].startswith(hub.base_url)
