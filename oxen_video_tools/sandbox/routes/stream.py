"""`GET /api/events`: completion events as they happen (Oxen docs, async queue: Completion Events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..backlot import Backlot
from ..events import Listener
from ..faults import Fired
from ..wire import drop

NAME = "media_generation_completed"
_HELD = 1.0  # seconds that an event out of order waits for the one to overtake it


async def events(lot: Backlot, request: Request) -> Response:
    listener = lot.events.listen()  # before the headers go out: whoever has them misses nothing
    written = _pieces(_written(lot, request, listener), request.state.fired)
    return StreamingResponse(written, media_type="text/event-stream", headers={"cache-control": "no-cache"})


async def _written(lot: Backlot, request: Request, listener: Listener) -> AsyncIterator[str]:
    fired: Fired = request.state.fired
    cut_after = int(fired.seconds("events_cut")) if "events_cut" in fired else None
    sent = 0
    try:
        while True:
            if cut_after is not None and sent >= cut_after:
                await drop(request)
            if "events_silent" in fired:
                if await listener.next(float("inf")) is None:
                    return
                continue
            try:
                payload = await listener.next(lot.options.keep_alive)
            except TimeoutError:
                yield ": keep-alive\n\n"
                continue
            if payload is None:
                return
            for one in await _in_order(payload, listener, fired):
                yield _event(one, fired)
                sent += 1
    finally:
        lot.events.leave(listener)


async def _in_order(payload: Mapping[str, Any], listener: Listener, fired: Fired) -> list[Mapping[str, Any]]:
    """One event, or as many as a fault makes of it."""
    told = [payload]
    if "events_out_of_order" in fired:
        try:
            overtaking = await listener.next(_HELD)
        except TimeoutError:
            overtaking = None
        told = [overtaking, payload] if overtaking is not None else told
    return [one for one in told for _ in range(2 if "events_duplicated" in fired else 1)]


def _event(payload: Mapping[str, Any], fired: Fired) -> str:
    if "events_unnamed" in fired:
        return f"data: {json.dumps({'event': NAME} | dict(payload))}\n\n"
    words = f"event: {NAME}\ndata: {json.dumps(payload)}\n\n"
    return _NOISE + words if "events_noise" in fired else words


_NOISE = (
    ": a comment\n\n"
    'event: deployment_status_changed\ndata: {"id": "my-custom-model",\ndata:  "status": "active"}\n\n'
    "id: 7\nretry: 3000\n\n"
)


async def _pieces(written: AsyncIterator[str], fired: Fired) -> AsyncIterator[bytes]:
    """The stream as bytes; cut into small pieces and with CRLF where a fault says so."""
    size = int(fired.seconds("events_chopped"))
    async for words in written:
        if not size:
            yield words.encode()
            continue
        whole = words.replace("\n", "\r\n").encode()
        for start in range(0, len(whole), size):
            yield whole[start : start + size]
            await asyncio.sleep(0)
