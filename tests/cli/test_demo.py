"""The demo, as `make demo` runs it: a real agent, a real MCP client, real files; only the chat model is scripted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from oxen_video_tools.media.probe import probe
from oxen_video_tools.tools import TABLE

from .conftest import ROOT, Run

README = (Path(ROOT) / "README.md").read_text("utf-8")


@pytest.mark.long
def test_the_whole_way(oxen: Run) -> None:
    done = oxen("demo", "--json", OXEN_BASE_URL=None, OXEN_API_KEY=None)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["generations"] == 2 and told["charged"] > 0  # three requests: one was a repeat
    assert 9 < probe(told["file"]).duration < 11
    story = done.stderr
    for step in (
        "A LangChain agent",
        "Here is your video: http",
        f"it lists {len(TABLE)} tools",
        "reused: True",
        "answers 200",
    ):
        assert step in story
    assert story.rstrip().endswith("-o balloon.mp4")  # what to do next
    shown = next(one for one in README.split("```text\n")[1:] if one.startswith("1. A sandbox")).partition("```")[0]
    for line in shown.splitlines():
        assert re.sub(r"\d[\d.,:]*", "0", line) in re.sub(r"\d[\d.,:]*", "0", story), "the README shows what is printed"


def test_make_demo_is_this_command() -> None:
    assert "oxen-video demo" in (Path(ROOT) / "Makefile").read_text("utf-8")
