"""The simulated hub behind the HTTP endpoints: accounts, and jobs that change with the clock.

Nothing here waits. Every access first carries out what is due by the clock, in order, so that a test with its own clock
sees the same events every time.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from ..clock import Clock, SystemClock
from .faults import Faults, Fired
from .models import Model, all_models, cost
from .render import Medium, Pictures, ShotList, filled, measured, shot_list, source_of
from .store import ACTIVE, TERMINAL, Files, Job, Store
from .validate import MODERATED, NO_CREDITS, media, problem

# How long the sandbox takes: like the hub, faster, or not at all.

Speed = Literal["instant", "real"] | float

_QUEUED = 1.0  # seconds until a free machine takes a job (Oxen docs, async queue: enqueued_at and started_at)
_REFUSED = 3.0  # seconds until a bad parameter has failed (the same page: Response (failed))
_IMAGE = 8.0


@dataclass(frozen=True)
class Pace:
    """factor: how many times faster than the hub; infinite: every job is done at the next look."""

    factor: float

    @classmethod
    def of(cls, speed: Speed) -> Pace:
        """ "instant", "real", or how many times faster than real."""
        if speed == "instant":
            return cls(math.inf)
        factor = 1.0 if speed == "real" else float(speed)
        if not factor > 0:
            raise ValueError(f"speed must be 'instant', 'real' or a number above 0, not {speed!r}")
        return cls(factor)

    def queued(self) -> float:
        """Seconds from being enqueued to being started, when a machine is free."""
        return _QUEUED / self.factor

    def refused(self) -> float:
        """Seconds from the start to the failure of a job that the model does not take."""
        return _REFUSED / self.factor

    def running(self, model: str, media_type: str, seconds: float) -> float:
        """Seconds from start to end for `seconds` of video: 1–5 minutes, always the same for the same job."""
        if media_type == "image":
            return _IMAGE / self.factor
        slowness = 45 + hashlib.sha256(model.encode()).digest()[1] % 60
        return (slowness + 7 * seconds) / self.factor


# Completion events: to every connected client, without buffering (Oxen docs, async queue: Completion Events).

Payload = Mapping[str, Any]
_MOST_WAITING = 10_000  # events that one slow reader may leave unread before it is cut off


class Listener:
    """One open connection."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Payload | None] = asyncio.Queue(_MOST_WAITING)

    def put(self, payload: Payload | None) -> None:
        """None ends the stream; so does a reader that has fallen too far behind."""
        if self._waiting.full():
            while not self._waiting.empty():
                self._waiting.get_nowait()
            payload = None
        self._waiting.put_nowait(payload)

    async def next(self, seconds: float) -> Payload | None:
        """The next event; raises asyncio.TimeoutError after `seconds` of silence. None: the stream is over."""
        return await asyncio.wait_for(self._waiting.get(), seconds)


class Events:
    """Everybody who listens."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def listen(self) -> Listener:
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def tell(self, payload: Payload | None) -> None:
        for listener in list(self._listeners):
            listener.put(payload)

    @property
    def listening(self) -> int:
        return len(self._listeners)


_TAKES = 4  # pictures that equal requests get in turn
_GLANCE = 0.5  # seconds between looks at jobs that another process may have ended


@dataclass(frozen=True)
class Options:
    """How a sandbox is set up. `Sandbox` documents each."""

    api_key: str | None = None
    username: str = "sandbox"
    namespaces: tuple[str, ...] | None = None
    credits: Decimal | None = None
    pace: Pace = field(default_factory=lambda: Pace.of("instant"))
    clock: Clock = field(default_factory=SystemClock)
    state: Path | None = None
    picture_height: int | None = None
    parallel: int = 200
    lifetime: float = 3600.0
    keep_alive: float = 15.0
    fetch: Callable[[str], bytes | None] | None = None


class SimulatedHub:
    """The state of one sandbox. Used by one event loop."""

    def __init__(self, options: Options, faults: Faults) -> None:
        self.options = options
        self.faults = faults
        self.models = all_models()
        self.store = Store(options.state)
        folder = options.state.with_name(options.state.name + ".files") if options.state else None
        secret = self.store.note("secret", secrets.token_hex(32))
        self.files = Files(self.store, folder, secret, lifetime=options.lifetime)
        self.pictures = Pictures(self.files)
        self.events = Events()
        self.requests: Counter[str] = Counter()
        self.changed = asyncio.Event()  # a job was added: the ticker looks again
        self._waiting: dict[str, asyncio.Event] = {}

    def close(self) -> None:
        self.events.tell(None)
        self.store.close()
        self.files.close()

    @property
    def now(self) -> float:
        return self.options.clock.time()

    # --- money

    @property
    def credits_left(self) -> Decimal | None:
        return None if self.options.credits is None else self.options.credits - self.store.costs("succeeded")

    def price(self, model: Model, body: Mapping[str, Any]) -> Decimal:
        """What one generation of a request will cost."""
        words = filled(model, body)
        try:
            seconds = self.shots(model, body).seconds
        except (KeyError, TypeError, ValueError, AttributeError):  # a bad request costs nothing: it will fail
            return Decimal(0)
        return cost(model.listed["pricing"], words, seconds)

    def shots(self, model: Model, body: Mapping[str, Any], take: int = 0) -> ShotList:
        source = source_of(model, body)
        measured = self._measured(source) if source else None
        return shot_list(model, body, lines=self.options.picture_height, source=measured, take=take)

    def _measured(self, url: str) -> Medium | None:
        """Length and size of a video or picture that this sandbox holds or has made."""
        job = self._made(url)
        if job is not None:
            shots = self.shots(self.models[job.model], job.body)
            return Medium(shots.size, 0.0 if job.media_type == "image" else shots.seconds)
        return measured(self.files.local(url))

    def _made(self, url: str) -> Job | None:
        """The job whose result a URL of this sandbox leads to."""
        path = unquote(urlsplit(url).path) if self.files.is_own(url) else ""
        job = self.job(Path(path).stem) if "/files/main/" in path else None
        return job if job is not None and job.status == "succeeded" and self.result_path(job) == path else None

    def _reaches(self, url: str, at: float, kind: str) -> bool:
        """Whether a model's server could read `url` and finds there what it expects."""
        if self.files.is_own(url) and "/files/main/" in url:
            job = self._made(url)
            fits = job is not None and kind in (job.media_type, "audio" if self.shots_have_sound(job) else "")
            return fits and self.files.reaches(url, at, kind)
        return self.files.reaches(url, at, kind)

    def shots_have_sound(self, job: Job) -> bool:
        return job.media_type == "video" and self.shots(self.models[job.model], job.body).audio

    # --- jobs

    async def fetch_inputs(self, model: Model, body: Mapping[str, Any]) -> None:
        """Fetch a request's media from other hosts, if the sandbox is set to. A dead link fails the job later."""
        if self.options.fetch is None:
            return
        for url, _ in media(model, body):
            if url.startswith(("http://", "https://")) and not self.files.is_own(url) and not self.files.fetched(url):
                self.files.keep_fetched(url, await asyncio.to_thread(self.options.fetch, url))

    def accept(
        self,
        model: Model,
        body: Mapping[str, Any],
        *,
        namespace: str,
        route: str,
        count: int = 1,
        faults: Fired | None = None,
        stranger: bool = False,
    ) -> list[Job]:
        """Take `count` jobs into the queue. `body` is what each record will echo."""
        fired = faults or Fired()
        now = self.now
        lasting = {name: fired[name].given for name in ("moderated", "fail", "stuck") if name in fired}
        jobs = [
            Job(
                generation_id=str(uuid4()),
                model=model.name,
                media_type=model.media_type or "video",
                body=dict(body),
                namespace=namespace,
                repo=body.get("target_repo"),
                folder=body.get("target_directory"),
                route=route,
                enqueued_at=now,
                next_at=None if lasting.get("stuck") == "queued" else now + self.options.pace.queued(),
                listed_at=now + fired.seconds("show_late") if "show_late" in fired else None,
                gone_at=now + fired.seconds("vanish") if "vanish" in fired else None,
                faults=lasting,
                stranger=stranger,
            )
            for _ in range(count)
        ]
        with self.store.together():
            for job in jobs:
                self.store.add(job)
        self.changed.set()
        return jobs

    def job(self, generation_id: str) -> Job | None:
        """One job, unless it has vanished."""
        job = self.store.job(generation_id)
        return None if job is None or _gone(job, self.now) else job

    def listed(self, where: Mapping[str, object], statuses: tuple[str, ...]) -> list[Job]:
        """The jobs that a list shows now."""
        now = self.now
        found = self.store.jobs(where, statuses)
        return [job for job in found if not _gone(job, now) and (job.listed_at is None or job.listed_at <= now)]

    def cancel(self, job: Job) -> None:
        """End an active job. No effect on one that has ended."""
        with self.store.together():
            found = self.store.job(job.generation_id)
            if found is None or found.status not in ACTIVE:
                return
            self._ended(found, "cancelled", self.now)
        self._wake(found)

    async def finished(self, job: Job) -> Job:
        """The job, once it has ended. Waits as long as that takes."""
        while True:
            found = self.store.job(job.generation_id)
            if found is None or found.status in TERMINAL:
                return found or job
            ended = self._waiting.setdefault(job.generation_id, asyncio.Event())
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ended.wait(), _GLANCE)  # another process may have ended it

    # --- time

    def advance(self) -> None:
        """Carry out everything that is due by now, in order, and send its events."""
        now = self.now
        due = self.next_change()
        if due is None or due > now:
            return
        ended: list[Job] = []
        with self.store.together():
            busy = self.store.count(statuses=["processing"])
            freed = 0.0
            while True:
                ending = self.store.next_due("processing")
                starting = self.store.next_due("queued") if busy < self.options.parallel else None
                end_at = ending.next_at if ending and ending.next_at is not None else now + 1
                start_at = max(starting.next_at or 0, freed) if starting else now + 1
                if min(end_at, start_at) > now:
                    break
                if ending and end_at <= start_at:
                    self._ended(ending, ending.outcome or "succeeded", end_at)
                    ended.append(ending)
                    busy, freed = busy - 1, end_at
                elif starting:
                    self._begin(starting, start_at)
                    busy += 1
        for job in ended:
            self._wake(job)
            self._tell(job)

    def next_change(self) -> float | None:
        """When something is due next, in Unix seconds."""
        due = [self.store.next_due(status) for status in ACTIVE]
        return min((job.next_at for job in due if job and job.next_at is not None), default=None)

    def _begin(self, job: Job, at: float) -> None:
        job.status, job.started_at = "processing", at
        model = self.models[job.model]
        job.error = self._refusal(model, job, at)
        job.outcome = "failed" if job.error else "succeeded"
        pace = self.options.pace
        if job.error is None:
            job.cost = str(self.price(model, job.body))
            wait = pace.running(job.model, job.media_type, self.shots(model, job.body).seconds)
        else:
            wait = pace.refused()
        job.next_at = None if "stuck" in job.faults else at + wait
        self.store.keep(job)

    def _refusal(self, model: Model, job: Job, at: float) -> str | None:
        """Why a job fails, in the hub's words: parameters are checked when it runs."""
        if "fail" in job.faults:
            return str(job.faults["fail"])
        if "moderated" in job.faults:
            return MODERATED
        words = problem(model, job.body, lambda url, kind: self._reaches(url, at, kind))
        return words or (None if self._affords(self.price(model, job.body)) else NO_CREDITS)

    def _affords(self, price: Decimal) -> bool:
        """Whether the credits cover one more job beside those that are running."""
        if self.credits_left is None:
            return True
        return price <= self.credits_left - self.store.costs("processing")

    def _ended(self, job: Job, status: str, at: float) -> None:
        job.status, job.completed_at, job.next_at = status, at, None
        self.store.keep(job)

    def _wake(self, job: Job) -> None:
        ended = self._waiting.pop(job.generation_id, None)
        if ended:
            ended.set()

    def _tell(self, job: Job) -> None:
        payload: dict[str, Any] = {
            "generation_id": job.generation_id,
            "status": job.status,
            "media_type": job.media_type,
        }
        if job.status == "succeeded":
            payload |= {"model": job.model, "url": self.result_url(job)}
        else:
            payload |= {"error": job.error}
        self.events.tell(payload)

    # --- results

    def result_path(self, job: Job) -> str:
        folders = [part for part in (job.folder or "").split("/") if part not in ("", ".", "..")]
        ending = "png" if job.media_type == "image" else "mp4"
        repo = (job.repo or "").rsplit("/", 1)[-1] or "generations"
        path = "/".join([*folders, f"{job.generation_id}.{ending}"])
        return f"/api/repos/{job.namespace}/{repo}/files/main/{path}"

    def result_url(self, job: Job, *, expired: bool = False) -> str:
        """A fresh signed URL of the result."""
        return self.files.signed(self.result_path(job), self.now, expired=expired)

    async def result(self, job: Job) -> Path:
        """The file itself, rendered when it is first asked for."""
        shots = self.shots(self.models[job.model], job.body, self.store.earlier(job) % _TAKES)
        files = {url: file for url in shots.media if (file := await self._file(url)) is not None}
        return await self.pictures.made(shots, files, "png" if job.media_type == "image" else "mp4")

    async def _file(self, url: str) -> Path | None:
        """The medium behind a URL, where this sandbox has it."""
        job = self._made(url)
        return self.files.local(url) if job is None else await self.result(job)


def _gone(job: Job, now: float) -> bool:
    return job.gone_at is not None and job.gone_at <= now
