"""Who may spend what: caps, unknown prices, approval."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.catalog.pricing import Price
from oxen_video_tools.errors import OverBudget
from oxen_video_tools.ledger.records import dollars, micros, said
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.prepare import question_about, reservation


def price(usd: str | None, *unpriced: str) -> Price:
    return Price(None if usd is None else D(usd), tuple(unpriced) or (("the whole price",) if usd is None else ()), "")


def stake(usd: str | None, *unpriced: str, limit: str | None = None, **settings: Any) -> tuple[D, D | None]:
    named = None if limit is None else D(limit)
    found = reservation(price(usd, *unpriced), "kling", Settings(**settings), named)
    return found.amount, found.estimate


def test_a_known_price_is_what_is_reserved() -> None:
    assert stake("0.70") == (D("0.70"), D("0.70"))
    assert stake("0.70", limit="5") == (D("0.70"), D("0.70"))


@pytest.mark.parametrize("settings", [{"max_cost": D("0.5")}, {"max_cost": D("0.5"), "budget": D(9)}])
def test_a_cap_refuses_before_spending(settings: dict[str, Any]) -> None:
    with pytest.raises(OverBudget, match=r"\$0\.70.*\$0\.50"):
        stake("0.70", **settings)
    with pytest.raises(OverBudget, match=r"\$0\.70.*\$0\.60"):
        stake("0.70", limit="0.60")


def test_the_smaller_of_two_caps_counts() -> None:
    with pytest.raises(OverBudget):
        stake("0.70", limit="9", max_cost=D("0.5"))


@pytest.mark.parametrize("usd", [None, "0", "0.70"])
def test_a_limit_of_nothing_spends_nothing(usd: str | None) -> None:
    with pytest.raises(OverBudget, match="nothing may be spent"):
        stake(usd, limit="0")
    with pytest.raises(OverBudget, match="nothing may be spent"):
        stake(usd, max_cost=D(0))


def test_an_unknown_price_passes_where_nothing_limits_it() -> None:
    assert stake(None) == (D(0), None)
    assert stake("0.5", "audio") == (D("0.5"), D("0.5"))


@pytest.mark.parametrize("limit", ["max_cost", "budget", "approve_above"])
@pytest.mark.parametrize(("usd", "unpriced"), [(None, ()), ("0.10", ("audio",))])
def test_an_unknown_price_is_refused_under_a_limit(limit: str, usd: str | None, unpriced: tuple[str, ...]) -> None:
    with pytest.raises(OverBudget, match=f"OXEN_VIDEO_{limit.upper()} can't be kept. Nothing was sent") as caught:
        stake(usd, *unpriced, **{limit: D(5)})
    assert "find_video_models" in (caught.value.fix or "")


@pytest.mark.parametrize(("usd", "unpriced"), [(None, ()), ("0.10", ("audio",))])
def test_a_named_limit_is_a_promise_and_refuses_an_unknown_price(usd: str | None, unpriced: tuple[str, ...]) -> None:
    with pytest.raises(OverBudget, match="max_cost_usd can't be kept") as caught:
        stake(usd, *unpriced, limit="2")
    assert "leave max_cost_usd out" in (caught.value.fix or "")
    with pytest.raises(OverBudget, match="max_cost_usd and OXEN_VIDEO_BUDGET can't be kept") as both:
        stake(usd, *unpriced, limit="2", budget=D(5))
    assert "without OXEN_VIDEO_BUDGET" in (both.value.fix or "")


def test_a_price_that_is_partly_known_and_already_too_high_is_refused() -> None:
    with pytest.raises(OverBudget, match="and more"):
        stake("3", "audio", limit="2")


def question(usd: str | None, limit: str | None = None, spent: str = "0", **settings: Any) -> Any:
    one = Settings(approve_above=D(1), **settings)
    named = None if limit is None else D(limit)
    reserved = reservation(price(usd), "kling", one, named)
    return question_about(reserved, "kling", one, max_cost_usd=named, spent=D(spent))


def test_a_second_try_is_asked_about_with_what_the_first_one_came_to() -> None:
    asked = question("1.50", spent="1.50")
    assert asked.cost_usd == D("3.00") and "$1.50 more" in asked.text and "$3.00 in all" in asked.text


def test_a_person_is_asked_above_the_limit_only() -> None:
    assert question("1.00") is None
    asked = question("1.01")
    assert asked.cost_usd == D("1.01") and "$1.01" in asked.text and not asked.waived
    assert "max_cost_usd=1.01" in asked.fix and "Nothing was sent" in asked.fix


def test_a_ceiling_that_covers_it_stands_for_consent_where_nobody_can_be_asked() -> None:
    assert question("2.00", limit="2").waived


def test_under_strict_approval_no_number_counts() -> None:
    asked = question("2.00", limit="2", approval="strict")
    assert not asked.waived and "max_cost_usd" not in asked.fix


@given(st.decimals(min_value=0, max_value=10_000, places=7))
def test_money_is_exact_and_a_reservation_never_falls_short(amount: D) -> None:
    assert 0 <= micros(amount) - amount * 1_000_000 < 1
    assert dollars(micros(amount)) >= amount
    assert micros(dollars(micros(amount))) == micros(amount)


@pytest.mark.parametrize(
    ("amount", "text"), [("0", "$0.00"), ("0.7", "$0.70"), ("1.005", "$1.01"), ("0.0042", "$0.0042"), ("12", "$12.00")]
)
def test_amounts_read_well(amount: str, text: str) -> None:
    assert said(D(amount)) == text
