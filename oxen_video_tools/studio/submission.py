"""Pay once: record the intent, mark it right before the first byte, POST, record the id. Nothing is ever sent again
automatically.

All of it runs in a task of the studio: a caller's time-out, cancellation or disconnect does not interrupt it, and
`AsyncStudio.close` waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar
from uuid import uuid4

from ..catalog.cast import filter_advice
from ..clock import wait_until
from ..errors import Moderated, OxenError, SpendingRefused, SubmissionUnclear, TimedOut, expense
from ..hub.error_mapping import is_moderated
from ..ledger.jobs import Submitted, Unanswered, Unsent
from ..ledger.records import FREED, LOCAL, Booking, ClipRef, GenerationRow, Intent, Job
from ..retries import poll
from .local_files import Files
from .media_inputs import to_public_url
from .reconcile import FOLDER, LONGEST, clip_of, reconcile, unclear_error
from .settlement import settle_soon

if TYPE_CHECKING:
    from ..catalog.model_info import ModelInfo
    from ..catalog.schema import Parameter
    from ..hub import Answer, HubClient
    from .films.record import FilmClip
    from .session import Session


# The blocking route, `videos/generate`: a paid POST that returns the video, but no generation id.
#
# The result is saved at once, because its link can't be renewed. The id is looked up in the account's history; if it is
# not there, the ledger assigns a local one.

PAUSES = (0.0, 1.0, 3.0)  # seconds between looks for the id
log = logging.getLogger(__name__)


async def post_and_wait(
    session: Session, hub: HubClient, job: Job, gate: Callable[[], Awaitable[None]]
) -> list[GenerationRow]:
    """Make a video and wait for it. Raises as `HubClient.generate` does."""
    answer = await hub.generate(job.body, timeout=LONGEST, before_send=gate)
    ids = await _ids(session, hub, job, len(answer.videos))
    now = session.clock.time()
    made = [
        GenerationRow(job.scope, one, job.job, place, "succeeded", job.model, created=job.created, ended=now)
        for place, one in enumerate(ids)
    ]
    return [await _kept(session, answer, clip) for clip in made]


async def _ids(session: Session, hub: HubClient, job: Job, count: int) -> list[str]:
    """The hub's ids, if its history shows them soon; else local ids."""
    async for _ in poll(PAUSES, clock=session.clock):
        try:
            found = await _in_history(session, hub, job)
        except Exception as error:  # it is paid: a failure now must not make it refused or unclear
            log.warning("The ids of %s could not be looked up: %s", job.job, type(error).__name__, exc_info=True)
            continue
        if len(found) == count:
            return found
    return [f"{LOCAL}{job.job}" + (f"-{place}" if place else "") for place in range(count)]


async def _in_history(session: Session, hub: HubClient, job: Job) -> list[str]:
    from .reconcile import is_its_record, read_account, since

    current = await session.ledger.job_named(job.job) or job
    reading = await read_account(hub, job.namespace, since(current) or 0.0)
    candidates = [one for one in reading.generations if is_its_record(current, one)]
    held = await session.ledger.clips(job.scope, [one.generation_id for one in candidates])
    taken = {one for one, clip in held.items() if clip.job is not None}
    return [one.generation_id for one in candidates if one.generation_id not in taken] if reading.complete else []


async def _kept(session: Session, answer: Answer, clip: GenerationRow) -> GenerationRow:
    """Save the result of a clip. A full disk, or any other failure, costs the file, never the id."""
    from .result_files import keep_result

    result = answer.videos[clip.position]
    clip = replace(clip, url=result.url)
    try:
        saved = await keep_result(session, clip, result)
    except OxenError as error:
        log.warning("The result of %s could not be kept: %s", clip.generation_id, error)
        return clip
    except Exception as error:  # its message may not be redacted
        log.warning("The result of %s could not be kept: %s", clip.generation_id, type(error).__name__)
        return clip
    return replace(clip, file=str(saved.file), sha256=saved.sha256, size=saved.size)


def local_id(job: Job) -> str:
    """The local id of a job of the blocking route, used unless the hub's id is found."""
    return f"{LOCAL}{job.job}"


def job_of_local(generation_id: str) -> str | None:
    """The job of a local id; None for other ids."""
    return generation_id[len(LOCAL) :][:36] if generation_id.startswith(LOCAL) else None


T = TypeVar("T")
P = ParamSpec("P")
LATE = 5.0  # seconds from the mark to the first byte; longer means that the machine slept, and `sent` is wrong
TRIES = 4  # for an intent that was given up before its first byte
LOOKS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between searches for a job whose answer was lost
REST = 3  # how many of these searches are made for ids that an answer omitted
GLANCES = (0.1, 1.0)  # seconds between looks at a job that another process sends: first and longest pause
WRITES = (0.2, 1.0, 3.0, 10.0)  # seconds between tries to record the outcome of a paid request
LOST = "its answer was lost"


@dataclass(frozen=True)
class Submission:
    """A job that the hub has, or that is being sent. reused: it existed before this call."""

    job: Job
    reused: bool


class GaveUpError(TimedOut):
    """Nothing was sent: the lease was lost, or too much time passed since the mark."""


class SendGuard:
    """Called right before the first byte of each try. open: the last try was let through."""

    def __init__(self, session: Session, job: Job) -> None:
        self._session, self._job = session, job
        self.open = False

    async def __call__(self) -> None:
        self.open = False
        clock, ledger = self._session.clock, self._session.ledger
        wall, steady = clock.time(), clock.monotonic()
        there = (await self._session.hub()).hub_time()
        owner = self._job.owner or ""
        if not await ledger.mark_sending(self._job.job, owner, wall, ledger.lease, there):
            raise GaveUpError("Somebody else has taken this job over.", charged="no")
        if max(clock.time() - wall, clock.monotonic() - steady) > LATE:
            raise GaveUpError("The machine stood still right before sending; nothing was sent.", charged="no")
        self.open = True


@dataclass
class Attempt:
    """One attempt to send an intent.

    booking: if it was reserved already, together with others.
    job: in the ledger, once booked.
    mine: this call booked it, and may send it.
    gave_up: nothing was sent, and another attempt may be made.
    """

    intent: Intent
    budget: int | None
    booking: Booking | None = None
    job: Job | None = None
    mine: bool = False
    gave_up: bool = False

    @property
    def name(self) -> str:
        """Its name in the expenses of the call, until the job is booked."""
        return f"attempt {id(self)}"

    async def run(self, session: Session) -> None:
        """Book the intent, and send the job if it is ours. Raises what `reserve` raises, and the hub's refusal."""
        try:
            booking = await (self._booked(session) if self.booking is None else self._filled(session, self.booking))
            if booking is None:
                self.gave_up = True
                return
            self.job, self.mine = booking.job, booking.mine
            if booking.mine:
                try:
                    self.job = await send(session, booking.job)
                except GaveUpError as why:
                    log.warning("Not sent: %s", why)
                    self.gave_up = True
        finally:
            expense().sent_nothing(self.name)  # from here on the job itself is counted

    async def _filled(self, session: Session, booking: Booking) -> Booking | None:
        """What was reserved with a planned body, with the body as it is sent; None where it was lost meanwhile."""
        if not booking.mine:
            return booking
        ledger, job = session.ledger, booking.job
        now = session.clock.time()
        ready = await ledger.fill_part(
            job, job.owner or "", dict(self.intent.body), now, ledger.lease, ledger.booking_owner()
        )
        return None if ready is None else Booking(ready, mine=True)

    async def _booked(self, session: Session) -> Booking:
        ledger = session.ledger
        owner = ledger.booking_owner()
        try:
            found = await ledger.reserve([self.intent], owner, session.clock.time(), ledger.lease, self.budget)
        except SpendingRefused:
            raise
        except Exception:  # it may be committed nevertheless, and others would wait for a job that is never sent
            session.errand(_noted(session, session.ledger.unbooked, owner, session.clock.time()))
            raise
        return found[0]


@asynccontextmanager
async def reserved(
    session: Session, intents: Sequence[Intent], budget: int | None
) -> AsyncIterator[Mapping[ClipRef, Booking]]:
    """Everything that a call pays for, reserved in one transaction, or nothing of it; held as long as this lasts.

    What was not sent until then is released.

    budget: micro-dollars over 24 h.
    Raises Paused, OverBudget.
    """
    ledger = session.ledger
    owner = ledger.booking_owner()
    reserving = session.own(ledger.reserve(intents, owner, session.clock.time(), ledger.lease, budget))
    holding: asyncio.Task[None] | None = None
    try:
        bookings = await asyncio.shield(reserving)
        jobs = [one.job for one in bookings if one.mine]

        async def renew(now: float, lease: float) -> None:
            for job in jobs:  # one that was handed over has another owner
                await ledger.renew(job.job, owner, now, lease)

        holding = asyncio.ensure_future(keep_lease(session, renew))
        yield {one.job.ref: one for one in bookings}
    finally:
        if holding is not None:
            holding.cancel()
        await asyncio.shield(session.own(_release(session, reserving, owner)))


async def _release(session: Session, reserving: asyncio.Task[list[Booking]], owner: str) -> None:
    await asyncio.wait({reserving})
    if not reserving.cancelled() and not isinstance(reserving.exception(), SpendingRefused):
        await _noted(session, session.ledger.unbooked, owner, session.clock.time())


async def pay_once(
    session: Session, intent: Intent, *, budget: int | None, until: float, booking: Booking | None = None
) -> Submission:
    """The job of an intent: an existing one, or one that is sent now.

    budget: micro-dollars over 24 h.
    until: the `clock.monotonic()` at which to stop waiting.
    booking: if it is `reserved` already.
    Raises the error of a refusal, Paused, OverBudget, SubmissionUnclear, TimedOut.
    """
    for _ in range(TRIES):
        attempt = Attempt(intent, budget, booking)
        booking = None  # given up, it is booked anew
        expense().sends(attempt.name)  # the task continues after this call's time is up
        sending = session.own(attempt.run(session))
        if not await wait_until(session.clock, until, sending):
            return _on_its_way(attempt.job, mine=attempt.mine)
        await sending
        if attempt.gave_up or attempt.job is None:
            continue
        paid = await _followed(session, attempt.job, until, mine=attempt.mine)
        if paid is not None:
            return await _with_the_rest(session, paid, until) if attempt.mine else paid
    raise TimedOut("The request could not be sent: the machine stood still again and again.")


async def _with_the_rest(session: Session, paid: Submission, until: float) -> Submission:
    """If the hub returned fewer ids than were paid for, look for the others for a moment."""
    job = paid.job
    for pause in LOOKS[:REST]:
        if not job.is_short or session.clock.monotonic() + pause > until:
            break
        try:
            await reconcile(session)
            job = await _now(session, job)
        except Exception:  # it is paid, and has ids
            log.warning("The rest of job %s could not be looked for", job.job, exc_info=True)
            break
        if job.is_short:
            await session.clock.sleep(pause)
    return Submission(job, paid.reused)


async def _followed(session: Session, job: Job, until: float, *, mine: bool) -> Submission | None:
    """As `resume_submission`, but a job of this call that may have been sent is reported as unclear, whatever fails."""
    try:
        return await resume_submission(session, job, until, mine=mine)
    except (SubmissionUnclear, TimedOut):
        raise
    except Exception as error:
        if not (mine and job.is_unclear):
            raise
        log.warning("Job %s could not be looked for", job.job, exc_info=True)
        raise unclear_error(job) from error


async def resume_submission(session: Session, job: Job, until: float, *, mine: bool = False) -> Submission | None:
    """Follow the job of an equal request until the hub has it. None: it was never sent, and may be sent now.

    mine: this call sent it.
    Raises SubmissionUnclear, TimedOut.
    """
    if not mine and job.state in ("planned", "sending") and job.is_live(session.clock.time()):
        job = await _of_another(session, job, until)
    if job.state == "sending" and not job.is_live(session.clock.time()):
        job = await found(session, job, until)
    if job.state == "planned" and not job.is_live(session.clock.time()):
        return None
    if job.state in ("planned", "sending"):
        return _on_its_way(job, mine=mine)
    return None if job.state in FREED and not job.generation_ids else Submission(job, reused=not mine)


def _on_its_way(job: Job | None, *, mine: bool) -> Submission:
    """The time is up during the POST. A job of the blocking route has a local id by now; others raise TimedOut."""
    if job is not None and job.route == "sync":
        return Submission(job, reused=not mine)
    raise TimedOut(
        "The time ran out while the request was being handed to the hub.",
        charged="unknown",
        fix="Call again with the same arguments: the same request is paid once.",
    )


async def send(session: Session, job: Job) -> Job:
    """POST a booked job, once. Returns the job with its ids, or as unclear.

    Raises GaveUpError if nothing was sent, and the hub's refusal.
    """
    hub, gate = await session.hub(), SendGuard(session, job)
    if hub.hub_time() is None:  # needed to search for a lost answer; every response has it
        with suppress(OxenError):
            await hub.me()
    beating = asyncio.ensure_future(keep_lease(session, partial(session.ledger.renew, job.job, job.owner or "")))
    expense().sends(job.job)
    try:
        if job.route == "sync":
            clips = await post_and_wait(session, hub, job, gate)
        else:
            async with session.handing_over:  # a marked job must not wait for a connection
                made = await hub.enqueue(job.body, before_send=gate)
            clips = [clip_of(one, job.scope, job.model) for one in made]
    except Exception as error:
        return await _unanswered(session, job, gate, error)
    finally:
        beating.cancel()
    expense().pays(job.job, [clip.generation_id for clip in clips])
    return await _written(session, job, clips)


async def filter_fix(session: Session, model: str | None, error: str | None) -> str:
    """What to do where a content filter refused something, naming the model's flags; empty for any other error."""
    if not is_moderated(error) or not model:
        return ""
    with suppress(OxenError):
        models = await session.catalog().models()
        info = models.known(model)
        return f"A filter of {model} refused it. {filter_advice(info)} Change the words, or name another model."
    return ""


async def keep_lease(session: Session, renew: Callable[[float, float], Awaitable[bool | None]]) -> None:
    """Renew a lease until cancelled, three times in its length. Returns when it is another process's.

    renew: called with the ledger's time and the length of the lease, in seconds; False: it was lost.
    """
    while True:
        await session.clock.sleep(session.ledger.lease / 3)
        try:
            if await renew(session.clock.time(), session.ledger.lease) is False:
                return
        except OxenError as error:  # tried again: the lease is longer than one failure
            log.warning("A lease could not be renewed: %s", error)


async def _unanswered(session: Session, job: Job, gate: SendGuard, error: Exception) -> Job:
    """Record a POST without ids: refused, not sent, or unclear. A failing ledger does not change the outcome."""
    owner, now = job.owner or "", session.clock.time()
    refused = isinstance(error, OxenError) and error.charged == "no"
    if not gate.open or refused:  # no byte was sent, or the hub refused
        state: Literal["refused", "dropped"] = "refused" if gate.open else "dropped"
        words = error.message if isinstance(error, OxenError) else type(error).__name__
        await _noted(session, session.ledger.record_job, job.job, Unsent(owner, state, words), now)
        session.meter.unanswered(job, state)
        expense().sent_nothing(job.job)
        if isinstance(error, Moderated):
            error.fix = await filter_fix(session, job.model, error.message) or error.fix
        raise error
    log.warning("%s", error if isinstance(error, OxenError) else type(error).__name__)
    await _noted(session, session.ledger.record_job, job.job, Unanswered(owner, LOST), now)
    session.meter.unanswered(job, "unclear")
    with suppress(Exception):
        return await _now(session, job)
    return replace(job, state="sending", sent=now, owner=None, lease=0.0, note=LOST)


async def _written(session: Session, job: Job, clips: Sequence[GenerationRow]) -> Job:
    """Record the ids. A failing ledger must not hide them from the caller."""
    ids = tuple(clip.generation_id for clip in clips)
    session.meter.accepted(job, ids, session.clock.time())
    written = await _noted(session, session.ledger.record_job, job.job, Submitted(clips), session.clock.time())
    if written is None:
        log.error("The ids %s could not be written down yet", ids)
        return replace(job, state="running", generation_ids=ids)
    if job.route == "sync":  # it has ended with its answer
        settle_soon(session)
    return written


async def _noted(session: Session, write: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Run a transaction about a paid request, with retries. None: it has not succeeded yet.

    A restart of a database takes longer than a caller waits, so a task goes on retrying while the studio is open.
    """
    for pause in (*WRITES, None):
        try:
            return await write(*args, **kwargs)
        except Exception as error:
            log.warning("The ledger could not take down what became of a job: %s", type(error).__name__, exc_info=True)
        if pause is not None:
            await session.clock.sleep(pause)
    session.errand(_noted_late(session, write, *args, **kwargs))
    return None


async def _noted_late(session: Session, write: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    while True:
        await session.clock.sleep(WRITES[-1])
        with suppress(Exception):
            return await write(*args, **kwargs)


async def _now(session: Session, job: Job) -> Job:
    return await session.ledger.job_named(job.job) or job


async def _of_another(session: Session, job: Job, until: float) -> Job:
    """Wait until another call has sent the job, or its lease has expired."""
    pause, longest = GLANCES
    while job.state in ("planned", "sending") and job.is_live(session.clock.time()):
        if session.clock.monotonic() + pause > until:
            break
        await session.clock.sleep(pause)
        pause = min(pause * 1.5, longest)
        job = await _now(session, job)
    return job


async def found(session: Session, job: Job, until: float) -> Job:
    """Search for an unclear job until it is found or the time is up. Raises SubmissionUnclear."""
    async for _ in poll((0.0, *LOOKS), clock=session.clock, until=until):
        await reconcile(session)
        job = await _now(session, job)
        if not job.is_unclear:
            session.meter.resolved(job, session.clock.time())
            return job
    raise unclear_error(job)


# The body of a clip as it is sent: with links for its media, and a mark.

LARGEST_SEED = 2**31 - 1


async def body_of(
    session: Session, clip: FilmClip, media: Mapping[str, str], files: Files, first_frame: str | None = None
) -> dict[str, Any]:
    """The body of a clip as it is sent. Each medium is uploaded once.

    media: the reference of each medium, by its fingerprint.
    first_frame: the link of the last frame of the previous clip.
    Raises InputNotAllowed, InputUnreadable, NotFound, HubUnavailable.
    """
    wanted = dict.fromkeys(place.reference for place in clip.job.media)
    links = {one: await to_public_url(session, media.get(one, one), files, known_as=one) for one in wanted}
    body = clip.job.filled({place.path: links[place.reference] for place in clip.job.media}, first_frame)
    return with_marker_seed(body, (await session.catalog().models()).known(clip.job.model), session.settings.mark)


def with_marker_seed(
    body: Mapping[str, Any], info: ModelInfo, mark: Literal["seed", "directory"] = "seed"
) -> dict[str, Any]:
    """The body with a mark of ours, which the queue echoes, so that a job whose answer is lost can be identified.

    The mark is a seed, if the model takes one and none was given; and a `target_directory`, if the caller keeps results
    in a repository or chose that mark, and named none.
    """
    whole, bounds = dict(body), _seed_bounds(info.parameters.get("seed"))
    if body.get("seed") is None and bounds is not None:
        whole["seed"] = random.SystemRandom().randint(*bounds)
    if body.get("target_directory") is None and (body.get("target_repo") or mark == "directory"):
        whole["target_directory"] = f"{FOLDER}{uuid4().hex[:12]}"
    return whole


def _seed_bounds(seed: Parameter | None) -> tuple[int, int] | None:
    if seed is None or seed.enum or not {"integer", "number"} & set(seed.types):
        return None
    least, most = seed.span
    low, high = max(1, int(least or 1)), min(LARGEST_SEED, int(most or LARGEST_SEED))
    return (low, high) if low < high else None
