"""The sandbox as an ASGI app: every route of the hub that a video client meets, and its own under `/sandbox`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..clock import SystemClock
from .faults import Faults
from .http import Bounded, Handler, Refusal, endpoint, not_found, typed
from .hub import Options, SimulatedHub
from .routes import control, files, generations

_GLANCE = 0.01  # seconds between looks at a clock that somebody else turns


def build_app(
    options: Options | None = None,
    faults: Faults | None = None,
    *,
    base_url: str = "",
    on_open: Callable[[SimulatedHub], None] | None = None,
) -> Starlette:
    """The app. Its state opens with the server and closes with it.

    base_url: what result URLs begin with.  on_open: is handed the backlot, in the server's event loop.
    """

    @asynccontextmanager
    async def open_backlot(app: Starlette) -> AsyncIterator[None]:
        lot = app.state.backlot = SimulatedHub(options or Options(), faults or Faults())
        lot.files.base_url = base_url
        ticker = asyncio.create_task(_keep_going(lot))
        if on_open:
            on_open(lot)
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.wait([ticker])
            lot.close()

    return Starlette(
        routes=_routes(),
        lifespan=open_backlot,
        middleware=[Middleware(Bounded)],
        exception_handlers={HTTPException: _unknown, Refusal: _refused},
    )


async def _keep_going(lot: SimulatedHub) -> None:
    """Let what is due happen without anybody asking, so that events are told in time."""
    while True:
        lot.changed.clear()
        lot.advance()
        due = lot.next_change()
        wait = None if due is None else max(0.0, due - lot.now)
        if not isinstance(lot.options.clock, SystemClock):
            wait = _GLANCE
        try:
            await asyncio.wait_for(lot.changed.wait(), wait)
        except TimeoutError:
            continue


def _routes() -> list[Route]:
    def route(method: str, path: str, point: str, handler: Handler, *, key: bool = True) -> Route:
        return Route(path, endpoint(point, handler, key=key), methods=[method])

    ai = "/api/ai"
    return [
        route("POST", f"{ai}/videos/generate", "generate", generations.generate),
        route("POST", f"{ai}/images/generate", "generate", generations.generate_image),
        route("POST", f"{ai}/images/edit", "generate", generations.edit_image),
        route("POST", f"{ai}/queue", "enqueue", generations.enqueue),
        route("GET", f"{ai}/queue", "list", generations.listing),
        route("GET", f"{ai}/queue/{{generation_id}}", "get", generations.one),
        route("DELETE", f"{ai}/queue/{{generation_id}}", "cancel", generations.cancel),
        route("GET", f"{ai}/generations", "history", generations.history),
        route("GET", "/api/events", "events", generations.events),
        route("GET", f"{ai}/models", "models", control.listing, key=False),
        route("GET", f"{ai}/models/search", "models", control.found, key=False),
        route("POST", f"{ai}/models/{{model:path}}/activate", "models", control.activate),
        route("POST", f"{ai}/models/{{model:path}}/deactivate", "models", control.deactivate),
        route("GET", f"{ai}/models/{{model:path}}", "models", control.one, key=False),
        route("GET", "/api/users/me", "me", control.me),
        *_repo_routes(route),
        route("GET", "/sandbox/ledger", "control", control.ledger, key=False),
        route("GET", "/sandbox/faults", "control", control.faults, key=False),
        route("POST", "/sandbox/faults", "control", control.add_faults, key=False),
        route("DELETE", "/sandbox/faults", "control", control.clear_faults, key=False),
    ]


def _repo_routes(route: Callable[..., Route]) -> list[Route]:
    one = "/api/repos/{namespace}/{repo}"

    def checked(method: str, path: str, point: str, handler: Handler, *, key: bool = True) -> Route:
        return route(method, path, point, files.refuse_old_clients(handler), key=key)

    return [
        checked("POST", "/api/repos", "upload", files.create),
        checked("POST", "/api/repos/", "upload", files.create),
        checked("GET", one, "upload", files.one),
        checked("POST", f"{one}/workbench/context", "upload", files.add_context),
        checked("GET", f"{one}/file/presigned_url/{{resource:path}}", "upload", files.presigned),
        checked("PUT", f"{one}/file/{{resource:path}}", "upload", files.put),
        checked("GET", f"{one}/file/{{resource:path}}", "download", files.get, key=False),
        checked("GET", f"{one}/files/{{path:path}}", "download", files.result, key=False),
    ]


async def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = not_found() if status == 404 else typed(status, "invalid_params", str(error))
    return JSONResponse(refusal.body, status)


async def _refused(_: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else typed(500, "unknown_error")
    return JSONResponse(refusal.body, refusal.status, refusal.headers)
