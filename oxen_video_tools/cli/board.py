"""board: one page for a person, on this machine: what runs, what was made, what it cost, and the brakes.

It reads the studio that everything else reads. The link that is printed holds a token, which the browser gets as a
cookie; nobody without it sees anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import json as json_
import re
import secrets
import socket
from base64 import b64encode
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from ..clock import Clock, SystemClock
from ..errors import InvalidRequest, NotInstalled, OxenError, only_oxen_errors
from ..redaction import visible
from ..settings import Settings
from ..studio import AsyncStudio
from ..studio.results import iso
from . import output
from .app import InSandbox, Json, command
from .output import in_command_words

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from ..studio.results import Progress, Video

SHOWN = 60  # videos and films on the page, newest first
BUSY, IDLE = 2.0, 10.0  # seconds between two looks while something runs, and while nothing does
WATCHED = 300.0  # seconds of one wait for a running video
PICTURES = (".png", ".jpg", ".jpeg", ".webp")  # how the link of a still ends
SHEETS = 32  # contact sheets kept in memory


class Board:
    """What the page shows, read anew every few seconds however many pages are open."""

    def __init__(self, studio: AsyncStudio, clock: Clock) -> None:
        self._studio = studio
        self._clock = clock
        self._state: dict[str, Any] = {}
        self._progress: dict[str, Progress] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._sheets: OrderedDict[str, bytes] = OrderedDict()
        self._looking = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._soon = asyncio.Event()
        self._reading = asyncio.create_task(self._read_on())

    async def close(self) -> None:
        """End the reading and every watch."""
        tasks = [self._reading, *self._watches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def refresh(self) -> None:
        """Read again now."""
        self._soon.set()

    async def states(self) -> AsyncIterator[str]:
        """The state as JSON: at once, and whenever it has changed."""
        told = ""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda told=told: self._said() != told)  # type: ignore[misc]
                told = self._said()
            yield told

    async def sheet(self, generation_id: str) -> bytes:
        """A JPEG of frames. Raises OxenError."""
        async with self._looking:  # decoding is work: one after the other
            if generation_id not in self._sheets:
                self._sheets[generation_id] = (await self._studio.inspect(generation_id)).sheet
                while len(self._sheets) > SHEETS:
                    self._sheets.popitem(last=False)
            return self._sheets[generation_id]

    def _said(self) -> str:
        if not self._state:
            return ""
        progress = {one: {"fraction": said.fraction, "text": said.text} for one, said in self._progress.items()}
        return json_.dumps({**self._state, "progress": progress}, default=str, sort_keys=True)

    async def _read_on(self) -> None:
        while True:
            self._soon.clear()
            running = False
            try:
                with only_oxen_errors():
                    videos = await self._studio.list(limit=SHOWN)
                    spend = await self._studio.spend()
                    cast = await self._studio.list_cast()
                self._state = {
                    "videos": [shown(one) for one in videos],
                    "spend": asdict(spend),
                    "cast": [{"name": one.name, "look": one.look, "images": len(one.images)} for one in cast],
                    "trouble": None,
                }
                running = self._watch([one.generation_id for one in videos if not one.is_terminal])
            except OxenError as error:
                self._state = {**self._state, "trouble": in_command_words(visible(error.words))}
            await self._tell()
            pause = asyncio.create_task(self._clock.sleep(BUSY if running else IDLE))
            soon = asyncio.create_task(self._soon.wait())
            try:
                await asyncio.wait({pause, soon}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                soon.cancel()

    def _watch(self, running: list[str]) -> bool:
        for one in running:
            if one not in self._watches:
                self._watches[one] = asyncio.create_task(self._follow(one))
        return bool(running)

    async def _follow(self, generation_id: str) -> None:
        async def heard(progress: Progress) -> None:
            self._progress[generation_id] = progress
            await self._tell()

        try:
            with suppress(OxenError):
                await self._studio.get(generation_id, wait_seconds=WATCHED, on_progress=heard)
        finally:
            self._progress.pop(generation_id, None)
            self._watches.pop(generation_id, None)
            self.refresh()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def shown(video: Video) -> dict[str, Any]:
    """What the page needs of a video. Its link stays here: the page asks for `/video/ID`."""
    return {
        "id": video.generation_id,
        "status": video.status,
        "words": video.words,
        "picture": bool(video.url) and urlsplit(video.url or "").path.lower().endswith(PICTURES),
        "model": video.model,
        "duration": video.duration,
        "cost_usd": video.cost_usd,
        "cost_is": video.cost_is,
        "error": video.error and visible(video.error),
        "warnings": [visible(one) for one in video.warnings],
        "file": video.file and video.file.name,
        "created": video.created and iso(video.created),
        "plays": video.status == "succeeded" and bool(video.url or video.file),
        "shots": [{"id": one.generation_id, "status": one.status} for one in video.shots],
    }


def board_app(settings: Settings, token: str, *, clock: Clock | None = None) -> Starlette:
    """The page as an ASGI app. token: what the link holds. Needs the `mcp` extra."""
    from sse_starlette import EventSourceResponse
    from starlette.applications import Starlette
    from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
    from starlette.routing import Mount, Route

    from ..mcp.http import PAGES_HEADERS, WithToken, guarded
    from ..mcp.settings import ServerSettings

    html = (files(__package__) / "board.html").read_text("utf-8")
    script = re.search(r"<script>(.*?)</script>", html, re.S)
    digest = b64encode(hashlib.sha256(script[1].encode() if script else b"").digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "frame-ancestors 'none'; img-src 'self' data: https: http://127.0.0.1:* http://localhost:*; "
        "media-src 'self' https: http://127.0.0.1:* http://localhost:*"
    )

    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers={**PAGES_HEADERS, "Content-Security-Policy": policy})

    async def events(request: Request) -> Response:
        states = request.app.state.board.states()
        return EventSourceResponse({"data": state} async for state in states)

    async def video(request: Request) -> Response:
        found = await request.app.state.studio.get(request.path_params["id"])
        if found.file is not None and await asyncio.to_thread(found.file.is_file):
            return FileResponse(found.file)
        if not found.url:
            raise InvalidRequest("This video has nothing to play yet.")
        return RedirectResponse(found.url, 302, headers=PAGES_HEADERS)

    async def sheet(request: Request) -> Response:
        picture = await request.app.state.board.sheet(request.path_params["id"])
        return Response(picture, media_type="image/jpeg", headers=PAGES_HEADERS)

    async def act(request: Request) -> Response:
        if request.headers.get("x-oxen-board") != "1":  # pages of other origins can't send it
            return JSONResponse({"message": "Only the board's own page may do this."}, 403)
        studio: AsyncStudio = request.app.state.studio
        what, walked = request.path_params["what"], []
        if what == "pause":
            await studio.pause()
        elif what == "resume":
            await studio.resume()
        else:
            walked = [asdict(one) | {"text": in_command_words(visible(one.text))} for one in await studio.recover()]
        request.app.state.board.refresh()
        return JSONResponse({"recovered": walked})

    async def explained(_: Request, error: Exception) -> Response:
        assert isinstance(error, OxenError)
        return JSONResponse({"message": in_command_words(visible(error.words))}, error.status_code or 422)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncStudio(settings, clock=clock) as app.state.studio:
            app.state.board = inner.state.board = Board(app.state.studio, clock or SystemClock())
            inner.state.studio = app.state.studio
            try:
                yield
            finally:
                await app.state.board.close()

    inner = Starlette(
        routes=[
            Route("/", page),
            Route("/events", events),
            Route("/video/{id}", video),
            Route("/sheet/{id}", sheet),
            Route("/{what:path}", act, methods=["POST"]),
        ],
        exception_handlers={OxenError: explained},
    )
    return Starlette(routes=[Mount("/", WithToken(inner, token, guarded(ServerSettings())))], lifespan=lifespan)


@command()
def board(
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """A page on this machine: what runs, what was made, what it cost, pause and resume."""
    settings, token = Settings.read(sandbox=sandbox or None), secrets.token_urlsafe(32)
    try:
        import uvicorn

        app = board_app(settings, token)
    except ModuleNotFoundError as missing:
        raise NotInstalled(f"The board needs {missing.name}.", fix="pip install 'oxen-video-tools[cli,mcp]'") from None
    try:
        listening = socket.create_server(("127.0.0.1", port))
    except OSError as taken:
        raise InvalidRequest(f"Port {port} can't be used: {taken.strerror}.", fix="Take --port 0.") from None
    link = f"http://127.0.0.1:{listening.getsockname()[1]}/?token={token}"
    if json:
        output.as_json({"url": link})
    else:
        output.line(link)
        output.err.print("Open it in a browser on this machine. Ctrl-C ends it; jobs go on.")
    if open_:
        import webbrowser

        webbrowser.open(link)
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])
