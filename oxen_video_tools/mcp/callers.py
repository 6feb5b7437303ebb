"""Who calls, and which studio is theirs.

Over stdio there is one caller: the person who started the server, with the key of its process. Over HTTP every
caller brings an Oxen key; what one key asked for is seen, waited for, cancelled and paid by that key alone, because
each has a studio of its own. A request without a key never falls back to the process's key, unless `http.py` has said
that it may (`LOCAL` in the request's scope).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..errors import RateLimited, Unauthenticated, foreseen

if TYPE_CHECKING:
    from ..studio import AsyncStudio

SCOPE = "oxen_video_tools.caller"  # where `http.py` leaves the caller in a request's ASGI scope
LONGEST_KEY = 4096  # bytes; nobody's key is longer


@dataclass(frozen=True)
class Caller:
    """key: the caller's Oxen key; None for whoever runs this process."""

    key: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """For logs, folders and limits: tells callers apart and gives no key away."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16] if self.key else "local"


LOCAL = Caller()


def reach(caller: Caller) -> Literal["roots", "nowhere"]:
    """Where this caller's local inputs may lie: a file of this machine is nothing to somebody on another one."""
    return "roots" if caller == LOCAL else "nowhere"


OpenStudio = Callable[[Caller], AbstractAsyncContextManager["AsyncStudio"]]


def key_in(headers: Mapping[str, str]) -> str | None:
    """The Oxen key that a request brings: `X-Oxen-Api-Key`, else the bearer token."""
    key = headers.get("x-oxen-api-key", "").strip()
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if not key and scheme.lower() == "bearer":
        key = token.strip()
    return key if key and len(key) <= LONGEST_KEY and key.isprintable() else None


def caller_of(request: Any) -> Caller:
    """Who sent this message. `request` is None on stdio. Raises Unauthenticated for a request without a key."""
    if request is None:
        return LOCAL
    caller = request.scope.get(SCOPE)
    if isinstance(caller, Caller):
        return caller
    key = key_in(request.headers)
    if key is None:
        raise Unauthenticated(
            "This server needs your own Oxen API key with every request.",
            fix="Send it as `Authorization: Bearer <key>` or as `X-Oxen-Api-Key: <key>`.",
        )
    return Caller(key)


@dataclass
class _Room:
    studio: AsyncStudio
    door: AbstractAsyncContextManager[AsyncStudio]
    guests: int = 0


class Studios:
    """The studio of each caller: opened for the first call that needs it, closed when others need the place.

    most: how many may be open at once. Raises RateLimited when all of them are at work.
    """

    def __init__(self, open_studio: OpenStudio, *, most: int = 256) -> None:
        self._open = open_studio
        self._most = most
        self._rooms: OrderedDict[Caller, _Room] = OrderedDict()
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def of(self, caller: Caller) -> AsyncIterator[AsyncStudio]:
        """The caller's studio, kept open while the block runs."""
        room = await self._room(caller)
        room.guests += 1
        try:
            yield room.studio
        finally:
            room.guests -= 1

    async def _room(self, caller: Caller) -> _Room:
        if caller not in self._rooms:
            async with self._opening:
                if caller not in self._rooms:
                    await self._make_place()
                    door = self._open(caller)
                    with foreseen():
                        self._rooms[caller] = _Room(await door.__aenter__(), door)
        self._rooms.move_to_end(caller)
        return self._rooms[caller]

    async def _make_place(self) -> None:
        if len(self._rooms) < self._most:
            return
        for caller, room in self._rooms.items():  # the longest unused first
            if not room.guests:
                del self._rooms[caller]
                await room.door.__aexit__(None, None, None)
                return
        raise RateLimited("This server is serving as many callers as it can.", retry_after=30.0)

    async def close(self) -> None:
        """Close every studio; paid requests that are on their way are waited for."""
        while self._rooms:
            _, room = self._rooms.popitem()
            await room.door.__aexit__(None, None, None)
