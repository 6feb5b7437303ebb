"""Real agents with a scripted chat model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolCallLimitMiddleware
from langchain_core.messages import AIMessage
from langchain_core.tools import ToolException

from oxen_video_tools.langchain import GenerateVideo, GetVideo, OxenVideoToolkit
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal
from oxen_video_tools.tools import TABLE
from tests.clocks import HUNG

from .agents import ASK, Scripted, agent, answers, calling
from .calls import FOX, KLING, told

SHOTS = [{"prompt": "Wide shot: a bird on a branch", "duration": 5}, {"prompt": "It soars", "duration": 5}]
FILM = {"multi_prompt": SHOTS, "model": "kling-video-o3-pro-reference-to-video"}


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_agent_plans_and_gets_its_url(portal: Portal[Any], hub: Sandbox, is_async: bool) -> None:
    running = agent(portal, calling(FILM, name="plan_video"), calling(FILM, first=2))
    state = await running.ainvoke(ASK) if is_async else running.invoke(ASK)
    plan, video = answers(state)
    assert told(plan)["ok"] and told(plan)["clips"][0]["shots"] == [1, 2]
    assert told(video) == video.artifact and video.artifact["url"].startswith(hub.base_url)
    assert video.artifact["duration"] == 10
    assert state["messages"][-1].content == "done"
    assert hub.ledger()["accepted"] == 1


def test_the_model_is_shown_every_tool(portal: Portal[Any]) -> None:
    model = Scripted(responses=[AIMessage("hi")])
    create_agent(model, OxenVideoToolkit(studio=portal).get_tools()).invoke(ASK)
    assert [tool.name for tool in model.bound] == list(TABLE)


@pytest.mark.parametrize("is_async", [False, True])
async def test_failures_reach_the_model_and_the_run_goes_on(portal: Portal[Any], hub: Sandbox, is_async: bool) -> None:
    hub.faults.add("insufficient_credits")
    running = agent(portal, calling({**FOX, "duration": 7}, {}, {"multi_prompt": [{}]}), calling(FOX, first=4), FOX)
    state = await running.ainvoke(ASK) if is_async else running.invoke(ASK)
    *refused, poor, made = answers(state)
    assert [told(one)["error"] for one in refused] == ["invalid_request"] * 3
    assert told(poor)["error"] == "insufficient_credits" and poor.status == "error"
    assert made.status == "success" and state["messages"][-1].content == "done"
    assert hub.ledger()["accepted"] == 1


def test_why_errors_are_handled_by_default(portal: Portal[Any]) -> None:
    """With BaseTool's own default a foreseen failure ends the agent's run."""
    tool = GetVideo(studio=portal, handle_tool_error=False)
    with pytest.raises(ToolException):
        agent(portal, calling({"generation_ids": "nope"}, name="get_video"), tools=[tool]).invoke(ASK)


async def test_a_repeated_call_is_the_same_video_paid_once(portal: Portal[Any], hub: Sandbox) -> None:
    first, again, other = answers(await agent(portal, FOX, FOX, {**FOX, "take": 2}).ainvoke(ASK))
    assert again.artifact["reused"] and again.artifact["generation_id"] == first.artifact["generation_id"]
    assert "take=2" in again.artifact["next"]
    assert other.artifact["generation_id"] != first.artifact["generation_id"]
    assert hub.ledger()["accepted"] == 2


async def test_eight_calls_in_one_turn(portal: Portal[Any], hub: Sandbox) -> None:
    state = await agent(portal, calling(*[{**FOX, "take": take} for take in range(1, 9)])).ainvoke(ASK)
    assert len({one.artifact["generation_id"] for one in answers(state)}) == 8
    assert hub.ledger()["accepted"] == 8


async def test_the_same_call_eight_times_in_one_turn_is_paid_once(portal: Portal[Any], hub: Sandbox) -> None:
    state = await agent(portal, calling(*[FOX] * 8)).ainvoke(ASK)
    assert len({one.artifact["generation_id"] for one in answers(state)}) == 1
    assert hub.ledger()["accepted"] == 1


def test_a_limit_on_calls_holds(portal: Portal[Any], hub: Sandbox) -> None:
    limit = ToolCallLimitMiddleware(tool_name="generate_video", run_limit=1, exit_behavior="continue")
    made, stopped = answers(agent(portal, FOX, {**FOX, "take": 2}, middleware=[limit]).invoke(ASK))
    assert made.status == "success" and stopped.status == "error"
    assert hub.ledger()["accepted"] == 1


async def test_a_cancelled_agent_cancels_no_job(slow_portal: Portal[Any], slow_hub: Sandbox) -> None:
    """The paid request goes on to its end; the job is found again by the same call."""
    heard = asyncio.Event()

    async def listen() -> None:
        async for _ in agent(slow_portal, FOX).astream(ASK, stream_mode="custom"):
            heard.set()

    run = asyncio.create_task(listen())
    await asyncio.wait_for(heard.wait(), HUNG)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    again = (await agent(slow_portal, FOX).ainvoke(ASK))["messages"]
    assert answers({"messages": again})[0].artifact["reused"]
    assert slow_hub.ledger()["accepted"] == 1


def test_a_mind_that_fills_every_field_with_nothing(portal: Portal[Any], hub: Sandbox) -> None:
    """As a model in strict mode does."""
    nothing = {"string": "", "array": [], "integer": 0, "number": None, "boolean": False}
    fields = TABLE["generate_video"].schema["properties"]
    args = {name: nothing[field["type"]] for name, field in fields.items()} | FOX
    (made,) = answers(agent(portal, args).invoke(ASK))
    assert made.status == "success", made.text
    body = hub.ledger()["generations"][0]["body"]
    assert {key: body[key] for key in ("prompt", "duration")} == {"prompt": FOX["prompt"], "duration": 5}


async def test_in_a_graph_of_ones_own(portal: Portal[Any]) -> None:
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([GenerateVideo(studio=portal)]))
    graph.add_edge(START, "tools")
    state = await graph.compile().ainvoke({"messages": [calling(FOX)]})
    assert answers(state)[0].artifact["status"] == "succeeded"


def test_it_works_in_deepagents(portal: Portal[Any], hub: Sandbox) -> None:
    deepagents = pytest.importorskip("deepagents")
    model = Scripted(responses=[calling(FOX), AIMessage("done")])
    running = deepagents.create_deep_agent(model=model, tools=OxenVideoToolkit(studio=portal).get_tools())
    (made,) = answers(running.invoke(ASK))
    assert json.loads(made.text)["status"] == "succeeded" and hub.ledger()["accepted"] == 1
    assert KLING in made.text
