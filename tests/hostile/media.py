"""Files made or changed to hurt a reader: each is read in every way there is, in a process with limits."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.media import hostile
from tests.media.test_hostile import MEMORY, WORST

from .registry import Attack

MUTATIONS = 60
SLOWNESS = 3  # times what a reader may take on a machine that does nothing else


def _files() -> list[Path]:
    folder = Path(tempfile.mkdtemp(prefix="oxen-hostile-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "mutated").mkdir()
    return [*hostile.crafted(folder), *hostile.mutated(folder / "mutated", MUTATIONS, seed=11)]


FILES = _files()


@lru_cache(maxsize=1)
def outcomes() -> dict[str, dict[str, Any]]:
    """What became of each file. Whatever kills the reader is not in it, and the reader starts anew with the next."""
    found: dict[str, dict[str, Any]] = {}
    waiting = FILES
    while waiting:
        told = _read(waiting)
        found |= {one["name"]: one for one in told if "name" in one}
        begun = sum("begun" in one for one in told)
        waiting = waiting[begun:] if begun else []
    return found


def _read(paths: list[Path]) -> list[dict[str, Any]]:
    def bounded() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    done = subprocess.run(
        [sys.executable, "-m", "tests.media.hostile"],
        input="\n".join(map(str, paths)),
        text=True,
        capture_output=True,
        timeout=100,
        preexec_fn=bounded if sys.platform != "win32" else None,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _survives(name: str) -> None:
    one = outcomes().get(name)
    assert one is not None, "the reader died over it"
    assert one["seconds"] < WORST * SLOWNESS, one


def _attack(name: str) -> Attack:
    return lambda: _survives(name)


ATTACKS: dict[str, Attack] = {path.name: _attack(path.name) for path in FILES}
