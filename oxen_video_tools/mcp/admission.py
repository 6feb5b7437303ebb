"""Admission, before any work is done: a caller's key must be proven at the hub, and its requests are limited.

A proof is one small call to the hub, remembered for a while. Unproven callers are counted by their address, so that a
flood of invented keys costs the server and the hub very little, and proven callers nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..clock import wait_until
from ..errors import HubUnavailable, OxenError, RateLimited, Unauthenticated
from .settings import Network

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

    from ..clock import Clock
    from ..settings import Settings
    from .callers import Caller
    from .settings import Network


PROVEN = 600.0  # seconds that a proof holds
REFUSED = 60.0  # seconds that a refusal holds
MOST = 10_000  # proofs, and as many refusals, that are remembered
AT_ONCE = 16  # concurrent proofs
PATIENCE = 5.0  # seconds for one proof


class Proofs:
    """Which keys the hub knows. ask: asks the hub with a caller's key; raises Unauthenticated for one it refuses."""

    def __init__(self, ask: Callable[[Caller], Awaitable[None]], clock: Clock, *, at_once: int = AT_ONCE) -> None:
        self._ask = ask
        self._clock = clock
        self._at_once = at_once
        self._proven: OrderedDict[bytes, float] = OrderedDict()  # digest of the key → until
        self._refused: OrderedDict[bytes, float] = OrderedDict()  # separate, so that refusals do not evict proofs
        self._asking: dict[bytes, asyncio.Task[None]] = {}

    def known(self, caller: Caller) -> bool:
        """Whether the caller needs no proof: it pays with this process's key, or its own was proven recently."""
        return caller.key is None or self._proven.get(digest(caller.key), 0) > self._clock.monotonic()

    async def check(self, caller: Caller) -> None:
        """Return if the caller is proven.

        Raises Unauthenticated for a key that the hub refuses, RateLimited for too many concurrent proofs, and
        HubUnavailable if the hub can't answer. Calls with the same key share one proof.
        """
        if caller.key is None or self.known(caller):
            return
        key = digest(caller.key)
        if self._refused.get(key, 0) > self._clock.monotonic():
            raise _no_such_key()
        asking = self._asking.get(key)
        if asking is None:
            if len(self._asking) >= self._at_once:
                raise RateLimited(
                    "Too many new callers at once.", retry_after=5.0, status_code=429, fix="Wait, then call again."
                )
            asking = self._asking[key] = asyncio.create_task(self._prove(caller, key))
            asking.add_done_callback(lambda done: (self._asking.pop(key, None), done.cancelled() or done.exception()))
        await asyncio.shield(asking)

    async def _prove(self, caller: Caller, key: bytes) -> None:
        try:
            await self._ask(caller)
        except Unauthenticated:
            self._proven.pop(key, None)
            _remember(self._refused, key, self._clock.monotonic() + REFUSED)
            raise _no_such_key() from None
        except RateLimited:
            raise
        except OxenError as error:
            if key in self._proven:  # it was good when the hub last answered
                _remember(self._proven, key, self._clock.monotonic() + REFUSED)
                return
            raise HubUnavailable("The hub can't say just now whether this key is good.", status_code=503) from error
        _remember(self._proven, key, self._clock.monotonic() + PROVEN)

    def forget(self, caller: Caller) -> None:
        """The hub refused this key: it has to be proven again."""
        if caller.key is not None:
            self._proven.pop(digest(caller.key), None)


def digest(key: str) -> bytes:
    """A digest of a key or token: it can be recognised, but not used."""
    return hashlib.sha256(key.encode()).digest()


def _remember(kept: OrderedDict[bytes, float], key: bytes, until: float) -> None:
    kept[key] = until
    kept.move_to_end(key)
    while len(kept) > MOST:
        kept.popitem(last=False)


def _no_such_key() -> Unauthenticated:
    return Unauthenticated(
        "The hub does not know this Oxen API key.", fix="Send a key from your settings at oxen.ai.", status_code=401
    )


def asking_the_hub(settings: Callable[[], Awaitable[Settings]], clock: Clock) -> Callable[[Caller], Awaitable[None]]:
    """What `Proofs` asks: a small listing that needs a key (Oxen docs, async queue: `GET /api/ai/queue`)."""

    async def ask(caller: Caller) -> None:
        from ..hub import HubClient

        where = await settings()
        async with HubClient(api_key=caller.key, base_url=where.base_url, deadline=PATIENCE, clock=clock) as hub:
            await hub.list(status="queued")

    return ask


class AtOnce:
    """How many requests of each caller are being answered. Raises RateLimited for one too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: Counter[str] = Counter()

    @asynccontextmanager
    async def one(self, caller: str) -> AsyncIterator[None]:
        """While the block runs, one more of this caller's."""
        if self._running[caller] >= self._most:
            raise RateLimited(
                f"{self._most} calls of yours are running.",
                fix="Let some of them end first; wait_seconds=0 answers at once.",
                retry_after=5.0,
                status_code=429,
            )
        self._running[caller] += 1
        try:
            yield
        finally:
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]


def address_of(scope: Scope, headers: Mapping[str, str], proxies: Sequence[Network] = ()) -> str:
    """The address that a request comes from, only for limits: it proves nothing. IPv6 counts by its /64 network.

    proxies: those whose `X-Forwarded-For` is believed, from the last entry on.
    """
    client = scope.get("client")
    place = _parsed(client[0]) if client else None
    if place is not None and _among(place, proxies):
        for named in reversed(headers.get("x-forwarded-for", "").split(",")):
            further = _parsed(named.strip())
            if further is None:
                break
            place = further
            if not _among(place, proxies):
                break
    if place is None:
        return "unknown"
    if isinstance(place, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((place, 64), strict=False))
    return str(place)


def from_proxy(client: tuple[str, int] | None, proxies: Sequence[Network]) -> bool:
    """Whether a connection comes from one of the proxies."""
    place = _parsed(client[0]) if client else None
    return place is not None and _among(place, proxies)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        place = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(place, "ipv4_mapped", None) or place


def _among(place: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Sequence[Network]) -> bool:
    return any(place in network for network in networks)


class BodyTooSlow(Exception):  # never leaves the gate
    """A request's body did not arrive in time."""


def in_time(receive: Receive, clock: Clock, seconds: float) -> Receive:
    """`receive`, but the whole body has to arrive within so many seconds; raises BodyTooSlow."""
    ends = clock.monotonic() + seconds
    whole = False

    async def bounded() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        message = asyncio.ensure_future(receive())
        try:
            if not await wait_until(clock, ends, message):
                raise BodyTooSlow
            arrived = message.result()
        finally:
            message.cancel()
        whole = arrived["type"] != "http.request" or not arrived.get("more_body", False)
        return arrived

    return bounded


# Limits on connections: headers have to arrive in time, and each address may hold only a share of the connections.


def bounded_protocol(
    *, seconds: float, most: int, per_address: int, proxies: Sequence[Network] = ()
) -> type[H11Protocol]:
    """Uvicorn's HTTP protocol with these limits.

    seconds: for the headers of a request.
    most: connections in all.
    per_address: from one address.
    proxies: addresses that may hold as many as there are.
    """
    held: Counter[str] = Counter()

    class Bounded(H11Protocol):
        _alarm: asyncio.TimerHandle | None = None
        _address = ""  # "" while it is not counted

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
            super().connection_made(transport)
            self._address = address_of({"client": self.client}, {})
            held[self._address] += 1
            too_many = held[self._address] > per_address and not from_proxy(self.client, proxies)
            if too_many or len(self.connections) > most:
                transport.abort()
                return
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            held[self._address] -= 1
            if not held[self._address]:
                del held[self._address]
            super().connection_lost(exc)

        def _watch(self) -> None:
            """A timer runs while headers are awaited; more bytes of them do not restart it."""
            if self.conn.their_state is not h11.IDLE:
                self._unwatch()
            elif self._alarm is None:
                self._alarm = self.loop.call_later(seconds, self._too_slow)

        def _unwatch(self) -> None:
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

        def _too_slow(self) -> None:
            self._alarm = None
            if not self.transport.is_closing():
                self.transport.abort()

    return Bounded
