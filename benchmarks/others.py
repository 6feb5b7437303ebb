"""The catalog's rows: loading the bundled list, and planning a request that is warm."""

from __future__ import annotations

from benchmarks import floors
from benchmarks.catalog import LOAD, PLAN, REQUESTS, load, parse
from benchmarks.floors import milliseconds
from benchmarks.table import Row, against_floor
from oxen_video_tools.catalog import catalog
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.plan import make_plan


def rows() -> list[Row]:
    """All of it, in seconds."""
    loading, parsing = milliseconds(load, 15), milliseconds(parse, 15)
    live = catalog.ModelList.of([known.model for known in load().values()])
    slowest = 0.0
    for request in REQUESTS.values():
        make_plan(request, live, Settings())  # warm: each model's facts are worked out once
        slowest = max(slowest, milliseconds(lambda request=request: make_plan(request, live, Settings()), 100))
    python = milliseconds(floors.python, 100)
    return [
        against_floor("catalog load", "`json.loads` of its files", loading, parsing, most=LOAD, unit="ms", words=""),
        against_floor(
            "plan of a warm request, slowest of six",
            "fifty small JSON documents written and read",
            slowest,
            python,
            most=PLAN,
            unit="ms",
            words="",
        ),
    ]
