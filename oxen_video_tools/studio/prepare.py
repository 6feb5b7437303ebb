"""Everything that is computed before a call may spend, once: plan, keys, what is paid already, price, question.

The question to a person and the payment use the same `Prepared`. Nothing here sends or writes anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import ValidationError

from ..catalog.pricing import Price, billed_seconds, estimate, total
from ..errors import InvalidRequest, NotInstalled, OverBudget, OxenError, invalid_arguments
from ..ledger.films import FilmRow, FilmStatus, Part, spent_on
from ..ledger.records import ClipRef, Job, dollars, micros, said
from ..request import VideoRequest
from .cast import resolve
from .films.assembly import INSTALL, NOT_CHAINED, check_media_extra
from .films.record import FilmClip, clips_in, film_id, named_by_content, shared_out, way_of
from .identifiers import canonical_request, clip_key, references, request_key
from .local_files import Files, allowed, look, shorten
from .media_inputs import (
    check_frames,
    check_inputs,
    check_links,
    check_local_media,
    cut_begins,
    fingerprint,
    is_film,
    is_generation,
    is_made,
    is_url,
    part_of_cut,
    split_part,
    with_cuts,
)
from .pictures import UNASKED, Picture, paying, survey_pictures, weigh, with_means, with_pictures
from .plan import Plan, PlannedClip, PlannedJob, make_plan, name_of
from .results import Question
from .settlement import settle_costs
from .videos import length

if TYPE_CHECKING:
    from ..catalog.catalog import ModelList
    from ..catalog.model_info import ModelInfo
    from ..catalog.pricing import Price
    from ..media.probe import Measures
    from ..settings import Settings
    from .session import Session


# What a call may spend, and whether a person must agree first.
#
# A cap is a promise. With a cap, a budget or an approval limit, a request without an upper bound for its price is
# refused, because the hub could bill more than any number.

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Reservation:
    """What is reserved for a call, in US dollars.

    amount: the most that it may cost.
    estimate: by the models' prices; None if they are unknown.
    """

    amount: Decimal
    estimate: Decimal | None


def reservation(price: Price, model: str, settings: Settings, max_cost_usd: Decimal | None) -> Reservation:
    """The reservation for a call that pays `price`. Raises OverBudget."""
    caps = [cap for cap in (max_cost_usd, settings.max_cost) if cap is not None]
    if any(cap <= 0 for cap in caps):
        raise OverBudget(
            "The limit of this call is $0: nothing may be spent.",
            fix="plan_video is free. To spend, ask the user for a limit and call again with it as max_cost_usd.",
        )
    cap = min(caps, default=None)
    if price.usd is not None and cap is not None and price.usd > cap:
        bound = "at most " if price.text.startswith("at most") else ""
        more = " and more" if price.unpriced else ""
        raise OverBudget(f"This may cost {bound}{said(price.usd)}{more}; the limit of this call is {said(cap)}.")
    if price.usd is not None and not price.unpriced:
        return Reservation(price.usd, price.usd)
    _refuse_unpriced(price, model, settings, max_cost_usd)
    return Reservation(price.usd or NOTHING, price.usd)


def _refuse_unpriced(price: Price, model: str, settings: Settings, max_cost_usd: Decimal | None) -> None:
    limits = [
        name
        for name, limit in (
            ("max_cost_usd", max_cost_usd),
            ("OXEN_VIDEO_MAX_COST", settings.max_cost),
            ("OXEN_VIDEO_BUDGET", settings.budget),
            ("OXEN_VIDEO_APPROVE_ABOVE", settings.approve_above),
        )
        if limit is not None
    ]
    if not limits:
        return
    unknown = " and ".join(price.unpriced) or "its price"
    named = " and ".join(limits)
    words = f"Nothing bounds what {model} may cost ({unknown}), so {named} can't be kept. Nothing was sent."
    fix = "Name a model whose price is known (find_video_models)"
    if limits == ["max_cost_usd"]:
        fix += ", or leave max_cost_usd out once the user agrees to a price that nobody knows."
    else:
        fix += f"; without {' and '.join(limits[limits[0] == 'max_cost_usd' :])} it would go on with a warning."
    raise OverBudget(words, fix=fix)


def question_about(
    reserved: Reservation,
    model: str,
    settings: Settings,
    *,
    jobs: int = 1,
    max_cost_usd: Decimal | None = None,
    spent: Decimal = NOTHING,
) -> Question | None:
    """What a person must agree to first, if anything.

    jobs: how many are paid.
    spent: US dollars that this very call came to before, when it failed; the person agrees to the sum of both, so that
    an answer given once covers no second try.
    """
    if settings.approve_above is None or reserved.amount <= settings.approve_above:
        return None
    strict = settings.approval == "strict"
    about = "about " if reserved.estimate == reserved.amount else "up to "
    several = f" in {jobs} jobs" if jobs > 1 else ""
    whole = reserved.amount + spent
    before = f" more? With what it came to before that is {said(whole)} in all." if spent else "?"
    text = f"Make this video with {model}{several} for {about}{said(reserved.amount)}{before}"
    fix = f"Ask the user, then call again with max_cost_usd={reserved.amount.normalize():f}. Nothing was sent."
    if strict:
        fix = (
            "A person has to agree where this program can ask one; a number in a call does not count. Nothing was sent."
        )
    return Question(text=text, fix=fix, cost_usd=whole, waived=max_cost_usd is not None and not strict)


FREE = Price(NOTHING, (), "$0.00: all of it is paid for already")
UNBOUNDED = "Nothing bounds what {} may cost ({}): with max_cost_usd or a budget it is refused."
FRESH = 300.0  # seconds that a price is valid: after a later answer it is computed again, and asked about if it rose


@dataclass(frozen=True)
class Terms:
    """On what terms a request is to be made.

    take: None makes a new video at each call.
    max_cost_usd: the cap of this call, in US dollars.
    approved_usd: US dollars that a person agreed to for this call, earlier tries included.
    files: where local inputs may be read from.
    """

    take: int | None = 1
    max_cost_usd: Decimal | None = None
    approved_usd: Decimal | None = None
    files: Files = "anywhere"


@dataclass(frozen=True)
class Prepared:
    """A call that is ready to be asked about and paid.

    call: key of the request; None if every call makes a new video.
    asked: the canonical request behind that key.
    media: the reference of each medium, by its fingerprint.
    clips: the clips to make, in order.
    parts: the state of each clip in the ledger.
    film: the id of the film that they become; None for a single clip.
    standing: the state of that film, if it exists.
    pays: the numbers of the clips that this call pays for.
    stopped: the numbers of cancelled clips, which it does not pay for either.
    spent: micro-dollars that earlier tries of this call cost.
    pictures: sheets and stills, which are made before the clips.
    reserved: what this call may cost.
    question: what a person must agree to first; None if no approval is needed.
    """

    request: VideoRequest
    terms: Terms
    plan: Plan
    call: str | None
    asked: Mapping[str, Any] = field(repr=False)
    media: Mapping[str, str] = field(repr=False)
    clips: tuple[FilmClip, ...] = field(repr=False)
    parts: tuple[Part, ...] = field(repr=False)
    film: str | None = None
    standing: FilmStatus | None = field(default=None, repr=False)
    pays: tuple[int, ...] = ()
    stopped: tuple[int, ...] = ()
    spent: int = 0
    reserved: Reservation = field(default_factory=lambda: Reservation(NOTHING, NOTHING))
    question: Question | None = None
    made: float = 0.0
    pictures: tuple[Picture, ...] = field(default=(), repr=False)

    @property
    def agreed(self) -> int:
        """Micro-dollars that all of it may cost once a person has agreed, earlier tries included."""
        before = self.standing.film.agreed if self.standing is not None else 0
        return max(before, self.spent + micros(self.reserved.amount))

    @property
    def existing(self) -> Job | None:
        """For a single clip: the job of an earlier equal call, also a cancelled one."""
        return None if self.film is not None or self.pays else self.parts[0].job


def to_request(request: VideoRequest | None, words: dict[str, Any]) -> VideoRequest:
    """The request itself, or one made of keyword arguments. Raises InvalidRequest with every problem."""
    if request is not None:
        if words:
            raise InvalidRequest(f"Give a request or {', '.join(sorted(words))}, not both.")
        return request
    try:
        return VideoRequest(**words)
    except ValidationError as error:
        raise invalid_arguments(error) from None


async def prepare(session: Session, request: VideoRequest, terms: Terms) -> Prepared:
    """Plan, look up what is paid already, hold the rest against every limit, and say what a person must agree to.

    Raises InvalidRequest, OverBudget, NeedsApproval, Paused, Unauthenticated, InputNotAllowed, InputUnreadable,
    NotInstalled.
    """
    await session.scope()  # without a key nothing can be paid: said before anything is looked up
    prepared = await survey(session, request, terms)
    if not prepared.pays:
        return prepared
    if prepared.plan.problems == (NOT_CHAINED,):
        raise NotInstalled(NOT_CHAINED, fix=f"{INSTALL}, or ask for each shot by itself.")
    prepared.plan.raise_for_problems()
    return await _with_terms(session, await _with_real_costs(session, prepared))


async def _with_real_costs(session: Session, prepared: Prepared) -> Prepared:
    """Update what earlier tries of this call cost: the billed amount if the hub has it by now, else the reservation."""
    tries = _own_tries(prepared)
    if not any(job.state in ("failed", "cancelled") and job.cost is None for job in tries):
        return prepared
    with suppress(OxenError):
        await settle_costs(session)
    parts = await session.ledger.parts_of(await session.scope(), [clip.ref for clip in prepared.clips])
    prepared = replace(prepared, parts=parts)
    return replace(prepared, spent=spent_on(_own_tries(prepared)))


def _own_tries(prepared: Prepared) -> list[Job]:
    """The jobs that were booked for this film and its pictures, or for this single video."""
    clips = [job for part in prepared.parts for job in part.tries if job.film == prepared.film]
    pictures = prepared.standing.pictures if prepared.standing is not None else ()
    return [*clips, *(one.job for one in pictures if one.job is not None)]


async def _with_terms(session: Session, prepared: Prepared) -> Prepared:
    """Add the reservation and the question to a person."""
    settings, terms = session.settings, prepared.terms
    due = prepared.plan.due or prepared.plan.price
    reserved = reservation(due, prepared.plan.model, settings, terms.max_cost_usd)
    jobs = [prepared.clips[number].job for number in prepared.pays]
    drawn = paying(prepared.pictures)
    for_clips = reserved.amount - sum((one.price.usd or NOTHING for one in drawn), NOTHING)
    shares = dict(zip(prepared.pays, shared_out(jobs, max(NOTHING, for_clips)), strict=True))
    clips = tuple(replace(clip, share=shares.get(number, 0)) for number, clip in enumerate(prepared.clips))
    await _check_budget(session, reserved.amount)
    needed = prepared.spent + micros(reserved.amount)
    covered = micros(terms.approved_usd) if terms.approved_usd is not None else 0
    if prepared.standing is not None:
        covered = max(covered, prepared.standing.film.agreed)
    question = None
    if needed > covered:
        question = question_about(
            reserved,
            prepared.plan.model,
            settings,
            jobs=len(jobs) + len(drawn),
            max_cost_usd=terms.max_cost_usd,
            spent=dollars(prepared.spent),
        )
    if question is not None and prepared.plan.choice:  # why it costs what it costs, before the price
        question = replace(question, text=f"{prepared.plan.choice} {question.text}")
    return replace(prepared, clips=clips, reserved=reserved, question=question)


async def _check_budget(session: Session, amount: Decimal) -> None:
    """Check what `Ledger.reserve` will check, before a person is asked. Raises Paused, OverBudget."""
    funds, budget = await session.ledger.funds(await session.scope(), session.clock.time()), session.settings.budget
    funds.check(micros(amount), None if budget is None else micros(budget))


# -- the plan, and what is there of it ---------------------------------------------------------------------------------


async def survey(session: Session, request: VideoRequest, terms: Terms, *, lenient: bool = False) -> Prepared:
    """Plan a request and look up what exists of it. Free. Raises only for media that can't be read.

    lenient: unreadable media become problems of the plan, and a missing key is no error.
    """
    scope = await _scope(session, lenient=lenient)
    request = await resolve(session, request) if scope and request.cast else request
    prints = await _prints(session, references(request), terms.files, lenient=lenient)
    words = canonical_request(request, session.settings.namespace, prints)
    call = request_key(words) if terms.take is not None else None
    before = await session.ledger.remembered(scope, call, terms.take) if scope and call and terms.take else None
    models = await session.catalog().models()
    asked, request = request, with_means(request, models, session.settings)
    pictures = await survey_pictures(session, request, terms, survey, models, lenient=lenient)
    request, frames = await with_cuts(session, pictures.request, terms.files)
    named = references(request)
    prints |= await _prints(session, [one for one in named if one not in prints], terms.files, lenient=lenient)
    plan = make_plan(
        request,
        models,
        session.settings,
        lengths=await _lengths(session, request, terms.files, scope),
        model=before.film.model if isinstance(before, FilmStatus) else before.model if before is not None else None,
        stills=pictures.first_frames,
    )
    unasked = [UNASKED.format(plan.model)] if request.stills and not asked.stills else []
    plan = replace(plan, warnings=(*plan.warnings, *unasked, *frames))
    plan = await check_local_media(session, plan, terms.files)
    plan = await check_frames(session, plan, terms.files)
    if lenient:
        plan = await check_links(plan, session.settings, terms.files)
    if plan.film is not None:
        plan = check_media_extra(plan)
    clips = name_clips(plan.jobs, request, prints, terms.take)
    found = Prepared(
        request=request,
        terms=terms,
        plan=plan,
        call=call,
        asked=words,
        media={prints[one]: one for one in named if not is_made(one)},
        clips=clips,
        parts=tuple(Part(number, clip.ref) for number, clip in enumerate(clips)),
        film=None if plan.film is None else film_id(scope or "", [clip.ref for clip in clips], plan.film),
        made=session.clock.monotonic(),
    )
    if scope:
        found = await _looked_up(session, found, scope, _usable(before, plan, models), models)
    found = with_pictures(_reckoned(found, session.clock.time()), pictures)
    found = replace(found, plan=weigh(found.plan, pictures, models, session.settings))
    if scope and found.pays:
        paid = [place for number in found.pays for place in found.clips[number].job.media]
        places = [replace(one, reference=found.media.get(one.reference, one.reference)) for one in paid]
        found = replace(found, plan=await check_inputs(session, found.plan, places, terms.files, lenient=lenient))
        late = [await _past_the_end(session, one, terms.files, scope) for one in dict.fromkeys(found.media.values())]
        if problems := tuple(filter(None, late)):
            found = replace(found, plan=replace(found.plan, problems=(*found.plan.problems, *problems)))
    return found


ROUNDED = 0.1  # seconds by which a clip may be longer than its model was asked for


async def _past_the_end(session: Session, reference: str, files: Files, scope: str) -> str:
    """What is wrong with a frame or part that begins where its medium has ended, if that can be told."""
    begins = cut_begins(reference)
    if begins is None or not begins[1]:
        return ""
    seconds = await _length_of_medium(session, begins[0], files, scope)
    if seconds is None or begins[1] < seconds + ROUNDED:
        return ""
    return f"#t={begins[1]:g} is past the end of {shorten(begins[0])}: it is {seconds:g} s long. Name an earlier time."


async def _prints(session: Session, media: Sequence[str], files: Files, *, lenient: bool) -> dict[str, str]:
    """The fingerprint of each medium. Each local file is read and hashed once."""
    prints: dict[str, str] = {}
    for one in media:
        try:
            prints[one] = await fingerprint(session, one, files)
        except OxenError:
            if not lenient:
                raise
            prints[one] = f"unread:{one}"
    return prints


async def _scope(session: Session, *, lenient: bool) -> str | None:
    try:
        return await session.scope()
    except OxenError:
        if not lenient:
            raise
        return None


async def _lengths(session: Session, request: VideoRequest, files: Files, scope: str | None) -> dict[str, float]:
    """Seconds of the input video and sound, by reference, as far as the file or the ledger has them."""
    found: dict[str, float] = {}
    for name in filter(None, (request.input_video, request.input_audio, *request.input_videos, *request.input_audios)):
        one, part = part_of_cut(name)
        seconds = await _length_of_medium(session, one, files, scope)
        if part is not None:
            until = min(part[1] or seconds or 0.0, seconds or part[1] or 0.0)
            seconds = max(0.0, until - part[0])
        if seconds:
            found[name] = seconds
    return found


async def _length_of_medium(session: Session, reference: str, files: Files, scope: str | None) -> float | None:
    """Seconds of a video or sound, where the file or our ledger tells them."""
    with suppress(OxenError, OSError):
        if is_generation(reference):
            return await _length_of_result(session, reference.strip(), scope)
        if not (is_url(reference) or is_made(reference)):
            path = await asyncio.to_thread(allowed, reference, session.settings, files)
            seconds: float | None = (await look(session, "measure", path, files)).seconds
            return seconds
    return None


async def _length_of_result(session: Session, generation_id: str, scope: str | None, deep: int = 3) -> float | None:
    if scope is None:
        return None
    if is_film(generation_id):
        standing = await session.ledger.standing(generation_id)
        return standing.film.duration if standing is not None and standing.film.scope == scope else None
    kept = await session.saved_file(generation_id)
    if kept is not None:
        with suppress(OxenError, OSError):
            measures: Measures = await look(session, "measure", kept)
            return measures.seconds
    _, job = await session.ledger.clip_and_job(scope, generation_id)
    if job is None:  # made elsewhere: its record echoes what was asked for
        record = await (await session.hub()).get(generation_id)
        model, body = record.model or "", record.parameters
    else:
        model, body = job.model, job.body
    seconds = length(body)
    if seconds is None:
        seconds = billed_seconds(body, (await session.catalog().models()).known(model)).certain
    source, part = split_part(str(job.asked.get("input_video", ""))) if job is not None else ("", None)
    if seconds is None and part is not None and part[1] is not None:
        return part[1] - part[0]
    if seconds is None and source.startswith("generation:") and deep:  # an upscale is as long as what it was made of
        whole = await _length_of_result(session, source.removeprefix("generation:"), scope, deep - 1)
        return whole - part[0] if whole is not None and part is not None else whole
    return seconds


def name_clips(
    jobs: Sequence[PlannedJob], request: VideoRequest, prints: Mapping[str, str], take: int | None
) -> tuple[FilmClip, ...]:
    """The jobs of a plan as clips with content keys. Equal clips are numbered: part 0, 1, …"""
    clips: list[FilmClip] = []
    seen: Counter[tuple[str, int | None]] = Counter()
    for planned in jobs:
        job = named_by_content(planned, prints)
        before = clips[-1].ref if clips and planned.first_frame is not None else None
        after = None if before is None else f"{before.request} {before.take} {before.part}"
        key = clip_key(job.body, after)
        own = [number for index in job.shots if (number := request.multi_prompt[index].take)]
        number = max(own) if own else take
        if number is None and len(jobs) > 1:
            key, number = f"{key}+{uuid4().hex}", 1  # a clip of its own each time
        clips.append(FilmClip(ClipRef(key, number, seen[key, number]), job))
        seen[key, number] += 1
    return tuple(clips)


def _usable(before: FilmStatus | Job | None, plan: Plan, models: ModelList) -> FilmStatus | Job | None:
    """What the same call made before. A row of an earlier version counts only if its body is equivalent."""
    if isinstance(before, Job) and before.request == before.call:
        info = models.known(plan.model)
        same = len(plan.jobs) == 1 and agrees(before.body, before.asked, plan.jobs[0].body, info)
        return before if same else None
    if isinstance(before, FilmStatus) and before.film.refs[0].request == before.film.request:
        info, clips = models.known(plan.model), clips_in(before.film)
        same = len(plan.jobs) == len(clips) and way_of(before.film) == plan.film
        bodies = zip(clips, plan.jobs, strict=False)
        same = same and all(agrees(one.job.body, before.film.asked, job.body, info) for one, job in bodies)
        return before if same else None
    return before


def agrees(before: Mapping[str, Any], words: Mapping[str, Any], body: Mapping[str, Any], info: ModelInfo) -> bool:
    """Whether a body that was sent before makes the same video as `body`.

    words: the request of that time. What it left open was the model's default, if its schema states one. Media are not
    compared: for the same call they are the same.
    """
    media = {slot.name for slot in info.slots}
    for name, value in body.items():
        if name in media or before.get(name) == value:
            continue
        parameter = info.parameters.get(name)
        if name in before or parameter is None or parameter.default != value:
            return False
    marks = {"seed"} if "seed" not in words else set()  # our own, by which the job is told from others
    return before.keys() - body.keys() <= media | marks | {"response_format"}


async def _looked_up(
    session: Session, prepared: Prepared, scope: str, before: FilmStatus | Job | None, models: ModelList
) -> Prepared:
    """Add what the ledger has: the film or job of the same call, else of the same clips."""
    if isinstance(before, FilmStatus):
        return _as_film(prepared, before, models)
    if before is not None and len(prepared.clips) == 1:
        [part] = await session.ledger.parts_of(scope, [before.ref])
        stopped = part.job is not None and part.job.state == "cancelled"
        if stopped or part.is_taken(session.clock.time()):
            return replace(prepared, clips=(replace(prepared.clips[0], ref=part.ref),), parts=(part,))
    parts = await session.ledger.parts_of(scope, [clip.ref for clip in prepared.clips])
    if prepared.film is not None and any(part.job is None for part in parts):
        prepared, parts = await _with_clips_of_before(session, prepared, parts, scope, models)
    if prepared.film is not None:
        found = await session.ledger.standing(prepared.film)
        if found is not None:
            return _as_film(prepared, found, models)
    return replace(prepared, parts=parts)


MOST_FILMS_OF_BEFORE = 200


async def _with_clips_of_before(
    session: Session, prepared: Prepared, parts: tuple[Part, ...], scope: str, models: ModelList
) -> tuple[Prepared, tuple[Part, ...]]:
    """Use clips of films that were made before clips had keys of their own, if their bodies are equivalent. Whoever
    changes a shot of such a film pays for that shot only.
    """
    films = await session.ledger.newest_films(scope, MOST_FILMS_OF_BEFORE, without_refs=True)
    free = {
        part.ref: (clip, part, film.film)
        for film in films
        for clip, part in zip(clips_in(film.film), film.parts, strict=True)
        if part.is_taken(session.clock.time())
    }
    clips, found = list(prepared.clips), list(parts)
    for number, (clip, part) in enumerate(zip(clips, parts, strict=True)):
        before = found[number - 1].ref if number else None
        for ref, (old, its, film) in list(free.items()):
            if part.job is None and clip.ref.take == ref.take and _is_same_clip(old, film, clip, models, (before, ref)):
                clips[number], found[number] = replace(clip, ref=ref), replace(its, number=number)
                del free[ref]
                break
    if tuple(found) == parts:
        return prepared, parts
    way = prepared.plan.film or "separate shots"
    film_now = film_id(scope, [clip.ref for clip in clips], way)
    return replace(prepared, clips=tuple(clips), film=film_now), tuple(found)


def _is_same_clip(
    old: FilmClip, film: FilmRow, clip: FilmClip, models: ModelList, order: tuple[ClipRef | None, ClipRef]
) -> bool:
    """Whether an earlier clip shows the same as `clip`. order: the clip before it now, and its own reference."""
    info = models.known(clip.job.model)
    if old.job.model != clip.job.model or (old.job.first_frame is None) != (clip.job.first_frame is None):
        return False
    before, own = order
    if clip.job.first_frame is not None and before != replace(own, part=own.part - 1):
        return False  # it began with the last frame of another clip
    media = {slot.name for slot in info.slots}
    same = all(old.job.body.get(name) == clip.job.body.get(name) for name in media)
    return same and agrees(old.job.body, film.asked, clip.job.body, info)


def _as_film(prepared: Prepared, found: FilmStatus, models: ModelList) -> Prepared:
    """The film as it was agreed to, with current prices."""
    clips = tuple(replace(clip, job=_priced(clip.job, models)) for clip in clips_in(found.film))
    return replace(prepared, clips=clips, parts=found.parts, film=found.film.film, standing=found)


def _priced(job: PlannedJob, models: ModelList) -> PlannedJob:
    price = estimate(job.body, models.known(job.model))
    return job if price.usd is None else replace(job, price=price)


def _reckoned(prepared: Prepared, now: float) -> Prepared:
    """Decide what this call pays for, and write it into the plan."""
    found, plan = prepared.standing, prepared.plan
    busy = found is not None and found.is_live(now)
    stopped = tuple(part.number for part in prepared.parts if not part.is_taken(now) and _is_stopped(part, prepared))
    pays = () if busy or stopped else tuple(part.number for part in prepared.parts if not part.is_taken(now))
    clips = tuple(
        PlannedClip(
            shots=tuple(shot + 1 for shot in clip.job.shots) or (1,),
            model=clip.job.model,
            seconds=clip.seconds,
            price_usd=clip.job.price.usd,
            take=clip.ref.take,
            already=part.is_taken(now) or (busy and part.number not in stopped),
            stopped=part.number in stopped,
        )
        for clip, part in zip(prepared.clips, prepared.parts, strict=True)
    )
    due = total([prepared.clips[number].job.price for number in pays]) if pays else FREE
    if len(pays) == len(clips):
        due = plan.price if prepared.standing is None else due
    unbounded = [UNBOUNDED.format(plan.model, " and ".join(due.unpriced) or "its price")] if not due.is_known else []
    warnings = (*plan.warnings, *unbounded, *_about_clips(prepared, stopped))
    plan = replace(plan, clips=clips, due=due, warnings=warnings)
    return replace(prepared, plan=plan, pays=pays, stopped=stopped, spent=spent_on(_own_tries(prepared)))


def _is_stopped(part: Part, prepared: Prepared) -> bool:
    """Whether a clip was cancelled together with this film or video, and not paid for since."""
    film = prepared.standing.film if prepared.standing is not None else None
    if film is not None and film.state == "cancelled":
        return True
    return part.job is not None and part.job.state == "cancelled" and part.job.film == prepared.film


def _about_clips(prepared: Prepared, stopped: Sequence[int]) -> list[str]:
    """Warnings about equal clips, and about cancelled ones."""
    words = []
    for clip in prepared.clips:
        if clip.ref.part:
            same = [one.name for one in prepared.clips if one.ref.request == clip.ref.request]
            words.append(f"{' and '.join(dict.fromkeys(same))} are equal: each is paid for, as one asked for twice.")
    if stopped:
        words.append(how_to_make_anew([prepared.clips[number] for number in stopped], single=prepared.film is None))
    return list(dict.fromkeys(words))


def how_to_make_anew(clips: Sequence[FilmClip], *, single: bool) -> str:
    """How to regenerate cancelled clips, and what that costs."""
    price = total([clip.job.price for clip in clips])
    cost = f" ({said(price.usd)})" if price.usd is not None else ""
    take = max(clip.ref.take or 1 for clip in clips) + 1
    if single:
        return f"It was stopped, and this call pays nothing. take={take} makes it anew{cost}, only if the user asks."
    one, names = len(clips) == 1, ", ".join(name_of(clip.job.shots or (0,)) for clip in clips)
    return (
        f"{names}: stopped, and this call pays nothing. take={take} in {'that shot' if one else 'those shots'}, not in "
        f"the call, makes {'it' if one else 'them'} anew{cost}, only if the user asks."
    )
