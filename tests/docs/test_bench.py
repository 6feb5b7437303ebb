"""The table of benchmarks: goals are ratios to a floor, and what became slower since the stored run is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import floors, table
from benchmarks.table import Row, against_floor, slower


def row(ours: float, theirs: float, **given: Any) -> Row:
    usual: dict[str, Any] = {"what": "enqueue", "floor": "raw httpx", "most": 2.0, "unit": "ms", "words": ""}
    return against_floor(ours=ours, theirs=theirs, **usual | given)


@pytest.mark.parametrize(("ours", "met"), [(20.0, True), (20.1, False)])
def test_a_goal_is_a_ratio_whatever_the_machine(ours: float, met: bool) -> None:
    for machine in (0.2, 1.0, 5.0):
        made = row(ours * machine, 10.0 * machine, limit="two commits")
        assert made.met is met and made.goal == "≤ 2 ×" and bool(made.limit) is not met


def test_a_speed_has_a_least() -> None:
    made = row(8.0, 10.0, most=0.0, least=0.8, unit="videos a second")
    assert made.met and made.goal == "≥ 0.8 ×" and made.more_is_better


def test_a_machine_three_times_slower_makes_nothing_slower() -> None:
    assert slower([row(30.0, 15.0)], [row(10.0, 5.0)]) == []


@pytest.mark.parametrize(("ours", "named"), [(10.9, False), (11.2, True), (9.0, False)])
def test_more_than_a_tenth_is_named(ours: float, named: bool) -> None:
    found = slower([row(ours, 5.0)], [row(10.0, 5.0)])
    assert bool(found) is named
    assert not named or found == ["enqueue: 12% slower against raw httpx than in the stored run"]


def test_of_a_speed_less_is_slower() -> None:
    speed: dict[str, Any] = {"most": 0.0, "least": 0.8, "unit": "MB/s"}
    assert len(slower([row(40.0, 100.0, **speed)], [row(50.0, 100.0, **speed)])) == 1
    assert slower([row(60.0, 100.0, **speed)], [row(50.0, 100.0, **speed)]) == []


def test_what_has_no_floor_or_another_one_is_not_compared() -> None:
    alone = Row("size", "–", "≤ 10 KB", "8 KB", True, ours=8.0, unit="KB")
    assert slower([alone], [alone]) == []
    assert slower([row(20.0, 5.0)], [row(10.0, 5.0, floor="httpx with two writes")]) == []
    assert slower([row(20.0, 5.0, what="new")], [row(10.0, 5.0)]) == []


def test_a_stored_run_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "FIGURES", tmp_path / "results.json")
    assert table.stored() == []
    (tmp_path / "results.json").write_text(json.dumps([row(10.0, 5.0).as_json() | {"of later": 1}]), "utf-8")
    assert slower([row(20.0, 5.0)], table.stored()) == ["enqueue: 100% slower against raw httpx than in the stored run"]


def test_the_floors_do_their_work(tmp_path: Path) -> None:
    writes = floors.DurableWrites(tmp_path)
    writes.write()
    assert writes._file.execute("select count(*) from row").fetchone() == (2,)
    writes.close()
    assert floors.encode((320, 180), 24, 24, tmp_path / "alone.mp4") > 0
    assert (tmp_path / "alone.mp4").stat().st_size > 1000
    assert floors.milliseconds(floors.python, 3) > 0
