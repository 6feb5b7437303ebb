"""Which tool call made which generation, kept in the graph's own store, where it has one.

A graph that dies while it waits runs its tools again when it resumes. The studio's ledger knows the job by its
request; the store knows it on any machine, even where the ledger is not shared.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.messages import HumanMessage, ToolMessage
from pydantic import BaseModel

if TYPE_CHECKING:
    from ..studio.results import Progress
    from ..tools import Reply


log = logging.getLogger("oxen_video_tools.langchain")

PLACE = "oxen_video_generations"


@dataclass
class Receipt:
    """The place of one tool call in the store. A call's id is unique in its thread only, hence both."""

    store: Any
    thread: str
    key: str
    kept: str | None = field(default=None, init=False)

    @classmethod
    def of(cls, call_id: str | None, request: BaseModel) -> Receipt | None:
        """None outside a graph, in one without a store, or in one without threads."""
        with suppress(KeyError, RuntimeError, AttributeError):
            config = sys.modules["langgraph.config"]
            thread, store = config.get_config()["configurable"]["thread_id"], config.get_store()
            if call_id is not None and store is not None:
                asked = hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:16]
                return cls(store, str(thread), f"{call_id}:{asked}")
        return None

    def read(self) -> str | None:
        """The generation that this call made before, if it did."""
        with _in_spite_of_the_store():
            return self._found(self.store.get((PLACE, self.thread), self.key))
        return None

    async def aread(self) -> str | None:
        """The same on an event loop."""
        with _in_spite_of_the_store():
            return self._found(await self.store.aget((PLACE, self.thread), self.key))
        return None

    def keep(self, generation_id: str) -> None:
        """Written as soon as the id is known."""
        if generation_id != self.kept:
            self.kept = generation_id
            with _in_spite_of_the_store():
                self.store.put((PLACE, self.thread), self.key, {"generation_id": generation_id})

    async def akeep(self, generation_id: str) -> None:
        """The same on an event loop."""
        if generation_id != self.kept:
            self.kept = generation_id
            with _in_spite_of_the_store():
                await self.store.aput((PLACE, self.thread), self.key, {"generation_id": generation_id})

    def _found(self, item: Any) -> str | None:
        self.kept = item.value["generation_id"] if item is not None else None
        return self.kept


def question_id(call_id: str | None, request: BaseModel) -> str | None:
    """Names what this tool call asks a person, the same when the graph runs it again; None outside a graph."""
    with suppress(KeyError, RuntimeError, AttributeError):
        thread = sys.modules["langgraph.config"].get_config()["configurable"]["thread_id"]
        if call_id is not None:
            asked = hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:16]
            return f"langgraph:{thread}:{call_id}:{asked}"
    return None


@contextmanager
def _in_spite_of_the_store() -> Iterator[None]:
    """The ledger holds what matters: a store that fails must not end a job that is paid."""
    try:
        yield
    except Exception:
        log.warning("LangGraph's store can't be used; the ledger alone remembers this call.", exc_info=True)


Tell = Callable[[Any], None]
ATell = Callable[[Any], Awaitable[None]]


def keeping(receipt: Receipt | None, tell: Tell) -> Tell:
    """`tell` that also keeps the id of what it tells about."""

    def both(progress: Any) -> None:
        if receipt is not None:
            receipt.keep(progress.generation_id)
        tell(progress)

    return both


def akeeping(receipt: Receipt | None, tell: ATell) -> ATell:
    async def both(progress: Any) -> None:
        if receipt is not None:
            await receipt.akeep(progress.generation_id)
        await tell(progress)

    return both


# Progress, told once and seen everywhere: callbacks and `astream_events`, LangGraph's "custom" and "tools"
# streams.
#
# LangGraph is never imported for it: what is not loaded is not listening.

EVENT = "oxen_video_progress"


def emit(progress: Progress) -> None:
    """Tell it from a thread that may block, in the caller's own context."""
    event = stream_progress(progress)
    with suppress(RuntimeError):  # nobody listens: no run is under way in this context
        dispatch_custom_event(EVENT, event)


async def aemit(progress: Progress) -> None:
    """The same on an event loop."""
    event = stream_progress(progress)
    with suppress(RuntimeError):  # nobody listens
        await adispatch_custom_event(EVENT, event)


def stream_progress(progress: Progress) -> dict[str, Any]:
    """Put it on the streams of the graph that runs, if one does."""
    event = {"type": EVENT, "text": progress.text, **asdict(progress)}
    with suppress(KeyError, RuntimeError):  # LangGraph is not loaded, or this is not inside a graph
        sys.modules["langgraph.config"].get_stream_writer()(event)
    with suppress(Exception):  # not promised by LangGraph: the method needs no instance today; a test holds it
        sys.modules["langgraph.prebuilt.tool_node"].ToolRuntime.emit_output_delta(None, event)
    return event


# How an agent gets to see: as part of the tool's answer, as a message of its own, or not at all.
#
# Always a small base64 JPEG, never a link: a link that has expired breaks every later turn where a provider's
# converter fetches it, and no converter takes a video.

Keyframes = Literal["none", "tool", "message"]


def attach_pictures(reply: Reply, keyframes: Keyframes, name: str, call_id: str | None) -> tuple[Any, dict[str, Any]]:
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
