"""Spend once: write the intent, mark it right before the first byte, POST, write the id. Never sent again by itself.

Everything between the intent and the id runs in a task that the studio owns: a caller's time-out, cancellation or
disconnect does not cut it, and `AsyncStudio.close` waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ..clock import Clock
from ..errors import OxenError, SpendingRefused, SubmissionUnclear, TimedOut, expense
from .blocking import post_and_wait
from .following import settle_soon
from .ledger.booking import arrived, mark_sending, renew, reserve, unbooked, unclear, unsent
from .ledger.records import FREED, Booking, Clip, Intent, Job, State
from .ledger.steps import Steps, job_named
from .reconcile import clip_of, reconcile, unclear_error

if TYPE_CHECKING:
    from .stage import Stage

T = TypeVar("T")
P = ParamSpec("P")
LATE = 5.0  # seconds from the mark to the first byte: beyond it the machine slept, and `sent` would be wrong
TRIES = 4  # of an intent that was given up before its first byte
LOOKS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between looks for a job whose answer was lost
REST = 3  # of them, for ids that an answer left out
GLANCES = (0.1, 1.0)  # seconds between looks at what another process is sending: the first, the longest
WRITES = (0.2, 1.0, 3.0, 10.0)  # seconds between tries to write down what became of a paid request
LOST = "its answer was lost"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Paid:
    """A job that the hub has, or is being handed. reused: it was there before this call."""

    job: Job
    reused: bool


class GaveUpError(TimedOut):
    """Nothing was sent: the lease was lost, or too much time passed since the mark."""


class Gate:
    """Stands right before the first byte of each try. open: whether the last try was let through."""

    def __init__(self, stage: Stage, job: Job) -> None:
        self._stage, self._job = stage, job
        self.open = False

    async def __call__(self) -> None:
        self.open = False
        clock, ledger = self._stage.clock, self._stage.ledger
        wall, steady = clock.time(), clock.monotonic()
        there = (await self._stage.hub()).hub_time()
        owner = self._job.owner or ""
        if not await ledger.run(mark_sending, self._job.job, owner, wall, ledger.lease, there):
            raise GaveUpError("Somebody else has taken this job over.", charged="no")
        if max(clock.time() - wall, clock.monotonic() - steady) > LATE:
            raise GaveUpError("The machine stood still right before sending; nothing was sent.", charged="no")
        self.open = True


@dataclass
class Attempt:
    """One way from an intent to the hub. job: as the ledger has it, once booked.  mine: this process may send it.

    gave_up: nothing was sent, and the intent may be written again.
    """

    intent: Intent
    budget: int | None
    job: Job | None = None
    mine: bool = False
    gave_up: bool = False

    @property
    def name(self) -> str:
        """What the call notes until the job itself is booked."""
        return f"attempt {id(self)}"

    async def run(self, stage: Stage) -> None:
        """Book, and send what is ours. Raises what `reserve` and the hub's refusal raise."""
        try:
            [booking] = await self._booked(stage)
            self.job, self.mine = booking.job, booking.mine
            if booking.mine:
                try:
                    self.job = await send(stage, booking.job)
                except GaveUpError as why:
                    log.warning("Not sent: %s", why)
                    self.gave_up = True
        finally:
            expense().sent_nothing(self.name)  # by now the job itself is noted

    async def _booked(self, stage: Stage) -> list[Booking]:
        ledger = stage.ledger
        owner = ledger.booking_owner()
        try:
            return await ledger.run(reserve, [self.intent], owner, stage.clock.time(), ledger.lease, self.budget)
        except SpendingRefused:
            raise
        except Exception:  # it may have been committed all the same: nobody would send it, and all would wait for it
            stage.errand(_noted(stage, unbooked, owner, stage.clock.time()))
            raise


async def pay_once(stage: Stage, intent: Intent, *, budget: int | None, until: float) -> Paid:
    """The job of an intent: the one that exists, or one sent now. until: `clock.monotonic()` that bounds the waiting.

    Raises a refusal's own kind, Paused, OverBudget, SubmissionUnclear, TimedOut.
    """
    for _ in range(TRIES):
        attempt = Attempt(intent, budget)
        expense().sends(attempt.name)  # the task goes on when this call's time is up
        sending = stage.own(attempt.run(stage))
        if not await ended(sending, stage.clock, until):
            return _on_its_way(attempt.job, mine=attempt.mine)
        await sending
        if attempt.gave_up or attempt.job is None:
            continue
        paid = await _followed(stage, attempt.job, until, mine=attempt.mine)
        if paid is not None:
            return await _with_the_rest(stage, paid, until) if attempt.mine else paid
    raise TimedOut("The request could not be sent: the machine stood still again and again.")


async def _with_the_rest(stage: Stage, paid: Paid, until: float) -> Paid:
    """The hub named fewer generations than were paid for: the others are looked for, for a moment."""
    job = paid.job
    for pause in LOOKS[:REST]:
        if not job.is_short or stage.clock.monotonic() + pause > until:
            break
        try:
            await reconcile(stage)
            job = await _now(stage, job)
        except Exception:  # it is paid, and has ids
            log.warning("The rest of job %s could not be looked for", job.job, exc_info=True)
            break
        if job.is_short:
            await stage.clock.sleep(pause)
    return Paid(job, paid.reused)


async def _followed(stage: Stage, job: Job, until: float, *, mine: bool) -> Paid | None:
    """As `resumed`. A job of this call that may have been sent is unclear, whatever keeps it from being looked for."""
    try:
        return await resumed(stage, job, until, mine=mine)
    except (SubmissionUnclear, TimedOut):
        raise
    except Exception as error:
        if not (mine and job.is_unclear):
            raise
        log.warning("Job %s could not be looked for", job.job, exc_info=True)
        raise unclear_error(job) from error


async def resumed(stage: Stage, job: Job, until: float, *, mine: bool = False) -> Paid | None:
    """The job of an equal request, followed until the hub has it; None where it turned out to be free to be sent.

    Raises SubmissionUnclear, TimedOut.
    """
    if not mine and job.state in ("planned", "sending") and job.is_live(stage.clock.time()):
        job = await _of_another(stage, job, until)
    if job.state == "sending" and not job.is_live(stage.clock.time()):
        job = await found(stage, job, until)
    if job.state == "planned" and not job.is_live(stage.clock.time()):
        return None
    if job.state in ("planned", "sending"):
        return _on_its_way(job, mine=mine)
    return None if job.state in FREED and not job.generation_ids else Paid(job, reused=not mine)


async def ended(task: asyncio.Task[Any], clock: Clock, until: float) -> bool:
    """Whether a task ends in time. Giving up the waiting, or being cancelled here, leaves it running."""
    alarm = asyncio.ensure_future(clock.sleep(max(0.0, until - clock.monotonic())))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()
    return task.done()


def _on_its_way(job: Job | None, *, mine: bool) -> Paid:
    """The time is up while the request is being handed over. The blocking route's jobs have an id of ours by then."""
    if job is not None and job.route == "sync":
        return Paid(job, reused=not mine)
    raise TimedOut(
        "The time ran out while the request was being handed to the hub.",
        charged="unknown",
        fix="Call again with the same arguments: the same request is paid once.",
    )


async def send(stage: Stage, job: Job) -> Job:
    """POST a booked job, once. Answers it as the ledger then has it: with ids, or unclear.

    Raises GaveUpError where nothing was sent, and the hub's refusal.
    """
    hub, gate = await stage.hub(), Gate(stage, job)
    if hub.hub_time() is None:  # by which a lost answer is looked for: any answer tells it
        with suppress(OxenError):
            await hub.me()
    beating = asyncio.ensure_future(_beat(stage, job))
    expense().sends(job.job)
    try:
        if job.route == "sync":
            clips = await post_and_wait(stage, hub, job, gate)
        else:
            async with stage.handing_over:  # a mark that then waits for a connection would soon be too old
                made = await hub.enqueue(job.body, before_send=gate)
            clips = [clip_of(one, job.scope, job.model) for one in made]
    except Exception as error:
        return await _unanswered(stage, job, gate, error)
    finally:
        beating.cancel()
    expense().pays(job.job, [clip.generation_id for clip in clips])
    return await _written(stage, job, clips)


async def _beat(stage: Stage, job: Job) -> None:
    """As long as this process lives and waits for the answer, the lease is its own."""
    ledger = stage.ledger
    while True:
        await stage.clock.sleep(ledger.lease / 3)
        with suppress(OxenError):
            await ledger.run(renew, job.job, job.owner or "", stage.clock.time(), ledger.lease)


async def _unanswered(stage: Stage, job: Job, gate: Gate, error: Exception) -> Job:
    """No ids came. A ledger that fails now changes nothing about what was sent: the answer is still the hub's."""
    owner, now = job.owner or "", stage.clock.time()
    refused = isinstance(error, OxenError) and error.charged == "no"
    if not gate.open or refused:  # no try got as far as its first byte, or the hub said no
        state: State = "refused" if gate.open else "dropped"
        words = error.message if isinstance(error, OxenError) else type(error).__name__
        await _noted(stage, unsent, job.job, owner, state, now, words)
        stage.meter.unanswered(job, state)
        expense().sent_nothing(job.job)
        raise error
    log.warning("%s", error if isinstance(error, OxenError) else type(error).__name__)
    await _noted(stage, unclear, job.job, owner, LOST)
    stage.meter.unanswered(job, "unclear")
    with suppress(Exception):
        return await _now(stage, job)
    return replace(job, state="sending", sent=now, owner=None, lease=0.0, note=LOST)


async def _written(stage: Stage, job: Job, clips: Sequence[Clip]) -> Job:
    """The ids, in the ledger. They are known: a ledger that fails now must not hide them from the caller."""
    ids = tuple(clip.generation_id for clip in clips)
    stage.meter.accepted(job, ids, stage.clock.time())
    written = await _noted(stage, arrived, job.job, clips, stage.clock.time())
    if written is None:
        log.error("The ids %s could not be written down yet", ids)
        return replace(job, state="running", generation_ids=ids)
    if job.route == "sync":  # it has ended with its answer
        settle_soon(stage)
    return written


async def _noted(stage: Stage, steps: Callable[P, Steps[T]], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """One transaction about what was sent, tried again for a while; None where the ledger could not carry it out.

    A database that restarts takes longer than a caller waits: a task goes on trying for as long as the studio is open.
    """
    for pause in (*WRITES, None):
        try:
            return await stage.ledger.run(steps, *args, **kwargs)
        except Exception as error:
            log.warning("The ledger could not take down what became of a job: %s", type(error).__name__, exc_info=True)
        if pause is not None:
            await stage.clock.sleep(pause)
    stage.errand(_noted_late(stage, steps, *args, **kwargs))
    return None


async def _noted_late(stage: Stage, steps: Callable[P, Steps[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    while True:
        await stage.clock.sleep(WRITES[-1])
        with suppress(Exception):
            return await stage.ledger.run(steps, *args, **kwargs)


async def _now(stage: Stage, job: Job) -> Job:
    return await stage.ledger.run(job_named, job.job) or job


async def _of_another(stage: Stage, job: Job, until: float) -> Job:
    """Another call is handing it over: wait until it did, or went away."""
    pause, longest = GLANCES
    while job.state in ("planned", "sending") and job.is_live(stage.clock.time()):
        if stage.clock.monotonic() + pause > until:
            break
        await stage.clock.sleep(pause)
        pause = min(pause * 1.5, longest)
        job = await _now(stage, job)
    return job


async def found(stage: Stage, job: Job, until: float) -> Job:
    """An unclear job, looked for until it is found or the time is up. Raises SubmissionUnclear."""
    for pause in (0.0, *LOOKS):
        if pause and stage.clock.monotonic() + pause > until:
            break
        await stage.clock.sleep(pause)
        await reconcile(stage)
        job = await _now(stage, job)
        if not job.is_unclear:
            stage.meter.resolved(job, stage.clock.time())
            return job
    raise unclear_error(job)
