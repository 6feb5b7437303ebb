"""`videos/generate`, `images/generate` and `images/edit`: the request blocks until the result is there.

Oxen docs, video generation, image generation, image editing.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..answers import typed, worded
from ..backlot import Backlot
from ..faults import Fired
from ..store import Job
from ..wire import json_body
from ..words import NO_PROMPT_FOR_A_PICTURE
from .orders import order

_LONGEST = 20 * 60.0  # seconds that a request may block


async def generate(lot: Backlot, request: Request) -> Response:
    return await _make(lot, request, await json_body(request), "video")


async def generate_image(lot: Backlot, request: Request) -> Response:
    body = await json_body(request)
    if not body.get("prompt"):
        raise worded(400, NO_PROMPT_FOR_A_PICTURE)
    return await _make(lot, request, body, "image")


async def edit_image(lot: Backlot, request: Request) -> Response:
    """Like `images/generate`, with pictures in `input_image`."""
    body = await json_body(request)
    if not body.get("input_image"):
        raise worded(400, "input_image is required")
    return await _make(lot, request, body, "image")


async def _make(lot: Backlot, request: Request, body: Mapping[str, Any], kind: str) -> Response:
    placed = order(lot, body, only=kind)
    await lot.fetch_inputs(placed.model, placed.body)
    fired: Fired = request.state.fired
    count = placed.count if kind == "image" else 1
    jobs = lot.accept(
        placed.model, placed.body, namespace=placed.namespace, route="generate", faults=fired, count=count
    )
    try:
        jobs = [await asyncio.wait_for(lot.finished(job), _LONGEST) for job in jobs]
    except asyncio.TimeoutError:
        raise typed(504, "upstream") from None
    for job in jobs:
        if job.status != "succeeded":
            raise worded(400, job.error or f"The generation was {job.status}.")
    return JSONResponse(await _answer(lot, jobs, str(body.get("response_format", "url"))))


async def _answer(lot: Backlot, jobs: list[Job], form: str) -> dict[str, Any]:
    first = jobs[0]
    kind = first.media_type
    fired = lot.faults.draw("result")
    results = [await _result(lot, job, form, fired) for job in jobs]
    if "quirk" in fired and fired["quirk"].given == "old" and "url" in results[0]:
        return {f"{kind}_url": results[0]["url"]}
    created = int(first.completed_at or lot.now)
    return {"created": created, "model": first.model, f"{kind}s": [] if "no_url" in fired else results}


async def _result(lot: Backlot, job: Job, form: str, fired: Fired) -> dict[str, str]:
    if form != "b64_json":
        return {"url": lot.result_url(job, expired="expired_url" in fired)}
    inline = base64.b64encode((await lot.result(job)).read_bytes()).decode()
    return {"b64_json": f"data:{_TYPES[job.media_type]};base64,{inline}" if "quirk" in fired else inline}


_TYPES = {"video": "video/mp4", "image": "image/png"}
