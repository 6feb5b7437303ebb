"""The skills are followed to the letter: each numbered step is played with the tools and the words that it names."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from mcp import Client

from oxen_video_tools import AsyncStudio
from oxen_video_tools.mcp import build_server
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import QUIET
from .serving import words

pytestmark = pytest.mark.long

SHOTS = ["Mira waits at the harbour at dusk, wide shot.", "Mira turns around at the harbour at dusk, close-up."]
LOOK = {"name": "Mira", "look": "woman of 40, grey coat, short black hair"}


def shots(*others: dict[str, Any]) -> list[dict[str, Any]]:
    """Two shots, with what is changed in each."""
    changes = [*others, {}, {}][:2]
    return [{"prompt": prompt, "duration": 5} | change for prompt, change in zip(SHOTS, changes, strict=True)]


class Reader:
    """Somebody who has read a skill and does what it says, and nothing that it does not name."""

    def __init__(self, client: Client, text: str) -> None:
        self._client, self.text = client, text
        self.steps = dict(re.findall(r"^(\d)\. (.+?)(?=^\d\. |\Z)", text, re.M | re.S))

    async def do(self, step: int, tool: str, new: tuple[str, ...] = (), **arguments: Any) -> tuple[dict[str, Any], Any]:
        """Call a tool that this step names. new: words that it names, too, whole as they stand there."""
        said = self.steps[str(step)]
        assert f"`{tool}`" in said, f"step {step} does not name {tool}"
        assert all(word in said for word in new), (step, new)
        result = await self._client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return words(result), result

    def says(self, step: int, *told: str) -> None:
        """The step names these."""
        assert all(word in self.steps[str(step)] for word in told), (step, told)


@asynccontextmanager
async def reading(name: str, settings: Settings) -> AsyncIterator[Reader]:
    """The skill as the server gives it."""
    async with Client(build_server(settings=replace(settings, approve_above=Decimal(100)), options=QUIET)) as client:
        [file] = (await client.read_resource(f"skill://{name}/SKILL.md")).contents
        yield Reader(client, file.text)  # type: ignore[union-attr]


def pictures(result: Any) -> int:
    return sum(block.type == "image" for block in result.content)


async def test_direct_a_film(settings: Settings, hub: Sandbox) -> None:
    film = {"multi_prompt": shots(), "style": "35 mm film, soft grain.", "aspect_ratio": "16:9"}
    async with reading("direct-a-film", settings) as reader:
        reader.says(1, "`style`")
        new = ("`multi_prompt`", "`cast`", "`style`", "`aspect_ratio`", "`animatic: true`")
        plan, drawn = await reader.do(2, "plan_video", new, **film, animatic=True)
        assert plan["ok"] and plan["clips"] and pictures(drawn)
        reader.says(3, "`total_usd`", "`max_cost_usd`")
        agreed = film | {"max_cost_usd": plan["total_usd"]}
        assert hub.ledger()["accepted"] == 0, "up to here nothing is paid"

        made, _ = await reader.do(4, "generate_video", **agreed, wait_seconds=0)
        assert made["status"] in ("queued", "processing")
        reader.says(4, f"`{made['status']}`")
        made, _ = await reader.do(4, "get_video", generation_ids=[made["generation_id"]], wait_seconds=600)
        assert made["status"] == "succeeded"
        paid = hub.ledger()["accepted"]
        again, _ = await reader.do(4, "generate_video", **agreed)
        assert again["reused"] and again["generation_id"] == made["generation_id"]
        assert hub.ledger()["accepted"] == paid, "the same call again costs nothing"

        _, looked = await reader.do(5, "inspect_video", video=made["generation_id"])
        assert pictures(looked) == 1
        fresh, _ = await reader.do(6, "get_video", generation_ids=[made["generation_id"]])
        assert again["url"] and fresh["url"]
        assert httpx2.get(fresh["url"], headers={"Authorization": f"Bearer {settings.api_key}"}).content[4:8] == b"ftyp"
        saved, _ = await reader.do(6, "save_video", ("music", "captions"), videos=[made["generation_id"]])
        assert saved["file"]


async def test_keep_a_cast(settings: Settings, hub: Sandbox) -> None:
    async with reading("keep-a-cast", settings) as reader:
        [example] = re.findall(r"`cast: (\[.+?\])`", reader.steps["1"])
        cast = json.loads(example)
        assert cast == [LOOK], "the example of the skill is what is played"
        film: dict[str, Any] = {"multi_prompt": shots(), "cast": cast}
        plan, _ = await reader.do(3, "plan_video", ("`cast`", "`held_by`"), **film)
        assert [one["name"] for one in plan["cast"]] == ["Mira"] and plan["cast"][0]["held_by"]

        _, sheet = await reader.do(4, "make_stills", ("`multi_prompt`", "`cast`"), **film)
        assert pictures(sheet) == 1
        before = hub.ledger()["accepted"]
        film |= {"multi_prompt": shots({}, {"still_take": 2})}
        await reader.do(5, "make_stills", ('`"still_take": 2`',), **film)
        assert hub.ledger()["accepted"] == before + 1, "only that picture is paid"

        made, _ = await reader.do(6, "generate_video", ("`stills: true`",), **film, stills=True, wait_seconds=600)
        assert made["status"] == "succeeded"
        assert hub.ledger()["accepted"] == before + 1 + 2, "no picture is paid again"

        next_film = {"multi_prompt": [{"prompt": "Mira sails out at noon, wide shot.", "duration": 5}], "cast": cast}
        await reader.do(4, "make_stills", **next_film)
        assert hub.ledger()["accepted"] == before + 1 + 2 + 1, "the sheet of the same entry is paid once"
        assert '`cast: ["Mira"]`' in reader.text and "`oxen-video cast`" in reader.text
        async with AsyncStudio(settings=settings) as studio:
            await studio.add_cast(**LOOK)
        plan, _ = await reader.do(3, "plan_video", multi_prompt=shots(), cast=["Mira"])
        assert plan["ok"], plan["problems"]


async def test_review_and_retake(settings: Settings, hub: Sandbox) -> None:
    """Three shots of 8 s are three clips; two of 5 s are one, which is made anew as a whole."""
    long = [{"prompt": prompt, "duration": 8} for prompt in [*SHOTS, "Mira walks away at the harbour at dusk."]]
    async with reading("direct-a-film", settings) as reader:
        made, _ = await reader.do(4, "generate_video", multi_prompt=long, wait_seconds=600)
    paid = hub.ledger()["accepted"]
    async with reading("review-and-retake", settings) as reader:
        _, looked = await reader.do(1, "inspect_video", video=made["generation_id"])
        assert pictures(looked) == 1
        reader.says(4, "`prompt`", '`"take": 2`')
        for change in ({"prompt": "Mira laughs at the harbour at dusk, close-up."}, {"take": 2}):
            changed = {"multi_prompt": [long[0], long[1] | change, long[2]]}
            plan, _ = await reader.do(3, "plan_video", ("`already`", "`clips`", "`shots`"), **changed)
            assert [one["shots"] for one in plan["clips"] if not one.get("already")] == [[2]]
            assert hub.ledger()["accepted"] == paid
            fresh, _ = await reader.do(5, "generate_video", **changed, wait_seconds=600)
            paid += 1
            assert fresh["status"] == "succeeded" and hub.ledger()["accepted"] == paid, "one clip is paid"
            assert fresh["generation_id"] != made["generation_id"]
        whole, _ = await reader.do(3, "plan_video", multi_prompt=shots({}, {"take": 2}))
        assert [one["shots"] for one in whole["clips"]] == [[1, 2]]
