"""A hub with two accounts: each key has a sandbox of its own behind one address, as callers of one service have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxen_video_tools.sandbox import Sandbox
from tests.clocks import HUNG

from .serving import asgi


@contextmanager
def hub_of(accounts: Mapping[str, Sandbox]) -> Iterator[str]:
    """The address. A request with a key that belongs to nobody is refused; each account's own links stay its own."""

    async def forward(request: Request) -> Response:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        sandbox = accounts.get(key)
        if sandbox is None and not request.url.path.endswith("/models"):
            return JSONResponse({"error": {"type": "unauthenticated", "title": "Invalid API key"}}, 401)
        sandbox = sandbox or next(iter(accounts.values()))
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        async with httpx.AsyncClient(base_url=sandbox.base_url, timeout=HUNG) as client:
            answer = await client.request(
                request.method,
                request.url.path,
                params=request.url.query,
                headers=headers,
                content=await request.body(),
            )
        kept = {"content-type": answer.headers.get("content-type", "application/json")}
        return Response(answer.content, answer.status_code, kept)

    async def silent(_: Request) -> Response:  # no event stream: the slow poll must do
        return JSONResponse({"error": "no events"}, 503)

    methods = ["GET", "POST", "DELETE"]
    with asgi(Starlette(routes=[Route("/api/events", silent), Route("/{path:path}", forward, methods=methods)])) as url:
        yield url
