"""Shots are paid, films are not: a clip is paid once in whatever film it stands, and only what changed is paid."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from oxen_video_tools.errors import NeedsApproval, OverBudget
from oxen_video_tools.media.probe import probe
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, media_inputs, prepare
from oxen_video_tools.studio import plan as planning
from oxen_video_tools.studio.results import Question
from tests.clocks import Stopped
from tests.studio.films.conftest import Open, Start
from tests.studio.films.made import CHAINED, SHOT, SIDE_BY_SIDE, accepted, film

ONE = Decimal(SHOT)


def changed(words: dict[str, Any], number: int, **shot: Any) -> dict[str, Any]:
    """The same film with one shot changed. number: from 1."""
    shots = [dict(one) for one in words["multi_prompt"]]
    shots[number - 1] |= shot
    return words | {"multi_prompt": shots}


async def test_changing_one_of_six_shots_pays_one(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    first = await studio.generate(**film(shots=6))
    assert (first.cost_usd, len(accepted(hub))) == (6 * ONE, 6)
    new = changed(film(shots=6), 3, prompt="Shot 3: a red balloon in neon light")
    plan = await studio.plan(**new)
    assert [clip.already for clip in plan.clips] == [True, True, False, True, True, True]
    assert (plan.price_usd, plan.price.usd) == (ONE, 6 * ONE)
    second = await studio.generate(**new, max_cost_usd=ONE)
    assert (second.status, second.reused, len(accepted(hub))) == ("succeeded", False, 7)
    assert second.generation_id != first.generation_id
    assert [shot.reused for shot in second.shots] == [True, True, False, True, True, True]
    assert second.file is not None and probe(second.file).duration == pytest.approx(30, abs=0.2)
    assert (await studio.plan(**new)).price_usd == 0
    again = await studio.generate(**new, max_cost_usd=Decimal(0))
    assert (again.reused, again.generation_id, len(accepted(hub))) == (True, second.generation_id, 7)


async def test_a_take_in_a_shot_makes_that_shot_anew_and_no_other(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    first = await studio.generate(**film())
    second = await studio.generate(**changed(film(), 2, take=2))
    assert len(accepted(hub)) == 4
    assert [shot.take for shot in second.shots] == [1, 2, 1]
    assert [one.generation_id == two.generation_id for one, two in zip(first.shots, second.shots, strict=True)] == [
        *(True, False),
        True,
    ]
    third = await studio.generate(**changed(film(), 2, take=2), take=3)
    assert [shot.take for shot in third.shots] == [3, 2, 3], "the call's take is the default of its shots"
    assert len(accepted(hub)) == 6


async def test_single_videos_and_shots_share_one_key_space(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    single = await studio.generate(model=SIDE_BY_SIDE, prompt="Shot 2: a red balloon", duration=5)
    made = await studio.generate(**film())
    assert (made.shots[1].generation_id, made.shots[1].reused) == (single.generation_id, True)
    assert len(accepted(hub)) == 3
    other = await studio.generate(model=SIDE_BY_SIDE, prompt="Shot 3: a red balloon")  # 5 s is the default
    assert (other.reused, other.generation_id) == (True, made.shots[2].generation_id)
    assert len(accepted(hub)) == 3


async def test_equal_shots_of_one_call_are_two(hub: Sandbox, opened: Open) -> None:
    studio, same = opened(), {"prompt": "Shot 1: waves", "duration": 5}
    words = {"model": SIDE_BY_SIDE, "multi_prompt": [same, {"prompt": "Shot 2: a gull", "duration": 5}, same]}
    plan = await studio.plan(**words)
    assert "Shot 1 and Shot 3 are equal: each is paid for, as one asked for twice." in plan.warnings
    made = await studio.generate(**words)
    assert len({shot.generation_id for shot in made.shots}) == len(accepted(hub)) == 3
    assert (await studio.generate(**words)).reused and len(accepted(hub)) == 3


async def test_a_changed_shot_of_one_take_makes_all_that_follow_anew(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    await studio.generate(**film(CHAINED))
    plan = await studio.plan(**changed(film(CHAINED), 2, prompt="Shot 2: a blue balloon"))
    assert [clip.already for clip in plan.clips] == [True, False, False], "each begins where the one before ends"
    cut = await studio.plan(**film(CHAINED, continuous=None))
    assert [clip.already for clip in cut.clips] == [True, False, False], "and a shot of its own begins anew"


async def test_two_films_at_once_pay_a_shot_that_both_have_once(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed=30.0)
    words = [film(), changed(film(), 1, prompt="Shot 1: a blue balloon")]
    studios = [opened(base_url=hub.base_url) for _ in words]
    videos = await asyncio.gather(*(one.generate(**two) for one, two in zip(studios, words, strict=True)))
    assert {video.status for video in videos} == {"succeeded"}
    assert len(accepted(hub)) == 4


async def test_what_a_call_pays_is_held_against_its_cap_and_not_what_the_film_costs(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    await studio.generate(**film())
    with pytest.raises(OverBudget):
        await studio.generate(**changed(film(), 1, take=2), max_cost_usd=ONE - Decimal("0.01"))
    assert (await studio.generate(**changed(film(), 1, take=2), max_cost_usd=ONE)).status == "succeeded"
    assert len(accepted(hub)) == 4


# -- stopped and failed ------------------------------------------------------------------------------------------------


async def test_a_cancel_holds_what_it_stopped_and_what_is_there_is_kept(
    hub: Sandbox, opened: Open, sandbox: Start
) -> None:
    time = Stopped()
    slow = sandbox(speed=1000.0, clock=time)
    studio = opened(base_url=slow.base_url)
    words = film(CHAINED)
    begun = await studio.generate(**words, wait_seconds=0)
    for clips in (1, 2):  # the first is finished, the second is being made
        while len(accepted(slow)) < clips:
            await asyncio.sleep(0.01)
        time.put_forward(clips % 2)
    await studio.cancel(begun.generation_id)
    paid = len(accepted(slow))
    stopped = await studio.generate(**words)
    assert (stopped.status, stopped.reused, len(accepted(slow))) == ("cancelled", True, paid)
    [how] = [word for word in stopped.warnings if "pays nothing" in word]
    assert how.startswith("Shot 2, Shot 3: stopped") and "($0.70)" in how and "take=2 in those shots" in how
    assert any("save_video with this id joins it, free" in word for word in stopped.warnings)
    plan = await studio.plan(**words)
    assert (plan.price_usd, [clip.stopped for clip in plan.clips]) == (0, [False, True, True])
    kept = await studio.save(begun.generation_id)
    assert "Without Shot 2, Shot 3" in kept.warnings[0] and probe(kept.file).duration == pytest.approx(5, abs=0.2)
    anew = changed(changed(words, 2, take=2), 3, take=2)
    assert (await studio.plan(**anew)).price_usd == 2 * ONE
    time.go_on()
    made = await studio.generate(**anew)
    assert (made.status, [shot.reused for shot in made.shots]) == ("succeeded", [True, False, False])
    assert len(accepted(slow)) == paid + 2


async def test_what_another_film_has_paid_since_is_reused(sandbox: Start, opened: Open) -> None:
    hub = sandbox(speed="real")
    studio = opened(base_url=hub.base_url)
    begun = await studio.generate(**film(shots=2), wait_seconds=0)
    await studio.cancel(begun.generation_id)
    longer = film(shots=3)
    other = await studio.generate(**longer, wait_seconds=0)
    assert [shot.reused for shot in other.shots] == [False] * 3, "another call may pay for them"
    paid = len(accepted(hub))
    again = await studio.generate(**film(shots=2), wait_seconds=0)
    assert again.status in ("queued", "processing") and [shot.reused for shot in again.shots] == [True, True]
    assert len(accepted(hub)) == paid


# -- an approval is for a sum ------------------------------------------------------------------------------------------


async def test_an_approval_covers_its_sum_and_no_more(hub: Sandbox, opened: Open) -> None:
    studio = opened(approve_above=Decimal("0.20"))
    with pytest.raises(NeedsApproval, match=r"\$0\.70 was agreed to; this may cost \$1\.05"):
        await studio.generate(**film(), approved_usd=2 * ONE)
    with pytest.raises(NeedsApproval, match=r"\$0\.70 was agreed to"):
        await studio.generate(**film(), approve=lambda _: 2 * ONE)
    assert accepted(hub) == []
    assert (await studio.generate(**film(), approve=lambda _: 3 * ONE)).status == "succeeded"
    with pytest.raises(NeedsApproval):
        await studio.generate(**changed(film(), 1, take=2)), "what is new is asked about by itself"
    assert len(accepted(hub)) == 3


async def test_an_approval_that_is_played_again_after_a_failure_pays_nothing_beyond_it(
    hub: Sandbox, opened: Open
) -> None:
    hub.faults.add("fail@1")
    hub.faults.add("fail@2")
    words = {"model": SIDE_BY_SIDE, "prompt": "A fox", "duration": 5}
    studio = opened(approve_above=Decimal("0.20"))
    charged = 0
    for _ in range(4):
        video = None
        try:
            video = await studio.generate(**words, approved_usd=ONE)
        except NeedsApproval as error:
            assert "with what it came to before" in error.message
        charged = Decimal(hub.ledger()["charged"])
        assert charged <= ONE
        if video is not None and video.status == "succeeded":
            break
    assert charged <= ONE


async def test_a_ceiling_counts_where_nobody_had_to_be_asked(hub: Sandbox, opened: Open) -> None:
    with pytest.raises(NeedsApproval):
        await opened().generate(**film(), approved_usd=ONE)
    assert accepted(hub) == []


async def test_a_price_that_rose_since_is_asked_again(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers late is not held to the price of then."""
    asked: list[Question] = []
    studio = opened(approve_above=Decimal("0.20"))
    monkeypatch.setattr("oxen_video_tools.studio.generate.FRESH", -1.0)

    def dearer(question: Question) -> bool:
        asked.append(question)
        rise(monkeypatch)
        return True

    with pytest.raises(NeedsApproval, match=r"\$0\.35 was agreed to; this may cost \$0\.70"):
        await studio.generate(model=SIDE_BY_SIDE, prompt="A fox", duration=5, approve=dearer)
    assert len(asked) == 1 and accepted(hub) == []


def rise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything costs twice as much from now on."""
    real = planning.estimate

    def twice(*given: Any) -> Any:
        price = real(*given)
        return type(price)(price.usd * 2, price.unpriced, price.text)

    monkeypatch.setattr(planning, "estimate", twice)


# -- once per call -----------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often a call is planned and a file is hashed."""
    counts = {"plans": 0, "hashes": 0}
    plan, hashed = prepare.make_plan, media_inputs.fingerprint

    def planned(*given: Any, **more: Any) -> Any:
        counts["plans"] += 1
        return plan(*given, **more)

    async def prints(*given: Any) -> Any:
        counts["hashes"] += 1
        return await hashed(*given)

    monkeypatch.setattr(prepare, "make_plan", planned)
    monkeypatch.setattr(prepare, "fingerprint", prints)
    return counts


@pytest.mark.parametrize("shots", [1, 2])
async def test_one_plan_and_one_hash_a_call_through_the_tool(
    hub: Sandbox, opened: Open, tmp_path: Path, counted: dict[str, int], shots: int
) -> None:
    from oxen_video_tools.tools import TABLE, Call

    start = tmp_path / "start.png"
    Image.new("RGB", (320, 180), "navy").save(start)
    studio, row = opened(input_roots=(tmp_path,)), TABLE["generate_video"]
    words: dict[str, Any] = {"start_image": str(start)}
    words |= film(CHAINED, shots=shots) if shots > 1 else {"model": CHAINED, "prompt": "A fox", "duration": 5}
    request = row.arguments.model_validate(words)
    prepared = await row.prepare(studio, request)
    reply = await row.run(studio, request, Call(60, 60, prepared=prepared))
    assert reply.structured["status"] == "succeeded"
    assert counted == {"plans": 1, "hashes": 1}
    assert len(accepted(hub)) == shots


async def test_asking_and_paying_take_the_same(hub: Sandbox, opened: Open, counted: dict[str, int]) -> None:
    studio: AsyncStudio = opened(approve_above=Decimal("0.20"))
    request = VideoRequest(**film())
    prepared = await studio.prepare(request)
    assert prepared.question is not None and prepared.question.cost_usd == 3 * ONE
    assert prepared.plan.reason and prepared.reserved.amount == 3 * ONE
    video = await studio.generate(request, prepared=prepared, approved_usd=prepared.question.cost_usd)
    assert video.status == "succeeded" and counted["plans"] == 1
    assert video.reason == prepared.plan.reason
