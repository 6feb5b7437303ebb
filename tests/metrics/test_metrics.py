"""What an operator's collector sees, through OpenTelemetry's own SDK; and that nothing is loaded without it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import OxenError
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, metrics

sdk = pytest.importorskip("opentelemetry.sdk.metrics")
MODEL = "kling-video-v2-6-pro-text-to-video"
REQUEST = {"prompt": "a fox in the snow", "duration": 5, "model": MODEL}


class Seen:
    """Every point that a collector has, by instrument and attributes."""

    def __init__(self) -> None:
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        self._reader = InMemoryMetricReader()
        self.provider = sdk.MeterProvider(metric_readers=[self._reader])

    def points(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        data = self._reader.get_metrics_data()
        every = (
            [one for of in data.resource_metrics for scope in of.scope_metrics for one in scope.metrics] if data else []
        )
        found = [point for one in every if one.name == name for point in one.data.data_points]
        return {tuple(sorted(point.attributes.items())): point for point in found}

    def value(self, name: str, **attributes: str) -> Any:
        point = self.points(name).get(tuple(sorted({"model": MODEL, **attributes}.items())))
        return 0 if point is None else point.value


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """A collector of this test's own: the process's provider can be set only once."""
    made, instruments = Seen(), metrics._Instruments()
    instruments.__dict__["meter"] = made.provider.get_meter(metrics.NAME)
    monkeypatch.setattr(metrics, "_instruments", instruments)
    return made


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64) as running:
        yield running


@pytest.fixture
def studio(hub: Sandbox) -> AsyncStudio:
    return AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:")


async def test_a_video_from_the_request_to_the_result(seen: Seen, studio: AsyncStudio, hub: Sandbox) -> None:
    async with studio:
        made = await studio.generate(**REQUEST, wait_seconds=0)
        assert seen.value("oxen.video.in_flight") == 1
        await studio.get(made.generation_id, wait_seconds=30)
        await studio.get(made.generation_id)  # looked at again: not counted again
    assert seen.value("oxen.video.requests", outcome="accepted") == 1
    assert seen.value("oxen.video.spend") == pytest.approx(float(hub.ledger()["charged"]))
    assert seen.value("oxen.video.in_flight") == 0
    [took] = seen.points("oxen.video.time_to_result").values()
    assert (took.count, took.attributes["status"]) == (1, "succeeded")


async def test_a_repeated_request_is_not_counted_again(seen: Seen, studio: AsyncStudio) -> None:
    async with studio:
        for _ in range(3):
            await studio.generate(**REQUEST, take=1)
    assert seen.value("oxen.video.requests", outcome="accepted") == 1


async def test_a_refusal_costs_nothing(seen: Seen, studio: AsyncStudio, hub: Sandbox) -> None:
    hub.faults.add("insufficient_credits")
    async with studio:
        with pytest.raises(OxenError):
            await studio.generate(**REQUEST)
    assert seen.value("oxen.video.requests", outcome="refused") == 1
    assert seen.value("oxen.video.spend") == 0
    assert seen.value("oxen.video.in_flight") == 0


async def test_an_unclear_request_is_seen_until_it_is_found(seen: Seen, studio: AsyncStudio, hub: Sandbox) -> None:
    hub.faults.add("drop_answer/enqueue")
    async with studio:
        video = await studio.generate(**REQUEST, take=1)
    assert video.status == "succeeded"
    assert seen.value("oxen.video.requests", outcome="unclear") == 1
    assert seen.value("oxen.video.requests", outcome="accepted") == 1
    assert seen.value("oxen.video.unclear") == 0
    assert seen.value("oxen.video.in_flight") == 0
    assert seen.value("oxen.video.spend") == pytest.approx(float(hub.ledger()["charged"]))


async def test_nothing_tells_a_prompt_or_an_id(seen: Seen, studio: AsyncStudio) -> None:
    async with studio:
        await studio.generate(**REQUEST)
    names = ("spend", "requests", "in_flight", "time_to_result")
    points = [attributes for one in names for attributes in seen.points(f"oxen.video.{one}")]
    told = {name for attributes in points for name, _ in attributes}
    assert told == {"model", "outcome", "status"}


def test_without_opentelemetry_nothing_is_loaded_and_nothing_is_missing(hub: Sandbox, tmp_path: Path) -> None:
    code = f"""
import sys
class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from oxen_video_tools import Studio
with Studio(base_url={hub.base_url!r}, api_key={hub.api_key!r}, ledger="memory:") as studio:
    assert studio.generate(**{REQUEST!r}).status == "succeeded"
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


def test_the_page_for_operators_shows_the_instruments_that_there_are(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs/guides/metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(oxen\.video\.\w+)` \| ([\w -]+?) \| (\w+) \| ([^|]+) \|", page, re.M)
    told = {name: (kind, unit, set(re.findall(r"`(\w+)`", attributes))) for name, kind, unit, attributes in rows}
    made: dict[str, tuple[str, str]] = {}

    class Noted:
        """A meter that notes what it is asked for."""

        def __getattr__(self, create: str) -> Any:
            kind = create.removeprefix("create_").replace("up_down_counter", "up-down counter")
            return lambda name, *, unit, **_: made.setdefault(name, (kind, unit))

    instruments = metrics._Instruments()
    instruments.__dict__["meter"] = Noted()
    for name in ("spend", "requests", "in_flight", "unclear", "time_to_result"):
        getattr(instruments, name)
    assert {name: (kind, unit) for name, (kind, unit, _) in told.items()} == made
    assert told["oxen.video.time_to_result"][2] == {"model", "status"}
    assert told["oxen.video.requests"][2] == {"model", "outcome"}
