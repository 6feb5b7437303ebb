"""A film of six shots with two people made from words, through the server, with the calls counted."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import Any

from mcp import Client
from PIL import Image

from oxen_video_tools.mcp import build_server
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import QUIET

SHOTS = [
    "Mira waits at the harbour at dusk, wide shot.",
    "Ben runs along the pier at the harbour at dusk.",
    "Mira turns around at the harbour at dusk, close-up.",
    "Ben hugs Mira at the harbour at dusk.",
    "Mira and Ben walk away along the harbour at dusk.",
    "The harbour at dusk, empty, wide shot.",
]
FILM: dict[str, Any] = {
    "multi_prompt": [{"prompt": prompt, "duration": 5} for prompt in SHOTS],
    "cast": [
        {"name": "Mira", "look": "woman of 40, grey coat, short black hair"},
        {"name": "Ben", "look": "boy of 9, red cap"},
    ],
    "style": "35 mm film, soft grain.",
}


class Counted:
    """A client that counts its calls."""

    def __init__(self, client: Client) -> None:
        self._client, self.calls = client, 0

    async def __call__(self, tool: str, **arguments: Any) -> Any:
        self.calls += 1
        result = await self._client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result


@asynccontextmanager
async def counted(settings: Settings, approve_above: Decimal = Decimal(100)) -> AsyncIterator[Counted]:
    server = build_server(settings=replace(settings, approve_above=approve_above), options=QUIET)
    async with Client(server) as client:
        yield Counted(client)


def picture(result: Any) -> Image.Image:
    [one] = [one for one in result.content if one.type == "image"]
    return Image.open(BytesIO(base64.b64decode(one.data)))


async def test_six_shots_with_two_people_in_four_calls_and_a_retake(settings: Settings, hub: Sandbox) -> None:
    async with counted(settings) as ask:
        await _play(ask, hub)


async def _play(ask: Counted, hub: Sandbox) -> None:
    plan = (await ask("plan_video", **FILM, stills=True)).structured_content
    assert plan["ok"], plan["problems"]
    assert [one["kind"] for one in plan["pictures"]] == ["sheet"] * 2 + ["still"] * 6
    assert {one["name"] for one in plan["cast"]} == {"Mira", "Ben"}
    assert all(one["held_by"] != "words" for one in plan["cast"])

    stills = await ask("make_stills", **FILM)
    told = stills.structured_content
    assert [(one["shot"], one["status"]) for one in told["stills"]] == [(shot, "succeeded") for shot in range(1, 7)]
    assert "stills=true" in told["next"]
    assert picture(stills).width > 300
    assert told["cost_usd"] < plan["price_usd"] / 5, "cents before dollars"

    film = (await ask("generate_video", **FILM, stills=True, wait_seconds=300)).structured_content
    assert film["status"] == "succeeded", film
    assert len(film["shots"]) == 6
    assert {one["name"]: one["held_by"] for one in film["cast"]} == {
        one["name"]: one["held_by"] for one in plan["cast"]
    }
    assert picture(await ask("inspect_video", videos=[film["generation_id"]])).width > 300
    assert ask.calls == 4
    made = hub.ledger()["generations"]
    assert len(made) == 2 + 6 + 6
    assert Decimal(str(plan["price_usd"])) == sum((Decimal(one["cost"]) for one in made), Decimal(0))

    changed = deepcopy(FILM)
    changed["multi_prompt"][2]["still_take"] = 2
    again = (await ask("make_stills", **changed)).structured_content
    differs = [
        one["shot"]
        for one, old in zip(again["stills"], told["stills"], strict=True)
        if one["generation_id"] != old["generation_id"]
    ]
    assert differs == [3]
    remade = (await ask("generate_video", **changed, stills=True, wait_seconds=300)).structured_content
    assert remade["status"] == "succeeded"
    pairs = zip(remade["shots"], film["shots"], strict=True)
    assert [one["shot"] for one, old in pairs if one["generation_id"] != old["generation_id"]] == [3]
    assert len(hub.ledger()["generations"]) == len(made) + 2, "one still and one clip"
    assert ask.calls == 6


async def test_a_sum_above_the_limit_is_asked_about_first(settings: Settings, hub: Sandbox) -> None:
    server = build_server(settings=replace(settings, approve_above=Decimal("0.05")), options=QUIET)
    async with Client(server) as client:
        refused = await client.call_tool("make_stills", FILM)
    assert refused.is_error
    assert "pictures" in str(refused.content)
    assert hub.ledger()["generations"] == []
