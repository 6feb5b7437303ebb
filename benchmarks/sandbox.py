"""How long the sandbox takes from a fresh interpreter to the first answered plan, against importing its libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.table import Row, spread

RUNS = 7
GOAL = 2.0
PLAN = """
from oxen_video_tools import Studio
with Studio(sandbox=True, ledger="memory:") as studio:
    plan = studio.plan(prompt="A red fox in the snow", duration=5)
    assert plan.ok
    taken = time.perf_counter() - began, time.process_time() - used
"""


NEEDED = (
    PLAN
    + """
import sys
theirs = [name for name in sys.modules if not name.startswith(("oxen_video_tools", "__", "_"))]
print(*theirs)
"""
)


def needed() -> str:
    """A program that imports what the sandbox and the studio had loaded by then, but for this package."""
    done = subprocess.run([sys.executable, "-c", "import time\nbegan = used = 0.0" + NEEDED], check=True, **_where())
    names = [
        name for name in done.stdout.decode().split() if "-" not in name and name != "cython_runtime"
    ]  # nobody can import that one
    return f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)"


def _where() -> dict[str, object]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"env": environment, "cwd": Path(__file__).parents[1], "capture_output": True}


def timed(lines: str) -> tuple[float, float]:
    """Milliseconds of wall and of CPU time, measured inside a fresh interpreter."""
    program = "import time\nbegan, used = time.perf_counter(), time.process_time()\n" + lines
    program += "\nprint(*(globals().get('taken') or (time.perf_counter() - began, time.process_time() - used)))"
    done = subprocess.run([sys.executable, "-c", program], check=True, **_where())
    wall, cpu = map(float, done.stdout.split()[-2:])
    return wall * 1e3, cpu * 1e3


def rows() -> list[Row]:
    """One row; runs take turns, so that each pair meets the same load."""
    libraries = needed()  # this writes the bytecode, too
    pairs = [(timed(PLAN), timed(libraries)) for _ in range(RUNS)]
    wall = median(ours[0] / theirs[0] for ours, theirs in pairs)
    cpu = median(ours[1] / theirs[1] for ours, theirs in pairs)
    ours, theirs = ([pair[n][0] for pair in pairs] for n in (0, 1))
    said = (
        f"{wall:.2f} × (CPU {cpu:.2f} ×): {spread(ours, 'ms', 0)} against {spread(theirs, 'ms', 0)}, median of {RUNS}"
    )
    what, against = "the sandbox: fresh interpreter → first answered plan", "importing the libraries that it needs"
    return [Row(what, against, f"≤ {GOAL:g} × the time", said, wall <= GOAL, ours=median(ours),
                theirs=median(theirs), unit="ms")]  # fmt: skip
