"""What an import costs: records without httpx, nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import oxen_video_tools.hub as hub
from tests.clocks import HUNG

HEAVY = ("httpx", "httpcore", "httpx_sse", "tenacity", "anyio", "pydantic", "langchain_core", "mcp", "av")


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HUNG)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import oxen_video_tools.hub",
        "import oxen_video_tools.hub.records",
        "from oxen_video_tools.hub import Generation, VideoModel, Answer, Completion, HistoryPage, Pricing",
        "import oxen_video_tools.hub.error_mapping, oxen_video_tools.files",
    ],
)
def test_data_is_light(statement: str) -> None:
    assert loaded_by(statement) == set()


def test_the_client_loads_what_it_needs_and_no_more() -> None:
    assert loaded_by("from oxen_video_tools.hub import HubClient") <= {
        "httpx",
        "httpcore",
        "anyio",
    }


def test_the_public_names() -> None:
    assert set(dir(hub)) == set(hub.__all__)
    for name in hub.__all__:
        assert getattr(hub, name).__name__ == name
    with pytest.raises(AttributeError):
        hub.Nothing
