"""The tools called on their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from oxen_video_tools.langchain import GenerateVideo, GetVideo, OxenVideoToolkit
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal
from oxen_video_tools.tools import TABLE

from .calls import FOX, KLING, call, told


def tools(portal: Portal[Any], **options: Any) -> dict[str, Any]:
    return {tool.name: tool for tool in OxenVideoToolkit(studio=portal, **options).get_tools()}


@pytest.mark.parametrize("is_async", [False, True])
async def test_every_tool_the_whole_way(portal: Portal[Any], hub: Sandbox, is_async: bool) -> None:
    by_name = tools(portal)

    async def ask(name: str, **args: Any) -> dict[str, Any]:
        tool = by_name[name]
        message = await tool.ainvoke(call(name, **args)) if is_async else tool.invoke(call(name, **args))
        assert message.status == "success", message.text
        assert json.loads(message.text) == message.artifact
        assert message.artifact["next"]
        return message.artifact

    plan = await ask("plan_video", **FOX)
    assert plan["ok"] and plan["price_usd"] == 0.35 and len(plan["clips"]) == 1
    video = await ask("generate_video", **FOX)
    assert video["status"] == "succeeded" and video["url"].startswith(hub.base_url)
    again = await ask("get_video", generation_ids=video["generation_id"])
    assert again["status"] == "succeeded" and again["cost_usd"] == 0.35
    assert [one["generation_id"] for one in (await ask("list_videos"))["videos"]] == [video["generation_id"]]
    assert (await ask("cancel_video", generation_ids=video["generation_id"]))["videos"][0]["now"] == "succeeded"
    assert any(line.startswith(KLING) for line in (await ask("find_video_models", query="kling"))["models"])
    assert (await ask("find_video_models", model=KLING))["model"]["duration"].startswith("5/10 s")
    saved = await ask("save_video", videos=[video["generation_id"]], filename="fox")
    assert saved["size_bytes"] > 1000 and saved["file"].endswith("fox.mp4")
    assert hub.ledger()["charged"] == "0.3500"


async def test_a_bare_dict_gives_the_text_alone(portal: Portal[Any]) -> None:
    text = tools(portal)["generate_video"].invoke(FOX)
    assert json.loads(text)["status"] == "succeeded"
    again = json.loads(await tools(portal)["get_video"].ainvoke(json.loads(text)["generation_id"]))
    moving = {"cost_is": 0, "url": 0}  # the link is signed anew each time
    assert again | moving == json.loads(text) | moving


async def test_several_ids_at_once(portal: Portal[Any]) -> None:
    by_name = tools(portal)
    made = [by_name["generate_video"].invoke(call(**FOX, take=take)).artifact["generation_id"] for take in (1, 2)]
    found = (await by_name["get_video"].ainvoke(call("get_video", generation_ids=made))).artifact
    assert [one["generation_id"] for one in found["videos"]] == made
    assert all(one["url"] for one in found["videos"])
    assert "status" not in found


def test_a_wait_that_ran_out_is_no_error(slow_portal: Portal[Any], slow_hub: Sandbox) -> None:
    by_name = tools(slow_portal)
    video = by_name["generate_video"].invoke(call(**FOX, wait_seconds=0))
    assert video.status == "success" and video.artifact["status"] in ("queued", "processing")
    assert video.artifact["generation_id"] in video.artifact["next"] and video.artifact["url"] is None
    waited = by_name["get_video"].invoke(call("get_video", generation_ids=[video.artifact["generation_id"]]))
    assert waited.artifact["status"] == "succeeded"
    assert slow_hub.ledger()["accepted"] == 1


def test_the_option_wait_is_for_calls_that_name_none(slow_portal: Portal[Any]) -> None:
    assert GenerateVideo(studio=slow_portal, wait=0).invoke(call(**FOX)).artifact["status"] != "succeeded"
    assert GetVideo(studio=slow_portal, longest=1).invoke(call("get_video", generation_ids="x")).status == "error"
    bounded = GenerateVideo(studio=slow_portal, longest=1).invoke(call(**FOX, take=2, wait_seconds=1e6))
    assert bounded.artifact["status"] != "succeeded"


BOTH = "Cannot provide both 'prompt' and 'multi_prompt'."
NEITHER = "Either 'prompt' or 'multi_prompt' must be provided."


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ({"prompt": "a", "multi_prompt": [{"prompt": "b"}]}, "invalid_request", BOTH),
        ({}, "invalid_request", NEITHER),
        ({"prompt": "a", "model": "no-such-model-at-all"}, "model_not_found", "No model no-such-model-at-all."),
        ({"prompt": "a", "model": KLING, "duration": 7}, "invalid_request", "7"),
        ({"prompt": "a", "max_cost_usd": 0}, "over_budget", "0"),
        ({"prompt": "a", "spend_limit_eur": 1}, "invalid_request", "max_cost_usd"),
        ({"multi_prompt": [{"duration": 3}]}, "invalid_request", "Shot 1: prompt: is needed."),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
async def test_bad_input_is_an_answer_and_costs_nothing(
    portal: Portal[Any], hub: Sandbox, args: dict[str, Any], error: str, words: str, is_async: bool
) -> None:
    tool = GenerateVideo(studio=portal)
    message = await tool.ainvoke(call(**args)) if is_async else tool.invoke(call(**args))
    answer = told(message)
    assert (answer["error"], answer["charged"], message.status) == (error, "no", "error")
    assert words in answer["message"]
    assert hub.ledger()["accepted"] == 0


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_job_that_failed_is_an_error_with_its_id(portal: Portal[Any], hub: Sandbox, is_async: bool) -> None:
    hub.faults.add("moderated")
    tool = GenerateVideo(studio=portal)
    message = await tool.ainvoke(call(**FOX)) if is_async else tool.invoke(call(**FOX))
    answer = told(message)
    assert message.status == "error" and answer["error"] in ("generation_failed", "moderated")
    assert answer["generation_id"] or answer["charged"] == "no"


def test_an_unknown_id_is_not_found(portal: Portal[Any]) -> None:
    for name, args in [("get_video", {"generation_ids": "nope"}), ("cancel_video", {"generation_ids": "nope"})]:
        assert told(tools(portal)[name].invoke(call(name, **args)))["error"] == "not_found"


def test_without_a_key_everything_but_the_call_works(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = GenerateVideo()
    answer = told(tool.invoke(call(**FOX)))
    assert answer["error"] == "unauthenticated"
    assert "OXEN_API_KEY" in answer["fix"] and "sandbox" in answer["fix"]


def test_a_key_that_comes_later_is_found(hub: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = GetVideo(base_url=hub.base_url)
    assert told(tool.invoke(call("get_video", generation_ids="x")))["error"] == "unauthenticated"
    monkeypatch.setenv("OXEN_API_KEY", "later")
    assert told(tool.invoke(call("get_video", generation_ids="x")))["error"] == "not_found"


def test_a_broken_environment_is_said_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXEN_VIDEO_MAX_COST", "much")
    assert "OXEN_VIDEO_MAX_COST" in told(GetVideo().invoke(call("get_video", generation_ids="x")))["message"]


def test_a_refused_key_says_so(open_portal: Callable[..., Portal[Any]]) -> None:
    with Sandbox(api_key="right") as hub:
        answer = told(GenerateVideo(studio=open_portal(hub, api_key="wrong-key-9")).invoke(call(**FOX)))
    assert answer["error"] == "unauthenticated" and "wrong-key-9" not in json.dumps(answer)


# ---- what a developer settles -----------------------------------------------------------------------------------


def test_a_pinned_argument_is_sent_and_not_shown(portal: Portal[Any], hub: Sandbox) -> None:
    tool = GenerateVideo(studio=portal, model=KLING, aspect_ratio="9:16", max_cost_usd=0.5)
    assert not {"model", "aspect_ratio", "max_cost_usd"} & tool.args.keys()
    assert tool.invoke(call(prompt="a")).status == "success"
    (sent,) = hub.ledger()["generations"]
    assert (sent["model"], sent["body"]["aspect_ratio"]) == (KLING, "9:16")
    assert told(tool.invoke(call(prompt="b", model="other")))["error"] == "invalid_request"
    assert told(tool.invoke(call(prompt="a", duration=10)))["error"] == "over_budget"
    assert hub.ledger()["accepted"] == 1


def test_arguments_with_the_name_of_an_option_are_pinned_by_name(portal: Portal[Any]) -> None:
    tool = GenerateVideo(studio=portal, pinned={"response_format": "b64_json"})
    assert "response_format" not in tool.args
    assert tool.invoke(call(**FOX)).artifact["file"].endswith(".mp4")


def test_a_toolkit_pins_where_the_argument_is(portal: Portal[Any]) -> None:
    by_name = tools(portal, model=KLING, max_cost_usd=1)
    assert "model" not in by_name["generate_video"].args and "model" not in by_name["list_videos"].args
    assert "max_cost_usd" not in by_name["generate_video"].args
    assert by_name["get_video"].pinned == {}


@pytest.mark.parametrize("wrong", [{"aspect_ration": "1:1"}, {"take": "x"}, {"pinned": {"sedd": 1}}])
def test_a_wrong_option_is_said_when_it_is_made(wrong: dict[str, Any]) -> None:
    for make in (GenerateVideo, OxenVideoToolkit):
        with pytest.raises((TypeError, ValueError)):
            make(**wrong)


def test_a_namespace_of_the_environment_is_not_the_agents_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "target_namespace" in GenerateVideo().args
    monkeypatch.setenv("OXEN_VIDEO_NAMESPACE", "team")
    assert "target_namespace" not in GenerateVideo().args


# ---- the toolkit ------------------------------------------------------------------------------------------------


def test_a_toolkit_of_some() -> None:
    assert [one.name for one in OxenVideoToolkit(tools=["get_video", "plan_video"]).get_tools()] == [
        "plan_video",
        "get_video",
    ]
    free = [one.name for one in OxenVideoToolkit(read_only=True).get_tools()]
    assert free == [name for name, spec in TABLE.items() if spec.read_only] and "get_video" in free
    with pytest.raises(ValueError, match="make_video"):
        OxenVideoToolkit(tools=["make_video"])


def test_tools_with_the_same_settings_share_a_studio(hub: Sandbox) -> None:
    one, other = (OxenVideoToolkit(api_key="k", base_url=hub.base_url).get_tools() for _ in range(2))
    assert len({id(tool.portal) for tool in [*one, *other]}) == 1
    assert GetVideo(api_key="other", base_url=hub.base_url).portal is not one[0].portal


def test_the_sandbox_by_name() -> None:
    message = OxenVideoToolkit(sandbox=True, tools=["generate_video"]).get_tools()[0].invoke(call(**FOX))
    assert message.artifact["status"] == "succeeded" and "sandbox" in message.artifact["warnings"][0]


def test_the_model_that_was_chosen_and_why(portal: Portal[Any]) -> None:
    generate = tools(portal)["generate_video"]
    chosen = generate.invoke(call(prompt="a", duration=5)).artifact
    assert chosen["model"] and chosen["why"]
    assert "why" not in generate.invoke(call(**FOX)).artifact
    assert "why" not in generate.invoke(call(prompt="a", duration=5)).artifact


def test_rates_for_an_approval_rule(portal: Portal[Any]) -> None:
    rates = OxenVideoToolkit(studio=portal).usd_per_second()
    assert rates[KLING] == 0.07
