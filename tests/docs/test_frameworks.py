"""What `make frameworks` rests on: pages that can be run, a scripted model that real clients read, and a record."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.tools import TABLE
from scripts import frameworks
from scripts.scripted_model import ARGUMENTS, TOOL, scripted_model

PAGES = sorted(frameworks.PAGES.glob("*.md"))
OWN = frozenset(TABLE[TOOL].schema["properties"])
EXTRA = {"type": "boolean", "description": "Of the client."}


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_a_page_can_be_run_and_says_with_which_versions_it_was(file: Path) -> None:
    page = frameworks.read(file)
    assert page.program or page.commands
    tried = frameworks.TRIED.findall(file.read_text("utf-8"))
    assert len(tried) == 1
    named = {re.split(r"[\[<>=!~]", one)[0] for one in [*page.pip, *page.npm] if not one.startswith(".")}
    assert named == set(re.findall(r"(\S+) \d[\w.]*(?=[,.])", tried[-1]))


def test_the_workflow_for_n8n_holds_together() -> None:
    text = (frameworks.PAGES / "gemini-n8n.md").read_text("utf-8")
    found = re.search(r'```json title="n8n workflow"\n(.*?)```', text, re.S)
    assert found
    workflow = json.loads(found[1])
    names = {node["name"] for node in workflow["nodes"]}
    reached = {one["node"] for ways in workflow["connections"].values() for way in ways.values() for one in way[0]}
    assert {*workflow["connections"], *reached} == names
    client = next(node for node in workflow["nodes"] if node["type"].endswith(".mcpClientTool"))
    assert client["parameters"]["endpointUrl"] == "http://127.0.0.1:8765/mcp"
    assert f"`{client['name']}_{TOOL}`" in text


def chat(kind: str, address: str) -> Any:
    """A real client of each interface, as LangChain brings it."""
    if kind == "openai":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model="gpt-5-mini", base_url=f"{address}/v1", api_key="scripted", use_responses_api=False)
    if kind == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model="claude-sonnet-5-5", base_url=address, api_key="scripted")
    from langchain_google_genai import ChatGoogleGenerativeAI

    return ChatGoogleGenerativeAI(model="gemini-2.5-flash", base_url=address, api_key="scripted")


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
def test_each_client_is_given_a_call_and_then_words(kind: str, streamed: bool) -> None:
    from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage

    schema = {"type": "object", "properties": {"prompt": {"type": "string"}, "wait_for_previous": EXTRA}}
    tool = {"name": TOOL, "description": "Makes a video.", "parameters": schema}

    with scripted_model(frozenset({"prompt"})) as model:
        client = chat(kind, model.base_url).bind_tools([tool])

        def ask(said: list[Any]) -> Any:
            if not streamed:
                return client.invoke(said)
            heard = AIMessageChunk(content="")
            for chunk in client.stream(said):
                heard += chunk
            return heard

        said: list[Any] = [HumanMessage("A fox")]
        answer = ask(said)
        assert [(one["name"], one["args"]) for one in answer.tool_calls] == [
            (TOOL, ARGUMENTS | {"wait_for_previous": True})
        ]
        result = ToolMessage('{"generation_id": "g-1"}', tool_call_id=answer.tool_calls[0]["id"], name=TOOL)
        last = ask([*said, answer, result])
        assert not last.tool_calls and "g-1" in last.text
    assert set(model.shown[TOOL]["properties"]) == {"prompt", "wait_for_previous"}


async def test_what_a_client_writes_is_recorded_and_compared(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    with Sandbox() as hub, scripted_model(OWN) as model:
        frameworks.put_server(tmp_path, record)
        environment = {"OXEN_API_KEY": "k", "OXEN_BASE_URL": hub.base_url, "OXEN_VIDEO_LEDGER": "memory:"}
        server = StdioServerParameters(command=str(tmp_path / "uvx"), args=["--from", "a", "b"], env=environment)
        if sys.platform == "win32":
            pytest.skip("the record is made by a shell script")
        async with Client(stdio_client(server)) as client:
            tool = next(one for one in (await client.list_tools()).tools if one.name == TOOL)
            shown = tool.input_schema | {"properties": tool.input_schema["properties"] | {"wait_for_previous": EXTRA}}
            step = model.next_step({f"mcp_oxen_{TOOL}": shown}, [])
            assert not isinstance(step, str)
            await client.call_tool(TOOL, step[1] | {"wait_seconds": 0})
        assert hub.ledger()["accepted"] == 1
    assert frameworks.compare(model, record) == [
        f"The model sees: mcp_oxen_{TOOL}",
        "Arguments that are added to the schema: wait_for_previous",
        "Arguments that reach the server otherwise than given: wait_seconds",
        "Arguments that the server does not have: wait_for_previous",
    ]
