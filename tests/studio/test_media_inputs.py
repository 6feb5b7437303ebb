"""Local media that a model would refuse: said while it is free to say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from oxen_video_tools.media.probe import Measures, measure
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from tests.media.clips import clip

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


async def test_a_plan_and_the_paid_call_warn_of_an_image_that_does_not_fit(hub: Sandbox, tmp_path: Path) -> None:
    small = picture(tmp_path / "small.png", 900, 120)
    async with studio_at(hub, tmp_path) as studio:
        words = {"model": MODEL, "prompt": "It turns", "start_image": small}
        plan = await studio.plan(**words)
        video = await studio.generate(**words)
    said = [warning for warning in plan.warnings if "small.png" in warning]
    assert len(said) == 2 and "120 pixels: at least 300 pixels" in said[0] and "900x120" in said[1]
    assert plan.ok, "prose on a page stops nobody"
    assert set(said) <= set(video.warnings)


async def test_what_fits_is_not_spoken_of(hub: Sandbox, tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png", 1280, 720)
    async with studio_at(hub, tmp_path) as studio:
        plan = await studio.plan(model=MODEL, prompt="It turns", start_image=good)
    assert plan.ok and not [warning for warning in plan.warnings if "good.png" in warning]


async def test_files_that_may_not_be_read_are_not_measured(hub: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = picture(tmp_path / "elsewhere" / "secret.png", 900, 120)
    ledger, inside = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "videos"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=inside) as studio:
        for files in ("roots", "nowhere"):
            plan = await studio.plan(model=MODEL, prompt="It turns", start_image=secret, files=files)
            assert not [said for said in (*plan.warnings, *plan.problems) if "pixels" in said]


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


@pytest.mark.parametrize(("files", "why"), [("roots", "lies outside the folders"), ("nowhere", "your own machine")])
async def test_a_plan_says_which_file_the_paid_call_would_refuse(
    hub: Sandbox, tmp_path: Path, files: Any, why: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = picture(tmp_path / "elsewhere" / "secret.png", 1280, 720)
    ledger, inside = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "videos"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=inside) as studio:
        plan = await studio.plan(model=MODEL, prompt="It turns", start_image=secret, files=files)
        missing = await studio.plan(model=MODEL, prompt="It turns", start_image=str(tmp_path / "none.png"))
    assert not plan.ok and why in plan.problems[0]
    assert not missing.ok and "none.png can't be read" in missing.problems[0]
