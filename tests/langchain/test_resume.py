"""A graph that dies while it waits, and resumes, pays once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

from oxen_video_tools.langchain.langgraph import PLACE
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal
from tests import forked
from tests.clocks import HUNG

from .agents import ASK, agent, answers
from .calls import FOX
from .conftest import Times

THREAD = {"configurable": {"thread_id": "thread-1"}}


class Died(Exception):
    """Stands for the machine that went away."""


async def dies_waiting(running: Any, is_async: bool, config: dict[str, Any] = THREAD) -> None:
    """Run the agent until its tool has reported, then let the process "die"."""
    with pytest.raises(Died):
        if is_async:
            async with aclosing(running.astream(ASK, config, stream_mode="custom")) as parts:
                async for _ in parts:
                    raise Died
        else:
            await asyncio.to_thread(_dies_in_a_thread, running, config)


def _dies_in_a_thread(running: Any, config: dict[str, Any]) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    class Fatal(BaseCallbackHandler):
        raise_error = True

        def on_custom_event(self, *_: Any, **__: Any) -> None:
            raise Died

    running.invoke(ASK, {**config, "callbacks": [Fatal()]})


async def resumed(running: Any, is_async: bool, config: dict[str, Any] = THREAD) -> Any:
    state = await running.ainvoke(None, config) if is_async else await asyncio.to_thread(running.invoke, None, config)
    return answers(state)[0]


@pytest.fixture
def opened(slow_hub: Sandbox, times: Times, open_portal: Callable[..., Portal[Any]]) -> Callable[..., Portal[Any]]:
    """A new studio each time, as in a new process; only what `settings` names is shared."""
    return lambda **settings: open_portal(slow_hub, clock=times.another(), **settings)


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_ledger_alone_knows(opened: Any, slow_hub: Sandbox, tmp_path: Path, is_async: bool) -> None:
    checkpoints, ledger = InMemorySaver(), f"sqlite:///{tmp_path}/ledger.db"
    await dies_waiting(agent(opened(ledger=ledger), FOX, checkpointer=checkpoints), is_async)
    message = await resumed(agent(opened(ledger=ledger), checkpointer=checkpoints), is_async)
    assert message.artifact["status"] == "succeeded" and message.artifact["reused"]
    assert slow_hub.ledger()["accepted"] == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_store_alone_knows(opened: Any, slow_hub: Sandbox, is_async: bool) -> None:
    """On another machine, whose ledger is its own."""
    checkpoints, store = InMemorySaver(), InMemoryStore()
    await dies_waiting(agent(opened(), FOX, checkpointer=checkpoints, store=store), is_async)
    (kept,) = store.search((PLACE, "thread-1"))
    message = await resumed(agent(opened(), checkpointer=checkpoints, store=store), is_async)
    assert message.artifact["status"] == "succeeded"
    assert message.artifact["generation_id"] == kept.value["generation_id"]
    assert slow_hub.ledger()["accepted"] == 1


async def test_with_neither_it_would_be_paid_again(opened: Any, slow_hub: Sandbox) -> None:
    """What the two are for: were this 1, the tests above would prove nothing."""
    checkpoints = InMemorySaver()
    await dies_waiting(agent(opened(), FOX, checkpointer=checkpoints), True)
    await resumed(agent(opened(), checkpointer=checkpoints), True)
    assert slow_hub.ledger()["accepted"] == 2


async def test_the_same_call_id_in_another_thread_is_another_call(opened: Any, slow_hub: Sandbox) -> None:
    """A provider's call ids are unique in their own answer only."""
    store, portal = InMemoryStore(), opened()
    for thread, take in (("a", 1), ("b", 2)):
        running = agent(portal, {**FOX, "take": take}, checkpointer=InMemorySaver(), store=store)
        await running.ainvoke(ASK, {"configurable": {"thread_id": thread}})
    assert slow_hub.ledger()["accepted"] == 2
    assert len(store.search((PLACE,))) == 2


async def test_the_same_call_id_with_other_words_is_another_call(opened: Any, slow_hub: Sandbox) -> None:
    store, portal, checkpoints = InMemoryStore(), opened(), InMemorySaver()
    for take in (1, 2):
        await agent(portal, {**FOX, "take": take}, checkpointer=checkpoints, store=store).ainvoke(ASK, THREAD)
    assert slow_hub.ledger()["accepted"] == 2


class Broken(InMemoryStore):
    """A store whose database has gone."""

    def batch(self, ops: Any) -> Any:
        raise ConnectionError("no database")

    async def abatch(self, ops: Any) -> Any:
        raise ConnectionError("no database")


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_store_that_fails_ends_nothing(opened: Any, slow_hub: Sandbox, is_async: bool) -> None:
    running = agent(opened(), FOX, checkpointer=InMemorySaver(), store=Broken())
    state = await running.ainvoke(ASK, THREAD) if is_async else await asyncio.to_thread(running.invoke, ASK, THREAD)
    assert answers(state)[0].artifact["status"] == "succeeded" and slow_hub.ledger()["accepted"] == 1


PROGRAM = """
import sys
from langgraph.checkpoint.sqlite import SqliteSaver
from tests.langchain.agents import ASK, agent, answers
from tests.langchain.calls import FOX
from oxen_video_tools.langchain import OxenVideoToolkit

first, folder = sys.argv[1] == "first", sys.argv[2]
config = {"configurable": {"thread_id": "1"}}
with SqliteSaver.from_conn_string(folder + "/graph.db") as saver:
    running = agent(None, *[FOX] * first, tools=OxenVideoToolkit().get_tools(), checkpointer=saver)
    for mode, part in running.stream(ASK if first else None, config, stream_mode=["custom", "values"]):
        if mode == "custom":
            print("waiting", flush=True)
        else:
            state = part
    print(answers(state)[0].text)
"""


def environment(hub: Sandbox, folder: Path) -> dict[str, str]:
    return {
        "OXEN_API_KEY": "k",
        "OXEN_BASE_URL": hub.base_url,
        "OXEN_VIDEO_LEDGER": f"sqlite:///{folder}/ledger.db",
        "PYTHONPATH": ".",
    }


def start(which: str, hub: Sandbox, folder: Path) -> subprocess.Popen[str]:
    command = [*forked.python(*forked.AGENTS), "-c", PROGRAM, which, str(folder)]
    process = subprocess.Popen(command, env=environment(hub, folder), stdout=-1, stderr=-1, text=True)
    if which == "first":
        assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    return process


def test_ctrl_c_ends_a_long_wait_at_once(tmp_path: Path) -> None:
    """It reaches the main thread alone, which waits for the tool's thread: the tool has to notice."""
    with Sandbox(picture_height=90, speed="real") as hub:
        process = start("first", hub, tmp_path)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HUNG)  # the video takes minutes
        assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in err
        assert hub.ledger()["accepted"] == 1


BETWEEN = """
from tests.langchain.agents import ASK, agent
from tests.langchain.calls import FOX
from oxen_video_tools.langchain import OxenVideoToolkit

for _ in agent(None, FOX, tools=OxenVideoToolkit().get_tools()).stream(ASK, stream_mode="custom"):
    raise KeyboardInterrupt
"""


def test_ctrl_c_between_two_parts_of_a_stream(tmp_path: Path) -> None:
    """LangGraph then closes the stream, and waits for its tools before it does."""
    with Sandbox(picture_height=90, speed="real") as hub:
        command = [*forked.python(*forked.AGENTS), "-c", BETWEEN]
        process = subprocess.Popen(command, env=environment(hub, tmp_path), stdout=-1, stderr=-1, text=True)
        _, err = process.communicate(timeout=HUNG)  # the video takes minutes
        assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in err
        assert hub.ledger()["accepted"] == 1


@pytest.mark.long
def test_a_process_that_is_killed_and_started_again(tmp_path: Path) -> None:
    with Sandbox(picture_height=90, speed=60) as hub:
        first = start("first", hub, tmp_path)
        first.kill()
        first.communicate(timeout=HUNG)
        out, err = start("again", hub, tmp_path).communicate(timeout=HUNG)
        assert '"status":"succeeded"' in out, err
        assert hub.ledger()["accepted"] == 1
