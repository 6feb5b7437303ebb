"""langchain-mcp-adapters, in an environment of its own. Arguments: what to connect to, as JSON."""

import asyncio
import json
import sys
from importlib.metadata import version

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient


async def main(target):
    progress = []

    async def heard(done, total, message, context):
        progress.append(done)

    kind = {"transport": "streamable_http"} if "url" in target else {"transport": "stdio"}
    client = MultiServerMCPClient({"oxen": {**kind, **target}}, callbacks=Callbacks(on_progress=heard))
    tools = {tool.name: tool for tool in await client.get_tools()}

    async def call(name, args):
        return await tools[name].ainvoke({"type": "tool_call", "id": "1", "name": name, "args": args})

    def text(message):
        content = message.content
        return json.loads(content if isinstance(content, str) else content[0]["text"])

    made = await call("generate_video", {"prompt": "a fox"})
    rising = progress == sorted(set(progress))
    again = await call("generate_video", {"prompt": "a fox"})  # a new process over stdio: nothing is in memory
    failed = await call("get_video", {"generation_ids": ["nothing"]})
    return {
        "adapters": version("langchain-mcp-adapters"),
        "tools": list(tools),
        "made": text(made),
        "artifact": made.artifact["structured_content"],
        "again": text(again),
        "failed": [failed.status, text(failed)["error"]],
        "rising": rising,
    }


print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
