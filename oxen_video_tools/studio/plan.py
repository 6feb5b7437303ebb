"""A request + the catalog → what would be sent, in how many jobs, for how much, and what is wrong. Free and pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..catalog.choose import Choice, choose
from ..catalog.dialect import translate
from ..catalog.pricing import Price, total
from ..errors import InvalidRequest
from .planned import PlannedJob, planned_job
from .splitting import Film, Footage, footage, split

__all__ = ["Plan", "PlannedJob", "make_plan"]

if TYPE_CHECKING:
    from ..catalog.known import Known
    from ..catalog.models import Models
    from ..request import VideoRequest
    from ..settings import Settings


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


def make_plan(request: VideoRequest, models: Models, settings: Settings) -> Plan:
    """The plan for a request."""
    choice = choose(request, models, settings.model)
    known = models.known(choice.model_id)
    paying, refused = _paying(request, settings)
    cut = split(paying, known)
    made = _one_job(paying, known, models, settings) if cut is None else footage(cut, paying, known, models, settings)
    return Plan(
        request=request,
        model=known.id,
        reason=_reason(choice, made.why),
        jobs=made.jobs,
        price=total(job.price for job in made.jobs),
        problems=(*refused, *made.problems),
        warnings=(*_about_the_list(known, models), *made.warnings),
        film=made.film,
    )


def _one_job(request: VideoRequest, known: Known, models: Models, settings: Settings) -> Footage:
    spoken = translate(request, known, route=settings.route, models=models)
    job = planned_job(spoken, known, tuple(range(len(request.multi_prompt))))
    return Footage((job,), tuple(spoken.problems), tuple(spoken.warnings), None, "")


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


def _about_the_list(known: Known, models: Models) -> list[str]:
    """How far what is said here can be trusted."""
    if not known.listed:
        near = models.closest(known.id)
        gone = known.page.get("left_the_list")
        said = f"{known.id} left the list of models in {gone}" if gone else f"{known.id} is not in the list of models"
        meant = f" Did you mean {', '.join(near)}?" if near else ""
        return [f"{said}; the hub may refuse it.{meant}"]
    if not models.live:
        return ["The live list of models could not be read: checked against the bundled one, and prices are unknown."]
    return []
