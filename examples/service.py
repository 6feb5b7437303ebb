"""A service of your own with videos in it: FastAPI routes on one studio, and the MCP server mounted beside them.

    pip install '.[all,examples]'
    OXEN_VIDEO_SANDBOX=1 uvicorn --app-dir examples service:app --port 8700

`/` is a page that orders a video, shows its progress and plays it. `POST /videos` answers at once with an id,
`GET /videos/ID` tells how it stands, and `GET /videos/ID/events` streams the progress until the end. Assistants find
the tools at `/mcp`, each with a key of its own. Both share one ledger: what either paid for is there for both.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from sse_starlette import EventSourceResponse

from oxen_video_tools import AsyncStudio, OxenError, VideoRequest
from oxen_video_tools.mcp import http_app

mcp = http_app()
CEILING = Decimal("1.00")  # US dollars that an order may cost, unless it says otherwise
LONGEST = 60.0  # seconds that one request may wait for a video


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One studio for all requests; a mounted app's own lifespan has to be run by whoever mounts it."""
    async with AsyncStudio.open() as app.state.studio, mcp.router.lifespan_context(mcp):
        yield


app = FastAPI(title="Videos", lifespan=lifespan)


@app.exception_handler(OxenError)
async def explained(_: Request, error: OxenError) -> JSONResponse:
    """What went wrong, whether it cost anything, and what to do."""
    return JSONResponse(error.answer(), status_code=error.status_code or 422)


@app.post("/videos", status_code=202)
async def order(
    request: Request, wanted: VideoRequest, take: int = 1, max_cost_usd: Decimal = CEILING
) -> dict[str, Any]:
    """Order a video; the same order with the same `take` is the same video."""
    studio: AsyncStudio = request.app.state.studio
    limit = max_cost_usd  # whoever may order agrees to what it costs, up to this
    video = await studio.generate(wanted, take=take, max_cost_usd=limit, approved_usd=limit, wait_seconds=0)
    return told(video)


@app.get("/videos/{generation_id}")
async def read(request: Request, generation_id: str, wait_seconds: float = 0) -> dict[str, Any]:
    """How it stands, with a fresh link."""
    studio: AsyncStudio = request.app.state.studio
    return told(await studio.get(generation_id, wait_seconds=min(wait_seconds, LONGEST)))


@app.get("/videos/{generation_id}/events")
async def events(request: Request, generation_id: str) -> EventSourceResponse:
    """Progress as server-sent events; the last one, `end`, has the link."""
    studio: AsyncStudio = request.app.state.studio
    return EventSourceResponse(following(studio, generation_id))


async def following(studio: AsyncStudio, generation_id: str) -> AsyncIterator[dict[str, str]]:
    """What the browser hears. A reader that goes away ends the wait; the job goes on."""
    news: asyncio.Queue[Any] = asyncio.Queue()

    async def wait() -> None:
        try:
            video = await studio.get(generation_id, wait_seconds=1800, on_progress=news.put)
            await news.put(told(video))
        except OxenError as error:
            await news.put({"status": "unknown", "error": error.message})

    waiting = asyncio.create_task(wait())
    try:
        while not isinstance(said := await news.get(), dict):
            yield {"event": "progress", "data": json.dumps({"fraction": said.fraction, "text": said.text})}
        yield {"event": "end", "data": json.dumps(said, default=str)}
    finally:
        waiting.cancel()


@app.get("/")
async def page() -> FileResponse:
    """Order, watch, play."""
    return FileResponse(Path(__file__).with_name("watch.html"))


def told(video: Any) -> dict[str, Any]:
    return {name: getattr(video, name) for name in ("generation_id", "status", "url", "cost", "reused", "error")}


app.mount("/", mcp)  # last: it answers whatever no route above has taken, /mcp and /healthz among it
