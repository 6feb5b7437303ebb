"""An end is noticed at once, whatever the hub does; and nobody is asked for nothing."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from oxen_video_tools.errors import HubUnavailable, Internal, NotFound, OxenError, RateLimited, Unauthenticated
from oxen_video_tools.hub.records import Generation
from oxen_video_tools.studio import polling
from oxen_video_tools.studio import waiter as studio_waiter
from oxen_video_tools.studio.waiter import Waiter
from tests.clocks import FakeClock
from tests.studio.waiter.scripted import ScriptedHub


async def test_an_announced_end_is_noticed_at_once(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    ended = await waiter.wait(hub.add("a", 95.0), seconds=900)
    assert ended.status == "succeeded"
    assert ended.url is not None
    assert clock.monotonic() < 95.0 + 0.25


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
async def test_every_end_is_an_end(waiter: Waiter, hub: ScriptedHub, outcome: str) -> None:
    assert (await waiter.wait(hub.add("a", 95.0, outcome), seconds=900)).status == outcome


async def test_an_end_that_nothing_announces_is_noticed_by_the_next_look(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    hub.events_work = False  # connected, and silent: as for `cancelled`
    await waiter.wait(hub.add("a", 95.0), seconds=900)
    assert clock.monotonic() < 95.0 + 12


async def test_without_a_stream_the_pace_is_faster(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    hub.stream_error = lambda: HubUnavailable("no events here", retry=False)
    await waiter.wait(hub.add("a", 50.0), seconds=900)
    assert clock.monotonic() < 50.0 + 4


async def test_what_had_ended_before_anybody_waited_is_read_once(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    await clock.sleep(10)
    hub.add("a", 5.0)
    assert (await waiter.wait("a", seconds=900)).status == "succeeded"
    assert clock.monotonic() < 10.3


async def test_the_time_running_out_ends_the_wait_not_the_job(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    stuck = await waiter.wait(hub.add("a", None), seconds=45)
    assert (stuck.generation_id, stuck.status) == ("a", "processing")
    assert clock.monotonic() == pytest.approx(45, abs=0.01)
    assert hub.jobs["a"].ends is None


async def test_a_hub_that_is_down_fails_no_wait(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    hub.list_error = lambda: HubUnavailable("down")
    hub.get_error = lambda _: HubUnavailable("down")
    hub.stream_error = lambda: HubUnavailable("down")
    known = await waiter.wait(hub.add("a", 10.0), seconds=300, since=clock.time(), model="kling", namespace="ox")
    assert (known.generation_id, known.status, known.model, known.namespace) == ("a", "queued", "kling", "ox")
    assert clock.monotonic() == pytest.approx(300, abs=0.01)
    assert sum(hub.asked.values()) < 60  # it backed off


async def test_the_end_of_an_outage_is_the_end_of_the_wait(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    def down() -> HubUnavailable | None:
        return HubUnavailable("down") if clock.monotonic() < 120 else None

    hub.list_error, hub.stream_error, hub.get_error = down, down, lambda _: down()
    assert (await waiter.wait(hub.add("a", 60.0), seconds=900)).status == "succeeded"
    assert clock.monotonic() < 120 + 66


@pytest.mark.parametrize("where", ["list", "get"])
async def test_a_refused_key_ends_every_wait_at_once(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock, where: str
) -> None:
    def refused(*_: object) -> OxenError | None:
        return Unauthenticated("Invalid API key", status_code=401) if clock.monotonic() >= 20 else None

    setattr(hub, f"{where}_error", refused)
    ids = [hub.add(str(n), 30.0 if where == "get" else None) for n in range(3)]
    answers = await asyncio.gather(*[waiter.wait(one, seconds=900) for one in ids], return_exceptions=True)
    assert [type(one) for one in answers] == [Unauthenticated] * 3
    assert len({id(one) for one in answers}) == 3  # a traceback of its own for each
    assert clock.monotonic() < 42


async def test_a_key_that_the_stream_refuses_is_refused(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    hub.stream_error = lambda: Unauthenticated("Invalid API key", status_code=401)
    with pytest.raises(Unauthenticated):
        await waiter.wait(hub.add("a", 95.0), seconds=900)
    assert clock.monotonic() < 1


async def test_a_key_without_events_still_waits(waiter: Waiter, hub: ScriptedHub) -> None:
    hub.stream_error = lambda: Unauthenticated("no events for you", status_code=403)
    assert (await waiter.wait(hub.add("a", 95.0), seconds=900)).status == "succeeded"


async def test_retry_after_is_honoured(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    answers = iter([RateLimited("slow down", retry_after=77.0)])
    hub.events_work = False
    hub.list_error = lambda: next(answers, None)
    await waiter.wait(hub.add("a", 40.0), seconds=900)
    first = next(when for when, what in hub.times if what == "list")
    after = [when for when, what in hub.times if when > first + 1 and what in ("list", "get")]
    assert after
    assert min(after) >= first + 77


async def test_retry_after_of_a_single_read_is_honoured_by_all_that_is_asked(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    answers = iter([RateLimited("slow down", retry_after=66.0)])
    hub.get_error = lambda _: next(answers, None)
    await waiter.wait(hub.add("a", 100.0), seconds=900)
    first = next(when for when, what in hub.times if what == "get")
    after = [when for when, what in hub.times if when > first and what in ("list", "get")]
    assert min(after) >= first + 66


async def test_looks_are_not_in_step_with_those_of_other_processes(hub: ScriptedHub, clock: FakeClock) -> None:
    """Each has its own jitter: what started together soon asks at other times."""
    hub.events_work = False
    hub.add("a", None)
    waiters = [Waiter(hub, clock) for _ in range(2)]
    await asyncio.gather(*[one.wait("a", seconds=300) for one in waiters])
    times = [when for when, what in hub.times if what == "list"]
    gaps = [round(b - a, 3) for a, b in pairwise(sorted(times))]
    assert len(set(gaps)) > len(gaps) / 2
    for one in waiters:
        await one.aclose()


# ---- one of each, for everybody ---------------------------------------------------------------------------------


async def test_thousands_share_one_stream_and_one_list(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    ids = [hub.add(str(n), 60.0 + n * 0.24) for n in range(1000)]
    ended = await asyncio.gather(*[waiter.wait(one, seconds=900) for one in ids])
    assert {one.status for one in ended} == {"succeeded"}
    assert hub.asked["stream"] == 1
    assert hub.asked["list"] < 35  # 300 s: every 10 s or slower, and one at the beginning
    assert hub.asked["get"] <= 1000 + studio_waiter.FIRST_LOOKS[0]
    assert hub.most_reading <= polling.AT_ONCE


async def test_many_who_wait_for_the_same_cost_as_one(waiter: Waiter, hub: ScriptedHub) -> None:
    hub.add("a", 95.0)
    ended = await asyncio.gather(*[waiter.wait("a", seconds=900) for _ in range(50)])
    assert {one.status for one in ended} == {"succeeded"}
    assert hub.asked["get"] == 2
    assert hub.asked["list"] < 12


async def test_each_namespace_has_its_list(waiter: Waiter, hub: ScriptedHub) -> None:
    hub.events_work = False
    hub.add("mine", 50.0)
    hub.add("theirs", 50.0, namespace="studio-b")
    ended = await asyncio.gather(
        waiter.wait("mine", seconds=900), waiter.wait("theirs", namespace="studio-b", seconds=900)
    )
    assert [one.status for one in ended] == ["succeeded", "succeeded"]
    assert hub.asked["get"] <= 4


async def test_a_job_is_found_in_the_namespace_that_its_record_names(waiter: Waiter, hub: ScriptedHub) -> None:
    hub.events_work = False
    ended = await waiter.wait(hub.add("a", 200.0, namespace="studio-b"), seconds=900)
    assert ended.status == "succeeded"
    assert hub.asked["get"] <= 3  # the first look, and the last


async def test_nothing_is_asked_while_nobody_waits(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    await waiter.wait(hub.add("a", 95.0), seconds=900)
    before = hub.asked.copy()
    await clock.sleep(3600)
    assert hub.asked == before
    assert not hub.listeners  # and the stream has ended, too
    assert (await waiter.wait(hub.add("b", 3800.0), seconds=900)).status == "succeeded"  # it starts again


async def test_the_stream_survives_a_short_rest(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    await waiter.wait(hub.add("a", 95.0), seconds=900)
    await clock.sleep(5)
    await waiter.wait(hub.add("b", 200.0), seconds=900)
    assert hub.asked["stream"] == 1


# ---- lists that lie -----------------------------------------------------------------------------------------------


async def test_an_incomplete_list_starts_no_stampede(hub: ScriptedHub, waiter: Waiter, clock: FakeClock) -> None:
    hub.longest_list, hub.events_work = 100, False
    ids = [hub.add(str(n), None) for n in range(600)]
    waits = [asyncio.ensure_future(waiter.wait(one, seconds=120)) for one in ids]
    await asyncio.wait(waits)
    gets = [when for when, what in hub.times if what == "get"]
    assert len(gets) <= 120 * polling.RATE + studio_waiter.FIRST_LOOKS[0] + polling.FIRST_WAVE
    later = [when for when in gets if when > 12]
    assert min(b - a for a, b in pairwise(later)) > 0.5 / polling.RATE


async def test_what_an_incomplete_list_leaves_out_still_ends(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    hub.longest_list, hub.events_work = 1, False
    ids = [hub.add(str(n), 100.0) for n in range(20)]
    ended = await asyncio.gather(*[waiter.wait(one, seconds=900) for one in ids])
    assert {one.status for one in ended} == {"succeeded"}
    assert clock.monotonic() < 140


async def test_a_list_that_lags_behind_the_queue_does_no_harm(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    hub.longest_list = 0
    hub.add("a", 95.0)
    wait = asyncio.ensure_future(waiter.wait("a", seconds=900))
    await clock.sleep(30)
    hub.longest_list = None
    assert (await wait).status == "succeeded"
    assert hub.asked["get"] < 8


async def test_a_list_that_always_fails_is_replaced_by_slow_reads(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    hub.list_error = lambda: HubUnavailable("this route is broken", status_code=500)
    hub.events_work = False
    assert (await waiter.wait(hub.add("a", 100.0), seconds=900)).status == "succeeded"
    assert clock.monotonic() < 135


async def test_many_ends_without_events_are_read_in_growing_waves(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    hub.events_work = False
    ids = [hub.add(str(n), 30.0) for n in range(400)]
    await asyncio.gather(*[waiter.wait(one, seconds=900) for one in ids])
    assert clock.monotonic() < 30 + 12 + 3
    assert hub.most_reading <= polling.AT_ONCE
    assert hub.asked["get"] <= 400 + studio_waiter.FIRST_LOOKS[0]


# ---- the stream -----------------------------------------------------------------------------------------------------


async def test_after_a_reconnect_it_looks_at_once(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    hub.add("a", None)
    wait = asyncio.ensure_future(waiter.wait("a", seconds=900))
    await clock.sleep(400)
    hub.jobs["a"].ends = 400.5  # while the connection is down
    hub.break_stream()
    assert (await wait).status == "succeeded"
    assert clock.monotonic() < 402


async def test_an_event_that_is_ahead_of_the_record_is_followed_up(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    hub.lag = 1.5
    await waiter.wait(hub.add("a", 95.0), seconds=900)
    assert clock.monotonic() < 95 + 1.5 + 1.5


async def test_an_end_between_enqueuing_and_waiting_is_not_missed(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    async with waiter.listening():
        await clock.sleep(1)
        for n in range(100):  # more than are looked at when they come
            hub.add(str(n), clock.monotonic() + 0.1)
        await clock.sleep(1)
        before = clock.monotonic()
        await asyncio.gather(*[waiter.wait(str(n), seconds=900) for n in range(100)])
    assert clock.monotonic() - before < 1
    assert hub.asked["list"] == 0


async def test_events_of_others_cost_nothing(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    wait = asyncio.ensure_future(waiter.wait(hub.add("a", 95.0), seconds=900))
    await clock.sleep(1)
    for n in range(10_000):
        hub.announce(f"other-{n}")
    await wait
    assert hub.asked["get"] == 2
    assert len(waiter._announced) <= studio_waiter.REMEMBERED


async def test_a_false_announcement_does_no_harm(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    wait = asyncio.ensure_future(waiter.wait(hub.add("a", 95.0), seconds=900))
    await clock.sleep(20)
    hub.announce("a", "failed")
    assert (await wait).status == "succeeded"
    assert clock.monotonic() >= 95


# ---- ids ------------------------------------------------------------------------------------------------------------


async def test_an_id_that_never_existed_is_said_soon(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    with pytest.raises(NotFound):
        await waiter.wait("nobody", seconds=900)
    assert clock.monotonic() < 5


async def test_a_fresh_id_may_be_unknown_for_a_while(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    wait = asyncio.ensure_future(waiter.wait("late", seconds=900, since=clock.time()))
    await clock.sleep(8)
    hub.add("late", 40.0)
    assert (await wait).status == "succeeded"


async def test_an_id_that_stays_unknown_is_not_called_queued(waiter: Waiter, clock: FakeClock) -> None:
    with pytest.raises(NotFound):
        await waiter.wait("gone", seconds=60, since=clock.time())
    assert clock.monotonic() == pytest.approx(60, abs=0.1)


async def test_what_the_caller_saw_last_is_what_is_known(waiter: Waiter, hub: ScriptedHub) -> None:
    seen = Generation("a", model="kling", prompt="a balloon", status="processing")
    hub.get_error = lambda _: HubUnavailable("down")
    hub.list_error = lambda: HubUnavailable("down")
    hub.add("a", None)
    assert await waiter.wait("a", seconds=5, record=seen) is seen


# ---- bounds, giving up, closing -------------------------------------------------------------------------------------


async def test_too_many_waits_are_refused_in_words(hub: ScriptedHub, clock: FakeClock) -> None:
    waiter = Waiter(hub, clock, limit=2)
    waits = [asyncio.ensure_future(waiter.wait(hub.add(str(n), None), seconds=60)) for n in range(2)]
    await clock.sleep(1)
    with pytest.raises(RateLimited, match="2 calls are waiting") as refused:
        await waiter.wait("c", seconds=60)
    assert "wait_seconds=0" in refused.value.answer()["fix"]
    with pytest.raises(RateLimited):
        async with waiter.listening():
            raise AssertionError("a job would have been paid for")
    await asyncio.wait(waits)
    assert (await waiter.wait(hub.add("c", 70.0), seconds=60)).status == "succeeded"
    await waiter.aclose()


async def test_giving_up_leaves_nothing_behind(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    waits = [asyncio.ensure_future(waiter.wait(hub.add(str(n), None), seconds=9000)) for n in range(50)]
    await clock.sleep(30)
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)
    assert waiter.waits == 0
    before = hub.asked.copy()
    await clock.sleep(3600)
    assert hub.asked == before
    assert not waiter._jobs
    assert not waiter._pollers
    assert not waiter._countdown._due
    await waiter.aclose()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_one_who_gives_up_disturbs_nobody_else(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    hub.add("a", 95.0)
    gives_up = asyncio.ensure_future(waiter.wait("a", seconds=900))
    stays = asyncio.ensure_future(waiter.wait("a", seconds=900))
    await clock.sleep(94.99)
    gives_up.cancel()
    assert (await stays).status == "succeeded"


async def test_each_has_its_own_limit(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    hub.add("a", 95.0)
    short, long = await asyncio.gather(waiter.wait("a", seconds=10), waiter.wait("a", seconds=900))
    assert (short.status, long.status) == ("processing", "succeeded")


async def test_closing_ends_every_wait_with_words(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    wait = asyncio.ensure_future(waiter.wait(hub.add("a", None), seconds=900))
    await clock.sleep(30)
    await waiter.aclose()
    with pytest.raises(Internal, match="closed") as closed:
        await wait
    assert closed.value.generation_id == "a"
    before = hub.asked.copy()
    await clock.sleep(600)
    assert hub.asked == before


async def test_a_fault_of_ours_ends_the_wait(
    waiter: Waiter, hub: ScriptedHub, caplog: pytest.LogCaptureFixture
) -> None:
    hub.list_error = lambda: ZeroDivisionError("a fault")
    with pytest.raises(Internal):
        await waiter.wait(hub.add("a", None), seconds=900)
    assert "a fault" in caplog.text


async def test_no_time_answers_at_once(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    assert (await waiter.wait(hub.add("a", None), seconds=0)).generation_id == "a"
    assert clock.monotonic() < 0.01


async def test_what_the_caller_has_just_seen_is_not_read_again(waiter: Waiter, hub: ScriptedHub) -> None:
    hub.add("a", 95.0)
    assert (await waiter.wait("a", seconds=900, record=Generation("a", status="processing"))).status == "succeeded"
    assert hub.asked["get"] == 1
