"""LangChain and MCP show the same tools: names, words, arguments, answers, failures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from mcp import Client
from mcp.server import MCPServer
from pydantic import BaseModel, ValidationError

from oxen_video_tools.langchain import GenerateVideo, OxenVideoToolkit
from oxen_video_tools.mcp import build_server
from oxen_video_tools.mcp.server import serving
from oxen_video_tools.mcp.tools import project_tools
from oxen_video_tools.settings import Settings
from oxen_video_tools.tools import TABLE, Call

from .conftest import QUIET
from .serving import words


@pytest.fixture
def toolkit(settings: Settings) -> Iterator[OxenVideoToolkit]:
    yield OxenVideoToolkit(settings=settings)


def server(settings: Settings) -> MCPServer[Any]:
    return build_server(settings=settings, options=QUIET)


@pytest.mark.parametrize("namespace", [None, "a-company"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_both_windows_show_the_same(settings: Settings, mode: str, namespace: str | None) -> None:
    settings = replace(settings, namespace=namespace)
    async with Client(server(settings), mode=mode) as client:
        shown = {tool.name: tool for tool in (await client.list_tools()).tools}
    projected = {tool.name: convert_to_openai_tool(tool) for tool in OxenVideoToolkit(settings=settings).get_tools()}
    assert list(shown) == list(projected) == list(TABLE)
    for name in TABLE:
        function = projected[name]["function"]
        assert shown[name].description == function["description"]
        assert shown[name].input_schema == function["parameters"], name
    assert ("target_namespace" in shown["generate_video"].input_schema["properties"]) is (namespace is None)


async def test_the_answer_is_the_same_in_both(settings: Settings, toolkit: OxenVideoToolkit) -> None:
    tools = {tool.name: tool for tool in toolkit.get_tools()}
    async with Client(server(settings)) as client:
        for name, arguments in (
            ("plan_video", {"prompt": "a fox", "duration": 5}),
            ("generate_video", {"prompt": "a fox", "duration": 5}),
            ("generate_video", {"prompt": "a fox", "duration": 5}),
            ("list_videos", {}),
            ("find_video_models", {"query": "kling"}),
        ):
            ours = await client.call_tool(name, arguments)
            call = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
            theirs = await tools[name].ainvoke(call)
            mine, its = words(ours), json.loads(theirs.content)
            # The second call is told that the video exists, and links are signed anew.
            for answer in (mine, its, *mine.get("videos", ()), *its.get("videos", ())):
                for fleeting in ("reused", "next", "url", "expires_at", "cost_is", "why"):
                    answer.pop(fleeting, None)
            assert mine == its, name


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"prompt": "a", "multi_prompt": [{"prompt": "b"}]},
        {"multi_prompt": [{"duration": 5}], "seed": "soon"},
        {"prompt": "a", "promt": "b"},
        {"prompt": "a", "max_cost_usd": 0},
        {"prompt": "a", "duration": 7, "model": "kling-video-v2-6-pro-text-to-video"},
    ],
)
async def test_a_bad_request_reads_the_same(
    settings: Settings, toolkit: OxenVideoToolkit, arguments: dict[str, Any]
) -> None:
    async with Client(server(settings)) as client:
        answer = await client.call_tool("generate_video", arguments)
    call = {"type": "tool_call", "id": "1", "name": "generate_video", "args": arguments}
    message = next(tool for tool in toolkit.get_tools() if tool.name == "generate_video").invoke(call)
    assert answer.is_error and message.status == "error"
    assert words(answer) == json.loads(message.content)


class Shape(BaseModel):
    number: int


def crash(error: type[Exception]) -> Any:
    async def handler(studio: Any, request: Any, call: Call) -> Any:
        if error is ValidationError:  # the hub answered something else than we read
            Shape.model_validate({"number": "sk-123"})
        raise error("sk-123")

    return handler


@pytest.mark.parametrize("error", [ZeroDivisionError, ValidationError])
@pytest.mark.parametrize("where", ["handler", "question"])
async def test_a_crash_reads_the_same_and_says_nothing(
    settings: Settings, error: type[Exception], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = crash(error)
    change = {"handler": broken} if where == "handler" else {"prepares": lambda *given: broken(*given)}
    row = dataclasses.replace(TABLE["generate_video"], **change)
    service = serving(settings=settings, options=QUIET)

    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        yield service
        await service.close()

    async with Client(MCPServer("x", tools=[project_tools(row)], lifespan=lifespan, log_level="CRITICAL")) as client:
        answer = await client.call_tool("generate_video", {"prompt": "a"})
    monkeypatch.setattr(GenerateVideo, "row", row)
    call = {"type": "tool_call", "id": "1", "name": "generate_video", "args": {"prompt": "a"}}
    message = await GenerateVideo(settings=settings).ainvoke(call)
    assert answer.is_error and message.status == "error"
    assert words(answer) == json.loads(message.content)
    assert words(answer)["error"] == "internal" and "sk-123" not in message.content


@pytest.mark.parametrize(
    "arguments",
    [
        {"multi_prompt": '[{"prompt": "wide"}]', "max_cost_usd": 9},
        {"prompt": '{"scene": "wide"}'},
        {"prompt": "[1]"},
        {"prompt": "a", "seed": None, "input_image": "", "duration": "5s", "model_parameters": '{"cfg_scale": 0.5}'},
    ],
)
async def test_what_models_send_is_understood(settings: Settings, arguments: dict[str, Any]) -> None:
    """A list may come as JSON text, a prompt that looks like JSON stays text, and null is "not given"."""
    async with Client(server(settings)) as client:
        answer = await client.call_tool("generate_video", arguments)
    assert not answer.is_error, words(answer)
