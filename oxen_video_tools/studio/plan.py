"""The plan of a request: what would be sent, in which clips, at which price, and all problems. Free, and without I/O.

A clip is one paid job: one shot, or the neighbouring shots that a model makes together. Shots are joined by hard cuts;
`continuous` asks for one long take, in which each clip begins with the last frame of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from ..catalog.body_builder import MediaPlace, Path
from ..catalog.cast import Held, HeldBy, cast_problems, cast_warnings, holding, named_in
from ..catalog.findings import listing
from ..catalog.images import choose_image, translate_image
from ..catalog.pricing import Price, billed_seconds, dollars, estimate, per_second, total
from ..catalog.selection import choose, for_purpose, over_every_length
from ..catalog.translate import Translation, put_urls, translate
from ..errors import InvalidRequest, ModelNotFound
from ..redaction import visible
from ..request import ImageRequest, PictureRequest
from .results import Shown

if TYPE_CHECKING:
    from ..catalog.catalog import ModelList
    from ..catalog.model_info import ModelInfo
    from ..request import Shot, VideoRequest
    from ..settings import Settings


# Neighbouring shots that differ in time of day, weather or place only because one of them does not mention it.
#
# A model sees each shot by itself: it does not know "rain" or "night" of the shot before. Only omissions are reported;
# two shots that state different things are meant to differ.

MOST_TOLD = 5
_KINDS: dict[str, str] = {
    "time of day": r"night|midnight|dusk|dawn|daylight|noon|midday|morning|afternoon|evening|sunset|sunrise|twilight"
    r"|golden hour|blue hour|moonlight|moonlit|sunny|overcast",
    "weather": r"rain|raining|rainy|rain-soaked|drizzle|snow|snowing|snowy|snowfall|fog|foggy|mist|misty|storm|stormy"
    r"|thunderstorm|blizzard|hail|windy",
    "place": r"beach|sea|ocean|harbou?r|forest|woods|jungle|desert|mountains?|meadow|field|river|lake|street|alley"
    r"|rooftop|bridge|station|subway|airport|office|kitchen|bedroom|bathroom|living room|bar|caf[eé]|restaurant|shop"
    r"|market|library|school|classroom|hospital|church|castle|temple|warehouse|factory|garage|garden|park|lighthouse"
    r"|village|farm|barn|spaceship|studio|theatre|stadium|corridor|hallway|tokyo|paris|london|new york|berlin|venice",
}
_WORDS = {kind: re.compile(rf"\b(?:{words})\b", re.I) for kind, words in _KINDS.items()}


def differences(prompts: Sequence[str], *, continuous: bool = False) -> list[str]:
    """A warning for each shot that omits what its neighbour states; none for a continuous film."""
    if continuous:
        return []
    found: list[str] = []
    for kind, words in _WORDS.items():
        said = [match[0].lower() if (match := words.search(prompt)) else None for prompt in prompts]
        for number, word in enumerate(said):
            if word is not None:
                continue
            near = [index for index in (number - 1, number + 1) if 0 <= index < len(said) and said[index] is not None]
            if near:
                found.append(
                    f'Shot {number + 1} names no {kind}, shot {near[0] + 1} says "{said[near[0]]}": '
                    "each shot is made by its own words. Repeat it where it holds, or put it into style."
                )
    return found[:MOST_TOLD]


Join = Literal["separate shots", "one take"]
Group = tuple[int, ...]
MOST_SHOTS = 100
FRAME = "last-frame-of-the-clip-before"  # stands for a first frame that does not exist yet
USUAL = 5  # seconds, Oxen docs: the default of a shot


@dataclass(frozen=True)
class PlannedJob:
    """One paid job.

    body: what is sent, with media as the request gave them.
    seconds: its duration; None if not certain.
    shots: which shots of the request it makes, from 0.
    media: the places in `body` that need a URL the hub can read.
    first_frame: the place in `body` that takes the last frame of the job before it; `body` has nothing there yet.
    held: how each member of the cast in it is kept consistent.
    """

    model: str
    body: dict[str, Any]
    price: Price
    seconds: float | None
    shots: tuple[int, ...] = ()
    media: tuple[MediaPlace, ...] = ()
    first_frame: Path | None = None
    held: tuple[Held, ...] = ()

    @property
    def price_usd(self) -> Decimal | None:
        """US dollars at most; None where nobody can know."""
        return self.price.usd

    def filled(self, urls: Mapping[Path, str], first_frame: str | None = None) -> dict[str, Any]:
        """The body as it is sent.

        urls: the URL for each place of `media`.
        first_frame: the URL for the place `first_frame`.
        """
        body = put_urls(self.body, urls)
        if first_frame is None or self.first_frame is None:
            return body
        name = str(self.first_frame[0])
        return body | {name: [first_frame, *body.get(name, ())] if len(self.first_frame) > 1 else first_frame}

    @property
    def name(self) -> str:
        """Its name for people: "Shot 2", or "Shots 3 to 4" if one job makes several."""
        return name_of(self.shots or (0,))


def name_of(shots: Sequence[int]) -> str:
    """The name of neighbouring shots for people. shots: counted from 0."""
    return f"Shot {shots[0] + 1}" if len(shots) == 1 else f"Shots {shots[0] + 1} to {shots[-1] + 1}"


@dataclass(frozen=True)
class PlannedClip:
    """How a clip of a plan stands in the ledger.

    shots: from 1.
    seconds: its duration; None if not certain.
    price_usd: its price, paid or not.
    take: None if every call makes a new one.
    already: it is paid for, or being paid for: this call pays nothing for it.
    stopped: it was cancelled: this call does not pay for it either; its next take would be another clip.
    """

    shots: tuple[int, ...]
    model: str
    seconds: float | None
    price_usd: Decimal | None
    take: int | None = 1
    already: bool = False
    stopped: bool = False


@dataclass(frozen=True)
class PlannedMember:
    """One member of the cast.

    held_by: how it is kept consistent, in the shot where that works least well.
    shots: the shots that name it, from 1.
    sheet: the generation id of its sheet, if one was made.
    """

    name: str
    held_by: HeldBy
    shots: tuple[int, ...] = ()
    sheet: str | None = None


@dataclass(frozen=True)
class PlannedPicture:
    """A picture that is made before the clips.

    name: "Mira" for a sheet, "Shot 2" for a still.
    already: it is paid for.
    shot: the shot of a still, from 1.
    """

    kind: Literal["sheet", "still", "picture"]
    name: str
    model: str
    price_usd: Decimal | None
    take: int | None = 1
    already: bool = False
    shot: int | None = None
    generation_id: str | None = None


@dataclass(frozen=True)
class Plan(Shown):
    """What a call would do.

    reason: why this model, and why this number of jobs.
    price: of all clips.
    film: how several jobs are joined; None for one job.
    clips: the state of each job in the ledger.
    due: what this call would pay; `price` if nothing is paid yet.
    cast: how each member is kept consistent.
    pictures: sheets of the cast and stills, which are made before the clips.
    choice: the price of a chosen model compared with the usual one; also the first of `warnings`.
    means: how the shots of a film with a cast are made, why, and what another way would cost.
    unknown_model: neither the live list nor Oxen's pages have the named model.
    """

    request: VideoRequest
    model: str
    reason: str
    jobs: tuple[PlannedJob, ...]
    price: Price
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    film: Join | None = None
    clips: tuple[PlannedClip, ...] = ()
    due: Price | None = field(default=None)
    cast: tuple[PlannedMember, ...] = ()
    pictures: tuple[PlannedPicture, ...] = ()
    choice: str = ""
    means: str = ""
    unknown_model: bool = False

    @property
    def ok(self) -> bool:
        """Whether it may be sent."""
        return not self.problems

    @property
    def price_usd(self) -> Decimal | None:
        """What this call would pay at most, in US dollars; None if unknown."""
        return (self.due or self.price).usd

    @property
    def total_usd(self) -> Decimal | None:
        """What all of it costs, paid or not, in US dollars; None where nobody can know."""
        return self.price.usd

    def _repr_html_(self) -> str:
        """The plan as HTML, for notebooks."""
        from .display import plan_html

        return plan_html(self)

    def _poster(self) -> bytes | None:
        return getattr(self, "sheet", None)  # of one with an animatic

    def raise_for_problems(self) -> None:
        """Raise InvalidRequest with all problems, if there are any."""
        if self.problems:
            raise (ModelNotFound if self.unknown_model else InvalidRequest)(
                " ".join(self.problems), problems=self.problems
            )


def make_plan(
    request: VideoRequest,
    models: ModelList,
    settings: Settings,
    *,
    lengths: Mapping[str, float] | None = None,
    model: str | None = None,
    stills: Mapping[int, str] | None = None,
) -> Plan:
    """The plan for a request.

    lengths: seconds of its input videos and sounds, by reference, as far as known.
    model: the model that made the same request before; used if the request names none.
    stills: the picture that each shot begins with, by its number from 0.
    """
    if isinstance(request, PictureRequest):
        return plan_picture(request, models.images, settings, model)
    choice = choose(request, models, settings.model)
    if model is not None and not choice.asked:
        choice = replace(choice, model_id=model)
    info = models.known(choice.model_id)
    paying, refused = _with_payer(request, settings)
    told: list[str] = []
    if choice.purpose:
        paying, told = for_purpose(paying, choice.purpose, info)
    division = _divide(paying, info)
    made = _make_jobs(division, paying, info, models, settings, lengths or {}, stills or {})
    prompts = [shot.prompt for shot in request.multi_prompt] or [request.prompt or ""]
    unknown = _unknown_model(info, models)
    problems = made.problems
    if too_long := over_every_length(request, models):  # instead of the lengths of one model
        problems = (too_long, *(one for one in problems if "duration=" not in one))
    return Plan(
        request=request,
        model=info.id,
        reason=f"{choice.reason}; {made.why}" if made.why else choice.reason,
        jobs=made.jobs,
        price=total(job.price for job in made.jobs),
        problems=(
            *unknown,
            *([choice.problem] if choice.problem else []),
            *refused,
            *cast_problems(request.cast),
            *problems,
        ),
        choice="" if choice.asked else choice.warning,
        unknown_model=bool(unknown),
        warnings=(
            *([choice.warning] if choice.warning else []),
            *([] if unknown else _about_the_list(info, models)),
            *cast_warnings(request.cast, prompts),
            *told,
            *made.warnings,
        ),
        film=made.film,
        cast=_held(request, made.jobs),
    )


def plan_picture(request: PictureRequest, images: ModelList, settings: Settings, model: str | None = None) -> Plan:
    """The plan for one picture."""
    asked = ImageRequest.model_construct(**{name: getattr(request, name) for name in ImageRequest.model_fields})
    pictures = [one for member in request.cast for one in member.images[:1]]
    choice = choose_image(asked.model_copy(update={"input_image": [*request.input_image, *pictures]}), images)
    if model is not None and not choice.asked:
        choice = replace(choice, model_id=model)
    info = images.known(images.meant(choice.model_id) or choice.model_id)
    paying, refused = _with_payer(request, settings)
    asked = asked.model_copy(update={"target_namespace": paying.target_namespace, "prompt": _styled(request).prompt})
    unknown = _unknown_model(info, images)
    spoken = translate_image(asked, info, models=images, cast=request.cast)
    price = estimate(spoken.body, info)
    job = PlannedJob(info.id, spoken.body, price, None, (), spoken.media, None, spoken.held)
    return Plan(
        request=request,
        model=info.id,
        reason=choice.reason,
        jobs=(job,),
        price=price,
        problems=(*unknown, *refused, *cast_problems(request.cast), *spoken.problems),
        warnings=(*([] if unknown else _about_the_list(info, images)), *spoken.warnings),
        cast=_held(request, (job,)),
    )


BEST_FIRST: tuple[HeldBy, ...] = ("elements", "face pictures", "reference pictures", "first frame", "words")


def _held(request: VideoRequest, jobs: Sequence[PlannedJob]) -> tuple[PlannedMember, ...]:
    """How consistently each member of the cast is kept, over all clips."""
    found = []
    for member in request.cast:
        means = [(one.held_by, job) for job in jobs for one in job.held if one.name == member.name]
        if not means:
            continue
        weakest = max((by for by, _ in means), key=BEST_FIRST.index)
        shots = {
            index + 1
            for _, job in means
            for index in job.shots
            if request.multi_prompt and named_in([member], request.multi_prompt[index].prompt)
        }
        found.append(PlannedMember(member.name, weakest, tuple(sorted(shots)) or (1,)))
    return tuple(found)


def _with_payer(request: VideoRequest, settings: Settings) -> tuple[VideoRequest, list[str]]:
    """The request with the namespace that pays, and a problem if it names one that is not allowed."""
    if not request.target_namespace:
        return (
            request.model_copy(update={"target_namespace": settings.namespace}) if settings.namespace else request
        ), []
    allowed = {name for name in (settings.namespace, *settings.namespaces) if name}
    if not allowed or request.target_namespace in allowed:
        return request, []
    return request, [f"target_namespace={request.target_namespace}: use {' or '.join(sorted(allowed))}."]


def _unknown_model(info: ModelInfo, models: ModelList) -> list[str]:
    """A problem if neither the live list nor Oxen's pages have the model."""
    if info.listed or not models.live or info.page or info.has_schema:
        return []
    near = models.closest(info.id)
    meant = f"Did you mean {listing(near)}? Or leave model out." if near else "Leave it out, or find_video_models."
    return [f"No model {visible(info.id[:60], lines=False)}. {meant}"]


def _about_the_list(info: ModelInfo, models: ModelList) -> list[str]:
    """Warnings if the model is not in the list, or if the list is not the live one."""
    if not info.listed:
        near = models.closest(info.id)
        gone = info.page.get("left_the_list")
        said = f"{info.id} left the list of models in {gone}" if gone else f"{info.id} is not in the list of models"
        meant = f" Did you mean {', '.join(near)}?" if near else ""
        return [f"{said}; the hub may refuse it.{meant}"]
    if not models.live:
        return ["The live list of models could not be read: checked against the bundled one, and prices are unknown."]
    return []


# -- which shots go into which job -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Division:
    """How the shots are divided among jobs.

    groups: the shots of each job, from 0; empty for a request that is one job.
    why: in words.
    single: each job takes one prompt; otherwise its shots go into the model's list of shots.
    in_prompt: that prompt has the shots of its group as timed lines.
    """

    groups: tuple[Group, ...] = ()
    why: str = ""
    single: bool = False
    in_prompt: bool = False


def _divide(request: VideoRequest, info: ModelInfo) -> _Division:
    shots = request.multi_prompt
    if not shots or request.prompt:
        return _Division()
    several = info.multi_shot
    if request.stills:
        why = "each begins with its still"
        if several is not None and several.fits([shot.seconds for shot in shots]):
            why += f", for which {info.id}'s own multi-shot job has no place; without stills it makes them in one"
        return _Division(tuple((index,) for index in range(len(shots))), why, True)
    if several is None:
        if not info.has_schema:
            return _Division()  # an unknown model: the shots are sent as they are
        if together := _in_prompt(request, info):
            why = f"{info.id} takes shots as timed lines of its prompt, and draws those of a clip together"
            return _Division(together, why, True, in_prompt=True)
        return _Division(tuple((index,) for index in range(len(shots))), f"{info.id} takes one prompt a job", True)
    lengths = [shot.seconds for shot in shots]
    if several.fits(lengths):
        return _Division()
    groups = _pack(shots, lambda group: several.fits([shot.seconds for shot in group]), several.most)
    if groups is None or len(groups) < 2:
        return _Division()
    limit = f"{several.most:g} s" if several.most and sum(lengths) > several.most else f"{several.count} shots"
    return _Division(groups, f"{info.id} makes {limit} at most in one job")


def _pack(
    shots: Sequence[Shot], fits: Callable[[Sequence[Shot]], bool], most: float | None
) -> tuple[Group, ...] | None:
    """The fewest groups of neighbouring shots that each fit into a job; None if a shot fits into none.

    most: seconds of a group.
    """
    best: list[tuple[Group, ...] | None] = [()]
    for end in range(1, len(shots) + 1):
        options = []
        for start in range(end - 1, -1, -1):
            before, group = best[start], shots[start:end]
            if most is not None and sum(shot.seconds for shot in group) > most:
                break
            if before is not None and fits(group):
                options.append((*before, tuple(range(start, end))))
        best.append(min(options, key=len) if options else None)
    return best[-1]


def _in_prompt(request: VideoRequest, info: ModelInfo) -> tuple[Group, ...] | None:
    """Which shots of a film with a cast go together into one prompt; None where each is better made by itself.

    What is drawn in one clip looks the same in it, also where a model holds a cast by words alone. Without a cast each
    shot is made by itself: its cut is exact, and a change to it costs that shot only.
    """
    form, length, shots = info.shots_in_prompt, info.length, request.multi_prompt
    named = named_in(request.cast, *(shot.prompt for shot in shots))
    if form is None or not form.confirmed or length is None or not named or request.continuous or len(shots) < 2:
        return None
    said, means, style = form, holding(info), (request.style or "").strip()
    room = means.most_in_all if means.most_in_all is not None else means.means[0].most if means.means else None

    def fits(group: Sequence[Shot]) -> bool:
        seen = named_in(named, *(shot.prompt for shot in group))
        looks = sum(len(member.look or "") + 3 for member in seen)
        within = info.most_characters is None or len(said.say(group, style)) + looks <= info.most_characters
        return within and length.offers(sum(shot.seconds for shot in group)) and (room is None or len(seen) <= room)

    groups = _pack(shots, fits, length.span()[1])
    return groups if groups is not None and len(groups) < len(shots) else None


# -- what each job is asked for ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    jobs: tuple[PlannedJob, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    film: Join | None
    why: str


def _make_jobs(
    division: _Division,
    request: VideoRequest,
    info: ModelInfo,
    models: ModelList,
    settings: Settings,
    lengths: Mapping[str, float],
    stills: Mapping[int, str],
) -> _Made:
    """The jobs, translated and priced."""
    groups = division.groups[:MOST_SHOTS] or (tuple(range(len(request.multi_prompt))),)
    opening, problems = _opening(request, info, models, groups)
    chained = bool(opening)
    asked = [_part(request, info, division, groups, number, chained) for number in range(len(groups))]
    for place, group in enumerate(groups):  # a first frame that the request names itself stays
        still = stills.get(group[0] if group else 0)
        if still is not None and not asked[place].start_image:
            asked[place] = asked[place].model_copy(update={"start_image": still})
    said = [translate(one, info, route=settings.route, models=models, defaults=True) for one in asked]
    jobs = tuple(
        _job(one, info, group, opening if number else None, lengths)
        for number, (one, group) in enumerate(zip(said, groups, strict=True))
    )
    problems += [*_told([one.problems for one in said], groups), *_of_the_whole(request, division)]
    prompts = [f"{shot.prompt} {request.style or ''}" for shot in request.multi_prompt]
    warnings = [*_told([one.warnings for one in said], groups), *differences(prompts, continuous=chained)]
    warnings += _about_changes(jobs, request, info, models)
    if len(jobs) == 1:
        native = len(request.multi_prompt) > 1 and info.multi_shot is not None
        why = f"{len(request.multi_prompt)} shots in one clip: {info.id} makes several in one job" if native else ""
        if division.in_prompt:
            why = f"{len(request.multi_prompt)} shots in one clip: {division.why}"
        return _Made(jobs, tuple(problems), tuple(warnings), None, why)
    how = "each begins with the last frame of the one before" if chained else "joined by hard cuts"
    why = f"{len(request.multi_prompt)} shots in {len(jobs)} clips, {how}: {division.why}"
    return _Made(jobs, tuple(problems), tuple(warnings), "one take" if chained else "separate shots", why)


def _opening(
    request: VideoRequest, info: ModelInfo, models: ModelList, groups: Sequence[Group]
) -> tuple[Path | None, list[str]]:
    """For a continuous film: where the last frame of the previous clip goes in the body; and problems."""
    if not request.continuous or len(groups) < 2:
        return None, []
    slot = info.slot("image", "first_frame", "keyframes")
    if slot is not None and not request.input_video:
        return ((slot.name, 0) if slot.many else (slot.name,)), []
    takers = [one for one in models.values() if one.slot("image", "first_frame") and one.takes("text")]
    others = [one.id for one in sorted(takers, key=lambda one: per_second(one) or Decimal(1000))][:3]
    why = "input_video is the source of each shot" if slot is not None else f"{info.id} takes no first frame"
    use = f", or use {listing(others)}" if others else ""
    return None, [f"continuous: {why}. Leave continuous out{use}."]


def _of_the_whole(request: VideoRequest, division: _Division) -> list[str]:
    """Problems of the film as a whole, not of one job."""
    if not division.groups:
        return []
    count, shots = request.num_generations or 1, request.multi_prompt
    found = _sum_differs(request)
    if count > 1 and len(shots) > 1:
        found.append("num_generations: a film is made once a call. For another version call again with take=2.")
    if len(shots) > MOST_SHOTS:
        found.append(f"{len(shots)} shots: a film has at most {MOST_SHOTS}.")
    return found


def _sum_differs(request: VideoRequest) -> list[str]:
    whole = sum(shot.seconds for shot in request.multi_prompt)
    if request.duration is None or request.duration == whole:
        return []
    return [
        f"duration={request.duration:g} beside multi_prompt: the shots are {whole:g} s long in all. Leave duration out."
    ]


def _part(
    request: VideoRequest, info: ModelInfo, division: _Division, groups: Sequence[Group], number: int, chained: bool
) -> VideoRequest:
    """The part of the request that one job makes."""
    if not division.groups:
        return _styled(request)
    shots = [request.multi_prompt[index] for index in groups[number]]
    last = number == len(groups) - 1
    update: dict[str, Any] = {
        "start_image": request.start_image if number == 0 else FRAME if chained else None,
        "end_image": request.end_image if last else None,
        "num_generations": None if len(groups) > 1 else request.num_generations,
        "duration": None,
    }
    if not division.single:
        return _styled(request.model_copy(update=update | {"multi_prompt": shots}))
    if division.in_prompt and len(shots) > 1 and info.shots_in_prompt is not None:
        words = info.shots_in_prompt.say(shots, (request.style or "").strip())
        update |= {"multi_prompt": [], "prompt": words, "duration": sum(shot.seconds for shot in shots)}
        return request.model_copy(update=update)
    seconds = _seconds(shots[0], info)
    update |= {"multi_prompt": [], "prompt": shots[0].prompt, "duration": seconds}
    return _styled(request.model_copy(update=update))


def _styled(request: VideoRequest) -> VideoRequest:
    """The request with its style added to every prompt."""
    style = (request.style or "").strip()
    if not style:
        return request
    shots = [shot.model_copy(update={"prompt": _with(shot.prompt, style)}) for shot in request.multi_prompt]
    prompt = _with(request.prompt, style) if request.prompt else request.prompt
    return request.model_copy(update={"prompt": prompt, "multi_prompt": shots})


def _with(prompt: str, style: str) -> str:
    prompt = prompt.strip()
    end = "" if prompt.endswith((".", "!", "?", "…")) else "."
    return f"{prompt}{end} {style}"


def _seconds(shot: Shot, info: ModelInfo) -> float | None:
    """The duration of a shot: its own, or 5 s if the model offers that. None: the model's default."""
    length = info.length
    if shot.duration or length is None:
        return shot.duration
    return USUAL if length.offers(USUAL) else None


def _job(
    spoken: Translation, info: ModelInfo, group: Group, place: Path | None, lengths: Mapping[str, float]
) -> PlannedJob:
    """A job with its price. A first frame that is the last frame of another job is left open."""
    if place is None or not any(one.reference == FRAME for one in spoken.media):
        return planned_job(spoken, info, group, lengths=lengths)
    name = place[0]
    body = {key: value for key, value in spoken.body.items() if key != name}
    others = [one for one in spoken.media if one.reference != FRAME]
    if len(place) > 1 and len(spoken.body[str(name)]) > 1:
        body[str(name)] = spoken.body[str(name)][1:]
        others = [_moved(one) if one.path[0] == name else one for one in others]
    return planned_job(Translation(body, [], [], tuple(others), spoken.held), info, group, place, lengths=lengths)


def planned_job(
    spoken: Translation,
    info: ModelInfo,
    shots: tuple[int, ...],
    first_frame: Path | None = None,
    *,
    lengths: Mapping[str, float] | None = None,
) -> PlannedJob:
    """A translation with its price."""
    seconds = billed_seconds(spoken.body, info, lengths).certain
    price = estimate(spoken.body, info, lengths)
    return PlannedJob(info.id, spoken.body, price, seconds, shots, spoken.media, first_frame, spoken.held)


def _moved(place: MediaPlace) -> MediaPlace:
    """A place in a list that lost its first entry."""
    return replace(place, path=(place.path[0], int(place.path[1]) - 1, *place.path[2:]))


# -- words -------------------------------------------------------------------------------------------------------------


def _told(texts: Sequence[Sequence[str]], groups: Sequence[Group]) -> list[str]:
    """Findings about the jobs: once if they hold for all, else each with its shot."""
    found: list[str] = []
    for said, group in zip(texts, groups, strict=True):
        for text in said:
            everywhere = all(text in other for other in texts)
            line = text if everywhere else f"{name_of(group)}: {text}"
            if line not in found:
                found.append(line)
    return found


def _about_changes(jobs: Sequence[PlannedJob], request: VideoRequest, info: ModelInfo, models: ModelList) -> list[str]:
    """A warning about the price of changing one shot, if one job makes several."""
    many = [job for job in jobs if len(job.shots) > 1]
    if not many:
        return []
    price = many[0].price.usd
    cost = f" ({dollars(price)})" if price is not None else ""
    text = f"{many[0].name} are one clip: a change to one of them makes all of them anew{cost}."
    single = [
        one
        for one in models.values()
        if one.multi_shot is None and one.takes("text") and not any(slot.required for slot in one.slots)
    ]
    rated = [(rate, one.id) for one in single if (rate := per_second(one)) is not None]
    media = request.start_image or request.input_image or request.input_video or request.input_audio
    if rated and not media and info.id != min(rated)[1]:
        text += f" The cheapest model that makes each shot by itself is {min(rated)[1]}."
    return [text]
