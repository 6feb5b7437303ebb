"""Rounds on SQLite and on PostgreSQL, and the report."""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.ledger import postgres

from . import crashes, life, oddities
from .crowd import WORKERS, Crowd, Share
from .verdict import Count, written_off

MORE = 12  # requests after the crashes, of which the budget allows half
PRICE = Decimal("0.35")  # what the sandbox asks for five seconds of either model
ODD = {"small": 16, "full": 120}  # requests on each odd hub
SHARES = {"small": Share(2, 1, 4), "full": Share(27, 3, 60)}  # of each of the two ledgers


def main() -> int:
    """The exit status."""
    arguments = argparse.ArgumentParser(prog="python -m tests.torture")
    arguments.add_argument("--size", choices=SHARES, default="small")
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--ledger", choices=["sqlite", "postgres"], action="append")
    given = arguments.parse_args()
    random.seed(given.seed)
    life.hurry()
    count = Count()
    print(f"size={given.size} seed={given.seed} workers={WORKERS}", flush=True)
    with postgres.server() as url:
        for name in given.ledger or ("sqlite", "postgres"):
            with _folder(count) as folder:
                place = f"sqlite:///{folder}/ledger.db" if name == "sqlite" else postgres.with_schema(url, "torture")
                _round(name, folder, place, SHARES[given.size], count)
    for name in given.ledger or ("sqlite", "postgres"):
        count.faults += oddities.run(name, ODD[given.size])
    _report(count)
    return 1 if count.faults else 0


@contextmanager
def _folder(count: Count) -> Iterator[Path]:
    """A folder that goes at the end, unless something was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="oxen-torture-"))
    yield folder
    if count.faults:
        print(f"Left for a look: {folder}", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _hub(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.torture.hub", str(folder / "hub.db")]
    errors = (folder / "hub.log").open("w")  # it complains of every client that is killed in the middle of a call
    with (
        errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as hub,
    ):
        assert hub.stdout is not None and hub.stdin is not None
        try:
            yield hub.stdout.readline().strip()
        finally:
            hub.stdin.close()


def _round(name: str, folder: Path, place: str, share: Share, count: Count) -> None:
    """Crashes first, then a budget that is too small for all that is asked for."""
    began = time.monotonic()
    (folder / "claims").mkdir()
    with _hub(folder) as base_url:
        one = life.Round(base_url, place, folder)
        crowd = Crowd(one, share)
        crowd.run()
        count.struck(crowd.struck)
        due = one.numbers()
        for _ in range(MORE):
            one.new(due[-1] + 1, film=False)
        jobs = sum(life.SHOTS if life.is_film(number) else 1 for number in due)
        jobs += sum(life.kind_of(number) == "with stills" for number in due)  # its stills cost less than a shot
        counted = written_off(one) + MORE // 2  # what a person has written off, or still has to, counts as spent
        tight = replace(one, budget=PRICE * (jobs + counted + MORE // 2))
        Crowd(tight, replace(share, kills=0, stops=0)).run()
        count.judge(name, tight, due)
    print(f"{name}: {time.monotonic() - began:.0f} s; so far {count.line()}", flush=True)


def _report(count: Count) -> None:
    print(f"\n{'step':<12}{'kills':>7}{'stops':>7}")
    for step in crashes.STEPS:
        print(f"{step:<12}{count.kills[step]:>7}{count.stops[step]:>7}")
    killed, after = sum(count.kills.values()), sum(count.kills[step] for step in crashes.SENT)
    print(f"{after} of {killed} kills after a job was sending")
    for fault in count.faults:
        print(f"WRONG {fault}")
    print(count.line(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
