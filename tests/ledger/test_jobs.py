"""The ledger's transactions, each on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from oxen_video_tools.errors import Internal, InvalidRequest, OverBudget, Paused
from oxen_video_tools.ledger import Ledger, outcomes, sqlite_path, transactions
from oxen_video_tools.ledger import jobs as ledger_jobs
from oxen_video_tools.ledger.accounts import KeptMember
from oxen_video_tools.ledger.jobs import SendAgain, Submitted, Unanswered, Unsent, WriteOff
from oxen_video_tools.ledger.records import GenerationRow, Intent, Job
from oxen_video_tools.ledger.schema import VERSION

NOW = 1_790_000_000.0
BODY = {"model": "kling", "prompt": "A red balloon"}


def intent(request: str = "r", take: int | None = 1, **given: object) -> Intent:
    return replace(Intent("hub|me", request, take, BODY, reserved=500_000, estimate=500_000), **given)  # type: ignore[arg-type]


@pytest.fixture
async def ledger(place: str) -> AsyncIterator[Ledger]:
    one = Ledger.at(place)
    yield one
    await one.close()


@pytest.fixture
async def other(place: str) -> AsyncIterator[Ledger]:
    """Another process on the same ledger."""
    one = Ledger.at(place)
    yield one
    await one.close()


async def book(ledger: Ledger, one: Intent, now: float = NOW, budget: int | None = None) -> tuple[Job, bool]:
    [found] = await ledger.reserve([one], ledger.owner, now, 60.0, budget)
    return found.job, found.mine


async def sent(ledger: Ledger, one: Intent, ids: list[str], now: float = NOW) -> Job:
    job, mine = await book(ledger, one, now)
    assert mine
    assert await ledger.mark_sending(job.job, ledger.owner, now, 60.0)
    await ledger.record_job(job.job, Submitted([GenerationRow("hub|me", name, model="kling") for name in ids]), now)
    return await named(ledger, job.job)


async def named(ledger: Ledger, job: str) -> Job:
    found = await ledger.job_named(job)
    assert found is not None
    return found


async def test_an_intent_is_written_once_whoever_asks(ledger: Ledger, other: Ledger) -> None:
    first, mine = await book(ledger, intent())
    again, again_mine = await book(other, intent())
    assert (mine, again_mine) == (True, False)
    assert again.job == first.job
    assert first.body == BODY and first.state == "planned" and first.is_live(NOW)


async def test_many_at_once_write_one(ledger: Ledger, other: Ledger) -> None:
    found = await asyncio.gather(*(book(one, intent()) for one in (ledger, other) * 10))
    assert sum(mine for _, mine in found) == 1
    assert len({job.job for job, _ in found}) == 1


async def test_takes_are_different_jobs_and_no_take_is_a_new_job_each_time(ledger: Ledger) -> None:
    takes = [await book(ledger, intent(take=take)) for take in (1, 2, None, None)]
    assert all(mine for _, mine in takes)
    assert len({job.job for job, _ in takes}) == 4


async def test_an_abandoned_plan_was_never_sent_and_is_taken_over(ledger: Ledger, other: Ledger) -> None:
    first, _ = await book(ledger, intent())
    second, mine = await book(other, intent(body={**BODY, "seed": 7}), NOW + 61)
    assert mine and second.job != first.job and second.body["seed"] == 7
    assert not await ledger.mark_sending(first.job, ledger.owner, NOW + 61, 60.0), "its lease is lost"
    assert (await named(ledger, first.job)).state == "dropped"


async def test_a_lease_that_ran_out_may_not_send(ledger: Ledger) -> None:
    job, _ = await book(ledger, intent())
    assert not await ledger.mark_sending(job.job, ledger.owner, NOW + 60.5, 60.0)
    assert (await named(ledger, job.job)).state == "planned"


async def test_only_its_owner_sends_a_job(ledger: Ledger, other: Ledger) -> None:
    job, _ = await book(ledger, intent())
    assert not await other.mark_sending(job.job, other.owner, NOW, 60.0)
    assert await ledger.mark_sending(job.job, ledger.owner, NOW + 1, 60.0)
    marked = await named(ledger, job.job)
    assert (marked.state, marked.sent) == ("sending", NOW + 1)


async def test_a_refusal_frees_the_take_and_the_money(ledger: Ledger) -> None:
    job, _ = await book(ledger, intent())
    await ledger.mark_sending(job.job, ledger.owner, NOW, 60.0)
    assert await ledger.record_job(job.job, Unsent(ledger.owner, "refused", "no credits"), NOW)
    assert (await ledger.funds("hub|me", NOW)).committed == 0
    assert (await book(ledger, intent()))[1]


async def test_an_unclear_job_keeps_its_take_and_its_reservation(ledger: Ledger, other: Ledger) -> None:
    job, _ = await book(ledger, intent())
    await ledger.mark_sending(job.job, ledger.owner, NOW, 60.0)
    await ledger.record_job(job.job, Unanswered(ledger.owner, "its answer was lost"), NOW)
    later = NOW + 10 * ledger_jobs.DAY
    again, mine = await book(other, intent(), later)
    assert again.job == job.job and not mine and again.is_unclear and not again.is_live(later)
    assert (await ledger.funds("hub|me", later)).committed == 500_000


@pytest.mark.parametrize(("status", "holds"), [("succeeded", True), ("failed", False), ("cancelled", False)])
async def test_a_job_that_failed_or_was_cancelled_frees_its_take(ledger: Ledger, status: str, holds: bool) -> None:
    job = await sent(ledger, intent(), ["g1"])
    ended = await ledger.record_status("hub|me", [GenerationRow("hub|me", "g1", status=status)], NOW + 90)
    assert ended == [job.job]
    assert (await named(ledger, job.job)).state == status
    assert (await book(ledger, intent()))[1] is not holds


async def test_one_good_clip_of_several_makes_a_job_a_success(ledger: Ledger, other: Ledger) -> None:
    job = await sent(ledger, intent(expects=2), ["g1", "g2"])
    assert await ledger.record_status("hub|me", [GenerationRow("hub|me", "g1", status="failed", error="no")], NOW) == []
    assert await other.record_status("hub|me", [GenerationRow("hub|me", "g2", status="succeeded")], NOW) == [job.job]
    assert (await named(ledger, job.job)).state == "succeeded"
    assert (await named(ledger, job.job)).generation_ids == ("g1", "g2")


async def test_two_clips_that_end_in_two_processes_at_once_end_the_job(ledger: Ledger, other: Ledger) -> None:
    jobs = [await sent(ledger, intent(f"r{n}", expects=2), [f"{n}a", f"{n}b"]) for n in range(8)]
    await asyncio.gather(
        *(
            ledger.record_status("hub|me", [GenerationRow("hub|me", f"{n}a", status="succeeded")], NOW)
            for n in range(8)
        ),
        *(other.record_status("hub|me", [GenerationRow("hub|me", f"{n}b", status="failed")], NOW) for n in range(8)),
    )
    assert {(await named(ledger, job.job)).state for job in jobs} == {"succeeded"}


async def test_what_ended_stays_ended(ledger: Ledger) -> None:
    await sent(ledger, intent(), ["g1"])
    await ledger.record_status("hub|me", [GenerationRow("hub|me", "g1", status="succeeded", ended=NOW + 5)], NOW + 9)
    await ledger.record_status("hub|me", [GenerationRow("hub|me", "g1", status="processing")], NOW + 10)
    clip = (await ledger.clips("hub|me", ["g1"]))["g1"]
    assert (clip.status, clip.ended) == ("succeeded", NOW + 5)


# ---- money ---------------------------------------------------------------------------------------------------------


async def test_the_budget_counts_reservations_then_real_costs_for_a_day_from_the_post(ledger: Ledger) -> None:
    await sent(ledger, intent(), ["g1"])
    with pytest.raises(OverBudget, match=r"\$0\.70.*\$0\.20 is left"):
        await book(ledger, intent("r2", reserved=700_000), NOW + 1, 700_000)
    await ledger.record_status("hub|me", [GenerationRow("hub|me", "g1", status="succeeded")], NOW + 60)
    assert (await ledger.funds("hub|me", NOW + 60)).committed == 500_000
    await ledger.record_cost("hub|me", {"g1": 350_000})
    assert (await ledger.funds("hub|me", NOW + 60)).committed == 350_000
    assert (await ledger.funds("hub|me", NOW + ledger_jobs.DAY + 1)).committed == 0
    assert (await book(ledger, intent("r2", reserved=350_000), NOW + 2, 700_000))[1]


async def test_the_budget_holds_across_processes_at_once(ledger: Ledger, other: Ledger) -> None:
    async def attempt(one: Ledger, number: int) -> bool:
        try:
            return (await book(one, intent(f"r{number}"), NOW, 2_000_000))[1]
        except OverBudget:
            return False

    won = await asyncio.gather(*(attempt((ledger, other)[n % 2], n) for n in range(20)))
    assert sum(won) == 4
    assert (await ledger.funds("hub|me", NOW)).committed == 2_000_000


async def test_an_abandoned_plan_costs_the_budget_nothing(ledger: Ledger) -> None:
    await book(ledger, intent())
    assert (await ledger.funds("hub|me", NOW + 30)).committed == 500_000
    assert (await ledger.funds("hub|me", NOW + 61)).committed == 0


async def test_several_intents_are_reserved_together_or_not_at_all(ledger: Ledger) -> None:
    parts = [intent(part=part, film="f") for part in range(3)]
    with pytest.raises(OverBudget):
        await ledger.reserve(parts, ledger.owner, NOW, 60.0, 1_400_000)
    assert (await ledger.funds("hub|me", NOW)).committed == 0
    written = await ledger.reserve(parts, ledger.owner, NOW, 60.0, 1_500_000)
    assert [found.job.part for found in written if found.mine] == [0, 1, 2]


async def test_pause_stops_new_intents_and_those_about_to_be_sent(ledger: Ledger, other: Ledger) -> None:
    job, _ = await book(ledger, intent())
    await other.set_paused(True, NOW)
    with pytest.raises(Paused):
        await book(ledger, intent("r2"))
    with pytest.raises(Paused):
        await ledger.mark_sending(job.job, ledger.owner, NOW, 60.0)
    assert (await book(other, intent()))[0].job == job.job, "what exists is still found"
    await other.set_paused(False, NOW)
    assert await ledger.mark_sending(job.job, ledger.owner, NOW, 60.0)


async def test_a_cost_is_real_only_when_every_clip_has_one(ledger: Ledger) -> None:
    job = await sent(ledger, intent(expects=2), ["g1", "g2"])
    both = [GenerationRow("hub|me", name, status="succeeded") for name in ("g1", "g2")]
    await ledger.record_status("hub|me", both, NOW)
    assert [one.clip.generation_id for one in await ledger.unsettled("hub|me", 0.0)] == ["g1", "g2"]
    await ledger.record_cost("hub|me", {"g1": 100_000})
    assert (await named(ledger, job.job)).cost is None
    await ledger.record_cost("hub|me", {"g2": 0})
    assert (await named(ledger, job.job)).cost == 100_000
    assert await ledger.unsettled("hub|me", 0.0) == []


async def test_accounts_do_not_see_each_other(ledger: Ledger) -> None:
    await sent(ledger, intent(), ["g1"])
    assert (await book(ledger, intent(scope="hub|you")))[1]
    assert await ledger.clips("hub|you", ["g1"]) == {}
    assert (await ledger.funds("hub|you", NOW)).committed == 500_000


# ---- what is unclear -------------------------------------------------------------------------------------------------


async def lost(ledger: Ledger, request: str = "r", now: float = NOW) -> Job:
    job, _ = await book(ledger, intent(request), now)
    await ledger.mark_sending(job.job, ledger.owner, now, 60.0)
    await ledger.record_job(job.job, Unanswered(ledger.owner, "its answer was lost"), NOW)
    return await named(ledger, job.job)


def nobody(_: Job) -> bool:
    return False


async def test_an_unclear_job_gets_what_was_found_for_it(ledger: Ledger) -> None:
    job = await lost(ledger)
    await ledger.record_status("hub|me", [GenerationRow("hub|me", "g1", status="succeeded")], NOW)  # listed by somebody
    finds = {job.job: [GenerationRow("hub|me", "g1")]}
    assert await ledger.adopt(finds, [job.job], nobody, NOW + 5)
    assert (await named(ledger, job.job)).state == "succeeded"


async def test_a_generation_is_never_adopted_twice(ledger: Ledger, other: Ledger) -> None:
    jobs = [await lost(ledger, request) for request in ("r1", "r2")]
    found = [GenerationRow("hub|me", "g1")]
    both = await asyncio.gather(
        ledger.adopt({jobs[0].job: found}, [one.job for one in jobs], nobody, NOW),
        other.adopt({jobs[1].job: found}, [one.job for one in jobs], nobody, NOW),
    )
    assert sorted(both) == [False, True]


async def test_adoption_waits_for_a_job_that_was_not_counted(ledger: Ledger) -> None:
    job = await lost(ledger)
    await lost(ledger, "r2")
    finds = {job.job: [GenerationRow("hub|me", "g1")]}
    assert not await ledger.adopt(finds, [job.job], lambda other: other.request == "r2", NOW)
    assert await ledger.adopt(finds, [job.job], lambda other: other.request == "r3", NOW)


async def test_the_hubs_answer_is_the_truth_about_a_jobs_ids(ledger: Ledger) -> None:
    slow, _ = await book(ledger, intent())
    await ledger.mark_sending(slow.job, ledger.owner, NOW, 60.0)
    other = await lost(ledger, "r2")
    await ledger.adopt({other.job: [GenerationRow("hub|me", "g1")]}, [other.job, slow.job], nobody, NOW)
    await ledger.record_job(slow.job, Submitted([GenerationRow("hub|me", "g1")]), NOW + 70)
    assert (await named(ledger, slow.job)).generation_ids == ("g1",)
    assert (await named(ledger, other.job)).is_unclear


async def test_a_late_answer_does_not_take_a_take_back(ledger: Ledger) -> None:
    job = await lost(ledger)
    await ledger.decide(job.job, WriteOff(), NOW + 100)
    fresh, mine = await book(ledger, intent(), NOW + 101)
    assert mine
    await ledger.record_job(job.job, Submitted([GenerationRow("hub|me", "g1")]), NOW + 102)
    await ledger.record_status("hub|me", [GenerationRow("hub|me", "g1", status="succeeded")], NOW + 103)
    holder = await ledger.run(transactions.job_for_take, "hub|me", "r", 1)
    assert holder is not None and holder.job == fresh.job
    assert (await named(ledger, job.job)).state == "succeeded"


async def test_written_off_still_counts_for_its_day(ledger: Ledger) -> None:
    job = await lost(ledger)
    await ledger.decide(job.job, WriteOff(), NOW + 100)
    assert (await ledger.funds("hub|me", NOW + 200)).committed == 500_000
    assert (await ledger.funds("hub|me", NOW + ledger_jobs.DAY + 1)).committed == 0
    with pytest.raises(InvalidRequest, match="written off, not unclear"):
        await ledger.decide(job.job, WriteOff(), NOW + 300)


async def test_sending_again_is_reserved_anew(ledger: Ledger) -> None:
    job = await lost(ledger)
    with pytest.raises(OverBudget):
        await ledger.decide(job.job, SendAgain(ledger.owner, 60.0, 400_000), NOW + 100)
    assert (await named(ledger, job.job)).is_unclear, "nothing was changed"
    again = await ledger.decide(job.job, SendAgain(ledger.owner, 60.0, 500_000), NOW + 100)
    assert again.is_unclear and again.is_live(NOW + 100)


async def test_a_job_in_flight_can_not_be_settled_by_hand(ledger: Ledger) -> None:
    job, _ = await book(ledger, intent())
    await ledger.mark_sending(job.job, ledger.owner, NOW, 60.0)
    with pytest.raises(InvalidRequest):
        await ledger.decide(job.job, WriteOff(), NOW + 1)
    with pytest.raises(InvalidRequest):
        await ledger.decide(job.job, SendAgain(ledger.owner, 60.0, None), NOW + 1)


# ---- walking, adding up ----------------------------------------------------------------------------------------------


async def test_walkers_share_the_work(ledger: Ledger, other: Ledger) -> None:
    jobs = {(await sent(ledger, intent(f"r{n}"), [f"g{n}"])).job for n in range(40)}
    found = await asyncio.gather(*(one.claim_unfinished("hub|me", NOW + 5, 10) for one in (ledger, other) * 4))
    seen = [job.job for some in found for job in some]
    assert len(seen) == len(set(seen)) and set(seen) <= jobs
    rest = await ledger.claim_unfinished("hub|me", NOW + 5, 100)
    assert set(seen) | {job.job for job in rest} == jobs


async def test_what_was_spent_leaves_out_what_was_refused(ledger: Ledger) -> None:
    await sent(ledger, intent(), ["g1"])
    refused, _ = await book(ledger, intent("r2"))
    await ledger.record_job(refused.job, Unsent(ledger.owner, "refused", "no"), NOW)
    await sent(ledger, intent("r3", reserved=0, estimate=None), ["g3"], NOW + 1)
    assert await ledger.spent("hub|me") == [
        outcomes.DaySum(int(NOW // ledger_jobs.DAY), "kling", jobs=2, cost=500_000, unpriced=1)
    ]


async def test_the_usual_time_of_a_model_is_the_middle_one(ledger: Ledger) -> None:
    assert await ledger.typical("hub|me", "kling") is None
    for number, seconds in enumerate((10.0, 400.0, 60.0)):
        clip = GenerationRow(
            "hub|me", f"g{number}", status="succeeded", model="kling", created=NOW, ended=NOW + seconds
        )
        await ledger.record_status("hub|me", [clip], NOW)
    assert await ledger.typical("hub|me", "kling") == 60.0


async def test_a_turn_comes_once_in_a_while(ledger: Ledger, other: Ledger) -> None:
    turns = await asyncio.gather(*(one.claim_interval("look", NOW, 60.0) for one in (ledger, other) * 5))
    assert sum(turns) == 1
    assert not await ledger.claim_interval("look", NOW + 59, 60.0)
    assert await ledger.claim_interval("look", NOW + 61, 60.0)


async def test_the_first_scope_of_a_key_stays(ledger: Ledger, other: Ledger) -> None:
    assert await ledger.remember_identity("https://hub", "k", "hub|a") == "hub|a"
    assert await other.remember_identity("https://hub", "k", "hub|b") == "hub|a"
    assert await other.identity("https://hub", "k") == "hub|a"


async def test_what_was_put_at_the_hub_is_found_by_the_account_that_paid_nothing(ledger: Ledger) -> None:
    await ledger.keep_place("hub|key:x", "film", "place")
    await ledger.remember_identity("hub", "k", "hub|account:me", "hub|key:x")
    assert await ledger.kept_places("hub|account:me", ["film"]) == {"film": "place"}


async def test_of_several_who_swap_a_place_one_does(ledger: Ledger, other: Ledger) -> None:
    for seen, place in ((None, "a"), ("a", "b")):
        swapped = await asyncio.gather(*(one.swap_place("me", "film", seen, place) for one in (ledger, other) * 3))
        assert sum(swapped) == 1 and await other.kept_places("me", ["film"]) == {"film": place}
    assert await ledger.places_beginning("me", "fi") == {"film": "b"}
    assert await ledger.places_beginning("me", "x") == await ledger.places_beginning("you", "fi") == {}


async def test_joining_two_scopes_loses_no_job_and_frees_no_take(ledger: Ledger, other: Ledger) -> None:
    """On both databases; both had the same take, and each knew the other's generation."""
    old, new = "hub|key:x", "hub|account:me"
    jobs = []
    for scope, generation in ((old, "g1"), (new, "g2")):
        [booked] = await ledger.reserve([intent(scope=scope)], "me", NOW, 60.0)
        await ledger.mark_sending(booked.job.job, "me", NOW, 60.0)
        jobs.append(await ledger.record_job(booked.job.job, Submitted([GenerationRow(scope, generation)]), NOW))
    await ledger.record_status(old, [GenerationRow(old, "g2"), GenerationRow(old, "g3")], NOW)
    await ledger.record_status(new, [GenerationRow(new, "g1")], NOW)
    for scope, content in ((old, "film a"), (old, "film b"), (new, "film b")):
        await ledger.keep_place(scope, content, f"{scope} {content}")
    for scope, name in ((old, "Mira"), (old, "Ben"), (new, "mira")):
        await ledger.keep_member(scope, KeptMember(name, scope, (), None, NOW))
    kept = await asyncio.gather(*(one.remember_identity("https://hub", "k", new, old) for one in (ledger, other)))
    assert kept == [new, new], "what was done under the stand-in moves to the account"
    assert await other.kept_places(new, ["film a", "film b"]) == {"film a": f"{old} film a", "film b": f"{new} film b"}
    assert await other.kept_places(old, ["film a", "film b"]) == {} and await other.members(old) == {}
    assert [(one.name, one.look) for one in (await other.members(new)).values()] == [("Ben", old), ("mira", new)]
    held = await other.run(transactions.job_for_take, new, jobs[1].request, 1)
    assert held is not None and held.job == jobs[1].job
    for job, generation in zip(jobs, ("g1", "g2"), strict=True):
        found = await named(other, job.job)
        assert found.scope == new and found.generation_ids == (generation,)
    assert (await other.funds(new, NOW)).committed == sum(job.reserved for job in jobs)
    assert (await other.funds(old, NOW)).committed == 0


# ---- the databases ---------------------------------------------------------------------------------------------------


async def test_processes_that_open_a_new_ledger_at_once_all_get_it(place: str) -> None:
    ledgers = [Ledger.at(place) for _ in range(6)]
    found = await asyncio.gather(*(book(one, intent()) for one in ledgers))
    assert sum(mine for _, mine in found) == 1
    for one in ledgers:
        await one.close()


async def test_an_error_inside_rolls_everything_back(ledger: Ledger) -> None:
    def broken() -> transactions.Steps[None]:
        yield from outcomes.set_paused(True, NOW)
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        await ledger.run(broken)
    assert not (await ledger.funds("hub|me", NOW)).paused


async def test_a_caller_that_gives_up_does_not_stop_a_transaction_half_way(ledger: Ledger) -> None:
    begun = threading.Event()

    def begun_then_paused() -> transactions.Steps[None]:
        yield from transactions.is_paused()
        begun.set()
        yield from outcomes.set_paused(True, NOW)

    giving_up = asyncio.ensure_future(ledger.run(begun_then_paused))
    while not begun.is_set():
        await asyncio.sleep(0)
    giving_up.cancel()
    with suppress(asyncio.CancelledError):  # it may have ended just before
        await giving_up
    for _ in range(200):
        if (await ledger.funds("hub|me", NOW)).paused:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the transaction did not end")


async def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"pragma user_version = {VERSION + 1}")
    connection.close()
    one = Ledger.at(f"sqlite:///{path}")
    with pytest.raises(Internal, match="newer"):
        await one.funds("hub|me", NOW)
    await one.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
async def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        one = Ledger.at(f"sqlite:///{tmp_path}/deep/ledger.db")
        await one.set_paused(True, NOW)
        rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir()}
        assert "ledger.db-wal" in rights and set(rights.values()) == {0o600}
        assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
        await one.close()
    finally:
        os.umask(before)


async def test_a_place_that_can_not_be_written_names_the_way_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one = Ledger.at(f"sqlite:///{tmp_path}/file/ledger.db")
    with pytest.raises(InvalidRequest) as caught:
        await one.funds("hub|me", NOW)
    assert "OXEN_VIDEO_LEDGER" in (caught.value.fix or "") and "memory:" in (caught.value.fix or "")
    assert caught.value.charged == "no"
    await one.close()


async def test_a_file_that_is_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("no database, but a long enough text about something else entirely" * 40)
    one = Ledger.at(f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(InvalidRequest, match="not a database"):
        await one.funds("hub|me", NOW)
    await one.close()


async def test_memory_is_a_ledger_of_its_own() -> None:
    one, another = Ledger.at("memory:"), Ledger.at("memory:")
    await one.set_paused(True, NOW)
    assert (await one.funds("hub|me", NOW)).paused and not (await another.funds("hub|me", NOW)).paused
    await one.close()
    await another.close()


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("sqlite:////abs/path.db", "/abs/path.db"),
        ("sqlite:////abs/with%20blank.db", "/abs/with blank.db"),
        ("memory:", None),
        ("sqlite:///:memory:", None),
    ],
)
def test_places_are_read(place: str, path: str | None) -> None:
    assert sqlite_path(place) == (Path(path) if path else None)


@pytest.mark.parametrize("place", ["mysql://x", "sqlite://", "ledger.db", "sqlite:relative.db"])
def test_other_places_are_refused(place: str) -> None:
    with pytest.raises(InvalidRequest, match="OXEN_VIDEO_LEDGER"):
        sqlite_path(place)


async def test_a_postgres_that_is_not_there_is_said_without_its_password() -> None:
    pytest.importorskip("psycopg")
    one = Ledger.at("postgresql://me:s3cret-word@127.0.0.1:1/db?connect_timeout=1")
    with pytest.raises(InvalidRequest, match="PostgreSQL") as caught:
        await one.funds("hub|me", NOW)
    assert "s3cret-word" not in f"{caught.value.words} {caught.value!r}"
    await one.close()


async def test_what_a_newer_job_may_have_made_is_not_given_to_one_that_was_written_off(ledger: Ledger) -> None:
    """The newer one was booked and sent while the account was read: whoever compared did not know it."""
    old = Intent("hub|me", "r", 1, {"model": "kling"}, reserved=1)
    [first] = await ledger.reserve([old], ledger.owner, NOW, 60.0, None)
    await ledger.mark_sending(first.job.job, ledger.owner, NOW, 60.0)
    await ledger.record_job(first.job.job, Unanswered(ledger.owner, "its answer was lost"), NOW)
    await ledger.decide(first.job.job, WriteOff(), NOW + 100)
    [newer] = await ledger.reserve([old], "another:1", NOW + 101, 60.0, None)
    await ledger.mark_sending(newer.job.job, "another:1", NOW + 101, 60.0)
    found = [GenerationRow("hub|me", "g1")]
    job = first.job.job
    assert (
        await ledger.adopt({job: found}, [job], lambda other: other.job == newer.job.job, NOW + 102, more=True) is False
    )
    assert (await ledger.clips("hub|me", ["g1"])) == {}
    assert await ledger.adopt({job: found}, [job, newer.job.job], lambda _: True, NOW + 102, more=True) is True
    assert (await ledger.clips("hub|me", ["g1"]))["g1"].job == job
