"""The Tasks extension (SEP-2663, protocol 2026-07-28): a generation is a task, and its id is the task's id.

The state is the hub's. Nothing is kept in memory, so any process, or a server after a restart, can answer for any task.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from mcp.server.context import CallNext, HandlerResult
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.types import HEADER_MISMATCH, INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams
from pydantic import Field

from ..errors import NotFound, OxenError
from ..studio.results import iso
from ..tools import Reply
from ..tools.answers import to_answer
from .service import Request, Service
from .tools import as_task, to_call_result, to_failed_result

if TYPE_CHECKING:
    from ..studio.results import Video

TASKS = "io.modelcontextprotocol/tasks"
MODERN = frozenset({"2026-07-28"})
DAY = 86_400_000  # milliseconds that a task is promised to live; the hub keeps its records longer


class TaskParams(RequestParams):
    """Parameters of `tasks/get` and `tasks/cancel`."""

    task_id: str = Field(alias="taskId", min_length=1, max_length=256)


class UpdateParams(TaskParams):
    """Parameters of `tasks/update`: the client's answers to questions of the task."""

    input_responses: dict[str, Any] = Field(alias="inputResponses")


class Work(Protocol):
    """What tasks stand for. `get` returns a task's fields, or None for an unknown id."""

    async def get(self, task_id: str, ctx: Request) -> dict[str, Any] | None: ...

    async def cancel(self, task_id: str, ctx: Request) -> None: ...

    async def update(self, task_id: str, responses: Mapping[str, Any], ctx: Request) -> None: ...

    def started(self, answer: CallToolResult) -> str | None:
        """The id of the task that a tool's answer is about; None if it is about none."""


class Tasks(Extension):
    """Answers a call of a slow tool with a task, if the client declared the extension.

    work: what the tasks stand for.
    tools: names of the slow tools.
    only: those of them that a client without the extension can't call.
    poll: seconds that a client should wait between two calls of `tasks/get`.
    """

    identifier = TASKS

    def __init__(self, work: Work, tools: Collection[str], *, only: Collection[str] = (), poll: float = 3.0) -> None:
        self._work = work
        self._tools = tools
        self._only = only
        self._poll_ms = round(poll * 1000)

    def methods(self) -> Sequence[MethodBinding]:
        return [
            MethodBinding("tasks/get", TaskParams, self._get, MODERN),
            MethodBinding("tasks/update", UpdateParams, self._update, MODERN),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, MODERN),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Request, call_next: CallNext
    ) -> HandlerResult:
        if params.name not in self._tools:
            return await call_next(ctx)
        if not declared(ctx):
            if params.name in self._only:
                require_client_extension(ctx, TASKS)
            return await call_next(ctx)
        token = as_task.set(True)
        try:
            answer = await call_next(ctx)
        finally:
            as_task.reset(token)
        if not isinstance(answer, CallToolResult) or answer.is_error:
            return answer  # a question to the user, or a failure: no task was made
        task_id = self._work.started(answer)
        if task_id is None:
            return answer
        task = await self._task(task_id, ctx)
        task.pop("result", None)  # comes with tasks/get
        return {**task, "resultType": "task"}

    async def _get(self, ctx: Request, params: TaskParams) -> HandlerResult:
        return {**await self._task(admitted(ctx, params), ctx), "resultType": "complete"}

    async def _update(self, ctx: Request, params: UpdateParams) -> HandlerResult:
        await self._task(admitted(ctx, params), ctx)
        await self._work.update(params.task_id, params.input_responses, ctx)
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Request, params: TaskParams) -> HandlerResult:
        await self._task(admitted(ctx, params), ctx)
        await self._work.cancel(params.task_id, ctx)
        return {"resultType": "complete"}

    async def _task(self, task_id: str, ctx: Request) -> dict[str, Any]:
        fields = await self._work.get(task_id, ctx)
        if fields is None:
            raise MCPError(code=INVALID_PARAMS, message="Failed to retrieve task: Task not found")
        return {"taskId": task_id, "ttlMs": DAY, "pollIntervalMs": self._poll_ms, **fields}


def declared(ctx: Request) -> bool:
    """Whether the client declared the extension in this request."""
    capabilities = ctx.session.client_capabilities
    return ctx.protocol_version in MODERN and capabilities is not None and TASKS in (capabilities.extensions or {})


def admitted(ctx: Request, params: TaskParams) -> str:
    """The task's id. Raises MCPError if the client did not declare the extension, or its header names another task."""
    require_client_extension(ctx, TASKS)
    headers: Mapping[str, str] = getattr(ctx.request, "headers", None) or {}
    name = headers.get(MCP_NAME_HEADER)
    if name is not None and decode_header_value(name) != params.task_id:
        raise MCPError(code=HEADER_MISMATCH, message="Mcp-Name header does not match params.taskId")
    return params.task_id


class Generations:
    """Generations as tasks, through the caller's own studio."""

    def started(self, answer: CallToolResult) -> str | None:
        return (answer.structured_content or {}).get("generation_id")

    async def get(self, task_id: str, ctx: Request) -> dict[str, Any] | None:
        service: Service = ctx.lifespan_context
        try:
            async with service.studio(ctx.request) as studio:
                video = await studio.get(task_id)
        except NotFound:
            return None
        except OxenError as error:
            raise MCPError(code=INVALID_PARAMS, message=error.message) from None
        return await task_fields(video, service, ctx.request)

    async def cancel(self, task_id: str, ctx: Request) -> None:
        service: Service = ctx.lifespan_context
        if not any(row.name == "cancel_video" for row in service.options.shown()):
            raise MCPError(code=INVALID_PARAMS, message="This server cancels nothing.")
        try:
            async with service.studio(ctx.request) as studio:
                await studio.cancel(task_id)
        except OxenError as error:
            raise MCPError(code=INVALID_PARAMS, message=error.message) from None

    async def update(self, task_id: str, responses: Mapping[str, Any], ctx: Request) -> None:
        """Does nothing: a task asks no questions, since the price is agreed to before it starts."""


async def task_fields(video: Video, service: Service, request: Any) -> dict[str, Any]:
    """A video as the fields of a task. A failed generation is a completed task whose result is an error."""
    now = service.clock.time()
    fields: dict[str, Any] = {
        "createdAt": iso(video.created) if video.created else _date(now),
        "lastUpdatedAt": _date(now),
    }
    if not video.is_terminal:
        return {**fields, "status": "working", "statusMessage": video.status}
    if video.status == "cancelled":
        return {**fields, "status": "cancelled"}
    try:
        result = await to_call_result(service, request, Reply(to_answer(video)))
    except OxenError as error:
        result = to_failed_result(error)
    return {**fields, "status": "completed", "result": result.model_dump(by_alias=True, mode="json", exclude_none=True)}


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
