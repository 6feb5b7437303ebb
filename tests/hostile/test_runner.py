"""What `make hostile` counts: an attack that breaks something, and a room that dies."""

from __future__ import annotations

from .__main__ import main
from .registry import outcome


def test_what_broke_is_counted_and_said() -> None:
    lines: list[str] = []
    assert main(["a_room_that_is_not_there"], tell=lines.append) == 1
    assert lines[-1].startswith("1 attacks, 1 breaks")
    assert any("a_room_that_is_not_there" in line and line.startswith("BROKE") for line in lines)


def test_an_attack_holds_or_breaks() -> None:
    def broken() -> None:
        raise AssertionError("the key was sent")

    assert outcome(lambda: None)["broke"] is None
    assert "the key was sent" in outcome(broken)["broke"]
