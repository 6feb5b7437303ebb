"""The tools through a real client, on every transport, for old clients and new."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema
import pytest
from mcp import Client, MCPError

from oxen_video_tools.mcp.server import INSTRUCTIONS
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.tools import TABLE

from .serving import words

Serve = Callable[..., Any]
eras = pytest.mark.parametrize("mode", ["auto", "legacy"])
SHOTS = [{"prompt": "Wide shot: a bird", "duration": 5}, {"prompt": "Tracking shot: clouds", "duration": 5}]


@eras
async def test_an_answer_is_text_and_valid_structured_content(serve: Serve, mode: str) -> None:
    async with Client(serve(), mode=mode) as client:
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        calls = {
            "plan_video": {"prompt": "a fox", "duration": 5},
            "generate_video": {"multi_prompt": SHOTS, "max_cost_usd": 9},
            "list_videos": {},
            "find_video_models": {"query": "kling"},
        }
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result
            assert words(result) == result.structured_content
            jsonschema.validate(result.structured_content, tools[name].output_schema)
        video = (await client.call_tool("list_videos", {})).structured_content["videos"][0]
        seen = await client.call_tool("get_video", {"generation_ids": [video["generation_id"]]})
        jsonschema.validate(seen.structured_content, tools["get_video"].output_schema)
        answer = httpx.get(seen.structured_content["url"])
        assert answer.status_code == 200 and answer.content[4:8] == b"ftyp"


@eras
async def test_the_list_says_what_each_tool_does_and_may_do(serve: Serve, mode: str) -> None:
    async with Client(serve(), mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert client.instructions == INSTRUCTIONS and len(INSTRUCTIONS) <= 600
    assert list(tools) == list(TABLE)
    for name, row in TABLE.items():
        hints = tools[name].annotations
        assert None not in hints.model_dump(exclude={"title"}).values()
        assert (hints.read_only_hint, hints.destructive_hint) == (row.read_only, row.destructive)
    assert not tools["generate_video"].annotations.read_only_hint
    assert tools["generate_video"].annotations.idempotent_hint
    assert tools["cancel_video"].annotations.destructive_hint
    assert tools["get_video"].annotations.read_only_hint
    assert tools["get_video"].meta["ui"]["resourceUri"] == "ui://oxen/player.html"
    seen = "".join(tool.model_dump_json(include={"name", "description", "input_schema"}) for tool in tools.values())
    whole = "".join(tool.model_dump_json(by_alias=True, exclude_none=True) for tool in tools.values())
    assert len(seen) <= 1_444 * len(TABLE) and len(whole) <= 3_111 * len(TABLE)


@eras
async def test_a_failure_is_marked_and_reads_as_our_json(serve: Serve, mode: str, hub: Sandbox) -> None:
    hub.faults.add("fail=The model's provider failed.")
    async with Client(serve(), mode=mode) as client:
        both = await client.call_tool("generate_video", {"prompt": "a", "multi_prompt": SHOTS})
        none = await client.call_tool("generate_video", {})
        lost = await client.call_tool("get_video", {"generation_ids": ["nothing"]})
        over = await client.call_tool("generate_video", {"prompt": "a", "max_cost_usd": 0})
        strange = await client.call_tool("generate_video", {"prompt": "a", "limit": 1})
        unknown = await client.call_tool("find_video_models", {"model": "kling-9"})
        nothing_sent = hub.ledger()["accepted"]
        broken = await client.call_tool("generate_video", {"prompt": "a fox"})
    failures = (both, none, lost, over, strange, unknown, broken)
    assert all(result.is_error and result.structured_content is None for result in failures)
    assert [words(result)["error"] for result in failures] == [
        *("invalid_request", "invalid_request", "not_found", "over_budget"),
        *("invalid_request", "model_not_found", "generation_failed"),
    ]
    assert "Cannot provide both 'prompt' and 'multi_prompt'." in words(both)["message"]
    assert "Either 'prompt' or 'multi_prompt' must be provided." in words(none)["message"]
    assert "provider failed" in words(broken)["message"] and words(broken)["generation_id"]
    assert nothing_sent == 0


@eras
async def test_the_same_call_again_is_the_same_video(serve: Serve, mode: str, hub: Sandbox) -> None:
    async with Client(serve(), mode=mode) as client:
        first = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
        again = words(await client.call_tool("generate_video", {"prompt": "a fox", "take": 1, "seed": 0}))
        other = words(await client.call_tool("generate_video", {"prompt": "a fox", "take": 2}))
    assert again["generation_id"] == first["generation_id"] != other["generation_id"]
    assert again["reused"] and "take=2" in again["next"] and "reused" not in first
    assert hub.ledger()["accepted"] == 2


@eras
async def test_a_client_that_hangs_up_does_not_lose_what_it_paid_for(serve: Serve, mode: str, hub: Sandbox) -> None:
    async with Client(serve(), mode=mode) as client:
        await client.call_tool("plan_video", {"prompt": "a fox"})  # what is opened at first use is open now
        hub.faults.add("late=0.6/enqueue")
        with pytest.raises(MCPError, match=re.compile("timed? ?out", re.I)):
            await client.call_tool("generate_video", {"prompt": "a fox"}, read_timeout_seconds=0.3)
        for _ in range(60):
            videos = words(await client.call_tool("list_videos", {}))["videos"]
            if videos:
                break
            await asyncio.sleep(0.05)
        again = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
    assert [video["generation_id"] for video in videos] == [again["generation_id"]]
    assert hub.ledger()["accepted"] == 1


@eras
async def test_a_wait_that_ran_out_is_a_success_with_the_next_call(serve: Serve, mode: str, hub: Sandbox) -> None:
    hub.faults.add("stuck")
    async with Client(serve(), mode=mode) as client:
        result = await client.call_tool("generate_video", {"prompt": "a fox", "wait_seconds": 0})
        answer = words(result)
        assert not result.is_error and answer["status"] in ("queued", "processing")
        assert answer["generation_id"] in answer["next"] and "get_video" in answer["next"]
        stopped = words(await client.call_tool("cancel_video", {"generation_ids": [answer["generation_id"]]}))
    assert [one["now"] for one in stopped["videos"]] == ["cancelled"]
