"""Where a life ends: hooks around the real code that kill, or stop, the process they run in."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from threading import Timer
from typing import Any

from oxen_video_tools.hub import HubClient
from oxen_video_tools.ledger import Ledger, films, jobs, transaction
from oxen_video_tools.studio import result_files
from oxen_video_tools.studio.films import assembly
from oxen_video_tools.studio.waiter import Waiter

# In the order of a request's life. Everything from "marked" on happens after the job is `sending`.
STEPS = (
    "planned",  # the intent is written
    "marked",  # it is marked as sending; not a byte has left
    "posting",  # the POST is on its way
    "answered",  # the answer is here, nothing of it is written
    "writing",  # in the middle of the transaction that writes the id
    "recorded",  # the id is written
    "waiting",  # the job runs
    "ended",  # its end is written
    "settled",  # its cost is written
    "fetching",  # the result is on its way
    "fetched",  # it is here, in a temporary file
    "renamed",  # it has its name, the ledger does not know
    "delivered",  # all is done
    # of a film:
    "begun",  # it is written down and reserved as a whole
    "taken up",  # by another process, after the first one died
    "filled",  # a shot's body is as it will be sent
    "framed",  # the last picture of a shot is uploaded, for the next one to begin with
    "joining",  # the shots become one file
    "cut",  # the film is delivered
)
OF_FILMS = STEPS[STEPS.index("begun") :]
SENT = tuple(step for step in STEPS if step not in ("planned", "begun", "filled"))


@dataclass
class Doom:
    """At which step this life ends, and how. after: at the how-manieth time it gets there."""

    step: str | None
    how: signal.Signals = signal.SIGKILL
    after: int = 1
    log: Path = field(default_factory=Path)

    def reached(self, step: str) -> None:
        """May not return."""
        if step == self.step and self._is_time():
            self.strike()

    def soon(self, step: str, longest: float) -> None:
        """Strike within `longest` seconds, wherever the process then is."""
        if step == self.step and self._is_time():
            Timer(random.uniform(0.0, longest), self.strike).start()

    def _is_time(self) -> bool:
        self.after -= 1
        return self.after == 0

    def strike(self) -> None:
        """The log is written first: nobody else will."""
        with self.log.open("a") as log:
            log.write(f"{self.how.name} {self.step}\n")
        os.kill(os.getpid(), self.how)


_AFTER = {
    "reserve": "planned",
    "mark_sending": "marked",
    "record_job": "recorded",
    "record_cost": "settled",
    "delivered": "delivered",
    "start_film": "begun",
    "fill_part": "filled",
    "record_film": "cut",
}


def install(doom: Doom) -> None:
    """Put the hooks around the code of this process."""
    _around_ledger(doom)
    _around_hub(doom)
    result_files.settled = _after(result_files.settled, lambda: doom.reached("renamed"))
    assembly._spliced = _before(assembly._spliced, lambda: doom.soon("joining", 0.1))
    Ledger.record_job = transaction(_inside(jobs.record_job, doom))  # type: ignore[method-assign, assignment]


def _was_done(name: str, result: Any) -> bool:
    if name == "reserve":
        return any(booking.mine for booking in result)
    return result is not None if name == "fill_part" else result is not False


def _around_ledger(doom: Doom) -> None:
    run = Ledger.run

    @wraps(run)
    async def hooked(self: Ledger, steps: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = await run(self, steps, *args, **kwargs)
        name = getattr(steps, "__name__", "")
        if name == "start_film" and kwargs.get("agreed") is not None and result:
            doom.reached("taken up")
            return result
        wanted = {"record_job": jobs.Submitted, "record_film": films.FilmDelivery}.get(name)
        if wanted is not None and not isinstance(args[1], wanted):
            return result
        if name in _AFTER and _was_done(name, result):
            doom.reached(_AFTER[name])
        if name == "mark_sending":
            doom.soon("posting", 0.06)
        if name == "record_status" and result:
            doom.reached("ended")
        return result

    Ledger.run = hooked  # type: ignore[method-assign]


def _around_hub(doom: Doom) -> None:
    enqueue, generate, upload = HubClient.enqueue, HubClient.generate, HubClient.upload
    download, wait = HubClient.download, Waiter.wait

    async def hooked_enqueue(self: HubClient, *args: Any, **kwargs: Any) -> Any:
        answer = await enqueue(self, *args, **kwargs)
        doom.reached("answered")
        return answer

    async def hooked_generate(self: HubClient, *args: Any, **kwargs: Any) -> Any:
        answer = await generate(self, *args, **kwargs)
        doom.reached("answered")
        return answer

    async def hooked_upload(self: HubClient, *args: Any, **kwargs: Any) -> Any:
        link = await upload(self, *args, **kwargs)
        doom.reached("framed")
        return link

    async def hooked_download(self: HubClient, *args: Any, **kwargs: Any) -> Any:
        doom.soon("fetching", 0.03)
        path = await download(self, *args, **kwargs)
        doom.reached("fetched")
        return path

    async def hooked_wait(self: Waiter, *args: Any, **kwargs: Any) -> Any:
        doom.soon("waiting", 0.2)
        return await wait(self, *args, **kwargs)

    HubClient.enqueue = hooked_enqueue  # type: ignore[method-assign]
    HubClient.generate = hooked_generate  # type: ignore[method-assign]
    HubClient.upload = hooked_upload  # type: ignore[method-assign]
    HubClient.download = hooked_download  # type: ignore[method-assign]
    Waiter.wait = hooked_wait  # type: ignore[method-assign]


def _after(function: Callable[..., Any], then: Callable[[], None]) -> Callable[..., Any]:
    @wraps(function)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        then()
        return result

    return hooked


def _before(function: Callable[..., Any], then: Callable[[], None]) -> Callable[..., Any]:
    @wraps(function)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        then()
        return function(*args, **kwargs)

    return hooked


def _inside(steps: Callable[..., Generator[Any, Any, Any]], doom: Doom) -> Callable[..., Generator[Any, Any, Any]]:
    """Between two statements of a transaction."""

    @wraps(steps)
    def hooked(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = steps(*args, **kwargs)
        rows = None
        count = 0
        try:
            while True:
                statement = next(inner) if rows is None else inner.send(rows)
                count += 1
                if count == 6:
                    doom.reached("writing")
                rows = yield statement
        except StopIteration as end:
            return end.value

    return hooked
