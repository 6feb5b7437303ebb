"""What can be read besides calling tools: `oxen://models/{id}`, `oxen://generations/{id}`, `oxen://spend`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from ..errors import ModelNotFound, NotFound, OxenError, foreseen
from ..tools import TABLE, Call
from ..tools.arguments import FindArguments
from ..tools.words import facts
from .callers import caller_of
from .service import Service

if TYPE_CHECKING:
    from mcp.server import MCPServer

GENERATION = "oxen://generations/"


@asynccontextmanager
async def _readable() -> AsyncIterator[None]:
    """Foreseen failures in their own words; a thing that does not exist is "not found" in the protocol's."""
    try:
        with foreseen():
            yield
    except (NotFound, ModelNotFound) as error:
        raise ResourceNotFoundError(error.message) from error
    except OxenError as error:
        raise ResourceError(error.words) from error


def add_resources(server: MCPServer[Service], service: Service) -> None:
    """Enter them into the server."""

    @server.resource(
        "oxen://models/{id}", name="model", title="Video model", mime_type="application/json",
        description="One model: its parameters, allowed values, limits and price.",
    )  # fmt: skip
    async def model(id: str, ctx: Context[Any]) -> str:
        async with _readable(), service.studio(ctx.request_context.request) as studio:
            reply = await TABLE["find_video_models"].run(studio, FindArguments(model=id), Call(0, 0))
            return _json(reply.structured["model"])

    @server.resource(
        GENERATION + "{id}", name="generation", title="Video", mime_type="application/json",
        description="How a video stands, with a fresh link. Subscribers hear when it changes.",
    )  # fmt: skip
    async def generation(id: str, ctx: Context[Any]) -> str:
        async with _readable(), service.studio(ctx.request_context.request) as studio:
            shown = facts(await studio.get(id))
        if service.links is not None:
            shown = await service.links.lasting(shown, caller_of(ctx.request_context.request))
        return _json(shown)

    @server.resource(
        "oxen://spend", name="spend", title="Spend", mime_type="application/json",
        description="What was spent, by day and model, in US dollars, and what is left of the budget.",
    )  # fmt: skip
    async def spend() -> str:
        async with _readable(), service.studio_now() as studio:
            return _json(asdict(await studio.spend()))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)
