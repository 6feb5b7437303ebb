"""What was spent is summed up by the database: always what the jobs say, at a cost that history does not raise."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from oxen_video_tools.ledger import Ledger, jobs, outcomes, transactions
from oxen_video_tools.ledger.jobs import DAY, Submitted, Unanswered, Unsent, WriteOff
from oxen_video_tools.ledger.records import GenerationRow, Intent
from oxen_video_tools.ledger.transactions import Steps

NOW = 1_790_000_000.0
SCOPES = ("hub|me", "hub|key:x")
COSTS = (None, 0, 350_000, 1_000_001)


@pytest.fixture
async def ledger(place: str) -> AsyncIterator[Ledger]:
    one = Ledger.at(place)
    yield one
    await one.close()


def by_the_jobs(scope: str) -> Steps[Counter[tuple[int, str]]]:
    """The same, job by job."""
    rows = yield (
        """select sent, model, cost, estimate, reserved from jobs where scope = ? and sent is not null
            and state not in ('planned', 'refused', 'dropped')""",
        (scope,),
    )
    told: dict[tuple[int, str], list[int]] = {}
    for sent, model, cost, estimate, reserved in rows:
        unknown = cost is None and estimate is None and reserved == 0
        line = told.setdefault((int(sent // DAY), model), [0, 0, 0])
        for place, more in enumerate((1, reserved if cost is None else cost, int(unknown))):
            line[place] += more
    return Counter({key: tuple(line) for key, line in told.items()})  # type: ignore[misc]


async def one_life(ledger: Ledger, dice: random.Random, number: int) -> None:
    """A job, to wherever its life leads; some come back from the dead."""
    scope, now = dice.choice(SCOPES), NOW + dice.random() * 3 * DAY
    reserved = dice.choice((0, 350_000))
    intent = Intent(
        scope,
        f"r{dice.randrange(6)}",
        dice.choice((None, 1)),
        {"model": dice.choice(("kling", "veo"))},
        estimate=reserved or dice.choice((None, 0)),
        reserved=reserved,
    )
    [found] = await ledger.reserve([intent], "me", now, 60.0)
    if not found.mine or dice.random() < 0.1:
        return
    job = found.job.job
    await ledger.mark_sending(job, "me", now, 60.0)
    fate = dice.random()
    if fate < 0.15:
        await ledger.record_job(job, Unsent("me", "refused", "no"), now)
        return
    if fate < 0.4:
        await ledger.record_job(job, Unanswered("me", "lost"), now)
        if fate < 0.3:
            await ledger.decide(job, WriteOff(), now)
        if fate < 0.2:
            return
    ids = [f"g{number}-{n}" for n in range(dice.randint(1, 2))]
    await ledger.record_job(job, Submitted([GenerationRow(scope, one) for one in ids]), now)
    for one in ids:
        if dice.random() < 0.7:
            status = dice.choice(("succeeded", "failed", "cancelled"))
            await ledger.record_status(scope, [GenerationRow(scope, one, status=status)], now + 60)
        cost = dice.choice(COSTS)
        if cost is not None:
            await ledger.record_cost(scope, {one: cost})
    if dice.random() < 0.2:
        await ledger.record_cost(scope, {ids[0]: 7})  # the hub bills it otherwise
    if dice.random() < 0.2:  # its generation turns out to be another's
        [other] = await ledger.reserve([Intent(scope, "x", None, {"model": "wan"})], "me", now, 60.0)
        await ledger.mark_sending(other.job.job, "me", now, 60.0)
        await ledger.record_job(other.job.job, Submitted([GenerationRow(scope, ids[0])]), now)


@pytest.mark.parametrize("seed", range(3))
async def test_the_sums_are_what_the_jobs_say_whatever_becomes_of_them(ledger: Ledger, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(40):
        await one_life(ledger, dice, number)
    for scope in SCOPES:
        sums = await ledger.spent(scope)
        assert {(one.day, one.model): (one.jobs, one.cost, one.unpriced) for one in sums} == dict(
            await ledger.run(by_the_jobs, scope)
        )
        assert [(one.day, one.model) for one in sums] == sorted((one.day, one.model) for one in sums)
    await ledger.remember_identity("https://hub", "key", SCOPES[0], SCOPES[1])
    sums = await ledger.spent(SCOPES[0])
    assert sum(one.jobs for one in sums) == sum(line[0] for line in (await ledger.run(by_the_jobs, SCOPES[0])).values())  # type: ignore[index]
    assert await ledger.spent(SCOPES[1]) == []


PLAN: dict[str, Any] = {
    "spent": (outcomes.spent, ("hub|me",)),
    "committed": (jobs.committed_spend, ("hub|me", NOW)),
    "unsettled": (outcomes.unsettled, ("hub|me", NOW)),
    "walk": (outcomes.claim_unfinished, ("hub|me", NOW)),
    "made": (partial(transactions.find_jobs, of=["g1"]), ("hub|me",)),
    "find_jobs": (partial(transactions.find_jobs, states=["sending"]), ("hub|me",)),
    "typical": (outcomes.typical, ("hub|me", "kling")),
    "idless": (jobs.idless, ("hub|me", NOW)),
    "holder": (transactions.job_for_take, ("hub|me", "r", 1)),
}


LIVE = ("spent", "walk", "find_jobs")


@pytest.mark.parametrize("name", PLAN)
async def test_no_reading_goes_through_all_that_ever_was(tmp_path: Any, name: str) -> None:
    """SQLite says how it would find the rows: by an index and no more of it than the account's name is not enough."""
    ledger = Ledger.at(f"sqlite:///{tmp_path}/ledger.db")
    await ledger.funds("hub|me", NOW)
    make, given = PLAN[name]

    def explained() -> Steps[list[str]]:
        told: list[str] = []
        asked = make(*given)
        with_rows: Any = None
        while True:
            try:
                sql, values = asked.send(with_rows)
            except StopIteration:
                return told
            if sql.lstrip().startswith("select"):
                rows = yield f"explain query plan {sql}", values
                told += [row[3] for row in rows]
            with_rows = yield sql, values

    lines = [line for line in await ledger.run(explained) if re.match(r"SCAN|SEARCH (?:jobs|clips)", line)]
    for line in lines:
        assert line == "SCAN CONSTANT ROW" or (
            "SEARCH" in line and ("(scope=?)" not in line or "clips_nameless" in line)
        ), line
    assert name not in LIVE or all("state=?" in line for line in lines), "only what is under way"
    await ledger.close()
