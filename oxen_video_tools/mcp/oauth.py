"""Tokens of an identity provider in place of Oxen keys (OAuth 2.1; protected resource metadata, RFC 9728).

A token has to be made for this server (its audience is `…/mcp`) by the configured issuer. It says who calls and is
never passed on: the hub is paid with this process's key, or with the one that the caller sends in `X-Oxen-Api-Key`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.auth.settings import AuthSettings
from pydantic import AnyHttpUrl

from ..errors import HubUnavailable, InvalidRequest, OxenError, Unauthenticated
from ..settings import LOOPBACK
from .admission import MOST, digest
from .callers import USER, Caller

if TYPE_CHECKING:
    from starlette.routing import Route

    from ..clock import Clock
    from .settings import ServerSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
VERIFIED = 300.0  # seconds that a token is believed without another look; one that was revoked lives no longer
KEYS = 600.0  # seconds that the issuer's keys are used without being read again
AGAIN = 60.0  # seconds at least between two readings of its keys
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
        self._read_at = float("-inf")
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
            token=hashlib.sha256(token.encode()).hexdigest(),  # nobody further in needs the token itself
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
