"""`recover` for films: those whose shots are all there are joined; of the others it says how to go on with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import OxenError
from ..answers import Recovered
from ..ledger.standing import Standing, newest_films
from .cutting import keep_film

if TYPE_CHECKING:
    from ..stage import Stage

MOST = 500


async def films_walked(stage: Stage, since: float) -> list[Recovered]:
    """Every film begun after `since` (Unix seconds) that is not finished and that nobody makes. Sends nothing."""
    films = await stage.ledger.run(newest_films, await stage.scope(), MOST)
    now = stage.clock.time()
    return [
        await _walked(stage, one)
        for one in films
        if one.film.state == "open"
        and one.film.created > since
        and one.film.film not in stage.films
        and not one.is_live(now)
    ]


async def _walked(stage: Stage, one: Standing) -> Recovered:
    film, ids = one.film, tuple(part.clip.generation_id for part in one.parts if part.clip is not None)
    there = sum(part.state == "done" for part in one.parts)
    if not one.is_shot:
        text = f"{there} of {len(one.parts)} shots are there. {film.note or ''}".strip()
        return Recovered(film.film, "stopped", ids, film.model, f"{text} The same generate goes on with it.")
    try:
        saved = await keep_film(stage, film.film)
    except OxenError as error:
        return Recovered(film.film, "finished", ids, film.model, error.message)
    return Recovered(film.film, "saved", ids, film.model, str(saved.file))
