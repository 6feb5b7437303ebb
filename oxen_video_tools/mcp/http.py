"""The server over HTTP: each caller with a key of its own, limits on everything, health, and an end without losses."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.streamable_http import EventStore
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..settings import Settings
from .ending import closing_on_signals
from .gate import Gate
from .logs import announce
from .options import LOOPBACK_HOSTS, Options
from .playing import Playing
from .server import build_server, serving
from .service import Service

GRACE = 20  # seconds that calls have to end after the process was told to stop
IDLE = 30 * 60.0  # seconds after which a session of the old protocol is forgotten


def http_app(
    settings: Settings | None = None,
    options: Options | None = None,
    *,
    here: bool = False,
    graft: Callable[[MCPServer[Service]], None] | None = None,
    event_store: EventStore | None = None,
    retry_interval: int | None = None,
    **server: Any,
) -> Starlette:
    """The ASGI app, for uvicorn or to be mounted. MCP is at `/mcp`, health at `/healthz` and `/readyz`,
    links that last at `/v/{id}`.

    here: the app is bound to loopback, so callers on this machine may use the process's own key.
    graft: adds tools, prompts and resources of your own to the server.
    event_store, retry_interval: for streams of the old protocol that clients resume; see the SDK.
    server: what `build_server` takes.
    """
    service = serving(settings=settings, options=options)
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
    gate = Gate(manager.handle_request, options, clock=service.clock, here=here, free=service.settings.sandbox)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            with closing_on_signals(service):
                yield

    async def healthy(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        if service.closing.is_set():
            return JSONResponse({"status": "closing"}, status_code=503)
        return JSONResponse({"status": "ready"})

    routes = [Route("/mcp", endpoint=gate), Route("/healthz", healthy), Route("/readyz", ready)]
    if service.links is not None:
        routes.append(Route("/v/{id}", Playing(service, service.links).__call__))
    return Starlette(
        routes=routes,
        middleware=[_cross_origin(options)] if options.origins else [],
        lifespan=lifespan,
    )


def guarded(options: Options) -> TransportSecuritySettings:
    """Which names this server answers to and which pages may call it. Always said: the SDK's default depends."""
    names = [*LOOPBACK_HOSTS, *options.hosts]
    if options.public_url:
        names.append(options.public_url.partition("://")[2].partition("/")[0])
    pages = [f"{scheme}://{host}" for scheme in ("http", "https") for host in LOOPBACK_HOSTS]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[form for name in names for form in (name, f"{name}:*")],
        allowed_origins=[*options.origins, *(form for page in pages for form in (page, f"{page}:*"))],
    )


def _cross_origin(options: Options) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=list(options.origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Mcp-Session-Id"],
    )


def serve(settings: Settings, options: Options, *, host: str, port: int) -> None:
    """Run the app with uvicorn until the process is told to stop. port 0 takes a free one and says which."""
    import uvicorn

    class Announced(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            for server in self.servers:
                for socket in server.sockets:
                    named = f"[{host}]" if ":" in host else host
                    announce("MCP over HTTP", address=f"http://{named}:{socket.getsockname()[1]}/mcp")

    app = http_app(settings, options, here=is_loopback(host))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    Announced(config).run()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
