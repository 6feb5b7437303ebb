"""Many requests, a line each: bounded, resumable, paid once.

Each line goes through `AsyncStudio.generate` with a take of its own, so running the same file again pays for nothing
twice: what is finished is found, what is running is waited for, what failed is made anew.
"""

from __future__ import annotations

import json
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio

from ..errors import InvalidRequest, NotInstalled, OxenError, invalid_arguments, only_oxen_errors
from ..request import VideoRequest
from ..settings import Settings
from .results import Shown, Video

if TYPE_CHECKING:
    from collections.abc import Iterator

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
class Done(Shown):
    """How one line ended: a video, or the error that an agent would read. sheet: a JPEG, where one was drawn."""

    line: Line
    video: Video | None = None
    error: dict[str, Any] | None = None
    sheet: bytes | None = field(default=None, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether there is a video to watch."""
        return self.video is not None and self.video.status == "succeeded"

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from .display import line_html

        return line_html(self)

    def _poster(self) -> bytes | None:
        return self.sheet or (self.video._poster() if self.video else None)

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

    total_usd: US dollars that are still to be paid, at most.
    unpriced: what has no price.
    """

    lines: tuple[Line, ...]
    total_usd: Decimal
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


# The same batch on many machines: async Ray actors with a studio each, over one PostgreSQL ledger.
#
# Waiting needs no CPU, so a maker holds many videos at a time and counts as none. What does need one – fetching a
# result, joining a film, drawing its contact sheet – is a task of its own, wherever the cluster has a CPU to
# spare.
#
# Ray runs a call again when its node died. The ledger makes that safe: a line that was paid for is found, not
# paid again.

FINISHING_RETRIES = 3  # of fetching, joining and drawing; making has no end of them
REACHED_WITHIN = 5.0  # seconds
FAREWELL = 30.0  # seconds in which paid requests that are on their way may end


class Maker:
    """What runs on a node: one studio, opened by the first line and kept for the rest."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._studio: AsyncStudio | None = None

    async def make(self, line: Line, wait_seconds: float) -> Done:
        """Make one line. Called again after a crash, it finds what the crash left."""
        if self._studio is None:
            from .studio import AsyncStudio

            self._studio = AsyncStudio(self._settings)
        return await make(self._studio, line, wait_seconds)

    async def close(self) -> None:
        """Wait for paid requests that are on their way."""
        if self._studio is not None:
            await self._studio.close()


def finish(settings: Settings, done: Done, pictures: bool) -> Done:
    """Keep the file where that is asked for, which joins a film; draw the contact sheet. Free, and safe to repeat."""
    from .sync import Studio

    assert done.video is not None
    video = done.video
    with Studio(settings) as studio:
        try:
            with only_oxen_errors():
                if settings.save == "always" and video.file is None:
                    video = replace(video, file=studio.save(video.generation_id).file)
                sheet = studio.inspect(video.file or video.generation_id).sheet if pictures else None
        except OxenError as error:  # the video is there and paid; only what was to be done with it is missing
            words = f"It could not be fetched or looked at: {error.message}"
            return replace(done, video=replace(video, warnings=(*video.warnings, words)))
    return replace(done, video=video, sheet=sheet)


def run_on_ray(
    address: str | None,
    lines: Sequence[Line],
    environment: Mapping[str, str],
    *,
    at_once: int = 8,
    makers: int | None = None,
    wait_seconds: float = 3600,
    pictures: bool = False,
    on_done: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Make every line on a Ray cluster.

    address: of the cluster; None starts one on this machine.
    environment: the OXEN_* variables of the makers.
    at_once: videos in the making on each maker.
    makers: one per living node, unless said otherwise.
    wait_seconds: for each line.
    pictures: a contact sheet of each video.
    Raises InvalidRequest without a ledger and a hub that all nodes share,
    NotInstalled without Ray.
    """
    settings = _shared(environment)
    try:
        import ray
    except ModuleNotFoundError:
        raise NotInstalled("Batches on many machines need Ray.", fix="pip install 'oxen-video-tools[ray]'") from None
    with _connected(ray, address):
        crew = _Crew(ray, settings, makers or _nodes(ray), at_once)
        done: dict[int, Done] = {}
        try:
            for ended in crew.work(lines, wait_seconds, pictures):
                done[ended.line.number] = ended
                on_done(ended)
        finally:
            crew.dismiss()
    return [done[line.number] for line in lines]


def _shared(environment: Mapping[str, str]) -> Settings:
    settings = Settings.read(environment)
    if not (settings.ledger or "").startswith("postgres"):
        raise InvalidRequest(
            "Several machines need one ledger.", fix="Set OXEN_VIDEO_LEDGER to a postgresql:// address that all reach."
        )
    if settings.sandbox and "OXEN_BASE_URL" not in environment:
        raise InvalidRequest(
            "Each machine would have a sandbox of its own.",
            fix="Start one with `oxen-video sandbox` and set OXEN_BASE_URL to its address.",
        )
    return settings


def _check_reachable(address: str | None) -> None:
    """Ray itself tries for ever where nobody answers. An address is HOST:PORT, ray://HOST:PORT, or a word of Ray's."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_WITHIN).close()
    except (OSError, OverflowError) as error:
        raise InvalidRequest(
            f"No Ray cluster answers at {address}: {error}.", fix="Start one with `ray start --head`, or name another."
        ) from None


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """To the cluster, for as long as this takes; a connection that was there before stays."""
    ours = not ray.is_initialized()
    if ours:
        _check_reachable(address)
        ray.init(address=address, log_to_driver=False)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _nodes(ray: Any) -> int:
    return max(1, sum(bool(node["Alive"]) for node in ray.nodes()))


class _Crew:
    """The makers on the cluster, and what each of them has in hand."""

    def __init__(self, ray: Any, settings: Settings, count: int, at_once: int) -> None:
        self._ray, self._settings = ray, settings
        maker = ray.remote(Maker).options(
            num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=at_once, scheduling_strategy="SPREAD"
        )
        making = replace(settings, save="never")  # keeping files is another task's
        self._makers = [maker.remote(making) for _ in range(count)]
        self._finish = ray.remote(finish).options(num_cpus=1, max_retries=FINISHING_RETRIES)
        self._free = deque(self._makers * at_once)
        self._making: dict[Any, tuple[Line, Any]] = {}
        self._finishing: dict[Any, Done] = {}
        self._stop: Done | None = None

    def work(self, lines: Sequence[Line], wait_seconds: float, pictures: bool) -> Iterator[Done]:
        """Each line as it ends, in whatever order."""
        waiting = deque(lines)
        while waiting or self._making or self._finishing:
            if waiting and self._stop is not None:
                yield Done(waiting.popleft(), error=self._stop.error)
            elif waiting and self._free:
                line, maker = waiting.popleft(), self._free.popleft()
                self._making[maker.make.remote(line, wait_seconds)] = line, maker
            else:
                [reference], _ = self._ray.wait([*self._making, *self._finishing], num_returns=1)
                if (ended := self._ended(reference, pictures)) is not None:
                    yield ended

    def _ended(self, reference: Any, pictures: bool) -> Done | None:
        """The line that a call ended; None where something is still to be done with it."""
        if (made := self._finishing.pop(reference, None)) is not None:
            return self._answer(reference, made)
        line, maker = self._making.pop(reference)
        self._free.append(maker)
        made = self._answer(reference, Done(line))
        if made.ends_all:
            self._stop = made
        if not made.succeeded or not (pictures or self._settings.save == "always"):
            return made
        self._finishing[self._finish.remote(self._settings, made, pictures)] = made
        return None

    def _answer(self, reference: Any, before: Done) -> Done:
        """What a call answered. One that Ray gave up, with the end of the cluster, is told like any other failure."""
        try:
            answered: Done = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if before.video is not None:
                return before
            lost = OxenError(f"Ray lost this line: {type(error).__name__}.", charged="unknown", fix="Run it again.")
            return replace(before, error=lost.answer())
        return answered

    def dismiss(self) -> None:
        """Let each close its studio, then go."""
        closing = [maker.close.remote() for maker in self._makers]
        self._ray.wait(closing, num_returns=len(closing), timeout=FAREWELL)
        for maker in self._makers:
            self._ray.kill(maker)
