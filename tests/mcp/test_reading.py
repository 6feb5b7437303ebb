"""Resources, prompts, completions and updates, as a client sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import PromptReference, ResourceTemplateReference, ResourceUpdatedNotification

from oxen_video_tools.hub import HubClient
from oxen_video_tools.mcp import build_server
from oxen_video_tools.mcp.prompts import matching
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import QUIET
from .serving import bearer, client_with, over_http, words

eras = pytest.mark.parametrize("mode", ["auto", "legacy"])
KLING, O3 = "kling-video-v2-6-pro-text-to-video", "kling-video-o3-pro-reference-to-video"


@pytest.fixture
def server(settings: Settings) -> Any:
    return build_server(settings=settings, options=QUIET)


async def text(client: Client, uri: str) -> Any:
    return json.loads((await client.read_resource(uri)).contents[0].text)


@eras
async def test_models_videos_and_spend_can_be_read(server: Any, mode: str) -> None:
    async with Client(server, mode=mode) as client:
        video = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
        templates = {one.uri_template for one in (await client.list_resource_templates()).resource_templates}
        listed = {one.uri for one in (await client.list_resources()).resources}
        model = await text(client, f"oxen://models/{KLING}")
        seen = await text(client, f"oxen://generations/{video['generation_id']}")
        spend = await text(client, "oxen://spend")
    assert templates == {"oxen://models/{id}", "oxen://generations/{id}"}
    assert {one for one in listed if not one.startswith("skill:")} == {"oxen://spend", "ui://oxen/player.html"}
    assert model["model"] == KLING and "duration" in json.dumps(model)
    assert (seen["status"], seen["url"]) == ("succeeded", seen["url"]) and seen["url"].startswith("http")
    assert spend["days"][0]["jobs"] == 1 and float(spend["total_usd"]) == pytest.approx(0.35)


@eras
@pytest.mark.parametrize("uri", ["oxen://models/none-such", "oxen://generations/none-such", "oxen://elsewhere"])
async def test_what_does_not_exist_is_not_found(server: Any, mode: str, uri: str) -> None:
    async with Client(server, mode=mode) as client:
        with pytest.raises(MCPError) as refusal:
            await client.read_resource(uri)
    assert refusal.value.code == -32602


async def test_a_failed_video_is_something_to_read(server: Any, settings: Settings, hub: Sandbox) -> None:
    hub.faults.add("fail=It broke.")
    async with HubClient(api_key=settings.api_key, base_url=hub.base_url) as other:
        job = (await other.enqueue({"model": KLING, "prompt": "a fox"}))[0]
    async with Client(server) as client:
        seen = await text(client, f"oxen://generations/{job.generation_id}")
    assert seen["status"] == "failed" and "It broke." in seen["error"]


@eras
async def test_directing_keeps_to_the_limits_of_the_chosen_model(server: Any, mode: str) -> None:
    async with Client(server, mode=mode) as client:
        prompts = {one.name: one for one in (await client.list_prompts()).prompts}
        several = await client.get_prompt("direct_multi_shot", {"brief": "A {bird} takes off", "seconds": "10"})
        single = await client.get_prompt("direct_multi_shot", {"brief": "x", "model": KLING, "aspect_ratio": "21:9"})
        review = await client.get_prompt("storyboard_review", {"generation_id": "g1", "brief": "a bird"})
        teaser = await client.get_prompt("product_teaser", {"product": "A lamp", "image": "https://x.example/l.png"})
    assert set(prompts) == {"direct_multi_shot", "storyboard_review", "product_teaser"}
    assert all(one.description and one.title for one in prompts.values())
    assert [a.name for a in prompts["direct_multi_shot"].arguments if a.required] == ["brief"]
    words_of = lambda prompt: prompt.messages[0].content.text  # noqa: E731
    assert O3 in words_of(several) and "3 to 15 s" in words_of(several) and "512 characters" in words_of(several)
    assert "A {bird} takes off" in words_of(several) and "together 10 s" in words_of(several)
    assert "5 or 10 s" in words_of(single) and "21:9 is not among them" in words_of(single)
    assert "g1" in words_of(review) and "take=2" in words_of(review)
    assert 'input_image=["https://x.example/l.png"]' in words_of(teaser) and "9:16" in words_of(teaser)


async def test_a_prompt_for_a_model_that_does_not_exist_says_so(server: Any) -> None:
    async with Client(server) as client:
        with pytest.raises(MCPError, match="No model kling-9"):
            await client.get_prompt("direct_multi_shot", {"brief": "x", "model": "kling-9"})


@eras
async def test_values_are_offered_while_a_person_types(server: Any, mode: str) -> None:
    prompt = PromptReference(name="direct_multi_shot")
    async with Client(server, mode=mode) as client:
        made = words(await client.call_tool("generate_video", {"prompt": "a fox"}))["generation_id"]

        async def offered(ref: Any, name: str, value: str, **known: str) -> list[str]:
            answer = await client.complete(ref, {"name": name, "value": value}, known or None)
            return list(answer.completion.values)

        models = await offered(prompt, "model", "kling-video-o3")
        ratios = await offered(prompt, "aspect_ratio", "", model=KLING)
        lengths = await offered(prompt, "seconds", "", model=KLING)
        any_ratio = await offered(prompt, "aspect_ratio", "9")
        ids = await offered(PromptReference(name="storyboard_review"), "generation_id", made[:4])
        by_uri = await offered(ResourceTemplateReference(uri="oxen://models/{id}"), "id", KLING[:-3])
        nothing = await offered(prompt, "brief", "a")
    assert O3 in models and all("kling-video-o3" in one for one in models)
    assert "16:9" in ratios and lengths == ["5", "10"] and any_ratio[0] == "9:16"
    assert ids == [made] and by_uri == [KLING] and nothing == []


def test_completions_stay_within_the_protocols_limit() -> None:
    found = matching("", [f"model-{number}" for number in range(250)])
    assert (len(found.values), found.total, found.has_more) == (100, 250, True)
    assert matching("b", ["ab", "ba", "c"]).values == ["ba", "ab"]


@pytest.fixture
def quick(settings: Settings) -> Iterator[Settings]:
    """A hub whose videos take about half a second, and say when they are finished."""
    with Sandbox(picture_height=96, speed=300) as hub:
        yield replace(settings, base_url=hub.base_url)


async def test_listeners_hear_when_their_video_is_finished(quick: Settings) -> None:
    async with Client(build_server(settings=quick, options=QUIET)) as client:
        video = words(await client.call_tool("generate_video", {"prompt": "a fox", "wait_seconds": 0}))
        uri = f"oxen://generations/{video['generation_id']}"
        async with client.listen(resource_subscriptions=[uri, "oxen://generations/of-somebody-else"]) as heard:
            assert heard.honored.resource_subscriptions == [uri]  # what a caller may not read it does not hear of
            with anyio.fail_after(20):
                async for event in heard:
                    assert event.uri == uri
                    if (await text(client, uri))["status"] == "succeeded":
                        break


@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
async def test_subscribers_of_the_old_protocol_hear_it_too(quick: Settings) -> None:
    heard = anyio.Event()

    async def listen(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            heard.set()

    with over_http(quick, QUIET) as address:
        async with client_with(address, headers=bearer("k"), mode="legacy", message_handler=listen) as client:
            video = words(await client.call_tool("generate_video", {"prompt": "a fox", "wait_seconds": 0}))
            uri = f"oxen://generations/{video['generation_id']}"
            assert client.server_capabilities.resources.subscribe
            with pytest.raises(MCPError):
                await client.subscribe_resource("oxen://generations/of-somebody-else")
            await client.subscribe_resource(uri)
            with anyio.fail_after(20):
                await heard.wait()
            await client.unsubscribe_resource(uri)
