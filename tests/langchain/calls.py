"""Tool calls as a model makes them, and what comes back."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import ToolMessage

KLING = "kling-video-v2-6-pro-text-to-video"  # 5 or 10 s at $0.07 a second
FOX = {"prompt": "A fox in the snow", "model": KLING, "duration": 5}


def call(name: str = "generate_video", **args: Any) -> dict[str, Any]:
    """A tool call as a model makes it."""
    return {"name": name, "args": args, "id": "call_1", "type": "tool_call"}


def told(message: ToolMessage) -> dict[str, Any]:
    """An answer as values."""
    return json.loads(message.text)
