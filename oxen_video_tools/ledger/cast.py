"""The cast that an account keeps: members by name, whatever its letter case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .transactions import Row, Steps, read

_COLUMNS = "name, look, images, real_face, created"


@dataclass(frozen=True)
class KeptMember:
    """One member as it was kept. images: references; a local file is kept as `cast:SHA256`.  created: Unix seconds."""

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


def kept_members(scope: str) -> Steps[list[KeptMember]]:
    """All of them, by name."""
    rows = yield f"select {_COLUMNS} from cast_members where scope = ? order by key", (scope,)
    return [_member(row) for row in rows]


def members_named(scope: str, names: Sequence[str]) -> Steps[dict[str, KeptMember]]:
    """Those of these names that there are, by the name in small letters."""
    found: dict[str, KeptMember] = {}
    for name in names:
        rows = yield f"select {_COLUMNS} from cast_members where scope = ? and key = ?", (scope, name.casefold())
        if rows:
            found[name.casefold()] = _member(rows[0])
    return found


def forget_member(scope: str, name: str) -> Steps[bool]:
    """Whether there was one."""
    rows = yield "select key from cast_members where scope = ? and key = ?", (scope, name.casefold())
    yield "delete from cast_members where scope = ? and key = ?", (scope, name.casefold())
    return bool(rows)


def _member(row: Row) -> KeptMember:
    name, look, images, face, created = row
    return KeptMember(name, look, tuple(json.loads(images)), None if face is None else bool(face), created)


read(kept_members, members_named)
