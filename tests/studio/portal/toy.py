"""A studio that pays for and polls toy jobs: what the portal's rules are about, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from oxen_video_tools.studio.portal import Portal


@dataclass
class Toy:
    """post: seconds that a paid request takes.  tick: seconds between two polls, of which each job needs three."""

    post: float = 0.0
    tick: float = 0.002
    paid: list[str] = field(default_factory=list)
    polls: int = 0
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Toy]:
        try:
            yield self
        finally:
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _pay(self, name: str) -> None:
        await asyncio.sleep(self.post)
        self.paid.append(name)
        print("paid", flush=True)

    async def make(self, name: str, report: Any) -> str:
        task = asyncio.ensure_future(self._pay(name))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        await asyncio.shield(task)
        for step in range(3):
            await report(step)
            await asyncio.sleep(self.tick)
            self.polls += 1
        return f"{name} succeeded"


async def _make(toy: Toy, report: Any, *, name: str) -> str:
    return await toy.make(name, report)


def make(portal: Portal[Toy], name: str = "a", tell: Any = lambda _: None) -> str:
    return portal.call(partial(_make, name=name), tell)


async def _told(_: Any) -> None: ...


async def amake(portal: Portal[Toy], name: str = "a", tell: Any = _told) -> str:
    return await portal.acall(partial(_make, name=name), tell)
