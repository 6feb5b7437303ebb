"""One paid job of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..catalog.dialect import MediaPlace, Path, Translation, placed
from ..catalog.pricing import Price, billed_seconds, estimate

if TYPE_CHECKING:
    from ..catalog.known import Known


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
        body = placed(self.body, urls)
        if first_frame is None or self.first_frame is None:
            return body
        name = str(self.first_frame[0])
        return body | {name: [first_frame, *body.get(name, ())] if len(self.first_frame) > 1 else first_frame}


def planned_job(
    spoken: Translation, known: Known, shots: tuple[int, ...], first_frame: Path | None = None
) -> PlannedJob:
    """A translation with its price."""
    seconds = billed_seconds(spoken.body, known)
    certain = None if seconds.said else seconds.value
    return PlannedJob(known.id, spoken.body, estimate(spoken.body, known), certain, shots, spoken.media, first_frame)
