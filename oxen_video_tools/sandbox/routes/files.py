"""Repositories and the files put into them, both ways that clients use.

* Versioned: `POST /api/repos`, `PUT /api/repos/{ns}/{repo}/file/{branch}/{path}` (Oxen docs, file upload example).
* Private workbench: `POST …/workbench/context`, then `GET …/file/presigned_url/{branch}/{path}` (as Oxen's own agent
  does; not documented).
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from ..faults import Fired
from ..http import Handler, Refusal, authenticate, bearer, drop, json_body, not_found, typed
from ..hub import SimulatedHub
from .generations import is_ours

# Result files behind their signed URLs, with byte ranges, and what can go wrong with a download.

_TYPES = {".mp4": "video/mp4", ".png": "image/png"}


async def result(hub: SimulatedHub, request: Request) -> Response:
    """`GET …/files/main/GENERATION_ID.mp4`: by signature, or with the account's key."""
    path = request.scope["path"]  # `request.url` goes wrong where a name holds "#" or "?"
    may_read(hub, request, path)
    job = hub.job(Path(path).stem)
    if job is None or job.status != "succeeded" or hub.result_path(job) != path:
        raise not_found()
    return await served(request, await hub.result(job), _TYPES.get(Path(path).suffix))


def may_read(hub: SimulatedHub, request: Request, path: str) -> None:
    """Raises 401 without a signature and a key, 403 for an invalid or expired signature."""
    query = request.scope["query_string"].decode("latin-1")
    if hub.files.opens(path, query, hub.now):
        return
    if bearer(request) is None and query:
        raise typed(403, "unauthorized", "The signature is invalid or has expired.")
    authenticate(hub, request)


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


_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MOST_FILES = 250


def refuse_old_clients(handler: Handler) -> Handler:
    """The server takes any User-Agent with "oxen" in it for its own command line, and every one for too old."""

    async def checked(hub: SimulatedHub, request: Request) -> Response:
        if "oxen" in request.headers.get("user-agent", "").lower():
            raise typed(426, "update_required")
        return await handler(hub, request)

    return checked


async def create(hub: SimulatedHub, request: Request) -> Response:
    body = await json_body(request)
    namespace, name = body.get("namespace") or hub.options.username, body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not isinstance(namespace, str):
        raise _plain(400, f"Invalid repository or namespace name '{name}'. Must match [a-zA-Z0-9][a-zA-Z0-9_.-]+")
    if not is_ours(hub, namespace):
        raise not_found()
    public = body.get("visibility") == "public" or body.get("is_public") is True
    if not hub.store.add_repo(namespace, name, "public" if public else "private"):
        raise _plain(409, "Repo already exists.")
    return JSONResponse(_shown(hub, namespace, name, "resource_created"))


async def one(hub: SimulatedHub, request: Request) -> Response:
    namespace, name = _repo(hub, request)
    return JSONResponse(_shown(hub, namespace, name, "resource_found"))


def _plain(status: int, words: str) -> Refusal:
    """The form of the repository routes."""
    return Refusal(status, {"status": "error", "status_message": words})


def _shown(hub: SimulatedHub, namespace: str, name: str, message: str) -> dict[str, Any]:
    repository = {"namespace": namespace, "name": name, "visibility": hub.store.visibility(namespace, name)}
    return {"status": "success", "status_message": message, "repository": repository}


def _repo(hub: SimulatedHub, request: Request) -> tuple[str, str]:
    namespace, name = request.path_params["namespace"], request.path_params["repo"]
    if hub.store.visibility(namespace, name) is None:
        raise not_found()
    return namespace, name


async def put(hub: SimulatedHub, request: Request) -> Response:
    """One `file` becomes the path; several, or `files[]`, go into it as a directory."""
    namespace, name = _repo(hub, request)
    branch, path = _resource(request)
    async with request.form(max_files=_MOST_FILES) as form:
        for field in ("name", "email", "message"):
            if not form.get(field):
                raise typed(400, "bad_request", f"{field.capitalize()} is required")
        single, files = _files(form)
        into = not single or hub.store.has_files((namespace, name, branch), f"{path}/")
        for file in files:
            target = f"{path}/{file.filename}".strip("/") if into else path
            await _keep(hub, (namespace, name, branch, target), file)
        message = str(form["message"])
    commit = {"id": uuid4().hex, "message": message, "author": str(namespace)}
    return JSONResponse({"status": "success", "status_message": "resource_created", "commit": commit})


def _files(form: FormData) -> tuple[bool, list[UploadFile]]:
    """Whether it is a single `file`, and the files."""
    single = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
    several = [part for part in form.getlist("files[]") if isinstance(part, UploadFile)]
    if single and several:
        raise typed(400, "bad_request", "Ambiguous multipart payload: use either `file` or `files[]`, not both")
    if not single and not several:
        raise typed(400, "bad_request", "Missing file data: expected `file` or `files[]` multipart parts")
    return len(single) == 1, single or several


async def _keep(hub: SimulatedHub, place: tuple[str, str, str, str], file: UploadFile) -> None:
    content = await file.read()
    digest = await asyncio.to_thread(hub.files.keep, content)
    hub.store.add_file(place, digest, len(content))


def _resource(request: Request) -> tuple[str, str]:
    """`{branch}/{path}`"""
    branch, _, path = request.path_params["resource"].partition("/")
    path = path.strip("/")
    if not branch or not path or ".." in path.split("/"):
        raise typed(400, "bad_request", "Invalid target path: expected a full file path for `file` uploads")
    return branch, path


async def get(hub: SimulatedHub, request: Request) -> Response:
    """By signature, with the account's key, or freely from a public repository."""
    namespace, name = request.path_params["namespace"], request.path_params["repo"]
    if hub.store.visibility(namespace, name) != "public":
        may_read(hub, request, request.scope["path"])
    _repo(hub, request)
    branch, path = _resource(request)
    digest = hub.store.file((namespace, name, branch, path))
    if digest is None:
        raise not_found()
    kind = mimetypes.guess_type(path)[0]
    return await served(request, hub.files.path(digest), kind)


async def presigned(hub: SimulatedHub, request: Request) -> Response:
    namespace, name = _repo(hub, request)
    branch, path = _resource(request)
    if hub.store.file((namespace, name, branch, path)) is None:
        raise not_found()
    return JSONResponse({"url": hub.files.signed(f"/api/repos/{namespace}/{name}/file/{branch}/{path}", hub.now)})


async def add_context(hub: SimulatedHub, request: Request) -> Response:
    """Multipart `file` and `directory` → `asset_path`, private to the account."""
    namespace, name = _repo(hub, request)
    async with request.form(max_files=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise typed(400, "bad_request", "Missing file data: expected a `file` multipart part")
        directory = str(form.get("directory") or "context").strip("/")
        parts = [
            part for part in (*directory.split("/"), file.filename.rsplit("/", 1)[-1]) if part not in ("", ".", "..")
        ]
        path = "/".join(parts)
        await _keep(hub, (namespace, name, "main", path), file)
    return JSONResponse({"status": "success", "asset_path": path})
