"""What a type checker sees of the public API: never run, only checked. `assert_type` holds each promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, assert_type

from langchain_core.tools import BaseTool
from mcp.server import MCPServer

import oxen_video_tools
from oxen_video_tools import AsyncStudio, OxenError, Settings, Shot, Studio, VideoRequest
from oxen_video_tools.hub import Answer, Completion, Generation, HistoryPage, HubClient, ResultVideo, VideoModel
from oxen_video_tools.langchain import GenerateVideo, OxenVideoToolkit
from oxen_video_tools.mcp import build_server
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import Progress, Question, Saved, Spend, Video
from oxen_video_tools.studio.plan import Plan, PlannedJob
from oxen_video_tools.studio.sync import StudioVideo


def plain_python() -> None:
    with Studio() as studio:
        assert_type(studio, Studio)
        plan = studio.plan(prompt="A red balloon rises", duration=5)
        assert_type(plan, Plan)
        assert_type(plan.price.usd, Decimal | None)
        assert_type(plan.problems, tuple[str, ...])
        assert_type(plan.warnings, tuple[str, ...])
        assert_type(plan.jobs, tuple[PlannedJob, ...])
        assert_type(plan.ok, bool)

        video = studio.generate(prompt="A red balloon rises", duration=5, on_progress=print)
        assert_type(video, StudioVideo)
        assert_type(video.url, str | None)
        assert_type(video.generation_id, str)
        assert_type(video.status, Literal["queued", "processing", "succeeded", "failed", "cancelled"])
        assert_type(video.cost_usd, Decimal | None)
        assert_type(video.is_terminal, bool)
        assert_type(video.save("balloon.mp4"), Path)


def heard(progress: Progress) -> None:
    assert_type(progress.fraction, float)
    assert_type(progress.text, str)


def every_verb(studio: Studio, request: VideoRequest) -> None:
    assert_type(studio.question(request), Question | None)
    studio.generate(request, take=1, max_cost_usd=Decimal("2.00"), wait_seconds=900, on_progress=heard)
    assert_type(studio.spend(), Spend)
    assert_type(studio.save(["a", Path("b.mp4")], filename="film.mp4", transition="fade"), Saved)


async def in_async_code() -> None:
    async with AsyncStudio(sandbox=True) as studio:
        assert_type(studio, AsyncStudio)
        assert_type(studio.settings, Settings)
        video = await studio.generate(multi_prompt=[Shot(prompt="Wide shot", duration=5), Shot(prompt="Close-up")])
        assert_type(video, Video)
        assert_type(await studio.get("id", wait_seconds=10), Video)
        assert_type(await studio.get_many(["a", "b"]), list[Video])
        assert_type(await studio.list(status="succeeded", limit=5), list[Video])
        assert_type(await studio.cancel("id"), Video)
        assert_type(await studio.save(video.generation_id), Saved)
        assert_type(await studio.spend(), Spend)
        assert_type(await studio.plan(VideoRequest(prompt="a fox")), Plan)
        assert_type(await studio.pause(), None)
    async with AsyncStudio.open() as opened:
        assert_type(opened, AsyncStudio)


async def the_raw_api() -> None:
    async with HubClient(api_key="…", base_url="https://hub.oxen.ai") as hub:
        assert_type(hub, HubClient)
        assert_type(await hub.enqueue({"model": "m", "prompt": "p"}), list[Generation])
        answer = await hub.generate({"model": "m", "prompt": "p"})
        assert_type(answer, Answer)
        assert_type(answer.videos, tuple[ResultVideo, ...])
        job = await hub.get("id")
        assert_type(job, Generation)
        assert_type(job.is_terminal, bool)
        assert_type(job.enqueued_at, float | None)
        assert_type(job.parameters, Mapping[str, Any])
        listed: list[Generation] = await hub.list(status="succeeded")
        assert_type(listed[0], Generation)
        assert_type(await hub.models(), list[VideoModel])
        assert_type(await hub.search("kling"), list[VideoModel])
        assert_type(await hub.model("m"), VideoModel)
        page = await hub.history(page=1)
        assert_type(page, HistoryPage)
        assert_type(page.total_cost, Decimal | None)
        assert_type(await hub.download("https://…", Path("clip.mp4")), Path)
        assert_type(await hub.upload(Path("face.png")), str)
        async for event in hub.events():
            assert_type(event, Completion)


def windows() -> None:
    assert_type(OxenVideoToolkit(sandbox=True).get_tools(), list[BaseTool])
    tool: BaseTool = GenerateVideo()
    assert_type(tool.name, str)
    server: MCPServer[Any] = build_server()
    assert_type(server.name, str)


def errors(studio: Studio) -> None:
    try:
        studio.generate(prompt="a fox")
    except OxenError as error:
        assert_type(error.kind, str)
        assert_type(error.message, str)
        assert_type(error.charged, Literal["no", "yes", "unknown"])
        assert_type(error.retry_after, float | None)
        assert_type(error.status_code, int | None)
        assert_type(error.answer(), dict[str, Any])


def a_sandbox() -> None:
    with Sandbox(speed="instant") as hub:
        assert_type(hub, Sandbox)
        assert_type(hub.base_url, str)
        assert_type(hub.api_key, str)
        assert_type(hub.ledger(), dict[str, Any])


def names() -> Sequence[str]:
    return oxen_video_tools.__all__


# What must be refused: with --warn-unused-ignores each comment below is an error as soon as its line is accepted.


def refused(studio: Studio, video: Video) -> None:
    studio.generate(prompt="a fox", take="1")  # type: ignore[arg-type]  # a take is a number
    studio.generate(prompt="a fox", wait_seconds="45")  # type: ignore[arg-type]  # seconds are a number
    studio.genrate(prompt="a fox")  # type: ignore[attr-defined]  # no such verb
    Settings(route="fax")  # type: ignore[arg-type]  # the queue, or sync
    video.status = "succeeded"  # type: ignore[misc]  # answers are frozen
    Sandbox(speed="fast")  # type: ignore[arg-type]  # instant, real, or a number
