"""Whoever waits hears how far it is: at least every five seconds, always a little more, and in his own context."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.ledger import Ledger
from oxen_video_tools.ledger.records import GenerationRow
from oxen_video_tools.studio import videos, waits
from oxen_video_tools.studio.results import Progress
from oxen_video_tools.studio.waiter import Waiter
from oxen_video_tools.studio.waits import GRACE
from tests.clocks import FakeClock
from tests.studio.waiter.scripted import ScriptedHub


async def test_reports_come_often_and_always_rise(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    heard: list[tuple[float, Progress]] = []

    def listen(progress: Progress) -> None:
        heard.append((clock.monotonic(), progress))

    await waiter.wait(hub.add("a", 95.0, starts=20.0), seconds=900, on_progress=listen, typical=80.0)
    times, reports = zip(*heard, strict=True)
    assert times[0] < 0.1
    assert max(b - a for a, b in pairwise([*times, 95.0])) <= 5.0
    assert all(b.fraction > a.fraction for a, b in pairwise(reports))
    assert {one.typical for one in reports} == {80.0}
    assert [one.elapsed for one in reports] == [pytest.approx(when) for when in times]
    states = [one.status for one in reports]
    assert list(dict.fromkeys(states)) == ["queued", "processing", "succeeded"]
    assert reports[-1].fraction == 1.0
    assert reports[-1].text == "succeeded, 95 s of about 80 s"


async def test_a_job_that_takes_forever_never_seems_done(waiter: Waiter, hub: ScriptedHub) -> None:
    heard: list[Progress] = []
    await waiter.wait(hub.add("a", None), seconds=86_400, on_progress=heard.append, typical=5.0)
    assert all(b.fraction > a.fraction for a, b in pairwise(heard))
    assert heard[-1].fraction < 1.0
    assert len(heard) >= 86_400 / 5


async def test_a_second_wait_goes_on_where_the_first_was(waiter: Waiter, hub: ScriptedHub, clock: FakeClock) -> None:
    heard: list[Progress] = []
    began = clock.time()
    hub.add("a", None)
    for _ in range(2):
        await waiter.wait("a", seconds=40, since=began, on_progress=heard.append, typical=100.0)
    second = next(one for one in heard[1:] if one.elapsed == 0.0)
    assert second.fraction == pytest.approx(0.9 * 40 / 100)


async def test_an_end_is_reported_even_to_a_wait_that_begins_after_it(waiter: Waiter, hub: ScriptedHub) -> None:
    heard: list[Progress] = []
    await waiter.wait(hub.add("a", 0.0), seconds=10, on_progress=heard.append)
    assert heard[-1].status == "succeeded"
    assert heard[-1].fraction == 1.0


async def test_reports_may_be_coroutines(waiter: Waiter, hub: ScriptedHub) -> None:
    heard: list[Progress] = []

    async def listen(progress: Progress) -> None:
        await asyncio.sleep(0)
        heard.append(progress)

    await waiter.wait(hub.add("a", 30.0), seconds=900, on_progress=listen)
    assert heard[-1].status == "succeeded"
    assert len(heard) >= 7


async def test_a_slow_listener_holds_up_nobody_and_not_his_own_end(
    waiter: Waiter, hub: ScriptedHub, clock: FakeClock
) -> None:
    async def hang(_: Progress) -> None:
        await asyncio.Event().wait()

    heard: list[Progress] = []
    hub.add("a", 30.0)
    hub.add("b", 30.0)
    await asyncio.gather(
        waiter.wait("a", seconds=900, on_progress=hang), waiter.wait("b", seconds=900, on_progress=heard.append)
    )
    assert clock.monotonic() < 30 + 0.3 + 2 * GRACE
    assert len(heard) >= 7


@pytest.mark.parametrize("kind", ["function", "coroutine"])
async def test_a_listener_that_fails_ends_his_wait_only(waiter: Waiter, hub: ScriptedHub, kind: str) -> None:
    def fail(_: Progress) -> None:
        raise ZeroDivisionError

    async def fail_later(_: Progress) -> None:
        raise ZeroDivisionError

    hub.add("a", 30.0)
    broken, whole = await asyncio.gather(
        waiter.wait("a", seconds=900, on_progress=fail if kind == "function" else fail_later),
        waiter.wait("a", seconds=900),
        return_exceptions=True,
    )
    assert isinstance(broken, ZeroDivisionError)
    assert not isinstance(whole, BaseException)
    assert whole.status == "succeeded"


WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


async def test_everybody_is_told_in_his_own_context(waiter: Waiter, hub: ScriptedHub) -> None:
    heard: dict[str, set[str]] = {"ann": set(), "bob": set()}
    hub.add("a", 30.0, starts=10.0)

    async def wait(name: str) -> None:
        WHO.set(name)

        async def listen(_: Progress) -> None:
            heard[name].add(WHO.get())

        await waiter.wait("a", seconds=900, on_progress=listen)

    await asyncio.gather(wait("ann"), wait("bob"))
    assert heard == {"ann": {"ann"}, "bob": {"bob"}}


@given(
    st.floats(0, 1e8), st.floats(0.5, 1e4), st.sampled_from([None, "video", "image", "audio"]),
    st.one_of(st.none(), st.floats(0, 1e4)),
)  # fmt: skip
def test_the_fraction_rises_below_one(age: float, more: float, media: str | None, typical: float | None) -> None:
    now, later = waits.fraction(age, typical, media), waits.fraction(age + more, typical, media)
    assert 0 <= now <= later < 1


@given(st.floats(0, 1e7), st.sampled_from([None, "video", "image", "image/png"]), st.booleans())
def test_the_pace_slows_with_age_within_its_bounds(age: float, media: str | None, heard: bool) -> None:
    shortest, longest = waits.HEARD if heard else waits.DEAF
    now, later = (waits.look_every(one, media, heard=heard) for one in (age, age + 10))
    assert shortest <= now <= later <= longest
    assert waits.look_every(age, "image", heard=heard) >= waits.look_every(age, "video", heard=heard)


def test_backing_off_grows_to_a_limit_but_never_below_what_was_asked() -> None:
    pauses = [waits.back_off(failures) for failures in range(1, 100)]
    assert pauses[:5] == [2, 4, 8, 16, 32]
    assert max(pauses) == waits.KINDEST
    assert waits.back_off(1, 300.0) == 300.0


@given(st.floats(0, 1e6))
def test_the_next_report_is_soon_and_later(now: float) -> None:
    assert 4 < waits.next_report(now) - now <= 5


def test_an_allowance_fills_again() -> None:
    allowance = waits.Allowance(burst=2, rate=0.5)
    assert [allowance.take(now) for now in (0, 0, 0, 1, 2, 2, 100, 100, 100)] == [
        True, True, False, False, True, False, True, True, False,
    ]  # fmt: skip


def test_a_heavy_list_is_asked_for_seldomer() -> None:
    assert waits.spaced(10.0, 40, heard=True) == 10.0
    assert waits.spaced(10.0, 5000, heard=True) == 20.0
    assert waits.spaced(2.0, 50_000, heard=False) == waits.DEAF[1]


async def test_the_typical_time_is_learnt_from_the_ledger(waiter: Waiter, hub: ScriptedHub) -> None:
    """The middle of what this model's last results took, whoever made them."""
    ledger = Ledger.at("memory:")
    took = (("kling", 70.0), ("kling", 80.0), ("kling", 300.0), ("veo", 5.0))
    ended = [
        GenerationRow("me", f"{n}", None, 0, "succeeded", model, created=0.0, ended=at)
        for n, (model, at) in enumerate(took)
    ]
    await ledger.record_status("me", ended, 500.0)

    class Stage:
        def __init__(self) -> None:
            self.ledger = ledger

        async def scope(self) -> str:
            return "me"

        async def waiter(self) -> Waiter:
            return waiter

    reports: list[Progress] = []
    mine = GenerationRow("me", hub.add("a", None), model="kling")
    await videos.watch(cast("Any", Stage()), "a", 30.0, reports.append, mine)
    assert {one.typical for one in reports} == {80.0}
    await ledger.close()
