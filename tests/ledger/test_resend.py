"""What was believed of a job and turns out otherwise: its clips were another's, a second sending fails."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from oxen_video_tools.errors import Internal
from oxen_video_tools.ledger import Ledger, transactions
from oxen_video_tools.ledger.jobs import OwnerGone, SearchFailed, SendAgain, Submitted, Unanswered, Unsent, WriteOff
from oxen_video_tools.ledger.records import GenerationRow, Intent, Job

NOW = 1_790_000_000.0
SCOPE = "hub|me"


@pytest.fixture
async def ledger(place: str) -> AsyncIterator[Ledger]:
    one = Ledger.at(place)
    yield one
    await one.close()


async def booked(ledger: Ledger, request: str, now: float = NOW) -> tuple[Job, bool]:
    one = Intent(SCOPE, request, 1, {"model": "kling", "prompt": request}, estimate=500_000, reserved=500_000)
    [found] = await ledger.reserve([one], ledger.owner, now, 60.0)
    return found.job, found.mine


async def marked(ledger: Ledger, request: str) -> Job:
    job, _ = await booked(ledger, request)
    assert await ledger.mark_sending(job.job, ledger.owner, NOW, 60.0)
    return job


async def lost(ledger: Ledger, request: str) -> Job:
    job = await marked(ledger, request)
    await ledger.record_job(job.job, Unanswered(ledger.owner, "its answer was lost"), NOW)
    return job


async def named(ledger: Ledger, job: Job) -> Job:
    found = await ledger.job_named(job.job)
    assert found is not None
    return found


async def adopted_what_is_anothers(ledger: Ledger, status: str) -> tuple[Job, Job]:
    """A slow job's generation, given to a lost one before the slow one's answer came."""
    slow, wrong = await marked(ledger, "slow"), await lost(ledger, "lost")
    found = {wrong.job: [GenerationRow(SCOPE, "g1", status=status)]}
    assert await ledger.adopt(found, [slow.job, wrong.job], lambda _: False, NOW)
    await ledger.record_cost(SCOPE, {"g1": 350_000})
    return slow, wrong


async def test_the_cost_goes_where_the_generation_goes(ledger: Ledger) -> None:
    slow, wrong = await adopted_what_is_anothers(ledger, "succeeded")
    assert (await named(ledger, wrong)).cost == 350_000
    await ledger.record_job(slow.job, Submitted([GenerationRow(SCOPE, "g1")]), NOW + 90)
    assert (await named(ledger, wrong)).cost is None and (await named(ledger, wrong)).is_unclear
    assert (await named(ledger, slow)).cost == 350_000
    assert (await ledger.funds(SCOPE, NOW + 90)).committed == 350_000 + 500_000


async def test_a_take_that_was_freed_by_anothers_failure_is_held_again(ledger: Ledger) -> None:
    slow, wrong = await adopted_what_is_anothers(ledger, "failed")
    await ledger.record_job(slow.job, Submitted([GenerationRow(SCOPE, "g1")]), NOW + 90)
    again, mine = await booked(ledger, "lost", NOW + 91)
    assert not mine and again.job == wrong.job, "a plain repeat never sends what is unclear"


async def test_a_take_that_went_to_somebody_else_meanwhile_stays_there(ledger: Ledger) -> None:
    slow, wrong = await adopted_what_is_anothers(ledger, "failed")
    fresh, mine = await booked(ledger, "lost", NOW + 50)
    assert mine
    await ledger.record_job(slow.job, Submitted([GenerationRow(SCOPE, "g1")]), NOW + 90)
    holder = await ledger.run(transactions.job_for_take, SCOPE, "lost", 1)
    assert holder is not None and holder.job == fresh.job and (await named(ledger, wrong)).is_unclear


@pytest.mark.parametrize("meanwhile", ["adopted a failure", "written off"])
async def test_an_answer_after_all_takes_its_take_back(ledger: Ledger, meanwhile: str) -> None:
    """Its process slept in the POST; others gave it a failed twin, or a person gave it up. Then the answer came."""
    job = await marked(ledger, "r")
    if meanwhile == "written off":
        await ledger.decide(job.job, WriteOff(), NOW + 100)
    else:
        found = {job.job: [GenerationRow(SCOPE, "twin", status="failed")]}
        assert await ledger.adopt(found, [job.job], lambda _: False, NOW + 100)
    await ledger.record_job(job.job, Submitted([GenerationRow(SCOPE, "g1")]), NOW + 101)
    again, mine = await booked(ledger, "r", NOW + 102)
    assert not mine and again.job == job.job and again.generation_ids == ("g1",)


async def test_an_answer_after_all_leaves_a_take_that_went_to_somebody_else(ledger: Ledger) -> None:
    job = await marked(ledger, "r")
    await ledger.decide(job.job, WriteOff(), NOW + 100)
    fresh, mine = await booked(ledger, "r", NOW + 101)
    assert mine
    await ledger.record_job(job.job, Submitted([GenerationRow(SCOPE, "g1")]), NOW + 102)
    holder = await ledger.run(transactions.job_for_take, SCOPE, "r", 1)
    assert holder is not None and holder.job == fresh.job
    assert (await named(ledger, job)).generation_ids == ("g1",)


@pytest.mark.parametrize("state", ["refused", "dropped"])
async def test_a_second_sending_that_is_refused_says_nothing_of_the_first(ledger: Ledger, state: str) -> None:
    job = await lost(ledger, "r")
    await ledger.decide(job.job, SendAgain(ledger.owner, 60.0, None), NOW + 100)
    assert await ledger.mark_sending(job.job, ledger.owner, NOW + 100, 60.0)
    await ledger.record_job(job.job, Unsent(ledger.owner, state, "no credits"), NOW + 101)
    now = await named(ledger, job)
    assert now.is_unclear and not now.is_live(NOW + 101) and "no credits" in (now.note or "")
    assert (await ledger.funds(SCOPE, NOW + 101)).committed == 500_000
    assert not (await booked(ledger, "r", NOW + 102))[1]


@pytest.mark.parametrize("state", ["refused", "dropped"])
async def test_nor_does_it_when_whoever_sent_it_again_slept_meanwhile(ledger: Ledger, state: str) -> None:
    """Others have looked for it and noted that the hub does not show it; then the sleeper wakes and gives up."""
    job = await lost(ledger, "r")
    await ledger.decide(job.job, SendAgain(ledger.owner, 60.0, None), NOW + 100)
    await ledger.record_job(job.job, SearchFailed("the hub does not show it"), NOW + 161)
    await ledger.record_job(job.job, Unsent(ledger.owner, state, "it slept"), NOW + 162)
    assert (await named(ledger, job)).is_unclear
    assert not (await booked(ledger, "r", NOW + 163))[1], "a plain repeat never sends what is unclear"
    await ledger.decide(job.job, SendAgain(ledger.owner, 60.0, None), NOW + 164)


async def test_a_result_with_more_videos_than_the_hub_shows_breaks_nothing(ledger: Ledger) -> None:
    """The blocking route answered two, and the history shows one."""
    job, _ = await booked(ledger, "two")
    assert await ledger.mark_sending(job.job, ledger.owner, NOW, 60.0)
    local = [GenerationRow(SCOPE, f"sync-{job.job}{end}", status="succeeded") for end in ("", "-1")]
    await ledger.record_job(job.job, Submitted(local), NOW)
    assert not await ledger.adopt({job.job: [GenerationRow(SCOPE, "g1")]}, [job.job], lambda _: False, NOW)
    assert len((await named(ledger, job)).generation_ids) == 2


async def test_a_process_killed_before_the_second_sending_leaves_it_unclear(ledger: Ledger) -> None:
    job = await lost(ledger, "r")
    await ledger.decide(job.job, SendAgain(ledger.owner, 60.0, None), NOW + 100)
    later = NOW + 161
    assert not await ledger.record_job(job.job, OwnerGone(), later), "only what was never sent is dropped"
    again, mine = await booked(ledger, "r", later)
    assert not mine and again.job == job.job and again.is_unclear and not again.is_live(later)


async def test_a_ledger_that_is_ahead_of_this_version_is_left_alone(postgres_url: str) -> None:
    import psycopg

    from tests.ledger import postgres

    place = postgres.with_schema(postgres_url, "ahead")
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("create table oxen_video_schema (version integer not null)")
        connection.execute("insert into oxen_video_schema values (9999)")
    one = Ledger.at(place)
    with pytest.raises(Internal, match="newer"):
        await one.funds("hub|me", NOW)
    await one.close()
