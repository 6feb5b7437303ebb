"""What an operator can see and forbid: the audit log, read-only mode, and a list of allowed tools."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import Result

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.mcp import build_server
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.tools import TABLE

from .conftest import QUIET
from .serving import bearer, client_with, over_http, words
from .test_tasks import CancelTask, Taking, TaskParams, state


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_calls_that_may_spend_are_written_down_before_and_after(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "audit" / "spend.jsonl"
    capped = replace(settings, budget=Decimal("0.50"))
    with over_http(capped, replace(QUIET, audit=file)) as address:
        async with client_with(address, headers=bearer("a-secret-key-of-alice")) as client:
            made = words(await client.call_tool("generate_video", {"prompt": "a most private fox"}))
            await client.call_tool("plan_video", {"prompt": "a hare"})
            await client.call_tool("get_video", {"generation_ids": [made["generation_id"]]})
            refused = words(await client.call_tool("generate_video", {"prompt": "another"}))
    asked, ok, again, error = lines(file)
    assert (asked["event"], ok["event"], again["event"], error["event"]) == ("asked", "ok", "asked", "error")
    assert ok["generation_id"] == made["generation_id"] and ok["model"] == made["model"]
    assert ok["cost_usd"] == pytest.approx(0.35) and ok["tool"] == "generate_video"
    assert (error["error"], error["charged"]) == (refused["error"], "no") == ("over_budget", "no")
    assert len({line["caller"] for line in lines(file)}) == 1 and asked["address"] == "127.0.0.1"
    text = file.read_text()
    for secret in ("a-secret-key", "private fox", "oxen_signature", "http"):
        assert secret not in text
    assert file.stat().st_mode & 0o077 == 0


async def test_nothing_is_spent_unseen(settings: Settings, hub: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "spend.jsonl"
    async with Client(build_server(settings=settings, options=replace(QUIET, audit=file))) as client:
        file.unlink()
        file.mkdir()  # it can't be written any more
        refused = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
        assert refused["charged"] == "no" and "audit" in refused["message"]
        assert not (await client.call_tool("list_videos", {})).is_error
    assert hub.ledger()["accepted"] == 0


def test_an_audit_log_that_can_not_be_written_is_named_at_the_start(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="audit"):
        build_server(settings=settings, options=replace(QUIET, audit=tmp_path))


async def test_read_only_shows_only_what_changes_nothing(settings: Settings, hub: Sandbox) -> None:
    readers = [name for name, row in TABLE.items() if row.read_only]
    assert "get_video" in readers and not {"generate_video", "cancel_video", "save_video"} & set(readers)
    async with Client(build_server(settings=settings, options=replace(QUIET, read_only=True))) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == readers
        try:
            assert (await client.call_tool("generate_video", {"prompt": "a"})).is_error
        except MCPError as error:
            assert "generate_video" in error.message
    assert hub.ledger()["accepted"] == 0


async def test_only_tools_that_are_allowed_are_there(settings: Settings) -> None:
    options = replace(QUIET, tools=("list_videos", "plan_video"))
    async with Client(build_server(settings=settings, options=options)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"plan_video", "list_videos"}


@pytest.mark.parametrize("changes", [{"read_only": True}, {"tools": ("generate_video",)}])
async def test_a_task_is_not_cancelled_where_videos_are_not(settings: Settings, hub: Sandbox, changes: Any) -> None:
    hub.faults.add("stuck")
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        made = words(await client.call_tool("generate_video", {"prompt": "a", "wait_seconds": 0}))
    restricted = build_server(settings=settings, options=replace(QUIET, **changes))
    async with Client(restricted, extensions=[Taking()]) as client:
        cancel = CancelTask(params=TaskParams(taskId=made["generation_id"]))
        with pytest.raises(MCPError, match="cancels nothing"):
            await client.session.send_request(cancel, Result)
        assert (await state(client, made["generation_id"])).status == "working"


def test_a_tool_that_there_is_not_is_named() -> None:
    with pytest.raises(InvalidRequest, match="make_coffee") as refused:
        ServerSettings.read({"OXEN_VIDEO_MCP_TOOLS": "plan_video,make_coffee"})
    assert "OXEN_VIDEO_MCP_TOOLS" in refused.value.message and "generate_video" in refused.value.message
