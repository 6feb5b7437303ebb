"""The public API as type checkers see it: mypy, strict, over `api.py`; and the examples, which users copy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


CHECKED = ["tests/typing/api.py", "examples/plain.py", "examples/service.py"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says of all these files and of a wrong one, in one run."""
    wrong = tmp_path_factory.mktemp("typing") / "wrong.py"
    wrong.write_text("from oxen_video_tools import Studio\nnumber: int = Studio().generate(prompt='a fox').url\n")
    cache = ROOT / ".mypy_cache" / f"api-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(cache)]
    done = subprocess.run([*command, *CHECKED, str(wrong)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].endswith(f"(checked {len(CHECKED) + 1} source files)"), done.stdout
    return done.stdout.splitlines()


@pytest.mark.long
@pytest.mark.parametrize("checked", CHECKED)
def test_what_a_type_checker_sees(checked: str, told: list[str]) -> None:
    assert not [line for line in told if line.startswith(f"{checked}:")]


@pytest.mark.long
def test_a_broken_promise_is_noticed(told: list[str]) -> None:
    assert any("wrong.py:2: error: Incompatible types in assignment" in line for line in told)


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "oxen_video_tools" / "py.typed").exists()
