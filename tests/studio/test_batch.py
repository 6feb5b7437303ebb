"""A batch: what is wrong with a file is said at once, a line that fails costs no other, a refusal stops the rest."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, batch

MODEL = "kling-video-v2-6-pro-text-to-video"


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64) as running:
        yield running


@pytest.fixture
async def studio(hub: Sandbox) -> AsyncIterator[AsyncStudio]:
    async with AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:") as opened:
        yield opened


def lines(count: int, **words: object) -> list[batch.Line]:
    return batch.read(json.dumps({"prompt": f"fox {n}", "duration": 5, "model": MODEL, **words}) for n in range(count))


def test_every_bad_line_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        batch.read(['{"prompt": "a fox"}', "no json", "", '{"prompt": "a fox", "lenght": 5}'])
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["line 2", "line 4"]


def test_equal_lines_are_takes_of_their_own() -> None:
    same = '{"duration": 5, "prompt": "a fox"}'
    found = batch.read([same, '{"prompt": "a fox", "duration": 5}', "", same, '{"prompt": "a wolf"}'])
    assert [(line.number, line.take) for line in found] == [(1, 1), (2, 2), (4, 3), (5, 1)]


def test_a_file_without_requests() -> None:
    with pytest.raises(InvalidRequest, match="no request"):
        batch.read(["", "  "])


def test_a_batch_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_LINES", 2)
    with pytest.raises(InvalidRequest, match="at most 2 lines"):
        batch.read('{"prompt": "a fox"}' for _ in range(3))


async def test_the_price_of_the_whole(studio: AsyncStudio) -> None:
    priced = await batch.price(studio, lines(3))
    assert (priced.total_usd, priced.unpriced) == (Decimal("1.05"), ())
    assert [line.approved_usd for line in priced.lines] == [Decimal("0.35")] * 3


async def test_a_line_that_can_not_work_is_named_before_anything_is_paid(studio: AsyncStudio, hub: Sandbox) -> None:
    with pytest.raises(InvalidRequest, match="line 1: duration=7"):
        await batch.price(studio, lines(1, duration=7))
    assert hub.ledger()["accepted"] == 0


async def test_one_that_fails_costs_no_other(studio: AsyncStudio, hub: Sandbox) -> None:
    hub.faults.add("moderated", calls=2)
    told: list[int] = []
    done = await batch.run(studio, lines(4), at_once=1, on_done=lambda one: told.append(one.line.number))
    assert [one.succeeded for one in done] == [True, False, True, True]
    assert told == [1, 2, 3, 4]
    assert hub.ledger()["accepted"] == 4


@pytest.mark.parametrize("paused", [True, False])
async def test_a_refusal_stops_the_rest(studio: AsyncStudio, hub: Sandbox, paused: bool) -> None:
    if paused:
        await studio.pause()
    else:
        hub.faults.add("unauthenticated@*/any")
    done = await batch.run(studio, lines(5), at_once=2)
    assert {one.error["error"] for one in done if one.error} == {"paused" if paused else "unauthenticated"}
    assert all(one.ends_all for one in done)
    assert hub.ledger()["accepted"] == 0


async def test_a_budget_ends_lines_but_not_the_batch(studio: AsyncStudio, hub: Sandbox) -> None:
    async with AsyncStudio(
        base_url=hub.base_url, api_key=hub.api_key, ledger="memory:", budget=Decimal("0.80")
    ) as poor:
        done = await batch.run(poor, lines(4), at_once=1)
    assert [one.succeeded for one in done] == [True, True, False, False]
    assert not any(one.ends_all for one in done)
