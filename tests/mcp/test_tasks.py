"""The Tasks extension: a generation is a task, for any process, whose id outlives them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest
from mcp import Client, MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.types import CallToolResult, ElicitResult, Request, RequestParams, Result
from pydantic import ConfigDict, Field

from oxen_video_tools.hub import HubClient
from oxen_video_tools.mcp import build_server
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import QUIET
from .serving import words


class Created(Result):
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str
    ttl_ms: int = Field(alias="ttlMs")
    poll_interval_ms: int = Field(alias="pollIntervalMs")
    created_at: str = Field(alias="createdAt")


class TaskState(Result):
    model_config = ConfigDict(extra="allow")
    status: str


class TaskParams(RequestParams):
    task_id: str = Field(alias="taskId")


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"
    params: TaskParams


class CancelTask(Request[TaskParams, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"
    params: TaskParams


class Taking(ClientExtension):
    """A client that takes tasks, and keeps the last one."""

    identifier = "io.modelcontextprotocol/tasks"
    created: Created

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self.keep)]

    async def keep(self, created: Created, context: ClaimContext) -> CallToolResult:
        self.created = created
        return CallToolResult(content=[], is_error=True)  # whatever; the tests ask for the task themselves


async def state(client: Client, task_id: str) -> TaskState:
    return await client.session.send_request(GetTask(params=TaskParams(taskId=task_id)), TaskState)


async def test_a_generation_is_a_task_and_any_process_answers_for_it(settings: Settings, hub: Sandbox) -> None:
    hub.faults.add("stuck")
    taking = Taking()
    async with Client(build_server(settings=settings, options=QUIET), extensions=[taking]) as client:
        await client.call_tool("generate_video", {"prompt": "a fox", "wait_seconds": 45})  # answers at once
    task = taking.created
    assert (task.status, task.poll_interval_ms) == ("working", 50) and task.ttl_ms > 0
    async with Client(build_server(settings=settings, options=QUIET), extensions=[Taking()]) as elsewhere:
        assert (await state(elsewhere, task.task_id)).status == "working"
        await elsewhere.session.send_request(CancelTask(params=TaskParams(taskId=task.task_id)), Result)
        assert (await state(elsewhere, task.task_id)).status == "cancelled"
        listed = words(await elsewhere.call_tool("list_videos", {}))["videos"]
    assert [video["generation_id"] for video in listed] == [task.task_id]


async def test_a_finished_task_holds_the_answer_that_the_call_would_have_given(settings: Settings) -> None:
    taking = Taking()
    async with Client(build_server(settings=settings, options=QUIET), extensions=[taking]) as client:
        await client.call_tool("generate_video", {"prompt": "a fox"})
        ended = await state(client, taking.created.task_id)
    result = CallToolResult.model_validate((ended.model_extra or {})["result"])
    assert ended.status == "completed" and words(result)["status"] == "succeeded"
    assert words(result)["generation_id"] == taking.created.task_id and result.structured_content == words(result)


async def test_a_failed_generation_is_a_completed_task_with_a_failed_result(settings: Settings, hub: Sandbox) -> None:
    hub.faults.add("fail=It broke.")
    body = {"model": "kling-video-v2-6-pro-text-to-video", "prompt": "a fox"}
    async with HubClient(api_key=settings.api_key, base_url=hub.base_url) as other:
        task_id = (await other.enqueue(body))[0].generation_id
    async with Client(build_server(settings=settings, options=QUIET), extensions=[Taking()]) as client:
        ended = await state(client, task_id)
    result = CallToolResult.model_validate((ended.model_extra or {})["result"])
    assert ended.status == "completed" and result.is_error
    assert (words(result)["error"], words(result)["generation_id"]) == ("generation_failed", task_id)


async def test_the_question_comes_before_the_task(settings: Settings, hub: Sandbox) -> None:
    taking = Taking()

    async def ask(_: Any, params: Any) -> ElicitResult:
        assert hub.ledger()["accepted"] == 0
        return ElicitResult(action="accept", content={"approve": True})

    server = build_server(settings=replace(settings, approve_above=Decimal("0.01")), options=QUIET)
    async with Client(server, extensions=[taking], elicitation_callback=ask) as client:
        await client.call_tool("generate_video", {"prompt": "a fox"})
        assert (await state(client, taking.created.task_id)).status == "completed"


async def test_a_refused_call_makes_no_task(settings: Settings) -> None:
    taking = Taking()
    async with Client(build_server(settings=settings, options=QUIET), extensions=[taking]) as client:
        refused = await client.call_tool("generate_video", {"prompt": ""})
        plain = await client.call_tool("list_videos", {})
    assert refused.is_error and not plain.is_error and not hasattr(taking, "created")


async def test_tasks_are_not_for_clients_that_did_not_declare_them(settings: Settings) -> None:
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        with pytest.raises(MCPError) as refusal:
            await state(client, "anything")
    assert refusal.value.code == -32021


async def test_an_unknown_task_is_said_to_be_unknown(settings: Settings) -> None:
    async with Client(build_server(settings=settings, options=QUIET), extensions=[Taking()]) as client:
        with pytest.raises(MCPError, match="not found") as refusal:
            await state(client, "nothing")
    assert refusal.value.code == -32602
