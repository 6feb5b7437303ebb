"""The ledger under any order of events: several processes on one file, answers that are late or lost, leases that run
out, people who decide. The machine plays the hub and knows the truth; the ledger must never contradict it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from oxen_video_tools.errors import InvalidRequest, OverBudget, Paused
from oxen_video_tools.ledger import Ledger, outcomes
from oxen_video_tools.ledger import jobs as ledger_jobs
from oxen_video_tools.ledger.records import GenerationRow, Intent

SCOPE = "hub|me"
NOW = 1_790_000_000.0
LEASE = 60.0
ENDS = ("succeeded", "failed", "cancelled")
# From what a job is to what it may become. What the hub answered is the truth even after a person gave a job up, and
# what was adopted for one job goes back when it turns out to be another's.
ARROWS = {
    "planned": {"sending", "dropped"},
    "sending": {"running", *ENDS, "refused", "dropped", "written off"},
    "running": {*ENDS, "sending"},
    "succeeded": {"sending", "running", *ENDS},
    "failed": {"sending", "running", *ENDS},
    "cancelled": {"sending", "running", *ENDS},
    "written off": {"running", *ENDS, "dropped"},  # dropped: a first sending whose second never was one
    "refused": set(),
    "dropped": set(),
}


@dataclass
class Post:
    """A paid POST that left a process. made: what the hub made of it."""

    job: str
    owner: Ledger = field(repr=False)
    made: list[str] = field(default_factory=list)


class Interleavings(RuleBasedStateMachine):
    """Three processes, one hub, one person."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="oxen-machine-")
        path = Path(self.folder.name) / "ledger.db"
        self.loop = asyncio.new_event_loop()
        self.ledgers = [Ledger.at(f"sqlite:///{path}", lease=LEASE) for _ in range(3)]
        self.now = NOW
        self.paused = False
        self.numbers = count(1)
        self.booked: dict[str, Ledger] = {}  # whose it is to send, as that process believes
        self.posts: list[Post] = []  # on their way: their process still waits
        self.made: dict[str, list[str]] = {}  # what the hub really made, by job
        self.allowed: dict[str, int] = {}  # how many POSTs a job may have: one, and one for each decision of a person
        self.sent: dict[str, int] = {}
        self.reserved: dict[str, int] = {}
        self.hub: dict[str, str] = {}  # every generation of the account, and its status
        self.costs: dict[str, int] = {}
        self.written: set[str] = set()
        self.states: dict[str, str] = {}
        self.loop.run_until_complete(self.ledgers[0].set_paused(False, NOW))
        self.eyes = sqlite3.connect(path, isolation_level=None)

    def teardown(self) -> None:
        self.eyes.close()
        for one in self.ledgers:
            self.loop.run_until_complete(one.close())
        self.loop.close()
        self.folder.cleanup()

    def do(self, who: int, steps: Any, *given: Any) -> Any:
        answer = self.loop.run_until_complete(self.ledgers[who].run(steps, *given))
        self._go_along_the_arrows()
        return answer

    def seen(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.eyes.execute(sql, values).fetchall()

    def jobs(self, *states: str) -> list[str]:
        marks = ", ".join("?" * len(states))
        return [row[0] for row in self.seen(f"select job from jobs where state in ({marks}) order by rowid", *states)]

    def _is_live(self, job: str) -> bool:
        return bool(self.seen("select 1 from jobs where job = ? and owner is not null and lease > ?", job, self.now))

    def committed(self) -> int:
        return int(self.do(0, ledger_jobs.committed_spend, SCOPE, self.now))

    # ---- what processes do -------------------------------------------------------------------------------------------

    @rule(
        who=st.integers(0, 2),
        request=st.sampled_from("ab"),
        take=st.sampled_from([1, 2, None]),
        reserved=st.sampled_from([300_000, 700_000]),
        expects=st.integers(1, 2),
        budget=st.sampled_from([None, None, 1_000_000, 2_000_000]),
        far=st.sampled_from(["booked", "marked", "taken", "taken", "lost", "lost"]),
    )
    def book(
        self, who: int, request: str, take: int | None, reserved: int, expects: int, budget: int | None, far: str
    ) -> None:
        """far: how far it comes in one go; the other rules take it up from there."""
        self._booked(who, request, take, reserved, expects, budget, far)

    def _booked(
        self, who: int, request: str, take: int | None, reserved: int, expects: int, budget: int | None, far: str
    ) -> None:
        body = {"model": "kling", "prompt": request}
        intent = Intent(SCOPE, request, take, body, expects=expects, estimate=reserved, reserved=reserved)
        ledger = self.ledgers[who]
        try:
            [found] = self.do(who, ledger_jobs.reserve, [intent], ledger.owner, self.now, LEASE, budget)
        except Paused:
            assert self.paused
            return
        except OverBudget:
            assert budget is not None and self.committed() + reserved > budget, "there was room"
            return
        if not found.mine:
            assert take is not None and found.job.state not in ("failed", "cancelled", "refused", "dropped")
            return
        job = found.job.job
        assert not self.paused and job not in self.booked
        assert budget is None or self.committed() <= budget
        self.booked[job] = ledger
        self.allowed[job], self.sent[job], self.reserved[job] = 1, 0, reserved
        if far == "booked":
            return
        self._mark(job, False)
        if far in ("taken", "lost"):
            self._taken(self.posts[-1])
        if far == "lost":
            self._lost(self.posts[-1])

    @precondition(lambda self: self.booked)
    @rule(data=st.data(), foreign=st.booleans())
    def mark(self, data: Any, foreign: bool) -> None:
        self._mark(data.draw(st.sampled_from(list(self.booked))), foreign)

    def _mark(self, job: str, foreign: bool) -> None:
        mine = self.booked[job]
        who = self.ledgers.index(mine)
        if foreign:
            who = (who + 1) % 3
        try:
            may = self.do(who, ledger_jobs.mark_sending, job, self.ledgers[who].owner, self.now, LEASE)
        except Paused:
            assert self.paused
            return
        assert not may or not foreign, "somebody else's"
        if may:
            assert self.sent[job] < self.allowed[job], "paid twice"
            self.sent[job] += 1
            self.posts.append(Post(job, mine))
        if not foreign:
            del self.booked[job]

    @precondition(lambda self: any(not one.made for one in self.posts))
    @rule(data=st.data())
    def the_hub_takes_it(self, data: Any) -> None:
        """The POST arrives. Its answer is another matter."""
        self._taken(data.draw(st.sampled_from([one for one in self.posts if not one.made])))

    def _taken(self, post: Post) -> None:
        [(expects,)] = self.seen("select expects from jobs where job = ?", post.job)
        post.made = [f"g{next(self.numbers)}" for _ in range(expects)]
        self.made.setdefault(post.job, []).extend(post.made)
        self.hub |= dict.fromkeys(post.made, "queued")

    @precondition(lambda self: self.posts)
    @rule(data=st.data())
    def an_answer(self, data: Any) -> None:
        """The hub's ids, or its refusal where it made nothing."""
        post = data.draw(st.sampled_from(self.posts))
        who = self.ledgers.index(post.owner)
        if post.made:
            self.do(
                who,
                ledger_jobs.record_submission,
                post.job,
                [GenerationRow(SCOPE, one, model="kling") for one in post.made],
                self.now,
            )
            self.written |= set(post.made)
            held = self.seen("select generation_id from clips where job = ? order by position", post.job)
            assert [row[0] for row in held] == post.made, "the hub's answer is the truth"
        else:
            state = data.draw(st.sampled_from(["refused", "dropped"]))
            self.do(who, ledger_jobs.unsent, post.job, post.owner.owner, state, self.now, "no")
        self.posts.remove(post)

    @precondition(lambda self: self.posts)
    @rule(data=st.data(), killed=st.booleans())
    def no_answer(self, data: Any, killed: bool) -> None:
        """It was lost, or the process was killed while it waited."""
        post = data.draw(st.sampled_from(self.posts))
        if killed:
            self.posts.remove(post)
        else:
            self._lost(post)

    def _lost(self, post: Post) -> None:
        who = self.ledgers.index(post.owner)
        self.do(who, ledger_jobs.unclear, post.job, post.owner.owner, "its answer was lost")
        self.posts.remove(post)

    @precondition(lambda self: self.posts)
    @rule(data=st.data())
    def renew(self, data: Any) -> None:
        post = data.draw(st.sampled_from(self.posts))
        self.do(self.ledgers.index(post.owner), ledger_jobs.renew, post.job, post.owner.owner, self.now, LEASE)

    @precondition(lambda self: self.booked)
    @rule(data=st.data())
    def killed_before_the_mark(self, data: Any) -> None:
        del self.booked[data.draw(st.sampled_from(list(self.booked)))]

    # ---- what others do about it -------------------------------------------------------------------------------------

    @precondition(lambda self: self.jobs("sending") and self.hub)
    @rule(data=st.data(), who=st.integers(0, 2), rival=st.booleans())
    def adopt(self, data: Any, who: int, rival: bool) -> None:
        """Whatever a reconciliation believes to have found, right or wrong."""
        job = data.draw(st.sampled_from(self.jobs("sending")))
        found = data.draw(st.lists(st.sampled_from(list(self.hub)), min_size=1, max_size=2, unique=True))
        held = {row[0] for row in self.seen("select generation_id from clips where job is not null")}
        clips = [GenerationRow(SCOPE, one, status=self.hub[one]) for one in found]
        done = self.do(who, ledger_jobs.adopt, {job: clips}, [job], lambda _: rival, self.now)
        assert not (done and held & set(found)), "it was another's already"
        assert not (done and rival and len(self.jobs("sending")) > 0), "another may claim it"
        self.written |= set(found) if done else set()

    @precondition(lambda self: self.jobs("sending", "running", "planned") and self.hub)
    @rule(data=st.data(), who=st.integers(0, 2))
    def adopt_by_hand(self, data: Any, who: int) -> None:
        job = data.draw(st.sampled_from(self.jobs("sending", "running", "planned")))
        one, before = data.draw(st.sampled_from(list(self.hub))), self.states[job]
        held = self.seen("select 1 from clips where generation_id = ? and job is not null", one)
        try:
            self.do(who, ledger_jobs.adopt_by_hand, job, [GenerationRow(SCOPE, one, status=self.hub[one])], self.now)
        except InvalidRequest:
            return
        assert not held and before == "sending"
        self.written.add(one)

    @precondition(lambda self: self.jobs("sending", "running"))
    @rule(data=st.data(), who=st.integers(0, 2), budget=st.sampled_from([None, 1_000_000]))
    def reopen(self, data: Any, who: int, budget: int | None) -> None:
        job = data.draw(st.sampled_from(self.jobs("sending", "running")))
        before, at_it = self.states[job], self._is_live(job)
        try:
            self.do(who, ledger_jobs.reopen, job, self.ledgers[who].owner, self.now, LEASE, budget)
        except (InvalidRequest, Paused, OverBudget):
            return
        assert before == "sending" and not at_it and not self.paused
        assert budget is None or self.committed() <= budget
        self.booked[job] = self.ledgers[who]
        self.allowed[job] = self.sent[job] + 1

    @precondition(lambda self: self.jobs("sending", "running"))
    @rule(data=st.data(), who=st.integers(0, 2))
    def write_off(self, data: Any, who: int) -> None:
        job = data.draw(st.sampled_from(self.jobs("sending", "running")))
        before, at_it = self.states[job], self._is_live(job)
        try:
            self.do(who, ledger_jobs.write_off, job, self.now)
        except InvalidRequest:
            return
        assert before == "sending" and not at_it

    @rule(data=st.data(), who=st.integers(0, 2), status=st.sampled_from(["processing", "succeeded", *ENDS]))
    def see(self, data: Any, who: int, status: str) -> None:
        """A list, an event, a look: some generation of the account, perhaps another client's."""
        one = data.draw(st.sampled_from([*list(self.hub), "new"]))
        if one == "new":
            one = f"s{next(self.numbers)}"
            self.hub[one] = "queued"
        if self.hub[one] not in ENDS:
            self.hub[one] = status
        self.do(who, outcomes.record_status, SCOPE, [GenerationRow(SCOPE, one, status=self.hub[one])], self.now)
        self.written.add(one)

    @precondition(lambda self: any(status in ENDS for status in self.hub.values()))
    @rule(data=st.data(), who=st.integers(0, 2), cost=st.sampled_from([0, 250_000]))
    def settle(self, data: Any, who: int, cost: int) -> None:
        """The history tells what something cost."""
        one = data.draw(st.sampled_from([name for name, status in self.hub.items() if status in ENDS]))
        self.costs.setdefault(one, cost)
        wanted = [one.clip.generation_id for one in self.do(who, outcomes.unsettled, SCOPE, 0.0)]
        if one in wanted:
            self.do(who, outcomes.record_cost, SCOPE, {one: self.costs[one]})

    @precondition(lambda self: self.states)
    @rule(data=st.data(), who=st.integers(0, 2))
    def abandon(self, data: Any, who: int) -> None:
        job = data.draw(st.sampled_from(list(self.states)))
        before = self.states[job]
        if self.do(who, ledger_jobs.abandon, job, self.now):
            assert before == "planned"

    @rule(who=st.integers(0, 2))
    def walk(self, who: int) -> None:
        for job in self.do(who, outcomes.claim_unfinished, SCOPE, self.now):
            assert job.state in ("planned", "sending", "running")

    @rule(who=st.integers(0, 2))
    def pause_or_resume(self, who: int) -> None:
        self.paused = not self.paused
        self.do(who, outcomes.set_paused, self.paused, self.now)

    @rule(seconds=st.sampled_from([1.0, 20.0, 61.0, 61.0, ledger_jobs.DAY]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # ---- what always holds -------------------------------------------------------------------------------------------

    @initialize(ways=st.lists(st.sampled_from(["marked", "taken", "lost"]), min_size=2, max_size=4))
    def begun(self, ways: list[str]) -> None:
        """Some jobs are under way: the rules begin where it gets difficult."""
        for number, far in enumerate(ways):
            self._booked(number % 3, "a", number + 1, 300_000, 1, None, far)

    def _go_along_the_arrows(self) -> None:
        now = dict(self.seen("select job, state from jobs order by rowid"))
        assert set(self.states) <= set(now), "a job is never forgotten"
        for job, state in now.items():
            before = self.states.get(job)
            if before is None and state == "written off":
                self._learn_of_a_first_sending(job)
            assert (
                before == state
                or (before is None and state in ("planned", "written off"))
                or state in ARROWS[before or state]
            ), f"{before} → {state}"
        self.states = now

    def _learn_of_a_first_sending(self, job: str) -> None:
        """A person had an unclear job sent again: its first POST, which may have arrived, is kept as its own job."""
        [(note,)] = self.seen("select note from jobs where job = ?", job)
        [again] = [one for one in self.reserved if note == ledger_jobs.FIRST.format(one)]
        self.reserved[job], self.sent[job], self.allowed[job] = self.reserved[again], 1, 1

    @invariant()
    def a_take_has_one_holder(self) -> None:
        twice = self.seen(
            "select count(*) from jobs where holds = 1 and take is not null group by scope, request, take, part"
        )
        assert all(number == 1 for (number,) in twice)

    @invariant()
    def what_freed_its_take_holds_it_no_more(self) -> None:
        for state in ("failed", "cancelled", "refused", "dropped", "written off"):
            assert not self.seen("select 1 from jobs where state = ? and holds = 1", state)

    @invariant()
    def planned_was_never_sent(self) -> None:
        for job in self.jobs("planned"):
            assert self.sent[job] == 0 and not self.seen("select 1 from clips where job = ?", job)

    @invariant()
    def an_id_is_never_lost(self) -> None:
        assert self.written <= {row[0] for row in self.seen("select generation_id from clips")}

    @invariant()
    def a_generation_has_one_job_that_knows_it(self) -> None:
        rows = self.seen("select generation_id, job from clips where job is not null")
        assert len({one for one, _ in rows}) == len(rows)
        with_clips = {job for _, job in rows}
        going = set(self.jobs("running", *ENDS))
        assert with_clips == going, "a job has ids exactly while it is the hub's"

    @invariant()
    def what_was_made_is_never_taken_for_unpaid(self) -> None:
        for job in self.jobs("refused", "dropped"):
            assert not self.made.get(job)

    @invariant()
    def reservations_stand_until_the_real_cost_is_known(self) -> None:
        for job, state, reserved, cost in self.seen("select job, state, reserved, cost from jobs"):
            if state in ("refused", "dropped"):
                assert (reserved, cost) == (0, None)
                continue
            assert reserved == self.reserved[job]
            if cost is not None:
                clips = self.seen("select cost from clips where job = ?", job)
                assert state in ENDS and cost == sum(row[0] for row in clips), "a cost is that of its own clips"

    @invariant()
    def every_end_settles(self) -> None:
        """What nobody would look up again is known."""
        wanted = {one.clip.job for one in self.do(0, outcomes.unsettled, SCOPE, 0.0)}
        for (job,) in self.seen(f"select job from jobs where state in {ENDS} and cost is null"):
            assert job in wanted

    @invariant()
    def only_who_works_on_it_has_a_lease(self) -> None:
        for state, owner in self.seen("select state, owner from jobs where owner is not null"):
            assert state in ("planned", "sending"), owner


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
