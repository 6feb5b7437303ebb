"""The server over HTTP: a key for each caller, limits, health checks, and graceful shutdown."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import ipaddress
import json
import secrets
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from mcp.server import MCPServer
from mcp.server.streamable_http import EventStore
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..clock import Clock
from ..errors import Unauthenticated
from ..settings import Settings
from .auth import AuthMiddleware, IdentityProvider
from .callers import caller_in, kept_token
from .client_config import print_how_to_connect
from .server import NAME, build_server, installed_version, serving
from .service import Service
from .settings import LOOPBACK_HOSTS, ServerSettings
from .share_links import Playing, Revoking
from .telemetry import announce

if TYPE_CHECKING:
    import uvicorn

    from .service import Service


# Pages for a browser on this machine. A link brings the token once, as `?token=…`, and it becomes a cookie at
# once: the address bar, the history and the next request don't hold it any more.

LASTS = 12 * 3600  # seconds that the cookie is kept by the browser; it ends with the process, too
PAGES_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class WithToken:
    """Lets a browser through to `app` if it sends the token, or the cookie that the token was exchanged for."""

    def __init__(self, app: ASGIApp, token: str, allowed: TransportSecuritySettings) -> None:
        self._app = app
        self._token = token
        self._checks = TransportSecurityMiddleware(allowed)
        self._cookie = hmac.new(secrets.token_bytes(32), token.encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        answer = await self._checks.validate_request(request) or self._answer(request)
        await (answer or self._app)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        """What to send instead of the page, if anything."""
        name = f"oxen-video-{request.url.port or 0}"  # browsers send cookies to every port of a host
        if "token" in request.query_params:
            if request.method not in ("GET", "HEAD") or not _same(request.query_params["token"], self._token):
                return page("Not allowed", "This is not the token of this server.", 401)
            kept = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
            place = "/" + request.url.path.lstrip("/") + (f"?{urlencode(kept)}" if kept else "")
            answer = RedirectResponse(place, 303, headers=PAGES_HEADERS)
            secure = request.url.scheme == "https"
            answer.set_cookie(name, self._cookie, LASTS, httponly=True, samesite="strict", secure=secure)
            return answer
        if _same(request.cookies.get(name, ""), self._cookie):
            return None
        try:
            caller = caller_in(request.headers, self._token)
        except Unauthenticated:
            caller = None
        if caller is not None and caller.local:
            return None
        return page("Not allowed", "Open this page with the link that the server printed when it started.", 401)


class Start:
    """The page at `/`: that the server runs, and how an assistant is connected to it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        hub = "the sandbox: nothing is charged" if self._service.settings.sandbox else self._service.settings.base_url
        text = (
            f"The MCP server is at {request.url.scheme}://{request.url.netloc}/mcp, on {hub}. "
            f"`oxen-video mcp --http --port {request.url.port or 80} --config claude-code` (or cursor, vscode) prints "
            "the block that connects an assistant."
        )
        await page("Oxen video", text, 200)(scope, receive, send)


def page(title: str, text: str, status: int) -> Response:
    """A page of one paragraph."""
    title, text = html.escape(title), html.escape(text)
    body = f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><p>{text}</p>"
    return HTMLResponse(body, status, PAGES_HEADERS)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


# The Server Card (SEP-2127): what the server is and where, for clients that have not connected yet.
#
# It is at `GET /mcp/server-card`, where OXEN_VIDEO_MCP_PUBLIC_URL says under which address others reach the
# server. It holds nothing secret and lists no tools; those are told by the protocol.

SCHEMA = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
MEDIA_TYPE = "application/mcp-server-card+json"
SERVER_CARD_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Content-Type, If-None-Match",
    "Access-Control-Expose-Headers": "ETag",
    "Cache-Control": "public, max-age=3600",
}


def server_card(public_url: str) -> dict[str, Any]:
    """The card. Its name is the host's in reverse: `https://video.example.com` is `com.example.video/oxen-video`."""
    host = urlsplit(public_url).hostname or "localhost"
    return {
        "$schema": SCHEMA,
        "name": f"{'.'.join(reversed(host.replace(':', '-').split('.')))}/{NAME}",
        "version": installed_version(),
        "title": "Oxen video",
        "description": "Videos with Oxen.ai: checked and priced before paying, paid once, never lost.",
        "websiteUrl": "https://www.oxen.ai",
        "remotes": [
            {
                "type": "streamable-http",
                "url": f"{public_url}/mcp",
                "headers": [
                    {
                        "name": "Authorization",
                        "description": "Bearer and your Oxen API key, or a token of this server's issuer.",
                        "isRequired": True,
                        "isSecret": True,
                    }
                ],
                "supportedProtocolVersions": sorted({*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS}),
            }
        ],
    }


class CardPage:
    """Answers with the card, and with 304 to a client that has this very one."""

    def __init__(self, public_url: str) -> None:
        self._body = json.dumps(server_card(public_url), ensure_ascii=False).encode()
        self._tag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'

    async def __call__(self, request: Request) -> Response:
        headers = SERVER_CARD_HEADERS | {"ETag": self._tag}
        if self._tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self._body, media_type=MEDIA_TYPE, headers=headers)


# Graceful shutdown: when the process is told to stop, waiting calls return their id at once, then the server
# closes.
#
# The web server's own signal handlers are called afterwards.


@contextmanager
def closing_on_signals(service: Service) -> Iterator[None]:
    """Sets `service.closing` on SIGTERM and SIGINT, and when the block ends. In the main thread only."""
    before: dict[int, Any] = {}
    loop = asyncio.get_running_loop()

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(service.closing.set)
        if callable(before[number]):
            before[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for stop in (signal.SIGTERM, signal.SIGINT):
            before[stop] = signal.getsignal(stop)
            signal.signal(stop, heard)
    try:
        yield
    finally:
        service.closing.set()
        for stopped, handler in before.items():
            if signal.getsignal(stopped) is heard:
                signal.signal(stopped, handler)


GRACE = 20  # seconds that calls have to end after the process was told to stop
MARGIN = 50  # connections beyond the limit that are answered with 503; further ones are closed at once
HEADERS = 15.0  # seconds for a request's line and headers, from the moment that one may come
IDLE = 30 * 60.0  # seconds after which a session of the old protocol is forgotten


def http_app(
    settings: Settings | None = None,
    options: ServerSettings | None = None,
    *,
    clock: Clock | None = None,
    graft: Callable[[MCPServer[Service]], None] | None = None,
    event_store: EventStore | None = None,
    retry_interval: int | None = None,
    **server: Any,
) -> Starlette:
    """The ASGI app, for uvicorn or to be mounted. MCP is at `/mcp`, health at `/healthz` and `/readyz`,
    links that last at `/v/{id}`.

    graft: adds tools, prompts and resources of your own to the server.
    event_store, retry_interval: for streams of the old protocol that clients resume; see the SDK.
    server: what `build_server` takes.
    """
    service = serving(settings=settings, options=options, clock=clock)
    options = service.options
    mcp = build_server(service=service, **server)
    if graft is not None:
        graft(mcp)
    mcp.streamable_http_app(
        stateless_http=options.stateless,
        max_request_body_size=options.body,
        max_sessions=options.sessions,
        session_idle_timeout=IDLE,
        transport_security=guarded(options),
        event_store=event_store,
        retry_interval=retry_interval,
    )
    manager = mcp.session_manager
    allowed = guarded(options)
    provider = IdentityProvider(options, service.clock) if options.issuer else None
    # the SDK keeps a session's owner to itself; tests hold that it is still there
    gated = partial(
        AuthMiddleware, service=service, allowed=allowed, owners=manager._session_owners.values, provider=provider
    )
    gate = gated(manager.handle_request)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            sweeping = asyncio.create_task(service.folders.sweep())
            try:
                with closing_on_signals(service):
                    yield
            finally:
                sweeping.cancel()

    async def healthy(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        if service.closing.is_set():
            return JSONResponse({"status": "closing"}, status_code=503)
        return JSONResponse({"status": "ready"})

    routes = [Route("/mcp", endpoint=gate), Route("/healthz", healthy), Route("/readyz", ready)]
    if options.token:
        routes.append(Route("/", WithToken(Start(service), options.token, allowed)))
    if options.public_url:
        routes.append(Route("/mcp/server-card", CardPage(options.public_url).__call__, methods=["GET"]))
    if service.links is not None:
        routes.append(Route("/v/{id}", Playing(service, service.links).__call__, methods=["GET", "HEAD"]))
        revoking = gated(Revoking(service.links))
        routes += [Route(path, revoking, methods=["DELETE"]) for path in ("/v/{id}", "/v")]
    if provider is not None:
        routes += provider.routes()
    app = Starlette(
        routes=routes,
        middleware=[_cross_origin(options)] if options.origins else [],
        lifespan=lifespan,
    )
    app.state.service = service
    return app


def guarded(options: ServerSettings) -> TransportSecuritySettings:
    """The hosts that this server answers to and the pages that may call it. Always set: the SDK's default varies."""
    names = [*LOOPBACK_HOSTS, *options.hosts]
    if options.public_url:
        names.append(options.public_url.partition("://")[2].partition("/")[0])
    pages = [f"{scheme}://{host}" for scheme in ("http", "https") for host in LOOPBACK_HOSTS]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[form for name in names for form in (name, f"{name}:*")],
        allowed_origins=[*options.origins, *(form for page in pages for form in (page, f"{page}:*"))],
    )


def _cross_origin(options: ServerSettings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=list(options.origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Mcp-Session-Id"],
    )


def serve(settings: Settings, options: ServerSettings, *, host: str, port: int) -> None:
    """Run the app with uvicorn until the process is told to stop. port 0 takes a free one and says which.

    Bound to loopback the server has a token of its own, kept in a file, and gives links of its own; anywhere else only
    where they are set.
    Raises InvalidRequest for a token file that others can read.
    """
    import uvicorn

    if is_loopback(host) and options.token is None:
        options = replace(options, token=kept_token())
    if is_loopback(host) and not options.public_url:
        options = replace(options, local_links=True)
    app = http_app(settings, options)

    class Announced(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            for server in self.servers:
                for socket in server.sockets:
                    named = f"[{host}]" if ":" in host else host
                    bound = socket.getsockname()[1]
                    address = f"http://{named}:{bound}"
                    links = app.state.service.links
                    if links is not None and links.address is None:
                        links.address = address
                    announce("MCP over HTTP", address=f"{address}/mcp")
                    if options.token and sys.stderr.isatty():
                        print_how_to_connect(address, options.token)
                    elif options.token:  # a log must not contain the token
                        announce(f"oxen-video mcp --http --port {bound} --config claude-code prints how to connect")

    Announced(guarded_config(app, options, host=host, port=port)).run()


def guarded_config(
    app: Starlette, options: ServerSettings, *, host: str, port: int, header_seconds: float = HEADERS
) -> uvicorn.Config:
    """uvicorn's configuration: limits on connections and slow requests; headers of proxies are not trusted."""
    import uvicorn

    from .admission import bounded_protocol

    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        http=bounded_protocol(
            seconds=header_seconds,
            most=options.connections + MARGIN,
            per_address=options.address_connections,
            proxies=options.proxies,
        ),
        ws="none",
        limit_concurrency=options.connections,
        timeout_graceful_shutdown=GRACE,
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
