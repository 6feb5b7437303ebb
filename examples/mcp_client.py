"""A program that talks to the MCP server: it lists the tools, checks and prices a video, has it made and waits for it.

OXEN_VIDEO_SANDBOX=1 python examples/mcp_client.py                     # starts the server itself, over stdio
python examples/mcp_client.py http://127.0.0.1:8765/mcp                # one that runs: python mcp_server.py --http

For one that runs, set OXEN_VIDEO_MCP_TOKEN to the server's token, which `python mcp_server.py --http --config cursor`
shows, or OXEN_API_KEY to your own key.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ElicitResult

STORYBOARD = {
    "multi_prompt": [
        {"prompt": "Wide shot: a lighthouse on a cliff at dawn, gulls circle it", "duration": 5},
        {"prompt": "Close-up: the lamp turns and its light sweeps over the lens", "duration": 5},
    ],
    "aspect_ratio": "16:9",
}


def server(http: httpx2.AsyncClient) -> Any:
    """What to connect to: the address on the command line, or a server of our own with our own settings."""
    if len(sys.argv) > 1:
        return streamable_http_client(sys.argv[1], http_client=http)
    own = {name: value for name, value in os.environ.items() if name.startswith("OXEN_")}
    return StdioServerParameters(command=sys.executable, args=["-m", "oxen_video_tools.mcp"], env=own)


async def agree(_: Any, params: Any) -> ElicitResult:
    """The server asks before it spends more than OXEN_VIDEO_APPROVE_ABOVE. Your program would ask its user here."""
    print(f"asked: {params.message}")
    return ElicitResult(action="accept", content={"approve": True})


async def heard(done: float, _: float | None, message: str | None) -> None:
    print(f"  {done:4.0%} {message or ''}")


def answer(result: CallToolResult) -> dict[str, Any]:
    """The answer as an object. A failed call says what was wrong, whether it cost anything, and what to do."""
    if result.is_error or result.structured_content is None:
        sys.exit(f"failed: {result.content[0]}")
    return result.structured_content


async def main() -> None:
    key = os.environ.get("OXEN_VIDEO_MCP_TOKEN") or os.environ.get("OXEN_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(server(http), elicitation_callback=agree) as client,
    ):
        print("tools:", ", ".join(tool.name for tool in (await client.list_tools()).tools))
        plan = answer(await client.call_tool("plan_video", STORYBOARD))
        print(f"plan: {plan['model']}, {plan['price']}")
        video = answer(await client.call_tool("generate_video", STORYBOARD, progress_callback=heard))
        while video["status"] in ("queued", "processing"):  # a wait that ran out is a success: come back with the id
            ids = {"generation_ids": [video["generation_id"]]}
            video = answer(await client.call_tool("get_video", ids, progress_callback=heard))
        print(video["url"])


if __name__ == "__main__":
    asyncio.run(main())
