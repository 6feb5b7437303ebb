"""What clients are known to do to arguments and schemas, and that nothing breaks or is paid twice by it."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client

from oxen_video_tools.mcp import build_server
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import QUIET
from .serving import words

#: What the MCP Client Tool of n8n has sent among the arguments.
N8N = {
    "toolCallId": "call_1",
    "tool": "generate_video",
    "sessionId": "1",
    "action": "sendMessage",
    "chatInput": "a fox",
}
VIDEO = {"prompt": "A red fox runs through deep snow", "duration": 5, "wait_seconds": 0}


async def test_the_fields_that_n8n_adds_change_nothing(settings: Settings, hub: Sandbox) -> None:
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        plain = words(await client.call_tool("generate_video", VIDEO))
        for call in ("call_1", "call_2"):
            again = await client.call_tool("generate_video", VIDEO | N8N | {"toolCallId": call})
            assert not again.is_error, again.content
            assert words(again)["generation_id"] == plain["generation_id"]
    assert hub.ledger()["accepted"] == 1


@pytest.mark.parametrize(
    ("tool", "call", "added"),
    [
        ("generate_video", VIDEO, {"wait_for_previous": True}),
        ("plan_video", {"prompt": "A fox"}, {"wait_for_previous": False}),
        ("find_video_models", {}, {"wait_for_previous": True}),
        ("get_video", {"generation_ids": []}, {"tool": "MCP_Client_get_video", "id": "call_1"}),
        ("generate_video", VIDEO, {"tool": "Oxen_generate_video", "id": "call_1", "toolCallId": "call_1"}),
        ("find_video_models", {}, {"tool": "Oxen_find_video_models", "id": "call_1"}),
    ],
)
async def test_what_gemini_and_n8n_write_among_the_arguments_is_no_word_of_the_model(
    settings: Settings, tool: str, call: dict[str, Any], added: dict[str, Any]
) -> None:
    """As recorded from Gemini CLI 0.61 and n8n 2.41: the answer is the same, without a remark about it."""
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        made = words(await client.call_tool("generate_video", VIDEO | {"wait_seconds": 60}))["generation_id"]
        if "generation_ids" in call:
            call = {"generation_ids": [made]}
        plain, theirs = [await client.call_tool(tool, one) for one in (call, call | added)]
        assert not theirs.is_error, theirs.content
        assert words(theirs).get("warnings") == words(plain).get("warnings")
        assert words(theirs).get("generation_id") == words(plain).get("generation_id")


async def test_an_id_that_a_model_gives_is_a_video_s(settings: Settings) -> None:
    """`id` is the client's only beside the name of the tool that is called."""
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        made = words(await client.call_tool("generate_video", VIDEO))["generation_id"]
        found = await client.call_tool("get_video", {"id": made, "tool": "video"})
        assert not found.is_error and words(found)["generation_id"] == made


async def test_no_tool_has_an_argument_by_a_name_that_clients_use(settings: Settings) -> None:
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        for tool in (await client.list_tools()).tools:
            assert not {"wait_for_previous", "id", *N8N} & set(tool.input_schema.get("properties", {}))


async def test_every_parameter_has_a_type_which_gemini_asks_for(settings: Settings) -> None:
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        for tool in (await client.list_tools()).tools:
            definitions = tool.input_schema.get("$defs", {})
            for name, schema in tool.input_schema.get("properties", {}).items():
                assert typed(schema, definitions), f"{tool.name}.{name}"


def typed(schema: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Whether a schema says its type, in every branch."""
    if "$ref" in schema:
        return typed(definitions[schema["$ref"].rsplit("/", 1)[1]], {})  # one level is enough to end a circle
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return all(typed(one, definitions) for one in branches)
    return "type" in schema or "enum" in schema or "const" in schema
