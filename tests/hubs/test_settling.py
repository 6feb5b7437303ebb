"""What a person settles, what the hub left out of its answer, and bills that are none."""

from __future__ import annotations

import asyncio
import unicodedata
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.errors import (
    HubUnavailable,
    InsufficientCredits,
    InvalidRequest,
    NotFound,
    OverBudget,
    OxenError,
    SubmissionUnclear,
)
from oxen_video_tools.ledger.records import Job
from oxen_video_tools.studio import AsyncStudio, reconcile, submission

from ..studio.swift import Swift
from .conftest import Open
from .handmade import SEEDED, SEEDLESS, Answer, HandmadeHub

ASKED: dict[str, Any] = {"model": SEEDED, "prompt": "A red balloon rises", "duration": 5}
STATES = ["planned", "sending", "running", "succeeded", "failed", "cancelled", "refused", "dropped", "written off"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.1, 0.2))


async def jobs(studio: AsyncStudio) -> list[Job]:
    session = studio._session
    return await session.ledger.find_jobs(await session.scope(), states=STATES)  # type: ignore[arg-type]


async def states(studio: AsyncStudio) -> Counter[str]:
    return Counter(job.state for job in await jobs(studio))


async def lost(studio: AsyncStudio, hub: HandmadeHub, *, takes: bool = False, **more: Any) -> Job:
    """A job whose answer never came. takes: the hub has made it all the same, and hides it."""
    late, hub.late = hub.late, 10_000.0 if takes else hub.late
    hub.answers.append(Answer(cut=True, takes=takes))
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED | more, take=1, wait_seconds=1)
    hub.late = late
    return next(job for job in await jobs(studio) if job.is_unclear)


# ---- sending again ------------------------------------------------------------------------------------------------


async def test_sending_again_needs_a_reading_of_this_moment(hub: HandmadeHub, opened: Open, clock: Swift) -> None:
    """It was found to be absent once; now the hub can't be read, and nobody knows what it shows by now."""
    studio = opened()
    job = await lost(studio, hub)
    clock.ahead += 100
    await studio.recover()
    assert (await jobs(studio))[0].note == reconcile.ABSENT
    hub.locked = True
    with pytest.raises(HubUnavailable) as caught:
        await studio.recover(send_again=job.job)
    assert (caught.value.charged, hub.posts) == ("no", 1)
    hub.locked = False
    [told] = await studio.recover(send_again=job.job)
    assert (told.outcome, hub.posts, hub.charges) == ("sent again", 2, 1)


@pytest.mark.parametrize("model", [SEEDED, SEEDLESS])
async def test_the_first_sending_is_looked_for_and_counted_too(
    hub: HandmadeHub, opened: Open, clock: Swift, model: str
) -> None:
    studio = opened(budget=Decimal("1.00"))
    job = await lost(studio, hub, takes=True, model=model)
    clock.ahead += 100
    [told] = await studio.recover(send_again=job.job)
    assert told.outcome == "sent again" and hub.charges == 2
    assert (await studio.spend()).last_24h_usd == Decimal("0.70"), "both count"
    with pytest.raises(OverBudget):
        await studio.generate(**ASKED | {"model": model, "prompt": "Another one"}, take=1)
    hub.made[0].shown_at = 0.0  # the hub shows it at last
    await studio.recover()
    known = {one for job in await jobs(studio) for one in job.generation_ids}
    assert known == {one.generation_id for one in hub.made}
    assert (await studio.spend()).last_24h_usd == Decimal("0.70")
    again = await studio.generate(**ASKED | {"model": model}, take=1)
    assert again.generation_id == told.generation_ids[0] and hub.charges == 2


async def test_a_second_sending_that_is_refused_leaves_the_first_as_it_was(
    hub: HandmadeHub, opened: Open, clock: Swift
) -> None:
    studio = opened()
    job = await lost(studio, hub, takes=True)
    clock.ahead += 100
    hub.answers.append(Answer(402, {"error": {"type": "insufficient_credits"}}, takes=False))
    with pytest.raises(InsufficientCredits):
        await studio.recover(send_again=job.job)
    [one] = [job for job in await jobs(studio) if job.state != "dropped"]
    assert (one.job, one.sent, one.state) == (job.job, job.sent, "sending"), "one job, unclear since the first sending"
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, take=1, wait_seconds=1)
    hub.made[0].shown_at = 0.0
    assert (await studio.generate(**ASKED, take=1)).generation_id == hub.made[0].generation_id
    assert (hub.posts, hub.charges) == (2, 1)


async def test_ambiguity_never_advises_what_the_next_step_refuses(hub: HandmadeHub, opened: Open, clock: Swift) -> None:
    """Two twins of another client: one of the three is ours, or none."""
    studio = opened()
    job = await lost(studio, hub, model=SEEDLESS)
    for _ in range(2):
        hub.take(job.body)
    clock.ahead += 100
    with pytest.raises(SubmissionUnclear) as caught:
        await studio.generate(**ASKED | {"model": SEEDLESS}, take=1, wait_seconds=1)
    fix = str(caught.value.fix)
    assert "--adopt" in fix and "--write-off" in fix and "--send-again" not in fix
    with pytest.raises(SubmissionUnclear):
        await studio.recover(send_again=job.job)
    [told] = await studio.recover(adopt=hub.made[0].generation_id)
    assert told.outcome == "found" and hub.posts == 1


@pytest.mark.parametrize("what", ["model", "words", "time"])
async def test_what_can_not_be_the_job_is_not_adopted(hub: HandmadeHub, opened: Open, what: str) -> None:
    studio = opened()
    if what == "time":
        [other] = hub.take(dict(ASKED))
        other.enqueued_at -= 600
    job = await lost(studio, hub)
    if what != "time":
        [other] = hub.take(job.body | ({"model": SEEDLESS} if what == "model" else {"prompt": "A blue kite falls"}))
    with pytest.raises(InvalidRequest, match="can't be the video of an unclear job"):
        await studio.recover(adopt=other.generation_id)
    assert (await jobs(studio))[0].is_unclear


async def test_a_hub_that_writes_it_another_way_can_be_adopted_from(hub: HandmadeHub, opened: Open) -> None:
    studio = opened()
    words = "Caf\u00e9  at night,\r\nrain"

    def echo(sent: dict[str, Any]) -> dict[str, Any]:
        told = unicodedata.normalize("NFD", " ".join(str(sent["prompt"]).split()))
        return sent | {"prompt": told, "duration": "5s", "seed": None}

    hub.echo = echo
    job = await lost(studio, hub, prompt=words)
    [made] = hub.take(job.body)
    [told] = await studio.recover(adopt=made.generation_id)
    assert told.generation_ids == (made.generation_id,)


# ---- what the hub forgot ------------------------------------------------------------------------------------------


async def test_a_job_that_the_hub_forgot_can_be_written_off_and_the_error_says_how(
    hub: HandmadeHub, opened: Open
) -> None:
    hub.ends = "processing"
    studio = opened()
    first = await studio.generate(**ASKED, take=1, wait_seconds=0)
    [job] = await jobs(studio)
    with pytest.raises(InvalidRequest, match="processing"):
        await studio.recover(write_off=job.job)  # it is there
    hub.forgotten = {first.generation_id}
    with pytest.raises(NotFound) as caught:
        await studio.get(first.generation_id)
    assert f"--write-off {job.job}" in str(caught.value.fix) and caught.value.charged == "yes"
    [told] = await studio.recover()
    assert f"--write-off {job.job}" in told.text
    hub.locked = True
    with pytest.raises(OxenError):
        await studio.recover(write_off=job.job)  # who can't look knows nothing
    hub.locked, hub.ends = False, "succeeded"
    [told] = await studio.recover(write_off=job.job)
    assert told.outcome == "written off"
    assert (await studio.spend()).last_24h_usd == Decimal("0.35")
    again = await studio.generate(**ASKED, take=1)
    assert again.status == "succeeded" and not again.reused and hub.charges == 2


# ---- fewer ids than videos ----------------------------------------------------------------------------------------


def some(count: int) -> Answer:
    return Answer(200, lambda made: {"generations": [{"generation_id": one.generation_id} for one in made[:count]]})


@pytest.mark.parametrize("model", [SEEDED, SEEDLESS])
async def test_ids_that_the_answer_left_out_are_found(hub: HandmadeHub, opened: Open, model: str) -> None:
    hub.answers.append(some(1))
    studio = opened()
    video = await studio.generate(**ASKED | {"model": model}, num_generations=3, take=1)
    assert {take.generation_id for take in video.takes} == {one.generation_id for one in hub.made}
    assert not video.warnings and video.cost_usd == Decimal("1.05")
    assert await states(studio) == {"succeeded": 1} and hub.posts == 1


async def test_what_is_not_found_is_said_and_counted_and_looked_for_again(hub: HandmadeHub, opened: Open) -> None:
    hub.answers.append(some(2))
    hub.late = 10_000.0
    studio = opened(budget=Decimal("2.00"))
    first = await studio.generate(**ASKED, num_generations=4, take=1, wait_seconds=0)
    assert any("2 of 4 videos" in words for words in first.warnings)
    for one in hub.made[:2]:
        one.shown_at = 0.0
    video = await studio.generate(**ASKED, num_generations=4, take=1)
    assert len(video.takes) == 2 and any("2 of 4 videos" in words for words in video.warnings)
    spent = await studio.spend()
    assert spent.last_24h_usd == spent.total_usd == Decimal("1.40"), "all four are counted, although two are billed"
    for one in hub.made:
        one.shown_at = 0.0
    await studio.recover()
    video = await studio.generate(**ASKED, num_generations=4, take=1)
    assert len(video.takes) == 4 and not video.warnings and (hub.posts, hub.charges) == (1, 4)
    for _ in range(100):
        if (await studio.spend()).total_usd == Decimal("1.40") and (await jobs(studio))[0].cost == 1_400_000:
            break
        await asyncio.sleep(0.02)
    assert (await jobs(studio))[0].cost == 1_400_000


async def test_another_clients_videos_are_not_taken_for_the_rest(hub: HandmadeHub, opened: Open) -> None:
    hub.answers.append(some(1))
    studio = opened()
    for words in ("A blue kite", "A green boat"):
        hub.take({"model": SEEDED, "prompt": words, "seed": 7})
    hub.late = 10_000.0
    video = await studio.generate(**ASKED, num_generations=2, take=1, wait_seconds=0)
    [job] = await jobs(studio)
    assert job.generation_ids == (video.generation_id,) and video.warnings


# ---- bills --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bill", [1e20, "1e20", 10**30, "99999999999999999999", "much", "NaN", [1]])
async def test_a_bill_that_is_no_amount_is_words(hub: HandmadeHub, opened: Open, bill: Any) -> None:
    hub.bill = bill
    studio = opened()
    video = await studio.generate(**ASKED, take=1)
    told = await studio.recover()
    assert any("is no amount" in one.text for one in told)
    spent = await studio.spend()
    assert spent.total_usd == spent.last_24h_usd == Decimal("0.35"), "what was reserved"
    shown = await studio.get(video.generation_id)
    assert any("is no amount" in words for words in shown.warnings) and shown.cost_is == "estimate"
    assert (await studio.cancel(video.generation_id)).status == "succeeded"
