"""Accounts: which account a key belongs to, how two are joined, and what an account keeps (cast, files, links)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .jobs import lock_account
from .transactions import Row, Steps, batches

_COLUMNS = "name, look, images, real_face, created"  # of a member of the cast


def identity(origin: str, key_hash: str) -> Steps[str | None]:
    """The scope that this key was given."""
    rows = yield "select scope from identities where origin = ? and key_hash = ?", (origin, key_hash)
    return rows[0][0] if rows else None


def remember_identity(origin: str, key_hash: str, scope: str, stand_in: str = "") -> Steps[str]:
    """Keep the scope of a key, and return the one that counts from now on.

    The first scope that was written stays; only a key's own hash, its `stand_in`, is replaced. What was done under the
    stand-in moves to the account.
    """
    yield (
        """insert into identities (origin, key_hash, scope) values (?, ?, ?)
            on conflict (origin, key_hash) do update set scope = excluded.scope where identities.scope = ?""",
        (origin, key_hash, scope, stand_in),
    )
    kept = str((yield from identity(origin, key_hash)))
    if stand_in:
        yield from join_scopes(stand_in, kept)
    return kept


def join_scopes(old: str, new: str) -> Steps[None]:
    """Move everything of `old` to the account `new`: its jobs are found again, its spending counts for the budget.

    If both have the same take of the same request, the account's own job stays current. A generation that both know
    stays with the job that paid for it. Of files at the hub and members of the cast that both have, the account's stay.
    """
    if old == new:
        return
    for table, columns in (("uploads", "content, place"), ("cast_members", f"key, {_COLUMNS}")):
        yield (
            f"""insert into {table} (scope, {columns}) select ?, {columns} from {table} where scope = ?
                on conflict do nothing""",
            (new, old),
        )
        yield f"delete from {table} where scope = ?", (old,)
    if not (yield "select scope from accounts where scope = ?", (old,)):
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


# The cast that an account keeps: members by name, whatever its letter case.


@dataclass(frozen=True)
class KeptMember:
    """One kept member.

    images: references; a local file is kept as `cast:SHA256`.
    created: Unix seconds.
    """

    name: str
    look: str | None
    images: tuple[str, ...]
    real_face: bool | None
    created: float


def keep_member(scope: str, member: KeptMember) -> Steps[None]:
    """Keep a member; one of the same name is replaced."""
    face = None if member.real_face is None else int(member.real_face)
    values = (member.name, member.look, json.dumps(list(member.images)), face, member.created)
    key = member.name.casefold()
    yield "delete from cast_members where scope = ? and key = ?", (scope, key)
    yield (
        f"insert into cast_members (scope, key, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",
        (scope, key, *values),
    )


def members(scope: str, names: Sequence[str] | None = None) -> Steps[dict[str, KeptMember]]:
    """The kept members, or those of these names, by the name in lower case and in its order."""
    rows = yield f"select key, {_COLUMNS} from cast_members where scope = ? order by key", (scope,)
    wanted = None if names is None else {name.casefold() for name in names}
    return {key: _member(tuple(row)) for key, *row in rows if wanted is None or key in wanted}


def forget_member(scope: str, name: str) -> Steps[bool]:
    """Whether there was one."""
    rows = yield "select key from cast_members where scope = ? and key = ?", (scope, name.casefold())
    yield "delete from cast_members where scope = ? and key = ?", (scope, name.casefold())
    return bool(rows)


def _member(row: Row) -> KeptMember:
    name, look, images, face, created = row
    return KeptMember(name, look, tuple(json.loads(images)), None if face is None else bool(face), created)


# Where files of ours lie: at the hub by their content, in a repository by `repository:ID:NAME`, a joined file here by
# the id of its saving.


def kept_places(scope: str, contents: Sequence[str]) -> Steps[dict[str, str]]:
    """Where the hub has each of these, as far as it has them."""
    found: dict[str, str] = {}
    for marks, some in batches(contents):
        rows = yield f"select content, place from uploads where scope = ? and content in ({marks})", (scope, *some)
        found |= dict(rows)
    return found


def keep_place(scope: str, content: str, place: str) -> Steps[None]:
    """The hub has it there from now on."""
    yield (
        """insert into uploads (scope, content, place) values (?, ?, ?)
            on conflict (scope, content) do update set place = excluded.place""",
        (scope, content, place),
    )


def places_beginning(scope: str, beginning: str) -> Steps[dict[str, str]]:
    """Every place whose content begins like this, by content. beginning: without `%` and `_`."""
    rows = yield (
        "select content, place from uploads where scope = ? and content like ? order by content",
        (scope, f"{beginning}%"),
    )
    return {row[0]: row[1] for row in rows}


def swap_place(scope: str, content: str, seen: str | None, place: str) -> Steps[bool]:
    """Put `place` where `seen` still stands, None for nothing: of several who try, one does it."""
    if seen is None:
        rows = yield (
            """insert into uploads (scope, content, place) values (?, ?, ?)
                on conflict (scope, content) do nothing returning content""",
            (scope, content, place),
        )
    else:
        rows = yield (
            "update uploads set place = ? where scope = ? and content = ? and place = ? returning content",
            (place, scope, content, seen),
        )
    return bool(rows)


# Links that the MCP server gives: the sealed key of each caller, and how often links were revoked.


class LinkState(NamedTuple):
    """What a caller's links are checked by.

    sealed: the caller's key, sealed.
    epochs: how often links were revoked: of a video by its id, all of the caller's under "".
    """

    sealed: str | None
    epochs: Mapping[str, int]


def link_state(caller: str) -> Steps[LinkState]:
    """What is kept for the links of a caller."""
    place = _epoch(caller, "")
    rows = yield (
        "select caller, sealed from link_keys where caller = ? or caller = ? or caller like ?",
        (caller, place, f"{place} %"),
    )
    kept: dict[str, str] = dict(rows)
    sealed = kept.pop(caller, None)
    return LinkState(sealed, {named[len(place) :].lstrip(): int(number) for named, number in kept.items()})


def keep_sealed_key(caller: str, sealed: str, now: float) -> Steps[None]:
    """Keep it in the place of the one before."""
    yield (
        "insert into link_keys (caller, sealed, seen) values (?, ?, ?)"
        " on conflict (caller) do update set sealed = excluded.sealed, seen = excluded.seen",
        (caller, sealed, now),
    )


def revoke_links(caller: str, generation_id: str | None, now: float) -> Steps[None]:
    """End the caller's links to one video, or to all of them."""
    place = _epoch(caller, generation_id or "")
    rows = yield "select sealed from link_keys where caller = ?", (place,)
    yield from keep_sealed_key(place, str(int(rows[0][0]) + 1 if rows else 1), now)


def _epoch(caller: str, generation_id: str) -> str:
    return f"epoch {caller} {generation_id}".rstrip()
