"""A real OAuth 2.1 authorization server on loopback: the SDK's own handlers, with registration, PKCE and consent by
whoever `user` names. Access tokens are JWTs that it signs, or opaque ones that it is asked about (RFC 7662).
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import ClientRegistrationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .serving import asgi, free_port

RESOURCE_SERVER = ("the-video-server", "its-secret")


class Issuer(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """user: who agrees to every request.  opaque: tokens that say nothing themselves."""

    def __init__(self, url: str, *, opaque: bool = False) -> None:
        self.url = url
        self.user = "ada@example.com"
        self.opaque = opaque
        self.asked = 0  # for keys or about tokens
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.kid = "one"
        self._clients: dict[str, OAuthClientInformationFull] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self.tokens: dict[str, dict[str, Any]] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self._clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        assert client_info.client_id
        self._clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = AuthorizationCode(
            code=secrets.token_urlsafe(32),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=str(client.client_id),
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=self.user,
        )
        self._codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self._codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        code = self._codes.pop(authorization_code.code)
        token = self.token(aud=code.resource, sub=code.subject, scope=" ".join(code.scopes), client_id=code.client_id)
        return OAuthToken(access_token=token, expires_in=300, scope=" ".join(code.scopes))

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        return None

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        raise NotImplementedError

    async def load_access_token(self, token: str) -> AccessToken | None:
        return None

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        raise NotImplementedError

    def token(self, **claims: Any) -> str:
        """A token as a client would get it, with these claims besides the usual ones; None leaves one out."""
        usual = {"iss": self.url, "sub": self.user, "exp": int(time.time()) + 300, "client_id": "c"}
        said = {name: value for name, value in (usual | claims).items() if value is not None}
        if self.opaque:
            token = secrets.token_urlsafe(32)
            self.tokens[token] = said
            return token
        return jwt.encode(said, self.key, algorithm="ES256", headers={"kid": self.kid})

    def app(self) -> Starlette:
        async def about(_: Request) -> Response:
            found = {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "registration_endpoint": f"{self.url}/register",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
            }
            more = (
                {"introspection_endpoint": f"{self.url}/introspect"}
                if self.opaque
                else {"jwks_uri": f"{self.url}/keys"}
            )
            return JSONResponse(found | more)

        async def keys(_: Request) -> Response:
            self.asked += 1
            key = json.loads(ECAlgorithm.to_jwk(self.key.public_key()))
            return JSONResponse({"keys": [key | {"kid": self.kid, "use": "sig", "alg": "ES256"}]})

        async def introspect(request: Request) -> Response:
            self.asked += 1
            from base64 import b64encode

            known = b64encode(":".join(RESOURCE_SERVER).encode()).decode()
            if request.headers.get("authorization") != f"Basic {known}":
                return JSONResponse({"error": "invalid_client"}, 401)
            claims = self.tokens.get(str((await request.form()).get("token")))
            return JSONResponse({"active": True, **claims} if claims else {"active": False})

        registration = ClientRegistrationOptions(enabled=True, valid_scopes=["video"], default_scopes=["video"])
        routes = [
            Route("/.well-known/oauth-authorization-server", about),
            Route("/keys", keys),
            Route("/introspect", introspect, methods=["POST"]),
            *create_auth_routes(self, AnyHttpUrl(self.url), client_registration_options=registration),
        ]
        return Starlette(routes=routes)


@contextmanager
def issuing(*, opaque: bool = False) -> Iterator[Issuer]:
    """An issuer that is being served."""
    port = free_port()
    issuer = Issuer(f"http://127.0.0.1:{port}", opaque=opaque)
    with asgi(issuer.app(), port):
        yield issuer
