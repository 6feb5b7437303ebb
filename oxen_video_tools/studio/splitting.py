"""More shots or seconds than one job can make → a film: one job for each shot, or for each group that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ..catalog.dialect import MediaPlace, Path, Translation, translate
from .planned import PlannedJob, planned_job

if TYPE_CHECKING:
    from ..catalog.known import Known
    from ..catalog.models import Models
    from ..request import Shot, VideoRequest
    from ..settings import Settings

Film = Literal["side by side", "chained"]
Group = tuple[int, ...]
MOST_SHOTS = 100
FRAME = "last-frame-of-the-job-before"  # stands for a first frame that does not exist yet
USUAL = 5  # seconds, Oxen docs: the default of a shot


@dataclass(frozen=True)
class Cut:
    """How the shots are divided among jobs. why: in words."""

    groups: tuple[Group, ...]
    why: str


def split(request: VideoRequest, known: Known) -> Cut | None:
    """How a request becomes several jobs; None where it is one (or where no division helps)."""
    shots = request.multi_prompt
    if not shots or request.prompt:
        return None
    several = known.multi_shot
    if several is None:
        if not known.has_schema:
            return None  # nobody knows the model: the shots go as they are
        return Cut(tuple((index,) for index in range(len(shots))), f"{known.id} takes one prompt a job")
    lengths = [shot.seconds for shot in shots]
    if several.fits(lengths):
        return None
    groups = _packed(lengths, known)
    if groups is None or len(groups) < 2:
        return None
    limit = f"{several.most:g} s" if several.most and sum(lengths) > several.most else f"{several.count} shots"
    return Cut(groups, f"{known.id} makes {limit} at most in one job")


def _packed(lengths: Sequence[float], known: Known) -> tuple[Group, ...] | None:
    """The fewest groups of neighbours that each fit into a job; None where a shot fits into none."""
    several = known.multi_shot
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
class Footage:
    """The jobs of a film. film: how they follow each other; None for a single one.  why: in words."""

    jobs: tuple[PlannedJob, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    film: Film | None
    why: str


def footage(cut: Cut, request: VideoRequest, known: Known, models: Models, settings: Settings) -> Footage:
    """What each job of a film is asked for, priced; chained where the model takes a first frame."""
    groups = cut.groups[:MOST_SHOTS]

    def spoken(chained: bool) -> list[Translation]:
        asked = [_part(request, known, groups, number, chained) for number in range(len(groups))]
        return [translate(part, known, route=settings.route, models=models) for part in asked]

    said, place = spoken(False), _first_frame(known)
    film: Film = "side by side"
    if len(groups) > 1 and place is not None and not request.input_video:
        chain = spoken(True)
        if sum(len(one.problems) for one in chain) <= sum(len(one.problems) for one in said):
            film, said = "chained", chain
    opening = place if film == "chained" else None
    jobs = tuple(_job(one, known, group, opening) for one, group in zip(said, groups, strict=True))
    problems = (*_told([one.problems for one in said], groups), *_of_the_whole(request))
    warnings = tuple(_told([one.warnings for one in said], groups))
    if len(jobs) == 1:
        return Footage(jobs, problems, warnings, None, "")
    how = "each begins with the last frame of the one before" if film == "chained" else "side by side"
    why = f"{len(request.multi_prompt)} shots in {len(jobs)} jobs, {how}, joined at the end: {cut.why}"
    return Footage(jobs, problems, warnings, film, why)


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


def _first_frame(known: Known) -> Path | None:
    """Where a first frame goes."""
    slot = known.slot("image", "first_frame", "keyframes")
    return None if slot is None else (slot.name, 0) if slot.many else (slot.name,)


def _part(request: VideoRequest, known: Known, groups: Sequence[Group], number: int, chained: bool) -> VideoRequest:
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
    if known.multi_shot is not None:
        return request.model_copy(update=update | {"multi_prompt": shots})
    seconds = _seconds(shots[0], known)
    return request.model_copy(update=update | {"multi_prompt": [], "prompt": shots[0].prompt, "duration": seconds})


def _seconds(shot: Shot, known: Known) -> float | None:
    """How long a shot is: as it says, else 5 s, else what the model offers next to it."""
    length = known.length
    if shot.duration or length is None:
        return shot.duration
    if length.offers(USUAL):
        return USUAL
    if isinstance(length.default, (int, float)):
        return length.default
    near = sorted(length.choices, key=lambda seconds: abs(seconds - USUAL))
    return near[0] if near else None


def _job(spoken: Translation, known: Known, group: Group, place: Path | None) -> PlannedJob:
    """A job whose first frame, where it is another job's last, is left open."""
    waits = any(one.reference == FRAME for one in spoken.media)
    if not waits or place is None:
        return planned_job(spoken, known, group)
    name = place[0]
    body = {key: value for key, value in spoken.body.items() if key != name}
    others = [one for one in spoken.media if one.reference != FRAME]
    if len(place) > 1 and len(spoken.body[str(name)]) > 1:
        body[str(name)] = spoken.body[str(name)][1:]
        others = [_moved(one) if one.path[0] == name else one for one in others]
    return planned_job(Translation(body, [], [], tuple(others)), known, group, place)


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
