"""The whole film's price is agreed to and reserved before the first shot is paid."""

from __future__ import annotations

from decimal import Decimal

import pytest

from oxen_video_tools.errors import Declined, NeedsApproval, OverBudget, Paused
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.results import Question
from tests.studio.films.conftest import Open, Start
from tests.studio.films.made import CHAINED, accepted, film, prompts


@pytest.mark.parametrize("limit", ["1.04", "0"])
async def test_a_cap_is_held_against_the_whole(hub: Sandbox, opened: Open, limit: str) -> None:
    for given, words in (({}, {"max_cost_usd": Decimal(limit)}), ({"max_cost": Decimal(limit)}, {})):
        with pytest.raises(OverBudget):
            await opened(**given).generate(**film(CHAINED), take=1, **words)
    assert accepted(hub) == []


async def test_the_budget_is_held_against_the_whole(hub: Sandbox, opened: Open) -> None:
    with pytest.raises(OverBudget, match=r"\$1\.05"):
        await opened(budget=Decimal("1.00")).generate(**film(CHAINED), take=1)
    assert accepted(hub) == []


async def test_what_is_not_sent_yet_is_reserved(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed="real")
    studio = opened(base_url=hub.base_url, budget=Decimal("1.50"))
    await studio.generate(**film(CHAINED), take=1, wait_seconds=0)
    assert prompts(hub) == [1]
    assert (await studio.spend()).last_24h_usd == Decimal("1.05")
    with pytest.raises(OverBudget):
        await studio.generate(prompt="Another one", model=film()["model"], duration=10, take=1, wait_seconds=0)


async def test_what_was_reserved_is_free_when_the_film_stops(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("fail@1")
    studio = opened(budget=Decimal("1.05"))
    assert (await studio.generate(**film(CHAINED), take=1)).status == "failed"
    assert (await studio.spend()).last_24h_usd <= Decimal("0.35")
    assert (await studio.generate(**film(CHAINED), take=1)).status == "succeeded"


async def test_a_person_is_asked_once_for_the_whole_film(hub: Sandbox, opened: Open) -> None:
    asked: list[Question] = []

    def yes(question: Question) -> bool:
        asked.append(question)
        return True

    hub.faults.add("fail@2")
    studio = opened(approve_above=Decimal("0.20"))
    request = VideoRequest(**film(CHAINED))
    with pytest.raises(NeedsApproval):
        await studio.generate(request, take=1)
    with pytest.raises(Declined):
        await studio.generate(request, take=1, approve=lambda _: False)
    assert accepted(hub) == []
    assert (await studio.generate(request, take=1, approve=yes)).status == "failed"
    assert [question.cost_usd for question in asked] == [Decimal("1.05")]
    assert "in 3 jobs" in asked[0].text
    assert await studio.question(request, take=1) is None, "what is left lies within what was agreed to"
    assert (await studio.generate(request, take=1)).status == "succeeded"
    assert await studio.question(request, take=1) is None
    assert len(asked) == 1


async def test_a_cancelled_film_is_not_paid_again_by_the_same_call(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed="real")
    studio = opened(base_url=hub.base_url, approve_above=Decimal("0.20"))
    request = VideoRequest(**film())
    video = await studio.generate(request, take=1, approved_usd=Decimal(2), wait_seconds=0)
    await studio.cancel(video.generation_id)
    assert await studio.question(request, take=1) is None, "nothing would be paid"
    paid = len(accepted(hub))
    again = await studio.generate(request, take=1)
    assert (again.status, again.reused, len(accepted(hub))) == ("cancelled", True, paid)
    [how] = [word for word in again.warnings if "stopped" in word]
    assert "Shot 1, Shot 2, Shot 3" in how and "$1.05" in how and "take=2 in those shots" in how
    question = await studio.question(request, take=2)
    assert question is not None and question.cost_usd == Decimal("1.05")
    with pytest.raises(NeedsApproval):
        await studio.generate(request, take=2)


async def test_going_on_has_a_cap_of_its_own(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("fail@1")
    studio = opened()
    assert (await studio.generate(**film(CHAINED, shots=2), take=1)).status == "failed"
    with pytest.raises(OverBudget):
        await studio.generate(**film(CHAINED, shots=2), take=1, max_cost_usd=Decimal("0.50"))
    assert len(accepted(hub)) == 1
    assert (await studio.generate(**film(CHAINED, shots=2), take=1, max_cost_usd=Decimal("0.70"))).status == "succeeded"
    finished = await studio.generate(**film(CHAINED, shots=2), take=1, max_cost_usd=Decimal(0))
    assert (finished.status, finished.reused) == ("succeeded", True), "nothing new is paid"


async def test_paused_between_two_shots(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed=60.0)
    studio = opened(base_url=hub.base_url)
    await studio.generate(**film(CHAINED), take=1, wait_seconds=0)
    await studio.pause()
    stopped = await studio.generate(**film(CHAINED), take=1)
    assert (stopped.status, prompts(hub)) == ("failed", [1])
    assert "paused" in (stopped.error or "")
    with pytest.raises(Paused):
        await studio.generate(**film(CHAINED), take=1)
    await studio.resume()
    assert (await studio.generate(**film(CHAINED), take=1)).status == "succeeded"
    assert prompts(hub) == [1, 2, 3]
