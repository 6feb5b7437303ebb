"""What LangChain's standard tests do not ask: a tool that always fails, a bad name and no description pass them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from oxen_video_tools.errors import OxenError
from oxen_video_tools.langchain import GenerateVideo, OxenVideoToolkit
from oxen_video_tools.langchain.toolkit import TOOLS
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal
from tests.clocks import FakeClock

from .agents import ASK, agent, answers, calling
from .calls import FOX, call, told
from .test_standard import EXAMPLES

KINDS = {error.kind for error in OxenError.__subclasses__()} | {
    deeper.kind for error in OxenError.__subclasses__() for deeper in error.__subclasses__()
}

each = pytest.mark.parametrize("tool", [made() for made in TOOLS.values()], ids=list(TOOLS))


@each
def test_a_name_that_every_provider_takes(tool: BaseTool) -> None:
    assert re.fullmatch(r"[a-z][a-z_]{2,40}", tool.name)


@each
def test_words_for_a_model(tool: BaseTool) -> None:
    assert 60 <= len(tool.description) <= 600 and tool.description.endswith(".")


@each
def test_no_argument_has_a_name_that_langchain_keeps_for_itself(tool: BaseTool) -> None:
    assert not {"config", "runtime", "run_manager", "callbacks", "state", "store"} & tool.args.keys()


@each
def test_the_standard_example_is_one(tool: BaseTool) -> None:
    tool.args_schema.model_validate(EXAMPLES.get(type(tool).__name__, {}))  # type: ignore[union-attr]


@each
def test_both_ways_are_its_own(tool: BaseTool) -> None:
    """BaseTool's own `_arun` would take a thread of a small pool for each wait."""
    assert type(tool)._arun is not BaseTool._arun and inspect.iscoroutinefunction(type(tool)._arun)


@each
def test_its_failures_are_answers(tool: BaseTool) -> None:
    assert tool.handle_tool_error is True and callable(tool.handle_validation_error)
    assert tool.response_format == "content_and_artifact"


@each
async def test_bad_arguments_are_named_and_nothing_else(tool: BaseTool) -> None:
    name = next(iter(tool.args))  # of each tool's first argument an object is no value
    wrong = {name: [7] if tool.args[name]["type"] == "array" else {"nonsense": 1}}
    for message in (tool.invoke(call(tool.name, **wrong)), await tool.ainvoke(call(tool.name, **wrong))):
        answer = told(message)
        assert message.status == "error" and message.tool_call_id == "call_1"
        assert (answer["error"], answer["charged"], answer["retry"]) == ("invalid_request", "no", False)
        assert name in answer["message"]


def test_every_tool_of_a_toolkit_answers_for_itself(portal: Portal[Any]) -> None:
    names = [tool.name for tool in OxenVideoToolkit(studio=portal).get_tools()]
    assert names == list(TOOLS)


# ---- a hub that misbehaves ----------------------------------------------------------------------------------------

FAULTS = [
    *("drop_answer", "drop_request", "error_in_200", "empty_answer", "insufficient_credits", "moderated", "fail"),
    *("garbled/enqueue", "error=500/enqueue", "error=502:html/enqueue", "error=504:text/enqueue", "error_after=500"),
    *(
        "unauthenticated/enqueue",
        "rate_limited=7/enqueue",
        "rate_limited_date=7/enqueue",
        "garbled/get",
        "error=500/get",
    ),
    *("error=500/me", "garbled/models", "unauthenticated/models", "vanish", "no_url", "stuck", "show_late"),
    *("short_list", "other_clients", "twin", "drop_answer@1-2", "error_after=502@1-2"),
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_ends_an_agent_or_pays_twice(
    fault: str, hub: Sandbox, open_portal: Callable[..., Portal[Any]]
) -> None:
    """The model calls, sees what came of it, and calls again as models do; then it is told the truth."""
    hub.faults.add(fault)
    portal = open_portal(hub, clock=FakeClock(patience=0.02))
    asked = {**FOX, "wait_seconds": 120}
    state = await agent(portal, asked, asked, calling({}, name="list_videos", first=3)).ainvoke(ASK)
    first, again, listed = answers(state)
    for message in (first, again):
        answer = told(message)
        if message.status == "error":
            assert answer["error"] in KINDS - {"internal"}, answer
            assert answer["fix"] and answer["charged"] in ("no", "yes", "unknown")
            assert "Input should be" not in answer["message"]
        else:
            assert answer["status"] in ("succeeded", "processing", "queued") and answer["next"]
    assert listed.status == "success" or told(listed)["error"] == "unauthenticated"
    paid = [one for one in hub.ledger()["generations"] if not one["stranger"]]
    retaken = sum(one["status"] in ("failed", "cancelled") for one in paid)
    assert len(paid) - retaken <= 1, (fault, paid)


async def test_interrupts_of_langgraph_are_not_ours_to_catch(
    hub: Sandbox, open_portal: Callable[..., Portal[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from langgraph.errors import GraphInterrupt

    def interrupted(*_: Any, **__: Any) -> Any:
        raise GraphInterrupt

    monkeypatch.setattr("oxen_video_tools.langchain.tool.ask", interrupted)
    tool = GenerateVideo(studio=open_portal(hub, approve_above=Decimal("0.10")))
    with pytest.raises(GraphInterrupt):
        tool.invoke(call(**FOX))
    with pytest.raises(GraphInterrupt):
        await tool.ainvoke(call(**FOX))
