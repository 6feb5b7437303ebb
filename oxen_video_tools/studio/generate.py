"""`generate`: look whether it is there already; else plan, ask, pay once; then wait."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import uuid4

from ..errors import Declined, HubUnavailable, NeedsApproval, NotFound, OxenError, TimedOut, Unauthenticated, expense
from ..ledger.records import Intent, Job, dollars, micros
from ..ledger.transactions import clips, job_for_take
from ..request import VideoRequest
from .identifiers import references
from .local_files import Files
from .media_inputs import fingerprints, to_public_url
from .prepare import Reservation, identify, plan_request, question_about, reserve_amount, stands
from .queries import about_a_job, keep_soon, length, of_blocking, shown, timed, watch
from .reconcile import FOLDER
from .results import Question, Report, Status, Video
from .submission import Submission, ended, pay_once, resume_submission

if TYPE_CHECKING:
    from ..catalog.model_info import ModelInfo
    from ..catalog.schema import Parameter
    from .plan import Plan
    from .session import Session

T = TypeVar("T")
Approve = Callable[[Question], "bool | Awaitable[bool]"]
WAIT = 900.0  # seconds, where neither the call nor OXEN_VIDEO_WAIT says
SHORT = (
    "The hub named {} of {} videos. The others count as paid and are looked for: call again with the same arguments, "
    "which costs nothing."
)
LARGEST_SEED = 2**31 - 1
SHORTEST = 15.0  # seconds that planning, uploading and the POST may take, however short the wait: an id is worth it
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """How a request is to be made.

    take: None is a new job each time.  max_cost_usd: US dollars.  wait_seconds: bounds the whole call.
    approve: asks a person.  approved: a person has agreed.  files: where local inputs may lie.
    """

    take: int | None = None
    max_cost_usd: Decimal | None = None
    wait_seconds: float | None = None
    approve: Approve | None = None
    approved: bool = False
    on_progress: Report | None = None
    files: Files = "anywhere"


async def generate(session: Session, request: VideoRequest, call: Call) -> Video:
    """One paid job, or the jobs of a film, waited for. Raises what `AsyncStudio.generate` says."""
    wait = next(one for one in (call.wait_seconds, session.settings.wait, WAIT) if one is not None)
    began = session.clock.monotonic()
    until, ready = began + wait, began + max(wait, SHORTEST)
    if request.multi_prompt:
        from .films import generate as films_generate

        opening = await _within(session, films_generate.prepare_film(session, request, call), ready)
        if opening is not None:
            return await films_generate.make_film(session, opening, until, ready, call.on_progress)
    async with AsyncExitStack() as hearing:
        warnings: tuple[str, ...] = ()
        paid = await _there_already(session, request, call, ready)
        if paid is None:
            order = await _within(session, _ordered(session, request, call), ready)
            if wait > 0 and order.intent.route == "queue":  # refused here if too many wait, not after paying
                await hearing.enter_async_context((await session.waiter()).listening())
            paid, warnings = await _pay(session, order, ready), order.plan.warnings
        if paid.job.generation_ids:
            expense().pays(paid.job.job, paid.job.generation_ids)
        video = await _outcome(session, paid, until, call.on_progress)
    if request.response_format == "b64_json" and video.status == "succeeded" and video.file is None:
        trouble = await keep_soon(session, video.generation_id)
        file = await session.saved_file(video.generation_id)
        video = replace(video, file=file, warnings=(*video.warnings, *trouble))
    if paid.job.is_short:
        warnings = (*warnings, SHORT.format(len(paid.job.generation_ids), paid.job.expects))
    return replace(video, reused=paid.reused, warnings=(*warnings, *video.warnings))


async def _there_already(session: Session, request: VideoRequest, call: Call, until: float) -> Submission | None:
    """The job of an equal call before this one; nothing is planned, asked or uploaded for it again."""
    if call.take is None:
        return None
    key, _ = await identify(session, request, call.files)
    job = await session.ledger.run(job_for_take, await session.scope(), key, call.take)
    return await resume_submission(session, job, until) if job is not None and stands(job) else None


@dataclass(frozen=True)
class PreparedJob:
    """What is about to be paid."""

    plan: Plan
    stake: Reservation
    intent: Intent


async def _ordered(session: Session, request: VideoRequest, call: Call) -> PreparedJob:
    """Planned, agreed to, its media where the hub can read them. Nothing is spent yet."""
    await session.scope()  # without a key nothing can be paid: said before anything is looked up
    plan = await plan_request(session, request, call.files)
    plan.raise_for_problems()
    if len(plan.jobs) != 1:  # `film` was asked a moment ago: the list of models has changed since
        raise HubUnavailable("The list of models has just changed; nothing was sent.", fix="Call again.", charged="no")
    stake = reserve_amount(plan, session.settings, call.max_cost_usd)
    await check_agreement(question_about(plan, stake, session.settings, call.max_cost_usd), call)
    prints = await fingerprints(session, references(request), call.files)
    key, words = await identify(session, request, call.files, prints)
    body = await _with_urls(session, plan, call.files, prints)
    info = (await session.catalog().models()).known(plan.model)
    intent = Intent(
        scope=await session.scope(),
        request=key,
        take=call.take,
        body=with_marker_seed(body, info, session.settings.mark),
        asked=words,
        route=session.settings.route,
        expects=int(body.get("num_generations") or 1),
        estimate=None if stake.estimate is None else micros(stake.estimate),
        reserved=micros(stake.amount),
    )
    return PreparedJob(plan, stake, intent)


async def check_agreement(question: Question | None, call: Call) -> None:
    """Whoever has to be asked is asked. Raises Declined or NeedsApproval."""
    if question is None or call.approved:
        return
    if call.approve is not None:
        answer = call.approve(question)
        if not (await answer if inspect.isawaitable(answer) else answer):
            raise Declined("The user declined this video; nothing was sent.")
    elif not question.waived:
        raise NeedsApproval(question.text, fix=question.fix)


async def _with_urls(session: Session, plan: Plan, files: Files, prints: Mapping[str, str]) -> dict[str, Any]:
    """The body with links in the place of files and ids; each medium is uploaded once."""
    from ..catalog.translate import put_urls

    [job] = plan.jobs
    wanted = list(dict.fromkeys(place.reference for place in job.media))
    links = {one: await to_public_url(session, one, files, known_as=prints.get(one)) for one in wanted}
    return put_urls(job.body, {place.path: links[place.reference] for place in job.media})


def with_marker_seed(
    body: Mapping[str, Any], info: ModelInfo, mark: Literal["seed", "directory"] = "seed"
) -> dict[str, Any]:
    """The body with a mark of our own, which the queue echoes, so that a job whose answer is lost can be told from any
    other: a seed, where the model takes one and none was given; a `target_directory`, where the caller keeps results in
    a repository or asked for it, and named none.
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


async def _pay(session: Session, order: PreparedJob, until: float) -> Submission:
    budget = session.settings.budget
    return await pay_once(session, order.intent, budget=None if budget is None else micros(budget), until=until)


async def _within(session: Session, work: Coroutine[Any, Any, T], until: float) -> T:
    """What comes before the money ends with the caller's time."""
    task = asyncio.ensure_future(work)
    try:
        if not await ended(task, session.clock, until):
            raise TimedOut(
                "The time ran out before anything was sent.", charged="no", fix="Call again with more wait_seconds."
            )
        return await task
    finally:
        task.cancel()


async def _outcome(session: Session, paid: Submission, until: float, on_progress: Report | None) -> Video:
    """How the job stands when it has ended, or when the time is up."""
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
        info = await session.ledger.run(clips, paid.job.scope, [generation_id])
        record = await watch(session, generation_id, left, on_progress, info.get(generation_id))
        return await shown(session, record)
    except (NotFound, Unauthenticated) as error:  # a person is needed
        raise await about_a_job(session, generation_id, error, reading=True) from None
    except OxenError as error:  # the job is paid and has an id: that is the answer
        log.warning("%s is paid, and its state could not be read: %s", generation_id, error)
        return replace(
            _fresh(session, paid.job, generation_id), warnings=(f"Its state could not be read: {error.message}",)
        )


def _fresh(session: Session, job: Job, generation_id: str) -> Video:
    """What is known of a job without asking the hub."""
    info = None if job.estimate is None else dollars(job.estimate) / max(1, job.expects)
    video = Video(
        status="queued",
        generation_id=generation_id,
        model=job.model,
        duration=length(job.body),
        cost=info,
        cost_is="unknown" if info is None else "estimate",
        created=job.sent,
    )
    return timed(session, video, job.body)


def together(takes: list[Video]) -> Video:
    """Several versions as one answer: the first good one in front, the price of all."""
    states = {take.status for take in takes}
    order: tuple[Status, ...] = ("processing", "queued", "succeeded", "failed", "cancelled")
    status = next(word for word in order if word in states)
    first = next((take for take in takes if take.status == status), takes[0])
    costs = [take.cost for take in takes if take.cost is not None]
    sure = len(costs) == len(takes) and all(take.cost_is == "real" for take in takes)
    return replace(
        first,
        status=status,
        cost=sum(costs, Decimal(0)) if costs else None,
        cost_is="real" if sure else "estimate" if costs else "unknown",
        takes=tuple(takes),
        warnings=tuple(dict.fromkeys(word for take in takes for word in take.warnings)),
    )
