"""The list of attacks. Each is a function; where something broke it raises AssertionError, or whatever was unforeseen.

A room is a module with `ATTACKS`, names to functions. It runs in a process of its own, so that an attack that kills it
is counted as a break and the other rooms go on.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Attack = Callable[[], None]
ROOMS = ("bombs", "media", "hub", "inputs", "strangers")


def entry(attacks: dict[str, Attack]) -> Callable[[Attack], Attack]:
    """A decorator that enters a function into `attacks` under its name in words."""

    def enter(function: Attack) -> Attack:
        attacks[function.__name__.replace("_", " ")] = function
        return function

    return enter


def rooms() -> list[str]:
    """Those that are here."""
    return [room for room in ROOMS if find_spec(f"{__package__}.{room}") is not None]


def attacks_of(room: str) -> Mapping[str, Attack]:
    found: Mapping[str, Attack] = import_module(f"{__package__}.{room}").ATTACKS
    return found


def outcome(attack: Attack) -> dict[str, Any]:
    """How one went. broke: why, None where everything held."""
    began = time.monotonic()
    try:
        attack()
        broke = None
    except BaseException:
        broke = traceback.format_exc()
    return {"seconds": round(time.monotonic() - began, 1), "broke": broke}
