"""The sandbox as an ASGI app: every route of the hub that a video client meets, and its own under `/sandbox`."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..clock import Clock, SystemClock
from .faults import Fault, Faults
from .http import Bounded, DroppableProtocol, Handler, Refusal, endpoint, not_found, typed
from .hub import Options, Pace, SimulatedHub, Speed
from .routes import control, files, generations
from .routes.control import read_ledger
from .store import fetch

_GLANCE = 0.01  # seconds between looks at a clock that somebody else turns


def build_app(
    options: Options | None = None,
    faults: Faults | None = None,
    *,
    base_url: str = "",
    on_open: Callable[[SimulatedHub], None] | None = None,
) -> Starlette:
    """The app. Its state opens with the server and closes with it.

    base_url: what result URLs begin with.
    on_open: called with the simulated hub, in the server's event loop.
    """

    @asynccontextmanager
    async def open_hub(app: Starlette) -> AsyncIterator[None]:
        hub = app.state.simulated_hub = SimulatedHub(options or Options(), faults or Faults())
        hub.files.base_url = base_url
        ticker = asyncio.create_task(_keep_going(hub))
        if on_open:
            on_open(hub)
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.wait([ticker])
            hub.close()

    return Starlette(
        routes=_routes(),
        lifespan=open_hub,
        middleware=[Middleware(Bounded)],
        exception_handlers={HTTPException: _unknown, Refusal: _refused},
    )


async def _keep_going(hub: SimulatedHub) -> None:
    """Carry out what is due without waiting for a request, so that events are sent in time."""
    seen, due = -math.inf, None
    while True:
        if hub.changed.is_set() or hub.now != seen:
            hub.changed.clear()
            seen = hub.now
            hub.advance()
            due = hub.next_change()
        wait = None if due is None else max(0.0, due - hub.now)
        if not isinstance(hub.options.clock, SystemClock):
            wait = _GLANCE
        try:
            await asyncio.wait_for(hub.changed.wait(), wait)
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


# `Sandbox`: the sandbox as something to start and stop, in a thread of its own.

Answer = TypeVar("Answer")
_PATIENCE = 20.0  # seconds to start or to stop
_GRACE = 1.0  # seconds for answers that are under way when it stops


def _dated(app: Any, clock: Clock) -> Any:
    """The app with a `Date` in every answer: the sandbox's own time, by which its records are dated, too."""

    async def dated(scope: Any, receive: Any, send: Any) -> None:
        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(clock.time(), usegmt=True).encode()
                message = message | {"headers": [*message.get("headers", ()), (b"date", date)]}
            await send(message)

        await app(scope, receive, told)

    return dated


class PromptServer(uvicorn.Server):
    """uvicorn, but it stops within milliseconds: a test suite starts hundreds of these."""

    async def main_loop(self) -> None:
        self._leaving = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        seconds = 0
        while not self._leaving.is_set():
            await self.on_tick(seconds * 10)  # it counts tenths of a second
            seconds += 1
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 1.0)

    def leave(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._leaving.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # as uvicorn calls it
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        latest = time.monotonic() + _GRACE
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < latest:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


class Sandbox:
    """Oxen's HTTP API on this machine.

        with Sandbox() as hub:
            HubClient(api_key=hub.api_key, base_url=hub.base_url)
            hub.faults.add("drop_answer", calls=2)      # the second paid POST from now is taken but not answered
            hub.faults.add("late=3@1-3/list")           # the same in one word; `faults.KINDS` lists them all
            hub.ledger()["charged"]                     # "0.35": what was charged so far

    api_key: the one key that is accepted. None: any is, and `.api_key` is one to use.
    speed: "instant", "real" (1–5 minutes a video), or how many times faster than real.
    clock: where the time comes from; only its `time()` is asked, from the sandbox's thread.
    state: an SQLite file (or a folder for one) in which jobs, uploads and charges outlive a restart; files lie beside
    it. None: forgotten.
    picture_height: an upper bound in pixels for the shorter side of every video and picture, for tests.
    credits: US dollars on the account; None is without end.
    namespaces: whose `target_namespace` is accepted beside `username`; None accepts any.
    faults: `Fault`s or their text form; `.faults` changes them at any time, calls being counted from then.
    seed: for faults with a probability.
    lifetime: seconds for which a signed URL is good.
    keep_alive: seconds of silence on the event stream.
    parallel: how many jobs run at once; others wait in the queue.
    fetch_inputs: read what a request names at other hosts: a dead link then fails the job as the hub's would, and what
    is read is drawn. Without it links of other hosts are believed. A function stands for the reading itself.
    host: loopback, unless told otherwise: whoever reaches it may use it.
    port: 0 takes a free one.

    Also `async with`. Raises ValueError for invalid options, OSError if the port is taken.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        speed: Speed = "instant",
        clock: Clock | None = None,
        state: Path | str | None = None,
        picture_height: int | None = None,
        credits: Decimal | float | str | None = None,  # the hub's word for it
        namespaces: Iterable[str] | None = None,
        username: str = "sandbox",
        faults: Iterable[Fault | str] = (),
        seed: int = 0,
        lifetime: float = 3600.0,
        keep_alive: float = 15.0,
        parallel: int = 200,
        fetch_inputs: bool | Callable[[str], bytes | None] = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._options = Options(
            api_key=api_key,
            username=username,
            namespaces=None if namespaces is None else tuple(namespaces),
            credits=None if credits is None else Decimal(str(credits)),
            pace=Pace.of(speed),
            clock=clock or SystemClock(),
            state=_database(state),
            picture_height=picture_height,
            parallel=parallel,
            lifetime=lifetime,
            keep_alive=keep_alive,
            fetch=fetch if fetch_inputs is True else fetch_inputs or None,
        )
        self.faults = Faults(faults, seed=seed)
        self.api_key = api_key or "sandbox-key"
        self._address = (host, port)
        self._base_url = ""
        self._server: PromptServer | None = None
        self._thread: threading.Thread | None = None
        self._hub: SimulatedHub | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_ledger: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Sandbox({self._base_url or 'not started'})"

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`. Raises RuntimeError before it was started."""
        if not self._base_url:
            raise RuntimeError("The sandbox was not started: use it as `with Sandbox() as hub:`.")
        return self._base_url

    def start(self) -> Sandbox:
        """Listens when it returns. Does nothing when it is running."""
        if self._thread is not None:
            return self
        listening = socket.create_server(self._address, backlog=2048)
        host, port = listening.getsockname()[:2]
        self._base_url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        opened = threading.Event()

        def on_open(hub: SimulatedHub) -> None:
            self._hub, self._loop = hub, asyncio.get_running_loop()
            opened.set()

        app = build_app(self._options, self.faults, base_url=self._base_url, on_open=on_open)
        config = uvicorn.Config(
            _dated(app, self._options.clock),
            http=DroppableProtocol,
            ws="none",
            loop="asyncio",
            log_level="warning",
            access_log=False,
            lifespan="on",
            date_header=False,
        )
        self._server = PromptServer(config)
        self._thread = threading.Thread(
            target=self._run, args=[self._server, listening], name="oxen-sandbox", daemon=True
        )
        self._thread.start()
        while not (opened.wait(0.05) and self._server.started):
            if not self._thread.is_alive():
                raise RuntimeError("The sandbox could not start; its log says why.")
        return self

    @staticmethod
    def _run(server: PromptServer, listening: socket.socket) -> None:
        with listening:
            server.run(sockets=[listening])

    def stop(self) -> None:
        """Ends open streams and closes the port. Does nothing when it is not running."""
        if self._server is None or self._thread is None:
            return
        self._last_ledger = self.ledger()
        self._call(lambda hub: hub.events.tell(None))
        self._server.leave()
        self._thread.join(_PATIENCE)
        self._server = self._thread = self._hub = self._loop = None

    def ledger(self) -> dict[str, Any]:
        """What was charged, as `GET /sandbox/ledger` answers it; once stopped, the state at the end."""
        if self._hub is None:
            return self._last_ledger or {}
        return self._call(read_ledger)

    def _call(self, ask: Callable[[SimulatedHub], Answer]) -> Answer:
        """Call the simulated hub in its own event loop."""
        hub, loop = self._hub, self._loop
        if hub is None or loop is None:
            raise RuntimeError("The sandbox is not running.")

        async def asked() -> Answer:
            return ask(hub)

        return asyncio.run_coroutine_threadsafe(asked(), loop).result(_PATIENCE)

    def wait(self) -> None:
        """Blocks until it is stopped, or interrupted from the keyboard."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.5)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Sandbox:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def _database(state: Path | str | None) -> Path | None:
    if not state:
        return None
    path = Path(state)
    return path / "sandbox.db" if path.is_dir() else path
