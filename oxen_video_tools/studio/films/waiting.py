"""Waiting for a film, whoever makes it: this process, another one, or nobody any more. Nothing here spends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import TYPE_CHECKING

from ...errors import OxenError
from ..answers import Progress, Report, Video
from ..following import saw
from ..ledger.records import LOCAL
from ..ledger.standing import Part, Standing
from ..ledger.steps import clips
from ..reading import watched
from .screening import about, shown, standing_of

if TYPE_CHECKING:
    from ...clock import Clock
    from ..stage import Stage

GLANCES = (0.1, 2.0)  # seconds between looks at the ledger: the first, the longest
MADE = 0.95  # of a film's progress: the rest is the joining
GoOn = Callable[[], Awaitable[bool]]


async def get(stage: Stage, film: str, *, wait_seconds: float = 0, on_progress: Report | None = None) -> Video:
    """How a film stands, each shot with a fresh link. Raises NotFound."""
    async with about(stage, film):
        if wait_seconds > 0:
            await followed(stage, film, stage.clock.monotonic() + wait_seconds, on_progress)
        return await shown(stage, film)


@dataclass
class Telling:
    """One caller's report of a film: each shot's own progress becomes progress of the whole, which only rises."""

    film: str
    shots: int
    report: Report
    clock: Clock
    began: float
    fractions: dict[int, float] = field(default_factory=dict)
    told: float = -1.0

    def of_shot(self, number: int) -> Report:
        """Hears one shot."""

        def tell(progress: Progress) -> Awaitable[None] | None:
            self.fractions[number] = max(progress.fraction, self.fractions.get(number, 0.0))
            whole = MADE * sum(self.fractions.values()) / self.shots
            return self.tell(replace(progress, shot=number + 1, shot_fraction=progress.fraction), whole)

        return tell

    def tell(self, progress: Progress, fraction: float) -> Awaitable[None] | None:
        """Tell it of the whole."""
        self.told = fraction if fraction > self.told else self.told + (1.0 - self.told) * 1e-6
        elapsed = self.clock.monotonic() - self.began
        return self.report(
            replace(progress, generation_id=self.film, fraction=self.told, elapsed=elapsed, shots=self.shots)
        )

    async def joining(self, done: float) -> None:
        """The shots are there and are being joined."""
        telling = self.tell(Progress(self.film, "joining", 0.0), MADE + (0.999 - MADE) * done)
        if isawaitable(telling):
            await telling


async def followed(
    stage: Stage, film: str, until: float, on_progress: Report | None, go_on: GoOn | None = None
) -> None:
    """Wait until it has ended, or stopped, or `clock.monotonic()` is `until`.

    go_on: called when whoever made it is gone and it is not finished; says whether it goes on here.
    """
    watch = _Watch(stage, film, until, on_progress)
    try:
        await watch.run(go_on)
    finally:
        await watch.close()


class _Watch:
    def __init__(self, stage: Stage, film: str, until: float, on_progress: Report | None) -> None:
        self._stage, self._film, self._until, self._report = stage, film, until, on_progress
        self._began = stage.clock.monotonic()
        self._telling: Telling | None = None
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._joined = 0.0

    async def run(self, go_on: GoOn | None) -> None:
        pause, longest = GLANCES
        before: object = None
        while True:
            now = await standing_of(self._stage, self._film)
            shooting = self._stage.films.get(self._film)
            if shooting is None and not now.is_live(self._stage.clock.time()) and await self._ends(now, go_on):
                return await self._last(now)
            self._watch(now)
            if shooting is not None and shooting.joined > self._joined and self._telling is not None:
                self._joined = shooting.joined
                await self._telling.joining(self._joined)
            if self._stage.clock.monotonic() >= self._until:
                return None
            states = [part.state for part in now.parts]
            pause = GLANCES[0] if states != before else min(pause * 1.5, longest)
            before = states
            await self._until_news(shooting.done if shooting else None, pause)

    async def _ends(self, now: Standing, go_on: GoOn | None) -> bool:
        """Nobody makes it: whether that is the end of it."""
        if now.film.state != "open" or now.film.note is not None or now.in_state("failed"):
            return True
        if go_on is not None and await go_on():
            return False
        return not now.in_state("running")

    def _watch(self, now: Standing) -> None:
        if self._telling is None and self._report is not None:
            self._telling = Telling(self._film, len(now.parts), self._report, self._stage.clock, self._began)
        for part in now.parts:
            if self._telling is not None and part.state == "done":
                self._telling.fractions[part.number] = 1.0
            clip = part.clip
            if part.state == "running" and clip and clip.generation_id not in self._watching:
                self._watching[clip.generation_id] = asyncio.ensure_future(self._one(part, clip.generation_id))

    async def _one(self, part: Part, generation_id: str) -> None:
        stage, tell = self._stage, self._telling.of_shot(part.number) if self._telling else None
        left = max(0.0, self._until - stage.clock.monotonic())
        if generation_id.startswith(LOCAL) or left <= 0:
            return
        try:
            record = await watched(stage, generation_id, left, tell, part.clip)
            await saw(stage, [record], await stage.ledger.run(clips, await stage.scope(), [generation_id]))
        except OxenError:  # whoever makes the film meets it too, and says so
            return

    async def _until_news(self, shooting: asyncio.Task[None] | None, pause: float) -> None:
        """A moment; shorter where a shot, the film or the time ends."""
        for task in self._watching.values():
            if task.done():
                task.result()  # a report that raises ends the caller's wait
        news = {task for task in self._watching.values() if not task.done()} | ({shooting} if shooting else set())
        clock = self._stage.clock
        alarm = asyncio.ensure_future(clock.sleep(max(0.0, min(pause, self._until - clock.monotonic()))))
        try:
            await asyncio.wait({alarm, *news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()

    async def _last(self, now: Standing) -> None:
        if self._telling is not None and now.film.state == "delivered":
            told = self._telling.tell(Progress(self._film, "succeeded", 1.0), 1.0)
            if isawaitable(told):
                await told

    async def close(self) -> None:
        for task in self._watching.values():
            task.cancel()
        await asyncio.gather(*self._watching.values(), return_exceptions=True)
