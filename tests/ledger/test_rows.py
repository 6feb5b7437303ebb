"""What stands in the ledger after each step, value for value, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from oxen_video_tools.errors import InvalidRequest, OverBudget, Paused
from oxen_video_tools.ledger import Ledger, outcomes, transactions
from oxen_video_tools.ledger import jobs as ledger_jobs
from oxen_video_tools.ledger.jobs import (
    Adopt,
    OwnerGone,
    SearchFailed,
    SendAgain,
    Submitted,
    Unanswered,
    Unsent,
    WriteOff,
)
from oxen_video_tools.ledger.records import Booking, GenerationRow, Intent, Job, job_of, to_json

NOW = 1_790_000_000.0
TODAY = int(NOW // ledger_jobs.DAY)
LEASE = 60.0
ME = "hub|me"
BODY = {"model": "kling", "prompt": "Ein Ballon über Köln", "target_namespace": "studio"}
WHOLE = Intent(
    ME,
    "r",
    1,
    BODY,
    asked={"prompt": "Ein Ballon", "duration": 5},
    part=2,
    film="film-1",
    route="sync",
    expects=3,
    estimate=400_000,
    reserved=500_000,
)
PLAIN = Intent(ME, "r", 1, {"model": "kling"}, estimate=500_000, reserved=500_000)


@pytest.fixture
async def ledger(place: str) -> AsyncIterator[Ledger]:
    one = Ledger.at(place)
    yield one
    await one.close()


async def reserved(
    ledger: Ledger, *intents: Intent, now: float = NOW, budget: int | None = None, owner: str | None = None
) -> list[Booking]:
    return await ledger.reserve(intents, owner or ledger.owner, now, LEASE, budget)


async def planned(ledger: Ledger, intent: Intent = PLAIN, now: float = NOW) -> Job:
    [one] = await reserved(ledger, intent, now=now)
    assert one.mine
    return one.job


async def sending(ledger: Ledger, intent: Intent = PLAIN, now: float = NOW) -> Job:
    job = await planned(ledger, intent, now)
    assert await ledger.mark_sending(job.job, ledger.owner, now, LEASE)
    return await named(ledger, job.job)


async def running(ledger: Ledger, *ids: str, intent: Intent = PLAIN, now: float = NOW) -> Job:
    job = await sending(ledger, intent, now)
    await ledger.record_job(job.job, Submitted([GenerationRow(ME, one, model="kling") for one in ids]), now)
    return await named(ledger, job.job)


async def lost(ledger: Ledger, intent: Intent = PLAIN, now: float = NOW) -> Job:
    job = await sending(ledger, intent, now)
    await ledger.record_job(job.job, Unanswered(ledger.owner, "its answer was lost"), NOW)
    return await named(ledger, job.job)


async def named(ledger: Ledger, job: str) -> Job:
    found = await ledger.job_named(job)
    assert found is not None
    return found


async def clip(ledger: Ledger, generation_id: str, scope: str = ME) -> GenerationRow:
    return (await ledger.clips(scope, [generation_id]))[generation_id]


async def saw(ledger: Ledger, *seen: GenerationRow, now: float = NOW) -> list[str]:
    return await ledger.record_status(ME, seen, now)


def nobody(_: Job) -> bool:
    return False


# ---- from an intent to the answer ------------------------------------------------------------------------------------


async def test_a_job_stands_as_it_was_asked_for(ledger: Ledger) -> None:
    job = await planned(ledger, WHOLE)
    assert job == Job(
        job=job.job,
        scope=ME,
        request="r",
        take=1,
        part=2,
        film="film-1",
        state="planned",
        route="sync",
        model="kling",
        namespace="studio",
        body=dict(BODY),
        asked={"prompt": "Ein Ballon", "duration": 5},
        expects=3,
        estimate=400_000,
        reserved=500_000,
        cost=None,
        owner=ledger.owner,
        lease=NOW + LEASE,
        created=NOW,
        sent=None,
        ended=None,
        note=None,
    )
    assert len(job.job) == 36 and await named(ledger, job.job) == job


async def test_a_job_can_be_written_without_a_model_a_payer_or_a_price(ledger: Ledger) -> None:
    job = await planned(ledger, Intent(ME, "bare", None, {"prompt": "p"}))
    assert (job.model, job.namespace, job.estimate, job.reserved, job.expects) == ("", None, None, 0, 1)
    assert (job.route, job.part, job.film, job.take, job.asked) == ("queue", 0, None, None, {})


async def test_the_mark_says_since_when_and_until_when(ledger: Ledger) -> None:
    job = await planned(ledger)
    assert await ledger.mark_sending(job.job, ledger.owner, NOW + 7, 40.0)
    assert await named(ledger, job.job) == replace(job, state="sending", sent=NOW + 7, lease=NOW + 47)
    assert await ledger.mark_sending(job.job, ledger.owner, NOW + 9, 40.0), "a second try"
    assert await named(ledger, job.job) == replace(job, state="sending", sent=NOW + 9, lease=NOW + 49)


async def test_who_waits_for_the_answer_renews_the_lease(ledger: Ledger) -> None:
    for one in (await planned(ledger), await sending(ledger, replace(PLAIN, request="s"))):
        await ledger.renew(one.job, ledger.owner, NOW + 30, LEASE)
        assert await named(ledger, one.job) == replace(one, lease=NOW + 90)
        await ledger.renew(one.job, "another:1", NOW + 31, LEASE)
        await ledger.renew(one.job, ledger.owner, NOW + 90, LEASE)  # too late
        assert (await named(ledger, one.job)).lease == NOW + 90
    job = await running(ledger, "g1", intent=replace(PLAIN, request="t"))
    await ledger.renew(job.job, ledger.owner, NOW, LEASE)
    assert (await named(ledger, job.job)).lease == 0


def test_a_lease_ends_when_it_says() -> None:
    row: list[Any] = ["j", ME, "r", 1, 0, None, "planned", "queue", "m", None, "{}", "{}", 1, None, 0, None]
    job = job_of((*row, "me:1", NOW, NOW - 60, None, None, None))
    assert job.is_live(NOW - 0.001) and not job.is_live(NOW)
    assert not replace(job, owner=None).is_live(NOW - 10)


@pytest.mark.parametrize("state", ["refused", "dropped"])
@pytest.mark.parametrize("before", [planned, sending])
async def test_what_was_not_sent_costs_nothing(ledger: Ledger, before: Any, state: Any) -> None:
    job = await before(ledger)
    assert not await ledger.record_job(job.job, Unsent("another:1", state, "not mine"), NOW + 3)
    assert await named(ledger, job.job) == job
    assert await ledger.record_job(job.job, Unsent(ledger.owner, state, "no credits"), NOW + 3) is not None
    ended = replace(job, state=state, reserved=0, owner=None, lease=0, ended=NOW + 3, note="no credits")
    assert await named(ledger, job.job) == ended
    assert not await ledger.record_job(job.job, Unsent(ledger.owner, state, "again"), NOW + 4)
    assert await ledger.run(transactions.job_for_take, ME, "r", 1) is None


async def test_another_call_of_the_same_process_passes_by_no_mark(ledger: Ledger) -> None:
    mine, other = ledger.booking_owner(), ledger.booking_owner()
    assert mine != other and mine.startswith(ledger.owner)
    [found] = await reserved(ledger, PLAIN, owner=mine)
    job = found.job
    assert await ledger.mark_sending(job.job, mine, NOW + 7, 40.0)
    for stranger in (other, ledger.owner):
        assert not await ledger.mark_sending(job.job, stranger, NOW + 9, 40.0)
        assert not await ledger.record_job(job.job, Unsent(stranger, "dropped", "not mine to say"), NOW + 9)
    assert await named(ledger, job.job) == replace(job, state="sending", sent=NOW + 7, lease=NOW + 47)


async def test_what_was_booked_without_anybody_knowing_is_taken_back(ledger: Ledger) -> None:
    mine = ledger.booking_owner()
    await reserved(ledger, PLAIN, replace(PLAIN, request="s"), owner=mine)
    job = await planned(ledger, replace(PLAIN, request="t"))
    await ledger.unbooked(mine, NOW + 1)
    assert (
        await ledger.run(transactions.job_for_take, ME, "r", 1)
        is await ledger.run(transactions.job_for_take, ME, "s", 1)
        is None
    )
    assert await named(ledger, job.job) == job


async def test_what_has_arrived_can_not_be_called_unsent_or_sent_again(ledger: Ledger) -> None:
    """An answer that came by another way wins over the try that is still under way here."""
    job = await sending(ledger)
    await ledger.record_job(job.job, Unanswered(ledger.owner, "its answer was lost"), NOW)
    await ledger.adopt({job.job: [GenerationRow(ME, "g1")]}, [job.job], nobody, NOW)
    arrived = await named(ledger, job.job)
    assert not await ledger.mark_sending(job.job, ledger.owner, NOW, LEASE)
    assert not await ledger.record_job(job.job, Unsent(ledger.owner, "dropped", "late"), NOW)
    assert await named(ledger, job.job) == arrived


async def test_an_unclear_job_belongs_to_nobody(ledger: Ledger) -> None:
    job = await sending(ledger)
    await ledger.record_job(job.job, Unanswered("another:1", "not mine to say"), NOW)
    assert await named(ledger, job.job) == job
    await ledger.record_job(job.job, Unanswered(ledger.owner, "its answer was lost"), NOW)
    assert await named(ledger, job.job) == replace(job, owner=None, lease=0, note="its answer was lost")
    still = await planned(ledger, replace(PLAIN, request="s"))
    await ledger.record_job(still.job, Unanswered(ledger.owner, "never sent"), NOW)
    assert await named(ledger, still.job) == still


async def test_the_answer_is_written_down_as_it_was(ledger: Ledger) -> None:
    job = await sending(ledger)
    told = [
        GenerationRow("else", "g2", position=9, model="kling", status="processing", created=NOW + 1),
        GenerationRow("else", "g1", model="kling", url="https://results.example/g1.mp4"),
    ]
    await ledger.record_job(job.job, Submitted(told), NOW + 2)
    after = replace(job, state="running", owner=None, lease=0, generation_ids=("g2", "g1"))
    assert await named(ledger, job.job) == after
    clips = [replace(one, scope=ME, job=job.job, position=place) for place, one in enumerate(told)]
    assert (await ledger.run(transactions.clips_of, [job.job]))[job.job] == clips
    assert await ledger.clips(ME, ["g2"]) == {"g2": clips[0]}
    assert (await ledger.clip_and_job(ME, "g1"))[1] == after


async def test_an_answer_after_all_takes_back_that_it_was_lost(ledger: Ledger) -> None:
    job = await lost(ledger)
    await ledger.decide(job.job, WriteOff(), NOW + 100)
    await ledger.record_job(job.job, Submitted([GenerationRow(ME, "g1")]), NOW + 101)
    found = await named(ledger, job.job)
    assert (found.state, found.ended, found.note, found.reserved) == ("running", None, None, 500_000)


async def test_another_answer_replaces_the_first(ledger: Ledger) -> None:
    job = await running(ledger, "g1", "g2")
    await ledger.record_job(job.job, Submitted([GenerationRow(ME, "g2"), GenerationRow(ME, "g3")]), NOW)
    assert (await named(ledger, job.job)).generation_ids == ("g2", "g3")
    assert (await clip(ledger, "g1")).job is None
    assert (await ledger.clip_and_job(ME, "g1"))[1] is None


async def test_a_job_that_loses_its_only_generation_is_unclear_again(ledger: Ledger) -> None:
    wrong = await lost(ledger)
    await ledger.adopt({wrong.job: [GenerationRow(ME, "g1", status="succeeded")]}, [wrong.job], nobody, NOW + 1)
    partly = await running(ledger, "g2", "g3", intent=replace(PLAIN, request="s", expects=2))
    right = await sending(ledger, replace(PLAIN, request="t", expects=2))
    await ledger.record_job(right.job, Submitted([GenerationRow(ME, "g1"), GenerationRow(ME, "g2")]), NOW + 2)
    bereft = await named(ledger, wrong.job)
    assert (bereft.state, bereft.ended, bereft.generation_ids) == ("sending", None, ())
    assert bereft.note == "its generation was another job's"
    left = await named(ledger, partly.job)
    assert (left.state, left.generation_ids, left.note) == ("running", ("g3",), None)
    assert (await named(ledger, right.job)).generation_ids == ("g1", "g2")


async def test_a_job_that_is_not_there_is_said_so(ledger: Ledger) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await ledger.record_job("nowhere", Submitted([GenerationRow(ME, "g1")]), NOW)
    assert caught.value.message == "The ledger has no job nowhere."
    assert caught.value.fix == "`oxen-video recover` lists what is unclear."


# ---- what is there, what is new --------------------------------------------------------------------------------------


async def test_only_what_is_new_is_reserved_and_paid(ledger: Ledger) -> None:
    first = await planned(ledger)
    new = replace(PLAIN, part=1, reserved=100_000)
    again, fresh = await reserved(ledger, PLAIN, new, budget=600_000)
    assert again == Booking(first, mine=False)
    assert fresh.mine and fresh.job.part == 1 and fresh.job.reserved == 100_000
    found = await reserved(ledger, PLAIN, new, budget=0)
    assert [one.mine for one in found] == [False, False], "what exists needs no budget"


async def test_a_job_that_runs_is_never_booked_again_however_old(ledger: Ledger) -> None:
    job = await running(ledger, "g1")
    [one] = await reserved(ledger, PLAIN, now=NOW + 10 * ledger_jobs.DAY)
    assert one == Booking(job, mine=False)


async def test_why_a_plan_was_dropped_is_written_down(ledger: Ledger) -> None:
    gone = await planned(ledger)
    [kept] = await reserved(ledger, PLAIN, now=NOW + LEASE - 1)
    assert kept == Booking(gone, mine=False)
    [one] = await reserved(ledger, PLAIN, now=NOW + LEASE)
    assert one.mine and one.job.created == NOW + LEASE
    note = "its owner went away before sending it"
    dropped = replace(gone, state="dropped", reserved=0, owner=None, lease=0, ended=NOW + LEASE, note=note)
    assert await named(ledger, gone.job) == dropped


async def test_too_little_is_left(ledger: Ledger) -> None:
    await running(ledger, "g1")
    with pytest.raises(OverBudget) as caught:
        await reserved(ledger, replace(PLAIN, request="s", reserved=250_000), budget=700_000)
    assert caught.value.message == "This may cost $0.25; of the budget of $0.70 in 24 hours $0.20 is left."
    with pytest.raises(OverBudget) as caught:
        await reserved(ledger, replace(PLAIN, request="s", reserved=250_000), budget=300_000)
    assert caught.value.message == "This may cost $0.25; of the budget of $0.30 in 24 hours $0.00 is left."


async def test_paused_says_that_nothing_was_sent(ledger: Ledger) -> None:
    job = await planned(ledger)
    await ledger.set_paused(True, NOW)
    await ledger.set_paused(True, NOW + 1)
    with pytest.raises(Paused) as caught:
        await reserved(ledger, replace(PLAIN, request="s"))
    assert caught.value.message == "All spending is paused; nothing was sent."
    with pytest.raises(Paused) as caught:
        await ledger.mark_sending(job.job, ledger.owner, NOW, LEASE)
    assert caught.value.message == "All spending is paused; nothing was sent."
    await ledger.set_paused(False, NOW)
    assert (await ledger.funds("hub|me", NOW)).paused is False


async def test_what_counts_against_the_budget(ledger: Ledger) -> None:
    async def committed(now: float) -> int:
        return (await ledger.funds(ME, now)).committed

    assert await committed(NOW) == 0
    for amount, state in ((1, "planned"), (10, "sending"), (100, "running"), (1000, "refused")):
        intent = replace(PLAIN, request=state, reserved=amount)
        job = await planned(ledger, intent)
        if state != "planned":
            await ledger.mark_sending(job.job, ledger.owner, NOW, LEASE)
        if state == "running":
            await ledger.record_job(job.job, Submitted([GenerationRow(ME, "g1")]), NOW)
        if state == "refused":
            await ledger.record_job(job.job, Unsent(ledger.owner, "refused", "no"), NOW)
    assert await committed(NOW) == 111
    assert await committed(NOW + LEASE) == 110, "nobody will send the plan"
    assert await committed(NOW + ledger_jobs.DAY) == 10, "what is not settled counts however old it is"


# ---- how it ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (["succeeded", "failed"], "succeeded"),
        (["cancelled", "succeeded"], "succeeded"),
        (["failed", "cancelled"], "failed"),
        (["cancelled", "cancelled"], "cancelled"),
        (["succeeded", "processing"], "running"),
    ],
)
async def test_a_job_ends_as_its_clips_do(ledger: Ledger, statuses: list[str], state: str) -> None:
    job = await running(ledger, "g0", "g1", intent=replace(PLAIN, expects=2))
    seen = [GenerationRow(ME, f"g{number}", status=status) for number, status in enumerate(statuses)]
    assert await saw(ledger, *seen, now=NOW + 9) == ([] if state == "running" else [job.job])
    found = await named(ledger, job.job)
    expected = job if state == "running" else replace(job, state=state, ended=NOW + 9)  # type: ignore[arg-type]
    assert found == expected
    held = await ledger.run(transactions.job_for_take, ME, "r", 1)
    assert (held is not None) is (state in ("succeeded", "running"))


async def test_an_answer_that_is_finished_already_ends_the_job(ledger: Ledger) -> None:
    job = await sending(ledger)
    await ledger.record_job(job.job, Submitted([GenerationRow(ME, "g1", status="succeeded", ended=NOW + 4)]), NOW + 5)
    assert (await named(ledger, job.job)).state == "succeeded"
    assert (await named(ledger, job.job)).ended == NOW + 5
    assert await ledger.run(ledger_jobs.finish_if_all_done, job.job, NOW + 6) is True


async def test_a_job_without_clips_has_not_ended(ledger: Ledger) -> None:
    job = await sending(ledger)
    assert await ledger.run(ledger_jobs.finish_if_all_done, job.job, NOW) is False
    assert await named(ledger, job.job) == job


async def test_what_the_hub_says_of_a_generation(ledger: Ledger) -> None:
    await running(ledger, "g1", "g2", intent=replace(PLAIN, expects=2))
    before = await clip(ledger, "g1")
    told = GenerationRow(ME, "g1", status="processing", model="other", created=NOW + 1, error="slow", ended=NOW + 2)
    assert await saw(ledger, told) == []
    now = replace(before, status="processing", created=NOW + 1, error="slow")
    assert await clip(ledger, "g1") == now, "its model stays, and only what is over has ended"
    assert await saw(ledger, GenerationRow(ME, "g1", status="failed", error="broken"), now=NOW + 8) == []
    assert await clip(ledger, "g1") == replace(now, status="failed", error="broken", ended=NOW + 8)
    assert len(await saw(ledger, GenerationRow(ME, "g2", status="succeeded", ended=NOW + 5), now=NOW + 9)) == 1
    assert (await clip(ledger, "g2")).ended == NOW + 5


async def test_several_jobs_may_end_at_once(ledger: Ledger) -> None:
    jobs = [await running(ledger, f"g{n}", intent=replace(PLAIN, request=f"r{n}")) for n in range(4)]
    ended = await saw(ledger, *(GenerationRow(ME, f"g{n}", status="cancelled") for n in range(4)))
    assert ended == sorted(job.job for job in jobs)


async def test_a_strangers_generation_is_nobodys(ledger: Ledger) -> None:
    told = GenerationRow("else", "s1", status="succeeded", model="kling", cost=7, created=NOW, ended=NOW + 1)
    assert await saw(ledger, replace(told, file="/f.mp4", sha256="00", size=3)) == []
    assert await clip(ledger, "s1") == replace(told, scope=ME)
    assert (await ledger.clip_and_job(ME, "s1"))[1] is None
    assert (await ledger.clip_and_job(ME, "nowhere"))[1] is None
    assert await ledger.unsettled(ME, 0.0) == []
    assert (await ledger.funds(ME, NOW)).committed == 0


async def test_the_bill(ledger: Ledger) -> None:
    job = await running(ledger, "g1", "g2", intent=replace(PLAIN, expects=2))
    await ledger.record_cost(ME, {"g1": 5, "nowhere": 9})
    assert (await clip(ledger, "g1")).cost == 5
    assert (await named(ledger, job.job)).cost is None, "it is not over"
    await saw(ledger, *(GenerationRow(ME, one, status="succeeded") for one in ("g1", "g2")))
    await ledger.record_cost(ME, {"g2": 6})
    assert (await named(ledger, job.job)).cost == 11
    await ledger.record_cost(ME, {"g1": 0})
    assert (await named(ledger, job.job)).cost == 6, "the hub's last word counts"
    assert await ledger.spent(ME) == [outcomes.DaySum(TODAY, "kling", jobs=1, cost=6, unpriced=0)]
    assert await ledger.spent("hub|you") == []


async def test_whose_bill_is_not_known_yet(ledger: Ledger) -> None:
    for number in (2, 0, 1):
        body = {"model": "kling"} | ({"target_namespace": "studio"} if number == 1 else {})
        await running(ledger, f"g{number}", intent=replace(PLAIN, request=f"r{number}", body=body), now=NOW + number)
    assert await ledger.unsettled(ME, 0.0) == [], "none has ended"
    await saw(ledger, *(GenerationRow(ME, f"g{n}", status="failed", error="no") for n in range(3)), now=NOW + 9)
    found = await ledger.unsettled(ME, NOW)
    assert found == [(await clip(ledger, "g1"), "studio"), (await clip(ledger, "g2"), None)]
    assert found[0].clip.error == "no" and found[0].clip.job is not None
    assert [one.clip.generation_id for one in await ledger.unsettled(ME, 0.0, 2)] == ["g0", "g1"]
    assert await ledger.unsettled("hub|you", 0.0) == []


async def test_where_a_result_lies(ledger: Ledger) -> None:
    for number in (1, 0):
        await running(ledger, f"g{number}", intent=replace(PLAIN, request=f"r{number}"), now=NOW + number)
        await saw(ledger, GenerationRow(ME, f"g{number}", status="succeeded"), now=NOW + 5)
    assert await ledger.undelivered(ME, 0.0) == ["g0", "g1"]
    assert await ledger.undelivered(ME, NOW) == ["g1"]
    assert await ledger.undelivered(ME, 0.0, 1) == ["g0"]
    assert await ledger.undelivered("hub|you", 0.0) == []
    before = await clip(ledger, "g0")
    await ledger.delivered(ME, "g0", "/v/g0.mp4", "00ff", 123)
    assert await clip(ledger, "g0") == replace(before, file="/v/g0.mp4", sha256="00ff", size=123)
    assert await ledger.undelivered(ME, 0.0) == ["g1"]
    await ledger.delivered(ME, "stranger", "/v/s.mp4", "ff", 9)
    strange = GenerationRow(ME, "stranger", status="succeeded", file="/v/s.mp4", sha256="ff", size=9)
    assert await clip(ledger, "stranger") == strange


async def test_the_usual_time_is_that_of_the_last_results(ledger: Ledger) -> None:
    async def typical(**most: int) -> float | None:
        return await ledger.typical(ME, "kling", **most)

    ends = [(10, 5.0), (20, 9.0), (30, 1.0), (40, 2.0)]
    for number, (end, seconds) in enumerate(ends):
        made = GenerationRow(
            ME, f"g{number}", status="succeeded", model="kling", created=NOW + end - seconds, ended=NOW + end
        )
        await saw(ledger, made)
    await saw(ledger, GenerationRow(ME, "f", status="failed", model="kling", created=NOW, ended=NOW + 99))
    await saw(ledger, GenerationRow(ME, "b", status="succeeded", model="kling", created=NOW + 99, ended=NOW + 99))
    assert await typical() == 5.0
    assert await typical(most=2) == 2.0
    assert await typical(most=3) == 2.0
    assert isinstance(await typical(), float)


async def test_walking_begins_with_what_was_walked_longest_ago(ledger: Ledger) -> None:
    for number in range(3):
        await running(ledger, f"g{number}", intent=replace(PLAIN, request=f"r{number}"), now=NOW + number)
    live = await sending(ledger, replace(PLAIN, request="live"), NOW + 3)
    plan = await planned(ledger, replace(PLAIN, request="plan"), NOW - 100)
    done = await running(ledger, "g9", intent=replace(PLAIN, request="done"))
    await saw(ledger, GenerationRow(ME, "g9", status="failed"))

    async def walked(now: float, **most: int) -> list[str]:
        return [job.request for job in await ledger.claim_unfinished(ME, now, **most)]

    assert await walked(NOW + 10, most=2) == ["plan", "r0"]
    assert await walked(NOW + 10) == ["r1", "r2"]
    assert await walked(NOW + 10) == []
    assert await ledger.claim_unfinished("hub|you", NOW + 11) == []
    found = await ledger.claim_unfinished(ME, NOW + 3 + LEASE)
    assert {job.request for job in found} == {"plan", "r0", "r1", "r2", "live"}
    assert {live.job, plan.job} <= {job.job for job in found} and done.job not in {job.job for job in found}
    assert found[-1].state in ("sending", "running", "planned") and all(job.body == {"model": "kling"} for job in found)


async def test_a_plan_without_an_owner_is_given_up(ledger: Ledger) -> None:
    job = await planned(ledger)
    assert await ledger.record_job(job.job, OwnerGone(), NOW + LEASE - 1) is None
    assert await named(ledger, job.job) == job
    assert await ledger.record_job(job.job, OwnerGone(), NOW + LEASE) is not None
    found = await named(ledger, job.job)
    assert (found.state, found.ended, found.note) == ("dropped", NOW + LEASE, "its owner went away before sending it")
    assert await ledger.record_job(job.job, OwnerGone(), NOW + LEASE + 1) is None


async def test_the_real_cost_wins_over_what_was_reserved(ledger: Ledger) -> None:
    for number, intent in enumerate([PLAIN, replace(PLAIN, request="s", estimate=None, reserved=0)]):
        await running(ledger, f"g{number}", intent=intent, now=NOW + number)
    await planned(ledger, replace(PLAIN, request="t"))
    assert await ledger.spent(ME) == [outcomes.DaySum(TODAY, "kling", 2, cost=500_000, unpriced=1)]
    await saw(ledger, *(GenerationRow(ME, f"g{n}", status="succeeded") for n in range(2)))
    await ledger.record_cost(ME, {"g0": 1, "g1": 2})
    assert await ledger.spent(ME) == [outcomes.DaySum(TODAY, "kling", 2, cost=3, unpriced=0)]


# ---- unclear ---------------------------------------------------------------------------------------------------------


async def test_all_that_was_found_is_adopted_or_nothing(ledger: Ledger) -> None:
    first, second = await lost(ledger), await lost(ledger, replace(PLAIN, request="s"))
    both = [first.job, second.job]
    finds = {first.job: [GenerationRow(ME, "g1", model="kling")], second.job: [GenerationRow(ME, "g2")]}
    await running(ledger, "g2", intent=replace(PLAIN, request="t"))
    assert await ledger.adopt(finds, both, nobody, NOW + 1) is False
    assert [await named(ledger, one) for one in both] == [first, second]
    finds[second.job] = [GenerationRow(ME, "g3")]
    assert await ledger.adopt(finds, both, nobody, NOW + 1) is True
    assert [(await named(ledger, one)).generation_ids for one in both] == [("g1",), ("g3",)]
    assert await clip(ledger, "g1") == GenerationRow(ME, "g1", first.job, model="kling")
    assert (await named(ledger, first.job)).note is None
    again = {first.job: [GenerationRow(ME, "g4")]}
    assert await ledger.adopt(again, both, nobody, NOW + 2) is False, "it has its own by now"


async def test_only_a_job_that_was_not_counted_can_be_a_rival(ledger: Ledger) -> None:
    job, twin = await lost(ledger), await lost(ledger, replace(PLAIN, request="s"))
    finds = {job.job: [GenerationRow(ME, "g1")]}
    assert await ledger.adopt(finds, [], lambda one: True, NOW) is False
    assert await ledger.adopt(finds, [job.job], lambda one: one.job == twin.job, NOW) is False
    assert await ledger.adopt(finds, [job.job, twin.job], lambda one: True, NOW) is True


async def test_a_person_names_the_generation(ledger: Ledger) -> None:
    job = await lost(ledger)
    await running(ledger, "g1", intent=replace(PLAIN, request="s"))
    with pytest.raises(InvalidRequest) as caught:
        await ledger.decide(job.job, Adopt([GenerationRow(ME, "g1")]), NOW)
    owner = (await clip(ledger, "g1")).job
    assert caught.value.message == f"g1 belongs to job {owner}." and caught.value.fix == "Name another generation."
    await saw(ledger, GenerationRow(ME, "g2", status="succeeded"))
    adopted = await ledger.decide(job.job, Adopt([GenerationRow(ME, "g2", status="succeeded")]), NOW + 5)
    assert adopted == await named(ledger, job.job)
    assert (adopted.state, adopted.generation_ids, adopted.ended) == ("succeeded", ("g2",), NOW + 5)


async def test_a_person_gives_it_up(ledger: Ledger) -> None:
    job = await lost(ledger)
    assert await ledger.decide(job.job, WriteOff(), NOW + 1) == job
    after = replace(job, state="written off", ended=NOW + 1, note="written off by hand")
    assert await named(ledger, job.job) == after
    assert await ledger.run(transactions.job_for_take, ME, "r", 1) is None


async def test_only_what_is_unclear_is_settled_by_hand(ledger: Ledger) -> None:
    job = await sending(ledger)
    settled: list[tuple[Any, tuple[Any, ...]]] = [
        (ledger_jobs.write_off, (NOW,)),
        (ledger_jobs.reopen, ("me:1", NOW, LEASE, None)),
        (ledger_jobs.adopt_by_hand, ([GenerationRow(ME, "g1")], NOW)),
    ]
    for by_hand, told in settled:
        with pytest.raises(InvalidRequest) as caught:
            await ledger.run(by_hand, job.job, *told)
        assert caught.value.message == f"Job {job.job} is sending, not unclear."
        assert caught.value.fix == "`oxen-video recover` lists what is."
    await ledger.record_job(job.job, Submitted([GenerationRow(ME, "g1")]), NOW)
    with pytest.raises(InvalidRequest, match="is running, not unclear"):
        await ledger.decide(job.job, WriteOff(), NOW)


async def test_why_it_was_not_found_is_kept_for_whoever_asks_next(ledger: Ledger) -> None:
    job, live = await lost(ledger), await sending(ledger, replace(PLAIN, request="s"))
    for one in (job, live):
        await ledger.record_job(one.job, SearchFailed("2 twins"), NOW + 1)
    assert await named(ledger, job.job) == replace(job, note="2 twins")
    assert await named(ledger, live.job) == live


async def test_what_is_sent_again_is_unclear_until_it_has_arrived(ledger: Ledger) -> None:
    job = await lost(ledger)
    again = await ledger.decide(job.job, SendAgain("me:2", LEASE, 500_000), NOW + 100)
    note = "a person has it sent again"
    assert again == replace(job, owner="me:2", lease=NOW + 100 + LEASE, note=note) == await named(ledger, job.job)
    assert (await ledger.funds(ME, NOW + 100)).committed == 500_000
    assert await ledger.record_job(job.job, Unsent("me:2", "refused", "no credits"), NOW + 101) is not None
    refused = replace(job, note="it could not be sent again: no credits")
    assert await named(ledger, job.job) == refused, "that says nothing of the first time"


async def test_sending_again_needs_a_budget_as_the_first_time_did(ledger: Ledger) -> None:
    job = await lost(ledger)
    await running(ledger, "g1", intent=replace(PLAIN, request="s"))
    with pytest.raises(OverBudget) as caught:
        await ledger.decide(job.job, SendAgain("me:2", LEASE, 999_999), NOW + 100)
    assert "This may cost $0.50" in caught.value.message
    assert await named(ledger, job.job) == job
    assert (await ledger.decide(job.job, SendAgain("me:2", LEASE, 1_000_000), NOW + 100)).owner == "me:2"


async def nameless(ledger: Ledger, request: str, *ids: str, now: float = NOW) -> Job:
    """Made by the blocking route, whose answer tells no id."""
    job = await sending(ledger, replace(PLAIN, request=request, route="sync", expects=len(ids)), now)
    made = [
        GenerationRow(
            ME, one, status="succeeded", model="kling", created=now, file=f"/v/{one}.mp4", sha256="00", size=5
        )
        for one in ids
    ]
    await ledger.record_job(job.job, Submitted(made), now + 1)
    return await named(ledger, job.job)


async def test_a_result_without_a_name_gets_the_hubs(ledger: Ledger) -> None:
    job = await nameless(ledger, "r", "sync-1", "sync-1-1")
    assert job.is_nameless
    kept = await clip(ledger, "sync-1-1")
    await saw(ledger, GenerationRow(ME, "g2", status="succeeded"))  # somebody listed it meanwhile
    finds = {job.job: [GenerationRow(ME, "g1"), GenerationRow(ME, "g2")]}
    assert await ledger.adopt(finds, [job.job], nobody, NOW + 9) is True
    assert await named(ledger, job.job) == replace(job, generation_ids=("g1", "g2"))
    assert await clip(ledger, "g2") == replace(kept, generation_id="g2")
    assert await ledger.clips(ME, ["sync-1", "sync-1-1"]) == {}


async def test_who_may_lay_claim_to_a_generation(ledger: Ledger) -> None:
    old = await nameless(ledger, "old", "sync-0", now=NOW - ledger_jobs.DAY)
    fresh = await nameless(ledger, "fresh", "sync-1", now=NOW)
    unsure = await lost(ledger, replace(PLAIN, request="lost"))
    live = await sending(ledger, replace(PLAIN, request="live"), NOW + 1)
    await running(ledger, "g1", intent=replace(PLAIN, request="known"))
    await planned(ledger, replace(PLAIN, request="plan"))
    assert (await ledger.jobs_to_find(ME, NOW)).unclear == [unsure, live, fresh]
    before = {one.job for one in (await ledger.jobs_to_find(ME, NOW - 1)).unclear}
    assert before == {unsure.job, live.job, old.job, fresh.job}
    assert (await ledger.jobs_to_find("hub|you", NOW)).unclear == []


async def test_a_nameless_rival_is_counted(ledger: Ledger) -> None:
    job, twin = await lost(ledger), await nameless(ledger, "s", "sync-1")
    finds = {job.job: [GenerationRow(ME, "g1")]}
    assert await ledger.adopt(finds, [job.job], lambda one: one == twin, NOW) is False
    assert await ledger.adopt(finds, [job.job, twin.job], lambda one: one == twin, NOW) is True


async def test_a_generation_and_its_job_are_read_together(ledger: Ledger) -> None:
    job = await running(ledger, "g1")
    await saw(ledger, GenerationRow(ME, "s1"))
    assert await ledger.clip_and_job(ME, "g1") == (await clip(ledger, "g1"), job)
    assert await ledger.clip_and_job(ME, "s1") == (await clip(ledger, "s1"), None)
    assert await ledger.clip_and_job(ME, "nowhere") == (None, None)


async def test_the_answer_tells_the_job_and_what_was_billed_already(ledger: Ledger) -> None:
    job = await sending(ledger, replace(PLAIN, expects=2))
    made = [GenerationRow(ME, "g1", status="succeeded", cost=3), GenerationRow(ME, "g2", status="failed", cost=4)]
    told = await ledger.record_job(job.job, Submitted(made), NOW + 1)
    assert told == await named(ledger, job.job)
    assert (told.state, told.cost, told.generation_ids) == ("succeeded", 7, ("g1", "g2"))


# ---- plain readings --------------------------------------------------------------------------------------------------


async def test_jobs_are_told_apart_by_every_part_of_their_key(ledger: Ledger) -> None:
    job = await planned(ledger, WHOLE)
    assert await ledger.run(transactions.job_for_take, ME, "r", 1, 2) == job
    for other in ((ME, "r", 1), (ME, "r", 2, 2), (ME, "s", 1, 2), ("hub|you", "r", 1, 2)):
        assert await ledger.run(transactions.job_for_take, *other) is None
    assert await ledger.job_named("nowhere") is None


async def test_jobs_are_listed_oldest_first(ledger: Ledger) -> None:
    jobs = [await planned(ledger, replace(PLAIN, request=f"r{n}"), NOW - n) for n in range(3)]
    sent = await sending(ledger, replace(PLAIN, request="sent"))
    assert await ledger.find_jobs(ME, states=["planned"]) == jobs[::-1]
    assert await ledger.find_jobs(ME, states=["running", "sending"]) == [sent]
    assert await ledger.find_jobs("hub|you", states=["planned"]) == []


async def test_a_thousand_generations_are_read_at_once(ledger: Ledger) -> None:
    ids = [f"g{number}" for number in range(1001)]
    await saw(ledger, *(GenerationRow(ME, one) for one in ids))
    found = await ledger.clips(ME, ids)
    assert list(found) == ids or set(found) == set(ids)
    assert all(name == one.generation_id for name, one in found.items())


async def test_a_turn_is_by_its_name(ledger: Ledger) -> None:
    assert await ledger.claim_interval("look", NOW, LEASE) is True
    assert await ledger.claim_interval("settle", NOW, LEASE) is True
    assert await ledger.claim_interval("look", NOW + LEASE, LEASE) is False
    assert await ledger.claim_interval("look", NOW + LEASE + 0.5, LEASE) is True
    assert await ledger.claim_interval("look", NOW + LEASE + 1, LEASE) is False


async def test_a_key_is_known_at_its_hub_only(ledger: Ledger) -> None:
    assert await ledger.identity("https://hub", "k") is None
    await ledger.remember_identity("https://hub", "k", "hub|a")
    assert await ledger.identity("https://other", "k") is None
    assert await ledger.remember_identity("https://other", "k", "other|a") == "other|a"
    assert await ledger.identity("https://hub", "k") == "hub|a"


def test_json_is_always_the_same_text() -> None:
    assert to_json({"b": [1, 2], "a": "über"}) == '{"a":"über","b":[1,2]}'
