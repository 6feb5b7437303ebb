"""Repositories and the files put into them, both ways that clients use.

* Versioned: `POST /api/repos`, `PUT /api/repos/{ns}/{repo}/file/{branch}/{path}` (Oxen docs, file upload example).
* Private workbench: `POST …/workbench/context`, then `GET …/file/presigned_url/{branch}/{path}` (as Oxen's own agent
  does; not documented).
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from typing import Any
from uuid import uuid4

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..answers import Refusal, not_found, typed
from ..backlot import Backlot
from ..wire import Handler, json_body
from .orders import is_ours
from .results import may_read, served

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MOST_FILES = 20


def refuse_old_clients(handler: Handler) -> Handler:
    """The server takes any User-Agent with "oxen" in it for its own command line, and every one for too old."""

    async def checked(lot: Backlot, request: Request) -> Response:
        if "oxen" in request.headers.get("user-agent", "").lower():
            raise typed(426, "update_required")
        return await handler(lot, request)

    return checked


async def create(lot: Backlot, request: Request) -> Response:
    body = await json_body(request)
    namespace, name = body.get("namespace") or lot.options.username, body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not isinstance(namespace, str):
        raise _plain(400, f"Invalid repository or namespace name '{name}'. Must match [a-zA-Z0-9][a-zA-Z0-9_.-]+")
    if not is_ours(lot, namespace):
        raise not_found()
    public = body.get("visibility") == "public" or body.get("is_public") is True
    if not lot.store.add_repo(namespace, name, "public" if public else "private"):
        raise _plain(409, "Repo already exists.")
    return JSONResponse(_shown(lot, namespace, name, "resource_created"))


async def one(lot: Backlot, request: Request) -> Response:
    namespace, name = _repo(lot, request)
    return JSONResponse(_shown(lot, namespace, name, "resource_found"))


def _plain(status: int, words: str) -> Refusal:
    """The form of the repository routes."""
    return Refusal(status, {"status": "error", "status_message": words})


def _shown(lot: Backlot, namespace: str, name: str, message: str) -> dict[str, Any]:
    repository = {"namespace": namespace, "name": name, "visibility": lot.store.visibility(namespace, name)}
    return {"status": "success", "status_message": message, "repository": repository}


def _repo(lot: Backlot, request: Request) -> tuple[str, str]:
    namespace, name = request.path_params["namespace"], request.path_params["repo"]
    if lot.store.visibility(namespace, name) is None:
        raise not_found()
    return namespace, name


async def put(lot: Backlot, request: Request) -> Response:
    """One `file` becomes the path; several, or `files[]`, go into it as a directory."""
    namespace, name = _repo(lot, request)
    branch, path = _resource(request)
    async with request.form(max_files=_MOST_FILES) as form:
        for field in ("name", "email", "message"):
            if not form.get(field):
                raise typed(400, "bad_request", f"{field.capitalize()} is required")
        single, files = _files(form)
        into = not single or lot.store.has_files((namespace, name, branch), f"{path}/")
        for file in files:
            target = f"{path}/{file.filename}".strip("/") if into else path
            await _keep(lot, (namespace, name, branch, target), file)
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


async def _keep(lot: Backlot, place: tuple[str, str, str, str], file: UploadFile) -> None:
    content = await file.read()
    digest = await asyncio.to_thread(lot.files.keep, content)
    lot.store.add_file(place, digest, len(content))


def _resource(request: Request) -> tuple[str, str]:
    """`{branch}/{path}`"""
    branch, _, path = request.path_params["resource"].partition("/")
    path = path.strip("/")
    if not branch or not path or ".." in path.split("/"):
        raise typed(400, "bad_request", "Invalid target path: expected a full file path for `file` uploads")
    return branch, path


async def get(lot: Backlot, request: Request) -> Response:
    """By signature, with the account's key, or freely from a public repository."""
    namespace, name = request.path_params["namespace"], request.path_params["repo"]
    if lot.store.visibility(namespace, name) != "public":
        may_read(lot, request, request.scope["path"])
    _repo(lot, request)
    branch, path = _resource(request)
    digest = lot.store.file((namespace, name, branch, path))
    if digest is None:
        raise not_found()
    kind = mimetypes.guess_type(path)[0]
    return await served(request, lot.files.path(digest), kind)


async def presigned(lot: Backlot, request: Request) -> Response:
    namespace, name = _repo(lot, request)
    branch, path = _resource(request)
    if lot.store.file((namespace, name, branch, path)) is None:
        raise not_found()
    return JSONResponse({"url": lot.files.signed(f"/api/repos/{namespace}/{name}/file/{branch}/{path}", lot.now)})


async def add_context(lot: Backlot, request: Request) -> Response:
    """Multipart `file` and `directory` → `asset_path`, private to the account."""
    namespace, name = _repo(lot, request)
    async with request.form(max_files=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise typed(400, "bad_request", "Missing file data: expected a `file` multipart part")
        directory = str(form.get("directory") or "context").strip("/")
        parts = [
            part for part in (*directory.split("/"), file.filename.rsplit("/", 1)[-1]) if part not in ("", ".", "..")
        ]
        path = "/".join(parts)
        await _keep(lot, (namespace, name, "main", path), file)
    return JSONResponse({"status": "success", "asset_path": path})
