"""The same verbs for callers that block: a thread of its own holds the loop and the one `AsyncStudio`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..request import Member, VideoRequest
from ..settings import Settings
from .portal import Portal
from .results import Cancelled, Progress, Question, Recovered, Saved, Spend, Video
from .studio import AsyncStudio

if TYPE_CHECKING:
    from ..ledger.accounts import KeptMember
    from ..ledger.outcomes import Ending
    from .plan import Plan
    from .stills import Stills

T = TypeVar("T")
Tell = Callable[[Progress], object]
Work = Callable[[AsyncStudio, Callable[[Any], Awaitable[None]]], Awaitable[T]]


@dataclass(frozen=True)
class StudioVideo(Video):
    """A video that can save itself."""

    _studio: Studio | None = field(default=None, repr=False, compare=False)

    def save(self, path: str | Path | None = None) -> Path:
        """The file, verified. path: where to; the folder for videos if left out. Raises as `Studio.save` does."""
        assert self._studio is not None
        return self._studio.save(self.generation_id, filename=None if path is None else Path(path)).file


class Studio:
    """Plans, pays once, waits, delivers; from any thread. Close it, or use it with `with`.

    Verbs, arguments and errors are those of `AsyncStudio`; progress is told in the thread that called.
    """

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        def open_studio() -> AbstractAsyncContextManager[AsyncStudio]:
            return AsyncStudio(settings, **given)

        self._portal: Portal[AsyncStudio] = Portal(open_studio)

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for paid requests that are on their way, then close. Jobs at the hub go on."""
        self._portal.close()

    def _call(self, work: Work[T], tell: Tell | None = None) -> T:
        return self._portal.call(work, tell or (lambda _: None))

    def _mine(self, video: Video) -> StudioVideo:
        return StudioVideo(**{one.name: getattr(video, one.name) for one in fields(Video)}, _studio=self)

    def plan(self, request: VideoRequest | None = None, *, animatic: bool = False, **words: Any) -> Plan:
        """What would be sent, what it may cost, and what is wrong with it. Free."""
        return self._call(lambda studio, _: studio.plan(request, animatic=animatic, **words))

    def question(self, request: VideoRequest, **terms: Any) -> Question | None:
        """What a person must agree to before `generate` may spend."""
        return self._call(lambda studio, _: studio.question(request, **terms))

    def generate(
        self,
        request: VideoRequest | None = None,
        *,
        take: int | None = 1,
        max_cost_usd: Decimal | None = None,
        wait_seconds: float | None = None,
        approve: Callable[[Question], bool | Decimal] | None = None,
        approved_usd: Decimal | None = None,
        on_progress: Tell | None = None,
        **words: Any,
    ) -> StudioVideo:
        """Make a video: planned, agreed to, each clip paid once, waited for."""

        async def asked(question: Question) -> bool | Decimal:  # it may wait for a person: never on the loop
            assert approve is not None
            return await asyncio.to_thread(approve, question)

        async def work(studio: AsyncStudio, report: Callable[[Any], Awaitable[None]]) -> Video:
            return await studio.generate(
                request,
                take=take,
                max_cost_usd=max_cost_usd,
                wait_seconds=wait_seconds,
                approve=asked if approve is not None else None,
                approved_usd=approved_usd,
                on_progress=report,
                **words,
            )

        return self._mine(self._call(work, on_progress))

    def get(self, generation_id: str, *, wait_seconds: float = 0, on_progress: Tell | None = None) -> StudioVideo:
        """How a video stands, with a fresh link."""
        return self._mine(
            self._call(
                lambda studio, report: studio.get(generation_id, wait_seconds=wait_seconds, on_progress=report),
                on_progress,
            )
        )

    def get_many(
        self, ids: Sequence[str], *, wait_seconds: float = 0, on_progress: Tell | None = None
    ) -> list[StudioVideo]:
        """The same for several, in their order."""
        videos = self._call(
            lambda studio, report: studio.get_many(ids, wait_seconds=wait_seconds, on_progress=report), on_progress
        )
        return [self._mine(video) for video in videos]

    def endings(self, since: float, most: int = 100) -> Sequence[Ending]:
        """What of this ledger has ended after `since` (Unix seconds), the oldest first."""
        return self._call(lambda studio, _: studio.endings(since, most))

    def next_ending(self, seconds: float) -> None:
        """Wait until something that runs has ended, at most so many seconds."""
        self._call(lambda studio, _: studio.next_ending(seconds))

    def cancel(self, generation_id: str) -> StudioVideo:
        """Stop a queued or running job."""
        return self._mine(self._call(lambda studio, _: studio.cancel(generation_id)))

    def cancel_many(self, ids: Sequence[str]) -> Sequence[Cancelled]:
        """Stop several, or with `["all"]` everything that runs."""
        return self._call(lambda studio, _: studio.cancel_many(ids))

    def find_models(
        self, query: str | None = None, needs: Sequence[str] | None = None, model: str | None = None
    ) -> Sequence[Any]:
        """Models by words and needs, best first; or the one with this exact id."""
        return self._call(lambda studio, _: studio.find_models(query, needs, model))

    def stills(
        self,
        request: VideoRequest | None = None,
        *,
        approve: Callable[[Question], bool | Decimal] | None = None,
        **words: Any,
    ) -> Stills:
        """The first picture of each shot, and one numbered contact sheet."""

        async def asked(question: Question) -> bool | Decimal:
            assert approve is not None
            return await asyncio.to_thread(approve, question)

        return self._call(lambda studio, _: studio.stills(request, approve=asked if approve else None, **words))

    def add_cast(self, member: Member | None = None, **words: Any) -> KeptMember:
        """Keep somebody or something by name."""
        return self._call(lambda studio, _: studio.add_cast(member, **words))

    def list_cast(self, name: str | None = None) -> Sequence[KeptMember]:
        """Everybody who is kept, by name; or the one with this name."""
        return self._call(lambda studio, _: studio.list_cast(name))

    def remove_cast(self, name: str) -> None:
        """Keep a member no longer."""
        self._call(lambda studio, _: studio.remove_cast(name))

    def inspect(self, video: str | Path) -> Any:
        """What a video looks like."""
        return self._call(lambda studio, _: studio.inspect(video))

    def compare(self, videos: Sequence[str | Path]) -> Any:
        """What several videos look like, on one sheet."""
        return self._call(lambda studio, _: studio.compare(videos))

    def keep_sheet(self, sheet: bytes, video: str | Path) -> Path:
        """A contact sheet as a file in the folder for videos."""
        return self._call(lambda studio, _: studio.keep_sheet(sheet, video))

    def save(
        self, videos: str | Path | Sequence[str | Path], *, on_progress: Tell | None = None, **where: Any
    ) -> Saved:
        """One or more clips as one verified file."""
        return self._call(lambda studio, report: studio.save(videos, on_progress=report, **where), on_progress)

    def spend(self) -> Spend:
        """What was spent, by day and model."""
        return self._call(lambda studio, _: studio.spend())

    def pause(self) -> None:
        """Stop all spending through this ledger."""
        self._call(lambda studio, _: studio.pause())

    def resume(self) -> None:
        """Allow spending again."""
        self._call(lambda studio, _: studio.resume())

    def recover(self, **decided: Any) -> Sequence[Recovered]:
        """Walk everything that is unfinished."""
        return self._call(lambda studio, _: studio.recover(**decided))

    def list(
        self,
        *,
        status: str | None = None,
        model: str | None = None,
        since: str | None = None,
        mine: bool = False,
        limit: int = 10,
    ) -> Sequence[StudioVideo]:
        """What is running or finished, newest first."""
        videos = self._call(
            lambda studio, _: studio.list(status=status, model=model, since=since, mine=mine, limit=limit)
        )
        return [self._mine(video) for video in videos]
