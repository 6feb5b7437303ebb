"""Authentication and rate limits of the HTTP server.

A caller sends an Oxen key (`Authorization: Bearer …` or `X-Oxen-Api-Key: …`) and acts with that key alone, or the
server's own token (`Authorization: Bearer oxv_…`) and acts as its owner, on the process's key and files. Callers with
neither get a 401, unless the operator lends the key to all callers with OXEN_VIDEO_MCP_OWN_KEY=1. The address that a
request seems to come from proves nothing and is not considered.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, AuthorizationContext, authorization_context
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import AnyHttpUrl
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import HubUnavailable, InvalidRequest, OxenError, RateLimited, Unauthenticated
from ..settings import LOOPBACK
from .admission import MOST, AtOnce, BodyTooSlow, address_of, digest, in_time
from .callers import GUEST, PREFIX, SCOPE, USER, Caller, bearer_in, caller_in, nobody

if TYPE_CHECKING:
    from starlette.routing import Route

    from ..clock import Clock
    from .service import Service
    from .settings import ServerSettings


BODY = 30.0  # seconds in which the body of a request has to arrive
SHUT = {"Connection": "close"}
MOST_CALLERS = 10_000  # whose pace is remembered


class AuthMiddleware:
    """ASGI middleware in front of the MCP endpoint.

    The cheapest checks come first, and what they refuse does not count against a caller's limits: the headers that
    browsers must send; then the credential; then, by address, unproven callers; then the caller's own limits.

    allowed: hosts and web pages.
    owners: the caller of each open session.
    provider: an identity provider, whose tokens are then needed in place of keys.
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
        if refused is None and _sent_by_another_site(request.headers):
            refused = PlainTextResponse("A web page of another site can't call this server.", 403)
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
        """The caller, proven and within its rate, and the bucket in which its requests are counted."""
        address = address_of(scope, headers, self._options.proxies)
        caller = await self._named(headers, address)
        if not self._service.proofs.known(caller):
            self._strangers.count(f"new {address}")
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
                    self._strangers.count(f"new {address}")
                return await self._provider.caller(bearer, paying=caller)
            if (caller is None or (self._provider and not caller.local)) and not self._options.own_key:
                raise nobody()
        except Unauthenticated:
            # apart: a web page can send requests without a credential, and must not hinder who brings a new one
            self._strangers.count(f"without {address}")
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


def _sent_by_another_site(headers: Headers) -> bool:
    """Whether a browser says so of a request without an Origin, such as the one for a picture in a page."""
    return "origin" not in headers and headers.get("sec-fetch-site") in ("cross-site", "same-site")


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
    """A token bucket for each caller: `a_minute` calls, refilled evenly."""

    def __init__(self, a_minute: float, clock: Clock) -> None:
        self._size = a_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller → calls left, at

    def count(self, caller: str) -> None:
        """Count a call. Raises RateLimited, with the seconds to wait, for one too many."""
        now = self._clock.monotonic()
        left, at = self._buckets.pop(caller, (self._size, now))
        left = min(self._size, left + (now - at) * self._size / 60)
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        while len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = (1 - left) * 60 / self._size
            raise RateLimited(f"More than {self._size:g} calls a minute.", retry_after=wait, status_code=429)


# Tokens of an identity provider in place of Oxen keys (OAuth 2.1; protected resource metadata, RFC 9728).
#
# A token has to be made for this server (its audience is `…/mcp`) by the configured issuer. It says who calls and
# is never passed on: the hub is paid with this process's key, or with the one that the caller sends in `X-Oxen-
# Api-Key`.

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
VERIFIED = 300.0  # seconds that a verified token is trusted; a revoked one works no longer than that
KEYS = 600.0  # seconds that the issuer's keys are used without being read again
AGAIN = 60.0  # seconds at least between two readings of its keys
PAUSE = 5.0  # seconds before an issuer that could not be reached is asked again
LEEWAY = 60.0  # seconds that two clocks may differ
LARGEST = 1024 * 1024  # bytes of an answer of the issuer's
PATIENCE = 10.0  # seconds for an answer of the issuer's
PLACES = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


class IdentityProvider:
    """The issuer in the options. Raises InvalidRequest where this server's own address is not set, or either is no
    https address (loopback aside).
    """

    def __init__(self, options: ServerSettings, clock: Clock) -> None:
        if not options.public_url or not options.issuer:
            raise InvalidRequest(
                "OXEN_VIDEO_MCP_ISSUER needs OXEN_VIDEO_MCP_PUBLIC_URL: tokens are made for this server's address.",
                fix="Set OXEN_VIDEO_MCP_PUBLIC_URL to the address that callers use.",
            )
        _checked(options.issuer)
        self._options = options
        self._clock = clock
        self.issuer = options.issuer
        self.resource = f"{options.public_url}/mcp"
        # the SDK's settings keep an address without a path as it is: issuers are compared letter by letter
        self._urls = AuthSettings.model_validate(
            {"issuer_url": self.issuer, "resource_server_url": self.resource, "validate_token_resource": True}
        )
        self._verified: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._about: dict[str, Any] | None = None
        self._keys: dict[str, Any] = {}
        self._read_at = self._failed_at = float("-inf")
        self._reading = asyncio.Lock()

    def routes(self) -> list[Route]:
        """`/.well-known/oauth-protected-resource/mcp`: which issuer's tokens are wanted here."""
        assert self._urls.resource_server_url is not None
        return create_protected_resource_routes(
            self._urls.resource_server_url,
            [self._urls.issuer_url],
            scopes_supported=list(self._options.scopes) or None,
            resource_name="Oxen video",
        )

    def challenge(self, error: OxenError) -> str:
        """The WWW-Authenticate header: where a client learns whom to ask for a token."""
        place = build_resource_metadata_url(AnyHttpUrl(self.resource))
        scope = f', scope="{" ".join(self._options.scopes)}"' if self._options.scopes else ""
        what = "insufficient_scope" if error.status_code == 403 else "invalid_token"
        return f'Bearer error="{what}", resource_metadata="{place}"{scope}'

    def known(self, token: str) -> bool:
        """Whether the token was verified lately."""
        found = self._verified.get(digest(token))
        return found is not None and found[1] > self._clock.time()

    async def caller(self, token: str, *, paying: Caller | None = None) -> Caller:
        """Whose token it is. paying: who the key in `X-Oxen-Api-Key` belongs to, if there is one.

        Raises Unauthenticated (status 401, or 403 for one that allows too little), HubUnavailable when the issuer
        can't be reached.
        """
        seen = digest(token)
        if not self.known(token):
            access = await self.verify_token(token)
            if access is None or access.subject is None:
                raise _no_such_token("The identity provider's token is not good for this server.", 401)
            if missing := set(self._options.scopes) - set(access.scopes):
                raise _no_such_token(f"The token does not allow {', '.join(sorted(missing))}.", 403)
            user = hashlib.sha256(f"{self.issuer}\0{access.subject}".encode()).hexdigest()[:16]
            until = min(self._clock.time() + VERIFIED, access.expires_at or float("inf"))
            self._verified[seen] = Caller(user=f"{USER}{user}", label=access.subject[:200]), until
            while len(self._verified) > MOST:
                self._verified.popitem(last=False)
        who = self._verified[seen][0]
        return Caller(paying.key if paying else None, user=who.user, label=who.label)

    async def verify_token(self, token: str) -> AccessToken | None:
        """The SDK's `TokenVerifier`: what a token of the issuer's for this server says; None for any other."""
        about = await self._metadata()
        if token.count(".") == 2 and about.get("jwks_uri"):
            return await self._signed(token, str(about["jwks_uri"]))
        if self._options.client and about.get("introspection_endpoint"):
            return await self._introspected(token, str(about["introspection_endpoint"]))
        return None

    async def _signed(self, token: str, place: str) -> AccessToken | None:
        import jwt

        try:
            head = jwt.get_unverified_header(token)
            if head.get("alg") not in ALGORITHMS:
                return None
            key = await self._key(str(head.get("kid", "")), place)
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=[head["alg"]],
                options={"require": ["exp", "iss", "aud", "sub"], "verify_aud": False, "verify_exp": False},
                issuer=self.issuer,
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        return self._for_us(claims, token)

    async def _introspected(self, token: str, place: str) -> AccessToken | None:
        assert self._options.client is not None
        claims = await self._fetch(place, form={"token": token}, auth=self._options.client)
        if claims.get("active") is not True or claims.get("iss", self.issuer) != self.issuer:
            return None
        return self._for_us(claims, token)

    def _for_us(self, claims: Mapping[str, Any], token: str) -> AccessToken | None:
        """What the claims say, if the token is in force and was made for this server."""
        now, audience, subject = self._clock.time(), claims.get("aud"), claims.get("sub")
        expires, begins = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or not isinstance(begins, int | float) or not isinstance(subject, str):
            return None
        if expires + LEEWAY < now or begins - LEEWAY > now or not subject:
            return None
        named = audience if isinstance(audience, list) else [audience]
        if not any(isinstance(one, str) and one.rstrip("/") == self.resource.rstrip("/") for one in named):
            return None
        allowed = claims.get("scope", claims.get("scp", ""))
        scopes = allowed.split() if isinstance(allowed, str) else [str(one) for one in allowed or ()]
        return AccessToken(
            token=hashlib.sha256(token.encode()).hexdigest(),  # nothing behind this needs the token itself
            client_id=str(claims.get("client_id") or claims.get("azp") or "unknown"),
            scopes=scopes,
            expires_at=int(expires),
            resource=self.resource,
            subject=subject,
            claims={"iss": self.issuer},
        )

    async def _key(self, kid: str, place: str) -> Any:
        """The issuer's public key of this name; its keys are read again for a new name, but not too often."""
        async with self._reading:
            age = self._clock.monotonic() - self._read_at
            if age > KEYS or (kid not in self._keys and age > AGAIN):
                import jwt

                found = await self._fetch(place)
                keys = jwt.PyJWKSet.from_dict(found).keys
                self._keys = {str(key.key_id or ""): key.key for key in keys if key.public_key_use in (None, "sig")}
                self._read_at = self._clock.monotonic()
        return self._keys.get(kid)

    async def _metadata(self) -> dict[str, Any]:
        """What the issuer says of itself (RFC 8414, or OpenID Connect discovery); read once."""
        async with self._reading:
            if self._about is None and self._clock.monotonic() - self._failed_at < PAUSE:
                raise _unreachable()
            if self._about is None:
                url = urlsplit(self.issuer)
                root, path = f"{url.scheme}://{url.netloc}", url.path.rstrip("/")
                tried = [f"{root}{PLACES[0]}{path}", f"{root}{path}{PLACES[1]}"]
                for place in tried:
                    try:
                        found = await self._fetch(place)
                    except HubUnavailable:
                        continue
                    if str(found.get("issuer", "")).rstrip("/") == self.issuer.rstrip("/"):
                        self._about = found
                        break
                else:
                    self._failed_at = self._clock.monotonic()
                    raise _unreachable()
        return self._about

    async def _fetch(self, place: str, *, form: Any = None, auth: tuple[str, str] | None = None) -> dict[str, Any]:
        """JSON from the issuer: no redirects, bounded in size and time."""
        import httpx

        _checked(place)
        try:
            with anyio.fail_after(PATIENCE):
                async with (
                    httpx.AsyncClient(follow_redirects=False, headers={"Accept-Encoding": "identity"}) as http,
                    http.stream("POST" if form else "GET", place, data=form, auth=auth) as answer,
                ):
                    if answer.status_code != 200:
                        raise _unreachable()
                    body = b""
                    async for part in answer.aiter_raw():
                        body += part
                        if len(body) > LARGEST:
                            raise _unreachable()
            found = json.loads(body)
        except (httpx.HTTPError, ValueError, RecursionError, TimeoutError) as error:
            raise _unreachable() from error
        if not isinstance(found, dict):
            raise _unreachable()
        return found


def _checked(place: str) -> None:
    url = urlsplit(place)
    if url.scheme != "https" and url.hostname not in LOOPBACK:
        raise InvalidRequest(
            f"{url.scheme}://{url.hostname} is no https address.", fix="Tokens are checked over https only."
        )


def _no_such_token(message: str, status: int) -> Unauthenticated:
    return Unauthenticated(message, fix="Ask the identity provider for a token for this server.", status_code=status)


def _unreachable() -> HubUnavailable:
    return HubUnavailable("The identity provider can't be asked just now.", status_code=503)
