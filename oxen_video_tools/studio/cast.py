"""The cast of an account: kept by name, with pictures by their content, and found by any later request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import InputUnreadable, InvalidRequest, NotFound, invalid_arguments
from ..files import atomic_file
from ..ledger.accounts import KeptMember
from ..request import Member, VideoRequest
from .local_files import KEPT, Files, cast_folder, opened
from .media_inputs import fingerprint, is_generation, is_url, split_part

if TYPE_CHECKING:
    from pathlib import Path

    from ..settings import Settings
    from .session import Session


def to_member(member: Member | None, words: dict[str, Any]) -> Member:
    """The member itself, or one made of keyword arguments. Raises InvalidRequest with every problem."""
    if member is not None:
        if words:
            raise InvalidRequest(f"Give a member or {', '.join(sorted(words))}, not both.")
        return member
    try:
        return Member(**words)
    except ValidationError as error:
        raise invalid_arguments(error) from None


async def keep(session: Session, member: Member, files: Files = "anywhere") -> KeptMember:
    """Keep a member under its name; one of that name is replaced. Local pictures are copied, by their content.

    Raises InvalidRequest for one without look and images, InputNotAllowed, InputUnreadable.
    """
    if not member.look and not member.images:
        raise InvalidRequest(
            f"{member.name} has neither look nor images.", fix="Say what it looks like, or show it: both can be given."
        )
    images = [await _kept(session, one, files) for one in member.images]
    kept = KeptMember(member.name, member.look, tuple(images), member.real_face, session.clock.time())
    await session.ledger.keep_member(await session.scope(), kept)
    return kept


async def _kept(session: Session, reference: str, files: Files) -> str:
    base, part = split_part(reference)
    if is_generation(base) or is_url(base):
        await fingerprint(session, reference, files)  # refuses what is no https URL
        return reference
    copied = await asyncio.to_thread(_copied, base, session.settings, files)
    return copied + (reference[len(base) :] if part else "")


def _copied(reference: str | Path, settings: Settings, files: Files) -> str:
    from hashlib import sha256

    with opened(reference, settings, files) as found:
        content = found.content()
    digest = sha256(content).hexdigest()
    folder = cast_folder(settings)
    place = folder / digest
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not place.exists():
            with atomic_file(place) as part:
                part.write_bytes(content)
    except OSError as error:
        raise InputUnreadable(f"{reference} can't be kept: {error.strerror or error}.", fix="Make room.") from None
    return f"{KEPT}{digest}"


async def members(session: Session) -> list[KeptMember]:
    """Everybody who is kept, by name."""
    return list((await session.ledger.members(await session.scope())).values())


async def member(session: Session, name: str) -> KeptMember:
    """One of them. Raises NotFound."""
    found = await session.ledger.members(await session.scope(), [name])
    if name.casefold() not in found:
        raise await _nobody(session, name)
    return found[name.casefold()]


async def forget(session: Session, name: str) -> None:
    """Keep a member no longer. Its pictures stay where they lie: other members may share them. Raises NotFound."""
    if not await session.ledger.forget_member(await session.scope(), name):
        raise await _nobody(session, name)


async def _nobody(session: Session, name: str) -> NotFound:
    others = [one.name for one in await members(session)]
    fix = f"There are {', '.join(others)}." if others else "Keep one first: oxen-video cast add NAME --look …"
    return NotFound(f"Nobody called {name} is kept.", fix=fix)


async def resolve(session: Session, request: VideoRequest) -> VideoRequest:
    """The request with everything that is kept of members who are only named, or of whom only part is said."""
    bare = [one.name for one in request.cast if not one.look or not one.images]
    if not bare:
        return request
    kept = await session.ledger.members(await session.scope(), bare)
    if not kept:
        return request
    filled = [_filled(one, kept.get(one.name.casefold())) for one in request.cast]
    return request.model_copy(update={"cast": filled})


def _filled(given: Member, kept: KeptMember | None) -> Member:
    """What is said now wins. A look that is another than the kept one is another person: her pictures stay out."""
    if kept is None or (given.look and given.look != kept.look):
        return given
    return given.model_copy(
        update={
            "name": kept.name,
            "look": given.look or kept.look,
            "images": given.images or list(kept.images),
            "real_face": kept.real_face if given.real_face is None else given.real_face,
        }
    )
