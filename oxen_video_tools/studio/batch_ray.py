"""The same batch on many machines: async Ray actors with a studio each, over one PostgreSQL ledger.

Waiting needs no CPU, so a maker holds many videos at a time and counts as none. What does need one – fetching a
result, joining a film, drawing its contact sheet – is a task of its own, wherever the cluster has a CPU to spare.

Ray runs a call again when its node died. The ledger makes that safe: a line that was paid for is found, not paid again.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest, NotInstalled, OxenError, only_oxen_errors
from ..settings import Settings
from .batch import Done, Line, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .studio import AsyncStudio

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


def run(
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

    address: of the cluster; None starts one on this machine.  environment: the OXEN_* variables of the makers.
    at_once: videos in the making on each maker.  makers: one per living node, unless said otherwise.
    wait_seconds: for each line.  pictures: a contact sheet of each video.
    Raises InvalidRequest without a ledger and a hub that all nodes share, NotInstalled without Ray.
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
