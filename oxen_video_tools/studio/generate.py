"""`generate`: prepare, ask for approval, pay each clip once, wait. A single video is a film of one clip."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from ..clock import wait_until
from ..errors import Declined, HubUnavailable, NeedsApproval, NotFound, OxenError, TimedOut, Unauthenticated, expense
from ..hub.records import Status
from ..ledger.records import Booking, Intent, Job, dollars, micros, said
from ..request import PictureRequest
from .films import generate as films
from .pictures import make_pictures, paying
from .prepare import FRESH, Prepared, Terms, how_to_make_anew, prepare
from .reconcile import about_a_job
from .results import Question, Report, Video, moment
from .submission import TRIES, Submission, body_of, pay_once, reserved, resume_submission
from .videos import keep_soon, length, of_blocking, shown, timed, watch

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .session import Session

SHORT = (
    "The hub named {} of {} videos. The others count as paid and are looked for: call again with the same arguments, "
    "which costs nothing."
)
log = logging.getLogger(__name__)
T = TypeVar("T")
Answer = bool | Decimal
Approve = Callable[[Question], "Answer | Awaitable[Answer]"]
WAIT = 900.0  # seconds, if neither the call nor OXEN_VIDEO_WAIT states it
SHORTEST = 15.0  # seconds for planning, uploading and the POST, even if the caller waits less, to return an id


@dataclass(frozen=True)
class Call:
    """The caller's side of a request.

    wait_seconds: bounds the whole call.
    approve: asks a person; returns whether, or up to which sum, they agree.
    prepared: what was prepared for a question that was just asked.
    repository: "namespace/name", where the finished video is kept.
    """

    wait_seconds: float | None = None
    approve: Approve | None = None
    on_progress: Report | None = None
    prepared: Prepared | None = None
    repository: str | None = None


async def generate(session: Session, request: VideoRequest, terms: Terms, call: Call) -> Video:
    """Make the clips of a request, each paid once, and wait. Raises what `AsyncStudio.generate` raises."""
    wait = next(one for one in (call.wait_seconds, session.settings.wait, WAIT) if one is not None)
    began = session.clock.monotonic()
    ready = began + max(wait, SHORTEST)
    prepared = _still_fresh(call.prepared, session, terms)
    for _ in range(TRIES):
        if prepared is None:
            prepared = await _within(session, prepare(session, request, terms), ready)
        video = await _made(session, prepared, call, began, wait)
        if video is not None:
            return video if call.repository is None else await films.keep_in_repository(session, video, call.repository)
        prepared = None  # the job that existed was given up meanwhile: prepare again
    raise HubUnavailable("The same request ends again and again without a result.", fix="Call again.", charged="no")


async def make_picture(session: Session, prepared: Prepared, until: float, booking: Booking | None) -> Video:
    """One picture of a call that was agreed to and is `reserved`, or one that another call makes. Waits for it.

    until: `clock.monotonic()` that bounds the wait.  Raises HubUnavailable where the other call gave it up.
    """
    left = until - session.clock.monotonic()
    ready = max(until, session.clock.monotonic() + SHORTEST)
    if not prepared.pays or booking is not None:
        paid = await _pay(session, prepared, ready, listens=left > 0, booking=booking)
        if paid is not None:
            return _told(prepared, await _watched(session, prepared, paid, until, None))
    raise HubUnavailable(
        "A picture was to be paid for by another call, which gave it up.",
        charged="no",
        fix="Call again with the same arguments.",
    )


async def _made(session: Session, prepared: Prepared, call: Call, began: float, wait: float) -> Video | None:
    """Prepare, get approval, pay and wait. None: an existing job was never sent after all, so prepare again."""
    until, ready = began + wait, began + max(wait, SHORTEST)
    prepared = await _within(session, _agreed(session, prepared, call), max(ready, began + FRESH))
    if prepared.film is not None:
        return _told(prepared, await films.make(session, prepared, until, ready, call.on_progress))
    if prepared.pays and not all(one.is_there for one in prepared.pictures):
        paid = await _pay_with_pictures(session, prepared, until, ready, listens=wait > 0)
    else:
        paid = await _pay(session, prepared, ready, listens=wait > 0)
    if paid is None:
        return None
    return _told(prepared, await _watched(session, prepared, paid, until, call.on_progress))


async def _pay_with_pictures(
    session: Session, prepared: Prepared, until: float, ready: float, *, listens: bool
) -> _Handed | None:
    """A clip that begins with pictures which are not there yet: all of it is reserved at once, then the pictures are
    made, then the clip is paid.
    """
    scope, [clip] = await session.scope(), prepared.clips
    own = clip.intent(scope, prepared.asked, session.settings.route, call=prepared.call)
    intents = [*(one.intent(scope) for one in paying(prepared.pictures)), own]
    async with reserved(session, intents, budget_of(session)) as booked:
        await make_pictures(session, prepared.pictures, booked, prepared.terms.files, until, make_picture)
        return await _pay(session, prepared, ready, listens=listens, booking=booked.get(clip.ref))


def budget_of(session: Session) -> int | None:
    return None if session.settings.budget is None else micros(session.settings.budget)


def _told(prepared: Prepared, video: Video) -> Video:
    """The answer with what the plan has to say."""
    warnings = (*(prepared.plan.warnings if prepared.pays else ()), *video.warnings)
    if prepared.stopped:
        stopped = [prepared.clips[number] for number in prepared.stopped]
        warnings = (how_to_make_anew(stopped, single=prepared.film is None), *warnings)
    told = tuple(dict.fromkeys(warnings))
    choice = prepared.plan.choice if prepared.plan.choice in told else ""
    return replace(
        video,
        warnings=told,
        reason=prepared.plan.reason,
        cast=prepared.plan.cast,
        choice=choice,
        means=prepared.plan.means,
    )


def _still_fresh(prepared: Prepared | None, session: Session, terms: Terms) -> Prepared | None:
    """What was prepared for the question, unless it is so old that prices may have changed."""
    if prepared is None or session.clock.monotonic() - prepared.made > FRESH:
        return None
    return replace(prepared, terms=terms)


async def _agreed(session: Session, prepared: Prepared, call: Call) -> Prepared:
    """Get approval if needed. What is sent never costs more than the agreed sum.

    Raises Declined, NeedsApproval.
    """
    question, sum_usd = prepared.question, prepared.terms.approved_usd
    needed = prepared.spent + micros(prepared.reserved.amount)
    before = 0 if prepared.standing is None else prepared.standing.film.agreed
    if prepared.pays and question is None and sum_usd is not None and needed > max(before, micros(sum_usd)):
        raise _not_enough(prepared, sum_usd)
    if question is None or not prepared.pays or (sum_usd is not None and micros(sum_usd) >= needed):
        return prepared
    if call.approve is None:
        if question.waived and sum_usd is None:
            return prepared
        raise NeedsApproval(question.text, fix=question.fix) if sum_usd is None else _not_enough(prepared, sum_usd)
    asked = session.clock.monotonic()
    answer = call.approve(question)
    answer = await answer if inspect.isawaitable(answer) else answer
    if answer is False or answer is None:
        raise Declined("The user declined this video; nothing was sent.")
    agreed = question.cost_usd if answer is True else Decimal(answer)
    if session.clock.monotonic() - asked > FRESH:  # prices may have changed while the person thought about it
        terms = replace(prepared.terms, approved_usd=agreed)
        return await _agreed(session, await prepare(session, prepared.request, terms), replace(call, approve=None))
    if micros(agreed) < needed:
        raise _not_enough(prepared, agreed)
    return prepared


async def agree(question: Question | None, terms: Terms, call: Call, needed: Decimal) -> Terms:
    """Get approval if needed; the terms with the agreed sum. Raises Declined, NeedsApproval."""
    if question is None or (terms.approved_usd is not None and terms.approved_usd >= needed):
        return terms
    if call.approve is None:
        if question.waived:
            return terms
        raise NeedsApproval(question.text, fix=question.fix)
    answer = call.approve(question)
    answer = await answer if inspect.isawaitable(answer) else answer
    if answer is False or answer is None:
        raise Declined("The user declined; nothing was sent.")
    agreed = question.cost_usd if answer is True else Decimal(answer)
    if agreed < needed:
        raise NeedsApproval(
            f"{said(agreed)} was agreed to; this may cost {said(needed)}. Nothing was sent.",
            fix="Ask the user again, with this price.",
        )
    return replace(terms, approved_usd=agreed)


def _not_enough(prepared: Prepared, agreed: Decimal) -> NeedsApproval:
    needed = dollars(prepared.spent + micros(prepared.reserved.amount))
    before = " with what it came to before" if prepared.spent else ""
    return NeedsApproval(
        f"{said(agreed)} was agreed to; this may cost {said(needed)}{before}. Nothing was sent.",
        fix="Ask the user again, with this price.",
    )


async def _within(session: Session, work: Coroutine[Any, Any, T], until: float) -> T:
    """Run what comes before the payment, and cancel it when the caller's time is up. Raises TimedOut."""
    task = asyncio.ensure_future(work)
    try:
        if not await wait_until(session.clock, until, task):
            raise TimedOut(
                "The time ran out before anything was sent.", charged="no", fix="Call again with more wait_seconds."
            )
        return await task
    finally:
        task.cancel()


# -- a single clip -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Handed:
    """A submitted job. listening: reserves a place among those who wait for jobs."""

    made: Submission
    listening: AsyncExitStack


async def _pay(
    session: Session, prepared: Prepared, ready: float, *, listens: bool, booking: Booking | None = None
) -> _Handed | None:
    """The job of an earlier equal call, or one that is paid now. None: that job was never sent, so prepare again."""
    job = prepared.existing
    if job is not None:
        # A cancelled job is an answer, too: only its next take is paid.
        made = Submission(job, reused=True) if prepared.stopped else await resume_submission(session, job, ready)
        return None if made is None else _Handed(made, AsyncExitStack())
    intent = await _within(session, _intent(session, prepared), ready)
    async with AsyncExitStack() as listening:
        if listens and intent.route == "queue":  # if too many wait, this fails before paying
            await listening.enter_async_context((await session.waiter()).listening())
        made = await pay_once(session, intent, budget=budget_of(session), until=ready, booking=booking)
        return _Handed(made, listening.pop_all())


async def _intent(session: Session, prepared: Prepared) -> Intent:
    """The intent of the clip, with its media uploaded. Nothing is spent yet."""
    [clip] = prepared.clips
    body = await body_of(session, clip, prepared.media, prepared.terms.files)
    scope = await session.scope()
    route = "queue" if isinstance(prepared.request, PictureRequest) else session.settings.route
    return clip.intent(scope, prepared.asked, route, call=prepared.call, body=body)


async def _watched(
    session: Session, prepared: Prepared, paid: _Handed, until: float, on_progress: Report | None
) -> Video:
    """What became of it, as far as the time reaches."""
    job = paid.made.job
    if job.generation_ids:
        expense().pays(job.job, job.generation_ids)
    async with paid.listening:
        video = await _watch(session, prepared, paid.made, until, on_progress)
    if job.is_short:
        video = replace(video, warnings=(*video.warnings, SHORT.format(len(job.generation_ids), job.expects)))
    return video


async def _watch(
    session: Session, prepared: Prepared, paid: Submission, until: float, on_progress: Report | None
) -> Video:
    video = await _outcome(session, paid, until, on_progress)
    if prepared.request.response_format == "b64_json" and video.status == "succeeded" and video.file is None:
        trouble = await keep_soon(session, video.generation_id)
        file = await session.saved_file(video.generation_id)
        video = replace(video, file=file, warnings=(*video.warnings, *trouble))
    return replace(video, reused=paid.reused, take=prepared.clips[0].ref.take)


async def _outcome(session: Session, paid: Submission, until: float, on_progress: Report | None) -> Video:
    """The job as a `Video`, when it has ended or the time is up."""
    job = paid.job
    if job.route == "sync":
        return await of_blocking(session, job)
    left = max(0.0, until - session.clock.monotonic())
    takes = await asyncio.gather(*(_one(session, paid, one, left, on_progress) for one in job.generation_ids))
    return takes[0] if len(takes) == 1 else together(takes)


async def _one(
    session: Session, paid: Submission, generation_id: str, left: float, on_progress: Report | None
) -> Video:
    if left <= 0 and not paid.reused:
        return _fresh(session, paid.job, generation_id)
    try:
        info = await session.ledger.clips(paid.job.scope, [generation_id])
        record = await watch(session, generation_id, left, on_progress, info.get(generation_id))
        return await shown(session, record)
    except (NotFound, Unauthenticated) as error:  # only a person can solve it
        raise await about_a_job(session, generation_id, error, reading=True) from None
    except OxenError as error:  # the job is paid and has an id: that is the answer
        log.warning("%s is paid, and its state could not be read: %s", generation_id, error)
        return replace(
            _fresh(session, paid.job, generation_id), warnings=(f"Its state could not be read: {error.message}",)
        )


def _fresh(session: Session, job: Job, generation_id: str) -> Video:
    """A job as a `Video`, without asking the hub."""
    info = None if job.estimate is None else dollars(job.estimate) / max(1, job.expects)
    video = Video(
        status="queued",
        generation_id=generation_id,
        model=job.model,
        duration=length(job.body),
        cost_usd=info,
        cost_is="unknown" if info is None else "estimate",
        created=moment(job.sent),
    )
    return timed(session, video, job.body)


def together(takes: list[Video]) -> Video:
    """Several versions as one answer: the first good one, with the cost of all."""
    states = {take.status for take in takes}
    order: tuple[Status, ...] = ("processing", "queued", "succeeded", "failed", "cancelled")
    status = next(word for word in order if word in states)
    first = next((take for take in takes if take.status == status), takes[0])
    costs = [take.cost_usd for take in takes if take.cost_usd is not None]
    sure = len(costs) == len(takes) and all(take.cost_is == "real" for take in takes)
    return replace(
        first,
        status=status,
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        cost_is="real" if sure else "estimate" if costs else "unknown",
        takes=tuple(takes),
        warnings=tuple(dict.fromkeys(word for take in takes for word in take.warnings)),
    )
