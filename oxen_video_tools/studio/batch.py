"""Many requests, a line each: bounded, resumable, paid once.

Each line goes through `AsyncStudio.generate` with a take of its own, so running the same file again pays for nothing
twice: what is finished is found, what is running is waited for, what failed is made anew.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio

from ..errors import InvalidRequest, OxenError, invalid_arguments, only_oxen_errors
from ..request import VideoRequest
from .results import Video

if TYPE_CHECKING:
    from .studio import AsyncStudio

MAX_LINES = 100_000
ENDS_ALL = frozenset({"paused", "needs_approval", "declined", "unauthenticated"})  # no other line can succeed after it


@dataclass(frozen=True)
class Line:
    """One line of a batch. number: from 1. take: 1 for the first of equal lines, 2 for the second, …

    approved_usd: US dollars that were agreed to for it: its planned price. None where nobody knew it.
    """

    number: int
    request: VideoRequest
    take: int
    approved_usd: Decimal | None = None


@dataclass(frozen=True)
class Done:
    """How one line ended: a video, or the error that an agent would read. sheet: a JPEG, where one was drawn."""

    line: Line
    video: Video | None = None
    error: dict[str, Any] | None = None
    sheet: bytes | None = field(default=None, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether there is a video to watch."""
        return self.video is not None and self.video.status == "succeeded"

    @property
    def ends_all(self) -> bool:
        """Whether no other line can succeed either: spending is refused, or the key is."""
        return self.error is not None and self.error["error"] in ENDS_ALL


def read(lines: Iterable[str]) -> list[Line]:
    """The lines of a JSONL file, each a request in the API's own words. Raises InvalidRequest, naming every bad one."""
    found: list[Line] = []
    problems: list[str] = []
    seen: Counter[str] = Counter()
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        if len(found) >= MAX_LINES:
            raise InvalidRequest(f"A batch holds at most {MAX_LINES:,} lines.", fix="Split the file.")
        try:
            request = _request(text)
        except InvalidRequest as error:
            problems += [f"line {number}: {problem}" for problem in error.problems]
            continue
        same = json.dumps(request.given(), sort_keys=True)
        seen[same] += 1
        found.append(Line(number, request, seen[same]))
    if problems:
        raise InvalidRequest("; ".join(problems[:20]), problems=problems)
    if not found:
        raise InvalidRequest("The batch holds no request.", fix="Write one JSON object a line.")
    return found


def _request(text: str) -> VideoRequest:
    from pydantic import ValidationError

    try:
        return VideoRequest.model_validate(json.loads(text))
    except ValidationError as error:
        raise invalid_arguments(error) from None
    except ValueError as error:
        raise InvalidRequest(f"no JSON: {error}") from None


@dataclass(frozen=True)
class Priced:
    """What a batch may cost. lines: each with its price, for whoever agrees to the whole.

    total: US dollars that are still to be paid, at most.  unpriced: what has no price.
    """

    lines: tuple[Line, ...]
    total: Decimal
    unpriced: tuple[str, ...]


async def price(studio: AsyncStudio, lines: Sequence[Line]) -> Priced:
    """What the whole may cost. Raises, naming every line that can't work."""
    total, priced, unpriced, problems = Decimal(0), [], [], []
    for line in lines:
        plan = await studio.plan(line.request, take=line.take)
        problems += [f"line {line.number}: {problem}" for problem in plan.problems]
        if plan.price.usd is None or plan.price.unpriced:
            unpriced.append(f"line {line.number}: {plan.price.text}")
            priced.append(line)
        else:
            priced.append(replace(line, approved_usd=plan.price.usd))
        total += plan.price_usd or 0
    if problems:
        raise InvalidRequest("; ".join(problems[:20]), problems=problems)
    return Priced(tuple(priced), total, tuple(unpriced))


async def run(
    studio: AsyncStudio,
    lines: Sequence[Line],
    *,
    at_once: int = 8,
    wait_seconds: float = 3600,
    on_done: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Make every line, at most `at_once` at a time; `on_done` hears of each as it ends. Never raises for one line.

    Once spending is refused or the key is, no further line is submitted: the rest end with that same error.
    """
    limit = anyio.CapacityLimiter(at_once)
    done: dict[int, Done] = {}
    stop: list[Done] = []

    async def one(line: Line) -> None:
        async with limit:
            ended = Done(line, error=stop[0].error) if stop else await make(studio, line, wait_seconds)
            done[line.number] = ended
            if ended.ends_all:
                stop.append(ended)
            on_done(ended)

    async with anyio.create_task_group() as group:
        for line in lines:
            group.start_soon(one, line)
    return [done[line.number] for line in lines]


async def make(studio: AsyncStudio, line: Line, wait_seconds: float) -> Done:
    """Make one line. Never raises what is foreseen: it is how the line ended."""
    try:
        with only_oxen_errors():
            video = await studio.generate(
                line.request,
                take=line.take,
                wait_seconds=wait_seconds,
                approved_usd=line.approved_usd,
                # One without a price was agreed to with the whole.
                approve=None if line.approved_usd is not None else lambda _: True,
            )
    except OxenError as error:
        return Done(line, error=error.answer())
    return Done(line, video=video)
