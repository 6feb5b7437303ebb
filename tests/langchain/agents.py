"""Agents whose chat model follows a script, and what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, ToolMessage

from oxen_video_tools.langchain import OxenVideoToolkit
from oxen_video_tools.studio.portal import Portal

ASK = {"messages": [("user", "make a fox video")]}


class Scripted(FakeMessagesListChatModel):
    """Says what stands in the script; keeps what it was given."""

    bound: list[Any] = []
    heard: list[Any] = []

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Scripted:
        self.bound = list(tools)
        return self

    def _generate(self, messages: list[Any], *args: Any, **options: Any) -> Any:
        self.heard.append(list(messages))
        return super()._generate(messages, *args, **options)


def calling(*calls: dict[str, Any], name: str = "generate_video", first: int = 1) -> AIMessage:
    """One turn of the model with these calls."""
    made = [
        {"name": args.pop("tool", name), "args": args, "id": f"call_{number}", "type": "tool_call"}
        for number, args in enumerate(map(dict, calls), first)
    ]
    return AIMessage("", tool_calls=made)


def agent(portal: Portal[Any], *turns: AIMessage | dict[str, Any], tools: Any = None, **options: Any) -> Any:
    """An agent that takes these turns and then says "done"; a dict is a turn with one call of generate_video."""
    script = [turn if isinstance(turn, AIMessage) else calling(turn, first=n) for n, turn in enumerate(turns, 1)]
    model = Scripted(responses=[*script, AIMessage("done")])
    made = tools if tools is not None else OxenVideoToolkit(studio=portal).get_tools()
    return create_agent(model, made, **options)


def answers(state: dict[str, Any]) -> list[ToolMessage]:
    """What the tools answered."""
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]
