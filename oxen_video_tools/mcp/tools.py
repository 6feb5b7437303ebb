"""The tools of `tools.TABLE` as tools of `MCPServer`."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.server.mcpserver import Context, ElicitationResult, Resolve
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ImageContent, TextContent, ToolAnnotations
from pydantic import ValidationError

from ..errors import OxenError, Unauthenticated, invalid_arguments, only_oxen_errors
from ..tools import Call, Reply
from ..tools.answers import FILE
from . import approval
from .approval import Approval
from .callers import caller_of, reach
from .resources import PLAYER
from .service import Service

if TYPE_CHECKING:
    from decimal import Decimal

    from mcp.server.mcpserver import Context

    from ..clock import Clock
    from ..studio import AsyncStudio
    from ..studio.prepare import Prepared
    from ..studio.results import Progress
    from ..studio.stills import PreparedStills
    from ..tools import Reply, ToolSpec
    from .service import Service


# The result for a client: the answer as text and pictures, which the model reads, and as structured content.

log = logging.getLogger(__name__)
AFAR = (
    "The file lies on the server, which gives no links of its own: get_video with the id of a shot gives that shot's "
    "link. The server's operator can give links to whole films by setting OXEN_VIDEO_MCP_PUBLIC_URL."
)


async def to_call_result(service: Service, request: Any, reply: Reply) -> CallToolResult:
    """A tool's answer to whoever sent `request`."""
    pictures = [ImageContent(data=base64.b64encode(jpeg).decode(), mime_type="image/jpeg") for jpeg in reply.images]
    text, structured = reply.text, reply.structured
    if service.links is not None:
        try:
            structured = await service.links.lasting(structured, caller_of(request))
        except OxenError as error:  # the answer may be about a video that is paid: it is given as it is
            log.warning("No links that last: %s", error)
        text = _compact(structured)
    elif FILE in str(structured.get("next")) and reach(caller_of(request)) == "nowhere":
        structured = structured | {"next": structured["next"].replace(FILE, AFAR)}
        text = _compact(structured)
    return CallToolResult(content=[TextContent(text=text), *pictures], structured_content=structured)


def _compact(structured: dict[str, Any]) -> str:
    return json.dumps(structured, ensure_ascii=False, separators=(",", ":"))


def to_failed_result(error: OxenError) -> CallToolResult:
    """A failure in the same words as in LangChain and on the command line."""
    return CallToolResult(content=[TextContent(text=error.words)], is_error=True)


# Progress as MCP wants it: it rises strictly with every message, and a client hears something every few seconds.
#
# Clients that let progress renew their patience give a silent call a minute at most.

SILENCE = 5.0  # seconds without a message, at most
STEP = 1e-6


class Reporter:
    """Sends one call's progress. `report` takes what the studio says; `beat` repeats the last of it."""

    def __init__(self, ctx: Context[Any], clock: Clock) -> None:
        self._ctx = ctx
        self._clock = clock
        self._sent = 0.0
        self._words = "working"
        self.spoke = clock.monotonic()

    async def report(self, progress: Progress) -> None:
        """Tell the client how far it is."""
        self._words = f"{progress.generation_id} {progress.text}"
        await self._send(progress.fraction)

    async def beat(self) -> None:
        """Tell the client that the call is alive."""
        await self._send(0.0)

    async def _send(self, fraction: float) -> None:
        self._sent = max(fraction, self._sent + STEP)
        self.spoke = self._clock.monotonic()
        with suppress(
            anyio.ClosedResourceError, anyio.BrokenResourceError
        ):  # whoever listened has gone; the job goes on
            await self._ctx.report_progress(self._sent, 1.0, self._words)


@asynccontextmanager
async def reporting(ctx: Context[Any], clock: Clock) -> AsyncIterator[Reporter]:
    """A reporter that is never silent for longer than `SILENCE`."""
    reporter = Reporter(ctx, clock)
    beats = asyncio.create_task(_beat(reporter, clock))
    try:
        yield reporter
    finally:
        beats.cancel()
        await asyncio.wait({beats})


async def _beat(reporter: Reporter, clock: Clock) -> None:
    while True:
        await clock.sleep(max(reporter.spoke + SILENCE - clock.monotonic(), 0.1))
        if clock.monotonic() - reporter.spoke >= SILENCE - 0.01:
            await reporter.beat()


WAIT, LONGEST = 45.0, 50.0  # seconds; many clients give a call no more than 60

#: True while a tool runs for a client that will poll the task: submit, do not wait.
as_task: ContextVar[bool] = ContextVar("as_task", default=False)


class VideoTool(Tool):
    """A tool whose whole input is one argument model, and whose expected failures read the same as in LangChain."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        token = approval.prepared_call.set([None])
        try:
            return await super().run({"request": arguments}, context, convert_result)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError) and not isinstance(error, UnexpectedToolError):
                cause = invalid_arguments(cause, inside="request")
            if not isinstance(cause, OxenError):
                raise  # the SDK's own words
            return to_failed_result(cause)
        finally:
            approval.prepared_call.reset(token)


def project_tools(spec: ToolSpec) -> Tool:
    """One tool. The SDK reads Context, Resolve and the answer model from the function's annotations."""
    tool = VideoTool.from_function(
        _paid(spec) if spec.prepares else _free(spec),
        name=spec.name,
        title=spec.name.replace("_", " ").capitalize(),
        description=spec.description,
        meta={"ui": {"resourceUri": PLAYER}} if spec.shows_video else None,
        annotations=ToolAnnotations(
            read_only_hint=spec.read_only,
            destructive_hint=spec.destructive,
            idempotent_hint=spec.idempotent,
            open_world_hint=spec.open_world,
        ),
    )
    tool.parameters = spec.schema
    tool.fn_metadata.output_schema = spec.answer_schema
    return tool


def _free(spec: ToolSpec) -> Any:
    async def call(request: Any, ctx: Context[Service]) -> CallToolResult:
        return await _answered(spec, request, ctx)

    call.__annotations__ |= {"request": spec.arguments, "return": Annotated[CallToolResult, spec.answer]}
    return call


def _paid(spec: ToolSpec) -> Any:
    async def call(request: Any, ctx: Context[Service], approved: Any) -> CallToolResult:
        [prepared] = approval.prepared_call.get() or [None]
        return await _answered(spec, request, ctx, prepared, approval.agreed_sum(approved, prepared))

    call.__annotations__ |= {
        "request": spec.arguments,
        "approved": Annotated[ElicitationResult[Approval], Resolve(approval.asking(spec))],
        "return": Annotated[CallToolResult, spec.answer],
    }
    return call


async def _answered(
    spec: ToolSpec,
    request: Any,
    ctx: Context[Service],
    prepared: Prepared | PreparedStills | None = None,
    approved_usd: Decimal | None = None,
) -> CallToolResult:
    service = ctx.request_context.lifespan_context
    caller = caller_of(ctx.request_context.request)
    try:
        with only_oxen_errors():
            async with (
                service.studios.of(caller) as studio,
                service.folders.room_for(caller, writes=not spec.read_only),
                reporting(ctx, service.clock) as reporter,
            ):
                wait, longest = (0.0, 0.0) if as_task.get() else limits(studio)
                files = reach(caller)
                call = Call(wait, longest, reporter.report, prepared=prepared, approved_usd=approved_usd, files=files)
                reply = await _unless_closing(service, spec, studio, request, call)
            return await to_call_result(service, ctx.request_context.request, reply)
    except Unauthenticated:
        service.proofs.forget(caller)
        raise


def limits(studio: AsyncStudio) -> tuple[float, float]:
    """Seconds to wait by default, and at most. OXEN_VIDEO_WAIT overrides this for clients known to wait longer."""
    wait = studio.settings.wait
    return (WAIT, LONGEST) if wait is None else (wait, max(wait, LONGEST))


async def _unless_closing(service: Service, spec: ToolSpec, studio: AsyncStudio, request: Any, call: Call) -> Reply:
    """The tool's answer. If the server is told to stop meanwhile, the wait ends at once and the answer has the id.

    The same request, repeated without a wait, then finds its job in the ledger: nothing is paid twice.
    """
    if "wait_seconds" not in spec.arguments.model_fields:
        return await spec.run(studio, request, call)
    at_once = request.model_copy(update={"wait_seconds": 0.0})
    if service.closing.is_set():
        return await spec.run(studio, at_once, call)
    work = asyncio.ensure_future(spec.run(studio, request, call))
    closing = asyncio.ensure_future(service.closing.wait())
    try:
        await asyncio.wait({work, closing}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
    finally:
        work.cancel()
        closing.cancel()
    await asyncio.wait({work})
    return await spec.run(studio, at_once, call)
