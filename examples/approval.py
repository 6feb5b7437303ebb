"""A person agrees before money is spent: an agent that stops at the price, and goes on when it is told to.

    OXEN_VIDEO_SANDBOX=1 OXEN_VIDEO_APPROVE_ABOVE=0.50 python examples/approval.py
    OXEN_VIDEO_APPROVE_ABOVE=0.50 python examples/approval.py --model anthropic:claude-sonnet-5-5

Under a checkpointer `generate_video` asks through LangGraph's interrupt. The run ends there, for minutes or for days;
resumed with the answer it goes on in the same call. One approval is one job, however often the answer is replayed.
"""

from __future__ import annotations

import argparse
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from oxen_video_tools.langchain import OxenVideoToolkit

ASKED = "Make a ten second video of a fox in the snow."
REQUEST = {"prompt": "A fox in the snow", "model": "kling-video-v2-6-pro-text-to-video", "duration": 10}


class Scripted(GenericFakeChatModel):
    """Stands in for a chat model, so that this runs without a key for one: it asks for the video, then says so."""

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self


def scripted() -> Scripted:
    call = {"name": "generate_video", "args": REQUEST, "id": "1", "type": "tool_call"}
    return Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("That is all I can do.")]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a chat model for init_chat_model; left out: a scripted one")
    options = parser.parse_args()

    model = options.model or scripted()
    agent: Any = create_agent(model, OxenVideoToolkit().get_tools(), checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    state = agent.invoke({"messages": [("user", ASKED)]}, thread)
    while waiting := state.get("__interrupt__"):
        print(waiting[0].value["message"])
        agreed = input("yes or no? ").strip().lower() in ("y", "yes")
        state = agent.invoke(Command(resume=agreed), thread)
    for message in state["messages"]:
        if message.type == "tool":
            print(message.text)
    print(state["messages"][-1].text)


if __name__ == "__main__":
    main()
