"""The door of the HTTP server: who calls, with which key, and how often.

A caller brings an Oxen key (`Authorization: Bearer …` or `X-Oxen-Api-Key: …`) and acts with that key alone, or the
server's own token (`Authorization: Bearer oxv_…`) and acts as its owner, on the process's key and files. Callers with
neither are turned away with 401, unless the operator lends everybody the key with OXEN_VIDEO_MCP_OWN_KEY=1. Where a
request seems to come from proves nothing and is not looked at.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, AuthorizationContext, authorization_context
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import OxenError, RateLimited, Unauthenticated
from .admission import AtOnce, BodyTooSlow, address_of, in_time
from .callers import GUEST, PREFIX, SCOPE, Caller, bearer_in, caller_in, nobody

if TYPE_CHECKING:
    from ..clock import Clock
    from .oauth import IdentityProvider
    from .service import Service

BODY = 30.0  # seconds in which the body of a request has to arrive
SHUT = {"Connection": "close"}
MOST_CALLERS = 10_000  # whose pace is remembered


class AuthMiddleware:
    """An ASGI app before the MCP endpoint.

    The cheapest checks come first, and what they refuse is counted nowhere that a caller could feel: the headers that
    browsers are held to; then the credential; then, by address, callers that are not proven yet; then the caller's own
    limits. allowed: hosts and web pages.  owners: of each session that is open.
    provider: who else may say who a caller is; its tokens are then needed in place of keys.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: Service,
        allowed: TransportSecuritySettings,
        owners: Callable[[], Iterable[AuthorizationContext]],
        provider: IdentityProvider | None = None,
    ) -> None:
        self._app = app
        self._service = service
        self._options = options = service.options
        self._checks = TransportSecurityMiddleware(allowed)
        self._owners = owners
        self._provider = provider
        self._pace = RateLimiter(options.rate, service.clock)
        self._strangers = RateLimiter(options.unproven, service.clock)
        self._at_once = AtOnce(options.calls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        refused = await self._checks.validate_request(request, is_post=request.method == "POST")
        if refused is not None:
            await refused(scope, receive, send)
            return
        try:
            caller, bucket = await self._admitted(scope, request.headers)
            user = AuthenticatedUser(
                AccessToken(
                    token=caller.name, client_id=f"{caller.local} {caller.user}", subject=caller.name, scopes=[]
                )
            )
            if self._opens_session(request):
                self._count_sessions(user)
            post = request.method == "POST"  # the streams of GET are one a session
            async with self._at_once.one(bucket) if post else nullcontext():
                # sessions of the old protocol belong to the caller that opened them
                scope = {**scope, SCOPE: caller, "user": user}
                await self._app(scope, in_time(receive, self._service.clock, BODY), send)
        except BodyTooSlow:
            await PlainTextResponse("The request took too long to arrive.", 408, SHUT)(scope, receive, send)
        except OxenError as error:
            challenge = self._provider.challenge(error) if self._provider else None
            await refusal(error, challenge)(scope, receive, send)

    async def _admitted(self, scope: Scope, headers: Headers) -> tuple[Caller, str]:
        """The caller, proven and within its pace, and the bucket that its requests are counted in."""
        address = address_of(scope, headers, self._options.proxies)
        caller = await self._named(headers, address)
        if not self._service.proofs.known(caller):
            self._strangers.count(address)
            await self._service.proofs.check(caller)
        # a web page has a bucket apart from its user's other clients
        bucket = f"{caller.name} {headers.get('origin', '')} {address if caller == GUEST else ''}"
        self._pace.count(bucket)
        return caller, bucket

    async def _named(self, headers: Headers, address: str) -> Caller:
        try:
            caller = caller_in(headers, self._options.token, provided=self._provider is not None)
            bearer = bearer_in(headers)
            if self._provider is not None and bearer and not bearer.startswith(PREFIX):
                if not self._provider.known(bearer):
                    self._strangers.count(address)
                return await self._provider.caller(bearer, paying=caller)
            if (caller is None or (self._provider and not caller.local)) and not self._options.own_key:
                raise nobody()
        except Unauthenticated:
            self._strangers.count(address)  # guesses are few
            raise
        return caller or GUEST

    def _opens_session(self, request: Request) -> bool:
        version = request.headers.get("mcp-protocol-version")
        old = version is None or version in HANDSHAKE_PROTOCOL_VERSIONS
        return old and not self._options.stateless and "mcp-session-id" not in request.headers

    def _count_sessions(self, user: AuthenticatedUser) -> None:
        mine, most = authorization_context(user), self._options.caller_sessions
        if sum(owner == mine for owner in self._owners()) >= most:
            raise RateLimited(
                f"You have {most} sessions open on this server.",
                fix="End sessions with DELETE /mcp, or use one for several calls.",
                retry_after=60.0,
                status_code=429,
            )


def refusal(error: OxenError, challenge: str | None = None) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The error as an HTTP answer that MCP clients and people can read."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = challenge or 'Bearer realm="oxen-video"'
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    status = (
        error.status_code
        if error.status_code == 403
        else {"unauthenticated": 401, "rate_limited": 429, "hub_unavailable": 503}.get(error.kind, 400)
    )
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": error.message, "data": error.answer()}}
    return JSONResponse(body, status_code=status, headers=headers)


class RateLimiter:
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
