"""Local media that a model would refuse: said while it is free to say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.media.measure import Measures, measure
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.studio.misfits import with_misfits

from .clips import clip

MODEL = "happyhorse-1.0-i2v"  # an image of 300 pixels or more on each side, no longer than 5:2


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64) as hub:
        yield hub


def picture(path: Path, width: int, height: int) -> str:
    Image.new("RGB", (width, height), (200, 40, 40)).save(path)
    return str(path)


def studio_at(hub: Sandbox, tmp_path: Path) -> AsyncStudio:
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    return AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=tmp_path)


async def test_an_image_against_the_live_schema_is_refused_before_anything_is_sent(
    hub: Sandbox, tmp_path: Path
) -> None:
    small = picture(tmp_path / "small.png", 900, 120)
    async with studio_at(hub, tmp_path) as studio:
        words = {"model": MODEL, "prompt": "It turns", "start_image": small}
        plan = await studio.plan(**words)
        with pytest.raises(InvalidRequest) as refused:
            await studio.generate(**words)
    assert len(plan.problems) == 2 and "small.png: 120 pixels: at least 300 pixels" in plan.problems[0]
    assert "900x120" in plan.problems[1] and tuple(refused.value.problems) == plan.problems
    assert hub.ledger()["generations"] == []


async def test_what_fits_is_not_spoken_of(hub: Sandbox, tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png", 1280, 720)
    async with studio_at(hub, tmp_path) as studio:
        plan = await studio.plan(model=MODEL, prompt="It turns", start_image=good)
    assert plan.ok and not [warning for warning in plan.warnings if "good.png" in warning]


async def test_what_only_a_page_says_is_a_warning(hub: Sandbox, tmp_path: Path) -> None:
    small = picture(tmp_path / "small.png", 900, 120)
    async with studio_at(hub, tmp_path) as studio:
        plan = await studio.plan(model=MODEL, prompt="It turns", start_image=small)
    [job] = plan.jobs
    said = replace(job, media=tuple(replace(place, certain=False) for place in job.media))
    held = await with_misfits(replace(plan, jobs=(said,), problems=(), warnings=()), Settings(), "anywhere")
    assert held.ok and len(held.warnings) == 2 and "at least 300 pixels" in held.warnings[0]


async def test_files_that_may_not_be_read_are_not_measured(hub: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = picture(tmp_path / "elsewhere" / "secret.png", 900, 120)
    ledger, inside = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "videos"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=inside) as studio:
        for files in ("roots", "nowhere"):
            plan = await studio.plan(model=MODEL, prompt="It turns", start_image=secret, files=files)
            assert plan.ok and not [warning for warning in plan.warnings if "pixels" in warning]


def test_measures(tmp_path: Path) -> None:
    upright = Image.new("RGB", (40, 20))
    turned = Image.Exif()
    turned[0x0112] = 6
    upright.save(tmp_path / "turned.jpg", exif=turned)
    found = measure(tmp_path / "turned.jpg")
    assert (found.width, found.height, found.seconds) == (20, 40, None)
    found = measure(clip(tmp_path / "clip.mp4", seconds=1.0))
    assert (found.width, found.height, found.fps) == (320, 180, 24.0) and found.seconds == pytest.approx(1.0, abs=0.1)
    assert found.size == (tmp_path / "clip.mp4").stat().st_size


def test_without_the_extra_only_the_size_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(picture(tmp_path / "small.png", 900, 120))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    assert measure(path) == Measures(path.stat().st_size)
