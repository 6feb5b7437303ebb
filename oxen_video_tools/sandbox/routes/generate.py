"""`POST /api/ai/videos/generate`: the request blocks until the video is there (Oxen docs, video generation)."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..answers import typed, worded
from ..backlot import Backlot
from ..faults import Fired
from ..store import Job
from ..wire import json_body
from .orders import order

_LONGEST = 20 * 60.0  # seconds that a request may block


async def generate(lot: Backlot, request: Request) -> Response:
    body = await json_body(request)
    placed = order(lot, body, video_only=True)
    fired: Fired = request.state.fired
    [job] = lot.accept(placed.model, placed.body, namespace=placed.namespace, route="generate", faults=fired)
    try:
        job = await asyncio.wait_for(lot.finished(job), _LONGEST)
    except TimeoutError:
        raise typed(504, "upstream") from None
    if job.status != "succeeded":
        raise worded(400, job.error or f"The generation was {job.status}.")
    return JSONResponse(await _answer(lot, job, body.get("response_format", "url")))


async def _answer(lot: Backlot, job: Job, form: str) -> dict[str, Any]:
    created = int(job.completed_at or lot.now)
    fired = lot.faults.draw("result")
    if form == "b64_json":
        content = (await lot.result(job)).read_bytes()
        video = {"b64_json": base64.b64encode(content).decode()}
    else:
        video = {"url": lot.result_url(job, expired="expired_url" in fired)}
    if "quirk" in fired and fired["quirk"].given == "old" and "url" in video:
        return {"video_url": video["url"]}
    if "quirk" in fired and "b64_json" in video:
        video["b64_json"] = "data:video/mp4;base64," + video["b64_json"]
    return {"created": created, "model": job.model, "videos": [] if "no_url" in fired else [video]}
