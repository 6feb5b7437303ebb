"""Limits on connections: headers have to arrive in time, and nobody may hold more than a share of the connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .admission import address_of, from_proxy
from .settings import Network


def bounded_protocol(
    *, seconds: float, most: int, per_address: int, proxies: Sequence[Network] = ()
) -> type[H11Protocol]:
    """Uvicorn's HTTP protocol with these limits.

    seconds: for the headers of a request.  most: connections in all.  per_address: from one address.
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
            """While headers are awaited an alarm runs, which more bytes of them don't put off."""
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
