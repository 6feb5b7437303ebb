"""A real Jupyter kernel: its loop runs all the time, cells call in from it, and it ends by itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.sandbox import Sandbox
from tests.clocks import HUNG

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FIRST = """
import asyncio, atexit, pathlib, threading
atexit.register(lambda: pathlib.Path("ended").write_text("by itself"))  # registered first: it comes last
before = set(threading.enumerate())

from oxen_video_tools import AsyncStudio, Studio
WORDS = {"prompt": "A red balloon rises", "duration": 5}
"""
BLOCKING = """
with Studio() as studio:
    video = studio.generate(**WORDS, take=1)
print(video.status)
"""
AWAITED = """
async with AsyncStudio() as studio:
    same = await studio.generate(**WORDS, take=1)
    both = await asyncio.gather(studio.get(video.generation_id), studio.generate(**WORDS, take=2))
print(same.reused, *(one.status for one in both))
"""
LEFT_OPEN = """
kept = Studio()
print(kept.get(video.generation_id).status)
awaited = AsyncStudio()
print((await awaited.get(video.generation_id)).status)
"""
TOOLS = """
from oxen_video_tools.langchain import GetVideo
tool, asked = GetVideo(), {"generation_ids": [video.generation_id]}
print("succeeded" in tool.invoke(asked), "succeeded" in await tool.ainvoke(asked))
"""
AGAIN = """
with Studio() as studio:
    print(studio.generate(**WORDS, take=1).reused)
await awaited.close()
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(picture_height=144) as running:
        yield running


def ran(cells: list[str], environment: dict[str, str], folder: Path) -> tuple[Any, str]:
    """A notebook of these cells, run in a kernel of its own to its end; and what the kernel itself complained of."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with tempfile.TemporaryFile("w+") as errors:
        client = nbclient.NotebookClient(notebook, timeout=HUNG, kernel_name="python3")
        client.execute(cwd=str(folder), env=os.environ | environment, stderr=errors)
        errors.seek(0)
        return notebook, errors.read()


@pytest.mark.long
def test_a_notebook_blocks_awaits_and_ends_by_itself(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = {
        "OXEN_API_KEY": sandbox.api_key,
        "OXEN_BASE_URL": sandbox.base_url,
        "OXEN_VIDEO_LEDGER": f"sqlite:///{tmp_path / 'ledger.db'}",
        "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path),
    }
    notebook, complaints = ran([FIRST, BLOCKING, AWAITED, LEFT_OPEN, TOOLS, AGAIN], environment, tmp_path)
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert printed.split() == ["succeeded", "True", *["succeeded"] * 4, "True", "True", "True"]
    said = complaints + "".join(output.text for output in outputs if output.get("name") == "stderr")
    assert "Event loop is closed" not in said
    assert "Traceback" not in said and "never" not in said  # "was never awaited", "was never retrieved"
    assert (tmp_path / "ended").read_text() == "by itself", "it had to be killed"
    assert sandbox.ledger()["accepted"] == 2
