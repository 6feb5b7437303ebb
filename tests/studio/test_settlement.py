"""Money: what is reserved, what it really cost, when it stops counting, and the switch for all of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import InsufficientCredits, OverBudget, Paused, SubmissionUnclear
from oxen_video_tools.hub import HubClient
from oxen_video_tools.ledger.jobs import DAY
from oxen_video_tools.ledger.records import micros
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, reconcile, submission
from tests import forked
from tests.clocks import HUNG
from tests.studio.swift import Swift

Open = Callable[..., AsyncStudio]
KLING = "kling-video-v2-6-pro-text-to-video"
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5, "model": KLING}
PRICE = D("0.35")  # of the sandbox, for five seconds


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.5, 5.0))


def posts(hub: Sandbox) -> int:
    return int(hub.ledger()["requests"].get("POST /api/ai/queue", 0))


async def dearer(opened: Open, monkeypatch: pytest.MonkeyPatch, times: str) -> None:
    """From here on the history bills `times` what the prices promise."""
    history = HubClient.history

    async def billed(hub: HubClient, *given: Any, **how: Any) -> Any:
        from dataclasses import replace

        found = await history(hub, *given, **how)
        return replace(
            found,
            generations=tuple(
                replace(one, cost=None if one.cost is None else one.cost * D(times)) for one in found.generations
            ),
        )

    monkeypatch.setattr(HubClient, "history", billed)


async def spent(studio: AsyncStudio) -> D:
    return (await studio.spend()).last_24h_usd


# ---- every end settles from the history's real cost --------------------------------------------------------------


async def test_a_success_is_settled_from_the_history(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    await dearer(opened, monkeypatch, "1.2")
    studio = opened()
    video = await studio.generate(**ASKED, take=None)
    assert await spent(studio) == PRICE * D("1.2")
    told = await studio.get(video.generation_id)
    assert (told.cost_usd, told.cost_is) == (PRICE * D("1.2"), "real")


async def test_the_real_cost_is_what_the_budget_counts(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    await dearer(opened, monkeypatch, "0.5")
    studio = opened(budget=D("0.55"))
    await studio.generate(**ASKED, take=None)
    assert await spent(studio) == PRICE / 2
    assert (await studio.generate(**ASKED, take=None)).status == "succeeded", "half of it is free again"
    with pytest.raises(OverBudget):
        await studio.generate(**ASKED, take=None)


async def test_a_failure_costs_nothing_only_because_the_history_says_so(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.add("fail@1-2/enqueue")
    hub.faults.add("error=500:json@1-2/history")
    studio = opened(clock=Swift())
    assert (await studio.generate(**ASKED, take=None)).status == "failed"
    ledger = studio._session.ledger

    scope = await studio._session.scope()
    hub.faults.add("error=500:json@*/history")
    assert (await ledger.funds(scope, studio._session.clock.time())).committed == micros(PRICE), "nobody said yet"
    hub.faults.clear()
    assert await spent(studio) == 0, "now it did"


async def test_a_failure_that_is_billed_counts(hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    history = HubClient.history

    async def billed(one: HubClient, *given: Any, **how: Any) -> Any:
        from dataclasses import replace

        found = await history(one, *given, **how)
        return replace(found, generations=tuple(replace(each, cost=D("0.10")) for each in found.generations))

    monkeypatch.setattr(HubClient, "history", billed)
    hub.faults.add("fail/enqueue")
    studio = opened()
    assert (await studio.generate(**ASKED, take=None)).status == "failed"
    assert await spent(studio) == D("0.10")


async def test_a_refusal_costs_nothing_at_once(hub: Sandbox, opened: Open) -> None:
    studio = opened(budget=D("0.40"))
    hub.faults.add("insufficient_credits/enqueue")
    hub.faults.add("error=500:json@*/history")
    with pytest.raises(InsufficientCredits):
        await studio.generate(**ASKED, take=None)
    assert await spent(studio) == 0
    hub.faults.clear()
    assert (await studio.generate(**ASKED, take=None)).status == "succeeded"


async def test_a_job_in_another_namespace_is_settled_too(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    video = await studio.generate(**ASKED, take=None, target_namespace="team")
    assert video.status == "succeeded"
    assert (await studio.spend()).total_usd == PRICE
    told = await studio.get(video.generation_id)
    assert (told.cost_usd, told.cost_is) == (PRICE, "real")


async def test_an_unclear_job_keeps_its_reservation_until_it_is_resolved(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "GRACE", 1.0)
    hub.faults.add("drop_request/enqueue")
    clock = Swift()
    studio = opened(budget=D("0.60"), clock=clock)
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**ASKED, take=1)
    clock.ahead += 3 * DAY  # however long ago it was
    assert await spent(studio) == PRICE
    with pytest.raises(OverBudget):
        await studio.generate(**ASKED, take=None)
    [told] = await studio.recover()
    assert told.outcome == "unclear"
    await studio.recover(write_off=told.job)
    assert await spent(studio) == 0, "its day is long over"
    assert (await studio.generate(**ASKED, take=None)).status == "succeeded"


# ---- the rolling day -------------------------------------------------------------------------------------------------


async def test_the_budget_is_over_24_hours_from_each_post(opened: Open) -> None:
    clock = Swift()
    studio = opened(budget=D("0.80"), clock=clock)
    await studio.generate(**ASKED, take=1)
    clock.ahead += 20 * 3600
    await studio.generate(**ASKED, take=2)
    with pytest.raises(OverBudget, match=r"\$0\.10 is left"):
        await studio.generate(**ASKED, take=3)
    clock.ahead += 5 * 3600
    assert (await studio.generate(**ASKED, take=3)).status == "succeeded", "the first one's day is over"
    with pytest.raises(OverBudget):
        await studio.generate(**ASKED, take=4)


async def test_the_budget_holds_across_processes_at_once(hub: Sandbox, opened: Open, place: str) -> None:
    studios = [opened(budget=D("1.20"), ledger=place) for _ in range(4)]

    async def attempt(studio: AsyncStudio, take: int) -> bool:
        try:
            await studio.generate(**ASKED, take=take, wait_seconds=0)
        except OverBudget:
            return False
        return True

    bought = await asyncio.gather(*(attempt(studio, 4 * n + m) for m, studio in enumerate(studios) for n in range(3)))
    assert sum(bought) == posts(hub) == 3


async def test_a_repeat_of_what_is_paid_needs_no_budget(hub: Sandbox, opened: Open) -> None:
    studio = opened(budget=D("0.40"))
    first = await studio.generate(**ASKED, take=1)
    again = await studio.generate(**ASKED, take=1)
    assert again.reused and again.generation_id == first.generation_id and posts(hub) == 1


# ---- prices that nobody knows ----------------------------------------------------------------------------------------


@pytest.fixture
def unpriced(monkeypatch: pytest.MonkeyPatch) -> None:
    models = HubClient.models

    async def bare(hub: HubClient) -> Any:
        from dataclasses import replace

        return [replace(one, pricing=None) for one in await models(hub)]

    monkeypatch.setattr(HubClient, "models", bare)


@pytest.mark.usefixtures("unpriced")
@pytest.mark.parametrize("limit", [{"budget": D(5)}, {"max_cost": D(5)}])
async def test_an_unknown_price_under_a_limit_is_refused_before_it_is_sent(
    hub: Sandbox, opened: Open, limit: dict[str, Any]
) -> None:
    with pytest.raises(OverBudget, match="can't be kept") as caught:
        await opened(**limit).generate(**ASKED, take=None)
    assert "find_video_models" in (caught.value.fix or "") and posts(hub) == 0


@pytest.mark.usefixtures("unpriced")
async def test_no_number_lets_an_unknown_price_through(hub: Sandbox, opened: Open) -> None:
    for limits in ({}, {"budget": D(300)}):
        with pytest.raises(OverBudget, match=r"max_cost_usd.* can't be kept"):
            await opened(**limits).generate(**ASKED, take=None, max_cost_usd=D(200), wait_seconds=0)
    assert posts(hub) == 0


@pytest.mark.usefixtures("unpriced")
async def test_an_unknown_price_without_a_limit_is_paid_and_settled(opened: Open) -> None:
    studio = opened()
    await studio.generate(**ASKED, take=None)
    assert await spent(studio) == PRICE, "the history knows it"


@pytest.mark.usefixtures("unpriced")
async def test_nobody_is_asked_about_a_price_that_nothing_bounds(hub: Sandbox, opened: Open) -> None:
    with pytest.raises(OverBudget, match="OXEN_VIDEO_APPROVE_ABOVE can't be kept"):
        await opened(approve_above=D(1)).generate(**ASKED, take=None, approve=lambda _: True)
    assert posts(hub) == 0


# ---- what it all came to ---------------------------------------------------------------------------------------------


async def test_spend_is_by_day_and_model(hub: Sandbox, opened: Open) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    other = next(
        one.id for one in await studio.find_models("text-to-video") if one.id != KLING and "duration" in one.parameters
    )
    first = _day(clock.time())
    await studio.generate(**ASKED, take=None)
    await studio.generate(**ASKED, take=None)
    clock.ahead += DAY
    await studio.generate(**ASKED, take=None)
    await studio.generate(**ASKED | {"model": other}, take=None)
    found = await studio.spend()
    second = _day(clock.time())
    assert [(line.day, line.model, line.jobs) for line in found.days] == [
        (first, KLING, 2),
        *sorted([(second, KLING, 1), (second, other, 1)]),
    ]
    assert found.days[0].cost_usd == 2 * PRICE and found.total_usd == sum(line.cost_usd for line in found.days)
    assert found.total_usd == D(hub.ledger()["charged"])
    assert found.last_24h_usd == found.total_usd - 2 * PRICE and not found.paused and found.unclear == 0


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


async def test_the_command_shows_it_by_day_and_model(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = opened()
    await studio.generate(**ASKED, take=None)
    for name, value in {
        "OXEN_BASE_URL": studio.settings.base_url,
        "OXEN_API_KEY": "key",
        "OXEN_VIDEO_LEDGER": f"sqlite:///{tmp_path}/ledger.db",
        "OXEN_VIDEO_BUDGET": "5",
    }.items():
        monkeypatch.setenv(name, value)
    done = await asyncio.to_thread(
        subprocess.run,
        [*forked.python(), "-m", "oxen_video_tools.cli", "spend"],
        env=os.environ | {"COLUMNS": "120", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=HUNG,
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert _day(studio._session.clock.time()) in shown and KLING in shown
    assert "$0.35" in shown and "budget $5.00" in shown


async def test_spend_works_while_the_hub_does_not(hub: Sandbox, opened: Open) -> None:
    studio = opened(clock=Swift())
    await studio.generate(**ASKED, take=None)
    await studio.close()
    hub.faults.add("error=503:html@*/history")
    assert (await opened(clock=Swift()).spend()).total_usd == PRICE


# ---- the switch ------------------------------------------------------------------------------------------------------


async def test_pause_stops_every_process_and_resume_lets_them_go_on(hub: Sandbox, opened: Open, place: str) -> None:
    one, other = opened(ledger=place), opened(ledger=place)
    await other.generate(**ASKED, take=1)
    await one.pause()
    assert (await other.spend()).paused
    with pytest.raises(Paused) as caught:
        await other.generate(**ASKED, take=2)
    assert "oxen-video resume" in (caught.value.fix or "") and posts(hub) == 1
    assert (await other.generate(**ASKED, take=1)).reused, "what is there is still answered"
    await opened(ledger=place).resume()
    assert (await other.generate(**ASKED, take=2)).status == "succeeded"


async def test_a_pause_reaches_what_is_about_to_be_sent(hub: Sandbox, opened: Open) -> None:
    """Paused by another process between the intent and the first byte."""
    studio, other = opened(), opened()
    ledger = studio._session.ledger
    run = ledger.run

    async def paused_just_now(steps: Any, *args: Any, **kwargs: Any) -> Any:
        if steps.__name__ == "mark_sending":
            await other.pause()
        return await run(steps, *args, **kwargs)

    ledger.run = paused_just_now  # type: ignore[method-assign]
    with pytest.raises(Paused):
        await studio.generate(**ASKED, take=1)
    assert posts(hub) == 0 and await spent(other) == 0
    await other.resume()
    assert not (await other.generate(**ASKED, take=1)).reused
