"""Decoding, joining and drawing for many callers: in child processes, a few at once, everybody in turn.

A process ends with the call that wanted it, so whoever leaves takes their work along. Nobody keeps the last free place
from others, nor fills the queue.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..errors import RateLimited
from .child_process import CUTTING, SECONDS, run_child

if TYPE_CHECKING:
    from .animatic import Segment

WAITING = 8  # calls that one caller may have in the queue
MARGIN = 64 << 20  # bytes that a film may have beyond a few times its clips
GROWTH = 4  # a film that is encoded anew is at most so many times as large as its clips
LEAST, MOST = 2, 8  # processes at once


class Turns:
    """Who is next: the callers in turn, each in the order of its calls. places: how many work at once."""

    def __init__(self, places: int, *, waiting: int = WAITING) -> None:
        self._places, self._longest = places, waiting
        self._working: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, caller: str, *, refuse: bool = True) -> AsyncIterator[None]:
        """While the block runs the caller has a place. Raises RateLimited where too many of its calls wait.

        refuse: False for what is paid for, which waits however many there are.
        """
        await self._turn(caller, refuse)
        try:
            yield
        finally:
            self._working[caller] -= 1
            self._next()

    async def _turn(self, caller: str, refuse: bool) -> None:
        queue = self._waiting.setdefault(caller, deque())
        if refuse and len(queue) >= self._longest:
            raise RateLimited("Too many of your videos are being worked on.", fix="Wait for them, then call again.")
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(ready)
        self._next()
        try:
            await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():  # its turn came just now
                self._working[caller] -= 1
            elif ready in queue:
                queue.remove(ready)
            self._next()
            raise

    def _next(self) -> None:
        """Give free places away. One caller never has all of them."""
        most = max(1, self._places - 1)
        while self._working.total() < self._places:
            caller = next((one for one, queue in self._waiting.items() if queue and self._working[one] < most), None)
            if caller is None:
                break
            ready = self._waiting[caller].popleft()
            self._waiting.move_to_end(caller)
            if not ready.done():
                self._working[caller] += 1
                ready.set_result(None)
        for caller in [one for one, queue in self._waiting.items() if not queue]:
            del self._waiting[caller]
        self._working += Counter()  # forget who has none


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """Those of the running loop, shared by everybody on it."""
    return _turns.setdefault(asyncio.get_running_loop(), Turns(min(MOST, max(LEAST, os.cpu_count() or 1))))


async def look(
    work: str, path: Path, *, caller: str = "", seconds: float = SECONDS, refuse: bool = True, **options: Any
) -> Any:
    """`run_child` in turn with others; cancelling it ends the process. Raises as it does, and RateLimited.

    refuse: as in `Turns.turn`.
    """
    async with turns().turn(caller, refuse=refuse):
        asked = {"path": str(path), **options}
        return await run_child(work, asked, name=path.name, seconds=seconds)


async def sheet_in_child(pictures: Sequence[tuple[int, Path]], *, caller: str = "") -> bytes:
    """`contact_sheet.numbered_sheet` in turn with others."""
    asked = {"pictures": [(number, str(path)) for number, path in pictures]}
    async with turns().turn(caller):
        sheet: bytes = await run_child("numbered_sheet", asked, name="a still", seconds=SECONDS)
    return sheet


async def stack_in_child(sheets: Sequence[bytes], *, caller: str = "") -> bytes:
    """`contact_sheet.stacked` in turn with others."""
    asked = {"strips": [b64encode(one).decode() for one in sheets]}
    async with turns().turn(caller):
        sheet: bytes = await run_child("stacked", asked, name="a contact sheet", seconds=SECONDS)
    return sheet


async def cut_in_child(
    clips: Sequence[Path],
    out: Path,
    how: Mapping[str, Any],
    *,
    caller: str = "",
    seconds: float = CUTTING,
    on_progress: Callable[[float], None],
) -> None:
    """`join.join` in turn with others. how: its other arguments, as JSON values."""
    size = sum(clip.stat().st_size for clip in clips)
    asked = {"paths": [str(clip) for clip in clips], "out": str(out), **how}
    try:
        async with turns().turn(caller):
            await run_child(
                "cut",
                asked,
                name=clips[0].name if len(clips) == 1 else f"{clips[0].name} and {len(clips) - 1} more",
                seconds=seconds,
                writes=GROWTH * size + MARGIN,
                on_progress=on_progress,
            )
    finally:
        for left in out.parent.glob(f".{out.name}*.part"):  # of a process that was ended
            left.unlink(missing_ok=True)


async def draw_in_child(
    shots: Sequence[Segment],
    path: Path,
    *,
    size: tuple[int, int],
    fps: int = 24,
    seed: int = 0,
    audio: bool = False,
    mark: str = "ANIMATIC PREVIEW",
    caller: str = "",
    on_progress: Callable[[float], None] | None = None,
) -> Path:
    """`animatic.render` in turn with others; cancelling it ends the process. Raises as it does, and RateLimited."""
    from .animatic import LARGEST, drawing

    options, patience = drawing(shots, path, size=size, fps=fps, seed=seed, audio=audio, mark=mark)
    try:
        async with turns().turn(caller):
            await run_child("draw", options, name=path.name, seconds=patience, writes=LARGEST, on_progress=on_progress)
    finally:
        path.with_name(f".{path.name}.part").unlink(missing_ok=True)  # of a process that was ended
    return path
