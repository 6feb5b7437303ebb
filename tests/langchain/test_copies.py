"""Tools that are copied, pickled, printed and traced: they go on working, and the key is nowhere to be seen."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import logging
import pickle
import threading
from typing import Any
from uuid import UUID

import pytest
from langchain_core.load import dumpd, dumps
from langchain_core.tracers import BaseTracer

from oxen_video_tools.langchain import GenerateVideo, GetVideo, OxenVideoToolkit
from oxen_video_tools.langchain.tool import Opening
from oxen_video_tools.langchain.toolkit import TOOLS
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.clocks import Unhurried

from .agents import ASK, agent, answers
from .calls import FOX, KLING, call

KEY = "oxen-secret-0123456789"


@pytest.fixture
def tool(hub: Sandbox) -> GenerateVideo:
    return GenerateVideo(api_key=KEY, base_url=hub.base_url, model=KLING, wait=30)


def works(tool: Any) -> bool:
    return tool.invoke(call(prompt="A fox", duration=5)).status == "success"


def test_a_pickled_tool_has_no_key_and_takes_that_of_where_it_is(
    tool: GenerateVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert works(tool)  # with its studio open, and its schema read
    assert tool.tool_call_schema
    packed = pickle.dumps(tool)
    assert KEY.encode() not in packed
    monkeypatch.setenv("OXEN_API_KEY", "another-key")
    again = pickle.loads(packed)
    assert again.pinned == {"model": KLING} and again.wait == 30 and "model" not in again.args
    assert again.api_key.get_secret_value() == "another-key"
    assert works(again)


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_pickles(name: str) -> None:
    made = TOOLS[name](api_key=KEY, settings=Settings(api_key=KEY, ledger=f"postgresql://me:{KEY}@db/x"))
    packed = pickle.dumps(made)
    assert KEY.encode() not in packed
    assert pickle.loads(packed).name == name


def test_a_toolkit_pickles_without_the_key() -> None:
    toolkit = OxenVideoToolkit(api_key=KEY, model=KLING)
    packed = pickle.dumps(toolkit)
    assert KEY.encode() not in packed
    assert "model" not in pickle.loads(packed).get_tools()[1].args


def test_a_portal_pickles_without_the_key(hub: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from oxen_video_tools.langchain.tool import portal_to

    ledger = f"postgresql://me:{KEY}@db/x"
    portal = portal_to(Settings(api_key=KEY, base_url=hub.base_url, ledger=ledger, model="m"))
    packed = pickle.dumps(GetVideo(studio=portal))
    assert KEY.encode() not in packed
    monkeypatch.setenv("OXEN_API_KEY", "another-key")
    opening = pickle.loads(packed).studio._open_studio
    assert isinstance(opening, Opening)
    assert (opening.settings.api_key, opening.settings.model) == ("another-key", "m")


def test_a_deep_copy_works_and_shares_the_studio(tool: GenerateVideo, hub: Sandbox) -> None:
    twin = copy.deepcopy(tool)
    assert works(tool) and works(twin)
    assert twin.portal is tool.portal
    assert hub.ledger()["accepted"] == 1


@pytest.mark.parametrize("show", [repr, str, dumpd, dumps, lambda tool: tool.model_dump(), lambda tool: dict(tool)])
def test_no_rendering_shows_the_key(show: Any, hub: Sandbox) -> None:
    settings = Settings(api_key=KEY, base_url=hub.base_url, ledger=f"postgresql://me:{KEY}@db/x")
    toolkit = OxenVideoToolkit(api_key=KEY, settings=settings)
    for one in [*toolkit.get_tools(), toolkit]:
        if show is not dumpd and show is not dumps:
            assert KEY not in str(show(one))
        else:
            assert KEY not in json.dumps(dumpd(one))


class Trace(BaseTracer):
    """What a tracer sends away."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def _persist_run(self, run: Any) -> None:
        self.sent.append(run.model_dump_json())

    def on_tool_start(self, *args: Any, run_id: UUID, **facts: Any) -> Any:
        self.sent.append(str((args, facts)))
        return super().on_tool_start(*args, run_id=run_id, **facts)


async def test_tracing_and_logs_show_no_key(hub: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    trace = Trace()
    tools = OxenVideoToolkit(api_key=KEY, base_url=hub.base_url, settings=Settings(ledger="memory:")).get_tools()
    with caplog.at_level(logging.DEBUG):
        state = await agent(None, FOX, {**FOX, "duration": 7}, tools=tools).ainvoke(ASK, {"callbacks": [trace]})
    assert [one.status for one in answers(state)] == ["success", "error"]
    assert any("generate_video" in one for one in trace.sent)
    assert KEY not in "".join(trace.sent) + caplog.text


# ---- many at once -----------------------------------------------------------------------------------------------


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.long
async def test_a_thousand_calls_at_once(open_portal: Any, hub: Sandbox) -> None:
    """On one toolkit: all answered, each with its own video, and no thread but the studio's few."""
    generate = GenerateVideo(studio=open_portal(hub, clock=Unhurried()), wait=0)
    before = len(threads())
    calls = [generate.ainvoke(call(**FOX, take=take)) for take in range(1, 1001)]
    messages = await asyncio.gather(*calls)
    assert not [message.content for message in messages if message.status != "success"]
    assert len({message.artifact["generation_id"] for message in messages}) == 1000
    assert hub.ledger()["accepted"] == 1000
    assert len(threads()) - before <= 45


def test_sixty_four_threads_on_one_tool(portal: Any, hub: Sandbox) -> None:
    generate = GenerateVideo(studio=portal)
    answered: list[Any] = []

    def work(number: int) -> None:
        for take in (number % 8 + 1, 100 + number):  # one of eight that they share, one of its own
            answered.append(generate.invoke(call(**FOX, take=take)))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(answered) == 128 and {message.artifact["status"] for message in answered} == {"succeeded"}
    assert hub.ledger()["accepted"] == 8 + 64


def test_loop_after_loop(portal: Any) -> None:
    """What breaks an async client that belongs to a loop."""
    generate = GenerateVideo(studio=portal)
    for take in (1, 2, 3):
        assert asyncio.run(generate.ainvoke(call(**FOX, take=take))).status == "success"
    gc.collect()
