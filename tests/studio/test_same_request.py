"""What is the same request, through the whole studio: agents repeat calls, from other folders, with other links."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio

from .swift import Swift

Open = Callable[..., AsyncStudio]
KLING = "kling-video-v2-6-pro-text-to-video"
ASKED: dict[str, Any] = {"prompt": "A red balloon rises", "duration": 5}
PICTURE: dict[str, Any] = {"prompt": "It moves", "model": "kling-video-v2-6-pro-image-to-video"}


def accepted(hub: Sandbox) -> int:
    return int(hub.ledger()["accepted"])


def uploads(hub: Sandbox) -> int:
    return sum(
        number for call, number in hub.ledger()["requests"].items() if call.startswith("POST") and "workbench" in call
    )


@pytest.fixture
def picture() -> bytes:
    from io import BytesIO

    from PIL import Image

    content = BytesIO()
    Image.new("RGB", (320, 320), "red").save(content, "PNG")
    return content.getvalue()


async def take(studio: AsyncStudio, number: int = 1, **asked: Any) -> Any:
    return await studio.generate(**asked, take=number, wait_seconds=0)


# ---- what was asked, before default model and translation ------------------------------------------------------------


async def test_another_default_model_does_not_make_it_another_request(hub: Sandbox, opened: Open) -> None:
    first = await take(opened(model=KLING), **ASKED)
    again = await take(opened(model="wan-2.2-t2v"), **ASKED)
    assert again.reused and again.generation_id == first.generation_id and accepted(hub) == 1


async def test_defaults_are_filled_in(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    first = await take(studio, prompt=ASKED["prompt"])
    again = await take(studio, **ASKED, aspect_ratio="16:9", generate_audio=False, num_generations=1)
    assert again.reused and again.generation_id == first.generation_id and accepted(hub) == 1


async def test_the_order_for_whoever_pays_is_another(hub: Sandbox, opened: Open) -> None:
    await take(opened(), **ASKED)
    assert not (await take(opened(namespace="team"), **ASKED)).reused
    assert (await take(opened(), **ASKED, target_namespace="team")).reused and accepted(hub) == 2


async def test_it_is_the_same_for_good(hub: Sandbox, opened: Open) -> None:
    clock = Swift()
    studio = opened(clock=clock)
    first = await studio.generate(**ASKED, take=1)
    clock.ahead += 90 * 86_400.0
    again = await opened(clock=clock).generate(**ASKED, take=1)
    assert again.reused and again.generation_id == first.generation_id and accepted(hub) == 1


async def test_a_loop_in_python_says_that_it_means_new_ones(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    for _ in range(3):
        assert not (await studio.generate(**ASKED, take=None, wait_seconds=0)).reused
    assert accepted(hub) == 3
    assert [(await studio.generate(**ASKED, wait_seconds=0)).reused for _ in range(2)] == [False, True]
    assert accepted(hub) == 4


# ---- media -----------------------------------------------------------------------------------------------------------


async def test_a_file_is_what_is_in_it(hub: Sandbox, opened: Open, tmp_path: Path, picture: bytes) -> None:
    here, there, other = tmp_path / "face.png", tmp_path / "copy" / "other-name.png", tmp_path / "else.png"
    there.parent.mkdir()
    here.write_bytes(picture)
    there.write_bytes(picture)
    other.write_bytes(picture + b"\n")
    studio = opened()
    first = await take(studio, **PICTURE, input_image=str(here))
    sent = uploads(hub)
    again = await take(opened(), **PICTURE, input_image=str(there))
    assert again.reused and again.generation_id == first.generation_id
    assert uploads(hub) == sent, "nothing is uploaded for what is there already"
    assert not (await take(studio, **PICTURE, input_image=str(other))).reused
    here.write_bytes(picture + b"changed")
    assert not (await take(studio, **PICTURE, input_image=str(here))).reused and accepted(hub) == 3


async def test_a_link_is_itself_whatever_its_signature(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    link = "https://hub.oxen.ai/api/repos/me/playground/file/main/face.png"
    first = await take(studio, **PICTURE, input_image=f"{link}?oxen_signature=abc&oxen_expires=1")
    again = await take(studio, **PICTURE, input_image=f"{link}?oxen_signature=xyz&oxen_expires=2")
    assert again.reused and again.generation_id == first.generation_id
    assert not (await take(studio, **PICTURE, input_image=link.replace("face", "hand"))).reused
    assert accepted(hub) == 2


async def test_an_earlier_video_is_its_id(hub: Sandbox, opened: Open) -> None:
    studio = opened()
    one, two = [await studio.generate(**ASKED, take=None) for _ in range(2)]
    asked = {"prompt": "At night", "model": "wan-v2-7-edit-video"}
    first = await take(studio, **asked, input_video=one.generation_id)
    again = await take(studio, **asked, input_video=f" {one.generation_id} ")
    assert again.reused and again.generation_id == first.generation_id
    assert not (await take(studio, **asked, input_video=two.generation_id)).reused


@pytest.mark.parametrize("fault", ["expired_url@1-3", "no_url@1-3"])
async def test_an_earlier_video_is_sent_by_a_link_that_opens(hub: Sandbox, opened: Open, fault: str) -> None:
    studio = opened(clock=Swift())
    one = await studio.generate(**ASKED, take=None)
    hub.faults.add(fault)
    made = await studio.generate(prompt="At night", model="wan-v2-7-edit-video", input_video=one.generation_id)
    assert made.status == "succeeded", made.error


# ---- whose request it is ---------------------------------------------------------------------------------------------


async def test_another_key_of_the_account_is_the_same_account(hub: Sandbox, opened: Open) -> None:
    first = await take(opened(api_key="old"), **ASKED)
    again = await take(opened(api_key="new"), **ASKED)
    assert again.reused and again.generation_id == first.generation_id and accepted(hub) == 1


async def test_another_account_is_another(tmp_path: Path, opened: Open) -> None:
    """At one hub, behind one address."""
    with Sandbox(username="alice") as alices:
        port = int(alices.base_url.rpartition(":")[2])
        first = await take(opened(base_url=alices.base_url, api_key="alice's"), **ASKED)
    with Sandbox(username="bob", port=port) as bobs:
        assert bobs.base_url == alices.base_url
        other = await take(opened(base_url=bobs.base_url, api_key="bob's"), **ASKED)
        assert not other.reused and other.generation_id != first.generation_id and accepted(bobs) == 1


async def test_another_hub_is_another(hub: Sandbox, opened: Open) -> None:
    with Sandbox() as another:
        await take(opened(), **ASKED)
        assert not (await take(opened(base_url=another.base_url), **ASKED)).reused
        assert accepted(hub) == accepted(another) == 1


async def test_where_the_hub_tells_no_account_the_key_stands_for_it(hub: Sandbox, opened: Open) -> None:
    hub.faults.add("error=404:json@*/me")
    first = await take(opened(clock=Swift()), **ASKED)
    assert not (await take(opened(api_key="another", clock=Swift()), **ASKED)).reused, "another key, for all we know"
    again = await take(opened(), **ASKED)
    assert again.reused and again.generation_id == first.generation_id, "it does not change between two equal calls"
    assert accepted(hub) == 2
    [scope] = {await studio._session.scope() for studio in (opened(), opened())}
    assert scope.startswith(f"{hub.base_url}|key:") and not scope.endswith("key:key"), "its hash, not itself"


async def test_the_sandbox_is_known_by_its_state_and_not_by_its_port(opened: Open) -> None:
    def own(**given: Any) -> AsyncStudio:
        return opened(sandbox=True, base_url=None, api_key=None, **given)

    studio = own()
    first = await take(studio, **ASKED)
    address = studio.settings.base_url
    await studio.close()
    with Sandbox(port=int(address.rpartition(":")[2])):  # its port is somebody else's now
        other = own()
        again = await take(other, **ASKED)
        assert other.settings.base_url != address
    assert again.reused and again.generation_id == first.generation_id
    await other.close()
    forgetful = [own(ledger="memory:") for _ in range(2)]
    assert not any([(await take(one, **ASKED)).reused for one in forgetful])
