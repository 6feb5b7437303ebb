"""A row of the table of benchmarks, the machine it was measured on, and how both are shown and kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "RESULTS.md"
FIGURES = Path(__file__).parent / "results.json"  # the same for programs, such as the one that draws the plots
SLOWER = 1.10  # times as slow as before: what is named
PACKAGES = ("anyio", "av", "httpx", "langchain-core", "mcp", "pydantic")


@dataclass(frozen=True)
class Row:
    """One measurement. met: None where there is no goal.  limit: where a goal is missed, what limits it.

    ours, theirs: what was measured of either, in `unit`; theirs: the floor, measured in the same run; None where what
    was measured is no matter of speed (bytes, requests, virtual time).
    """

    what: str
    against: str
    goal: str
    result: str
    met: bool | None
    limit: str = ""
    ours: float | None = None
    theirs: float | None = None
    unit: str = ""
    room: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by theirs; of medians, so it may differ a little from the median of ratios in `result`."""
        return self.ours / self.theirs if self.ours is not None and self.theirs else None

    def as_json(self) -> dict[str, Any]:
        """For the process that collects all rows, and for `results.json`."""
        return asdict(self) | {"ratio": self.ratio}

    @property
    def more_is_better(self) -> bool:
        """Whether a larger figure is the better one: speeds are, times are not."""
        return self.unit.endswith(("a second", "/s", "real time"))

    def slower_than(self, before: Row) -> float | None:
        """How many times as slow as in that run, each against its own floor; None without one, or with another."""
        if self.ratio is None or before.ratio is None or (self.unit, self.against) != (before.unit, before.against):
            return None
        return before.ratio / self.ratio if self.more_is_better else self.ratio / before.ratio

    @classmethod
    def of_json(cls, said: dict[str, Any], room: str) -> Row:
        """What `as_json` answered in the room's own process."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in said.items() if name in known} | {"room": room})


def against_floor(
    what: str,
    floor: str,
    ours: float,
    theirs: float,
    *,
    most: float = 0.0,
    least: float = 0.0,
    unit: str,
    words: str,
    limit: str = "",
) -> Row:
    """A row whose goal is a ratio to a floor of the same run: at most so many times it, or at least.

    words: what else is worth saying of the figures.  limit: what limits it where the goal is missed.
    """
    ratio = ours / theirs
    met = ratio <= most if most else ratio >= least
    goal = f"{'≤' if most else '≥'} {most or least:g} ×"
    result = f"{ratio:.2f} ×: {ours:.3g} against {theirs:.3g} {unit}; {words}".removesuffix("; ")
    return Row(what, floor, goal, result, met, "" if met else limit, ours=ours, theirs=theirs, unit=unit)


def slower(rows: Sequence[Row], before: Sequence[Row]) -> list[str]:
    """What became slower by more than a tenth since a stored run, in words; each row against its own floor."""
    stored = {(row.room, row.what): row for row in before}
    found = []
    for row in rows:
        times = row.slower_than(stored[row.room, row.what]) if (row.room, row.what) in stored else None
        if times is not None and times > SLOWER:
            found.append(f"{row.what}: {times - 1:.0%} slower against {row.against} than in the stored run")
    return found


def stored() -> list[Row]:
    """The rows of the run that is kept: that of the commit before, as long as nobody has measured anew."""
    if not FIGURES.exists():
        return []
    return [Row.of_json(one, str(one["room"])) for one in json.loads(FIGURES.read_text("utf-8"))]


def at_percent(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def spread(values: Sequence[float], unit: str, digits: int = 1) -> str:
    """The median, and between which values half of all lie."""
    low, high = at_percent(values, 25), at_percent(values, 75)
    return f"{median(values):.{digits}f} {unit} ({low:.{digits}f}–{high:.{digits}f})"


def machine() -> list[str]:
    """What was measured on: no names, no paths."""
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return [
        f"{os.cpu_count()} × {_processor()}, {_memory()} of memory, {platform.system()}",
        f"Python {platform.python_version()} ({platform.python_implementation()}); {packages}",
        f"load average when it began: {_load()}",
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "processor")


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, OSError, ValueError):
        return "unknown size"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def shown(rows: Sequence[Row]) -> str:
    """The table as Markdown."""
    lines = ["| what | against | goal | result | |", "|---|---|---|---|---|"]
    for row in rows:
        verdict = {True: "met", False: "**missed**", None: ""}[row.met]
        lines.append(f"| {row.what} | {row.against} | {row.goal} | {row.result} | {verdict} |")
    missed = [row for row in rows if row.limit]
    if missed:
        lines += ["", "What limits what was missed, and what else is worth knowing:", ""]
        lines += [f"* **{row.what}**: {row.limit}" for row in missed]
    return "\n".join(lines)


def write(rows: Sequence[Row], about: Sequence[str]) -> None:
    """Keep the table and the machine it was measured on; the same figures as JSON, a list with an object a row."""
    head = [
        "# Results",
        "",
        "Written by `make bench`. Goals are ratios to floors measured within this one run, in turns with ours.",
        "",
    ]
    RESULTS.write_text("\n".join([*head, *(f"* {line}" for line in about), "", shown(rows), ""]), "utf-8")
    FIGURES.write_text(json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False) + "\n", "utf-8")
