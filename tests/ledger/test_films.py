"""A film's transactions, each on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.catalog.body_builder import MediaPlace
from oxen_video_tools.catalog.pricing import Price
from oxen_video_tools.errors import OverBudget
from oxen_video_tools.ledger import Ledger, films
from oxen_video_tools.ledger import jobs as ledger_jobs
from oxen_video_tools.ledger.films import FilmCancelled, FilmRow, FilmStopped
from oxen_video_tools.ledger.jobs import Submitted, Unsent
from oxen_video_tools.ledger.records import ClipRef, GenerationRow, Intent
from oxen_video_tools.ledger.transactions import Steps
from oxen_video_tools.studio.films.record import FilmClip, clips_in, film_id, frozen, shared_out
from oxen_video_tools.studio.plan import PlannedJob
from tests.studio.conftest import place, postgres_url  # noqa: F401  # fixtures

T = TypeVar("T")
NOW = 1_790_000_000.0
LEASE = 60.0


def job(usd: str | None = "0.35") -> PlannedJob:
    price = Price(None if usd is None else Decimal(usd), () if usd else ("the whole price",), "")
    media = (MediaPlace(("input_images", 0), "image", "keyframes", "sha256:1"),)
    return PlannedJob("kling", {"model": "kling", "prompt": "p"}, price, 5, (0,), media, ("input_images", 0))


def clips(name: str = "clip", shares: tuple[int, ...] = (350_000,) * 3) -> list[FilmClip]:
    return [FilmClip(ClipRef(f"{name}-{number}", 1), job(), share) for number, share in enumerate(shares)]


REFS = [clip.ref for clip in clips()]
FILM = FilmRow(
    film_id("hub|me", REFS, "one take"), "hub|me", "r", 1, "one take", "kling", frozen(clips()), {}, 1_050_000, NOW
)


def intent(film: FilmRow, number: int) -> Intent:
    return clips_in(film)[number].intent(film.scope, film.asked, "queue", film=film.film)


@pytest.fixture
async def ledger(place: str) -> AsyncIterator[Ledger]:  # noqa: F811
    one = Ledger.at(place)
    yield one
    await one.close()


@pytest.fixture
async def other(place: str) -> AsyncIterator[Ledger]:  # noqa: F811
    """Another process on the same ledger."""
    one = Ledger.at(place)
    yield one
    await one.close()


async def begin(ledger: Ledger, film: FilmRow = FILM, now: float = NOW, budget: int | None = None) -> bool:
    intents = [intent(film, number) for number in range(3)]
    return await ledger.start_film(film, intents, ledger.owner, now, LEASE, budget)


async def take_up(
    ledger: Ledger, parts: list[int], now: float, budget: int | None = None, agreed: int = FILM.agreed
) -> bool:
    intents = [intent(FILM, number) for number in parts]
    return await ledger.start_film(FILM, intents, ledger.owner, now, LEASE, budget, agreed=agreed)


async def standing(ledger: Ledger) -> films.FilmStatus:
    found = await ledger.standing(FILM.film)
    assert found is not None
    return found


async def states(ledger: Ledger) -> list[str]:
    return [part.state for part in (await standing(ledger)).parts]


async def shot(ledger: Ledger, number: int, status: str = "succeeded", now: float = NOW) -> None:
    """Send a part, and let it end."""
    planned = (await ledger.parts_of(FILM.scope, [FILM.refs[number]]))[0].job
    assert planned is not None
    filled = await ledger.fill_part(planned, ledger.owner, {"model": "kling", "seed": number}, now, LEASE)
    assert filled is not None and filled.body == {"model": "kling", "seed": number}
    assert await ledger.mark_sending(planned.job, ledger.owner, now, LEASE)
    clip = GenerationRow("hub|me", f"g{number}-{status}", status=status, model="kling")
    await ledger.record_job(planned.job, Submitted([clip]), now)


async def test_it_is_written_once_and_read_as_it_was(ledger: Ledger, other: Ledger) -> None:
    begun = await asyncio.gather(begin(ledger), begin(other))
    assert sorted(begun) == [False, True]
    found = await standing(ledger)
    assert found.film == replace(FILM, owner=found.film.owner, lease=NOW + LEASE)
    assert found.is_live(NOW + 59) and not found.is_live(NOW + 61)
    assert [part.state for part in found.parts] == ["open"] * 3 and len(found.tries) == 3


async def test_all_of_it_is_reserved_or_nothing(ledger: Ledger) -> None:
    with pytest.raises(OverBudget):
        await begin(ledger, budget=1_049_999)
    assert await ledger.run(films.film_named, FILM.film) is None
    assert (await ledger.funds("hub|me", NOW)).committed == 0
    assert await begin(ledger, budget=1_050_000)
    assert (await ledger.funds("hub|me", NOW)).committed == 1_050_000


async def test_the_reservation_lasts_as_long_as_it_is_held(ledger: Ledger) -> None:
    await begin(ledger)
    assert await ledger.hold_film(FILM.film, ledger.owner, NOW + 50, LEASE)
    assert (await ledger.funds("hub|me", NOW + 100)).committed == 1_050_000
    assert (await ledger.funds("hub|me", NOW + 111)).committed == 0


async def test_only_one_makes_it_and_the_next_one_when_that_is_gone(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0)
    assert not await take_up(other, [1, 2], NOW + 59)
    assert await take_up(other, [1, 2], NOW + 61)
    assert not await ledger.hold_film(FILM.film, ledger.owner, NOW + 62, LEASE)
    stale = (await standing(ledger)).tries[1]
    assert await ledger.fill_part(stale, ledger.owner, {}, NOW + 62, LEASE) is None
    assert await ledger.reserve([intent(FILM, 1)], ledger.owner, NOW + 62, LEASE, None, film=FILM.film) == []
    assert await states(ledger) == ["done", "open", "open"]
    await ledger.record_film(FILM.film, FilmStopped("not mine to say"), ledger.owner, NOW + 62)
    found = await standing(other)
    assert (found.film.owner, found.film.note) == (other.owner, None)
    assert (await ledger.funds("hub|me", NOW + 62)).committed == 1_050_000


async def test_letting_go_frees_what_was_never_sent(ledger: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0, "failed")
    await ledger.record_film(FILM.film, FilmStopped("Shot 1 failed"), ledger.owner, NOW + 1)
    found = await standing(ledger)
    assert (found.film.owner, found.film.note, found.spent) == (None, "Shot 1 failed", 350_000)
    assert [part.state for part in found.parts] == ["failed", "open", "open"]
    assert (await ledger.funds("hub|me", NOW + 1)).committed == 350_000
    assert await take_up(ledger, [0, 1, 2], NOW + 2, agreed=1_400_000)
    assert await states(ledger) == ["open"] * 3
    assert (await standing(ledger)).film.note is None


async def test_a_part_that_was_given_up_is_booked_again(ledger: Ledger) -> None:
    await begin(ledger)
    first = (await ledger.parts_of(FILM.scope, [FILM.refs[1]]))[0].job
    assert first is not None
    await ledger.record_job(first.job, Unsent(ledger.owner, "dropped", "slept"), NOW)
    [again] = await ledger.reserve([intent(FILM, 1)], ledger.owner, NOW, LEASE, None, film=FILM.film)
    assert again.mine and again.job.job != first.job
    assert (await ledger.parts_of(FILM.scope, [FILM.refs[1]]))[0].job == again.job


async def test_cancelling_stops_what_was_not_sent(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0, "processing")
    assert await other.record_film(FILM.film, FilmCancelled(), other.owner, NOW)
    assert await states(ledger) == ["running", "open", "open"]
    found = await standing(ledger)
    assert (found.film.state, found.film.agreed, found.film.owner) == ("cancelled", FILM.agreed, None)
    assert not await ledger.hold_film(FILM.film, ledger.owner, NOW, LEASE)
    await ledger.record_film(FILM.film, films.FilmDelivery(file="/late.mp4"), ledger.owner, NOW)
    assert (await standing(ledger)).film.state == "cancelled"


async def test_a_delivered_film_is_not_cancelled(ledger: Ledger) -> None:
    await begin(ledger)
    await ledger.record_film(FILM.film, films.FilmDelivery("/v/f.mp4", "00", 7, 15.0), ledger.owner, NOW)
    assert not await ledger.record_film(FILM.film, FilmCancelled(), ledger.owner, NOW)
    found = (await standing(ledger)).film
    assert (found.state, found.file, found.sha256, found.size, found.duration) == (
        *("delivered", "/v/f.mp4", "00", 7),
        15.0,
    )


async def test_who_lost_a_film_does_not_deliver_it(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    assert await take_up(other, [0, 1, 2], NOW + 61)
    cut = films.FilmDelivery("/v/f.mp4", "00", 7, 15.0)
    assert not await ledger.record_film(FILM.film, cut, ledger.owner, NOW + 62)
    assert (await standing(ledger)).film.state == "open"
    assert await other.record_film(FILM.film, cut, other.owner, NOW + 62)


async def test_films_and_their_shots_are_found(ledger: Ledger) -> None:
    await begin(ledger)
    later = replace(FILM, film="film-later", request="s", jobs=frozen(clips("later")))
    await begin(ledger, later, NOW + 5)
    await shot(ledger, 0)
    assert [job.film for job in await ledger.find_jobs("hub|me", of=["g0-succeeded", "else"])] == [FILM.film]
    assert [one.film.film for one in await ledger.newest_films("hub|me", 9)] == [later.film, FILM.film]
    assert len(await ledger.newest_films("hub|me", 1)) == 1
    assert await ledger.newest_films("hub|you", 9) == []


# -- row by row --------------------------------------------------------------------------------------------------------

RICH = replace(
    FILM,
    film="film-rich",
    request="rich",
    take=2,
    way="separate shots",
    model="veo",
    jobs=frozen(clips("rich", (1, 2, 3))),
    asked={"prompt": "Über Köln", "b": 1},
    agreed=6,
)
CUT = films.FilmDelivery("/v/f.mp4", "00ff", 7, 15.5, "two codecs")


async def film(ledger: Ledger, name: str = FILM.film) -> FilmRow:
    found = await ledger.run(films.film_named, name)
    assert found is not None
    return found


async def test_every_word_of_it_is_kept(ledger: Ledger) -> None:
    assert await begin(ledger, RICH, NOW + 7)
    assert await film(ledger, RICH.film) == replace(RICH, created=NOW + 7, owner=ledger.owner, lease=NOW + 7 + LEASE)
    assert await ledger.run(films.film_named, "film-else") is None
    assert await ledger.standing("film-else") is None
    assert [one.job.reserved for one in (await parts(ledger, RICH.film)) if one.job] == [1, 2, 3]
    assert not await begin(ledger, RICH, NOW + 8)


async def parts(ledger: Ledger, name: str = FILM.film) -> tuple[films.Part, ...]:
    found = await ledger.standing(name)
    assert found is not None
    return found.parts


async def test_each_part_has_its_last_try_and_its_first_clip(ledger: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 1, "failed")
    [again] = await ledger.reserve([intent(FILM, 1)], ledger.owner, NOW + 5, LEASE, None, film=FILM.film)
    assert again.mine and again.job.created == NOW + 5
    await shot(ledger, 1, "succeeded", NOW + 6)
    found = await standing(ledger)
    assert [part.number for part in found.parts] == [0, 1, 2] and len(found.tries) == 4
    assert [part.state for part in found.parts] == ["open", "done", "open"]
    last = found.parts[1]
    assert last.job is not None and last.job.job == again.job.job and last.job.generation_ids == ("g1-succeeded",)
    assert last.clip == GenerationRow("hub|me", "g1-succeeded", again.job.job, status="succeeded", model="kling")
    assert await ledger.parts_of(FILM.scope, [FILM.refs[1]]) == (replace(last, number=0),)
    assert found.in_state("done") == (last,) and not found.is_shot and found.is_begun
    assert found.spent == 700_000, "each try was paid"


async def test_several_clips_of_a_part_are_in_their_order(ledger: Ledger) -> None:
    await begin(ledger)
    planned = (await ledger.parts_of(FILM.scope, [FILM.refs[0]]))[0].job
    assert planned is not None
    assert await ledger.mark_sending(planned.job, ledger.owner, NOW, LEASE)
    made = [GenerationRow("hub|me", name, status="succeeded") for name in ("z", "a")]
    await ledger.record_job(planned.job, Submitted(made), NOW)
    part = (await ledger.parts_of(FILM.scope, [FILM.refs[0]]))[0]
    assert part.job is not None and part.job.generation_ids == ("z", "a")
    assert part.clip is not None and part.clip.generation_id == "z"


async def test_a_film_that_was_taken_up_is_agreed_to_anew(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    await ledger.record_film(FILM.film, FilmStopped("Shot 1 failed"), ledger.owner, NOW + 1)
    stopped = await film(ledger)
    assert stopped == replace(FILM, note="Shot 1 failed", ended=NOW + 1)
    intents = [intent(FILM, number) for number in range(3)]
    assert await other.start_film(FILM, intents, other.owner, NOW + 2, 30.0, None, agreed=1_400_000) is True
    assert await film(ledger) == replace(FILM, agreed=1_400_000, owner=other.owner, lease=NOW + 32)
    booked = [part.job for part in await parts(ledger)]
    assert [(one.owner, one.lease, one.created) for one in booked if one] == [(other.owner, NOW + 32, NOW + 2)] * 3
    assert await other.start_film(FILM, [], other.owner, NOW + 3, 30.0, None, agreed=78) is True, "one's own"
    assert (await film(ledger)).agreed == 78
    assert await ledger.start_film(FILM, [], ledger.owner, NOW + 4, 30.0, None, agreed=79) is False
    assert await ledger.start_film(FILM, [], ledger.owner, NOW + 33, 30.0, None, agreed=79) is True, "it ran out"


async def test_taking_up_more_than_is_left_changes_nothing(ledger: Ledger) -> None:
    await begin(ledger)
    await ledger.record_film(FILM.film, FilmStopped(), ledger.owner, NOW + 1)
    before = await film(ledger)
    assert (before.note, before.owner) == (None, None)
    with pytest.raises(OverBudget):
        await take_up(ledger, [0, 1, 2], NOW + 2, 1_049_999)
    assert await film(ledger) == before and await states(ledger) == ["open"] * 3
    assert await take_up(ledger, [0, 1, 2], NOW + 2, 1_050_000)


async def test_a_note_stays_where_none_is_given(ledger: Ledger) -> None:
    await begin(ledger)
    await ledger.record_film(FILM.film, FilmStopped("Shot 1 failed"), ledger.owner, NOW + 1)
    await ledger.record_film(FILM.film, FilmStopped("not its owner's any more"), ledger.owner, NOW + 2)
    assert (await film(ledger)).note == "Shot 1 failed"
    dropped = [one.job for one in await parts(ledger)]
    assert {(one.state, one.note, one.ended) for one in dropped if one} == {
        ("dropped", "its film stopped before it", NOW + 1)
    }


async def test_holding_renews_the_film_and_what_it_has_planned(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0)
    assert await ledger.hold_film(FILM.film, ledger.owner, NOW + 10, 30.0) is True
    assert (await film(ledger)).lease == NOW + 40
    assert [one.job.lease for one in await parts(ledger) if one.job] == [0, NOW + 40, NOW + 40]
    assert await other.hold_film(FILM.film, other.owner, NOW + 11, 30.0) is False
    assert await ledger.hold_film("film-else", ledger.owner, NOW + 11, 30.0) is False
    assert (await film(ledger)).lease == NOW + 40


async def test_only_a_planned_part_of_ones_own_is_filled(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    planned = (await ledger.parts_of(FILM.scope, [FILM.refs[0]]))[0].job
    assert planned is not None
    filled = await ledger.fill_part(planned, ledger.owner, {"seed": 1}, NOW + 5, 30.0)
    assert filled == replace(planned, body={"seed": 1}, lease=NOW + 35)
    assert await other.fill_part(planned, other.owner, {"seed": 2}, NOW + 5, 30.0) is None
    assert await ledger.mark_sending(planned.job, ledger.owner, NOW + 6, 30.0)
    assert await ledger.fill_part(planned, ledger.owner, {"seed": 3}, NOW + 7, 30.0) is None
    found = (await ledger.parts_of(FILM.scope, [FILM.refs[0]]))[0].job
    assert found is not None and found.body == {"seed": 1}


async def test_each_step_waits_for_its_own_account(ledger: Ledger) -> None:
    """Sums and limits of an account are read and written by one at a time; whose account it is stands in a row."""

    def accounts() -> Steps[list[tuple[str]]]:
        return (yield "select scope from accounts", ())

    async def only_ours() -> bool:
        return await ledger.run(accounts) == [("hub|me",)]

    await begin(ledger)
    assert await only_ours()
    await ledger.reserve([intent(FILM, 0)], ledger.owner, NOW, LEASE, None, film=FILM.film)
    assert await only_ours()
    await ledger.record_film(FILM.film, FilmStopped(), ledger.owner, NOW)
    assert await only_ours()
    await take_up(ledger, [0], NOW + 1)
    assert await only_ours()
    await ledger.record_film(FILM.film, FilmCancelled(), ledger.owner, NOW + 2)
    assert await only_ours()


async def test_a_part_is_booked_again_within_the_budget(ledger: Ledger) -> None:
    await begin(ledger)
    first = (await ledger.parts_of(FILM.scope, [FILM.refs[0]]))[0].job
    assert first is not None
    await ledger.record_job(first.job, Unsent(ledger.owner, "dropped", "slept"), NOW)
    with pytest.raises(OverBudget):
        await ledger.reserve([intent(FILM, 0)], ledger.owner, NOW, LEASE, 1_049_999, film=FILM.film)
    [again] = await ledger.reserve([intent(FILM, 0)], ledger.owner, NOW + 1, 30.0, 1_050_000, film=FILM.film)
    assert (again.job.owner, again.job.lease) == (ledger.owner, NOW + 31)


async def test_cancelling_drops_what_was_planned(ledger: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0)
    await ledger.record_film(FILM.film, FilmStopped("Shot 2 failed"), ledger.owner, NOW + 1)
    await take_up(ledger, [1, 2], NOW + 2)
    assert await ledger.record_film(FILM.film, FilmCancelled(), ledger.owner, NOW + 3) is True
    assert await film(ledger) == replace(FILM, state="cancelled", ended=NOW + 3)
    tries = (await standing(ledger)).tries
    assert [one.state for one in tries] == ["succeeded"] + ["dropped"] * 4
    assert (await ledger.funds("hub|me", NOW + 3)).committed == 350_000


async def test_how_it_was_delivered_is_kept(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    assert await other.record_film(FILM.film, CUT, other.owner, NOW + LEASE - 1) is False
    assert await ledger.record_film(FILM.film, CUT, ledger.owner, NOW + 5) is True
    cut = replace(FILM, owner=ledger.owner, lease=NOW + LEASE, state="delivered", note="two codecs", ended=NOW + 5)
    cut = replace(cut, file="/v/f.mp4", sha256="00ff", size=7, duration=15.5)
    assert await film(ledger) == cut
    assert (
        await ledger.record_film(FILM.film, FilmCancelled(), ledger.owner, NOW + 6) is False
        and await film(ledger) == cut
    )
    assert await other.record_film(FILM.film, films.FilmDelivery(), other.owner, NOW + LEASE) is True, "nobody holds it"
    assert await ledger.record_film("film-else", CUT, ledger.owner, NOW) is False


async def test_shots_are_found_among_very_many_generations(ledger: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0)
    await shot(ledger, 1)
    asked = ["g1-succeeded", *(f"x{number}" for number in range(1000)), "g0-succeeded"]
    made = await ledger.find_jobs("hub|me", of=asked)
    assert [job.film for job in made] == [FILM.film] * 2
    assert {one for job in made for one in job.generation_ids} == {"g1-succeeded", "g0-succeeded"}
    assert await ledger.find_jobs("hub|you", of=asked) == []
    assert await ledger.find_jobs("hub|me", of=[]) == []


STILL = Intent("hub|me", "still", 1, {"model": "seedream", "prompt": "s"}, call="c", film=FILM.film, reserved=45_000)
SHEET = replace(STILL, request="sheet", call="d")


async def begin_with_pictures(ledger: Ledger, now: float = NOW, budget: int | None = None) -> bool:
    intents = [*(intent(FILM, number) for number in range(3)), SHEET, STILL]
    return await ledger.start_film(FILM, intents, ledger.owner, now, LEASE, budget)


async def picture(ledger: Ledger, number: int, status: str = "succeeded") -> None:
    """Send a picture of the film, and let it end."""
    planned = (await standing(ledger)).pictures[number].job
    assert planned is not None
    sender = ledger.booking_owner()
    filled = await ledger.fill_part(planned, ledger.owner, {"model": "seedream", "seed": number}, NOW, LEASE, sender)
    assert filled is not None and await ledger.mark_sending(planned.job, sender, NOW, LEASE)
    clip = GenerationRow("hub|me", f"p{number}-{status}", status=status, model="seedream", ended=NOW + 1)
    await ledger.record_job(planned.job, Submitted([clip]), NOW)


async def test_pictures_and_clips_are_reserved_together_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(OverBudget):
        await begin_with_pictures(ledger, budget=1_139_999)
    assert await ledger.run(films.film_named, FILM.film) is None and (await ledger.funds("hub|me", NOW)).committed == 0
    assert await ledger.parts_of("hub|me", [SHEET.ref]) == (films.Part(0, SHEET.ref),), "nothing is half reserved"
    assert await begin_with_pictures(ledger, budget=1_140_000)
    found = await standing(ledger)
    assert [part.ref for part in found.pictures] == [SHEET.ref, STILL.ref] and len(found.tries) == 3
    assert (await ledger.funds("hub|me", NOW)).committed == 1_140_000
    await ledger.hold_film(FILM.film, ledger.owner, NOW + 50, LEASE)
    assert (await ledger.funds("hub|me", NOW + 100)).committed == 1_140_000, "held as long as the film"
    assert (await ledger.funds("hub|me", NOW + 111)).committed == 0


async def test_what_was_not_sent_of_pictures_and_clips_is_released_together(ledger: Ledger) -> None:
    await begin_with_pictures(ledger)
    await picture(ledger, 0)
    await ledger.record_film(FILM.film, FilmStopped("The still failed"), ledger.owner, NOW + 1)
    assert (await ledger.funds("hub|me", NOW + 1)).committed == 45_000
    found = await standing(ledger)
    assert [part.state for part in found.pictures] == ["done", "open"] and found.spent == 45_000
    assert not found.is_begun, "no clip was paid"


async def test_another_process_goes_on_with_what_was_left(ledger: Ledger, other: Ledger) -> None:
    await begin_with_pictures(ledger)
    await picture(ledger, 0)
    intents = [*(intent(FILM, number) for number in range(3)), SHEET, STILL]
    late = NOW + LEASE + 1
    held = await ledger.start_film(FILM, intents, other.owner, late, LEASE, None, agreed=1_139_996)
    assert held is False, "what the sheet came to counts against what was agreed to"
    assert await other.start_film(FILM, intents, other.owner, late, LEASE, 1_140_000, agreed=1_140_000)
    found = await standing(other)
    last = {part.ref: part.job for part in found.pictures}
    assert last[SHEET.ref].state == "succeeded" and last[STILL.ref].owner == other.owner  # type: ignore[union-attr]
    assert (await other.funds("hub|me", late)).committed == 1_140_000


async def test_a_picture_of_a_film_stands_for_itself(ledger: Ledger) -> None:
    await begin_with_pictures(ledger)
    await picture(ledger, 0)
    await picture(ledger, 1, "failed")
    await shot(ledger, 0)
    jobs = await ledger.find_jobs("hub|me", of=["p0-succeeded", "p1-failed", "g0-succeeded"])
    assert {job.generation_ids[0]: job.is_clip for job in jobs} == {
        "p0-succeeded": False,
        "p1-failed": False,
        "g0-succeeded": True,
    }
    ended = await ledger.endings("hub|me", NOW, 10)
    assert [(one.generation_id, one.kind, one.film) for one in ended] == [
        ("p0-succeeded", "video", None),
        ("p1-failed", "video", None),
    ]


async def test_a_reservation_without_a_film_is_filled_by_its_owner(ledger: Ledger, other: Ledger) -> None:
    owner = ledger.booking_owner()
    alone = [replace(SHEET, film=None), replace(STILL, film=None)]
    with pytest.raises(OverBudget):
        await ledger.reserve(alone, owner, NOW, LEASE, 89_999)
    assert (await ledger.funds("hub|me", NOW)).committed == 0
    sheet, still = await ledger.reserve(alone, owner, NOW, LEASE, 90_000)
    assert await other.fill_part(sheet.job, other.owner, {"seed": 1}, NOW, LEASE) is None
    filled = await ledger.fill_part(sheet.job, owner, {"seed": 1}, NOW, LEASE, ledger.booking_owner())
    assert filled is not None and filled.body == {"seed": 1} and filled.owner != owner
    await ledger.unbooked(owner, NOW + 1)
    assert (await ledger.funds("hub|me", NOW + 1)).committed == 45_000, "what is being handed over stays"
    assert await ledger.fill_part(still.job, owner, {}, NOW + 2, LEASE) is None


# -- pure --------------------------------------------------------------------------------------------------------------


def test_clips_are_read_as_they_were_written() -> None:
    jobs = (job(), job(None), replace(job(), media=(), first_frame=None, seconds=None))
    told = tuple(FilmClip(ClipRef(f"k{number}", 2, number), one, number) for number, one in enumerate(jobs))
    assert clips_in(replace(FILM, jobs=frozen(told))) == told


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**7)), min_size=1, max_size=20), st.integers(0, 10**9))
def test_nothing_of_the_whole_is_lost_among_the_shares(prices: list[int | None], over: int) -> None:
    jobs = [job(None if price is None else str(Decimal(price) / 1_000_000)) for price in prices]
    known = sum(price or 0 for price in prices)
    shares = shared_out(jobs, Decimal(known + over) / 1_000_000)
    assert sum(shares) == known + over
    assert all(share >= (price or 0) for share, price in zip(shares, prices, strict=True))


def test_the_id_of_a_film_follows_from_its_clips_and_how_they_are_joined() -> None:
    assert film_id("hub|me", REFS, "one take") == film_id("hub|me", list(REFS), "one take")
    others = [REFS[::-1], [*REFS[:2], ClipRef("clip-2", 2)], [*REFS[:2], ClipRef("clip-2", 1, 1)]]
    ids = {film_id("hub|me", refs, "one take") for refs in (REFS, *others)}
    assert len(ids | {film_id("hub|you", REFS, "one take"), film_id("hub|me", REFS, "separate shots")}) == 6


async def test_what_ran_out_while_the_machine_slept_is_reserved_anew(ledger: Ledger, other: Ledger) -> None:
    """Somebody else may have spent the money meanwhile: waking up must not count it a second time."""
    budget = 1_050_000
    await begin(ledger, budget=budget)
    slept = (await ledger.parts_of(FILM.scope, [FILM.refs[1]]))[0].job
    assert slept is not None
    another = Intent("hub|me", "another", 1, {"model": "kling"}, reserved=800_000)
    await other.reserve([another], other.owner, NOW + 100, LEASE, budget)
    assert await ledger.hold_film(FILM.film, ledger.owner, NOW + 101, LEASE)
    assert (await ledger.funds("hub|me", NOW + 101)).committed == 800_000
    assert await ledger.fill_part(slept, ledger.owner, {}, NOW + 101, LEASE) is None
    with pytest.raises(OverBudget):
        await ledger.reserve([intent(FILM, 1)], ledger.owner, NOW + 101, LEASE, budget, film=FILM.film)


async def test_what_was_reckoned_up_too_early_does_not_go_beyond_what_was_agreed_to(
    ledger: Ledger, other: Ledger
) -> None:
    """Two calls find one failed shot; by the time the second goes on, the first has paid for another that failed."""
    await begin(ledger)
    for number, status in ((0, "succeeded"), (1, "succeeded"), (2, "failed")):
        await shot(ledger, number, status)
    await ledger.record_cost("hub|me", {"g2-failed": 0})
    await ledger.record_film(FILM.film, FilmStopped("Shot 3 failed"), ledger.owner, NOW + 1)
    assert await take_up(ledger, [2], NOW + 2)
    planned = (await ledger.parts_of(FILM.scope, [FILM.refs[2]]))[0].job
    assert planned is not None
    assert await ledger.mark_sending(planned.job, ledger.owner, NOW + 2, LEASE)
    await ledger.record_job(planned.job, Submitted([GenerationRow("hub|me", "again", status="failed")]), NOW + 3)
    await ledger.record_film(FILM.film, FilmStopped("Shot 3 failed"), ledger.owner, NOW + 4)
    assert not await take_up(other, [2], NOW + 5)
    assert (await standing(other)).spent <= FILM.agreed
    assert await states(other) == ["done", "done", "failed"]


@pytest.mark.parametrize("stop", ["cancelled", "let go"])
async def test_a_shot_that_is_marked_while_its_film_stops_is_not_dropped(ledger: Ledger, stop: str) -> None:
    """Where transactions run side by side, the mark may be set between the looking up and the writing."""
    await begin(ledger)
    shooting = (await ledger.parts_of(FILM.scope, [FILM.refs[0]]))[0].job
    assert shooting is not None
    mark = ledger_jobs.mark_sending(shooting.job, ledger.owner, NOW, LEASE)
    outcome = FilmStopped() if stop == "let go" else FilmCancelled()
    stopping = films.record_film(FILM.film, outcome, ledger.owner, NOW)
    await ledger.run(meanwhile, stopping, "select job from jobs where film", mark)
    assert (await ledger.parts_of(FILM.scope, [FILM.refs[0]]))[0].state == "sending", "it may have been paid"
    assert (await ledger.funds("hub|me", NOW)).committed == 350_000


async def test_a_job_that_is_marked_while_another_takes_it_over_is_not_booked_again(ledger: Ledger) -> None:
    """A machine whose clock is ahead takes it for abandoned."""
    intent = Intent("hub|me", "one", 1, {"model": "kling"}, reserved=350_000)
    [mine] = await ledger.reserve([intent], "slow", NOW, LEASE)
    mark = ledger_jobs.mark_sending(mine.job.job, "slow", NOW, LEASE)
    [found] = await ledger.run(meanwhile, ledger_jobs.reserve([intent], "fast", NOW + 61, LEASE), "holds = 1", mark)
    assert (found.mine, found.job.job, found.job.state) == (False, mine.job.job, "sending")


def meanwhile(steps: Steps[T], after: str, other: Steps[bool]) -> Steps[T]:
    """`steps`, with `other` carried out right after a statement: what another connection's commit looks like."""
    done = False
    try:
        statement = next(steps)
        while True:
            rows = yield statement
            if after in statement[0] and not done:
                done = True
                assert (yield from other)
            statement = steps.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def test_films_of_before_are_those_whose_clips_have_no_keys(ledger: Ledger) -> None:
    clips_of_before = [{name: value for name, value in one.items() if name != "ref"} for one in json.loads(FILM.jobs)]
    old = replace(FILM, film="film-old", jobs=json.dumps(clips_of_before))
    for film in (FILM, old):
        await ledger.start_film(film, [], "me", NOW, LEASE, None)
    assert [one.film.film for one in await ledger.newest_films("hub|me", 10, without_refs=True)] == ["film-old"]
    assert await ledger.newest_films("hub|you", 10, without_refs=True) == []


async def test_where_the_hub_has_a_file_is_known_to_its_account_alone(ledger: Ledger, other: Ledger) -> None:
    await ledger.keep_place("hub|me", "sha", "films/a.mp4")
    await ledger.keep_place("hub|me", "sha", "films/b.mp4")
    await ledger.keep_place("hub|me", "sha-2", "films/c.mp4")
    assert (await other.kept_places("hub|me", ["sha"])).get("sha") == "films/b.mp4" and (
        await other.kept_places("hub|you", ["sha"])
    ).get("sha") is None
    assert await other.kept_places("hub|me", ["sha", "sha-2", "none"]) == {"sha": "films/b.mp4", "sha-2": "films/c.mp4"}


async def test_links_are_revoked_for_one_video_or_for_all(ledger: Ledger, other: Ledger) -> None:
    assert (await ledger.link_state("me")).epochs == {}
    await ledger.revoke_links("me", "g-1", NOW)
    await ledger.revoke_links("me", "g-1", NOW)
    await ledger.revoke_links("me", None, NOW)
    await ledger.revoke_links("mea", "g-1", NOW)
    assert (await other.link_state("me")).epochs == {"g-1": 2, "": 1}
    assert (await other.link_state("me")).sealed is None
    await ledger.keep_sealed_key("me", "sealed", NOW)
    await ledger.keep_sealed_key("me", "sealed anew", NOW)
    assert (await other.link_state("me")).sealed == "sealed anew" and (await other.link_state("me")).epochs == {
        "g-1": 2,
        "": 1,
    }
