"""SECURITY.md: each line of the threat model names tests, and they are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
LINES = [
    line for line in PAGE.partition("## Whom")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| threat")
]  # fmt: skip


@cache
def functions(file: str) -> frozenset[str]:
    return frozenset(re.findall(r"^(?:async )?def (\w+)", (ROOT / file).read_text("utf-8"), re.M))


def test_there_are_threats() -> None:
    assert len(LINES) >= 20


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split("|")[2].strip()[:40])
def test_each_line_has_tests(line: str) -> None:
    threat, could, stops, tests = (cell.strip() for cell in line.strip("|").split("|"))
    assert could and stops
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert named and len(named) == tests.count("`") // 2, threat
    for file, function in named:
        assert function in functions(file), f"{file} has no {function}"


@pytest.mark.parametrize("promise", ["Supported versions", "working days", "privately", "What is not protected"])
def test_the_page_says_what_reporters_need(promise: str) -> None:
    assert promise in PAGE
