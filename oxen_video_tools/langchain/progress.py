"""Progress, told once and seen everywhere: callbacks and `astream_events`, LangGraph's "custom" and "tools" streams.

LangGraph is never imported for it: what is not loaded is not listening.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event

if TYPE_CHECKING:
    from ..studio.answers import Progress

EVENT = "oxen_video_progress"


def emit(progress: Progress) -> None:
    """Tell it from a thread that may block, in the caller's own context."""
    event = streamed(progress)
    with suppress(RuntimeError):  # nobody listens: no run is under way in this context
        dispatch_custom_event(EVENT, event)


async def aemit(progress: Progress) -> None:
    """The same on an event loop."""
    event = streamed(progress)
    with suppress(RuntimeError):  # nobody listens
        await adispatch_custom_event(EVENT, event)


def streamed(progress: Progress) -> dict[str, Any]:
    """Put it on the streams of the graph that runs, if one does."""
    event = {"type": EVENT, "text": progress.text, **asdict(progress)}
    with suppress(KeyError, RuntimeError):  # LangGraph is not loaded, or this is not inside a graph
        sys.modules["langgraph.config"].get_stream_writer()(event)
    with suppress(Exception):  # not promised by LangGraph: the method needs no instance today; a test holds it
        sys.modules["langgraph.prebuilt.tool_node"].ToolRuntime.emit_output_delta(None, event)
    return event
