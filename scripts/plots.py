"""The plots of the page of benchmarks, drawn from `benchmarks/results.json`, which `make bench` writes.

`python scripts/plots.py [FOLDER]` writes an SVG for each group (default: docs/images); the documentation draws them
into its page as it is built. Each row has a scale of its own: ours above, the other below, the goal as a line.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "results.json"
WIDTH, LEFT, BAR, ROW = 760, 12, 14, 74  # pixels; the bars begin at LEFT
LONGEST = 430  # of a bar; its figure stands behind the longest
OURS, THEIRS, GOAL, MISSED = "#0b7285", "#adb5bd", "#e8590c", "#c92a2a"
TITLES = {
    "starting": "Starting",
    "paying": "Paying",
    "waiting": "Waiting",
    "agents": "Agents",
    "catalog": "Catalog",
    "media": "Media",
    "others": "Beside other packages",
}


def rows(path: Path = FIGURES) -> list[dict[str, Any]]:
    """What was measured, or nothing where nothing was yet."""
    return list(json.loads(path.read_text("utf-8"))) if path.exists() else []


def charts(measured: Sequence[dict[str, Any]]) -> Iterable[tuple[str, str, str]]:
    """A room's name, its title and its plot, for each room that has a figure to draw."""
    for room, group in groupby(measured, key=lambda row: row["room"]):
        drawn = [row for row in group if row.get("ours") is not None]
        if drawn:
            yield room, TITLES.get(room, room.capitalize()), chart(TITLES.get(room, room.capitalize()), drawn)


def chart(title: str, drawn: Sequence[dict[str, Any]]) -> str:
    """One plot as SVG, without empty lines, so that it may stand in Markdown."""
    height = ROW * len(drawn) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" style="max-width:100%;height:auto" role="img" '
        f'aria-label="{escape(title)}: ours beside others" font-family="system-ui, sans-serif" font-size="13">'
    ]
    for number, row in enumerate(drawn):
        parts += _row(row, ROW * number + 18)
    return "\n".join([*parts, "</svg>"])


def _row(row: dict[str, Any], top: int) -> list[str]:
    ours, theirs, goal = row["ours"], row.get("theirs"), goal_of(row)
    full = max(value for value in (ours, theirs, goal, 1e-12) if value is not None)
    verdict = {True: "met", False: "missed"}.get(row.get("met"), "")
    goal_words = f"goal {row['goal']}{': ' + verdict if verdict else ''}" if goal_said(row) else ""
    colour = MISSED if row.get("met") is False else "currentColor"
    parts = [
        _text(LEFT, top, row["what"].replace("`", ""), weight=600),
        _text(WIDTH - LEFT, top, goal_words, anchor="end", colour=colour),
        *_bar(top + 8, ours, full, OURS, f"{number(ours)} {row['unit']}"),
    ]
    if theirs is not None:
        parts += _bar(top + 9 + BAR, theirs, full, THEIRS, f"{number(theirs)} {row['unit']}, {row['against']}")
    if goal is not None:
        x = LEFT + LONGEST * goal / full
        low = top + 11 + BAR * (1 if theirs is None else 2)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + 5}" y2="{low}" stroke="{GOAL}" stroke-width="2"/>')
    return parts


def _bar(y: int, value: float, full: float, colour: str, label: str) -> list[str]:
    length = max(1.5, LONGEST * value / full)
    return [
        f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" rx="2" fill="{colour}"/>',
        _text(LEFT + LONGEST + 8, y + BAR - 4, label.replace("`", ""), size=11),
    ]


def _text(
    x: int, y: int, words: str, *, anchor: str = "start", weight: int = 400, size: int = 13, colour: str = ""
) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="{colour or "currentColor"}"'
    return f'<text x="{x}" y="{y}" {style}>{escape(words)}</text>'


def goal_said(row: dict[str, Any]) -> bool:
    """Whether the row has a goal at all."""
    return row["goal"].strip() not in ("", "–", "-")


def goal_of(row: dict[str, Any]) -> float | None:
    """Where the goal lies on the row's scale; None where it is no figure of that scale."""
    found = re.search(r"[≤≥<>]\s*([\d.,]+)\s*(×|%|\w+)?(\s+more)?", row["goal"])
    if found is None:
        return None
    figure, unit, theirs = float(found[1].replace(",", "")), found[2] or "", row.get("theirs")
    if theirs is None:
        return figure if unit and row["unit"].startswith(unit) else None
    if unit in ("×", "%"):
        return theirs * figure / (100 if unit == "%" else 1)
    return theirs + figure if found[3] and row["unit"].startswith(unit) else None


def number(value: float) -> str:
    """With as many digits as help."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    for room, _, drawing in charts(rows()):
        (folder / f"benchmarks-{room}.svg").write_text(drawing + "\n", "utf-8")
        print(folder / f"benchmarks-{room}.svg")


if __name__ == "__main__":
    main()
