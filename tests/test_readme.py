"""The README's and the guides' own commands and snippets, run as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
TESTING = (ROOT / "docs/guides/testing.md").read_text("utf-8")
ORCHESTRATORS = (ROOT / "docs/guides/orchestrators.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


@pytest.fixture
def environment(oxen_sandbox: Any, tmp_path: Path) -> dict[str, str]:
    """A machine whose hub is the sandbox."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OXEN_")}
    return clean | {
        "OXEN_BASE_URL": oxen_sandbox.base_url,
        "OXEN_API_KEY": "sandbox",
        "OXEN_VIDEO_LEDGER": f"sqlite:///{tmp_path / 'ledger.db'}",
        "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path / "videos"),
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }


def run(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_plain_python(environment: dict[str, str], tmp_path: Path) -> None:
    snippet = next(block for block in blocks(README, "python") if "from oxen_video_tools import Studio" in block)
    done = run([sys.executable, "-c", snippet], environment, tmp_path)
    assert "succeeded http" in done.stdout
    assert (tmp_path / "balloon.mp4").exists()


def test_langchain_with_a_scripted_model_in_place_of_the_paid_one(environment: dict[str, str], tmp_path: Path) -> None:
    snippet = next(block for block in blocks(README, "python") if "create_agent" in block)
    model = "__import__('oxen_video_tools.cli.demo', fromlist=['x']).scripted_model()"
    assert '"anthropic:claude-sonnet-4-5"' in snippet
    done = run([sys.executable, "-c", snippet.replace('"anthropic:claude-sonnet-4-5"', model)], environment, tmp_path)
    assert "Here is your video: http" in done.stdout


COMMANDS = [
    line.partition("  #")[0].strip()
    for block in blocks(README, "bash")
    for line in block.splitlines()
    if line.startswith("oxen-video ")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command(line: str, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "storyboard.md").write_text("1. Wide shot: a bird takes off (5s)\n2. It soars through clouds (5s)\n")
    in_sandbox = environment | {"OXEN_BASE_URL": "https://hub.oxen.ai"} if "--sandbox" in line else environment
    run([sys.executable, "-m", "oxen_video_tools.cli", *shlex.split(line)[1:]], in_sandbox, tmp_path)


def test_there_are_commands_to_test() -> None:
    assert len(COMMANDS) >= 5


def test_the_mcp_block_is_valid_and_names_a_script_of_ours() -> None:
    server = json.loads(blocks(README, "json")[0])["mcpServers"]["oxen-video"]
    assert server["args"][-1] == "oxen-video-mcp"
    assert 'oxen-video-mcp = "oxen_video_tools.mcp' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("text", [README, TESTING], ids=["README", "guide"])
def test_the_test_of_ones_own_agent(text: str, environment: dict[str, str], tmp_path: Path) -> None:
    snippet = next(block for block in blocks(text, "python") if "oxen_sandbox" in block)
    (tmp_path / "test_mine.py").write_text(snippet)
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"], environment, tmp_path)
    assert "1 passed" in done.stdout


def test_the_orchestrators_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    snippet = blocks(ORCHESTRATORS, "python")[0]
    ask = "import asyncio\nfor _ in range(2): print(asyncio.run(make_video({'prompt': 'a fox', 'duration': 5})))\n"
    first, again = run([sys.executable, "-c", snippet + ask], environment, tmp_path).stdout.split()
    assert first == again


DEFAULTS = re.findall(r"^\| (words only|(?:`\w+`(?: and )?)+) \| .*`([\w.-]+)` \|$", README, re.M)


@pytest.mark.parametrize(("needs", "model"), DEFAULTS)
def test_the_table_of_default_models(needs: str, model: str) -> None:
    from oxen_video_tools.catalog.choose import choose
    from oxen_video_tools.catalog.models import Models
    from oxen_video_tools.request import VideoRequest

    values: dict[str, Any] = {
        "multi_prompt": [{"prompt": "a"}, {"prompt": "b"}],
        "input_image": ["https://e.com/a.png"],
    }
    given = {name: values.get(name, "https://e.com/a.png") for name in re.findall(r"`(\w+)`", needs)}
    request = VideoRequest(**given if "multi_prompt" in given else {"prompt": "a"} | given)
    assert choose(request, Models.bundled()).model_id == model


def test_there_are_defaults_to_test() -> None:
    assert len(DEFAULTS) == 7


def test_the_two_commands_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(blocks(README, "bash")), re.M):
        assert f"\n{target}:" in makefile
