"""Pages for a browser on this machine. A link brings the token once, as `?token=…`, and it becomes a cookie at once:
the address bar, the history and the next request don't hold it any more.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import Unauthenticated
from .callers import caller_in

if TYPE_CHECKING:
    from .service import Service

LASTS = 12 * 3600  # seconds that the cookie is kept by the browser; it ends with the process, too
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class WithToken:
    """Lets a browser through to `app` that brings the token, or the cookie that it was exchanged for."""

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
            answer = RedirectResponse(place, 303, headers=HEADERS)
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
    return HTMLResponse(body, status, HEADERS)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
