"""The public API as type checkers see it: mypy, strict, over `api.py`; and the examples, which users copy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


CHECKED = ["tests/typing/api.py", "examples/plain.py", "examples/service.py"]


@pytest.mark.long
def test_what_a_type_checker_sees(tmp_path: Path) -> None:
    """All in one run, with a cache that is kept: nothing is wrong in these files, and a broken promise is noticed."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from oxen_video_tools import Studio\nnumber: int = Studio().generate(prompt='a fox').url\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", ".mypy_cache/api"]
    told = subprocess.run([*command, *CHECKED, str(wrong)], cwd=ROOT, capture_output=True, text=True).stdout
    lines = told.splitlines()
    assert lines and lines[-1].endswith(f"(checked {len(CHECKED) + 1} source files)"), told
    assert not [line for line in lines if line.startswith(tuple(CHECKED))]
    assert any("wrong.py:2: error: Incompatible types in assignment" in line for line in lines)


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "oxen_video_tools" / "py.typed").exists()
