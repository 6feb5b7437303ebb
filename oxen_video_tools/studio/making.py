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
from ..request import VideoRequest
from .answers import Question, Report, Status, Video
from .identity import references
from .inputs import Files, fingerprints, readable
from .ledger.records import Intent, Job
from .ledger.steps import clips, holder
from .likeness import FOLDER
from .limits import Stake, question_about, staked
from .money import dollars, micros
from .planning import identified, planned, stands
from .reading import about_a_job, keep_soon, length, of_blocking, shown, timed, watched
from .submit import Paid, ended, pay_once, resumed

if TYPE_CHECKING:
    from ..catalog.known import Known
    from ..catalog.schema import Parameter
    from .plan import Plan
    from .stage import Stage

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


async def generate(stage: Stage, request: VideoRequest, call: Call) -> Video:
    """One paid job, or the jobs of a film, waited for. Raises what `AsyncStudio.generate` says."""
    wait = next(one for one in (call.wait_seconds, stage.settings.wait, WAIT) if one is not None)
    began = stage.clock.monotonic()
    until, ready = began + wait, began + max(wait, SHORTEST)
    if request.multi_prompt:
        from .films import film

        opening = await _within(stage, film.opened(stage, request, call), ready)
        if opening is not None:
            return await film.made(stage, opening, until, ready, call.on_progress)
    async with AsyncExitStack() as hearing:
        warnings: tuple[str, ...] = ()
        paid = await _there_already(stage, request, call, ready)
        if paid is None:
            order = await _within(stage, _ordered(stage, request, call), ready)
            if wait > 0 and order.intent.route == "queue":  # refused here if too many wait, not after paying
                await hearing.enter_async_context((await stage.waiter()).listening())
            paid, warnings = await _pay(stage, order, ready), order.plan.warnings
        if paid.job.generation_ids:
            expense().pays(paid.job.job, paid.job.generation_ids)
        video = await _outcome(stage, paid, until, call.on_progress)
    if request.response_format == "b64_json" and video.status == "succeeded" and video.file is None:
        trouble = await keep_soon(stage, video.generation_id)
        file = await stage.saved_file(video.generation_id)
        video = replace(video, file=file, warnings=(*video.warnings, *trouble))
    if paid.job.is_short:
        warnings = (*warnings, SHORT.format(len(paid.job.generation_ids), paid.job.expects))
    return replace(video, reused=paid.reused, warnings=(*warnings, *video.warnings))


async def _there_already(stage: Stage, request: VideoRequest, call: Call, until: float) -> Paid | None:
    """The job of an equal call before this one; nothing is planned, asked or uploaded for it again."""
    if call.take is None:
        return None
    key, _ = await identified(stage, request, call.files)
    job = await stage.ledger.run(holder, await stage.scope(), key, call.take)
    return await resumed(stage, job, until) if job is not None and stands(job) else None


@dataclass(frozen=True)
class Order:
    """What is about to be paid."""

    plan: Plan
    stake: Stake
    intent: Intent


async def _ordered(stage: Stage, request: VideoRequest, call: Call) -> Order:
    """Planned, agreed to, its media where the hub can read them. Nothing is spent yet."""
    await stage.scope()  # without a key nothing can be paid: said before anything is looked up
    plan = await planned(stage, request, call.files)
    plan.raise_for_problems()
    if len(plan.jobs) != 1:  # `film` was asked a moment ago: the list of models has changed since
        raise HubUnavailable("The list of models has just changed; nothing was sent.", fix="Call again.", charged="no")
    stake = staked(plan, stage.settings, call.max_cost_usd)
    await agreed(question_about(plan, stake, stage.settings, call.max_cost_usd), call)
    prints = await fingerprints(stage, references(request), call.files)
    key, words = await identified(stage, request, call.files, prints)
    body = await _with_urls(stage, plan, call.files, prints)
    known = (await stage.catalog().models()).known(plan.model)
    intent = Intent(
        scope=await stage.scope(),
        request=key,
        take=call.take,
        body=marked(body, known, stage.settings.mark),
        asked=words,
        route=stage.settings.route,
        expects=int(body.get("num_generations") or 1),
        estimate=None if stake.estimate is None else micros(stake.estimate),
        reserved=micros(stake.amount),
    )
    return Order(plan, stake, intent)


async def agreed(question: Question | None, call: Call) -> None:
    """Whoever has to be asked is asked. Raises Declined or NeedsApproval."""
    if question is None or call.approved:
        return
    if call.approve is not None:
        answer = call.approve(question)
        if not (await answer if inspect.isawaitable(answer) else answer):
            raise Declined("The user declined this video; nothing was sent.")
    elif not question.waived:
        raise NeedsApproval(question.text, fix=question.fix)


async def _with_urls(stage: Stage, plan: Plan, files: Files, prints: Mapping[str, str]) -> dict[str, Any]:
    """The body with links in the place of files and ids; each medium is uploaded once."""
    from ..catalog.dialect import placed

    [job] = plan.jobs
    wanted = list(dict.fromkeys(place.reference for place in job.media))
    links = {one: await readable(stage, one, files, known_as=prints.get(one)) for one in wanted}
    return placed(job.body, {place.path: links[place.reference] for place in job.media})


def marked(body: Mapping[str, Any], known: Known, mark: Literal["seed", "directory"] = "seed") -> dict[str, Any]:
    """The body with a mark of our own, which the queue echoes, so that a job whose answer is lost can be told from any
    other: a seed, where the model takes one and none was given; a `target_directory`, where the caller keeps results in
    a repository or asked for it, and named none.
    """
    whole, bounds = dict(body), _seed_bounds(known.parameters.get("seed"))
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


async def _pay(stage: Stage, order: Order, until: float) -> Paid:
    budget = stage.settings.budget
    return await pay_once(stage, order.intent, budget=None if budget is None else micros(budget), until=until)


async def _within(stage: Stage, work: Coroutine[Any, Any, T], until: float) -> T:
    """What comes before the money ends with the caller's time."""
    task = asyncio.ensure_future(work)
    try:
        if not await ended(task, stage.clock, until):
            raise TimedOut(
                "The time ran out before anything was sent.", charged="no", fix="Call again with more wait_seconds."
            )
        return await task
    finally:
        task.cancel()


async def _outcome(stage: Stage, paid: Paid, until: float, on_progress: Report | None) -> Video:
    """How the job stands when it has ended, or when the time is up."""
    job = paid.job
    if job.route == "sync":
        return await of_blocking(stage, job)
    left = max(0.0, until - stage.clock.monotonic())
    takes = await asyncio.gather(*(_one(stage, paid, one, left, on_progress) for one in job.generation_ids))
    return takes[0] if len(takes) == 1 else together(takes)


async def _one(stage: Stage, paid: Paid, generation_id: str, left: float, on_progress: Report | None) -> Video:
    if left <= 0 and not paid.reused:
        return _fresh(stage, paid.job, generation_id)
    try:
        known = await stage.ledger.run(clips, paid.job.scope, [generation_id])
        record = await watched(stage, generation_id, left, on_progress, known.get(generation_id))
        return await shown(stage, record)
    except (NotFound, Unauthenticated) as error:  # a person is needed
        raise await about_a_job(stage, generation_id, error, reading=True) from None
    except OxenError as error:  # the job is paid and has an id: that is the answer
        log.warning("%s is paid, and its state could not be read: %s", generation_id, error)
        return replace(
            _fresh(stage, paid.job, generation_id), warnings=(f"Its state could not be read: {error.message}",)
        )


def _fresh(stage: Stage, job: Job, generation_id: str) -> Video:
    """What is known of a job without asking the hub."""
    known = None if job.estimate is None else dollars(job.estimate) / max(1, job.expects)
    video = Video(
        status="queued",
        generation_id=generation_id,
        model=job.model,
        duration=length(job.body),
        cost=known,
        cost_is="unknown" if known is None else "estimate",
        created=job.sent,
    )
    return timed(stage, video, job.body)


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
