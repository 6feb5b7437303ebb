"""The notebook with a real kernel, and the snippets of the guide, as they stand."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.sandbox import Sandbox
from tests import forked
from tests.clocks import HUNG

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/langchain.md").read_text("utf-8")
SCRIPTED = "__import__('oxen_video_tools.cli.demo', fromlist=['x']).scripted_model()"


def environment(hub: Sandbox, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "OXEN_API_KEY": "k",
        "OXEN_BASE_URL": hub.base_url,
        "OXEN_VIDEO_LEDGER": "memory:",
        "OXEN_VIDEO_OUTPUT_DIR": str(folder),
    }


def test_the_snippets_run_in_their_order(hub: Sandbox, tmp_path: Path) -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S)
    assert len(snippets) >= 3
    program = "\n".join(snippets).replace('"anthropic:claude-sonnet-5-5"', SCRIPTED)
    command = [*forked.python(*forked.AGENTS), "-c", program]
    ran = subprocess.run(
        command, env=environment(hub, tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=HUNG
    )
    assert ran.returncode == 0, ran.stderr
    assert hub.ledger()["accepted"] >= 1


def run_notebook(file: str, hub: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The outputs of all its cells, in order."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for name, value in environment(hub, folder).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(ROOT / "examples" / file, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # committed without anybody's links and paths
    nbclient.NotebookClient(notebook, timeout=HUNG).execute(cwd=str(folder))
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.mark.long
def test_the_notebook_runs_and_shows_the_contact_sheet(
    hub: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = run_notebook("langchain.ipynb", hub, tmp_path, monkeypatch)
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
    printed = "".join(output.get("text", "") for output in outputs)
    assert "Here is your video" in printed
    assert hub.ledger()["accepted"] == 2


@pytest.mark.long
def test_the_notebook_of_the_cast_shows_its_pictures(
    hub: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = run_notebook("cast.ipynb", hub, tmp_path, monkeypatch)
    shown = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    plan, stills, other, film, retaken = shown
    assert "Mira is held by" in plan and "Shot 2" in plan
    assert "data:image/jpeg" in stills and "shot 2, take 2: succeeded" in other
    for one in (film, retaken):
        assert 'src="data:video/mp4;base64,' in one and hub.base_url not in one
    forms = [output["data"] for output in outputs if "text/html" in output.get("data", {})]
    assert all(one["text/plain"].startswith("succeeded, film-") for one in forms[3:])
    assert all("image/jpeg" in one for one in forms[1:]), "for programs that show no HTML"
    assert not any(hub.base_url in str(one) for one in forms)
    assert hub.ledger()["accepted"] == 2 + 3 + 3, "sheets, stills with one retaken, clips with one retaken"
