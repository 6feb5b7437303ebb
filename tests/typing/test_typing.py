"""The public API as type checkers see it: mypy, strict, over `api.py`; and the examples, which users copy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("checked", ["tests/typing/api.py", "examples/plain.py", "examples/service.py"])
def test_what_a_type_checker_sees(checked: str, tmp_path: Path) -> None:
    done = mypy("--cache-dir", str(ROOT / ".mypy_cache" / "api"), checked)
    assert done.returncode == 0, done.stdout


def test_a_broken_promise_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from oxen_video_tools import Studio\nnumber: int = Studio().generate(prompt='a fox').url\n")
    done = mypy("--cache-dir", str(ROOT / ".mypy_cache" / "api"), str(wrong))
    assert "Incompatible types in assignment" in done.stdout


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "oxen_video_tools" / "py.typed").exists()
