"""The catalog's rows: loading the bundled list, and planning a request that is warm."""

from __future__ import annotations

from benchmarks.catalog import LOAD_MS, PLAN_MS, REQUESTS, load, milliseconds
from benchmarks.table import Row
from oxen_video_tools.catalog import catalog
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.plan import make_plan


def rows() -> list[Row]:
    """All of it, in seconds."""
    loading = milliseconds(load, 15)
    live = catalog.ModelList.of([known.model for known in load().values()])
    slowest = 0.0
    for request in REQUESTS.values():
        make_plan(request, live, Settings())  # warm: each model's facts are worked out once
        slowest = max(slowest, milliseconds(lambda request=request: make_plan(request, live, Settings()), 100))
    return [
        Row("catalog load", "–", f"≤ {LOAD_MS:g} ms", f"{loading:.1f} ms", loading <= LOAD_MS, ours=loading, unit="ms"),
        Row(
            "plan of a warm request, slowest of six",
            "–",
            f"≤ {PLAN_MS:g} ms",
            f"{slowest:.2f} ms",
            slowest <= PLAN_MS,
            ours=slowest,
            unit="ms",
        ),
    ]
