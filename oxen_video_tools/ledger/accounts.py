"""Whose jobs these are: which account a key belongs to, and how one account's rows become another's."""

from __future__ import annotations

from .jobs import lock_account
from .transactions import Steps, read


def identity(origin: str, key_hash: str) -> Steps[str | None]:
    """The scope that this key was given."""
    rows = yield "select scope from identities where origin = ? and key_hash = ?", (origin, key_hash)
    return rows[0][0] if rows else None


def remember_identity(origin: str, key_hash: str, scope: str, stand_in: str = "") -> Steps[str]:
    """The first scope written wins, whoever wrote it; only a key's own hash, its `stand_in`, gives way."""
    yield (
        """insert into identities (origin, key_hash, scope) values (?, ?, ?)
            on conflict (origin, key_hash) do update set scope = excluded.scope where identities.scope = ?""",
        (origin, key_hash, scope, stand_in),
    )
    rows = yield "select scope from identities where origin = ? and key_hash = ?", (origin, key_hash)
    return str(rows[0][0])


def join_scopes(old: str, new: str) -> Steps[None]:
    """Everything of `old` becomes the account `new`'s: its jobs are found again, its spending counts for the budget.

    Where both hold the same take of the same request, the account's own job keeps it. A generation that both know
    stays with whichever of them paid for it.
    """
    if old == new or not (yield "select scope from accounts where scope = ?", (old,)):
        return  # whatever was paid or booked under a scope has locked it once
    for scope in sorted((old, new)):
        yield from lock_account(scope)
    yield (
        """update jobs set holds = 0 where scope = ? and holds = 1 and take is not null and exists (
            select 1 from jobs as rival where rival.scope = ? and rival.holds = 1 and rival.request = jobs.request
            and rival.take = jobs.take and rival.part = jobs.part)""",
        (old, new),
    )
    yield "update jobs set scope = ? where scope = ?", (new, old)
    yield (
        """delete from clips where scope = ? and job is null and exists (
            select 1 from clips as own where own.scope = ? and own.generation_id = clips.generation_id)""",
        (old, new),
    )
    yield (
        """delete from clips where scope = ? and job is null and exists (
            select 1 from clips as own where own.scope = ? and own.generation_id = clips.generation_id)""",
        (new, old),
    )
    yield (
        """update clips set scope = ? where scope = ? and not exists (
            select 1 from clips as own where own.scope = ? and own.generation_id = clips.generation_id)""",
        (new, old, new),
    )
    yield "update films set scope = ? where scope = ?", (new, old)


read(identity)
