"""Jobs in the ledger whose ids nobody told: given what was found for them, sent again or written off by a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...errors import InvalidRequest
from .booking import AGAIN, DAY, afford, arrived, end, lock_account_of
from .records import JOB_COLUMNS, LOCAL, Clip, Job
from .steps import Steps, clips, clips_of, in_state, job_named, whole


def adopt(
    finds: Mapping[str, Sequence[Clip]],
    considered: Sequence[str],
    rivals: Callable[[Job], bool],
    now: float,
) -> Steps[bool]:
    """Give unclear and nameless jobs the generations that were found for them; all or none.

    considered: the jobs that were counted when the finds were made.  rivals: whether a job that came up since might
    claim one of them too; then the counting has to be done again. False: nothing was written.
    """
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
            yield from arrived(one.job, finds[one.job], now)
    return True


def idless(scope: str, now: float) -> Steps[list[Job]]:
    """Jobs without an id of the hub's: those that are sending, and of the last 24 h those of the blocking route."""
    jobs = yield from in_state(scope, ["sending"])
    rows = yield (
        "select distinct job from clips where scope = ? and generation_id like ? and job is not null and created > ?",
        (scope, f"{LOCAL}%", now - DAY),
    )
    for (job,) in rows:
        found = yield from job_named(job)
        if found is not None:
            jobs.append(found)
    return [job for job in jobs if job.sent is not None]


def sought(scope: str, now: float) -> Steps[list[Job]]:
    """Jobs of the last 24 h that may have made more videos than the ledger knows: given up or sent again by a person,
    or answered with fewer ids than videos. They are looked for, although nobody waits for them.
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


def add_found(job: str, found: Sequence[Clip], now: float) -> Steps[bool]:
    """More generations of a job that is `sought`. False: somebody else has one of them by now."""
    scope = yield from lock_account_of(job)
    taken = yield from clips(scope, [clip.generation_id for clip in found])
    if any(clip.job is not None for clip in taken.values()):
        return False
    yield from arrived(job, [*(yield from clips_of(job)), *found], now)
    return True


def _named(job: Job, generation_ids: Sequence[str]) -> Steps[None]:
    """Its clips get the hub's ids, and keep their files."""
    for clip, generation_id in zip((yield from clips_of(job.job)), generation_ids, strict=True):
        yield "delete from clips where scope = ? and generation_id = ?", (job.scope, generation_id)
        yield (
            "update clips set generation_id = ? where scope = ? and generation_id = ?",
            (generation_id, job.scope, clip.generation_id),
        )


def adopt_by_hand(job: str, found: Sequence[Clip], now: float) -> Steps[Job]:
    """A person says that these generations are it."""
    unclear = yield from _unclear_one(job, now)
    taken = yield from clips(unclear.scope, [clip.generation_id for clip in found])
    for clip in taken.values():
        if clip.job is not None:
            raise InvalidRequest(f"{clip.generation_id} belongs to job {clip.job}.", fix="Name another generation.")
    yield from arrived(job, found, now)
    adopted = yield from job_named(job)
    assert adopted is not None
    return adopted


def reopen(job: str, owner: str, now: float, lease: float, budget: int | None) -> Steps[Job]:
    """A person decided to send an unclear job again: its reservation is checked anew. It is no `planned` one, for it
    may have been sent: whoever finds it after a crash finds it unclear.
    """
    found = yield from _unclear_one(job, now)
    yield "update jobs set state = 'planned', lease = 0, owner = null where job = ?", (job,)
    yield from afford(found.scope, found.reserved, now, budget)
    yield (
        "update jobs set state = 'sending', owner = ?, lease = ?, note = ? where job = ?",
        (owner, now + lease, AGAIN, job),
    )
    again = yield from job_named(job)
    assert again is not None
    return again


def write_off(job: str, now: float, *, forgotten: bool = False) -> Steps[Job]:
    """A person gave it up. What it may have cost still counts for its 24 h: nobody said that it cost nothing.

    forgotten: it has ids, and the hub does not know them any more.
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


def note(job: str, words: str, now: float) -> Steps[None]:
    """Why it could not be found, for whoever asks next. Whoever was sending it again and lost its lease has no say
    in it any more: a refusal of the second sending says nothing of the first.
    """
    yield (
        """update jobs set owner = case when note = ? then null else owner end, note = ?
            where job = ? and state = 'sending' and lease <= ?""",
        (AGAIN, words, job, now),
    )
