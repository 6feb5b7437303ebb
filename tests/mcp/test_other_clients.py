"""What clients are known to do to arguments and schemas, and that nothing breaks or is paid twice by it."""

from __future__ import annotations

from typing import Any

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
