"""Grafts for the suite's tasks: slow tools that are kept in memory, beside our generations, in our own extension."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

from oxen_video_tools.mcp.tasks import Work
from oxen_video_tools.mcp.tools import as_task

SLOW = ("slow_compute", "failing_job", "protocol_error_job", "confirm_delete", "multi_input", "test_tool_with_task")
ONLY = ("failing_job",)
Run = Callable[["Job"], Awaitable[CallToolResult]]


def said(text: str, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)], is_error=is_error)


def now() -> str:
    return datetime.now(UTC).isoformat()


class Job:
    """One piece of work: what the extension shows of it, and what it waits for."""

    def __init__(self, run: Run) -> None:
        self.fields: dict[str, Any] = {"status": "working", "createdAt": now(), "lastUpdatedAt": now()}
        self.answers: dict[str, Any] = {}
        self._answered = asyncio.Event()
        self.work = asyncio.create_task(self._run(run))

    async def _run(self, run: Run) -> None:
        try:
            result = await run(self)
            self._now("completed", result=result.model_dump(by_alias=True, mode="json", exclude_none=True))
        except asyncio.CancelledError:
            self._now("cancelled")
        except Exception as error:
            self._now("failed", statusMessage=str(error), error={"code": -32603, "message": str(error)})

    def _now(self, status: str, **more: Any) -> None:
        self.fields.pop("inputRequests", None)
        self.fields.update(status=status, lastUpdatedAt=now(), **more)

    async def ask(self, **questions: str) -> dict[str, Any]:
        """Wait until every question is answered."""
        open_questions = {f"{name}-{secrets.token_hex(4)}": form(text, name) for name, text in questions.items()}
        self._now("input_required", inputRequests=dict(open_questions))
        while open_questions.keys() - self.answers.keys():
            await self._answered.wait()
            self._answered.clear()
        self._now("working")
        return self.answers

    def answer(self, responses: Mapping[str, Any]) -> None:
        pending = self.fields.get("inputRequests", {})
        for name in responses.keys() & pending.keys():
            self.answers[name] = responses[name]
            del pending[name]
        self._answered.set()


def form(message: str, name: str) -> dict[str, Any]:
    kind = "boolean" if name == "confirm" else "string"
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return {"method": "elicitation/create", "params": {"mode": "form", "message": message, "requestedSchema": schema}}


class Jobs:
    """The grafted work; every other id is a generation's."""

    def __init__(self, generations: Work) -> None:
        self._generations = generations
        self._jobs: dict[str, Job] = {}

    def start(self, run: Run) -> CallToolResult:
        task_id = f"job-{secrets.token_urlsafe(24)}"
        self._jobs[task_id] = Job(run)
        return CallToolResult(content=[], structured_content={"job": task_id})

    def started(self, answer: CallToolResult) -> str | None:
        found = (answer.structured_content or {}).get("job")
        return found if isinstance(found, str) else self._generations.started(answer)

    async def get(self, task_id: str, ctx: Any) -> dict[str, Any] | None:
        job = self._jobs.get(task_id)
        return dict(job.fields) if job else await self._generations.get(task_id, ctx)

    async def cancel(self, task_id: str, ctx: Any) -> None:
        if job := self._jobs.get(task_id):
            job.work.cancel()
            await asyncio.sleep(0)
        else:
            await self._generations.cancel(task_id, ctx)

    async def update(self, task_id: str, responses: Mapping[str, Any], ctx: Any) -> None:
        if job := self._jobs.get(task_id):
            job.answer(responses)
        else:
            await self._generations.update(task_id, responses, ctx)


class Who(BaseModel):
    name: str


async def ask_name() -> Elicit[Who]:
    return Elicit("Who are you?", Who)


def add_slow_tools(server: MCPServer[Any], jobs: Jobs) -> None:
    @server.tool()
    async def greet(name: str) -> str:
        "Says hello, at once."
        return f"Hello, {name}!"

    @server.tool(structured_output=False)
    async def slow_compute(seconds: float = 0, label: str = "") -> CallToolResult:
        "Takes so many seconds."

        async def run(_: Job) -> CallToolResult:
            await asyncio.sleep(seconds)
            return said(f"done {label}")

        if as_task.get():
            return jobs.start(run)
        await asyncio.sleep(seconds)
        return said(f"done {label}")

    @server.tool(structured_output=False)
    async def failing_job() -> CallToolResult:
        "Fails as a tool does."

        async def run(_: Job) -> CallToolResult:
            await asyncio.sleep(1)
            return said("it broke", is_error=True)

        return jobs.start(run)

    @server.tool(structured_output=False)
    async def protocol_error_job() -> CallToolResult:
        "Fails as a server does."

        async def run(_: Job) -> CallToolResult:
            await asyncio.sleep(0.3)
            raise RuntimeError("the server broke")

        return jobs.start(run)

    @server.tool(structured_output=False)
    async def confirm_delete(filename: str = "x") -> CallToolResult:
        "Asks on the way."

        async def run(job: Job) -> CallToolResult:
            return said(f"deleted {filename}: {await job.ask(confirm=f'Delete {filename}?')}")

        return jobs.start(run)

    @server.tool(structured_output=False)
    async def multi_input() -> CallToolResult:
        "Asks two things on the way."

        async def run(job: Job) -> CallToolResult:
            return said(f"{await job.ask(name='Your name?', colour='Your colour?')}")

        return jobs.start(run)

    @server.tool(structured_output=False)
    async def test_tool_with_task(who: Annotated[Who, Resolve(ask_name)]) -> CallToolResult:
        "Asks first, then takes its time."

        async def run(_: Job) -> CallToolResult:
            await asyncio.sleep(0.2)
            return said(f"Hello {who.name}")

        return jobs.start(run)
