"""What is the same request, and whose it is: links by what they name, texts by what they say, accounts by the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.errors import HubUnavailable
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.studio.identifiers import canonical_request, link_name, request_key
from tests.hubs.echoing import EchoingHub, echoing

from .swift import Swift

Open = Callable[..., AsyncStudio]
IMAGE: dict[str, Any] = {"prompt": "It moves", "model": "kling-video-v2-6-pro-image-to-video"}
WORDS: dict[str, Any] = {"prompt": "A red balloon rises", "model": "kling-video-v2-6-pro-text-to-video"}
LINK = "https://cdn.example.com/picture"


@pytest.fixture
def hub() -> Iterator[EchoingHub]:
    with echoing() as running:
        yield running


@pytest.fixture
async def opened(hub: EchoingHub, tmp_path: Path) -> AsyncIterator[Open]:
    studios: list[AsyncStudio] = []

    def open_studio(**more: Any) -> AsyncStudio:
        usual: dict[str, Any] = {
            "base_url": hub.address,
            "api_key": "key",
            "ledger": f"sqlite:///{tmp_path}/ledger.db",
            "clock": Swift(),
        }
        studios.append(AsyncStudio(**usual | more))
        return studios[-1]

    yield open_studio
    for studio in studios:
        await studio.close()


async def paid(studio: AsyncStudio, **words: Any) -> Any:
    return await studio.generate(**words, take=1, wait_seconds=0)


# ---- links -----------------------------------------------------------------------------------------------------------

SIGNED = [
    {"X-Amz-Signature": "ab", "X-Amz-Date": "1", "X-Amz-Expires": "60", "X-Amz-Credential": "k/1"},
    {"X-Goog-Signature": "ab", "X-Goog-Expires": "60"},
    {"oxen_signature": "ab", "oxen_expires": "1"},
    {"Signature": "ab", "Expires": "1", "Key-Pair-Id": "K", "Policy": "e30"},
    {"sig": "a%2Bb", "se": "2026", "sp": "r", "sv": "2024", "sr": "b", "st": "2025"},
    {"token": "ab"},
    {"ex": "1", "is": "2", "hm": "3"},
]


@pytest.mark.parametrize("signature", SIGNED, ids=lambda one: next(iter(one)))
async def test_a_links_query_names_the_picture_and_its_signature_does_not(
    hub: EchoingHub, opened: Open, signature: dict[str, str]
) -> None:
    """Two pictures behind one path are two videos; one picture with tomorrow's signature is the same."""
    studio = opened()
    first = await paid(studio, **IMAGE, input_image=f"{LINK}?id=1&{urlencode(signature)}")
    renewed = {name: value[::-1] + "9" for name, value in signature.items()}
    again = await paid(studio, **IMAGE, input_image=f"{LINK}?{urlencode(renewed)}&id=1")
    second = await paid(studio, **IMAGE, input_image=f"{LINK}?id=2&{urlencode(signature)}")
    assert again.reused and again.generation_id == first.generation_id
    assert not second.reused and second.generation_id != first.generation_id and hub.charged == 2


async def test_a_link_in_a_models_own_parameter_is_a_link_too(hub: EchoingHub, opened: Open) -> None:
    studio = opened()
    for number, link in enumerate(["?id=1&sig=a", "?id=1&sig=b", "?id=2&sig=a"]):
        video = await paid(studio, **WORDS, model_parameters={"style_url": LINK + link})
        assert video.reused == (number == 1)
    assert hub.charged == 2


words = st.text(st.characters(categories=["L", "N"], max_codepoint=0x2FF), min_size=1, max_size=6)


@given(st.dictionaries(st.sampled_from(["id", "v", "page", "name", "st", "ex", "size"]), words, max_size=4), words)
def test_whatever_a_query_says_is_kept_and_whatever_signs_it_is_not(query: dict[str, str], other_word: str) -> None:
    named = link_name(f"{LINK}?{urlencode(query)}")
    reordered = dict(reversed(list(query.items())))
    assert named == link_name(f"HTTPS://user:pw@CDN.example.com:443/picture?X-Amz-Date=9&{urlencode(reordered)}#top")
    for name, value in query.items():
        if value != other_word:
            assert named != link_name(f"{LINK}?{urlencode(query | {name: other_word})}")


def test_a_part_of_a_video_is_not_another_part_of_it() -> None:
    assert link_name(f"{LINK}.mp4#t=1,2") != link_name(f"{LINK}.mp4#t=3,4") != link_name(f"{LINK}.mp4")


# ---- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"prompt": "A caf\u00e9"}, {"prompt": "  A cafe\u0301\n"}),
        ({"prompt": "x", "negative_prompt": "\u00fc"}, {"prompt": "x", "negative_prompt": "u\u0308 "}),
        ({"multi_prompt": [{"prompt": "\u00e9"}]}, {"multi_prompt": [{"prompt": " e\u0301"}]}),
        (
            {"prompt": "x", "model_parameters": {"style": "\u00e9"}},
            {"prompt": "x", "model_parameters": {"style": "e\u0301 "}},
        ),
    ],
)
def test_a_text_is_what_it_says(one: dict[str, Any], same: dict[str, Any]) -> None:
    keys = {request_key(canonical_request(VideoRequest(**words), None, {})) for words in (one, same)}
    assert len(keys) == 1


async def test_the_body_says_the_text_that_the_key_says(hub: EchoingHub, opened: Open) -> None:
    studio = opened()
    model = WORDS["model"]
    first = await paid(studio, model=model, prompt=" A cafe\u0301 ")
    again = await paid(studio, model=model, prompt="A caf\u00e9")
    assert again.reused and again.generation_id == first.generation_id
    assert [body["prompt"] for body in hub.bodies] == ["A caf\u00e9"]


def test_a_file_keeps_the_name_that_it_has() -> None:
    """On disk "é" may be two signs: another spelling would be another file."""
    assert VideoRequest(prompt="x", start_image="/cafe\u0301.png").start_image == "/cafe\u0301.png"


# ---- whose it is -----------------------------------------------------------------------------------------------------


async def test_a_failed_look_at_the_account_is_not_remembered(hub: EchoingHub, opened: Open) -> None:
    await paid(opened(api_key="first"), **WORDS)
    hub.me = (503, {"error": "soon"})
    second = opened(api_key="second")
    with pytest.raises(HubUnavailable) as refused:
        await paid(second, **WORDS)
    assert refused.value.charged == "no" and hub.charged == 1, "nothing is paid for an account that is not known"
    hub.me = (200, {"user": {"username": "me"}})
    assert (await paid(second, **WORDS)).reused, "the second key is the same account, with its jobs and its budget"
    assert hub.charged == 1


async def test_a_key_whose_account_the_hub_does_not_tell_becomes_the_accounts_own_once_it_does(
    hub: EchoingHub, opened: Open
) -> None:
    hub.me = (404, {"error": {"type": "resource_not_found"}})
    alone = opened()
    first = await paid(alone, **WORDS)
    assert "|key:" in await alone._session.scope()
    hub.me = (200, {"user": {"username": "me"}})
    for studio in (opened(), opened(api_key="another")):
        again = await paid(studio, **WORDS)
        assert again.reused and again.generation_id == first.generation_id
        assert [day.jobs for day in (await studio.spend()).days] == [1]
    clock: Any = alone._session.clock
    clock.ahead += 120
    assert (await paid(alone, **WORDS)).reused and "|account:me" in await alone._session.scope()
    assert hub.charged == 1
