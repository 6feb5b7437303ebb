"""The standard tests, bare calls and agents on the oldest and the newest LangChain and LangGraph that we allow, in
environments of their own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clocks import HUNG

ROOT = Path(__file__).parents[2]
OLDEST = ["langchain-core==1.0.0", "langchain-tests==1.0.0", "langchain==1.0.0", "langgraph==1.0.0"]
OLDEST += ["langgraph-prebuilt==1.0.0"]  # langgraph itself does not say that it needs this one
NEWEST = ["langchain-core<2", "langchain-tests<2", "langchain<2", "langgraph<2"]
TESTS = [f"tests/langchain/test_{name}.py" for name in ("standard", "bare", "agent")]


def uv(*arguments: str) -> None:
    pytest.importorskip("uv")
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stderr


@pytest.mark.full
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("versions", [OLDEST, NEWEST], ids=["oldest", "newest"])
def test_on(versions: list[str], tmp_path: Path) -> None:
    home = tmp_path / "venv"
    uv("venv", "--quiet", "--python", sys.executable, str(home))
    inside = str(home / "bin" / "python")
    ours = ["--editable", f"{ROOT}[langchain,sandbox]"]
    uv("pip", "install", "--quiet", "--python", inside, *ours, *versions, "pytest-timeout", "pytest-asyncio")
    command = [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    if versions is OLDEST:
        command += ["--deselect", "tests/langchain/test_agent.py::test_a_limit_on_calls_holds"]  # a later middleware's
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 100
