"""A client of the SDK's 1.x line, in an environment of its own. Arguments: what to connect to, as JSON."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from importlib.metadata import version

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import ElicitResult

ASKED = []


async def ask(context, params):
    ASKED.append(params.message)
    return ElicitResult(action="accept", content={"approve": True})


async def main(target):
    progress = []

    async def heard(done, total, message):
        progress.append(done)

    async with AsyncExitStack() as stack:
        if "url" in target:
            streams = await stack.enter_async_context(streamablehttp_client(target["url"], headers=target["headers"]))
        else:
            streams = await stack.enter_async_context(stdio_client(StdioServerParameters(**target)))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1], elicitation_callback=ask))
        hello = await session.initialize()
        tools = (await session.list_tools()).tools
        made = await session.call_tool("generate_video", {"prompt": "a fox"}, progress_callback=heard)
        asked = await session.call_tool(
            "generate_video", {"prompt": "a long fox", "duration": 10, "model": "kling-video-v2-6-pro-text-to-video"}
        )
        failed = await session.call_tool("get_video", {"generation_ids": ["nothing"]})
        spend = await session.read_resource("oxen://spend")
        prompts = (await session.list_prompts()).prompts
    return {
        "sdk": version("mcp"),
        "protocol": hello.protocolVersion,
        "tools": [tool.name for tool in tools],
        "made": made.structuredContent,
        "text": json.loads(made.content[0].text),
        "asked": ASKED,
        "approved": asked.structuredContent,
        "failed": [failed.isError, json.loads(failed.content[0].text)["error"]],
        "spend": json.loads(spend.contents[0].text)["total_usd"],
        "prompts": [prompt.name for prompt in prompts],
        "rising": progress == sorted(set(progress)),
    }


print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
