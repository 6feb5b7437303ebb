"""The door of the HTTP server: who calls, with which key, and how often.

A caller brings an Oxen key (`Authorization: Bearer …` or `X-Oxen-Api-Key: …`) and acts with that key alone, or the
server's own token (`Authorization: Bearer oxv_…`) and acts as its owner, on the process's key and files. Callers with
neither are turned away with 401, unless the operator lends everybody the key with OXEN_VIDEO_MCP_OWN_KEY=1. Where a
request seems to come from proves nothing and is not looked at.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import OxenError, RateLimited, Unauthenticated
from .callers import GUEST, SCOPE, Caller, caller_in, nobody

if TYPE_CHECKING:
    from ..clock import Clock
    from .options import Options

MOST_CALLERS = 10_000  # whose pace is remembered


class Gate:
    """An ASGI app before the MCP endpoint."""

    def __init__(self, app: ASGIApp, options: Options, *, clock: Clock) -> None:
        self._app = app
        self._options = options
        self._pace = Pace(options.rate, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = self._admit(scope)
            self._pace.count(caller.name)
        except OxenError as error:
            await refusal(error)(scope, receive, send)
            return
        # sessions of the old protocol belong to the caller that opened them
        known = AccessToken(token=caller.name, client_id=f"local={caller.local}", subject=caller.name, scopes=[])
        await self._app({**scope, SCOPE: caller, "user": AuthenticatedUser(known)}, receive, send)

    def _admit(self, scope: Scope) -> Caller:
        caller = caller_in(Headers(scope=scope), self._options.token)
        if caller is not None:
            return caller
        if self._options.own_key:
            return GUEST
        raise nobody()


def refusal(error: OxenError) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The error as an HTTP answer that MCP clients and people can read."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="oxen-video"'
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    status = {"unauthenticated": 401, "rate_limited": 429}.get(error.kind, 400)
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": error.message, "data": error.answer()}}
    return JSONResponse(body, status_code=status, headers=headers)


class Pace:
    """How often each caller calls: a bucket of `a_minute` calls that fills evenly."""

    def __init__(self, a_minute: float, clock: Clock) -> None:
        self._size = a_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller → calls left, at

    def count(self, caller: str) -> None:
        """Raises RateLimited, with the seconds to wait, for a call too many."""
        now = self._clock.monotonic()
        left, at = self._buckets.pop(caller, (self._size, now))
        left = min(self._size, left + (now - at) * self._size / 60)
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        while len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = (1 - left) * 60 / self._size
            raise RateLimited(f"More than {self._size:g} calls a minute.", retry_after=wait, status_code=429)
