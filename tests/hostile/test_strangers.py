"""Each attack of `strangers.py` as a test."""

from __future__ import annotations

import pytest

from .strangers import ATTACKS, Attack


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nothing_breaks(attack: Attack) -> None:
    attack()
