"""What a plan and a preview say of each shot in JSON, through the real studio, tool and command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oxen_video_tools import Shot, Studio
from oxen_video_tools.cli import load_app
from oxen_video_tools.tools.handlers import _answer

SHOTS = [
    Shot(prompt="Close-up of a red fox in the snow at night, push in", duration=3),
    Shot(prompt="Quantum entanglement visualised as poetry", duration=3),
]
FOX = {
    "pictograms": [{"character": "🦊", "name": "fox"}],
    "size": "close-up",
    "move": "push in",
    "place": "snowfield",
    "light": "night",
    "weather": ["snow"],
}
NOTHING = {"pictograms": [], "size": None, "move": None, "place": None, "light": None, "weather": []}


def test_a_preview_says_what_it_understood_of_each_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXEN_VIDEO_OUTPUT_DIR", str(tmp_path))
    with Studio(sandbox=True, ledger="memory:") as studio:
        plan = studio.plan(multi_prompt=SHOTS, resolution="480p", animatic=True)
    assert [shot.as_dict() for shot in plan.shown] == [FOX, NOTHING]
    answer = json.loads(_answer(plan, (), bodies=False, uploads=True).model_dump_json())["shown"]
    assert answer[0]["pictograms"] == ["🦊 fox"] and answer[0]["light"] == "night"
    assert answer[1] == {"pictograms": []}
    assert plan.preview.stat().st_size > 10_000


@pytest.mark.parametrize("command", ["plan", "preview"])
def test_the_command_line_lists_it_too(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXEN_VIDEO_OUTPUT_DIR", str(tmp_path))
    monkeypatch.setenv("OXEN_VIDEO_LEDGER", "memory:")
    done = CliRunner().invoke(load_app(), [command, SHOTS[0].prompt, "--resolution", "480p", "--json", "--sandbox"])
    assert json.loads(done.stdout)["shown"] == [FOX], done.output
