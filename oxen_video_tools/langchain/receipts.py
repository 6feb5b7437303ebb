"""Which tool call made which generation, kept in the graph's own store, where it has one.

A graph that dies while it waits runs its tools again when it resumes. The studio's ledger knows the job by its
request; the store knows it on any machine, even where the ledger is not shared.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

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
