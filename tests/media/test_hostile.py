"""No file can crash the reader, hang it, eat the machine or make it read something else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import HUNG

from . import hostile

MEMORY = 2 << 30  # bytes of address space, and far less is resident
WORST = 4.0  # CPU seconds for all seven ways of reading one file


def survivors(paths: list[Path]) -> dict[str, dict[str, Any]]:
    """What became of each file, read in a process that may use little."""

    def bounded() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    done = subprocess.run(
        [sys.executable, "-m", "tests.media.hostile"],
        input="\n".join(map(str, paths)),
        text=True,
        capture_output=True,
        timeout=HUNG,
        preexec_fn=bounded if sys.platform != "win32" else None,
        cwd=Path(__file__).parents[2],
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"after {told[-1:]}: {done.stderr[-2000:]}"
    return {one["name"]: one for one in told if "name" in one}


@pytest.mark.long
def test_crafted_files(tmp_path: Path) -> None:
    paths = hostile.crafted(tmp_path)
    found = survivors(paths)
    assert len(found) == len(paths) > 35
    slow = {name: one["seconds"] for name, one in found.items() if one["seconds"] > WORST}
    assert not slow
    unreadable = {name for name, one in found.items() if set(one["outcome"].values()) == {"ok", "input_unreadable"}}
    for name in ("empty", "noise", "html", "png", "playlist", "concat", "ftyp_then_playlist", "unknown_codec"):
        assert f"{name}.mp4" in unreadable, found[f"{name}.mp4"]
    bomb = found["dimension_bomb.mp4"]["outcome"]
    assert {bomb[way] for way in ("sheet", "last", "inspect", "fade")} == {"input_unreadable"}
    for half in ("half_index_first", "half_index_last"):
        assert found[f"{half}.mp4"]["outcome"]["last"] == "input_unreadable"


def test_mutations(tmp_path: Path) -> None:
    found = survivors(hostile.mutated(tmp_path, 60, seed=7))
    assert len(found) == 60
    assert max(one["seconds"] for one in found.values()) < WORST


@pytest.mark.full
def test_many_mutations(tmp_path: Path) -> None:
    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert len(survivors(hostile.mutated(folder, 100, seed))) == 100
