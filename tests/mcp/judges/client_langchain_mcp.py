"""langchain[mcp]: an agent whose tools come over MCP, in an environment of its own. Arguments: the target, as JSON."""

import asyncio
import json
import sys
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")

from fastmcp.client.transports import StdioTransport, StreamableHttpTransport  # noqa: E402
from langchain.agents import create_agent  # noqa: E402
from langchain.mcp import MCPAdapter  # noqa: E402
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel  # noqa: E402
from langchain_core.messages import AIMessage  # noqa: E402
from langgraph.checkpoint.memory import InMemorySaver  # noqa: E402
from langgraph.types import Command  # noqa: E402

DEAR = {"prompt": "a long fox", "duration": 10, "model": "kling-video-v2-6-pro-text-to-video"}


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **_):
        return self


def model(arguments):
    call = {"name": "generate_video", "args": arguments, "id": "c1"}
    return Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("done")]))


def transport(target):
    if "url" in target:
        return StreamableHttpTransport(target["url"], headers=target["headers"])
    return StdioTransport(command=target["command"], args=target["args"], env=target["env"])


async def asked(tools, arguments, decision):
    """An agent's call that needs a yes: the question is an interrupt, the decision resumes the graph."""
    agent = create_agent(model(arguments), tools, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": json.dumps([arguments, decision])}}
    state = await agent.ainvoke({"messages": [{"role": "user", "content": "go"}]}, config)
    question = state["__interrupt__"][0].value["requests"][0]
    state = await agent.ainvoke(Command(resume={"responses": {question["key"]: decision}}), config)
    message = next(one for one in reversed(state["messages"]) if one.type == "tool")
    content = message.content if isinstance(message.content, str) else message.content[0]["text"]
    return {"question": question["message"], "status": message.status, "answer": json.loads(content)}


async def main(target):
    async with MCPAdapter(transport(target)) as adapter:
        tools = await adapter.list_tools()
        yes = await asked(tools, DEAR, {"action": "accept", "content": {"approve": True}})
        no = await asked(tools, {**DEAR, "prompt": "another fox"}, {"action": "decline"})
    return {"langchain": version("langchain"), "tools": [tool.name for tool in tools], "yes": yes, "no": no}


print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
