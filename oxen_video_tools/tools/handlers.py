"""The tools: one function each, in the order in which an agent sees them.

Each `@tool` line says in one sentence, for people, what its docstring tells a language model at length.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..catalog.describe import describe_line, describe_model
from ..errors import InvalidRequest, OxenError, TimedOut
from ..studio.display import dollars
from .answers import (
    CancelAnswer,
    CancelledPart,
    GetAnswer,
    HeldPart,
    InspectAnswer,
    ListAnswer,
    Listed,
    ModelsAnswer,
    Part,
    PlanAnswer,
    PlanClip,
    PlanPicture,
    SaveAnswer,
    Seen,
    ShownShot,
    StillPart,
    StillsAnswer,
    VideoAnswer,
    after,
    all_said,
    facts,
    failure,
    ids,
    moment,
    number,
    said,
    to_answer,
)
from .arguments import (
    CancelArguments,
    FindArguments,
    GenerateArguments,
    GetArguments,
    InspectArguments,
    ListArguments,
    PlanArguments,
    SaveArguments,
    StillsArguments,
    VideoArguments,
)
from .tool import Call, Files, Reply, tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..media.inspect import Inspection, Stretch
    from ..studio import AsyncStudio
    from ..studio.plan import Plan
    from ..studio.prepare import Prepared
    from ..studio.results import Cancelled, Video
    from ..studio.stills import PreparedStills, Still, Stills


@tool("Checks and prices a video before anything is paid; can draw a free preview.", read_only=False, answer=PlanAnswer)
async def plan_video(studio: AsyncStudio, request: PlanArguments, call: Call) -> Reply:
    """Check a video before paying, free: whether the model accepts the request, which clips would be made, which are
    paid for already, what this call would cost, and every problem with the values to use instead. animatic=true also
    renders a free preview, bodies=true shows what is sent."""
    check_namespace(studio, request)
    take = request.take or 1
    plan = await studio.plan(request.video, take=take, animatic=bool(request.animatic), files=call.files)
    sheet = getattr(plan, "sheet", None)
    uploads = studio.settings.upload != "never"
    answer = _answer(plan, _over(plan, request.max_cost_usd), bodies=bool(request.bodies), uploads=uploads)
    answer._choice = plan.choice
    return Reply(answer, (sheet,) if sheet else ())


def _over(plan: Plan, limit: Decimal | None) -> list[str]:
    """Why generate_video would refuse this limit."""
    if limit is None or plan.price_usd == 0:
        return []
    if plan.price_usd is None:
        return [f"max_cost_usd={limit}: what this costs is not known, so no limit can be kept."]
    if plan.price_usd <= limit:
        return []
    return [f"max_cost_usd={limit}: this may cost {(plan.due or plan.price).text}. Make it shorter, or ask the user."]


LINKED = "The film is then joined here and put into your account's private playground repository, for its link."


def _answer(plan: Plan, over: Sequence[str], *, bodies: bool, uploads: bool) -> PlanAnswer:
    preview = getattr(plan, "preview", None)
    return PlanAnswer(
        ok=plan.ok and not over,
        model=plan.model,
        why=plan.reason if not plan.request.model else None,
        film=plan.film,
        means=plan.means or None,
        price_usd=number(plan.price_usd),
        total_usd=number(plan.total_usd),
        price=(plan.due or plan.price).text,
        problems=all_said([*plan.problems, *over]),
        warnings=all_said(plan.warnings),
        clips=[
            PlanClip(
                shots=list(clip.shots),
                model=clip.model,
                seconds=number(clip.seconds),
                price_usd=number(clip.price_usd),
                already=clip.already,
                stopped=clip.stopped,
                body=_shown(job.body) if bodies else None,
            )
            for clip, job in zip(plan.clips, plan.jobs, strict=False)
        ],
        cast=[HeldPart.of(one) for one in plan.cast],
        pictures=[PlanPicture.of(one) for one in plan.pictures],
        preview=str(preview) if preview else None,
        shown=[ShownShot.of(shot) for shot in getattr(plan, "shown", ())],
        next=_next(plan, over, LINKED if plan.film and uploads else ""),
    )


def _next(plan: Plan, over: Sequence[str], linked: str) -> str:
    """over: why its limit is too low.  linked: where a film gets its link from."""
    if not plan.ok or over:
        return "Correct the problems and plan it again."
    if any(clip.stopped for clip in plan.clips):
        return "Read the warnings: what was cancelled is made anew by its next take only."
    if all(clip.already for clip in plan.clips):
        return "All of it is paid for: generate_video with the same arguments answers with it, free."
    return f"Call generate_video with the same arguments.{f' {linked}' if linked else ''}"


def _shown(value: Any) -> Any:
    """A body without the signatures of the links in it."""
    if isinstance(value, str):
        return said(value, 2000)
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, (list, tuple)) else value


def check_namespace(studio: AsyncStudio, request: VideoArguments | StillsArguments) -> None:
    """An agent spends in the namespaces that were named to it, in no other."""
    chosen, settings = request.chose_namespace, studio.settings
    allowed = settings.namespaces if settings.namespace is None else (settings.namespace,)
    if chosen is not None and chosen not in allowed:
        named = ", ".join(allowed)
        raise InvalidRequest(
            f"target_namespace={chosen!r} is not allowed here.",
            fix=f"Use one of: {named}." if named else "Leave target_namespace out.",
        )


def check_repository(studio: AsyncStudio, repository: str | None) -> None:
    """An agent keeps films in the repositories, or the namespaces, that were named to it, in no other."""
    allowed = studio.settings.repositories
    if repository is not None and not {repository, repository.partition("/")[0]} & set(allowed):
        named = ", ".join(allowed)
        raise InvalidRequest(
            f"repository={repository!r} is not allowed here.",
            fix=f"Use one of: {named}." if named else "Leave repository out.",
        )


# make_stills.


async def _prepare_stills(studio: AsyncStudio, request: StillsArguments, files: Files) -> PreparedStills:
    check_namespace(studio, request)
    return await studio.prepare_stills(
        request.video,
        max_cost_usd=request.max_cost_usd,
        files=files,
        image_model=request.model,
    )


@tool(
    "Makes the first picture of each shot, for cents, on one numbered sheet.",
    read_only=False,
    answer=StillsAnswer,
    prepares=_prepare_stills,
)
async def make_stills(studio: AsyncStudio, request: StillsArguments, call: Call) -> Reply:
    """Make the first picture of each shot, the cast in it, numbered on one sheet; prompt alone makes one picture. Costs
    cents: look before paying for motion. Each is paid once; still_take=2 in a shot makes another. generate_video with
    the same shots, cast, style and stills=true begins each shot with its still."""
    if call.prepared is None:
        check_namespace(studio, request)
    made = await studio.stills(
        request.video,
        max_cost_usd=request.max_cost_usd,
        wait_seconds=call.seconds(request.wait_seconds),
        approved_usd=call.approved_usd,
        files=call.files,
        prepared=call.prepared,
        image_model=request.model,
    )
    answer = StillsAnswer(
        stills=[_part(one) for one in made.stills],
        cost_usd=number(made.cost_usd),
        cast=[HeldPart.of(one) for one in made.cast],
        warnings=all_said(made.warnings),
        next=_next_stills(made),
    )
    return Reply(answer, (made.sheet,) if made.sheet else ())


def _part(still: Still) -> StillPart:
    video = still.video
    return StillPart(
        shot=still.shot,
        status=video.status,
        generation_id=video.generation_id or None,
        model=video.model,
        take=still.take,
        url=video.url,
        cost_usd=number(video.cost_usd),
        reused=video.reused,
        error=said(video.error),
    )


def _next_stills(made: Stills) -> str:
    if not made.is_terminal:
        return "Call make_stills again with the same arguments: it goes on, and pays for nothing twice."
    lost = [one for one in made.stills if one.video.status != "succeeded"]
    if lost:
        where = ", ".join(str(one.shot) for one in lost)
        return f"Change the words of shot {where}, or give still_take={(lost[0].take or 1) + 1} there, and call again."
    return (
        "Show the sheet to the user. Another still: still_take in its shot. When they are right, generate_video with "
        "the same shots, cast and style, and stills=true."
    )


# generate_video.


async def _prepare(studio: AsyncStudio, request: GenerateArguments, files: Files) -> Prepared:
    check_namespace(studio, request)
    check_repository(studio, request.repository)
    take = request.take or 1
    return await studio.prepare(request.video, take=take, max_cost_usd=request.max_cost_usd, files=files)


@tool(
    "Makes a video: submits it once, waits, and answers with the link or an id to come back with.",
    read_only=False,
    shows_video=True,
    prepares=_prepare,
)
async def generate_video(studio: AsyncStudio, request: GenerateArguments, call: Call) -> VideoAnswer:
    """Make a video with prompt, or with multi_prompt for several shots. Costs money and takes 1 to 15 minutes. Answers
    with the URL, or, when wait_seconds ran out, with a generation_id for get_video. Each shot is paid once: a repeated
    call answers with the same video; after a change only what changed is paid; take=2, in the call or in a shot, makes
    another version. After a lost answer call list_videos. Media are https URLs, allowed paths or
    earlier ids; id#t=3.2 is a frame, id#t=2,5 a part."""
    if call.prepared is None:
        check_namespace(studio, request)
        check_repository(studio, request.repository)
    take = request.take or 1
    video = await studio.generate(
        request.video,
        take=take,
        max_cost_usd=request.max_cost_usd,
        wait_seconds=call.seconds(request.wait_seconds),
        approved_usd=call.approved_usd,
        on_progress=call.report,
        files=call.files,
        prepared=call.prepared,
        repository=request.repository,
    )
    why = video.reason if not (request.model or video.reused) else None  # one that was there has its own reasons
    answer = to_answer(video, take=take).model_copy(update={"why": why or None, "means": video.means or None})
    answer._choice = video.choice
    return answer


# get_video, list_videos and cancel_video: jobs that exist, whoever made them. None of these spends.


@tool("Reports how one or several videos stand, with fresh links; can wait.", shows_video=True)
async def get_video(studio: AsyncStudio, request: GetArguments, call: Call) -> GetAnswer:
    """How one or several videos stand, with a fresh URL for each that is finished. Waits up to wait_seconds for those
    that are not. Free, and only reads."""
    wait = call.seconds(request.wait_seconds)
    if len(request.generation_ids) == 1:
        video = await studio.get(request.generation_ids[0], wait_seconds=wait, on_progress=call.report)
        if video.status == "failed":
            raise failure(video)
        return GetAnswer(**facts(video))
    videos = await studio.get_many(request.generation_ids, wait_seconds=wait, on_progress=call.report)
    return GetAnswer(videos=[Part.of(video) for video in videos], next=_after_many(videos))


def _after_many(videos: Sequence[Video]) -> str:
    active = [video for video in videos if not video.is_terminal]
    if active:
        films = " A film that no longer moves goes on by its own generate_video call." if any(
            video.shots for video in active
        ) else ""  # fmt: skip
        return f"Call get_video with generation_ids={ids(active)}; a repeated generate_video call pays nothing.{films}"
    made, lost = [one for one in videos if one.status == "succeeded"], [one for one in videos if one.status == "failed"]
    if len(made) == len(videos):
        return "save_video joins them to one file." if len(videos) > 1 else after(videos[0])
    told = [f"{ids(lost)} failed: read the error, change the request, call generate_video again."] if lost else []
    told += [f"save_video with videos={ids(made)} keeps what succeeded."] if made else []
    return " ".join(told) or "They were cancelled: only their next take makes them anew."


@tool("Lists what is running or finished: the way back after a lost answer.")
async def list_videos(studio: AsyncStudio, request: ListArguments, _: Call) -> ListAnswer:
    """What is running or finished, newest first, with first words, cost, link and total: the way back after a lost
    answer, and what was spent."""
    limit = request.limit or (100 if request.since else 10)
    videos = await studio.list(
        status=request.status, model=request.model, since=request.since, mine=bool(request.mine), limit=limit
    )
    costs = [video.cost_usd for video in videos if video.cost_usd is not None]
    active = [video for video in videos if not video.is_terminal]
    if active:
        follow = f"Call get_video with generation_ids={ids(active[:5])} to wait for what is running."
    elif videos:
        follow = "Links expire; get_video gives a fresh one, save_video keeps the file."
    elif given := [word for word in ("status", "model", "since", "mine") if getattr(request, word)]:
        named = " and ".join(f"{word}={getattr(request, word)}" for word in given)
        follow = f"No video matches {said(named, 120)}: call it without."
    else:
        follow = "Nothing is there; generate_video makes a video."
    if len(videos) == limit:
        follow += f" There may be more than these {limit}."
    lines = [_line(video) for video in videos]
    return ListAnswer(videos=lines, total_usd=number(sum(costs, Decimal(0))), next=follow)


def _line(video: Video) -> Listed:
    return Listed(
        status=video.status,
        generation_id=video.generation_id,
        kind=video.kind,
        words=said(video.words, 80) or "",
        model=video.model,
        cost_usd=number(video.cost_usd),
        cost_is=video.cost_is,
        link=video.url,
        expires_at=moment(video.expires_at),
        file=str(video.file) if video.file else None,
        duration=Part.of(video).duration,
        created=moment(video.created),
        error=said(video.error),
    )


@tool("Stops one, several or all running videos and says what became of each.", read_only=False, destructive=True)
async def cancel_video(studio: AsyncStudio, request: CancelArguments, _: Call) -> CancelAnswer:
    """Stop queued or running videos for good, and say for each what became of it. What is charged stays charged; what
    is finished stays."""
    found = await studio.cancel_many(request.generation_ids)
    parts = [
        CancelledPart(
            generation_id=one.generation_id,
            was=one.was,
            now=one.now,
            charged_usd=number(one.charged_usd),
            error=said(one.error),
        )
        for one in found
    ]
    return CancelAnswer(videos=parts, next=_after_cancelling(found))


def _after_cancelling(found: Sequence[Cancelled]) -> str:
    if not found:
        return "Nothing was running."
    over = [one for one in found if one.was == "succeeded"]
    stopped = sum(one.now == "cancelled" != one.was for one in found)
    told = [f"{stopped} stopped"] if stopped else []
    if over:
        known = [one.charged_usd for one in over if one.charged_usd is not None]
        billed = dollars(sum(known, Decimal(0))) if len(known) == len(over) else "what it cost"
        alone = "It was already finished; nothing was stopped" if len(found) == 1 else f"{len(over)} already finished"
        told.append(f"{alone}; {billed} was charged")
    follow = (
        "take=2 in generate_video makes a stopped one anew, only if the user asks."
        if stopped
        else "get_video says how they stand."
    )
    return f"{'; '.join(told)}. {follow}" if told else follow


# find_video_models.

SHOWN = 12  # lines: the first screen of a list that an agent has to read whole


@tool("Finds models by words and needs, with limits and prices.")
async def find_video_models(studio: AsyncStudio, request: FindArguments, _: Call) -> ModelsAnswer:
    """Find a model by words and by what it must take, make or be for, best first, with price and limits. With one exact
    id as model: all its parameters, allowed values and price. Every model makes films of several shots. Free."""
    answer = await studio.find_models(request.query, request.needs, request.model)
    found, note = list(answer), getattr(answer, "note", "")
    if request.model is not None:
        return ModelsAnswer(model=describe_model(found[0]), next=f'Call plan_video with model="{request.model}".')
    follow = "Call find_video_models with one id as model for its parameters."
    if not found:
        follow = "Nothing fits: ask with fewer needs or other words."
    lines = [describe_line(model) for model in found[:SHOWN]]
    follow = f"{note} {follow}".strip()
    return ModelsAnswer(models=lines, more=max(0, len(found) - SHOWN), next=follow)


# inspect_video and save_video: what a video looks like, and keeping it.

LONGEST_LIST = 20  # cuts or stretches


@tool("Shows what videos look like: length, size, sound, cuts, and a contact sheet.", answer=InspectAnswer)
async def inspect_video(studio: AsyncStudio, request: InspectArguments, call: Call) -> Reply:
    """Look at videos: length, size, frame rate, sound, cuts, black or frozen stretches, and a contact sheet with a
    frame from the middle of each shot; several videos are its numbered rows. Free."""
    if len(request.videos) == 1:
        one = await studio.inspect(request.videos[0], files=call.files)
        found, sheet = [_seen(request.videos[0], one)], one.sheet
    else:
        compared = await studio.compare(request.videos, files=call.files)
        sheet = compared.sheet
        found = [
            _seen(name, compared.seen[number]) if number in compared.seen else _unseen(name, compared.unread[number])
            for number, name in enumerate(request.videos, 1)
        ]
    file = await studio.keep_sheet(sheet, request.videos[0]) if sheet else None
    answer = InspectAnswer(
        videos=found,
        sheet=str(file) if file else None,
        next="save_video keeps it; for another version call generate_video with the next take.",
    )
    return Reply(answer, (sheet,) if sheet else ())


def _seen(name: str, seen: Inspection) -> Seen:
    return Seen(
        video=said(name) or "",
        duration=number(seen.duration),
        width=seen.width,
        height=seen.height,
        fps=number(seen.fps),
        size_bytes=seen.size,
        video_codec=seen.video_codec,
        audio_codec=seen.audio_codec,
        loudness_lufs=number(seen.loudness),
        complete=seen.complete,
        cuts=[round(cut, 2) for cut in seen.cuts[:LONGEST_LIST]],
        black=_stretches(seen.black),
        frozen=_stretches(seen.frozen),
        warnings=all_said(seen.warnings),
    )


def _unseen(name: str, error: OxenError) -> Seen:
    return Seen(video=said(name) or "", error=said(f"{error.message} {error.fix or ''}".strip()), complete=False)


def _stretches(stretches: Sequence[Stretch]) -> list[list[float]]:
    return [[round(start, 2), round(end, 2)] for start, end in stretches[:LONGEST_LIST]]


GIVE = "Give the user the link; it expires, and get_video with this id gives a fresh one."
LINK = "with upload=true the same call gives a link. inspect_video looks at it."


@tool("Saves one or more videos as one verified file.", read_only=False)
async def save_video(studio: AsyncStudio, request: SaveArguments, call: Call) -> SaveAnswer:
    """Save one or more videos, in the given order, as one verified MP4 file. Free."""
    try:
        saved = await studio.save(
            request.videos,
            filename=request.filename,
            transition=request.transition,
            fade_seconds=float(request.fade_seconds) if request.fade_seconds is not None else None,
            music=request.music,
            sound=request.sound,
            captions=request.captions,
            burn=bool(request.burn),
            upload=bool(request.upload),
            wait_seconds=call.seconds(request.wait_seconds),
            on_progress=call.report,
            files=call.files,
        )
    except TimedOut as error:
        if error.generation_id is None:
            raise
        return SaveAnswer(
            status="processing",
            generation_id=error.generation_id,
            warnings=all_said(error.warnings),
            next="Call save_video again with the same arguments, or get_video with this id: it goes on.",
        )
    return SaveAnswer(
        generation_id=saved.generation_id,
        file=str(saved.file),
        url=saved.url,
        expires_at=moment(saved.expires_at),
        size_bytes=saved.size,
        sha256=saved.sha256,
        duration=number(saved.duration),
        width=saved.width,
        height=saved.height,
        codec=saved.codec,
        warnings=all_said(saved.warnings),
        next=GIVE if saved.url else f"Tell the user where the file is; {LINK}",
    )
