"""Result files behind their signed URLs, with byte ranges, and what can go wrong with a download."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse

from ..answers import not_found, typed
from ..backlot import Backlot
from ..faults import Fired
from ..wire import authenticate, bearer, drop

_TYPES = {".mp4": "video/mp4", ".png": "image/png"}


async def result(lot: Backlot, request: Request) -> Response:
    """`GET …/files/main/GENERATION_ID.mp4`: by signature, or with the account's key."""
    path = request.scope["path"]  # `request.url` goes wrong where a name holds "#" or "?"
    may_read(lot, request, path)
    job = lot.job(Path(path).stem)
    if job is None or job.status != "succeeded" or lot.result_path(job) != path:
        raise not_found()
    return await served(request, await lot.result(job), _TYPES.get(Path(path).suffix))


def may_read(lot: Backlot, request: Request, path: str) -> None:
    """Raises 401 without a signature and a key, 403 for a signature that does not hold (any more)."""
    query = request.scope["query_string"].decode("latin-1")
    if lot.files.opens(path, query, lot.now):
        return
    if bearer(request) is None and query:
        raise typed(403, "unauthorized", "The signature is invalid or has expired.")
    authenticate(lot, request)


async def served(request: Request, file: Path, kind: str | None) -> Response:
    """A file, whole or in ranges, unless a fault is due. kind: its media type."""
    fired: Fired = request.state.fired
    if "redirect" in fired:
        return RedirectResponse(fired["redirect"].given, 302)
    if "not_a_video" in fired:
        return HTMLResponse("<html><body>Please sign in.</body></html>")
    if fired.keys() & {"truncated_file", "corrupt_file", "cut_download"}:
        return _spoiled(request, await asyncio.to_thread(file.read_bytes), kind, fired)
    return FileResponse(file, media_type=kind, headers={"cache-control": "private, no-store"})


def _spoiled(request: Request, content: bytes, kind: str | None, fired: Fired) -> Response:
    if "truncated_file" in fired:
        return Response(content[: len(content) // 2], media_type=kind)
    if "corrupt_file" in fired:
        return Response(_damaged(content), media_type=kind)
    headers = {"content-length": str(len(content))}
    return StreamingResponse(_half(request, content), media_type=kind, headers=headers)


def _damaged(content: bytes) -> bytes:
    """The same length and the same beginning; the inside is noise."""
    middle = len(content) // 3
    return content[:middle] + bytes(255 - byte for byte in content[middle : 2 * middle]) + content[2 * middle :]


async def _half(request: Request, content: bytes) -> AsyncIterator[bytes]:
    yield content[: len(content) // 2]
    await drop(request)
