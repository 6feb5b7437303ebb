"""The plots of the page of benchmarks: well-formed, to scale, honest about what was missed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))


def row(**changes: Any) -> dict[str, Any]:
    made = {"room": "paying", "what": "`generate` & co", "against": "raw httpx", "goal": "≤ 3 ms more", "ours": 20.0}
    return made | {"theirs": 10.0, "ratio": 2.0, "unit": "ms", "met": False, "result": "…", "limit": ""} | changes


@pytest.mark.parametrize(
    ("changes", "goal"),
    [
        ({}, 13.0),
        ({"goal": "≤ 1.10 × the time"}, 11.0),
        ({"goal": "≤ 2 %"}, 0.2),
        ({"goal": "p99 ≤ 250 ms", "theirs": None}, 250.0),
        ({"goal": "≤ 10,000 kB", "theirs": None, "unit": "kB"}, 10_000.0),
        ({"goal": "≤ one poll", "theirs": None}, None),
        ({"goal": "≤ 5 s", "theirs": None}, None),  # another unit than the row's: no line rather than a wrong one
        ({"goal": "–"}, None),
    ],
)
def test_where_the_goal_lies(changes: dict[str, Any], goal: float | None) -> None:
    from plots import goal_of

    assert goal_of(row(**changes)) == (None if goal is None else pytest.approx(goal))


def test_bars_are_to_scale_and_a_miss_is_said() -> None:
    from plots import chart

    drawn = ElementTree.fromstring(chart("Paying", [row()]))
    ours, theirs = (float(one.get("width", 0)) for one in drawn.iter(f"{SVG}rect"))
    assert ours == pytest.approx(2 * theirs)
    words = " ".join(one.text or "" for one in drawn.iter(f"{SVG}text"))
    assert "generate & co" in words and "goal ≤ 3 ms more: missed" in words and "raw httpx" in words


def test_a_group_for_each_room_and_none_for_what_has_no_figure() -> None:
    from plots import charts

    measured = [row(), row(), row(room="waiting", theirs=None), row(room="others", ours=None)]
    made = {room: drawing for room, _, drawing in charts(measured)}
    assert list(made) == ["paying", "waiting"]
    assert all("\n\n" not in drawing for drawing in made.values())  # an empty line would end the block in Markdown


def test_what_was_measured_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import plots

    monkeypatch.setattr(sys, "argv", ["plots.py", str(tmp_path)])
    plots.main()
    for file in tmp_path.iterdir():
        ElementTree.parse(file)
    assert len(list(tmp_path.iterdir())) == len({one["room"] for one in plots.rows() if one["ours"] is not None})
    assert plots.rows(tmp_path / "none.json") == []
