"""Result files behind their signed URLs, with byte ranges, and what can go wrong with a download."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse

from ..answers import Refusal, not_found, typed
from ..backlot import Backlot
from ..faults import Fired
from ..wire import authenticate, bearer, drop

_TYPES = {".mp4": "video/mp4", ".png": "image/png"}


async def result(lot: Backlot, request: Request) -> Response:
    """`GET …/files/main/GENERATION_ID.mp4`: by signature, or with the account's key."""
    path = request.url.path
    may_read(lot, request, path)
    job = lot.job(Path(path).stem)
    if job is None or job.status != "succeeded" or lot.result_path(job) != path:
        raise not_found()
    return await served(request, await lot.result(job), Path(path).name)


def may_read(lot: Backlot, request: Request, path: str) -> None:
    """Raises 401 without a signature and a key, 403 for a signature that does not hold (any more)."""
    if lot.files.opens(path, request.url.query, lot.now):
        return
    if bearer(request) is None and request.url.query:
        raise typed(403, "unauthorized", "The signature is invalid or has expired.")
    authenticate(lot, request)


async def served(request: Request, file: Path, name: str) -> Response:
    """A file, whole or in ranges, unless a fault is due."""
    fired: Fired = request.state.fired
    kind = _TYPES.get(Path(name).suffix)
    if "redirect" in fired:
        return RedirectResponse(fired["redirect"].given, 302)
    if "not_a_video" in fired:
        return HTMLResponse("<html><body>Please sign in.</body></html>")
    if "truncated_file" in fired:
        content = file.read_bytes()
        return Response(content[: len(content) // 2], media_type=kind)
    if "corrupt_file" in fired:
        return Response(_damaged(file.read_bytes()), media_type=kind)
    if "cut_download" in fired:
        size = str(file.stat().st_size)
        return StreamingResponse(_half(request, file), media_type=kind, headers={"content-length": size})
    if not file.exists():
        raise Refusal(404, not_found().body)
    return FileResponse(file, media_type=kind, headers={"cache-control": "private, no-store"})


def _damaged(content: bytes) -> bytes:
    """The same length and the same beginning; the inside is noise."""
    middle = len(content) // 3
    return content[:middle] + bytes(255 - byte for byte in content[middle : 2 * middle]) + content[2 * middle :]


async def _half(request: Request, file: Path) -> AsyncIterator[bytes]:
    content = file.read_bytes()
    yield content[: len(content) // 2]
    await drop(request)
