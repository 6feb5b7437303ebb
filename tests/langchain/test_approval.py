"""A person agrees before money is spent: by interrupt, by the agent's middleware, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from oxen_video_tools.langchain import GenerateVideo, video_approval
from oxen_video_tools.langchain.approval import ceiling
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal
from oxen_video_tools.tools.arguments import GenerateArguments

from ..hubs.handmade import HandmadeHub
from ..hubs.test_words_and_money import SEEDED
from .agents import ASK, Scripted, agent, answers, calling
from .calls import FOX, KLING, call, told

THREAD = {"configurable": {"thread_id": "1"}}
LONG = {**FOX, "duration": 10}  # $0.70


@pytest.fixture
def asking(hub: Sandbox, open_portal: Callable[..., Portal[Any]]) -> Portal[Any]:
    """A studio that asks above 50 cents."""
    return open_portal(hub, approve_above=Decimal("0.50"))


def accepted(hub: Sandbox) -> int:
    return int(hub.ledger()["accepted"])


# ---- the tool asks ----------------------------------------------------------------------------------------------

YES = [True, {"approve": True}, {"type": "approve"}]
NO = [False, "yes", {"approve": False}, {"approve": "yes"}, {"type": "reject", "message": "too dear"}]


@pytest.mark.parametrize("answer", [*YES, *NO])
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_person_is_asked_through_an_interrupt(
    asking: Portal[Any], hub: Sandbox, answer: Any, is_async: bool
) -> None:
    running = agent(asking, LONG, checkpointer=InMemorySaver())

    async def step(value: Any) -> dict[str, Any]:
        return await running.ainvoke(value, THREAD) if is_async else running.invoke(value, THREAD)

    question = (await step(ASK))["__interrupt__"][0].value
    assert question["type"] == "approval" and question["cost_usd"] == 0.7
    assert "0.70" in question["message"] and KLING in question["message"]
    assert accepted(hub) == 0
    state = await step(Command(resume=answer))
    (message,) = answers(state)
    if answer in YES:
        assert message.artifact["status"] == "succeeded" and accepted(hub) == 1
    else:
        assert told(message)["error"] == "declined" and told(message)["charged"] == "no" and accepted(hub) == 0
        assert state["messages"][-1].content == "done"
    if isinstance(answer, dict) and "message" in answer:
        assert "too dear" in told(message)["message"]


def test_a_cheap_video_is_not_asked_about(asking: Portal[Any], hub: Sandbox) -> None:
    state = agent(asking, FOX, checkpointer=InMemorySaver()).invoke(ASK, THREAD)
    assert "__interrupt__" not in state and accepted(hub) == 1


def test_an_approval_is_for_one_job(asking: Portal[Any], hub: Sandbox) -> None:
    running = agent(asking, LONG, {**LONG, "take": 2}, checkpointer=InMemorySaver())
    running.invoke(ASK, THREAD)
    again = running.invoke(Command(resume=True), THREAD)
    assert again["__interrupt__"] and accepted(hub) == 1


def test_the_same_answer_replayed_pays_once(asking: Portal[Any], hub: Sandbox) -> None:
    """An old checkpoint resumed a second time: the ledger answers with the job that is there."""
    running = agent(asking, LONG, AIMessage("done"), checkpointer=InMemorySaver())
    running.invoke(ASK, THREAD)
    waiting = next(one for one in running.get_state_history(THREAD) if one.interrupts)
    for _ in range(2):
        state = running.invoke(Command(resume=True), waiting.config)
        assert answers(state)[0].artifact["status"] == "succeeded"
    assert accepted(hub) == 1


def test_an_answer_that_is_replayed_after_a_failure_pays_nothing_beyond_it(
    open_portal: Callable[..., Portal[Any]],
) -> None:
    """The job failed and was charged: the old yes covers no second try. A person is asked anew, about both."""
    with HandmadeHub() as hub:
        hub.ends = "failed"
        asking = open_portal(hub, approve_above=Decimal("0.20"))
        words = {"model": SEEDED, "prompt": "A fox", "duration": 5}
        running = agent(asking, words, AIMessage("done"), checkpointer=InMemorySaver())
        assert running.invoke(ASK, THREAD)["__interrupt__"][0].value["cost_usd"] == 0.35
        waiting = next(one for one in running.get_state_history(THREAD) if one.interrupts)
        (failed,) = answers(running.invoke(Command(resume=True), waiting.config))
        assert told(failed)["error"] == "generation_failed" and hub.charges == 1
        (question,) = running.invoke(Command(resume=True), waiting.config)["__interrupt__"]
        assert question.value["cost_usd"] == 0.7 and "$0.70 in all" in question.value["message"]
        assert hub.charges == 1
        hub.ends = "succeeded"
        state = running.invoke(Command(resume=True), waiting.config)
        assert answers(state)[-1].artifact["status"] == "succeeded" and hub.charges == 2


@pytest.mark.parametrize(("answer", "paid"), [({"approve": True, "approved_usd": 0.7}, 1), (0.7, 1), (0.5, 0)])
def test_an_answer_may_name_its_sum(asking: Portal[Any], hub: Sandbox, answer: Any, paid: int) -> None:
    running = agent(asking, LONG, AIMessage("done"), checkpointer=InMemorySaver())
    running.invoke(ASK, THREAD)
    state = running.invoke(Command(resume=answer), THREAD)
    assert accepted(hub) == paid
    assert bool(state.get("__interrupt__")) is not bool(paid), "what it does not cover is asked about again"


def test_calls_of_one_turn_are_asked_about_one_by_one(asking: Portal[Any], hub: Sandbox) -> None:
    turn = calling(LONG, {**LONG, "take": 2}, FOX)
    running = agent(asking, turn, checkpointer=InMemorySaver())
    asked = running.invoke(ASK, THREAD)["__interrupt__"]
    assert len(asked) == 2
    state = running.invoke(Command(resume={asked[0].id: True, asked[1].id: False}), THREAD)
    assert sorted(one.status for one in answers(state)) == ["error", "success", "success"] and accepted(hub) == 2


@pytest.mark.parametrize("is_async", [False, True])
async def test_where_nobody_can_be_asked_the_price_is_told(asking: Portal[Any], hub: Sandbox, is_async: bool) -> None:
    """In a graph without a checkpointer an interrupt would end the run for good."""
    running = agent(asking, LONG, {**LONG, "max_cost_usd": 0.7})
    state = await running.ainvoke(ASK) if is_async else running.invoke(ASK)
    refused, made = answers(state)
    assert told(refused)["error"] == "needs_approval" and "max_cost_usd" in told(refused)["fix"]
    assert made.status == "success" and accepted(hub) == 1


def test_bare_only_a_ceiling_is_consent(asking: Portal[Any], hub: Sandbox) -> None:
    tool = GenerateVideo(studio=asking)
    assert told(tool.invoke(call(**LONG)))["error"] == "needs_approval"
    assert tool.invoke(call(**LONG, max_cost_usd=3)).status == "success"
    assert accepted(hub) == 1


def test_strict_takes_no_number_as_consent(hub: Sandbox, open_portal: Callable[..., Portal[Any]]) -> None:
    strict = open_portal(hub, approve_above=Decimal("0.50"), approval="strict")
    assert told(GenerateVideo(studio=strict).invoke(call(**LONG, max_cost_usd=3)))["error"] == "needs_approval"
    assert accepted(hub) == 0


# ---- the agent's middleware asks --------------------------------------------------------------------------------


def supervised(portal: Portal[Any], *turns: Any, mode: Any = "batched", **rule: Any) -> Any:
    return agent(
        portal,
        *turns,
        tools=[GenerateVideo(studio=portal, approval="middleware")],
        checkpointer=InMemorySaver(),
        middleware=[HumanInTheLoopMiddleware(video_approval(**rule), interrupt_mode=mode)],
    )


def decided(mode: str, interrupt: Any, decision: dict[str, Any]) -> Command[Any]:
    return Command(resume={"decisions": [decision]} if mode == "batched" else {interrupt.id: decision})


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_middleware_approve(asking: Portal[Any], hub: Sandbox, mode: str) -> None:
    running = supervised(asking, LONG, mode=mode)
    (interrupt,) = running.invoke(ASK, THREAD)["__interrupt__"]
    assert accepted(hub) == 0
    state = running.invoke(decided(mode, interrupt, {"type": "approve"}), THREAD)
    assert "__interrupt__" not in state  # the tool does not ask a second time
    assert answers(state)[0].artifact["status"] == "succeeded" and accepted(hub) == 1


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_middleware_reject_reads_well(asking: Portal[Any], hub: Sandbox, mode: str) -> None:
    running = supervised(asking, LONG, mode=mode)
    (interrupt,) = running.invoke(ASK, THREAD)["__interrupt__"]
    state = running.invoke(decided(mode, interrupt, {"type": "reject", "message": "too dear"}), THREAD)
    (message,) = answers(state)
    assert message.status == "error" and "too dear" in message.text and accepted(hub) == 0
    assert state["messages"][-1].content == "done"


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_middleware_edit_is_planned_and_priced_anew(asking: Portal[Any], hub: Sandbox, mode: str) -> None:
    running = supervised(asking, LONG, mode=mode)
    (interrupt,) = running.invoke(ASK, THREAD)["__interrupt__"]
    edited = {"name": "generate_video", "args": {**LONG, "duration": 5}}
    state = running.invoke(decided(mode, interrupt, {"type": "edit", "edited_action": edited}), THREAD)
    assert answers(state)[0].artifact["cost_usd"] == 0.35
    assert hub.ledger()["generations"][0]["body"]["duration"] == 5


def test_an_edit_that_does_not_fit_is_told_and_costs_nothing(asking: Portal[Any], hub: Sandbox) -> None:
    running = supervised(asking, LONG)
    running.invoke(ASK, THREAD)
    edited = {"name": "generate_video", "args": {**LONG, "duration": 7, "max_cost_usd": 9}}
    state = running.invoke(decided("batched", None, {"type": "edit", "edited_action": edited}), THREAD)
    assert answers(state)[0].status == "error" and accepted(hub) == 0
    assert '"invalid_request"' in answers(state)[0].text and "use 5 or 10" in answers(state)[0].text


def test_what_is_asked_reads_as_a_question(asking: Portal[Any]) -> None:
    request = supervised(asking, LONG, usd_per_second=0.07).invoke(ASK, THREAD)["__interrupt__"][0].value
    assert request["action_requests"][0]["description"] == (
        f"Generate 10 s of video with {KLING}, at most $0.70? A fox in the snow"
    )


def test_a_cheap_video_passes_the_middleware(asking: Portal[Any], hub: Sandbox) -> None:
    state = supervised(asking, FOX, above=0.5, usd_per_second={KLING: 0.07}).invoke(ASK, THREAD)
    assert "__interrupt__" not in state and accepted(hub) == 1


class Request:
    def __init__(self, **args: Any) -> None:
        self.tool_call = {"name": "generate_video", "args": args}


@pytest.mark.parametrize(
    ("args", "rate", "asks"),
    [
        (FOX, 0.07, False),
        (LONG, 0.07, True),
        (LONG, {KLING: 0.05}, False),
        (LONG, {"other": 0.05}, True),  # a rate for another model says nothing
        (FOX, None, True),  # nothing says what it costs
        ({**LONG, "max_cost_usd": 0.4}, None, False),  # it can't cost more
        ({**LONG, "max_cost_usd": 0.6}, None, True),
        ({**FOX, "num_generations": 4}, 0.07, True),
        ({"prompt": "a"}, 0.07, True),  # the model's own length
        ({"multi_prompt": [{"prompt": "a"}, {"prompt": "b", "duration": 2}]}, 0.07, False),  # 5 + 2 s
        ({"multi_prompt": '[{"prompt": "a"}, {"prompt": "b"}]', "duration": ""}, 0.07, True),
        ({"prompt": "a", "limit": 1}, None, False),  # the tool refuses it, and nothing is paid
    ],
)
def test_the_rule_looks_at_the_arguments_alone(args: dict[str, Any], rate: Any, asks: bool) -> None:
    when = video_approval(above=0.5, usd_per_second=rate)["generate_video"]["when"]
    assert [when(Request(**args)) for _ in range(2)] == [asks, asks]


def test_what_is_pinned_counts() -> None:
    when = video_approval(above=0.5, pinned={"max_cost_usd": 0.4})["generate_video"]["when"]
    assert not when(Request(prompt="a"))


def test_by_default_every_video_is_asked_about() -> None:
    assert video_approval()["generate_video"]["when"](Request(**FOX, max_cost_usd=0))


def test_the_ceiling_is_exact_money() -> None:
    assert ceiling(GenerateArguments(prompt="a", duration=3), 0.1) == Decimal("0.3")


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_deepagents_asks_the_same_way(asking: Portal[Any], hub: Sandbox, decision: str) -> None:
    deepagents = pytest.importorskip("deepagents")
    running = deepagents.create_deep_agent(
        model=Scripted(responses=[calling(LONG), AIMessage("done")]),
        tools=[GenerateVideo(studio=asking, approval="middleware")],
        interrupt_on=video_approval(above=0.5, usd_per_second=0.07),
        checkpointer=InMemorySaver(),
    )
    assert "__interrupt__" in running.invoke(ASK, THREAD) and accepted(hub) == 0
    state = running.invoke(Command(resume={"decisions": [{"type": decision}]}), THREAD)
    assert answers(state)[-1].status == ("success" if decision == "approve" else "error")
    assert accepted(hub) == (decision == "approve")
