"""The verbs. `AsyncStudio` is the only implementation; `Studio` is the same for synchronous callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelNotFound, NotInstalled
from ..request import VideoRequest
from ..settings import Settings
from . import delivery, making, planning, reading
from .answers import Question, Recovered, Report, Saved, Spend, Video
from .stage import Stage

if TYPE_CHECKING:
    import httpx

    from ..clock import Clock
    from .plan import Plan

Approve = Callable[[Question], bool | Awaitable[bool]]
Videos = list[Video]


class AsyncStudio:
    """Plans, pays once, waits, delivers. Use it with `async with`, on one event loop."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        **given: Any,
    ) -> None:
        if settings is None:
            settings = Settings.read(**given)
        elif given:
            settings = replace(settings, **given)
        self._stage = Stage(settings, clock, transport)

    @property
    def settings(self) -> Settings:
        """As they are in force."""
        return self._stage.settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None, **given: Any) -> AsyncIterator[AsyncStudio]:
        """A studio that closes at the end of the block."""
        async with cls(settings, **given) as studio:
            yield studio

    async def __aenter__(self) -> AsyncStudio:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for paid requests that are on their way, then close. Jobs at the hub go on."""
        await self._stage.close()

    async def plan(self, request: VideoRequest | None = None, *, animatic: bool = False, **words: Any) -> Plan:
        """What would be sent, in how many jobs, what it may cost, and what is wrong with it. Free."""
        return await planning.planned(self._stage, planning.requested(request, words))

    async def question(
        self, request: VideoRequest, *, take: int | None = 1, max_cost_usd: Decimal | None = None
    ) -> Question | None:
        """What a person must agree to before `generate` may spend; None where nobody has to be asked."""
        return await planning.question(self._stage, request, take=take, max_cost_usd=max_cost_usd)

    async def generate(
        self,
        request: VideoRequest | None = None,
        *,
        take: int | None = None,
        max_cost_usd: Decimal | None = None,
        wait_seconds: float | None = None,
        approve: Approve | None = None,
        approved: bool = False,
        on_progress: Report | None = None,
        **words: Any,
    ) -> Video:
        """Make a video: one paid job, waited for at most `wait_seconds`."""
        return await making.generate(
            self._stage,
            planning.requested(request, words),
            take=take,
            max_cost_usd=max_cost_usd,
            wait_seconds=wait_seconds,
            approve=approve,
            approved=approved,
            on_progress=on_progress,
        )

    async def get(self, generation_id: str, *, wait_seconds: float = 0, on_progress: Report | None = None) -> Video:
        """How a video stands, with a fresh link. Waits at most `wait_seconds` for its end."""
        return await reading.get(self._stage, generation_id, wait_seconds, on_progress)

    async def get_many(
        self, ids: Sequence[str], *, wait_seconds: float = 0, on_progress: Report | None = None
    ) -> Videos:
        """The same for several, in their order."""
        return await reading.get_many(self._stage, ids, wait_seconds, on_progress)

    async def list(self, *, status: str | None = None, model: str | None = None, limit: int = 10) -> Videos:
        """What is running or finished, newest first."""
        return await reading.listed(self._stage, status, model, limit)

    async def cancel(self, generation_id: str) -> Video:
        """Stop a queued or running job."""
        return await reading.cancelled(self._stage, generation_id)

    async def find_models(
        self, query: str | None = None, needs: Sequence[str] | None = None, model: str | None = None
    ) -> Sequence[Any]:
        """Models by words and needs, best first; or the one with this exact id."""
        models = await self._stage.catalog().models()
        if model is None:
            return list(models.search(query, needs or ()))
        if model not in models:
            near = models.closest(model)
            raise ModelNotFound(f"Model not found: {model}", fix=f"Did you mean {near}?" if near else None)
        return [models[model]]

    async def inspect(self, video: str | Path) -> Any:
        """What a video looks like: length, size, and a contact sheet. Needs the `media` extra."""
        raise NotInstalled("Looking at videos is not there yet.", fix="pip install 'oxen-video-tools[media]'")

    async def save(
        self,
        videos: str | Sequence[str],
        *,
        filename: str | None = None,
        transition: str | None = None,
        on_progress: Report | None = None,
    ) -> Saved:
        """One verified file on disk."""
        return await delivery.save(self._stage, videos, filename)

    async def spend(self) -> Spend:
        """What was spent, by day and model."""
        return Spend(days=(), total=Decimal(0), last_24h=Decimal(0))

    async def pause(self) -> None:
        """Stop all spending through this ledger."""

    async def resume(self) -> None:
        """Allow spending again."""

    async def recover(
        self, *, adopt: str | None = None, send_again: str | None = None, write_off: str | None = None
    ) -> Sequence[Recovered]:
        """Walk everything that is unfinished."""
        return ()


class Studio:
    """The same verbs for synchronous callers, from any thread."""
