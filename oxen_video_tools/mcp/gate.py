"""The door of the HTTP server: who calls, with which key, and how often.

A caller brings an Oxen key (`Authorization: Bearer …` or `X-Oxen-Api-Key: …`) and acts with that key alone. Callers
without one are turned away with 401, unless the operator lets them use the process's own key.
"""

from __future__ import annotations

import ipaddress
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
from .callers import LOCAL, SCOPE, Caller, key_in

if TYPE_CHECKING:
    from ..clock import Clock
    from .options import Options

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
MOST_CALLERS = 10_000  # whose pace is remembered


class Gate:
    """An ASGI app before the MCP endpoint.

    here: the server is bound to loopback.  free: nothing costs anything (the sandbox), so nobody needs a key.
    """

    def __init__(self, app: ASGIApp, options: Options, *, clock: Clock, here: bool = False, free: bool = False) -> None:
        self._app = app
        self._own_key = (here or free) if options.own_key is None else options.own_key
        self._only_here = options.own_key is None and not free
        self._pace = Pace(options.rate, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = self._admit(scope)
            self._pace.count(caller.name)
        except OxenError as error:
            await refusal(error)(scope, receive, send)
            return
        scope = {**scope, SCOPE: caller}
        if caller.key:  # sessions of the old protocol then belong to this caller
            token = AccessToken(token=caller.key, client_id="oxen-api-key", subject=caller.name, scopes=[])
            scope["user"] = AuthenticatedUser(token)
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        key = key_in(headers)
        if key is not None:
            return Caller(key)
        if self._own_key and (not self._only_here or sent_from_here(scope, headers)):
            return LOCAL
        raise Unauthenticated(
            "This server needs your own Oxen API key with every request.",
            fix="Send it as `Authorization: Bearer <key>` or as `X-Oxen-Api-Key: <key>`.",
            status_code=401,
        )


def sent_from_here(scope: Scope, headers: Headers) -> bool:
    """Whether the request comes from this machine itself, and not through a proxy on it."""
    client = scope.get("client")
    if client is None or any(name in headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


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
