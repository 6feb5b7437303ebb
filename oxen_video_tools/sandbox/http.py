"""What all endpoints share: authentication, bounded bodies, and faults that affect answers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .faults import Fired
from .hub import SimulatedHub

# The hub's error bodies, in both of its forms (Oxen docs, async queue and models overview: Errors).

TITLES = {
    "unauthenticated": "You must be authenticated to access this resource",
    "bad_request": "Bad Request",
    "unauthorized": "You are not allowed to access this resource",
    "invalid_params": "The parameters are invalid",
    "resource_not_found": "The requested resource could not be found",
    "insufficient_credits": "You have run out of credits.",
    "update_required": "Update Required",
    "payload_too_large": "The request body is too large",
    "upstream": "The model's provider did not answer",
    "unknown_error": "Something went wrong",
}


class Refusal(Exception):
    """An answer other than the one asked for. `body` is the JSON that goes over the wire."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def typed(status: int, kind: str, detail: str | None = None) -> Refusal:
    """The documented long form: `{"error": {"type", "title", "detail"?}, "status", "status_message"}`."""
    error = {"type": kind, "title": TITLES.get(kind, kind.replace("_", " "))}
    if detail is not None:
        error["detail"] = detail
    return Refusal(status, {"error": error, "status": "error", "status_message": kind})


def worded(status: int, words: str) -> Refusal:
    """The documented short form: `{"error": {"message": …}}`."""
    return Refusal(status, {"error": {"message": words}})


def not_found() -> Refusal:
    return typed(404, "resource_not_found")


def model_not_found(name: object) -> Refusal:
    return worded(404, f"Model not found: {name}")


Handler = Callable[[SimulatedHub, Request], Awaitable[Response]]
_CONNECTION = "oxen.sandbox.connection"
_MOST_JSON = 1_000_000  # bytes
_MOST_UPLOAD = 100_000_000


class Dropped(Exception):
    """The connection was closed on purpose."""


class DroppableProtocol(H11Protocol):
    """HTTP whose connection an endpoint can close without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # asyncio sets it only on sockets that were made as TCP by number; without it each answer takes 40 ms
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        inner = cast(ASGIApp, self.app)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_CONNECTION] = {"abort": transport.abort}
            await inner(scope, receive, send)

        self.app = app


async def drop(request: Request) -> None:
    """Close the connection now: the client gets no (further) answer. Raises Dropped."""
    connection = request.scope.get("extensions", {}).get(_CONNECTION)
    if connection:
        connection["abort"]()
        while (await request.receive())["type"] != "http.disconnect":
            pass
    raise Dropped


class Bounded:
    """No request body is read beyond its limit, and dropped connections are not logged as errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = _MOST_UPLOAD if scope["path"].startswith("/api/repos") else _MOST_JSON
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise typed(413, "payload_too_large")
            return message

        try:
            await self._app(scope, bounded, send)
        except Dropped:
            return


def endpoint(point: str, handler: Handler, *, key: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """`handler` as an endpoint: counted, authenticated, and affected by the faults of `point`."""

    async def answer(request: Request) -> Response:
        hub: SimulatedHub = request.app.state.simulated_hub
        hub.advance()
        hub.requests[f"{request.method} {_route(request)}"] += 1
        try:
            if key:
                authenticate(hub, request)
            fired = request.state.fired = hub.faults.draw(point)
            await _before(fired, request)
            response = await handler(hub, request)
        except Refusal as refusal:
            return refusal.body if isinstance(refusal.body, Response) else _refused(refusal)
        return await _after(hub, fired, request, response)

    return answer


def _refused(refusal: Refusal) -> JSONResponse:
    return JSONResponse(refusal.body, refusal.status, refusal.headers)


def _route(request: Request) -> str:
    """The path with its variable parts named, as the documentation writes it."""
    return str(getattr(request.scope.get("route"), "path", request.url.path)).replace(":path}", "}")


def bearer(request: Request) -> str | None:
    scheme, _, word = request.headers.get("authorization", "").partition(" ")
    return word.strip() or None if scheme.lower() == "bearer" else None


def authenticate(hub: SimulatedHub, request: Request) -> None:
    """Raises the hub's 401 (Oxen docs, models overview: Errors)."""
    word = bearer(request)
    if word is None:
        raise typed(401, "unauthenticated")
    if hub.options.api_key is not None and word != hub.options.api_key:
        raise worded(401, "Invalid API key")


async def json_body(request: Request) -> dict[str, Any]:
    """Raises a refusal when the body is no JSON object."""
    content = await request.body()
    try:
        body = json.loads(content)
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()  # NaN, 1e999, half a surrogate: no JSON either
    except (ValueError, RecursionError):
        raise typed(400, "invalid_params", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise typed(400, "invalid_params", "The body must be a JSON object.")
    return body


async def _before(fired: Fired, request: Request) -> None:
    """Faults that keep a call from being carried out."""
    if "drop_request" in fired:
        await request.body()
        await drop(request)
    if "unauthenticated" in fired:
        raise worded(401, "Invalid API key")
    for name in ("rate_limited", "rate_limited_date"):
        if name in fired:
            raise _rate_limited(fired[name].given, dated=name.endswith("date"), now=request.app.state.simulated_hub.now)
    if "insufficient_credits" in fired:
        raise typed(402, "insufficient_credits")
    if "error_in_200" in fired:
        raise Refusal(200, {"error": {"type": "unknown_error", "title": "Something went wrong"}})
    if "error" in fired:
        await request.body()
        answer = _error(fired["error"].given)
        raise Refusal(answer.status_code, answer)


def _rate_limited(wait: str, *, dated: bool, now: float) -> Refusal:
    refusal = typed(429, "lock_timeout")
    refusal.body["status_message"] = "too_many_requests"
    if wait != "none":
        refusal.headers["Retry-After"] = formatdate(now + float(wait), usegmt=True) if dated else wait
    return refusal


def _error(given: str) -> Response:
    """`STATUS[:json|html|text]`"""
    status, _, form = given.partition(":")
    code = int(status)
    if form == "html":
        page = f"<html><head><title>{code}</title></head><body><h1>{code} Bad Gateway</h1><hr>nginx</body></html>"
        return HTMLResponse(page, code)
    if form == "text":
        return PlainTextResponse(f"upstream request failed ({code})", code)
    return JSONResponse({"error": {"type": "upstream", "title": "The model's provider failed"}, "status": code}, code)


async def _after(hub: SimulatedHub, fired: Fired, request: Request, response: Response) -> Response:
    """Faults that spoil the answer of a call that was carried out."""
    if "late" in fired:
        await passed(hub, fired.seconds("late"))
    if "drop_answer" in fired:
        await drop(request)
    if "error_after" in fired:
        return _error(fired["error_after"].given)
    if "empty_answer" in fired:
        return JSONResponse({"generations": []} if request.url.path.endswith("/queue") else {"videos": []})
    if "garbled" in fired and isinstance(response, JSONResponse):
        whole = bytes(response.body)
        return Response(whole[: len(whole) // 2], response.status_code, media_type="application/json")
    return response


async def passed(hub: SimulatedHub, seconds: float) -> None:
    """Let `seconds` pass by the sandbox's clock, which a test may be turning by hand from another thread."""
    until = hub.now + seconds
    while (left := until - hub.now) > 0:  # noqa: ASYNC110  # the clock says nothing by itself
        await asyncio.sleep(min(left, 0.01))
