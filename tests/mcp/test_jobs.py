"""Jobs that users give an agent, done through the MCP server with the calls and the payments counted."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from PIL import Image

from oxen_video_tools.mcp import build_server
from oxen_video_tools.media.contact_sheet import frame_at, last_frame
from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.media.clips import clip

from .conftest import QUIET
from .serving import words

SRT = "1\n00:00:01,000 --> 00:00:03,000\nTokyo, at night.\n"
MODEL = "kling-video-v2-6-pro-text-to-video"
SHOTS = [
    "Wide shot: Tokyo at night in the rain, a detective crosses the street",
    "Medium shot: the detective under a red lamp, night, rain, Tokyo",
    "Close-up: his face, dark alley, night, rain, Tokyo",
    "Low angle: he climbs a fire escape, night, rain, Tokyo",
    "Over the shoulder: a letter in his hand, night, rain, Tokyo",
    "Wide shot: he walks away under neon signs, night, rain, Tokyo",
]
TRAILER: dict[str, Any] = {
    "model": MODEL,
    "multi_prompt": [{"prompt": prompt, "duration": 5} for prompt in SHOTS],
    "aspect_ratio": "16:9",
    "style": "film noir, 35 mm grain",
}


class Agent:
    """A client that counts its calls."""

    def __init__(self, client: Client, hub: Sandbox) -> None:
        self._client, self._hub = client, hub
        self.calls = 0

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        self.calls += 1
        result = await self._client.call_tool(tool, arguments)
        answer = words(result)
        assert not result.is_error, answer
        return answer

    @property
    def paid(self) -> int:
        return int(self._hub.ledger()["accepted"])

    async def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error of a call that fails."""
        self.calls += 1
        result = await self._client.call_tool(tool, arguments)
        assert result.is_error, words(result)
        return words(result)


@asynccontextmanager
async def new_agent(settings: Settings, hub: Sandbox) -> AsyncIterator[Agent]:
    server = build_server(settings=replace(settings, approve_above=None), options=QUIET)
    async with Client(server) as client:
        yield Agent(client, hub)


@asynccontextmanager
async def at_work(settings: Settings, hub: Sandbox) -> AsyncIterator[tuple[Agent, dict[str, Any]]]:
    """An agent that has done the second job: a trailer of six shots, one file. Its calls count from here."""
    async with new_agent(settings, hub) as agent:
        made = await agent("generate_video", **TRAILER, wait_seconds=45)
        while made["status"] in ("queued", "processing"):
            made = await agent("get_video", generation_ids=[made["generation_id"]], wait_seconds=45)
        assert made["status"] == "succeeded" and agent.paid == 6
        agent.calls = 0
        yield agent, made


async def test_a_vertical_video_with_sound_for_at_most_two_dollars(settings: Settings, hub: Sandbox) -> None:
    """A 5 second vertical video of a hummingbird at a red flower, with sound if possible, for at most 2 dollars."""
    async with new_agent(settings, hub) as agent:
        made = await agent(
            "generate_video",
            prompt="A hummingbird at a red flower",
            duration=5,
            aspect_ratio="9:16",
            generate_audio=True,
            max_cost_usd=2,
        )
        assert made["status"] == "succeeded" and made["url"] and made["expires_at"]
        assert (agent.calls, agent.paid) == (1, 1) and 0 < made["cost_usd"] <= 2
        [body] = [one["body"] for one in hub.ledger()["generations"]]
        assert body["aspect_ratio"] == "9:16" and body["generate_audio"] is True


async def test_a_dead_link_is_not_paid_for(settings: Settings, hub: Sandbox) -> None:
    """This picture (a dead link) as first frame, let the cat jump."""
    async with new_agent(settings, hub) as agent:
        wish = {"prompt": "The cat jumps", "start_image": f"{hub.base_url}/files/cat.png"}
        error = await agent.refused("generate_video", **wish)
        assert (error["error"], error["charged"]) == ("invalid_request", "no") and "404" in error["message"]
        plan = await agent("plan_video", **wish)
        assert not plan["ok"] and plan["problems"] == [error["message"]], "the plan says what the paying call says"
        assert agent.paid == 0 and agent.calls <= 3


async def test_the_last_frame_of_a_video_begins_another(settings: Settings, hub: Sandbox) -> None:
    """Then: the last frame of the hummingbird video instead."""
    async with new_agent(settings, hub) as agent:
        bird = await agent("generate_video", prompt="A hummingbird at a red flower", model=MODEL, duration=5)
        agent.calls, wish = 0, {"prompt": "The cat jumps", "start_image": bird["generation_id"]}
        made = await agent("generate_video", **wish, wait_seconds=45)
        assert made["status"] == "succeeded" and (agent.calls, agent.paid) == (1, 2)
        assert any("the last frame" in one and bird["generation_id"] in one for one in made["warnings"])
        sent = picture_sent(hub)
        file = await agent("save_video", videos=[bird["generation_id"]])
        assert sent == last_frame(file["file"]), "what the plan says is what is sent"

        again = await agent("generate_video", **wish, wait_seconds=45)
        assert again["generation_id"] == made["generation_id"] and agent.paid == 2
        named = wish | {"start_image": bird["generation_id"] + "#t=1.5"}
        plan = await agent("plan_video", **named)
        assert plan["ok"] and any("the frame at 1.5 s" in one for one in plan["warnings"]) and agent.paid == 2
        for _ in range(2):
            other = await agent("generate_video", **named, wait_seconds=45)
        assert other["generation_id"] != made["generation_id"] and agent.paid == 3
        assert picture_sent(hub) == frame_at(file["file"], 1.5)
        linked = await agent("generate_video", prompt="The cat sleeps", start_image=bird["url"], wait_seconds=45)
        assert linked["status"] == "succeeded" and picture_sent(hub) == sent, "a link to a video says the same"


async def test_a_frame_that_is_not_there_is_not_paid_for(settings: Settings, hub: Sandbox) -> None:
    async with new_agent(settings, hub) as agent:
        bird = (await agent("generate_video", prompt="A bird", model=MODEL, duration=5))["generation_id"]
        wish = {"prompt": "The cat jumps", "start_image": f"{bird}#t=99"}
        late = await agent.refused("generate_video", **wish)
        assert late["error"] == "invalid_request" and "#t=99 is past the end" in late["message"]
        plan = await agent("plan_video", **wish)
        assert not plan["ok"] and plan["problems"] == [late["message"]], "the plan says what the paying call says"
        part = await agent.refused("plan_video", prompt="The cat jumps", start_image=f"{bird}#t=1,2")
        assert part["error"] == "invalid_request" and "#t=1" in part["fix"] and agent.paid == 1


async def test_a_part_of_a_video_is_upscaled(settings: Settings, hub: Sandbox) -> None:
    """Upscale the first two seconds of the hummingbird video to 4K."""
    async with new_agent(settings, hub) as agent:
        bird = await agent("generate_video", prompt="A hummingbird at a red flower", model=MODEL, duration=5)
        wish = {"prompt": "Upscale this to 4K", "input_video": bird["generation_id"] + "#t=0,2"}
        agent.calls = 0
        made = await agent("generate_video", **wish, max_cost_usd=0.5, wait_seconds=45)
        assert made["status"] == "succeeded" and (agent.calls, agent.paid) == (1, 2)
        assert made["cost_usd"] == pytest.approx(0.38), "two seconds are paid, not five"
        saved = await agent("save_video", videos=[made["generation_id"]])
        assert probe(Path(saved["file"])).duration == pytest.approx(2, abs=0.1)
        again = await agent("generate_video", **wish, wait_seconds=45)
        assert again["generation_id"] == made["generation_id"] and agent.paid == 2


async def test_a_frame_of_a_video_shows_who_is_meant(settings: Settings, hub: Sandbox) -> None:
    """The same detective's face in a new 10 second video where he walks into a bar: he is seen in a video."""
    async with new_agent(settings, hub) as agent:
        seen = await agent("generate_video", prompt="A detective in the rain", model=MODEL, duration=5)
        cast = [{"name": "Ken", "images": [seen["generation_id"]]}]
        agent.calls = 0
        bar = await agent("generate_video", prompt="Ken walks into a bar", cast=cast, duration=10, wait_seconds=45)
        assert bar["status"] == "succeeded" and (agent.calls, agent.paid) == (1, 2)
        assert bar["cast"][0]["held_by"] != "words" and any("the middle frame" in one for one in bar["warnings"])
        file = await agent("save_video", videos=[seen["generation_id"]])
        assert picture_sent(hub) == frame_at(file["file"])


def picture_sent(hub: Sandbox) -> bytes:
    """The picture that the last job was given, as its model's server reads it."""
    body = json.dumps(hub.ledger()["generations"][-1]["body"])
    [link] = set(re.findall(r'"(http[^"]+)"', body))
    return httpx.get(link).content


async def test_the_best_model_for_a_talking_head(settings: Settings, hub: Sandbox) -> None:
    """The best model for a talking head from my audio file, and what do 8 seconds cost?"""
    async with new_agent(settings, hub) as agent:
        found = await agent("find_video_models", query="talking head", needs=["lip_sync"])
        assert agent.calls == 1 and "/s" in found["models"][0]
        named = {line.split()[0].rstrip(":,") for line in found["models"]}
        assert named & {"wan-v2-7-image-to-video", "ltx-2-3-quality-audio-to-video"}


async def test_an_upscale_under_a_limit_is_refused_before_it_is_paid(settings: Settings, hub: Sandbox) -> None:
    """Upscale the hummingbird video to 4K."""
    async with new_agent(settings, hub) as agent:
        bird = await agent("generate_video", prompt="A hummingbird at a red flower", model=MODEL, duration=5)
        agent.calls, paid = 0, agent.paid
        wish = {"prompt": "Upscale this to 4K", "input_video": bird["generation_id"]}
        error = await agent.refused("generate_video", **wish, max_cost_usd=0.1)
        assert (error["error"], error["charged"]) == ("over_budget", "no") and agent.paid == paid
        made = await agent("generate_video", **wish, max_cost_usd=2, wait_seconds=45)
        assert made["status"] == "succeeded" and agent.paid == paid + 1 and agent.calls <= 3
        assert "upscale" in made["model"] and made["cost_usd"] == pytest.approx(0.95)
        last = hub.ledger()["generations"][-1]["body"]
        assert last["target_resolution"] == "4k" and "prompt" not in last


async def test_a_price_that_nothing_bounds_is_refused_under_a_limit(settings: Settings, hub: Sandbox) -> None:
    async with new_agent(settings, hub) as agent:
        bird = await agent("generate_video", prompt="A hummingbird at a red flower", model=MODEL, duration=5)
        wish = {"prompt": "Cut out the bird", "input_video": bird["generation_id"]}  # of a model without a price
        error = await agent.refused("generate_video", **wish, max_cost_usd=100)
        assert error["error"] == "over_budget" and "can't be kept" in error["message"] and agent.paid == 1
        made = await agent("generate_video", **wish, wait_seconds=45)
        assert made["status"] == "succeeded" and any("Nothing bounds" in one for one in made["warnings"])


async def test_the_same_face_in_a_new_video(settings: Settings, hub: Sandbox) -> None:
    """The same detective's face in a new 10 second video where he walks into a bar."""
    cast = [{"name": "Ken", "look": "man of 50, grey trench coat, scar on his chin"}]
    async with new_agent(settings, hub) as agent:
        await agent("generate_video", prompt="Ken crosses a street in the rain", cast=cast, duration=5, wait_seconds=45)
        agent.calls, paid = 0, agent.paid
        bar = await agent("generate_video", prompt="Ken walks into a bar", cast=cast, duration=10, wait_seconds=45)
        assert bar["status"] == "succeeded" and (agent.calls, agent.paid) == (1, paid + 1), "the sheet is paid once"
        assert bar["cast"][0]["held_by"] != "words" and bar["cast"][0]["sheet"]


async def test_everything_that_runs_is_cancelled(settings: Settings, hub: Sandbox) -> None:
    """Cancel everything that is still running."""
    async with new_agent(settings, hub) as agent:
        done = await agent("generate_video", prompt="A finished one", model=MODEL, duration=5)
        hub.faults.add("stuck@*")
        single = await agent("generate_video", prompt="A fox", model=MODEL, duration=5, wait_seconds=0)
        film = await agent("generate_video", **TRAILER, wait_seconds=0)
        agent.calls = 0
        told = await agent("cancel_video", generation_ids=["all"])
        assert agent.calls == 1
        ended = {one["generation_id"]: one for one in told["videos"]}
        assert set(ended) == {single["generation_id"], film["generation_id"]}
        assert all((one["now"], one["charged_usd"]) == ("cancelled", 0) for one in ended.values())
        assert {one["status"] for one in hub.ledger()["generations"]} == {"succeeded", "cancelled"}
        again = await agent("cancel_video", generation_ids=[done["generation_id"], single["generation_id"]])
        assert [(one["was"], one["now"]) for one in again["videos"]] == [("succeeded",) * 2, ("cancelled",) * 2]
        assert "1 already finished; $0.35 was charged" in again["next"]


async def test_a_trailer_with_the_same_detective_previewed_before_it_is_paid(settings: Settings, hub: Sandbox) -> None:
    """A 30 second trailer, 6 shots, the same detective in all. A preview before you spend. Then one file."""
    cast = [{"name": "Ken", "look": "man of 50, grey trench coat, scar on his chin"}]
    shots = [{"prompt": prompt.replace("detective", "detective Ken"), "duration": 5} for prompt in SHOTS]
    wish = {"multi_prompt": shots, "cast": cast, "aspect_ratio": "16:9", "style": "film noir, 35 mm grain"}
    async with new_agent(settings, hub) as agent:
        plan = await agent("plan_video", **wish, animatic=True)
        assert plan["ok"] and Path(plan["preview"]).is_file() and agent.paid == 0
        assert plan["cast"][0]["held_by"] != "words" and len(plan["shown"]) == 6
        made = await agent("generate_video", **wish, max_cost_usd=plan["price_usd"], wait_seconds=45)
        if made["status"] != "succeeded":
            made = await agent("get_video", generation_ids=[made["generation_id"]], wait_seconds=45)
        assert made["status"] == "succeeded" and agent.calls <= 3 and made["url"].startswith("http")
        assert probe(Path(made["file"])).duration == pytest.approx(30, abs=0.5)


async def test_redo_one_shot_and_put_it_in_place(settings: Settings, hub: Sandbox) -> None:
    """Shot 3 is too dark: redo just that one with neon light. Don't pay for the others again."""
    async with at_work(settings, hub) as (agent, trailer):
        neon = [dict(shot) for shot in TRAILER["multi_prompt"]]
        neon[2]["prompt"] += ", lit by neon signs"
        plan = await agent("plan_video", **TRAILER | {"multi_prompt": neon})
        assert [clip.get("already", False) for clip in plan["clips"]] == [True, True, False, True, True, True]
        assert (plan["price_usd"], plan["total_usd"]) == (0.35, 2.1)
        assert not any("body" in clip for clip in plan["clips"]), "a plan for an agent is short"
        made = await agent(
            "generate_video", **TRAILER | {"multi_prompt": neon, "max_cost_usd": plan["price_usd"], "wait_seconds": 45}
        )
        assert made["status"] == "succeeded" and agent.paid == 7 and agent.calls <= 3
        assert made["generation_id"] != trailer["generation_id"]
        assert [shot.get("reused", False) for shot in made["shots"]] == [True, True, False, True, True, True]
        assert [(shot["from"], shot["to"]) for shot in made["shots"]] == [(5 * n, 5 * n + 5) for n in range(6)]
        assert probe(Path(made["file"])).duration == pytest.approx(30, abs=0.2)


async def test_or_another_take_of_it(settings: Settings, hub: Sandbox) -> None:
    async with at_work(settings, hub) as (agent, trailer):
        again = [dict(shot) for shot in TRAILER["multi_prompt"]]
        again[2]["take"] = 2
        made = await agent("generate_video", **TRAILER | {"multi_prompt": again, "wait_seconds": 45})
        assert made["status"] == "succeeded" and agent.paid == 7 and agent.calls == 1
        assert [shot["take"] for shot in made["shots"]] == [1, 1, 2, 1, 1, 1]
        assert made["shots"][0]["generation_id"] == trailer["shots"][0]["generation_id"]


async def test_the_same_in_another_shape_under_a_limit(settings: Settings, hub: Sandbox) -> None:
    """The trailer as 9:16 too, under 3 dollars in total."""
    async with at_work(settings, hub) as (agent, trailer):
        upright = {**TRAILER, "aspect_ratio": "9:16"}
        plan = await agent("plan_video", **upright)
        assert plan["ok"] and plan["price_usd"] == 2.1 and trailer["status"] == "succeeded"
        made = await agent("generate_video", **upright, max_cost_usd=3, wait_seconds=45)
        assert made["status"] == "succeeded" and agent.paid == 12 and agent.calls <= 3
        facts = probe(Path(made["file"]))
        assert facts.width is not None and facts.height is not None and facts.width < facts.height
        dear = await agent("plan_video", **upright, take=2)
        assert dear["price_usd"] == 2.1
        result = await agent._client.call_tool("generate_video", {**upright, "take": 2, "max_cost_usd": 0.5})
        assert words(result)["error"] == "over_budget" and agent.paid == 12


async def test_what_was_spent_today_and_fresh_links(settings: Settings, hub: Sandbox) -> None:
    """What have I spent today, which videos did I make? Fresh links for all."""
    async with at_work(settings, hub) as (agent, trailer):
        single = await agent("generate_video", prompt="A hummingbird at a red flower", model=MODEL, wait_seconds=45)
        agent.calls = 0
        told = await agent("list_videos", since="today")
        assert agent.calls == 1
        assert Decimal(str(told["total_usd"])) == Decimal("2.45")
        by_id = {one["generation_id"]: one for one in told["videos"]}
        assert set(by_id) == {trailer["generation_id"], single["generation_id"]}
        bird, film = by_id[single["generation_id"]], by_id[trailer["generation_id"]]
        assert (bird["kind"], bird["words"], bird["cost_usd"]) == ("video", "A hummingbird at a red flower", 0.35)
        assert (film["kind"], film["cost_usd"], film["file"]) == ("film", 2.1, trailer["file"])
        assert film["words"].startswith("Wide shot: Tokyo at night")
        assert all(one["link"].startswith("http") and one["expires_at"].endswith("Z") for one in (bird, film))
        many = await agent("get_video", generation_ids=list(by_id))
        assert [(one["cost_usd"], bool(one["url"])) for one in many["videos"]] == [
            (by_id[one["generation_id"]]["cost_usd"], True) for one in many["videos"]
        ]
        assert (await agent("list_videos", since="2999-01-01"))["videos"] == []


async def test_four_variations_to_choose_from(settings: Settings, hub: Sandbox) -> None:
    """4 variations of a logo reveal, 5 s; a contact sheet to choose from; save the second as acme.mp4."""
    async with new_agent(settings, hub) as agent:
        made = await agent(
            "generate_video", prompt="Logo reveal: a golden acorn", duration=5, num_generations=4, wait_seconds=45
        )
        ids = [made["generation_id"], *(one["generation_id"] for one in made["takes"])]
        assert made["status"] == "succeeded" and len(set(ids)) == 4
        seen = await agent("inspect_video", videos=ids)
        assert [one["video"] for one in seen["videos"]] == ids
        assert all(one["cuts"] == [] and one["duration"] == pytest.approx(5, abs=0.1) for one in seen["videos"])
        with Image.open(seen["sheet"]) as sheet:
            assert sheet.format == "JPEG" and sheet.width > 600 and sheet.height > 4 * 40
        assert Path(seen["sheet"]).stat().st_size <= 100_000
        saved = await agent("save_video", videos=[ids[1]], filename="acme.mp4")
        assert saved["status"] == "succeeded" and Path(saved["file"]).name == "acme.mp4" and agent.calls == 3


async def test_music_under_the_trailer_and_fades_between_its_shots(
    settings: Settings, hub: Sandbox, tmp_path: Path
) -> None:
    """Add music to the trailer and fade the shots into each other."""
    (tmp_path / "videos").mkdir()
    music = clip(tmp_path / "videos" / "song.mp4", 3.0, tone=660.0)
    async with at_work(settings, hub) as (agent, trailer):
        paid = agent.paid
        saved = await agent(
            "save_video",
            videos=[trailer["generation_id"]],
            music=str(music),
            transition="fade",
            fade_seconds=1,
            captions=SRT,
            filename="with-music.mp4",
        )
        if saved["status"] == "processing":  # the machine is slow: the id is waited for like any other
            saved = await agent("get_video", generation_ids=[saved["generation_id"]], wait_seconds=45)
        assert saved["status"] == "succeeded" and agent.calls <= 2 and agent.paid == paid
        facts = probe(Path(saved["file"]))
        assert facts.duration == pytest.approx(25, abs=0.3) and facts.has_audio
        seen = await agent("inspect_video", videos=[trailer["generation_id"]])
        assert seen["videos"][0]["cuts"] == pytest.approx([5, 10, 15, 20, 25], abs=0.3), "its own shots, alike or not"
        left = sorted(one.name for one in Path(saved["file"]).parent.iterdir() if one.name.startswith("."))
        assert not [name for name in left if ".part" in name]


async def test_a_join_that_outlasts_the_wait_ends_with_an_id_and_then_with_a_link(
    settings: Settings, hub: Sandbox
) -> None:
    """Give me the trailer without sound as a link, and don't keep me waiting."""
    async with at_work(settings, hub) as (agent, trailer):
        paid, wish = agent.paid, {"videos": [trailer["generation_id"]], "sound": "mute", "upload": True}
        late = await agent("save_video", **wish, wait_seconds=0)
        assert late["status"] == "processing" and late["generation_id"].startswith("save-")
        saved = late
        while saved["status"] == "processing":
            saved = await agent("get_video", generation_ids=[late["generation_id"]], wait_seconds=45)
        film = Path(saved["file"])
        assert not probe(film).has_audio and saved["expires_at"]
        async with httpx.AsyncClient() as client:
            assert (await client.get(saved["url"])).content == film.read_bytes()
        async with new_agent(settings, hub) as other:  # another process: the id is known there
            again = await other("get_video", generation_ids=[late["generation_id"]])
            assert again["file"] == saved["file"] and again["url"]
            film.unlink()
            gone = await other.refused("get_video", generation_ids=[late["generation_id"]])
            assert (gone["error"], gone["charged"]) == ("not_found", "no") and "same arguments" in gone["fix"]
        assert agent.paid == paid
