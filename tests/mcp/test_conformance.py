"""The official conformance suites (stable 0.1 and the 0.2 line) in both eras, with their tools and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .conformance import SUITES, Suite, judged, run
from .judging import NODE, needed


@pytest.fixture(scope="module")
def grafted() -> Iterator[str]:
    needed(NODE, "Node 22 or newer")
    with judged(plain=False) as url:
        yield url


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    needed(NODE, "Node 22 or newer")
    with judged(plain=True) as url:
        yield url


@pytest.mark.long
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_check_passes(suite: Suite, grafted: str) -> None:
    outcome = run(suite, grafted, plain=False)
    assert outcome.ok and outcome.passed >= 40, outcome.output[-3000:]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_the_plain_server_fails_only_what_is_explained(suite: Suite, plain: str) -> None:
    outcome = run(suite, plain, plain=True)
    assert outcome.ok, outcome.output[-3000:]
