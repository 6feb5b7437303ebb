"""Jobs: what is written before, right before and right after the paid POST, and what becomes of lost answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Literal, NamedTuple
from uuid import uuid4

from ..errors import InvalidRequest, OverBudget, Paused
from .records import (
    ENDED,
    FREED,
    INSERT_CLIP,
    JOB_COLUMNS,
    LOCAL,
    UNPAID,
    Booking,
    GenerationRow,
    Intent,
    Job,
    State,
    dollars,
    said,
    to_json,
)
from .transactions import Steps, clips, clips_of, find_jobs, is_paused, job_for_take, job_named, whole

DAY = 86_400.0  # seconds; the window of the budget
RESENT = "a person has it sent again"
FIRST = "sent again as {}"  # the note of a first sending
# What the hub billed for a job, once it has billed every generation. A paid video without a known id counts with its
# share of the reservation.
TOTAL_COST = """cost = (select case when count(*) = count(cost) then sum(cost)
    + case when count(*) < jobs.expects then jobs.reserved * (jobs.expects - count(*)) / jobs.expects else 0 end end
    from clips where clips.job = jobs.job)"""
# A job that proves to be paid becomes the current job of its take again, unless another job has taken the slot.
RECLAIM_TAKE = """holds = case when exists (select 1 from jobs as rival where rival.scope = jobs.scope
    and rival.request = jobs.request and rival.take = jobs.take and rival.part = jobs.part
    and rival.holds = 1 and rival.job <> jobs.job) then 0 else 1 end"""


# What may become of a job, for `record_job`.


@dataclass(frozen=True)
class Submitted:
    """The hub answered the POST with these generations. Its answer is authoritative for the job's ids."""

    generations: Sequence[GenerationRow]


@dataclass(frozen=True)
class Unsent:
    """Nothing was spent, and the take is free.

    owner: of the reservation.
    state: "refused" if the hub said no, "dropped" if it was given up before the first byte.
    note: why.
    """

    owner: str
    state: Literal["refused", "dropped"]
    note: str


@dataclass(frozen=True)
class Unanswered:
    """It is unknown whether the request arrived: the job may be searched for, but not sent again.

    owner: of the reservation.
    note: what happened.
    """

    owner: str
    note: str


@dataclass(frozen=True)
class SearchFailed:
    """A search did not find it. note: why."""

    note: str


@dataclass(frozen=True)
class OwnerGone:
    """It is still planned, and its owner's lease has expired: it was never sent."""


JobOutcome = Submitted | Unsent | Unanswered | SearchFailed | OwnerGone


# What a person may decide about a job whose answer was lost, for `decide`.


@dataclass(frozen=True)
class Adopt:
    """These generations are it."""

    generations: Sequence[GenerationRow]


@dataclass(frozen=True)
class SendAgain:
    """It never arrived: send it again. Its reservation is checked again.

    owner: of the new reservation.
    lease: seconds.
    budget: micro-dollars over 24 h.
    """

    owner: str
    lease: float
    budget: int | None


@dataclass(frozen=True)
class WriteOff:
    """Stop looking for it. What it may have cost still counts for its 24 h.

    forgotten: it has ids, but the hub no longer knows them.
    """

    forgotten: bool = False


Decision = Adopt | SendAgain | WriteOff


def record_job(job: str, outcome: JobOutcome, now: float) -> Steps[Job | None]:
    """Record what became of a job. Returns the job as it then is; None if nothing was written, because the job is in
    another state by now or belongs to another owner.
    """
    written = True
    match outcome:
        case Submitted(generations):
            return (yield from record_submission(job, generations, now))
        case Unsent(owner, state, note):
            written = yield from unsent(job, owner, state, now, note)
        case Unanswered(owner, note):
            yield from unclear(job, owner, note)
        case SearchFailed(note):
            yield from not_found(job, note, now)
        case OwnerGone():
            written = yield from abandon(job, now)
    return (yield from job_named(job)) if written else None


def decide(job: str, decision: Decision, now: float) -> Steps[Job]:
    """Carry out what a person decided about an unclear job. Raises InvalidRequest for one that is not unclear, and for
    generations of another job; Paused, OverBudget.
    """
    match decision:
        case Adopt(generations):
            return (yield from adopt_by_hand(job, generations, now))
        case SendAgain(owner, lease, budget):
            return (yield from reopen(job, owner, now, lease, budget))
        case WriteOff(forgotten):
            return (yield from write_off(job, now, forgotten=forgotten))


def reserve(
    intents: Sequence[Intent],
    owner: str,
    now: float,
    lease: float,
    budget: int | None = None,
    *,
    film: str | None = None,
) -> Steps[list[Booking]]:
    """Find existing jobs for these intents, and insert the missing ones: one transaction under the unique index.

    A planned job whose owner is gone was never sent: it is taken over, with the current body and price. Either all
    new intents are written or none.

    budget: micro-dollars over 24 h.
    film: nothing is booked, and nothing returned, unless `owner` is making this film.
    Raises Paused, OverBudget.
    """
    yield from lock_account(intents[0].scope)
    if film is not None and not (yield from owns_film(film, owner)):
        return []
    bookings: list[Booking | None] = []
    for intent in intents:
        found = None
        if intent.take is not None:
            found = yield from job_for_take(intent.scope, intent.request, intent.take, intent.part)
        if found is not None and found.state == "planned" and not found.is_live(now):
            gone = yield from drop(found.job, now, "its owner went away before sending it")
            found = None if gone else (yield from job_named(found.job))  # it was sent in the meantime
        bookings.append(None if found is None else Booking(found, mine=False))
    new = [intent for intent, booking in zip(intents, bookings, strict=True) if booking is None]
    if new:
        yield from check_budget(intents[0].scope, sum(intent.reserved for intent in new), now, budget)
    written = []
    for intent, booking in zip(intents, bookings, strict=True):
        written.append(booking or Booking((yield from _insert(intent, owner, now, lease)), mine=True))
    return written


def owns_film(film: str, owner: str) -> Steps[bool]:
    rows = yield "select film from films where film = ? and owner = ? and state = 'open' {locked}", (film, owner)
    return bool(rows)


def lock_account(scope: str) -> Steps[None]:
    """Allow one reservation at a time for an account, so that sums and limits are read and written together."""
    yield "insert into accounts (scope) values (?) on conflict do nothing", (scope,)
    yield "select scope from accounts where scope = ? {locked}", (scope,)


def lock_account_of(job: str) -> Steps[str]:
    """The scope of a job, locked: one process at a time decides which job owns which generation."""
    rows = yield "select scope from jobs where job = ?", (job,)
    if not rows:
        raise InvalidRequest(f"The ledger has no job {job}.", fix="`oxen-video recover` lists what is unclear.")
    yield from lock_account(rows[0][0])
    return str(rows[0][0])


def check_budget(scope: str, amount: int, now: float, budget: int | None) -> Steps[None]:
    """Raises Paused, OverBudget."""
    paused = yield from is_paused()
    committed = 0 if paused or budget is None else (yield from committed_spend(scope, now))
    Funds(paused, committed).check(amount, budget)


class Funds(NamedTuple):
    """What an account may still spend.

    paused: all spending is stopped.
    committed: see `committed_spend`.
    """

    paused: bool
    committed: int

    def check(self, amount: int, budget: int | None) -> None:
        """Raise Paused or OverBudget if `amount` may not be spent. amount, budget: micro-dollars; None: no budget."""
        if self.paused:
            raise Paused("All spending is paused; nothing was sent.")
        if budget is not None and self.committed + amount > budget:
            left = dollars(max(0, budget - self.committed))
            raise OverBudget(
                f"This may cost {said(dollars(amount))}; of the budget of {said(dollars(budget))} in 24 hours "
                f"{said(left)} is left."
            )


def funds(scope: str, now: float) -> Steps[Funds]:
    """Whether spending is stopped, and what counts against the budget."""
    return Funds((yield from is_paused()), (yield from committed_spend(scope, now)))


def committed_spend(scope: str, now: float) -> Steps[int]:
    """Micro-dollars that count against the budget: 24 h from each POST, and whatever is not settled yet.

    A reservation counts while its owner may still send it, and an unclear job until it is resolved.
    """
    rows = yield (
        """select (select coalesce(sum(coalesce(cost, reserved)), 0) from jobs where scope = ?
                and state in ('planned', 'sending') and (state = 'sending' or lease > ?))
            + (select coalesce(sum(coalesce(cost, reserved)), 0) from jobs where scope = ? and sent > ?
                and state not in ('planned', 'sending', 'refused', 'dropped'))""",
        (scope, now, scope, now - DAY),
    )
    return int(rows[0][0])


def _insert(intent: Intent, owner: str, now: float, lease: float) -> Steps[Job]:
    job = str(uuid4())
    yield (
        f"insert into jobs ({JOB_COLUMNS}, holds, walked) values ({', '.join('?' * 26)})",
        (
            *(job, intent.scope, intent.request, intent.take, intent.part, intent.film, "planned", intent.route),
            *(intent.model, intent.namespace, to_json(intent.body), to_json(intent.asked), intent.expects),
            *(intent.estimate, intent.reserved, None, owner, now + lease, now, None, None, None, None, intent.call),
            *(1, now),
        ),
    )
    written = yield from job_named(job)
    assert written is not None
    return written


def mark_sending(job: str, owner: str, now: float, lease: float, hub_now: float | None = None) -> Steps[bool]:
    """Mark a job right before the first byte of each attempt, the last moment at which nothing is spent.

    False: the caller may not send it. owner: of the reservation. Raises Paused.
    """
    if (yield from is_paused()):
        raise Paused("All spending is paused; nothing was sent.")
    rows = yield (
        "select note from jobs where job = ? and owner = ? and lease > ? and state in ('planned', 'sending') {locked}",
        (job, owner, now),
    )
    if not rows or (yield from _has_clips(job)):
        return False
    if rows[0][0] == RESENT:
        yield from _remember_the_first(job, now)
    yield (
        "update jobs set state = 'sending', sent = ?, hub_sent = coalesce(hub_sent, ?), lease = ? where job = ?",
        (now, hub_now, now + lease, job),
    )
    return True


def _remember_the_first(job: str, now: float) -> Steps[None]:
    """Keep the request that a person took for lost as a job of its own: it is searched for and counted as well."""
    words = FIRST.format(job)
    if (yield "select job from jobs where note = ?", (words,)):
        return
    own = {"job": "?", "state": "'written off'", "owner": "null", "lease": "0", "ended": "?", "note": "?"}
    columns = ", ".join(own.get(name, name) for name in JOB_COLUMNS.split(", "))
    yield (
        f"insert into jobs ({JOB_COLUMNS}, holds, walked) select {columns}, 0, walked from jobs where job = ?",
        (str(uuid4()), now, words, job),
    )
    yield "update jobs set hub_sent = null where job = ?", (job,)


def _forget_the_second(job: str, now: float) -> Steps[None]:
    """Only the first request may have arrived: the job stands for that one again."""
    rows = yield "select job, sent, hub_sent from jobs where note = ?", (FIRST.format(job),)
    for first, sent, hub_sent in rows:
        yield "update jobs set sent = ?, hub_sent = ? where job = ?", (sent, hub_sent, job)
        yield from end(first, "dropped", now, "it was not sent again after all")


def renew(job: str, owner: str, now: float, lease: float) -> Steps[None]:
    """Extend the owner's lease. An expired lease is not renewed."""
    yield (
        "update jobs set lease = ? where job = ? and owner = ? and lease > ? and state in ('planned', 'sending')",
        (now + lease, job, owner, now),
    )


def _has_clips(job: str) -> Steps[bool]:
    rows = yield "select count(*) from clips where job = ?", (job,)
    return bool(rows[0][0])


def unsent(job: str, owner: str, state: State, now: float, note: str) -> Steps[bool]:
    """The hub refused it, or it was given up before the first byte: nothing is spent, and the take is free.

    If this was the second request, that says nothing about the first: the job is unclear as before.
    """
    assert state in UNPAID
    rows = yield (
        "select note from jobs where job = ? and owner = ? and state in ('planned', 'sending') {locked}",
        (job, owner),
    )
    if not rows or (yield from _has_clips(job)):
        return False
    if rows[0][0] == RESENT:
        yield from _forget_the_second(job, now)
        yield from unclear(job, owner, f"it could not be sent again: {note}")
    else:
        yield from end(job, state, now, note)
    return True


def unbooked(owner: str, now: float) -> Steps[None]:
    """Undo a reservation of this owner that was never marked, after the confirmation of its commit was lost."""
    rows = yield "select job from jobs where owner = ? and state = 'planned'", (owner,)
    for (job,) in rows:
        yield from drop(job, now, "nobody learned that it was booked")


def drop(job: str, now: float, note: str) -> Steps[bool]:
    """Release a job that was never sent. False: it is being sent, or was; its owner may have marked it since it was
    looked up.
    """
    rows = yield "select job from jobs where job = ? and state = 'planned' {locked}", (job,)
    if rows:
        yield from end(job, "dropped", now, note)
    return bool(rows)


def abandon(job: str, now: float) -> Steps[bool]:
    """A planned job whose owner is gone: it was never sent."""
    rows = yield "select job from jobs where job = ? and state = 'planned' and lease <= ? {locked}", (job, now)
    if rows:
        yield from drop(job, now, "its owner went away before sending it")
    return bool(rows)


def end(job: str, state: State, now: float, note: str | None) -> Steps[None]:
    yield (
        """update jobs set state = ?, holds = case when ? = 1 then 0 else holds end,
            reserved = case when ? = 1 then 0 else reserved end,
            owner = null, lease = 0, ended = ?, note = ? where job = ?""",
        (state, int(state in FREED), int(state in UNPAID), now, note, job),
    )


def unclear(job: str, owner: str, note: str) -> Steps[None]:
    """It is unknown whether the request arrived: it may be searched for, but not sent again."""
    yield (
        "update jobs set owner = null, lease = 0, note = ? where job = ? and owner = ? and state = 'sending'",
        (note, job, owner),
    )


def record_submission(job: str, found: Sequence[GenerationRow], now: float) -> Steps[Job]:
    """Record the hub's answer to the POST, which is authoritative for its ids. Returns the job with its ids."""
    scope = yield from lock_account_of(job)
    yield "select job from jobs where job = ? {locked}", (job,)
    ids = [clip.generation_id for clip in found]
    marks = ", ".join("?" * len(ids))
    yield f"update clips set job = null where job = ? and generation_id not in ({marks})", (job, *ids)
    others = yield (
        f"select distinct job from clips where scope = ? and job <> ? and generation_id in ({marks})",
        (scope, job, *ids),
    )
    for position, clip in enumerate(found):
        yield from _attach(scope, job, position, clip)
    for (other,) in others:
        yield from _unassign(other)
    yield (
        f"""update jobs set state = 'running', owner = null, lease = 0, ended = null, cost = null, note = null,
            {RECLAIM_TAKE} where job = ?""",
        (job,),
    )
    yield from finish_if_all_done(job, now)
    written = yield from job_named(job)
    assert written is not None
    return written


def _unassign(job: str) -> Steps[None]:
    """Its generations turned out to belong to another job: detach them and mark this job unclear. It is the current
    job of its take again, unless another job has taken the slot.
    """
    if (yield from _has_clips(job)):
        return
    yield (
        f"""update jobs set state = 'sending', ended = null, cost = null, note = 'its generation was another job''s',
            {RECLAIM_TAKE} where job = ?""",
        (job,),
    )


def _attach(scope: str, job: str, position: int, clip: GenerationRow) -> Steps[None]:
    yield (
        f"""{INSERT_CLIP} on conflict (scope, generation_id) do update set
            job = excluded.job, position = excluded.position""",
        astuple(replace(clip, scope=scope, job=job, position=position)),
    )


def finish_if_all_done(job: str, now: float) -> Steps[bool]:
    """End a job when all of its generations have ended. One success makes it a success, and keeps its take."""
    yield "select job from jobs where job = ? {locked}", (job,)  # two generations may end in two processes at once
    rows = yield "select status from clips where job = ?", (job,)
    states = {row[0] for row in rows}
    if not states or not states <= set(ENDED):
        return False
    state: State = "succeeded" if "succeeded" in states else "failed" if "failed" in states else "cancelled"
    yield from end(job, state, now, None)
    yield f"update jobs set {TOTAL_COST} where job = ?", (job,)
    return True


# Jobs without known ids: matched generations are adopted, or a person sends them again or writes them off.


def adopt(
    finds: Mapping[str, Sequence[GenerationRow]],
    considered: Sequence[str],
    rivals: Callable[[Job], bool],
    now: float,
    *,
    more: bool = False,
) -> Steps[bool]:
    """Give jobs the generations that were found for them; all or none. False: nothing was written.

    considered: the jobs that were compared when the matches were made.
    rivals: whether a newer job might match one of them, too; then the comparison has to be repeated.
    more: this is one job that made more than the ledger knew (`JobsToFind.more`), not unclear or nameless ones.
    """
    if more:
        [(job, found)] = finds.items()
        return (yield from add_found(job, found, considered, rivals, now))
    jobs = []
    scope = yield from lock_account_of(next(iter(finds)))
    for job in finds:
        rows = yield f"select {JOB_COLUMNS} from jobs where job = ? {{locked}}", (job,)
        jobs.append((yield from whole(rows[0])))
    if not all(job.is_nameless or (job.is_unclear and not job.generation_ids) for job in jobs):
        return False
    taken = yield from clips(scope, [clip.generation_id for found in finds.values() for clip in found])
    if any(clip.job is not None for clip in taken.values()):
        return False
    if any(job.is_nameless and len(job.generation_ids) != len(finds[job.job]) for job in jobs):
        return False  # the answer held more, or fewer, videos than were asked for
    others = yield from idless(scope, now)
    if any(rivals(other) for other in others if other.job not in considered):
        return False
    for one in jobs:
        if one.is_nameless:
            yield from _named(one, [clip.generation_id for clip in finds[one.job]])
        else:
            yield from record_submission(one.job, finds[one.job], now)
    return True


class JobsToFind(NamedTuple):
    """Jobs whose generations are searched for in the account.

    unclear: those without an id of the hub's.
    more: those that may have made more generations than the ledger knows.
    """

    unclear: list[Job]
    more: list[Job]


def jobs_to_find(scope: str, now: float) -> Steps[JobsToFind]:
    """What has to be searched for."""
    return JobsToFind((yield from idless(scope, now)), (yield from sought(scope, now)))


def idless(scope: str, now: float) -> Steps[list[Job]]:
    """Jobs without an id of the hub's: those that are sending, and of the last 24 h those of the blocking route."""
    jobs = yield from find_jobs(scope, states=["sending"])
    rows = yield (
        f"""select distinct job from clips where scope = ? and substr(generation_id, 1, {len(LOCAL)}) = '{LOCAL}'
            and job is not null and created > ?""",
        (scope, now - DAY),
    )
    for (job,) in rows:
        found = yield from job_named(job)
        if found is not None:
            jobs.append(found)
    return [job for job in jobs if job.sent is not None]


def sought(scope: str, now: float) -> Steps[list[Job]]:
    """Jobs of the last 24 h that may have made more videos than the ledger knows: written off or sent again by a
    person, or answered with fewer ids than videos. They are searched for, although no caller waits for them.
    """
    rows = yield (
        f"""select {JOB_COLUMNS} from jobs where scope = ? and sent > ?
            and (state = 'written off' or (expects > 1 and state in ('running', 'succeeded', 'failed', 'cancelled')))
            and (select count(*) from clips where clips.job = jobs.job) < expects order by sent, job""",
        (scope, now - DAY),
    )
    jobs = []
    for row in rows:
        job = yield from whole(row)
        if not job.is_nameless and not (job.state == "written off" and job.generation_ids):
            jobs.append(job)
    return jobs


def add_found(
    job: str,
    found: Sequence[GenerationRow],
    considered: Sequence[str],
    rivals: Callable[[Job], bool],
    now: float,
) -> Steps[bool]:
    """Add generations to a job that is `sought`.

    considered, rivals: as for `adopt`; a job that was written off must not take what a newer one may have made.
    False: nothing was written, for another job has one of them by now, or may have made it.
    """
    scope = yield from lock_account_of(job)
    taken = yield from clips(scope, [clip.generation_id for clip in found])
    if any(clip.job is not None for clip in taken.values()):
        return False
    others = [*(yield from idless(scope, now)), *(yield from sought(scope, now))]
    if any(rivals(other) for other in others if other.job != job and other.job not in considered):
        return False
    yield from record_submission(job, [*(yield from clips_of([job])).get(job, ()), *found], now)
    return True


def _named(job: Job, generation_ids: Sequence[str]) -> Steps[None]:
    """Its clips get the hub's ids, and keep their files."""
    for clip, generation_id in zip((yield from clips_of([job.job]))[job.job], generation_ids, strict=True):
        yield "delete from clips where scope = ? and generation_id = ?", (job.scope, generation_id)
        yield (
            "update clips set generation_id = ? where scope = ? and generation_id = ?",
            (generation_id, job.scope, clip.generation_id),
        )


def adopt_by_hand(job: str, found: Sequence[GenerationRow], now: float) -> Steps[Job]:
    """A person says that these generations are it."""
    unclear = yield from _unclear_one(job, now)
    taken = yield from clips(unclear.scope, [clip.generation_id for clip in found])
    for clip in taken.values():
        if clip.job is not None:
            raise InvalidRequest(f"{clip.generation_id} belongs to job {clip.job}.", fix="Name another generation.")
    yield from record_submission(job, found, now)
    adopted = yield from job_named(job)
    assert adopted is not None
    return adopted


def reopen(job: str, owner: str, now: float, lease: float, budget: int | None) -> Steps[Job]:
    """A person decided to send an unclear job again: its reservation is checked again. It does not become `planned`,
    because it may have been sent: after a crash it is unclear.
    """
    found = yield from _unclear_one(job, now)
    yield "update jobs set state = 'planned', lease = 0, owner = null where job = ?", (job,)
    yield from check_budget(found.scope, found.reserved, now, budget)
    yield (
        "update jobs set state = 'sending', owner = ?, lease = ?, note = ? where job = ?",
        (owner, now + lease, RESENT, job),
    )
    again = yield from job_named(job)
    assert again is not None
    return again


def write_off(job: str, now: float, *, forgotten: bool = False) -> Steps[Job]:
    """A person wrote it off. What it may have cost still counts for its 24 h.

    forgotten: it has ids, but the hub no longer knows them.
    """
    found = yield from _unclear_one(job, now, forgotten=forgotten)
    yield from end(job, "written off", now, "written off by hand")
    return found


def _unclear_one(job: str, now: float, *, forgotten: bool = False) -> Steps[Job]:
    yield from lock_account_of(job)
    rows = yield f"select {JOB_COLUMNS} from jobs where job = ? {{locked}}", (job,)
    found = yield from whole(rows[0])
    if forgotten and found.state == "running":
        return found
    if not found.is_unclear or found.is_live(now):
        raise InvalidRequest(f"Job {job} is {found.state}, not unclear.", fix="`oxen-video recover` lists what is.")
    return found


def not_found(job: str, words: str, now: float) -> Steps[None]:
    """Record why it could not be found. Also clears the owner of a resend whose lease expired: a refusal of the second
    request does not tell whether the first one arrived.
    """
    yield (
        """update jobs set owner = case when note = ? then null else owner end, note = ?
            where job = ? and state = 'sending' and lease <= ?""",
        (RESENT, words, job, now),
    )
