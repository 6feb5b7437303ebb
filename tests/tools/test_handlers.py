"""Each tool's handler, called without a window: what an agent reads, and what it is told to do next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import GenerationFailed, InvalidRequest, NeedsApproval
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.tools import TABLE, Call, Reply

MODEL = "kling-video-v2-6-pro-text-to-video"
FOX = {"prompt": "a fox in the snow", "duration": 5, "model": MODEL}
Use = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64) as running:
        yield running


@pytest.fixture
async def studio(hub: Sandbox, tmp_path: Path) -> AsyncIterator[AsyncStudio]:
    given: dict[str, Any] = {"ledger": "memory:", "output_dir": tmp_path, "namespaces": ("team",)}
    async with AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, **given) as opened:
        yield opened


@pytest.fixture
def use(studio: AsyncStudio) -> Use:
    async def call(name: str, **arguments: Any) -> dict[str, Any]:
        return (await reply(studio, name, **arguments)).structured

    return call


async def reply(studio: AsyncStudio, name: str, *, wait: float = 30, **arguments: Any) -> Reply:
    row = TABLE[name]
    return await row.run(studio, row.arguments.model_validate(arguments), Call(wait=wait, longest=60))


async def test_a_plan_with_and_without_its_preview(studio: AsyncStudio, use: Use) -> None:
    told = await use("plan_video", prompt="a fox", duration=5)
    assert told["ok"] and told["price_usd"] == 0.35 and "chosen" in told["why"] and not told.get("preview")
    drawn = await reply(studio, "plan_video", **FOX, animatic=True)
    assert Path(drawn.structured["preview"]).exists() and drawn.images[0][:2] == b"\xff\xd8"
    bad = await use("plan_video", **(FOX | {"duration": 7}))
    assert not bad["ok"] and "Correct" in bad["next"]


async def test_a_video_is_looked_for_in_every_way(use: Use) -> None:
    assert "Nothing is there" in (await use("list_videos"))["next"]
    made = await use("generate_video", prompt="a fox", duration=5)
    assert made["status"] == "succeeded" and made["why"]
    named = made["generation_id"]
    assert (await use("get_video", generation_ids=[named]))["url"].startswith("http")
    both = await use("get_video", generation_ids=[named, named])
    assert len(both["videos"]) == 2 and "save_video" in both["next"]
    [listed] = (await use("list_videos", status="succeeded"))["videos"]
    assert listed["generation_id"] == named and listed["created"].endswith("Z")
    assert "get_video" in (await use("list_videos"))["next"]
    stopped = await use("cancel_video", generation_ids=[named])
    [told] = stopped["videos"]
    assert (told["generation_id"], told["was"], told["now"]) == (named, "succeeded", "succeeded")
    assert stopped["next"].startswith("It was already finished; nothing was stopped; $0.35 was charged.")
    assert (await use("cancel_video", generation_ids=["all"]))["next"] == "Nothing was running."


async def test_what_runs_is_waited_for_by_its_id(tmp_path: Path) -> None:
    with Sandbox(picture_height=64, speed="real") as hub:
        async with AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:") as studio:
            begun = (await reply(studio, "generate_video", **FOX, wait_seconds=0)).structured
            other = (await reply(studio, "generate_video", **FOX, take=2, wait_seconds=0)).structured
            ids = [begun["generation_id"], other["generation_id"]]
            assert begun["status"] in ("queued", "processing") and ids[0] in begun["next"]
            both = (await reply(studio, "get_video", generation_ids=ids, wait_seconds=0)).structured
            assert all(one in both["next"] for one in ids)
            assert ids[0] in (await reply(studio, "list_videos")).structured["next"]
            stopped = (await reply(studio, "cancel_video", generation_ids=["all"])).structured
            by_id = {one["generation_id"]: one for one in stopped["videos"]}
            assert by_id.keys() == set(ids) and "2 stopped" in stopped["next"]
            assert all(one["was"] in ("queued", "processing") and one["now"] == "cancelled" for one in by_id.values())
            assert all(one["charged_usd"] == 0 for one in by_id.values())


async def test_a_failed_video_is_an_error_that_says_so(use: Use, hub: Sandbox) -> None:
    hub.faults.add("fail")
    with pytest.raises(GenerationFailed) as made:
        await use("generate_video", **FOX)
    with pytest.raises(GenerationFailed) as read:
        await use("get_video", generation_ids=[made.value.generation_id])
    assert read.value.message == made.value.message


async def test_models_as_lines_or_one_in_full(use: Use) -> None:
    found = await use("find_video_models", query="kling")
    assert len(found["models"]) <= 12 and all(len(line) <= 120 for line in found["models"])
    assert MODEL in (await use("find_video_models", model=MODEL))["next"]
    strange = await use("find_video_models", query="zzzzzz")
    assert strange["next"].startswith('No model is called or described as "zzzzzz".')
    assert len(strange["models"]) == 12, "words rank; they leave nobody out"
    assert "No model meets" in (await use("find_video_models", needs=["4k", "30 s"]))["next"]


async def test_inspect_shows_and_save_keeps(studio: AsyncStudio, use: Use, tmp_path: Path) -> None:
    named = (await use("generate_video", **FOX))["generation_id"]
    seen = await reply(studio, "inspect_video", videos=[named])
    [told] = seen.structured["videos"]
    assert told["duration"] == pytest.approx(5, abs=0.1) and told["cuts"] == [] and seen.images
    sheet = Path(seen.structured["sheet"])
    assert sheet.parent == tmp_path and sheet.read_bytes() == seen.images[0]
    assert Path((await use("save_video", videos=[named]))["file"]).parent == tmp_path


async def test_an_agent_spends_in_the_namespaces_that_were_named_to_it(use: Use, hub: Sandbox) -> None:
    with pytest.raises(InvalidRequest, match="not allowed") as refused:
        await use("generate_video", **FOX, target_namespace="somebody-else")
    assert "team" in (refused.value.fix or "") and hub.ledger()["accepted"] == 0


async def test_the_question_before_paying(hub: Sandbox) -> None:
    row = TABLE["generate_video"]
    asked = row.arguments.model_validate(FOX)
    limit: dict[str, Any] = {"ledger": "memory:", "approve_above": 0.1}
    async with AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, **limit) as studio:
        prepared = await row.prepare(studio, asked)
        question = prepared.question if prepared else None
        assert question is not None and "$0.35" in question.text
        with pytest.raises(NeedsApproval):
            await row.run(studio, asked, Call(wait=5, longest=5))
    assert hub.ledger()["accepted"] == 0


FILM = {
    "model": "kling-video-v2-6-pro-text-to-video",
    "multi_prompt": [{"prompt": f"Shot {number}: a fox", "duration": 5} for number in (1, 2)],
}


async def test_a_plan_says_where_a_films_link_comes_from(use: Use, hub: Sandbox, tmp_path: Path) -> None:
    assert "private playground repository" in (await use("plan_video", **FILM))["next"]
    assert "repository" not in (await use("plan_video", **FOX))["next"]
    settings: dict[str, Any] = {"base_url": hub.base_url, "api_key": "key", "ledger": "memory:", "upload": "never"}
    async with AsyncStudio(**settings) as studio:
        assert "repository" not in (await reply(studio, "plan_video", **FILM)).structured["next"]


async def test_agents_keep_films_only_where_they_may(hub: Sandbox, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"base_url": hub.base_url, "api_key": "key", "ledger": "memory:"}
    async with AsyncStudio(**settings, output_dir=tmp_path, repositories=("sandbox/films", "acme")) as studio:
        with pytest.raises(InvalidRequest, match="is not allowed here"):
            await reply(studio, "generate_video", **FOX, repository="sandbox/other")
        assert hub.ledger()["accepted"] == 0
        made = (await reply(studio, "generate_video", **FOX, repository="sandbox/films")).structured
        assert "/api/repos/sandbox/films/file/main/films/" in made["repository"]
    async with AsyncStudio(**settings) as studio:
        with pytest.raises(InvalidRequest, match="is not allowed here"):
            await reply(studio, "generate_video", **FOX, repository="sandbox/films")
