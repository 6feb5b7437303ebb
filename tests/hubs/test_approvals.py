"""An approval is for a sum: what failed and was charged counts, and an answer that is played again pays no more."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.errors import NeedsApproval
from oxen_video_tools.studio import batch
from oxen_video_tools.studio.results import Question

from .conftest import Open
from .handmade import HandmadeHub
from .test_words_and_money import SEEDED as MODEL

PRICE = Decimal("0.35")
ASKED: dict[str, Any] = {"model": MODEL, "prompt": "A fox", "duration": 5}
FILM: dict[str, Any] = {"model": MODEL, "multi_prompt": [{"prompt": "A fox"}, {"prompt": "A hare"}]}


async def test_a_sum_is_used_up_by_a_try_that_failed_and_was_charged(hub: HandmadeHub, opened: Open) -> None:
    asked: list[Question] = []

    def yes(question: Question) -> bool:
        asked.append(question)
        return True

    hub.ends = "failed"
    assert (await opened(approve_above=PRICE / 2).generate(**ASKED, approved_usd=PRICE)).status == "failed"
    for _ in range(2):
        studio = opened(approve_above=PRICE / 2)  # another process
        with pytest.raises(NeedsApproval, match=r"\$0\.35 was agreed to; this may cost \$0\.70 with what it came to"):
            await studio.generate(**ASKED, approved_usd=PRICE)
    assert hub.charges == 1
    hub.ends = "succeeded"
    assert (await studio.generate(**ASKED, approve=yes)).status == "succeeded"
    assert [one.cost_usd for one in asked] == [2 * PRICE] and hub.charges == 2


async def test_a_try_that_failed_and_cost_nothing_leaves_the_sum(hub: HandmadeHub, opened: Open) -> None:
    hub.ends, hub.bill = "failed", "0"
    studio = opened(approve_above=PRICE / 2)
    assert (await studio.generate(**ASKED, approved_usd=PRICE)).status == "failed"
    hub.ends, hub.bill = "succeeded", "0.35"
    assert (await studio.generate(**ASKED, approved_usd=PRICE)).status == "succeeded"


async def test_a_film_goes_on_within_what_is_left_and_no_further(hub: HandmadeHub, opened: Open) -> None:
    hub.ends = "failed"
    studio = opened(approve_above=PRICE)
    assert (await studio.generate(**FILM, approved_usd=2 * PRICE)).status == "failed"
    assert hub.charges == 2
    with pytest.raises(NeedsApproval):
        await studio.generate(**FILM, approved_usd=2 * PRICE)
    with pytest.raises(NeedsApproval):
        await opened(approve_above=PRICE).generate(**FILM)
    assert hub.charges == 2


async def test_each_line_of_a_batch_has_its_planned_price(hub: HandmadeHub, opened: Open) -> None:
    studio = opened(approve_above=Decimal("0.10"))
    lines = batch.read([json.dumps(ASKED), ""])
    priced = await batch.price(studio, lines)
    assert (priced.total_usd, [line.approved_usd for line in priced.lines]) == (PRICE, [PRICE])
    hub.ends = "failed"
    [first] = await batch.run(studio, priced.lines)
    assert first.video is not None and first.video.status == "failed" and hub.charges == 1
    [again] = await batch.run(studio, priced.lines)
    assert again.error is not None and again.error["error"] == "needs_approval" and hub.charges == 1
