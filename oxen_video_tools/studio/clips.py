"""One clip on its way to the hub: its media as links, its mark, its body as it is sent."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from .local_files import Files
from .media_inputs import to_public_url
from .reconcile import FOLDER

if TYPE_CHECKING:
    from ..catalog.model_info import ModelInfo
    from ..catalog.schema import Parameter
    from .films.record import FilmClip
    from .session import Session

LARGEST_SEED = 2**31 - 1


async def body_of(
    session: Session, clip: FilmClip, media: Mapping[str, str], files: Files, first_frame: str | None = None
) -> dict[str, Any]:
    """The body of a clip as it is sent; each medium is uploaded once.

    media: where each medium lies, by what it is.  first_frame: the link of the last frame of the clip before.
    Raises InputNotAllowed, InputUnreadable, NotFound, HubUnavailable.
    """
    wanted = dict.fromkeys(place.reference for place in clip.job.media)
    links = {one: await to_public_url(session, media.get(one, one), files, known_as=one) for one in wanted}
    body = clip.job.filled({place.path: links[place.reference] for place in clip.job.media}, first_frame)
    return with_marker_seed(body, (await session.catalog().models()).known(clip.job.model), session.settings.mark)


def with_marker_seed(
    body: Mapping[str, Any], info: ModelInfo, mark: Literal["seed", "directory"] = "seed"
) -> dict[str, Any]:
    """The body with a mark of our own, which the queue echoes, so that a job whose answer is lost can be told from any
    other: a seed, where the model takes one and none was given; a `target_directory`, where the caller keeps results in
    a repository or asked for it, and named none.
    """
    whole, bounds = dict(body), _seed_bounds(info.parameters.get("seed"))
    if body.get("seed") is None and bounds is not None:
        whole["seed"] = random.SystemRandom().randint(*bounds)
    if body.get("target_directory") is None and (body.get("target_repo") or mark == "directory"):
        whole["target_directory"] = f"{FOLDER}{uuid4().hex[:12]}"
    return whole


def _seed_bounds(seed: Parameter | None) -> tuple[int, int] | None:
    if seed is None or seed.enum or not {"integer", "number"} & set(seed.types):
        return None
    least, most = seed.span
    low, high = max(1, int(least or 1)), min(LARGEST_SEED, int(most or LARGEST_SEED))
    return (low, high) if low < high else None
