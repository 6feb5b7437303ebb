"""A film from words to one file: what is sent, what is paid, what is answered. The sandbox's ledger is the judge."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from oxen_video_tools.media.contact_sheet import last_frame
from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.results import Progress
from tests.studio.films.conftest import Open, Start
from tests.studio.films.made import CHAINED, SIDE_BY_SIDE, accepted, film, prompts
from tests.studio.swift import Swift


async def test_three_shots_become_one_file(hub: Sandbox, opened: Open, tmp_path: Path) -> None:
    video = await opened().generate(**film(), take=1)
    assert (video.status, video.reused, video.error) == ("succeeded", False, None) and video.url
    assert video.generation_id.startswith("film-")
    assert (video.model, video.duration) == (SIDE_BY_SIDE, pytest.approx(15, abs=0.1))
    assert video.file is not None and video.file.parent == tmp_path / "videos"
    assert probe(video.file).duration == pytest.approx(15, abs=0.1)
    assert [shot.status for shot in video.shots] == ["succeeded"] * 3
    assert all(shot.url for shot in video.shots)
    assert (video.cost_usd, sorted(prompts(hub, "succeeded"))) == (Decimal("1.05"), [1, 2, 3])
    assert [path.name for path in (tmp_path / "videos").iterdir()] == [video.file.name], "nothing is left lying about"


async def test_side_by_side_is_submitted_at_once(sandbox: Start, opened: Open) -> None:
    slow = sandbox(speed="real")
    studio = opened(base_url=slow.base_url, clock=Swift())
    video = await studio.generate(**film(), take=1, wait_seconds=0)
    while len(prompts(slow)) < 3:
        await asyncio.sleep(0.02)
    assert (await studio.get(video.generation_id)).status == "processing"
    assert sorted(prompts(slow)) == [1, 2, 3]
    assert all(one["status"] in ("queued", "processing") for one in accepted(slow))


async def test_the_wait_running_out_is_an_answer_with_the_films_id(sandbox: Start, opened: Open) -> None:
    slow = sandbox(speed="real")
    studio = opened(base_url=slow.base_url)
    video = await studio.generate(**film(), take=1, wait_seconds=0)
    assert not video.is_terminal
    assert (len(video.shots), video.cost_usd, video.cost_is) == (3, Decimal("1.05"), "estimate")
    again = await studio.get(video.generation_id)
    assert again.generation_id == video.generation_id and not again.is_terminal


async def test_chained_each_shot_begins_with_the_last_frame_of_the_one_before(
    hub: Sandbox, opened: Open, tmp_path: Path
) -> None:
    start = tmp_path / "start.png"
    Image.new("RGB", (320, 180), "navy").save(start)
    video = await opened().generate(**film(CHAINED), start_image=str(start), take=1)
    assert video.status == "succeeded"
    first, *others = accepted(hub)
    assert [one["body"]["prompt"][5] for one in (first, *others)] == ["1", "2", "3"]
    begins = await _picture(first["body"]["input_image"])
    assert begins.shape == (180, 320, 3)
    before = video.shots[0]
    for shot, one in zip(video.shots[1:], others, strict=True):
        ends = await _last_frame(before.url or "", tmp_path / f"{before.generation_id}.mp4")
        assert np.array_equal(await _picture(one["body"]["input_image"]), ends)
        before = shot


async def _picture(url: str) -> np.ndarray:
    """What the hub's model sees at this link."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = (await client.get(url)).raise_for_status()
    return np.asarray(Image.open(BytesIO(answer.content)).convert("RGB"))


async def _last_frame(url: str, path: Path) -> np.ndarray:
    async with httpx.AsyncClient(trust_env=False) as client:
        path.write_bytes((await client.get(url)).raise_for_status().content)
    return np.asarray(Image.open(BytesIO(await asyncio.to_thread(last_frame, path))).convert("RGB"))


async def test_chained_shots_are_paid_one_after_the_other(sandbox: Start, opened: Open) -> None:
    slow = sandbox(speed="real")
    studio = opened(base_url=slow.base_url, clock=Swift())
    video = await studio.generate(**film(CHAINED), take=1, wait_seconds=0)
    while not prompts(slow):
        await asyncio.sleep(0.02)
    await studio.get(video.generation_id, wait_seconds=0.5)
    assert prompts(slow) == [1]


async def test_the_same_picture_is_uploaded_once(hub: Sandbox, opened: Open, tmp_path: Path) -> None:
    face = tmp_path / "face.png"
    Image.new("RGB", (320, 180), "teal").save(face)
    await opened().generate(**film("happyhorse-1.0-r2v"), input_image=[str(face)], take=1)
    sent = hub.ledger()["requests"]
    assert sum(count for call, count in sent.items() if "workbench/context" in call) == 2  # it, and the film
    assert all(one["body"]["reference_images"][0].startswith("http") for one in accepted(hub))


async def test_progress_is_told_for_each_shot_and_only_rises(opened: Open) -> None:
    told: list[Progress] = []
    video = await opened().generate(**film(), take=1, on_progress=told.append)
    assert {one.shot for one in told} >= {1, 2, 3}
    assert all(one.shots == 3 and one.generation_id == video.generation_id for one in told)
    assert told[0].text.startswith("shot ") and "/3 " in told[0].text
    fractions = [one.fraction for one in told]
    assert all(before < after for before, after in pairwise(fractions))
    assert (told[-1].status, fractions[-1]) == ("succeeded", 1.0)


async def test_a_report_that_raises_ends_the_callers_wait_and_not_the_film(sandbox: Start, opened: Open) -> None:
    def broken(_: Progress) -> None:
        raise RuntimeError("the window is closed")

    hub = sandbox(speed=100.0)
    studio = opened(base_url=hub.base_url)
    with pytest.raises(RuntimeError, match="the window is closed"):
        await studio.generate(**film(), take=1, on_progress=broken)
    video = await studio.generate(**film(), take=1)
    assert (video.status, video.reused, len(accepted(hub))) == ("succeeded", True, 3)


async def test_the_blocking_route_makes_films_too(hub: Sandbox, opened: Open) -> None:
    video = await opened(route="sync").generate(**film(), take=1)
    assert video.status == "succeeded"
    assert video.file is not None and probe(video.file).duration == pytest.approx(15, abs=0.1)
    assert sorted(prompts(hub, "succeeded")) == [1, 2, 3]


async def test_a_model_that_takes_several_shots_gets_them_in_one_job(hub: Sandbox, opened: Open) -> None:
    video = await opened().generate(**film("kling-video-o3-pro-reference-to-video"), take=1)
    assert (video.status, video.shots, len(accepted(hub))) == ("succeeded", (), 1)


async def test_longer_than_a_model_that_takes_shots_allows(hub: Sandbox, opened: Open) -> None:
    told: list[Progress] = []
    words = film("kling-video-o3-pro-reference-to-video", shots=4)
    video = await opened().generate(**words, take=1, on_progress=told.append)
    assert video.status == "succeeded"
    assert {one.shots for one in told} == {4} and {one.shot for one in told if one.shot} <= {1, 2, 3, 4}
    assert len({one.shot for one in told if one.shot}) == 2, "a person hears of shots, not of clips"
    assert video.file is not None and probe(video.file).duration == pytest.approx(20, abs=0.2)
    assert sum(len(one["body"]["multi_prompt"]) for one in accepted(hub)) == 4
    assert len(accepted(hub)) == 2 and len({shot.generation_id for shot in video.shots}) == 2
    times = [(shot.shot, shot.start, shot.end) for shot in video.shots]
    assert times == [(1, 0, 5), (2, 5, 10), (3, 10, 15), (4, 15, 20)]
