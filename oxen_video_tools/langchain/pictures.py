"""How an agent gets to see: as part of the tool's answer, as a message of its own, or not at all.

Always a small base64 JPEG, never a link: a link that has expired breaks every later turn where a provider's converter
fetches it, and no converter takes a video.
"""

from __future__ import annotations

import base64
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import HumanMessage, ToolMessage

if TYPE_CHECKING:
    from ..tools import Reply

Keyframes = Literal["none", "tool", "message"]


def shown(reply: Reply, keyframes: Keyframes, name: str, call_id: str | None) -> tuple[Any, dict[str, Any]]:
    """What goes into the conversation, and the artifact.

    "tool": the picture stands in the tool's own message (Anthropic, Gemini, OpenAI's Responses).
    "message": it follows as a message of the user (OpenAI's Chat Completions takes pictures only there). Needs a
    LangGraph agent; called on its own, and for all but the last of several calls in one turn, the text alone stands.
    """
    if not reply.images or keyframes == "none":
        return reply.text, reply.structured
    pictures = [_picture(jpeg) for jpeg in reply.images]
    if keyframes == "tool":
        return [{"type": "text", "text": reply.text}, *pictures], reply.structured
    if call_id is None or not _last_call(call_id):
        return reply.text, reply.structured
    answer = ToolMessage(reply.text, artifact=reply.structured, tool_call_id=call_id, name=name)
    seen = HumanMessage([{"type": "text", "text": f"Contact sheet for the answer of {name}:"}, *pictures])
    command = sys.modules["langgraph.types"].Command(update={"messages": [answer, seen]})
    return command, reply.structured


def _picture(jpeg: bytes) -> dict[str, Any]:
    return {"type": "image", "base64": base64.b64encode(jpeg).decode(), "mime_type": "image/jpeg"}


def _last_call(call_id: str) -> bool:
    """Whether a message may follow this call's answer: between two answers of one turn a provider takes none."""
    with suppress(KeyError, RuntimeError):  # not inside a graph
        config = sys.modules["langgraph.config"].get_config()["configurable"]
        messages = config["__pregel_read"]("messages")
        asking = next((one for one in reversed(messages) if getattr(one, "tool_calls", None)), None)
        return asking is None or bool(asking.tool_calls[-1]["id"] == call_id)
    return False
