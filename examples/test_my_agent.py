"""Testing an agent of your own: `pytest examples/test_my_agent.py`. No key, no cost, no network but this machine's.

`oxen_sandbox` is a fixture that comes with the package. While a test runs, the environment leads to a hub of its own
that renders real MP4s, keeps the books, and misbehaves on request. What is tested here is the agent of `make_film`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxen_video_tools import OxenError, Studio

if TYPE_CHECKING:
    from oxen_video_tools.sandbox import Sandbox


def make_film(title: str, *, dollars: float = 5.0) -> str:
    """The agent: two shots, paid once, within a ceiling. Put yours in its place."""
    shots = [{"prompt": f"Wide shot: {title}", "duration": 5}, {"prompt": f"Close-up: {title}", "duration": 5}]
    with Studio(max_cost=dollars) as studio:
        return studio.generate(multi_prompt=shots, take=1).generation_id


def test_asking_twice_is_paid_once(oxen_sandbox: Sandbox) -> None:
    first = make_film("a fox in the snow")
    paid = oxen_sandbox.ledger()["charged"]
    assert make_film("a fox in the snow") == first
    assert oxen_sandbox.ledger()["charged"] == paid


@pytest.mark.parametrize("fault", ["rate_limited", "drop_answer/enqueue", "error=502:html/get"])
def test_a_bad_day_at_the_hub(oxen_sandbox: Sandbox, fault: str) -> None:
    make_film("a fox in the snow")
    undisturbed = oxen_sandbox.ledger()["charged"]
    oxen_sandbox.faults.add(fault)
    make_film("a wolf in the snow")
    assert float(oxen_sandbox.ledger()["charged"]) == pytest.approx(2 * float(undisturbed))


def test_nothing_is_paid_above_the_ceiling(oxen_sandbox: Sandbox) -> None:
    with pytest.raises(OxenError) as refused:
        make_film("a fox in the snow", dollars=0.01)
    assert (refused.value.kind, refused.value.charged) == ("over_budget", "no")
    assert oxen_sandbox.ledger()["generations"] == []


@pytest.mark.oxen_sandbox(credits=0)
def test_an_empty_account_is_told(oxen_sandbox: Sandbox) -> None:
    with pytest.raises(OxenError) as refused:
        make_film("a fox in the snow")
    assert refused.value.kind == "insufficient_credits"
    assert oxen_sandbox.ledger()["generations"] == []
