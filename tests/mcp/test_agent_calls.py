"""Calls as language models make them, through the server: read right, or refused so that the next call is right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from mcp import Client
from mcp.types import ElicitResult

from oxen_video_tools.catalog.catalog import ModelList, snapshot
from oxen_video_tools.catalog.selection import choose
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.langchain import OxenVideoToolkit
from oxen_video_tools.mcp import build_server
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.studio.test_media_inputs import site as site

from .conftest import KEY, QUIET
from .serving import words

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("agent_calls.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=90) as hub:
        yield hub


@pytest.fixture
def settings(hub: Sandbox, tmp_path: Path) -> Settings:
    return Settings(api_key=KEY, base_url=hub.base_url, ledger="memory:", output_dir=tmp_path)


async def filled(case: dict[str, Any], client: Client, hub: Sandbox, site: Callable[[], str]) -> dict[str, Any]:
    """The case with what it names: $video, $still and $failed are made first, and a call is cancelled; $site is a web
    site that the guard takes for a public one.
    """
    text = json.dumps(case)
    if "$video" in text:
        made = words(await client.call_tool("generate_video", {"prompt": "A lighthouse"}))
        text = text.replace("$video", made["generation_id"])
    if "$still" in text:
        made = words(await client.call_tool("make_stills", {"prompt": "A cat"}))
        text = text.replace("$still", made["stills"][0]["generation_id"])
    if "$failed" in text:
        hub.faults.add("fail", "The provider failed.", calls="1")
        made = words(await client.call_tool("generate_video", {"prompt": "A crow"}))
        text = text.replace("$failed", made["generation_id"])
    if "cancelled" in case:
        hub.faults.add("stuck", calls="*")
        made = words(await client.call_tool("generate_video", {**case["cancelled"], "wait_seconds": 0}))
        await client.call_tool("cancel_video", {"generation_ids": [made["generation_id"]]})
        hub.faults.clear()
    return dict(json.loads(text.replace("$site", site() if "$site" in text else "")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["line"])
async def test_a_call_is_understood_or_the_next_one_is(
    settings: Settings, hub: Sandbox, case: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        case = await filled(case, client, hub, lambda: request.getfixturevalue("site"))
        result = await client.call_tool(case["tool"], case["call"])
        answer = words(result)
        text = json.dumps(answer, ensure_ascii=False)
        assert all(told in text for told in case["says"]), text
        assert "A" * 81 not in text, "no more than 80 characters of an input are repeated"
        if "then" in case:
            assert result.is_error and answer["error"] == case["error"] and answer["charged"] == "no", text
            assert not any(word in text for word in ("pydantic", "Input should", "type=", "Field required")), text
            then = await client.call_tool(case["then"]["tool"], case["then"]["call"])
            assert not then.is_error and words(then).get("ok", True), words(then)
            return
        assert not result.is_error, text
        assert answer.get("ok", True) is case["ok"], text
        if "model" in case:
            assert answer["model"] == case["model"]
        if "price_usd" in case:
            assert answer["price_usd"] == case["price_usd"]
        if case.get("body"):
            assert answer["clips"][0]["body"].items() >= case["body"].items(), text
        if case.get("first"):
            assert case["says"][0] in answer["warnings"][0], text


async def test_the_question_begins_with_what_the_choice_costs(settings: Settings) -> None:
    asked: list[str] = []

    async def ask(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="decline")

    server = build_server(settings=replace(settings, approve_above=Decimal("0.1")), options=QUIET)
    async with Client(server, elicitation_callback=ask) as client:
        await client.call_tool("generate_video", {"prompt": "A fox", "duration": 7})
    assert asked[0].startswith("7 s needs ") and "makes 5 or 10 s for $0.35 or $0.70." in asked[0]


async def test_a_model_of_unknown_price_is_never_chosen() -> None:
    """Only one of the models that take words alone has a price: not the usual one."""
    unpriced = ModelList.of([VideoModel.parse(dict(one.raw) | {"pricing": None}) for one in snapshot().values()])
    rate = {"method": "per_video_output_second", "cost_per_second": 0.5}
    one = VideoModel.parse(dict(snapshot()["wan-v3-0-video"].raw) | {"pricing": rate})
    models = ModelList.of([*(info.model for info in unpriced.values() if info.id != one.id), one])
    assert choose(VideoRequest(prompt="A fox"), models).model_id == one.id
    lonely = choose(VideoRequest(prompt="A fox", input_video="https://a.example/v.mp4"), models)
    assert lonely.problem.startswith("No model of known price takes input_video: name one, such as ")


PLANNED = [
    case
    for case in CASES
    if case["tool"] == "generate_video"
    and case.get("error", "over_budget") != "over_budget"
    and not case["call"].keys() & {"dry_run", "approved", "limit", "version"}  # words of paying
]


@pytest.mark.parametrize("case", PLANNED, ids=lambda case: case["line"])
async def test_plan_video_refuses_the_same_call(
    settings: Settings, hub: Sandbox, case: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        case = await filled(case, client, hub, lambda: request.getfixturevalue("site"))
        result = await client.call_tool("plan_video", case["call"])
        answer = words(result)
        assert result.is_error or answer["ok"] is False, answer
        assert case["says"][0] in json.dumps(answer, ensure_ascii=False)


SHARED = [case for case in CASES if "$" not in json.dumps(case["call"]) and "cancelled" not in case][::5]


@pytest.mark.parametrize("case", SHARED, ids=lambda case: case["line"])
async def test_langchain_reads_the_same(settings: Settings, case: dict[str, Any]) -> None:
    """One reader for both: the same notes, the same refusals."""
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        ours = words(await client.call_tool(case["tool"], case["call"]))
    tool = next(one for one in OxenVideoToolkit(settings=settings).get_tools() if one.name == case["tool"])
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": case["call"]}
    message: ToolMessage = await tool.ainvoke(call)
    theirs = json.loads(str(message.content))
    assert ours.get("warnings") == theirs.get("warnings")
    assert (ours.get("error"), ours.get("message"), ours.get("fix")) == (
        theirs.get("error"), theirs.get("message"), theirs.get("fix"),
    )  # fmt: skip
