"""How an agent gets to see, and that no provider's converter chokes on it."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from PIL import Image

from oxen_video_tools.langchain import GenerateVideo, InspectVideo, OxenVideoToolkit
from oxen_video_tools.studio.portal import Portal

from .agents import ASK, agent, answers, calling
from .calls import FOX, call, told

MODES = ["none", "tool", "message"]


def pictures(message: BaseMessage) -> list[bytes]:
    """The JPEGs that a message carries."""
    blocks = message.content if isinstance(message.content, list) else []
    return [base64.b64decode(block["base64"]) for block in blocks if isinstance(block, dict) and "base64" in block]


@pytest.fixture
def made(portal: Portal[Any]) -> str:
    return GenerateVideo(studio=portal).invoke(call(**FOX)).artifact["generation_id"]


@pytest.mark.parametrize("keyframes", MODES)
@pytest.mark.parametrize("is_async", [False, True])
async def test_inspect_in_an_agent(portal: Portal[Any], made: str, keyframes: Any, is_async: bool) -> None:
    tools = [InspectVideo(studio=portal, keyframes=keyframes)]
    running = agent(portal, calling({"videos": [made]}, name="inspect_video"), tools=tools)
    state = await running.ainvoke(ASK) if is_async else running.invoke(ASK)
    (answer,) = answers(state)
    assert told(answer)["videos"][0]["duration"] == 5 == answer.artifact["videos"][0]["duration"]
    after = state["messages"][state["messages"].index(answer) + 1]
    assert len(pictures(answer)) == (keyframes == "tool")
    assert (isinstance(after, HumanMessage) and len(pictures(after)) == 1) == (keyframes == "message")
    assert state["messages"][-1].content == "done"
    for jpeg in pictures(answer) + pictures(after):
        assert len(jpeg) <= 100_000
        assert Image.open(io.BytesIO(jpeg)).format == "JPEG"


@pytest.mark.parametrize("keyframes", MODES)
async def test_a_new_video_is_shown_where_pictures_are_wanted(portal: Portal[Any], keyframes: Any) -> None:
    state = agent(portal, FOX, tools=[GenerateVideo(studio=portal, keyframes=keyframes)]).invoke(ASK)
    assert told(answers(state)[0])["status"] == "succeeded"
    assert sum(len(pictures(message)) for message in state["messages"]) == (keyframes != "none")


@pytest.mark.parametrize(("keyframes", "seen"), [("none", 0), ("tool", 1), ("message", 0)])
async def test_bare(portal: Portal[Any], made: str, keyframes: Any, seen: int) -> None:
    """A message of its own needs an agent; without one the text stands alone."""
    tool = InspectVideo(studio=portal, keyframes=keyframes)
    for message in (tool.invoke(call("inspect_video", videos=[made])), await tool.ainvoke(call("x", videos=[made]))):
        assert len(pictures(message)) == seen and told(message) == message.artifact


def test_the_preview_of_a_plan_is_shown(portal: Portal[Any]) -> None:
    tool = OxenVideoToolkit(studio=portal, keyframes="tool", tools=["plan_video"]).get_tools()[0]
    message = tool.invoke(call("plan_video", **FOX, resolution="480p", animatic=True))
    assert len(pictures(message)) == 1 and message.artifact["preview"].endswith(".mp4")


def test_between_two_answers_of_one_turn_stands_no_picture(portal: Portal[Any], made: str) -> None:
    """No provider takes it; the last call of the turn may show its own."""
    tools = [InspectVideo(studio=portal, keyframes="message")]
    turn = calling(*[{"videos": [made]}] * 3, name="inspect_video")
    messages = agent(portal, turn, tools=tools).invoke(ASK)["messages"]
    kinds = [type(message) for message in messages]
    assert kinds == [HumanMessage, AIMessage, ToolMessage, ToolMessage, ToolMessage, HumanMessage, AIMessage]
    assert len(pictures(messages[5])) == 1


def test_a_video_that_cannot_be_looked_at_is_there_all_the_same(
    portal: Portal[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from oxen_video_tools.errors import NotInstalled
    from oxen_video_tools.studio import AsyncStudio

    async def missing(*_: Any, **__: Any) -> Any:
        raise NotInstalled("no media")

    monkeypatch.setattr(AsyncStudio, "inspect", missing)
    message = GenerateVideo(studio=portal, keyframes="tool").invoke(call(**FOX))
    assert message.artifact["status"] == "succeeded" and not pictures(message)


# ---- what the providers' converters make of it --------------------------------------------------------------------


def conversation(portal: Portal[Any], made: str, keyframes: Any) -> list[BaseMessage]:
    """A whole one: a plan, a failure, a video, a look at it, and the list."""
    tools = OxenVideoToolkit(studio=portal, keyframes=keyframes).get_tools()
    turns = [
        calling(FOX, name="plan_video"),
        calling({}, first=2),
        calling({**FOX, "take": 2}, {"tool": "get_video", "generation_ids": [made]}, first=3),
        calling({"videos": [made]}, name="inspect_video", first=5),
        calling({}, name="list_videos", first=6),
    ]
    messages: list[BaseMessage] = agent(portal, *turns, tools=tools).invoke(ASK)["messages"]
    assert len([message for message in messages if isinstance(message, ToolMessage)]) == 6
    return messages


def without_the_wire(*_: Any, **__: Any) -> Any:
    raise AssertionError("a converter fetched something")


@pytest.fixture
def messages(portal: Portal[Any], made: str, keyframes: Any, monkeypatch: pytest.MonkeyPatch) -> list[BaseMessage]:
    said = conversation(portal, made, keyframes)
    portal.close()
    monkeypatch.setattr("socket.socket.connect", without_the_wire)
    return said


def whole(payload: Any) -> str:
    import json

    return json.dumps(payload, default=str)


@pytest.mark.parametrize("keyframes", MODES)
def test_openai_chat(messages: list[BaseMessage], keyframes: Any) -> None:
    openai = pytest.importorskip("langchain_openai")
    model = openai.ChatOpenAI(model="gpt-4o", api_key="x", use_responses_api=False)
    payload = model._get_request_payload(messages)
    seen = [one for one in payload["messages"] if "image_url" in whole(one)]
    assert [one["role"] for one in seen] == {"none": [], "tool": ["tool"] * 3, "message": ["user"] * 2}[keyframes]
    follows_its_calls(payload["messages"])


def follows_its_calls(sent: list[dict[str, Any]]) -> None:
    """OpenAI's rule: the answers of a turn stand right behind its calls, all of them."""
    for place, one in enumerate(sent):
        calls = [made["id"] for made in one.get("tool_calls") or []]
        assert [answer.get("tool_call_id") for answer in sent[place + 1 : place + 1 + len(calls)]] == calls


@pytest.mark.parametrize("keyframes", MODES)
def test_openai_responses(messages: list[BaseMessage], keyframes: Any) -> None:
    openai = pytest.importorskip("langchain_openai")
    model = openai.ChatOpenAI(model="gpt-5", api_key="x", use_responses_api=True)
    payload = whole(model._get_request_payload(messages)["input"])
    assert payload.count('"input_image"') == {"none": 0, "tool": 3, "message": 2}[keyframes]
    assert "input_file" not in payload


@pytest.mark.parametrize("keyframes", MODES)
def test_anthropic(messages: list[BaseMessage], keyframes: Any) -> None:
    anthropic = pytest.importorskip("langchain_anthropic")
    model = anthropic.ChatAnthropic(model="claude-sonnet-5-5", api_key="x")
    sent = model._get_request_payload(messages)["messages"]
    assert whole(sent).count('"media_type": "image/jpeg"') == {"none": 0, "tool": 3, "message": 2}[keyframes]
    for one in sent:  # Anthropic's rule: the answers come first in a user's turn
        if isinstance(one["content"], list):
            kinds = [block["type"] == "tool_result" for block in one["content"]]
            assert kinds == sorted(kinds, reverse=True)
    errors = [block for one in sent if isinstance(one["content"], list) for block in one["content"]]
    assert [block["is_error"] for block in errors if block["type"] == "tool_result"].count(True) == 1


@pytest.mark.parametrize("keyframes", MODES)
def test_gemini(messages: list[BaseMessage], keyframes: Any) -> None:
    genai = pytest.importorskip("langchain_google_genai.chat_models")
    _, sent = genai._parse_chat_history(messages)
    payload = whole([one.model_dump(mode="json") if hasattr(one, "model_dump") else one for one in sent])
    assert payload.count("image/jpeg") == {"none": 0, "tool": 3, "message": 2}[keyframes]
