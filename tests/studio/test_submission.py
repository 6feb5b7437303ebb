"""Each step of handing a job over, on a real ledger, with time that only the test moves. The hub's one paid call is
scripted here; `test_paid_once` does the same over HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.clock import wait_until
from oxen_video_tools.errors import (
    HubUnavailable,
    InsufficientCredits,
    OverBudget,
    OxenError,
    SubmissionUnclear,
    TimedOut,
)
from oxen_video_tools.hub.records import Generation
from oxen_video_tools.ledger import Ledger, transactions
from oxen_video_tools.ledger.jobs import Submitted, Unanswered, Unsent
from oxen_video_tools.ledger.records import GenerationRow, Intent, Job
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio import submission
from oxen_video_tools.studio.session import Session
from oxen_video_tools.studio.submission import Attempt, GaveUpError, SendGuard, Submission
from tests.clocks import HUNG, START, FakeClock

ME = "hub|me"
LEASE = 60.0
FAR = 10_000.0
INTENT = Intent(ME, "r", 1, {"model": "kling", "prompt": "p"}, estimate=500_000, reserved=500_000)


class Instant:
    """Sleeps that take no time at all, written down."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []

    def time(self) -> float:
        return START + self.passed

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.passed += seconds
        await asyncio.sleep(0)


@dataclass
class Counts:
    """What operators are told."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    def accepted(self, job: Job, generation_ids: Sequence[str], now: float) -> None:
        self.told.append(("accepted", job.job, list(generation_ids), now))

    def unanswered(self, job: Job, outcome: str) -> None:
        self.told.append((outcome, job.job))

    def resolved(self, job: Job, now: float) -> None:
        self.told.append(("resolved", job.job, job.state, now))


@dataclass
class Hub:
    """Its paid POST. gate: whether the transport gets as far as the first byte.  answers: ids, or what is raised."""

    answers: list[list[str] | Exception] = field(default_factory=lambda: [["g1"]])
    bodies: list[Any] = field(default_factory=list)
    gate: bool = True
    held: asyncio.Event = field(default_factory=asyncio.Event)
    busy: bool = False
    session: Session | None = None

    async def enqueue(self, body: Any, *, before_send: Callable[[], Awaitable[None]]) -> list[Generation]:
        if self.gate:
            await before_send()
        self.bodies.append(body)
        self.busy = self.session is not None and self.session.handing_over.locked()
        await self.held.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [Generation(one, status="processing", enqueued_at=START + 1) for one in answer]

    def hub_time(self, **_: bool) -> float:
        return START

    async def close(self) -> None: ...


@dataclass
class Scene:
    """A stage with its hub, its clock and its counts."""

    session: Session
    hub: Hub
    counts: Counts
    clock: Any

    @property
    def ledger(self) -> Ledger:
        return self.session.ledger

    async def book(self, intent: Intent = INTENT, owner: str | None = None) -> Job:
        [one] = await self.ledger.reserve([intent], owner or self.ledger.owner, self.clock.time(), LEASE, None)
        return one.job

    async def named(self, job: Job) -> Job:
        found = await self.ledger.job_named(job.job)
        assert found is not None
        return found

    async def mark(self, job: Job, owner: str) -> Job:
        assert await self.ledger.mark_sending(job.job, owner, self.clock.time(), LEASE)
        return await self.named(job)

    async def jobs(self) -> list[Job]:
        every = ["planned", "sending", "running", "refused", "dropped", "succeeded", "failed"]
        return await self.ledger.find_jobs(ME, states=every)  # type: ignore[arg-type]


@pytest.fixture
async def instant(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = _scene(tmp_path, Instant())
    scene.hub.held.set()
    yield scene
    await scene.session.close()


@pytest.fixture
async def still(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = _scene(tmp_path, FakeClock(auto=False))
    yield scene
    scene.hub.held.set()
    await scene.session.close()


def _scene(tmp_path: Path, clock: Any) -> Scene:
    settings = Settings(base_url="http://127.0.0.1:9", api_key="key", ledger=f"sqlite:///{tmp_path}/ledger.db")
    session = Session(settings, clock, lease=LEASE)
    hub, counts = Hub(session=session), Counts()
    session._hub, session.meter, session._scope = hub, counts, ME  # type: ignore[assignment]
    return Scene(session, hub, counts, clock)


async def until(true: Callable[[], Any]) -> None:
    for _ in range(20_000):
        if true():
            return
        await asyncio.sleep(0.001)
    pytest.fail("it did not come to that")


def on_ledger(
    monkeypatch: pytest.MonkeyPatch, scene: Scene, step: str, meanwhile: Callable[[], None], *, before: bool = False
) -> None:
    """Let something happen right before or after a transaction."""
    run = scene.ledger.run

    async def watched(made: Any, *args: Any, **kwargs: Any) -> Any:
        if made.__name__ == step and before:
            meanwhile()
        result = await run(made, *args, **kwargs)
        if made.__name__ == step and not before:
            meanwhile()
        return result

    monkeypatch.setattr(scene.ledger, "run", watched)


# ---- right before the first byte -------------------------------------------------------------------------------------


async def test_the_gate_opens_once_it_is_marked(instant: Scene) -> None:
    job = await instant.book()
    gate = SendGuard(instant.session, job)
    assert gate.open is False
    instant.clock.passed = 7.0
    await gate()
    assert gate.open is True
    assert await instant.named(job) == replace(
        job, state="sending", sent=START + 7, hub_sent=START, lease=START + 7 + LEASE
    )


async def test_the_gate_is_shut_for_a_job_that_is_another_processs(instant: Scene) -> None:
    job = await instant.book(owner="another:1")
    gate = SendGuard(instant.session, replace(job, owner=instant.ledger.owner))
    gate.open = True  # an earlier try was let through
    with pytest.raises(GaveUpError) as caught:
        await gate()
    assert (caught.value.message, caught.value.charged) == ("Somebody else has taken this job over.", "no")
    assert gate.open is False and await instant.named(job) == job


class Two(Instant):
    """A machine whose two clocks part: only one of them goes on in its sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.wall = 0.0

    def time(self) -> float:
        return START + self.passed + self.wall


@pytest.mark.parametrize(
    ("wall", "steady", "opens"),
    [(0.0, 5.0, True), (5.0, 0.0, True), (5.5, 0.0, False), (-6.0, 5.5, False), (0.0, 5.5, False)],
)
async def test_a_machine_that_stood_still_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wall: float, steady: float, opens: bool
) -> None:
    scene = _scene(tmp_path, Two())

    def meanwhile() -> None:
        scene.clock.wall += wall
        scene.clock.passed += steady

    on_ledger(monkeypatch, scene, "mark_sending", meanwhile)
    gate = SendGuard(scene.session, await scene.book())
    if opens:
        await gate()
    else:
        with pytest.raises(GaveUpError) as caught:
            await gate()
        assert caught.value.charged == "no"
        assert caught.value.message == "The machine stood still right before sending; nothing was sent."
    assert gate.open is opens
    await scene.session.close()


# ---- booking and sending ---------------------------------------------------------------------------------------------


async def test_an_attempt_sends_what_it_booked(still: Scene) -> None:
    still.hub.held.set()
    still.hub.answers = [["g1", "g2"]]
    attempt = Attempt(replace(INTENT, expects=2), None)
    await asyncio.wait_for(attempt.run(still.session), HUNG)
    assert still.hub.bodies == [dict(INTENT.body)]
    assert attempt.mine and not attempt.gave_up
    [job] = await still.jobs()
    assert attempt.job == job and (job.state, job.generation_ids) == ("running", ("g1", "g2"))
    clips = (await still.ledger.run(transactions.clips_of, [job.job]))[job.job]
    assert clips[0] == GenerationRow(ME, "g1", job.job, status="processing", model="kling", created=START + 1)
    assert still.counts.told == [("accepted", job.job, ["g1", "g2"], START)]


async def test_an_attempt_leaves_to_others_what_is_theirs(instant: Scene) -> None:
    job = await instant.book(owner="another:1")
    attempt = Attempt(INTENT, None)
    await attempt.run(instant.session)
    assert (attempt.job, attempt.mine, attempt.gave_up) == (job, False, False)
    assert instant.hub.bodies == []


async def test_an_attempt_keeps_to_its_budget(instant: Scene) -> None:
    with pytest.raises(OverBudget):
        await Attempt(INTENT, 499_999).run(instant.session)
    assert await instant.jobs() == [] and instant.hub.bodies == []


async def test_an_attempt_that_gave_up_says_so(
    still: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_ledger(monkeypatch, still, "mark_sending", lambda: setattr(still.clock, "_passed", 9.0))
    attempt = Attempt(INTENT, None)
    with caplog.at_level(logging.WARNING):
        await attempt.run(still.session)
    assert attempt.gave_up and attempt.mine
    [job] = await still.jobs()
    assert (job.state, job.note) == ("dropped", "The machine stood still right before sending; nothing was sent.")
    assert still.counts.told == [("dropped", job.job)]
    assert "Not sent: The machine stood still right before sending; nothing was sent." in caplog.messages


async def test_only_so_many_are_handed_over_at_once(still: Scene) -> None:
    still.hub.held.set()
    still.session.handing_over = asyncio.Semaphore(1)
    await submission.send(still.session, await still.book())
    assert still.hub.busy and not still.session.handing_over.locked()


async def test_the_lease_is_renewed_while_the_answer_is_waited_for(
    still: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = iter([True])
    renewed: list[float] = []

    def renewing() -> None:
        if next(failing, False):
            raise OxenError("the disk is full")
        renewed.append(still.clock.time())

    on_ledger(monkeypatch, still, "renew", renewing, before=True)
    job = await still.book()
    sending = asyncio.ensure_future(submission.send(still.session, job))
    await until(lambda: still.hub.bodies)
    for beat in range(1, 5):
        await still.clock.advance(LEASE / 3)
        await until(lambda beat=beat: len(renewed) == beat - 1 and still.clock.sleepers == 1)
    assert renewed == [START + LEASE / 3 * beat for beat in (2, 3, 4)], "one that could not be written is no end"
    assert (await still.named(job)).lease == START + LEASE / 3 * 4 + LEASE
    still.hub.held.set()
    assert (await sending).state == "running"
    await until(lambda: still.clock.sleepers == 0)


async def test_the_lease_is_let_go_when_it_failed(still: Scene) -> None:
    still.hub.answers = [InsufficientCredits("no credits")]
    still.hub.held.set()
    with pytest.raises(InsufficientCredits):
        await submission.send(still.session, await still.book())
    await until(lambda: still.clock.sleepers == 0)


async def test_a_refusal_is_written_down_in_the_hubs_words(instant: Scene) -> None:
    instant.hub.answers = [InsufficientCredits("no credits left")]
    instant.clock.passed = 3.0
    job = await instant.book()
    with pytest.raises(InsufficientCredits) as caught:
        await submission._unanswered(instant.session, job, _open(instant, job), InsufficientCredits("no credits left"))
    assert caught.value.message == "no credits left"
    ended = replace(job, state="refused", reserved=0, owner=None, lease=0, ended=START + 3, note="no credits left")
    assert await instant.named(job) == ended
    assert instant.counts.told == [("refused", job.job)]


def _open(scene: Scene, job: Job) -> SendGuard:
    gate = SendGuard(scene.session, job)
    gate.open, gate.marked = True, START
    return gate


async def test_what_never_left_is_dropped_whatever_was_raised(still: Scene) -> None:
    still.hub.held.set()
    still.hub.gate = False
    still.hub.answers = [HubUnavailable("no connection", charged="unknown")]
    job = await still.book()
    with pytest.raises(HubUnavailable):
        await submission.send(still.session, job)
    found = await still.named(job)
    assert (found.state, found.note, found.reserved) == ("dropped", "no connection", 0)
    assert still.counts.told == [("dropped", job.job)]


async def test_a_lost_answer_leaves_the_job_unclear(instant: Scene, caplog: pytest.LogCaptureFixture) -> None:
    job = await instant.book()
    await instant.mark(job, instant.ledger.owner)
    with caplog.at_level(logging.WARNING):
        found = await submission._unanswered(
            instant.session, job, _open(instant, job), HubUnavailable("cut off", charged="unknown")
        )
    assert found == await instant.named(job)
    assert (found.state, found.owner, found.note, found.reserved) == ("sending", None, "its answer was lost", 500_000)
    assert instant.counts.told == [("unclear", job.job)]
    assert caplog.messages == ["cut off"]


@pytest.mark.parametrize("failures", [0, 2, 5])
async def test_ids_are_written_down_as_soon_as_that_can_be(
    instant: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failures: int
) -> None:
    left = iter([True] * failures)

    def full() -> None:
        if next(left, False):
            raise OxenError("the disk is full")

    on_ledger(monkeypatch, instant, "record_job", full, before=True)
    job = await instant.mark(await instant.book(), instant.ledger.owner)
    clips = [GenerationRow(ME, "g1"), GenerationRow(ME, "g2")]
    written = await submission._written(instant.session, job, clips)
    assert (written.state, written.generation_ids) == ("running", ("g1", "g2"))
    assert instant.clock.slept == list(submission.WRITES[:failures])
    assert (await instant.named(job)).state == ("sending" if failures == 5 else "running")
    assert instant.counts.told == [("accepted", job.job, ["g1", "g2"], START)]
    late = ["The ids ('g1', 'g2') could not be written down yet"] if failures == 5 else []
    assert [one for one in caplog.messages if "The ids" in one] == late


async def test_the_blocking_route_ends_with_its_answer(still: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[Session] = []
    called: list[tuple[Any, ...]] = []

    async def post_and_wait(session: Session, hub: Any, job: Job, gate: Any) -> list[GenerationRow]:
        called.append((session, hub, job))
        await gate()
        return [GenerationRow(ME, "sync-1", status="succeeded")]

    monkeypatch.setattr(submission, "post_and_wait", post_and_wait)
    monkeypatch.setattr(submission, "settle_soon", settled.append)
    still.hub.held.set()
    queued = await still.book(replace(INTENT, request="s"))
    await submission.send(still.session, queued)
    assert settled == []
    job = await still.book(replace(INTENT, route="sync"))
    assert (await submission.send(still.session, job)).state == "succeeded"
    assert called == [(still.session, still.hub, job)] and settled == [still.session]


# ---- paid once -------------------------------------------------------------------------------------------------------


async def pay(scene: Scene, intent: Intent = INTENT, budget: int | None = None, until: float = FAR) -> Submission:
    return await asyncio.wait_for(submission.pay_once(scene.session, intent, budget=budget, until=until), HUNG)


async def test_the_same_intent_is_paid_once(still: Scene) -> None:
    still.hub.held.set()
    first = await pay(still, budget=500_000)
    again = await pay(still, budget=500_000)
    assert (first.reused, again.reused) == (False, True)
    assert first.job == again.job and first.job.generation_ids == ("g1",)
    assert len(still.hub.bodies) == 1
    with pytest.raises(OverBudget):
        await pay(still, replace(INTENT, request="s"), budget=500_000)


async def test_a_refusal_is_raised_and_the_next_call_sends_again(still: Scene) -> None:
    still.hub.held.set()
    still.hub.answers = [InsufficientCredits("no credits"), ["g2"]]
    with pytest.raises(InsufficientCredits):
        await pay(still)
    assert (await pay(still)).job.generation_ids == ("g2",)


async def test_a_job_that_failed_meanwhile_is_answered_all_the_same(still: Scene) -> None:
    """It was paid for by this call: whoever asked has to read how it ended."""
    still.hub.held.set()
    job = (await pay(still)).job
    await still.ledger.record_status(ME, [GenerationRow(ME, "g1", status="failed")], START)
    failed = await still.named(job)
    assert await submission.resume_submission(still.session, failed, FAR) == Submission(failed, reused=True)
    assert await submission.resume_submission(still.session, failed, FAR, mine=True) == Submission(failed, reused=False)


async def test_who_gives_up_waiting_is_told_that_it_is_on_its_way(still: Scene) -> None:
    call = asyncio.ensure_future(pay(still, until=5.0))
    await until(lambda: still.hub.bodies)
    assert still.clock.sleepers == 2, "the beat of the lease, and the caller's time"
    await still.clock.advance(4.9)
    assert not call.done()
    await still.clock.advance(0.1)
    with pytest.raises(TimedOut) as caught:
        await call
    assert caught.value.message == "The time ran out while the request was being handed to the hub."
    assert caught.value.charged == "unknown" and caught.value.retry
    assert caught.value.fix == "Call again with the same arguments: the same request is paid once."
    still.hub.held.set()
    paid = await pay(still)
    assert paid.reused and paid.job.generation_ids == ("g1",) and len(still.hub.bodies) == 1


async def test_the_blocking_route_has_a_name_before_it_has_ended(still: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def post_and_wait(session: Session, hub: Any, job: Job, gate: Any) -> list[GenerationRow]:
        await gate()
        still.hub.bodies.append(job.body)
        await still.hub.held.wait()
        return [GenerationRow(ME, "sync-1", status="succeeded")]

    monkeypatch.setattr(submission, "post_and_wait", post_and_wait)
    monkeypatch.setattr(submission, "settle_soon", lambda session: None)
    intent = replace(INTENT, route="sync")
    call = asyncio.ensure_future(pay(still, intent, until=5.0))
    await until(lambda: still.hub.bodies)
    await still.clock.advance(5.0)
    paid = await call
    assert (paid.reused, paid.job.route, paid.job.state) == (False, "sync", "planned")
    assert paid.job == replace(
        await still.named(paid.job), state="planned", sent=None, hub_sent=None, lease=START + LEASE
    )


async def test_a_machine_that_stands_still_again_and_again_gives_up(
    still: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nap() -> None:
        still.clock._passed += 9

    on_ledger(monkeypatch, still, "mark_sending", nap)
    with pytest.raises(TimedOut) as caught:
        await pay(still)
    assert caught.value.message == "The request could not be sent: the machine stood still again and again."
    assert caught.value.charged == "no" and not isinstance(caught.value, GaveUpError)
    assert [job.state for job in await still.jobs()] == ["dropped"] * submission.TRIES
    assert still.hub.bodies == []


# ---- what another process is sending ---------------------------------------------------------------------------------


async def test_another_process_is_waited_for_at_growing_intervals(
    instant: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await instant.mark(await instant.book(owner="another:1"), "another:1")
    sleep = instant.clock.sleep

    async def slept(seconds: float) -> None:
        await sleep(seconds)
        if len(instant.clock.slept) == 8:
            await instant.ledger.record_job(job.job, Submitted([GenerationRow(ME, "g1")]), instant.clock.time())

    monkeypatch.setattr(instant.clock, "sleep", slept)
    paid = await submission.resume_submission(instant.session, job, FAR)
    assert paid is not None and paid.reused and paid.job.generation_ids == ("g1",)
    assert instant.clock.slept == [0.1, 0.15, 0.225, 0.3375, 0.50625, 0.759375, 1.0, 1.0]


async def test_another_process_is_not_waited_for_beyond_the_time(instant: Scene) -> None:
    job = await instant.book(owner="another:1")
    with pytest.raises(TimedOut):
        await submission.resume_submission(instant.session, job, 0.25)
    assert instant.clock.slept == [0.1, 0.15]


async def test_what_another_process_planned_and_left_is_free(instant: Scene) -> None:
    job = await instant.book(owner="another:1")
    assert await submission.resume_submission(instant.session, job, FAR) is None
    assert LEASE <= instant.clock.passed < LEASE + 1
    refused = await instant.book(replace(INTENT, request="s"), owner="another:1")
    await instant.ledger.record_job(refused.job, Unsent("another:1", "refused", "no"), START)
    assert await submission.resume_submission(instant.session, await instant.named(refused), FAR) is None


async def test_ones_own_is_not_waited_for(instant: Scene) -> None:
    """What this process holds is being sent by this call; there is nobody else to wait for."""
    job = await instant.mark(await instant.book(), instant.ledger.owner)
    with pytest.raises(TimedOut):
        await submission.resume_submission(instant.session, job, FAR, mine=True)
    assert instant.clock.slept == []
    sync = await instant.book(replace(INTENT, request="s", route="sync"))
    assert await submission.resume_submission(instant.session, sync, FAR, mine=True) == Submission(sync, reused=False)
    assert await submission.resume_submission(instant.session, sync, 0.0) == Submission(sync, reused=True)


async def test_what_another_process_left_unclear_is_looked_for(instant: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    async def reconcile(session: Session) -> None:
        nonlocal looked
        assert session is instant.session
        looked += 1
        if looked == 3:
            await session.ledger.record_job(job.job, Submitted([GenerationRow(ME, "g1")]), instant.clock.time())

    monkeypatch.setattr(submission, "reconcile", reconcile)
    job = await instant.mark(await instant.book(owner="another:1"), "another:1")
    await instant.ledger.record_job(job.job, Unanswered("another:1", "its answer was lost"), START)
    paid = await submission.resume_submission(instant.session, await instant.named(job), FAR)
    assert paid is not None and paid == Submission(await instant.named(job), reused=True)
    assert instant.clock.slept == [0.0, *submission.LOOKS[:2]]
    assert instant.counts.told == [("resolved", job.job, "running", instant.clock.time())]


@pytest.mark.parametrize(("seconds", "looks"), [(FAR, 7), (3.5, 4), (3.4, 3), (0.0, 1)])
async def test_what_is_not_found_in_time_is_said_to_be_unclear(
    instant: Scene, monkeypatch: pytest.MonkeyPatch, seconds: float, looks: int
) -> None:
    looked: list[Session] = []

    async def reconcile(session: Session) -> None:
        looked.append(session)

    monkeypatch.setattr(submission, "reconcile", reconcile)
    job = await instant.mark(await instant.book(), instant.ledger.owner)
    await instant.ledger.record_job(job.job, Unanswered(instant.ledger.owner, "its answer was lost"), START)
    with pytest.raises(SubmissionUnclear, match="its answer was lost") as caught:
        await submission.found(instant.session, job, seconds)
    assert caught.value.sent == dict(INTENT.body)
    assert len(looked) == looks and instant.clock.slept == [0.0, *submission.LOOKS][:looks]
    assert instant.counts.told == []


async def test_waiting_that_is_given_up_leaves_the_task_running(still: Scene) -> None:
    async def work() -> None:
        await still.hub.held.wait()

    task = asyncio.ensure_future(work())
    assert await wait_until(still.clock, -1.0, task) is False
    waiting = asyncio.ensure_future(wait_until(still.clock, 9.0, task))
    await until(lambda: still.clock.sleepers)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not task.done() and still.clock.sleepers == 0
    still.hub.held.set()
    assert await wait_until(still.clock, 9.0, task) is True
    assert still.clock.sleepers == 0 and not task.cancelled()
