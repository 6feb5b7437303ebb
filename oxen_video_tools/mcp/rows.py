"""A row of the table of tools as a tool of `MCPServer`."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context, ElicitationResult, Resolve
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import ValidationError

from ..errors import OxenError, Unauthenticated, foreseen, invalid_arguments
from ..tools import Call, Reply
from . import approval
from .approval import Approval
from .callers import caller_of, reach
from .player import PLAYER
from .progress import reporting
from .service import Service
from .showing import failed, shown

if TYPE_CHECKING:
    from ..studio import AsyncStudio
    from ..tools import Tool as Row

WAIT, LONGEST = 45.0, 50.0  # seconds; many clients give a call no more than 60

#: True while a tool runs for a client that will poll the task: submit, do not wait.
as_task: ContextVar[bool] = ContextVar("as_task", default=False)


class VideoTool(Tool):
    """A tool whose whole input is one argument model, and whose foreseen failures read the same in every window."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        try:
            return await super().run({"request": arguments}, context, convert_result)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError) and not isinstance(error, UnexpectedToolError):
                cause = invalid_arguments(cause, inside="request")
            if not isinstance(cause, OxenError):
                raise  # the SDK's own words
            return failed(cause)


def project(row: Row) -> Tool:
    """The tool for one row. The SDK reads Context, Resolve and the answer model off the annotations of the function."""
    tool = VideoTool.from_function(
        _paid(row) if row.asks else _free(row),
        name=row.name,
        title=row.name.replace("_", " ").capitalize(),
        description=row.description,
        meta={"ui": {"resourceUri": PLAYER}} if row.shows_video else None,
        annotations=ToolAnnotations(
            read_only_hint=row.read_only,
            destructive_hint=row.destructive,
            idempotent_hint=row.idempotent,
            open_world_hint=row.open_world,
        ),
    )
    tool.parameters = row.schema
    tool.fn_metadata.output_schema = row.answer_schema
    return tool


def _free(row: Row) -> Any:
    async def call(request: Any, ctx: Context[Service]) -> CallToolResult:
        return await _answered(row, request, ctx)

    call.__annotations__ |= {"request": row.arguments, "return": Annotated[CallToolResult, row.answer]}
    return call


def _paid(row: Row) -> Any:
    async def call(request: Any, ctx: Context[Service], approved: Any) -> CallToolResult:
        return await _answered(row, request, ctx, approved=approval.agreed(approved))

    call.__annotations__ |= {
        "request": row.arguments,
        "approved": Annotated[ElicitationResult[Approval], Resolve(approval.asking(row))],
        "return": Annotated[CallToolResult, row.answer],
    }
    return call


async def _answered(row: Row, request: Any, ctx: Context[Service], *, approved: bool = False) -> CallToolResult:
    service = ctx.request_context.lifespan_context
    caller = caller_of(ctx.request_context.request)
    try:
        with foreseen():
            async with (
                service.studios.of(caller) as studio,
                service.folders.room_for(caller, writes=not row.read_only),
                reporting(ctx, service.clock) as reporter,
            ):
                wait, longest = (0.0, 0.0) if as_task.get() else limits(studio)
                call = Call(wait, longest, reporter.report, approved=approved, files=reach(caller))
                reply = await _unless_closing(service, row, studio, request, call)
            return await shown(service, ctx.request_context.request, reply)
    except Unauthenticated:
        service.proofs.forget(caller)
        raise


def limits(studio: AsyncStudio) -> tuple[float, float]:
    """Seconds to wait when nothing was said, and at most. OXEN_VIDEO_WAIT is for those who know their client."""
    wait = studio.settings.wait
    return (WAIT, LONGEST) if wait is None else (wait, max(wait, LONGEST))


async def _unless_closing(service: Service, row: Row, studio: AsyncStudio, request: Any, call: Call) -> Reply:
    """The row's answer. When the server is told to stop meanwhile, the wait ends at once and the answer has the id.

    The same request asked again without a wait finds its job in the ledger: nothing is paid twice.
    """
    if "wait_seconds" not in row.arguments.model_fields:
        return await row.run(studio, request, call)
    at_once = request.model_copy(update={"wait_seconds": 0.0})
    if service.closing.is_set():
        return await row.run(studio, at_once, call)
    work = asyncio.ensure_future(row.run(studio, request, call))
    closing = asyncio.ensure_future(service.closing.wait())
    try:
        await asyncio.wait({work, closing}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
    finally:
        work.cancel()
        closing.cancel()
    await asyncio.wait({work})
    return await row.run(studio, at_once, call)
