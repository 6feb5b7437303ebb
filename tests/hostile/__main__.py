"""`make hostile`: every attack on what strangers can reach. The last line counts attacks and breaks.

Rooms run two at a time, each in a process with limits of memory and time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .registry import attacks_of, outcome, rooms

MEMORY = 8 << 30  # bytes of address space for a room; what is attacked has limits of its own
SECONDS = 600.0  # for a room: a guard against hanging, not a measure of speed
AT_ONCE = 2
Tell = Callable[[str], None]


def main(arguments: list[str], tell: Tell = print) -> int:
    """0 where nothing broke. arguments: `--room NAME` runs one here and tells each outcome as a line of JSON."""
    if arguments[:1] == ["--room"]:
        play(arguments[1])
        return 0
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = [one for found in pool.map(room_outcomes, arguments or rooms()) for one in found]
    for one in results:
        tell(f"{'BROKE' if one['broke'] else 'held '} {one['seconds']:6.1f} s  {one['room']}: {one['name']}")
    for one in results:
        if one["broke"]:
            tell(f"\n{one['room']}: {one['name']}\n{one['broke']}")
    broken = sum(one["broke"] is not None for one in results)
    tell(f"{len(results)} attacks, {broken} breaks, {time.monotonic() - began:.0f} s")
    return 1 if broken or not results else 0


def play(room: str) -> None:
    """Every attack of one room, here."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, attack in attacks_of(room).items():
        print(json.dumps({"begun": name}), flush=True)
        print(json.dumps({"name": name, **outcome(attack)}), flush=True)
    os._exit(0)  # threads of an attack that still wait hold nobody up


def room_outcomes(room: str) -> list[dict[str, Any]]:
    """How each attack of a room went; the one that killed the room, or took too long, broke."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile", "--room", room],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    out, noise = process.communicate()
    timer.cancel()
    told = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    found = [{"room": room, **one} for one in told if "name" in one]
    if process.returncode != 0 or not told or "begun" in told[-1]:
        name = told[-1].get("begun", "its end") if told else "its beginning"
        broke = f"the room ended with {process.returncode}\n{noise[-3000:]}"
        found.append({"room": room, "name": name, "seconds": 0.0, "broke": broke})
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
