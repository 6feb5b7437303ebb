"""Every benchmark, one table: `make bench`, or `python -m benchmarks [ROOM …]` for some.

Each room is measured in an interpreter of its own, so that none inherits another's memory and modules. What became
slower by more than a tenth since the stored run, that of the commit before, is named. Only a whole run is kept in
RESULTS.md and results.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.table import Row, machine, shown, slower, stored, write

ROOMS = ("starting", "sandbox", "paying", "ledger", "waiting", "agents", "others", "animatic", "join")
LIMIT = 600  # seconds for one room


def measured(room: str) -> list[Row]:
    """The rows of one room, from a process of its own. What it says meanwhile goes to stderr.

    A room that fails costs its own rows and no others.
    """
    command, home = [sys.executable, "-m", "benchmarks", "--rows", room], Path(__file__).parents[1]
    try:
        process = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=home, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return [Row(f"all of {room}", "–", "–", f"not measured: it took longer than {LIMIT} s", False, room=room)]
    except subprocess.CalledProcessError as error:
        return [Row(f"all of {room}", "–", "–", f"not measured: it ended with {error.returncode}", False, room=room)]
    return [Row.of_json(one, room) for one in json.loads(process.stdout.splitlines()[-1])]


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--rows"]:
        rows = import_module(f"benchmarks.{arguments[1]}").rows()
        print(json.dumps([row.as_json() for row in rows]))
        return
    if unknown := [one for one in arguments if one not in ROOMS]:
        sys.exit(f"{', '.join(unknown)}: no such room. There are: {', '.join(ROOMS)}")
    rooms = arguments or ROOMS
    about, table = machine(), []
    for room in rooms:
        print(f"measuring {room} …", file=sys.stderr, flush=True)
        table += measured(room)
    print("\n".join(about), "", shown(table), sep="\n")
    worse = slower(table, stored())
    print("", *(worse or ["Nothing became slower by more than a tenth since the stored run."]), sep="\n")
    if tuple(rooms) == ROOMS:
        write(table, about)


if __name__ == "__main__":
    main(sys.argv[1:])
