"""plan_video and generate_video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from .answers import Job, PlanAnswer, VideoAnswer, all_said, number, said
from .arguments import GenerateArguments, PlanArguments, VideoArguments
from .table import Call, Files, Reply, tool
from .words import answered

if TYPE_CHECKING:
    from ..studio import AsyncStudio
    from ..studio.answers import Question
    from ..studio.plan import Plan


@tool(read_only=False, answer=PlanAnswer)
async def plan_video(studio: AsyncStudio, request: PlanArguments, call: Call) -> Reply:
    """Check a video before paying, free: whether the model accepts the request, what would be sent in how many jobs,
    what it may cost, and every problem with the values to use instead. animatic=true also renders a free preview."""
    _check_namespace(studio, request)
    plan = await studio.plan(request.video, animatic=bool(request.animatic), files=call.files)
    sheet = getattr(plan, "sheet", None)
    return Reply(_planned(plan), (sheet,) if sheet else ())


def _planned(plan: Plan) -> PlanAnswer:
    preview = getattr(plan, "preview", None)
    return PlanAnswer(
        ok=plan.ok,
        model=plan.model,
        why=plan.reason if not plan.request.model else None,
        film=plan.film,
        price_usd=number(plan.price.usd),
        price=plan.price.text,
        problems=all_said(plan.problems),
        warnings=all_said(plan.warnings),
        jobs=[
            Job(model=job.model, body=_shown(job.body), price_usd=number(job.price.usd), seconds=number(job.seconds))
            for job in plan.jobs
        ],
        preview=str(preview) if preview else None,
        next="Call generate_video with the same arguments." if plan.ok else "Correct the problems and plan it again.",
    )


def _shown(value: Any) -> Any:
    """A body without the signatures of the links in it."""
    if isinstance(value, str):
        return said(value, 2000)
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, (list, tuple)) else value


def _check_namespace(studio: AsyncStudio, request: VideoArguments) -> None:
    """An agent spends in the namespaces that were named to it, in no other."""
    chosen, settings = request.chose_namespace, studio.settings
    allowed = settings.namespaces if settings.namespace is None else (settings.namespace,)
    if chosen is not None and chosen not in allowed:
        named = ", ".join(allowed)
        raise InvalidRequest(
            f"target_namespace={chosen!r} is not allowed here.",
            fix=f"Use one of: {named}." if named else "Leave target_namespace out.",
        )


async def _price(studio: AsyncStudio, request: GenerateArguments, files: Files) -> Question | None:
    _check_namespace(studio, request)
    take = request.take or 1
    return await studio.question(request.video, take=take, max_cost_usd=request.max_cost_usd, files=files)


@tool(read_only=False, shows_video=True, asks=_price)
async def generate_video(studio: AsyncStudio, request: GenerateArguments, call: Call) -> VideoAnswer:
    """Make a video with prompt, or with multi_prompt for several shots. Costs money and takes 1 to 15 minutes. Answers
    with the URL, or, when wait_seconds ran out, with a generation_id for get_video. The same request is paid once: a
    repeated call answers with the same video; another version is take=2. After a lost answer call list_videos. Media
    are https URLs, allowed local paths or earlier generation ids."""
    _check_namespace(studio, request)
    take = request.take or 1
    video = await studio.generate(
        request.video,
        take=take,
        max_cost_usd=request.max_cost_usd,
        wait_seconds=call.seconds(request.wait_seconds),
        approved=call.approved,
        on_progress=call.report,
        files=call.files,
    )
    answer = answered(video, take=take)
    return answer.model_copy(update={"why": await _why(studio, request, answer)})


async def _why(studio: AsyncStudio, request: GenerateArguments, answer: VideoAnswer) -> str | None:
    """Why this model, where the agent left the choice to us. A job that was there before has its own reasons."""
    if request.model or answer.reused:
        return None
    plan = await studio.plan(request.video)
    return plan.reason if plan.model == answer.model else None
