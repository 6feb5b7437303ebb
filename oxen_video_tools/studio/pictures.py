"""Pictures before motion: sheets of the cast, and the still that each shot begins with.

Each is a job of its own, paid once: a still is known by its words, its cast and its take, whatever model made it. A
video that needs them names them by their clip keys, so that a still that was made anew makes its shot new, and only
that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..catalog.cast import holding, named_in
from ..catalog.findings import listing
from ..catalog.pricing import Price, dollars, total
from ..catalog.selection import choose
from ..errors import GenerationFailed, TimedOut
from ..hub.records import Status
from ..ledger.records import Booking, ClipRef, Intent, Job, micros, said
from ..request import Member, PictureRequest, VideoRequest
from .local_files import Files
from .media_inputs import MADE
from .plan import BEST_FIRST, Plan, PlannedMember, PlannedPicture, make_plan, plan_picture
from .results import Video

if TYPE_CHECKING:
    from ..catalog.catalog import ModelList
    from ..settings import Settings
    from .prepare import Prepared, Terms
    from .session import Session

Kind = Literal["sheet", "still", "picture"]
MOST_STILLS = 100
SHEET = (
    "Character sheet of {name}: {look}. The same subject three times side by side: front view, three-quarter view and "
    "side view, full figure, neutral expression, plain light grey background, even soft light, no text."
)
SHEET_SHAPE = "3:2"
STILL = "A single film still."


class Survey(Protocol):
    """`prepare.survey`."""

    def __call__(
        self, session: Session, request: VideoRequest, terms: Terms, *, lenient: bool = False
    ) -> Awaitable[Prepared]: ...


@dataclass(frozen=True)
class Picture:
    """A picture that a request needs.

    name: "Mira" for a sheet, "Shot 2" for a still.
    shot: from 0; None for a sheet.

    prepared: the call that makes it, and what is there of it.
    """

    kind: Kind
    name: str
    prepared: Prepared = field(repr=False)
    shot: int | None = None

    @property
    def ref(self) -> ClipRef:
        """Which picture it is, whatever it is needed for."""
        return self.prepared.clips[0].ref

    @property
    def reference(self) -> str:
        """What a body names it by until it is sent."""
        ref = self.ref
        return f"{MADE}{ref.request}/{ref.take}/{ref.part}"

    @property
    def pays(self) -> bool:
        """Whether it still has to be paid."""
        return bool(self.prepared.pays)

    @property
    def price(self) -> Price:
        """What it costs, paid or not."""
        return self.prepared.plan.price

    @property
    def generation_id(self) -> str | None:
        """The generation that it is, once it was sent."""
        job = self.prepared.parts[0].job
        return job.generation_ids[0] if job is not None and job.generation_ids else None

    @property
    def is_there(self) -> bool:
        """Whether it is finished, as far as the ledger knows."""
        clip = self.prepared.parts[0].clip
        return not self.pays and clip is not None and clip.status == "succeeded"

    @property
    def share(self) -> int:
        """Micro-dollars that it reserves."""
        return 0 if self.price.usd is None else micros(self.price.usd)

    def intent(self, scope: str, film: str | None = None) -> Intent:
        """The job that makes it, to be reserved. film: the film that it is reserved with."""
        clip, prepared = replace(self.prepared.clips[0], share=self.share), self.prepared
        return clip.intent(scope, prepared.asked, "queue", film=film, call=prepared.call)

    def planned(self) -> PlannedPicture:
        """As a plan shows it."""
        return PlannedPicture(
            kind=self.kind,
            name=self.name,
            model=self.prepared.clips[0].job.model,
            price_usd=self.price.usd,
            take=self.prepared.clips[0].ref.take,
            already=not self.pays,
            shot=None if self.shot is None else self.shot + 1,
            generation_id=self.generation_id,
        )


@dataclass(frozen=True)
class Pictures:
    """All pictures of a request. request: with the sheets in its cast."""

    request: VideoRequest
    sheets: tuple[Picture, ...] = ()
    stills: tuple[Picture, ...] = ()

    @property
    def all(self) -> tuple[Picture, ...]:
        return (*self.sheets, *self.stills)

    @property
    def first_frames(self) -> dict[int, str]:
        """The still of each shot, by its number from 0."""
        return {one.shot: one.reference for one in self.stills if one.shot is not None}


def paying(pictures: Sequence[Picture]) -> list[Picture]:
    """Those that are still to be paid, each once: shots with the same words share their still."""
    return list({one.ref: one for one in pictures if one.pays}.values())


async def looked_up_again(session: Session, pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """As the ledger has them now."""
    if not pictures:
        return ()
    parts = await session.ledger.parts_of(await session.scope(), [one.ref for one in pictures])
    now = session.clock.time()
    return tuple(
        replace(one, prepared=replace(one.prepared, parts=(part,), pays=() if part.is_taken(now) else (0,)))
        for one, part in zip(pictures, parts, strict=True)
    )


async def survey_pictures(
    session: Session, request: VideoRequest, terms: Terms, survey: Survey, models: ModelList, *, lenient: bool
) -> Pictures:
    """The sheets and stills that a request needs, and what is there of them. Free."""
    if isinstance(request, PictureRequest) or not (request.cast or request.stills):
        return Pictures(request)
    model = choose(request, models, session.settings.model).model_id
    by_pictures = holding(models.known(model)).rank <= 1
    sheets = []
    if by_pictures or request.stills:
        for member in _without_pictures(request):
            one = await survey(session, sheet_request(member, request), _terms(terms, 1), lenient=lenient)
            sheets.append(Picture("sheet", member.name, one))
    request = _with_sheets(request, sheets)
    stills = []
    if request.stills and not request.start_image:
        for shot in range(max(1, len(request.multi_prompt))):
            stills.append(await survey_still(session, request, shot, terms, survey, lenient=lenient))
    return Pictures(request, tuple(sheets), tuple(stills))


async def survey_still(
    session: Session, request: VideoRequest, shot: int, terms: Terms, survey: Survey, *, lenient: bool, **how: Any
) -> Picture:
    take = request.multi_prompt[shot].still_take if request.multi_prompt else None
    asked = still_request(request, shot).model_copy(update=how)
    one = await survey(session, asked, _terms(terms, take or 1), lenient=lenient)
    return Picture("still", f"Shot {shot + 1}", one, shot)


def _terms(terms: Terms, take: int) -> Terms:
    return replace(terms, take=take, max_cost_usd=None, approved_usd=None)


def _without_pictures(request: VideoRequest) -> list[Member]:
    """Members who are seen, and of whom there are but words."""
    prompts = [request.prompt, *(shot.prompt for shot in request.multi_prompt)]
    return [member for member in named_in(request.cast, *prompts) if member.look and not member.images]


def _with_sheets(request: VideoRequest, sheets: Sequence[Picture]) -> VideoRequest:
    made = {one.name: one.reference for one in sheets}
    cast = [
        member.model_copy(update={"images": [made[member.name]], "real_face": False}) if member.name in made else member
        for member in request.cast
    ]
    return request.model_copy(update={"cast": cast})


def sheet_request(member: Member, request: VideoRequest) -> PictureRequest:
    """The picture that shows a member of the cast from all sides."""
    return PictureRequest(
        prompt=SHEET.format(name=member.name, look=(member.look or "").strip().rstrip(".")),
        aspect_ratio=SHEET_SHAPE,
        level=request.level,
        target_namespace=request.target_namespace,
        still=True,
    )


def still_request(request: VideoRequest, shot: int) -> PictureRequest:
    """The first picture of a shot: its words and style, those of the cast who are in it, in the film's shape."""
    prompt = (request.multi_prompt[shot].prompt if request.multi_prompt else request.prompt) or ""
    words = prompt.strip()
    end = "" if words.endswith((".", "!", "?", "…")) else "."
    return PictureRequest(
        prompt=f"{words}{end} {STILL}",
        cast=named_in(request.cast, prompt),
        style=request.style,
        input_image=request.input_image,
        aspect_ratio=request.aspect_ratio or "16:9",
        level=request.level,
        negative_prompt=request.negative_prompt,
        target_namespace=request.target_namespace,
        still=True,
    )


def with_pictures(prepared: Prepared, pictures: Pictures) -> Prepared:
    """What was surveyed, with its pictures: they are in the price, and their problems and warnings are told."""
    if not pictures.all:
        return prepared
    plan = prepared.plan
    due = [one.prepared.plan.due or one.price for one in paying(pictures.all)]
    sheets = {one.name: one.generation_id for one in pictures.sheets}
    plan = replace(
        plan,
        price=total([plan.price, *(one.price for one in {one.ref: one for one in pictures.all}.values())]),
        due=total([plan.due or plan.price, *due]) if due else plan.due,
        problems=once([*plan.problems, *told_of(pictures, "problems")]),
        warnings=once([*plan.warnings, *told_of(pictures, "warnings")]),
        cast=tuple(replace(one, sheet=sheets.get(one.name)) for one in plan.cast),
        pictures=tuple(one.planned() for one in pictures.all),
    )
    return replace(prepared, plan=plan, pictures=pictures.all)


# -- which means a film with a cast is made by -------------------------------------------------------------------------
#
# Stills (one clip a shot, each begun with its still), references in each clip, or several shots in one clip: the
# model's own list of shots, or timed lines of its prompt. What holds the cast decides, then the price. Stills that are
# asked for are made; where they are left open they are taken for models that hold a cast by a first frame only.


UNASKED = (
    "Each shot gets a still, although none was asked for: {} holds a cast by a first frame only. stills: false leaves "
    "them out, and a member's own picture is the first frame then."
)


def with_means(request: VideoRequest, models: ModelList, settings: Settings) -> VideoRequest:
    """The request with stills, where it leaves them open and nothing else would hold its cast."""
    open_ = request.stills is None and len(request.multi_prompt) > 1 and _cast_of(request)
    given = request.start_image or request.input_image or request.input_video or request.continuous
    if not open_ or given or isinstance(request, PictureRequest) or not models.images:
        return request
    info = models.known(choose(request, models, settings.model).model_id)
    by_first_frame = holding(info).rank == 2 and info.slot("image", "first_frame") is not None
    return request.model_copy(update={"stills": True}) if by_first_frame else request


def _cast_of(request: VideoRequest) -> list[Member]:
    return named_in(request.cast, *(shot.prompt for shot in request.multi_prompt))


def weigh(plan: Plan, pictures: Pictures, models: ModelList, settings: Settings) -> Plan:
    """The plan with the means that its shots are made by, why so, and what another way would cost."""
    request = pictures.request
    if isinstance(request, PictureRequest) or len(request.multi_prompt) < 2 or not _cast_of(request) or plan.problems:
        return plan
    way = _way_of(plan, request, models)
    held = " and ".join(f"{listing(names, 'and')} by {by}" for by, names in _by_means(plan.cast).items())
    words = f"{way}, for {_cost(plan.price)}: it holds {held}"
    if len(plan.jobs) < len(request.multi_prompt):
        words += ", drawn together in each clip"
    if not request.stills:
        return replace(plan, means=f"{words}. {_stills_instead(plan, pictures, models, settings)}".strip())
    native = _native_instead(plan, pictures, models, settings)
    if native is None:
        return replace(plan, means=f"{words}. No model that makes several shots in one clip holds them as well.")
    price, other = native
    by = listing(list(_by_means(other.cast)), "and")
    instead = f"{_way_of(other, request, models)} with {other.model} would hold them by {by} for {_cost(price)}"
    cheaper = price.usd is not None and plan.price.usd is not None and price.usd < plan.price.usd
    if not cheaper:
        return replace(plan, means=f"{words}. {instead}.")
    hint = f"{instead} instead of {_cost(plan.price)}: name it and leave stills out."
    return replace(plan, means=f"{words}. {instead}.", warnings=(*plan.warnings, hint))


def _cost(price: Price) -> str:
    """In a few words; what could not be priced is said elsewhere."""
    if price.usd is None:
        return "a price that nobody knows"
    most, more = "at most " * price.text.startswith("at most"), " and more" * (not price.is_known)
    return f"{most}{dollars(price.usd)}{more}"


def _by_means(cast: Sequence[PlannedMember]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in cast:
        found.setdefault(one.held_by, []).append(one.name)
    return found


def _way_of(plan: Plan, request: VideoRequest, models: ModelList) -> str:
    shots, jobs = len(request.multi_prompt), len(plan.jobs)
    if jobs == shots:
        return "One clip a shot, each begun with its still" if plan.request.stills else "One clip a shot"
    form = "timed in its prompt" if models.known(plan.model).multi_shot is None else "its own list"
    return f"{shots} shots in {jobs} clip{'s' * (jobs > 1)} ({form})"


def _picture_price(asked: PictureRequest, models: ModelList, settings: Settings) -> Price:
    return plan_picture(asked, models.images, settings).price


def _stills_instead(plan: Plan, pictures: Pictures, models: ModelList, settings: Settings) -> str:
    """What the same film costs with stills, with the same model where it takes a first frame."""
    request = pictures.request.model_copy(update={"stills": True})
    if not models.images or request.start_image or request.continuous:
        return ""
    takes = models.known(plan.model).slot("image", "first_frame", "keyframes") is not None
    if not takes and request.model:
        request = request.model_copy(update={"model": None})
    shots = range(len(request.multi_prompt))
    other = make_plan(request, models, settings, stills=dict.fromkeys(shots, MADE))
    if other.problems:
        return ""
    sheets = {one.name: one.price for one in pictures.sheets}
    for member in _without_pictures(request):
        sheets[member.name] = _picture_price(sheet_request(member, request), models, settings)
    drawn = {str(one): _picture_price(one, models, settings) for one in (still_request(request, n) for n in shots)}
    price = total([other.price, *sheets.values(), *drawn.values()])
    return f"With stills ({other.model}, one clip a shot) it would cost {_cost(price)}."


def _native_instead(plan: Plan, pictures: Pictures, models: ModelList, settings: Settings) -> tuple[Price, Plan] | None:
    """The cheapest way to make several shots in one clip that holds the cast at least as well; None where none does."""
    request = pictures.request.model_copy(update={"stills": None})
    weakest = max((BEST_FIRST.index(one.held_by) for one in plan.cast), default=0)
    found = []
    for info in models.values():
        if info.multi_shot is None and info.shots_in_prompt is None:
            continue
        other = make_plan(request.model_copy(update={"model": info.id}), models, settings)
        whole = other.ok and other.price.is_known and len(other.jobs) < len(request.multi_prompt)
        if whole and other.cast and max(BEST_FIRST.index(one.held_by) for one in other.cast) <= weakest:
            price = total([other.price, *(one.price for one in pictures.sheets)])
            found.append((price.usd or Decimal(0), info.id, price, other))
    return None if not found else min(found, key=lambda one: one[:2])[2:]


def told_of(pictures: Pictures, what: str) -> list[str]:
    return [
        text if one.kind == "still" and len(pictures.stills) == 1 else f"{one.kind.capitalize()} of {one.name}: {text}"
        for one in pictures.all
        for text in getattr(one.prepared.plan, what)
        if "live list" not in text
    ]


def once(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


# -- making them -------------------------------------------------------------------------------------------------------

Booked = Mapping[ClipRef, Booking]
#: Makes one picture that is reserved, or follows one that is under way: its call, until when, its reservation.
Make = Callable[["Session", "Prepared", float, "Booking | None"], Awaitable[Video]]


async def make_pictures(
    session: Session, pictures: Sequence[Picture], booked: Booked, files: Files, until: float, make: Make
) -> None:
    """Make what is not there yet, sheets before stills; answers when all of it is there.

    Raises GenerationFailed, and TimedOut where time runs out: what is paid then is not paid again.
    """
    paid: list[Picture] = []
    for kind in ("sheet", "still", "picture"):
        due = {one.ref: one for one in pictures if one.kind == kind and not one.is_there}
        videos = await asyncio.gather(*(make_one(session, one, booked, files, until, make) for one in due.values()))
        made = list(zip(due.values(), videos, strict=True))
        paid += [one for one, video in made if one.pays and video.status == "succeeded"]
        for one, video in made:
            try:
                check(one, video)
            except GenerationFailed as error:
                raise beside_paid(error, paid) from None


async def make_one(session: Session, picture: Picture, booked: Booked, files: Files, until: float, make: Make) -> Video:
    """One picture, made or as it stands. files: where its local media may lie."""
    [clip] = picture.prepared.clips
    terms = replace(picture.prepared.terms, files=files)
    prepared = replace(picture.prepared, terms=terms, clips=(replace(clip, share=picture.share),))
    return await make(session, prepared, until, booked.get(picture.ref))


def ended(job: Job, error: str | None, fix: str) -> Video:
    """A picture whose job has ended, as `check` takes it."""
    status: Status = "succeeded" if job.state == "succeeded" else "cancelled" if job.state == "cancelled" else "failed"
    named = job.generation_ids[0] if job.generation_ids else ""
    return Video(status=status, generation_id=named, model=job.model, error=error or None, fix=fix)


def beside_paid(error: GenerationFailed, paid: Sequence[Picture]) -> GenerationFailed:
    """The error of a picture, with what was paid for others of the same call."""
    if paid:
        usd = total([one.price for one in paid]).usd
        cost = "Money" if usd is None else said(usd)
        error.charged = "yes"
        error.fix = f"{error.fix} {cost} was paid for other pictures: they are kept, and not paid again."
    return error


def check(picture: Picture, video: Video) -> None:
    """Raises GenerationFailed for a picture that there will not be, TimedOut for one that is not there yet."""
    if video.status == "succeeded":
        return
    what = f"The {picture.kind} of {picture.name}"
    if video.status in ("failed", "cancelled"):
        again = "another take of it: still_take in its shot" if picture.kind == "still" else "another look"
        fix = f"Change its words, or ask for {again}. Nothing was paid for the video."
        if video.fix:
            fix = f"{video.fix} Nothing was paid for the video."
        message = f"{what} {video.status}: {video.error or 'the hub gave no reason'}"
        raise GenerationFailed(message, fix=fix, charged="no", generation_id=video.generation_id)
    raise TimedOut(
        f"{what} is {video.status}; the video was not sent yet.",
        charged="yes",
        fix="Call again with the same arguments: it goes on, and what is paid is not paid again.",
    )
