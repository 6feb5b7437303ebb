"""A film's transactions, each on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.catalog.dialect import MediaPlace
from oxen_video_tools.catalog.pricing import Price
from oxen_video_tools.errors import OverBudget
from oxen_video_tools.studio import ledger_booking as booking
from oxen_video_tools.studio import ledger_films as films
from oxen_video_tools.studio.ledger import Ledger
from oxen_video_tools.studio.ledger_records import Clip
from oxen_video_tools.studio.planned import PlannedJob
from oxen_video_tools.studio.screenplay import Film, film_id, frozen, shared_out, thawed

from ..studio.conftest import place, postgres_url  # noqa: F401  # fixtures

NOW = 1_790_000_000.0
LEASE = 60.0


def job(usd: str | None = "0.35") -> PlannedJob:
    price = Price(None if usd is None else Decimal(usd), () if usd else ("the whole price",), "")
    media = (MediaPlace(("input_images", 0), "image", "keyframes", "sha256:1"),)
    return PlannedJob("kling", {"model": "kling", "prompt": "p"}, price, 5, (0,), media, ("input_images", 0))


FILM = Film(
    film_id("hub|me", "r", 1), "hub|me", "r", 1, "chained", "kling", (job(),) * 3, (350_000,) * 3, {}, 1_050_000, NOW
)


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


async def begin(ledger: Ledger, film: Film = FILM, now: float = NOW, budget: int | None = None) -> bool:
    intents = [film.intent(number, "queue") for number in range(len(film.jobs))]
    return await ledger.run(films.begin_film, film, intents, ledger.owner, now, LEASE, budget)


async def take_up(ledger: Ledger, parts: list[int], now: float, budget: int | None = None) -> bool:
    intents = [FILM.intent(number, "queue") for number in parts]
    return await ledger.run(films.take_up, FILM, intents, FILM.agreed, ledger.owner, now, LEASE, budget)


async def standing(ledger: Ledger) -> films.Standing:
    found = await ledger.run(films.standing, FILM.film)
    assert found is not None
    return found


async def states(ledger: Ledger) -> list[str]:
    return [part.state for part in (await standing(ledger)).parts]


async def shot(ledger: Ledger, number: int, status: str = "succeeded", now: float = NOW) -> None:
    """Send a part, and let it end."""
    planned = (await ledger.run(films.part_of, FILM.film, number)).job
    assert planned is not None
    filled = await ledger.run(films.fill, planned, ledger.owner, {"model": "kling", "seed": number}, now, LEASE)
    assert filled is not None and filled.body == {"model": "kling", "seed": number}
    assert await ledger.run(booking.mark_sending, planned.job, ledger.owner, now, LEASE)
    clip = Clip("hub|me", f"g{number}-{status}", status=status, model="kling")
    await ledger.run(booking.arrived, planned.job, [clip], now)


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
    assert await ledger.run(booking.committed, "hub|me", NOW) == 0
    assert await begin(ledger, budget=1_050_000)
    assert await ledger.run(booking.committed, "hub|me", NOW) == 1_050_000


async def test_the_reservation_lasts_as_long_as_it_is_held(ledger: Ledger) -> None:
    await begin(ledger)
    assert await ledger.run(films.hold, FILM.film, ledger.owner, NOW + 50, LEASE)
    assert await ledger.run(booking.committed, "hub|me", NOW + 100) == 1_050_000
    assert await ledger.run(booking.committed, "hub|me", NOW + 111) == 0


async def test_only_one_makes_it_and_the_next_one_when_that_is_gone(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0)
    assert not await take_up(other, [1, 2], NOW + 59)
    assert await take_up(other, [1, 2], NOW + 61)
    assert not await ledger.run(films.hold, FILM.film, ledger.owner, NOW + 62, LEASE)
    stale = (await standing(ledger)).tries[1]
    assert await ledger.run(films.fill, stale, ledger.owner, {}, NOW + 62, LEASE) is None
    assert await ledger.run(films.rebook, FILM.intent(1, "queue"), ledger.owner, NOW + 62, LEASE, None) is None
    assert await states(ledger) == ["done", "open", "open"]
    await ledger.run(films.let_go, FILM, ledger.owner, NOW + 62, "not mine to say")
    found = await standing(other)
    assert (found.film.owner, found.film.note) == (other.owner, None)
    assert await ledger.run(booking.committed, "hub|me", NOW + 62) == 1_050_000


async def test_letting_go_frees_what_was_never_sent(ledger: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0, "failed")
    await ledger.run(films.let_go, FILM, ledger.owner, NOW + 1, "Shot 1 failed")
    found = await standing(ledger)
    assert (found.film.owner, found.film.note, found.spent) == (None, "Shot 1 failed", 350_000)
    assert [part.state for part in found.parts] == ["failed", "open", "open"]
    assert await ledger.run(booking.committed, "hub|me", NOW + 1) == 350_000
    assert await take_up(ledger, [0, 1, 2], NOW + 2)
    assert await states(ledger) == ["open"] * 3
    assert (await standing(ledger)).film.note is None


async def test_a_part_that_was_given_up_is_booked_again(ledger: Ledger) -> None:
    await begin(ledger)
    first = (await ledger.run(films.part_of, FILM.film, 1)).job
    assert first is not None
    await ledger.run(booking.unsent, first.job, ledger.owner, "dropped", NOW, "slept")
    again = await ledger.run(films.rebook, FILM.intent(1, "queue"), ledger.owner, NOW, LEASE, None)
    assert again is not None and again.mine and again.job.job != first.job
    assert (await ledger.run(films.part_of, FILM.film, 1)).job == again.job


async def test_cancelling_ends_what_was_agreed_to(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    await shot(ledger, 0, "processing")
    assert await other.run(films.cancel_film, FILM, NOW)
    assert await states(ledger) == ["running", "open", "open"]
    found = await standing(ledger)
    assert (found.film.state, found.film.agreed, found.film.owner) == ("cancelled", 0, None)
    assert not await ledger.run(films.hold, FILM.film, ledger.owner, NOW, LEASE)
    await ledger.run(films.cut_film, FILM.film, films.Cut(file="/late.mp4"), ledger.owner, NOW)
    assert (await standing(ledger)).film.state == "cancelled"


async def test_a_delivered_film_is_not_cancelled(ledger: Ledger) -> None:
    await begin(ledger)
    await ledger.run(films.cut_film, FILM.film, films.Cut("/v/f.mp4", "00", 7, 15.0), ledger.owner, NOW)
    assert not await ledger.run(films.cancel_film, FILM, NOW)
    found = (await standing(ledger)).film
    assert (found.state, found.file, found.sha256, found.size, found.duration) == (
        *("delivered", "/v/f.mp4", "00", 7),
        15.0,
    )


async def test_who_lost_a_film_does_not_deliver_it(ledger: Ledger, other: Ledger) -> None:
    await begin(ledger)
    assert await take_up(other, [0, 1, 2], NOW + 61)
    cut = films.Cut("/v/f.mp4", "00", 7, 15.0)
    assert not await ledger.run(films.cut_film, FILM.film, cut, ledger.owner, NOW + 62)
    assert (await standing(ledger)).film.state == "open"
    assert await other.run(films.cut_film, FILM.film, cut, other.owner, NOW + 62)


async def test_films_and_their_shots_are_found(ledger: Ledger) -> None:
    await begin(ledger)
    later = replace(FILM, film=film_id("hub|me", "s", 1), request="s")
    await begin(ledger, later, NOW + 5)
    await shot(ledger, 0)
    assert await ledger.run(films.films_of, "hub|me", ["g0-succeeded", "else"]) == {"g0-succeeded": FILM.film}
    assert [one.film.film for one in await ledger.run(films.newest_films, "hub|me", 9)] == [later.film, FILM.film]
    assert len(await ledger.run(films.newest_films, "hub|me", 1)) == 1
    assert await ledger.run(films.newest_films, "hub|you", 9) == []


# -- pure --------------------------------------------------------------------------------------------------------------


def test_jobs_are_thawed_as_they_were_frozen() -> None:
    jobs = (job(), job(None), replace(job(), media=(), first_frame=None, seconds=None))
    assert thawed(frozen(jobs, (1, 2, 3))) == (jobs, (1, 2, 3))


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**7)), min_size=1, max_size=20), st.integers(0, 10**9))
def test_nothing_of_the_whole_is_lost_among_the_shares(prices: list[int | None], over: int) -> None:
    jobs = [job(None if price is None else str(Decimal(price) / 1_000_000)) for price in prices]
    known = sum(price or 0 for price in prices)
    shares = shared_out(jobs, Decimal(known + over) / 1_000_000)
    assert sum(shares) == known + over
    assert all(share >= (price or 0) for share, price in zip(shares, prices, strict=True))


def test_every_process_gives_a_film_the_same_id() -> None:
    assert film_id("hub|me", "r", 1) == film_id("hub|me", "r", 1)
    assert len({film_id("hub|me", "r", 1), film_id("hub|me", "r", 2), film_id("hub|you", "r", 1)}) == 3
