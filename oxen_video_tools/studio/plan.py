"""A request + the catalog → what would be sent, in how many jobs, for how much, and what is wrong. Free and pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..catalog.choose import choose
from ..catalog.dialect import MediaPlace, translate
from ..catalog.pricing import Price, estimate, total
from ..errors import InvalidRequest

if TYPE_CHECKING:
    from ..catalog.models import Models
    from ..request import VideoRequest
    from ..settings import Settings

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class PlannedJob:
    """One paid job.

    body: what is sent, media as the request gave them.  seconds: its length, where known.
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


@dataclass(frozen=True)
class Plan:
    """What would be done.

    reason: why this model.  price: of the whole, US dollars at most.
    film: None for one job; "side by side" or "chained" for several, joined at the end.
    """

    request: VideoRequest
    model: str
    reason: str
    jobs: tuple[PlannedJob, ...]
    price: Price
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    film: Literal["side by side", "chained"] | None = field(default=None)

    @property
    def ok(self) -> bool:
        """Whether it may be sent."""
        return not self.problems

    def raise_for_problems(self) -> None:
        """Raises InvalidRequest with every problem, where there is one."""
        if self.problems:
            raise InvalidRequest(" ".join(self.problems), problems=self.problems)


def make_plan(request: VideoRequest, models: Models, settings: Settings) -> Plan:
    """The plan for a request."""
    choice = choose(request, models, settings.model)
    known = models.known(choice.model_id)
    spoken = translate(request, known, route=settings.route)
    body = dict(spoken.body)
    if settings.namespace and "target_namespace" not in body:
        body["target_namespace"] = settings.namespace
    price = estimate(body, known)
    seconds = sum(shot.seconds for shot in request.multi_prompt) or request.duration
    job = PlannedJob(known.id, body, price, seconds, tuple(range(len(request.multi_prompt))), spoken.media)
    return Plan(
        request, known.id, choice.reason, (job,), total([price]), tuple(spoken.problems), tuple(spoken.warnings)
    )
