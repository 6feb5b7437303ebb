"""A request + the catalog → what would be sent, in how many jobs, for how much, and what is wrong. Free and pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ..catalog.body_builder import MediaPlace, Path
from ..catalog.pricing import Price, billed_seconds, estimate, total
from ..catalog.selection import Choice, choose
from ..catalog.translate import Translation, put_urls, translate
from ..errors import InvalidRequest

if TYPE_CHECKING:
    from ..catalog.catalog import ModelList
    from ..catalog.model_info import ModelInfo
    from ..request import Shot, VideoRequest
    from ..settings import Settings

__all__ = ["Plan", "PlannedJob", "make_plan"]


# One paid job of a plan.


@dataclass(frozen=True)
class PlannedJob:
    """One paid job.

    body: what is sent, media as the request gave them.  seconds: its length, where it is certain.
    shots: which shots of the request it makes, from 0.  media: the places in `body` that need a URL the hub can read.
    first_frame: the place in `body` that takes the last frame of the job before it; `body` has nothing there yet.
    """

    model: str
    body: dict[str, Any]
    price: Price
    seconds: float | None
    shots: tuple[int, ...] = ()
    media: tuple[MediaPlace, ...] = ()
    first_frame: Path | None = None

    def filled(self, urls: Mapping[Path, str], first_frame: str | None = None) -> dict[str, Any]:
        """The body as it is sent. urls: what stands at each place of `media`.  first_frame: the link of that frame."""
        body = put_urls(self.body, urls)
        if first_frame is None or self.first_frame is None:
            return body
        name = str(self.first_frame[0])
        return body | {name: [first_frame, *body.get(name, ())] if len(self.first_frame) > 1 else first_frame}


def plan_job(
    spoken: Translation, info: ModelInfo, shots: tuple[int, ...], first_frame: Path | None = None
) -> PlannedJob:
    """A translation with its price."""
    seconds = billed_seconds(spoken.body, info)
    certain = None if seconds.said else seconds.value
    return PlannedJob(info.id, spoken.body, estimate(spoken.body, info), certain, shots, spoken.media, first_frame)


# More shots or seconds than one job can make → a film: one job for each shot, or for each group that fits.

Film = Literal["side by side", "chained"]
Group = tuple[int, ...]
MOST_SHOTS = 100
FRAME = "last-frame-of-the-job-before"  # stands for a first frame that does not exist yet
USUAL = 5  # seconds, Oxen docs: the default of a shot


@dataclass(frozen=True)
class ShotGroups:
    """How the shots are divided among jobs. why: in words."""

    groups: tuple[Group, ...]
    why: str


def split(request: VideoRequest, info: ModelInfo) -> ShotGroups | None:
    """How a request becomes several jobs; None where it is one (or where no division helps)."""
    shots = request.multi_prompt
    if not shots or request.prompt:
        return None
    several = info.multi_shot
    if several is None:
        if not info.has_schema:
            return None  # nobody knows the model: the shots go as they are
        return ShotGroups(tuple((index,) for index in range(len(shots))), f"{info.id} takes one prompt a job")
    lengths = [shot.seconds for shot in shots]
    if several.fits(lengths):
        return None
    groups = _packed(lengths, info)
    if groups is None or len(groups) < 2:
        return None
    limit = f"{several.most:g} s" if several.most and sum(lengths) > several.most else f"{several.count} shots"
    return ShotGroups(groups, f"{info.id} makes {limit} at most in one job")


def _packed(lengths: Sequence[float], info: ModelInfo) -> tuple[Group, ...] | None:
    """The fewest groups of neighbours that each fit into a job; None where a shot fits into none."""
    several = info.multi_shot
    best: list[tuple[Group, ...] | None] = [()]
    for end in range(1, len(lengths) + 1):
        options = []
        for start in range(end - 1, -1, -1):
            before = best[start]
            if several is not None and several.most is not None and sum(lengths[start:end]) > several.most:
                break
            if before is not None and several is not None and several.fits(lengths[start:end]):
                options.append((*before, tuple(range(start, end))))
        best.append(min(options, key=len) if options else None)
    return best[-1]


@dataclass(frozen=True)
class FilmPlan:
    """The jobs of a film. film: how they follow each other; None for a single one.  why: in words."""

    jobs: tuple[PlannedJob, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    film: Film | None
    why: str


def plan_film(
    cut: ShotGroups, request: VideoRequest, info: ModelInfo, models: ModelList, settings: Settings
) -> FilmPlan:
    """What each job of a film is asked for, priced; chained where the model takes a first frame."""
    groups = cut.groups[:MOST_SHOTS]

    def spoken(chained: bool) -> list[Translation]:
        asked = [_part(request, info, groups, number, chained) for number in range(len(groups))]
        return [translate(part, info, route=settings.route, models=models) for part in asked]

    said, place = spoken(False), _first_frame(info)
    film: Film = "side by side"
    if len(groups) > 1 and place is not None and not request.input_video:
        chain = spoken(True)
        if sum(len(one.problems) for one in chain) <= sum(len(one.problems) for one in said):
            film, said = "chained", chain
    opening = place if film == "chained" else None
    jobs = tuple(_job(one, info, group, opening) for one, group in zip(said, groups, strict=True))
    problems = (*_told([one.problems for one in said], groups), *_of_the_whole(request))
    warnings = tuple(_told([one.warnings for one in said], groups))
    if len(jobs) == 1:
        return FilmPlan(jobs, problems, warnings, None, "")
    how = "each begins with the last frame of the one before" if film == "chained" else "side by side"
    why = f"{len(request.multi_prompt)} shots in {len(jobs)} jobs, {how}, joined at the end: {cut.why}"
    return FilmPlan(jobs, problems, warnings, film, why)


def _of_the_whole(request: VideoRequest) -> list[str]:
    """What is wrong with a film, and not with one of its jobs."""
    count, shots = request.num_generations or 1, request.multi_prompt
    found = _sum_differs(request)
    if count > 1 and len(shots) > 1:
        found.append("num_generations: a film is made once a call. For another version call again with take=2.")
    if len(shots) > MOST_SHOTS:
        found.append(f"{len(shots)} shots: a film has at most {MOST_SHOTS}.")
    return found


def _sum_differs(request: VideoRequest) -> list[str]:
    total = sum(shot.seconds for shot in request.multi_prompt)
    if request.duration is None or request.duration == total:
        return []
    return [
        f"duration={request.duration:g} beside multi_prompt: the shots are {total:g} s long in all. Leave duration out."
    ]


def _first_frame(info: ModelInfo) -> Path | None:
    """Where a first frame goes."""
    slot = info.slot("image", "first_frame", "keyframes")
    return None if slot is None else (slot.name, 0) if slot.many else (slot.name,)


def _part(request: VideoRequest, info: ModelInfo, groups: Sequence[Group], number: int, chained: bool) -> VideoRequest:
    """What one job of the film is asked for."""
    shots = [request.multi_prompt[index] for index in groups[number]]
    last = number == len(groups) - 1
    start = request.start_image if number == 0 else FRAME if chained else None
    update = {
        "start_image": start,
        "end_image": request.end_image if last else None,
        "num_generations": None if len(groups) > 1 else request.num_generations,
        "duration": None,
    }
    if info.multi_shot is not None:
        return request.model_copy(update=update | {"multi_prompt": shots})
    seconds = _seconds(shots[0], info)
    return request.model_copy(update=update | {"multi_prompt": [], "prompt": shots[0].prompt, "duration": seconds})


def _seconds(shot: Shot, info: ModelInfo) -> float | None:
    """How long a shot is: as it says, else 5 s, else what the model offers next to it."""
    length = info.length
    if shot.duration or length is None:
        return shot.duration
    if length.offers(USUAL):
        return USUAL
    if isinstance(length.default, (int, float)):
        return length.default
    near = sorted(length.choices, key=lambda seconds: abs(seconds - USUAL))
    return near[0] if near else None


def _job(spoken: Translation, info: ModelInfo, group: Group, place: Path | None) -> PlannedJob:
    """A job whose first frame, where it is another job's last, is left open."""
    waits = any(one.reference == FRAME for one in spoken.media)
    if not waits or place is None:
        return plan_job(spoken, info, group)
    name = place[0]
    body = {key: value for key, value in spoken.body.items() if key != name}
    others = [one for one in spoken.media if one.reference != FRAME]
    if len(place) > 1 and len(spoken.body[str(name)]) > 1:
        body[str(name)] = spoken.body[str(name)][1:]
        others = [_moved(one) if one.path[0] == name else one for one in others]
    return plan_job(Translation(body, [], [], tuple(others)), info, group, place)


def _moved(place: MediaPlace) -> MediaPlace:
    """A place in a list that lost its first entry."""
    return replace(place, path=(place.path[0], int(place.path[1]) - 1, *place.path[2:]))


def _told(texts: Sequence[Sequence[str]], groups: Sequence[Group]) -> list[str]:
    """What was said of the jobs: once where it holds for all, else with the shot it is about."""
    found: list[str] = []
    for said, group in zip(texts, groups, strict=True):
        for text in said:
            everywhere = all(text in other for other in texts)
            shot = f"Shot {group[0] + 1}" if len(group) == 1 else f"Shots {group[0] + 1} to {group[-1] + 1}"
            line = text if everywhere else f"{shot}: {text}"
            if line not in found:
                found.append(line)
    return found


@dataclass(frozen=True)
class Plan:
    """What would be done.

    reason: why this model, and why in so many jobs.  price: of the whole, US dollars at most.
    film: None for one job; "side by side" or "chained" for several, joined at the end.
    """

    request: VideoRequest
    model: str
    reason: str
    jobs: tuple[PlannedJob, ...]
    price: Price
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    film: Film | None = field(default=None)

    @property
    def ok(self) -> bool:
        """Whether it may be sent."""
        return not self.problems

    def raise_for_problems(self) -> None:
        """Raises InvalidRequest with every problem, where there is one."""
        if self.problems:
            raise InvalidRequest(" ".join(self.problems), problems=self.problems)


def make_plan(request: VideoRequest, models: ModelList, settings: Settings) -> Plan:
    """The plan for a request."""
    choice = choose(request, models, settings.model)
    info = models.known(choice.model_id)
    paying, refused = _paying(request, settings)
    cut = split(paying, info)
    made = _one_job(paying, info, models, settings) if cut is None else plan_film(cut, paying, info, models, settings)
    return Plan(
        request=request,
        model=info.id,
        reason=_reason(choice, made.why),
        jobs=made.jobs,
        price=total(job.price for job in made.jobs),
        problems=(*refused, *made.problems),
        warnings=(*_about_the_list(info, models), *made.warnings),
        film=made.film,
    )


def _one_job(request: VideoRequest, info: ModelInfo, models: ModelList, settings: Settings) -> FilmPlan:
    spoken = translate(request, info, route=settings.route, models=models)
    job = plan_job(spoken, info, tuple(range(len(request.multi_prompt))))
    return FilmPlan((job,), tuple(spoken.problems), tuple(spoken.warnings), None, "")


def _reason(choice: Choice, why: str) -> str:
    return f"{choice.reason}; {why}" if why else choice.reason


def _paying(request: VideoRequest, settings: Settings) -> tuple[VideoRequest, list[str]]:
    """The request with the namespace that pays; a problem where it names one that is not allowed."""
    if not request.target_namespace:
        return (
            request.model_copy(update={"target_namespace": settings.namespace}) if settings.namespace else request
        ), []
    allowed = {name for name in (settings.namespace, *settings.namespaces) if name}
    if not allowed or request.target_namespace in allowed:
        return request, []
    return request, [f"target_namespace={request.target_namespace}: use {' or '.join(sorted(allowed))}."]


def _about_the_list(info: ModelInfo, models: ModelList) -> list[str]:
    """How far what is said here can be trusted."""
    if not info.listed:
        near = models.closest(info.id)
        gone = info.page.get("left_the_list")
        said = f"{info.id} left the list of models in {gone}" if gone else f"{info.id} is not in the list of models"
        meant = f" Did you mean {', '.join(near)}?" if near else ""
        return [f"{said}; the hub may refuse it.{meant}"]
    if not models.live:
        return ["The live list of models could not be read: checked against the bundled one, and prices are unknown."]
    return []
