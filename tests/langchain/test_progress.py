"""Progress, told once and seen wherever somebody listens."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from oxen_video_tools.langchain import EVENT, GenerateVideo
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal
from tests.clocks import HUNG, FakeClock

from .agents import ASK, agent, calling
from .calls import FOX


class Listener(BaseCallbackHandler):
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.errors: list[BaseException] = []

    def on_tool_error(self, error: BaseException, **_: Any) -> None:
        self.errors.append(error)

    def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        assert name == EVENT
        self.events.append(data)


class AsyncListener(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.loops: set[Any] = set()

    async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        self.events.append(data)
        self.loops.add(asyncio.get_running_loop())


def rises(events: list[dict[str, Any]]) -> None:
    """One story: at least two steps, each further than the last, all of one generation."""
    fractions = [event["fraction"] for event in events]
    assert len(fractions) >= 2
    assert fractions == sorted(set(fractions))
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert len({event["generation_id"] for event in events}) == 1
    assert {event["type"] for event in events} == {EVENT}
    assert all(event["text"] for event in events)


async def test_bare_callbacks_hear_it_in_the_callers_own_loop(slow_portal: Portal[Any]) -> None:
    listener, async_listener = Listener(), AsyncListener()
    await GenerateVideo(studio=slow_portal).ainvoke(FOX, {"callbacks": [listener, async_listener]})
    rises(listener.events)
    assert async_listener.events == listener.events
    assert async_listener.loops == {asyncio.get_running_loop()}


def test_bare_callbacks_hear_it_in_a_thread(slow_portal: Portal[Any]) -> None:
    listener = Listener()
    GenerateVideo(studio=slow_portal).invoke(FOX, {"callbacks": [listener]})
    rises(listener.events)


def test_nobody_has_to_listen(slow_portal: Portal[Any]) -> None:
    assert '"succeeded"' in GenerateVideo(studio=slow_portal).invoke(FOX)


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_custom_and_the_tools_stream_tell_the_same(slow_portal: Portal[Any], is_async: bool) -> None:
    modes = ["custom", "tools"]
    running = agent(slow_portal, FOX)
    if is_async:
        parts = [part async for part in running.astream(ASK, stream_mode=modes)]
    else:
        parts = list(running.stream(ASK, stream_mode=modes))
    custom = [part for mode, part in parts if mode == "custom"]
    deltas = [part["delta"] for mode, part in parts if mode == "tools" and part["event"] == "tool-output-delta"]
    rises(custom)
    assert deltas == custom


async def test_the_custom_stream_alone(slow_portal: Portal[Any]) -> None:
    rises([part async for part in agent(slow_portal, FOX).astream(ASK, stream_mode="custom")])


async def test_events_of_version_2(slow_portal: Portal[Any]) -> None:
    events = [event async for event in agent(slow_portal, FOX).astream_events(ASK, version="v2")]
    heard = [event for event in events if event["event"] == "on_custom_event"]
    rises([event["data"] for event in heard])
    tool = next(event for event in events if event["event"] == "on_tool_start")
    assert {event["run_id"] for event in heard} == {tool["run_id"]}


@pytest.mark.filterwarnings("ignore:.*experimental.*")
def test_events_of_version_3(slow_portal: Portal[Any]) -> None:
    run = agent(slow_portal, FOX).stream_events(ASK, version="v3")
    told = [list(call.output_deltas) for call in run.tool_calls]
    assert len(told) == 1
    rises(told[0])


async def test_calls_in_one_turn_keep_their_progress_apart(slow_portal: Portal[Any]) -> None:
    turn = calling(*[{**FOX, "take": take} for take in (1, 2, 3)])
    seen: dict[str, list[dict[str, Any]]] = {}
    async for event in agent(slow_portal, turn).astream(ASK, stream_mode="custom"):
        seen.setdefault(event["generation_id"], []).append(event)
    assert len(seen) == 3
    for events in seen.values():
        rises(events)


def test_langgraph_is_not_loaded_by_a_bare_call() -> None:
    program = """
import sys
from oxen_video_tools.langchain import GenerateVideo
print(GenerateVideo(sandbox=True).invoke({"prompt": "a", "duration": 5}))
print("langgraph loaded:", any(name.split(".")[0] == "langgraph" for name in sys.modules))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HUNG, check=True)
    assert '"succeeded"' in ran.stdout and "langgraph loaded: False" in ran.stdout


@pytest.mark.skipif(tuple(map(int, version("langchain-core").split(".")[:2])) < (1, 8), reason="older ones tell nobody")
async def test_tracers_hear_that_a_call_was_cancelled(slow_hub: Sandbox, times: Any, open_portal: Any) -> None:
    """The run of the tool ends as an error instead of standing open for ever; the job goes on, and is paid once."""
    listener = Listener()
    portal = open_portal(slow_hub, clock=FakeClock(auto=False))
    running = asyncio.ensure_future(GenerateVideo(studio=portal).ainvoke(FOX, {"callbacks": [listener]}))
    while not slow_hub.ledger()["accepted"]:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [type(error) for error in listener.errors] == [asyncio.CancelledError]
    assert slow_hub.ledger()["accepted"] == 1
