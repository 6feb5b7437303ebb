"""`stills`: the first picture of each shot, each paid once, on one numbered sheet."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalog.pricing import Price, total
from ..errors import GenerationFailed, InvalidRequest, OxenError
from ..request import VideoRequest
from .cast import resolve
from .generate import WAIT, Call, agree, budget_of, make_picture
from .pictures import (
    MOST_STILLS,
    Booked,
    Picture,
    Pictures,
    beside_paid,
    check,
    make_one,
    once,
    survey_pictures,
    survey_still,
    told_of,
)
from .pictures import paying as to_be_paid
from .plan import BEST_FIRST, PlannedMember
from .prepare import Terms, question_about, reservation, survey
from .result_files import fetch_into
from .results import Question, Shown, Video
from .submission import reserved

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True)
class PreparedStills:
    """Stills that are ready to be asked about and paid."""

    request: VideoRequest
    terms: Terms
    pictures: Pictures
    due: Price
    reserved: Decimal
    question: Question | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        return once(told_of(self.pictures, "warnings"))


@dataclass(frozen=True)
class Still:
    """One still as it stands.

    shot: from 1.
    take: which take of it.
    held: how each member who is in it is held.
    """

    shot: int
    video: Video
    take: int | None = 1
    held: tuple[PlannedMember, ...] = ()


@dataclass(frozen=True)
class Stills(Shown):
    """What `stills` answers.

    cost_usd: US dollars of all of it, sheets included, paid now or before: the price, also of a still that failed, for
    the hub bills later.
    sheet: a JPEG with all stills, numbered; None where none is there or the `media` extra is missing.
    """

    stills: tuple[Still, ...]
    cost_usd: Decimal | None
    sheet: bytes | None = field(default=None, repr=False)
    cast: tuple[PlannedMember, ...] = ()
    sheets: tuple[Video, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def cost(self) -> Decimal | None:
        """The earlier name of `cost_usd`."""
        return self.cost_usd

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen to any of them."""
        return all(one.video.is_terminal for one in self.stills)

    def _repr_html_(self) -> str:
        """How a notebook shows them."""
        from .display import stills_html

        return stills_html(self)

    def _poster(self) -> bytes | None:
        return self.sheet


async def prepare_stills(session: Session, request: VideoRequest, terms: Terms, how: dict[str, Any]) -> PreparedStills:
    """The pictures, what of them is there, what the rest costs, and what a person must agree to. Free.

    how: `model` and `quality` of the stills, where they are named.
    """
    if not request.prompt and not request.multi_prompt:
        raise InvalidRequest("There is nothing to draw.", fix="Give prompt for one picture, or multi_prompt for shots.")
    await session.scope()
    shots = len(request.multi_prompt)
    if shots > MOST_STILLS:
        raise InvalidRequest(f"{shots} shots: at most {MOST_STILLS}.", fix="Make them in several calls.")
    request = await resolve(session, request.model_copy(update={"stills": True, "model": None}))
    models = await session.catalog().models()
    sheets = await survey_pictures(
        session, request.model_copy(update={"start_image": "drawn-below"}), terms, survey, models, lenient=False
    )
    drawn = sheets.request.model_copy(update={"start_image": None})
    stills = [
        await survey_still(session, drawn, shot, terms, survey, lenient=False, **how) for shot in range(max(1, shots))
    ]
    pictures = Pictures(drawn, sheets.sheets, tuple(stills))
    for one in pictures.all:
        one.prepared.plan.raise_for_problems()
    paying = to_be_paid(pictures.all)
    due = total([one.price for one in paying]) if paying else Price(Decimal(0), (), "$0.00")
    if not paying:
        return PreparedStills(request, terms, pictures, due, Decimal(0))
    model = paying[-1].prepared.plan.model
    reserved = reservation(due, model, session.settings, terms.max_cost_usd)
    covered = terms.approved_usd is not None and terms.approved_usd >= reserved.amount
    question = question_about(reserved, model, session.settings, jobs=len(paying), max_cost_usd=terms.max_cost_usd)
    if question is not None:
        question = replace(question, text=question.text.replace("this video", f"{len(paying)} pictures"))
    return PreparedStills(request, terms, pictures, due, reserved.amount, None if covered else question)


async def make_stills(
    session: Session,
    request: VideoRequest,
    terms: Terms,
    call: Call,
    how: dict[str, Any],
    prepared: PreparedStills | None,
) -> Stills:
    """The stills of a request, each paid once, as one numbered contact sheet. Raises what `generate` raises."""
    ready = prepared or await prepare_stills(session, request, terms, how)
    terms = replace(ready.terms, approved_usd=terms.approved_usd, max_cost_usd=terms.max_cost_usd)
    terms = await agree(ready.question, terms, call, ready.reserved)
    wait = next(one for one in (call.wait_seconds, session.settings.wait, WAIT) if one is not None)
    until = session.clock.monotonic() + wait
    pictures, sheets, paid = ready.pictures, list[Video](), list[Picture]()
    async with _reserved(session, pictures) as booked:
        for one in pictures.sheets:
            if not one.is_there:
                sheets.append(await make_one(session, one, booked, terms.files, until, make_picture))
                try:
                    check(one, sheets[-1])
                except GenerationFailed as error:
                    raise beside_paid(error, paid) from None
                paid += [one] if one.pays else []
        made = await _each_once(
            pictures.stills, lambda one: make_one(session, one, booked, terms.files, until, make_picture)
        )
    broken = [one for one in made if isinstance(one, BaseException)]
    if broken and (len(broken) == len(made) or not all(isinstance(one, OxenError) for one in broken)):
        raise broken[0]
    stills = [
        Still(
            shot=(one.shot or 0) + 1,
            video=video if isinstance(video, Video) else _lost(video),
            take=one.prepared.clips[0].ref.take,
            held=one.prepared.plan.cast,
        )
        for one, video in zip(pictures.stills, made, strict=True)
    ]
    costs = [one.price.usd for one in pictures.all if one.price.usd is not None]
    return Stills(
        stills=tuple(stills),
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        sheet=await _numbered(session, stills),
        cast=_weakest(one for still in stills for one in still.held),
        sheets=tuple(sheets),
        warnings=ready.warnings,
    )


@asynccontextmanager
async def _reserved(session: Session, pictures: Pictures) -> AsyncIterator[Booked]:
    """All that this call pays for, reserved in one transaction."""
    scope = await session.scope()
    intents = [one.intent(scope) for one in to_be_paid(pictures.all)]
    if not intents:
        yield {}
        return
    async with reserved(session, intents, budget_of(session)) as booked:
        yield booked


async def _each_once(stills: Sequence[Picture], make: Callable[[Picture], Awaitable[Video]]) -> list[Any]:
    """What became of each, or why not: shots with the same words share their still."""
    tasks = {one.ref: asyncio.ensure_future(make(one)) for one in {one.ref: one for one in stills}.values()}
    try:
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    finally:
        for task in tasks.values():
            task.cancel()
    return [error if (error := tasks[one.ref].exception()) else tasks[one.ref].result() for one in stills]


def _weakest(held: Any) -> tuple[PlannedMember, ...]:
    found: dict[str, PlannedMember] = {}
    for one in held:
        before = found.get(one.name)
        if before is None or BEST_FIRST.index(one.held_by) > BEST_FIRST.index(before.held_by):
            found[one.name] = one
    return tuple(found.values())


def _lost(error: BaseException) -> Video:
    text = error.message if isinstance(error, OxenError) else str(error)
    return Video(status="failed", generation_id="", error=text)


async def _numbered(session: Session, stills: Sequence[Still]) -> bytes | None:
    """All stills that are there on one JPEG, each with the number of its shot."""
    there = [one for one in stills if one.video.status == "succeeded"]
    if not there:
        return None
    with tempfile.TemporaryDirectory(prefix="oxen-video-") as folder:
        files: list[tuple[int, Path]] = []
        for one in there:
            path = Path(folder) / f"{one.shot}"
            try:
                kept = await session.saved_file(one.video.generation_id)
                if kept is None:
                    await fetch_into(session, one.video.generation_id, path)
                files.append((one.shot, kept or path))
            except OxenError:
                continue
        try:
            from ..media.contact_sheet import numbered_sheet
            from ..media.pool import sheet_in_child

            if not files or session.isolated is None:
                return await asyncio.to_thread(numbered_sheet, files) if files else None
            return await sheet_in_child(files, caller=session.isolated)
        except OxenError:
            return None
