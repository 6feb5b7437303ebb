"""Several small connection pools instead of a large one.

httpx looks at all connections of a pool twice for each request, and for each idle one at all of them once more: with a
hundred connections that takes ten times as long as the request itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

SMALL = 4  # requests at once through one pool, while there is room in another
MOST = 16  # pools


@dataclass
class Pool:
    """A client, and how many requests are under way through it."""

    client: httpx.AsyncClient
    busy: int = 0


class Pools:
    """Hands out the client with room.

    kept: seconds that a connection may be idle before it is used again; None: no connection is used twice.
    """

    def __init__(self, make: Callable[[httpx.Limits], httpx.AsyncClient], *, kept: float | None) -> None:
        self._make, self._kept = make, kept
        self._pools: list[Pool] = []

    @contextmanager
    def client(self) -> Iterator[httpx.AsyncClient]:
        """For one request."""
        pool = self._with_room()
        pool.busy += 1
        try:
            yield pool.client
        finally:
            pool.busy -= 1

    def _with_room(self) -> Pool:
        for pool in self._pools:  # the first first: its connections are the warmest
            if pool.busy < SMALL:
                return pool
        if len(self._pools) >= MOST:
            return min(self._pools, key=lambda pool: pool.busy)
        kept = SMALL if self._kept else 0
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=kept, keepalive_expiry=self._kept)
        self._pools.append(Pool(self._make(limits)))
        return self._pools[-1]

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            await self._pools.pop().client.aclose()
