"""An agent that makes videos, with any chat model.

    pip install '.[all]' langchain langchain-anthropic
    read -rs ANTHROPIC_API_KEY; read -rs OXEN_API_KEY; export ANTHROPIC_API_KEY OXEN_API_KEY
    python examples/agent.py "A red balloon drifts over a harbour at dawn, in two shots"

Without OXEN_API_KEY it runs in the sandbox, which is free. `--model` takes what `init_chat_model` takes, for instance
openai:gpt-5 or google_genai:gemini-2.5-pro.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model

from oxen_video_tools.langchain import OxenVideoToolkit

INSTRUCTIONS = (
    "You make short films. Plan with plan_video first, tell the price, then call generate_video once. "
    "If it is not finished, wait with get_video. End with the link."
)


def make_agent(model: Any, **options: Any) -> Any:
    """An agent with all eight tools. It may spend two dollars a video, and can't change that."""
    toolkit = OxenVideoToolkit(max_cost_usd=2, **options)
    return create_agent(model, toolkit.get_tools(), system_prompt=INSTRUCTIONS)


def run(agent: Any, wish: str) -> str:
    """Ask, show what goes on, and give what the agent says at the end."""
    said = ""
    for mode, part in agent.stream({"messages": [("user", wish)]}, stream_mode=["custom", "updates"]):
        if mode == "custom":
            print(f"  {part['text']}")
            continue
        for step in part.values():
            for message in step["messages"]:
                for call in getattr(message, "tool_calls", ()):
                    print(f"{call['name']} {call['args']}")
                if message.type == "ai" and message.text:
                    said = message.text
    return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An agent that makes videos.")
    parser.add_argument("wish", help="what the video should show")
    parser.add_argument("--model", default="anthropic:claude-sonnet-5-5", help="what init_chat_model takes")
    given = parser.parse_args()
    free = {} if os.environ.get("OXEN_API_KEY") else {"sandbox": True}
    print(run(make_agent(init_chat_model(given.model), **free), given.wish))
