"""The standard tests and the bare calls on the oldest and the newest langchain-core that we allow, in environments of
their own: on this Python, and on 3.10 where the machine has it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clocks import HUNG

ROOT = Path(__file__).parents[2]
PYENV = sorted(Path.home().glob(".pyenv/versions/3.10.*/bin/python3.10"))
PYTHONS = [sys.executable, *map(str, PYENV[-1:] or ["python3.10"])]
OLDEST = ["langchain-core==1.0.0", "langchain-tests==1.0.0"]
NEWEST = ["langchain-core<2", "langchain-tests<2"]
TESTS = ["tests/langchain/test_standard.py", "tests/langchain/test_bare.py"]


def uv(*arguments: str) -> None:
    pytest.importorskip("uv")
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stderr


def works(python: str) -> bool:
    """A name on the path may be a version manager's that leads nowhere."""
    return shutil.which(python) is not None and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("versions", [OLDEST, NEWEST], ids=["oldest", "newest"])
@pytest.mark.parametrize("python", PYTHONS, ids=["this", "3.10"])
def test_on(python: str, versions: list[str], tmp_path: Path) -> None:
    if not works(python):
        pytest.skip(f"there is no {python} here")
    home = tmp_path / "venv"
    uv("venv", "--quiet", "--python", python, str(home))
    inside = str(home / "bin" / "python")
    ours = ["--editable", f"{ROOT}[langchain,sandbox]"]
    uv("pip", "install", "--quiet", "--python", inside, *ours, *versions, "pytest-timeout", "pytest-asyncio")
    command = [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 100
