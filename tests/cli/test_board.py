"""The board in a real browser, over real videos of the sandbox. PICTURES=folder keeps screenshots."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from oxen_video_tools import AsyncStudio, Shot
from oxen_video_tools.cli.board import board_app
from oxen_video_tools.errors import SubmissionUnclear
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.mcp.judging import chromium, node
from tests.mcp.serving import asgi
from tests.studio.swift import Swift

TOKEN = "a-token-that-only-the-link-holds"
PICTURES = os.environ.get("PICTURES")


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=None if PICTURES else 96) as hub:
        yield hub


@pytest.fixture
def settings(hub: Sandbox, tmp_path: Path) -> Settings:
    return Settings(
        api_key="test-key-of-nobody",
        base_url=hub.base_url,
        ledger=f"sqlite:///{tmp_path / 'ledger.db'}",
        output_dir=tmp_path / "videos",
        budget=Decimal(50),
    )


def browse(address: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """What the page tells at the end of these steps; it must report no error."""
    shown = [dict(step) for step in steps]
    for step in shown:
        picture = step.pop("picture", None)
        if PICTURES and picture:
            step["picture"] = f"{PICTURES}/{picture}"
    wanted = {"chromium": chromium(), "url": f"{address}/?token={TOKEN}", "steps": shown}
    answer = json.loads(node("page.mjs", json.dumps(wanted), timeout=300))
    assert answer["errors"] == []
    assert TOKEN not in answer["url"], "the token stays in the address bar"
    return answer


def card(generation_id: str, inside: str = "") -> str:
    return f"document.querySelector('[data-id=\"{generation_id}\"] {inside}')"


@pytest.mark.long
async def test_a_person_sees_everything_and_brakes(hub: Sandbox, settings: Settings) -> None:
    async with AsyncStudio(settings, clock=Swift()) as studio:
        await studio.add_cast(name="Mira", look="woman of 40, grey coat, short black hair")
        stills = await studio.stills(prompt="A harbour at dawn, seen from the sea", max_cost_usd=Decimal(1))
        still = stills.stills[0].video.generation_id
        done = await studio.generate(prompt="A red fox runs through deep snow", duration=5)
        shots = [Shot(prompt="Wide shot: a harbour at dawn", duration=10), Shot(prompt="Close-up: a rope", duration=10)]
        film = await studio.generate(multi_prompt=shots, aspect_ratio="16:9")
        hub.faults.add("fail=The model's provider failed.")
        failed = await studio.generate(prompt="A lighthouse in a storm", duration=5)
        hub.faults.clear()
        hub.faults.add("stuck")
        running = await studio.generate(prompt="A train crosses a bridge", duration=5, wait_seconds=0)
        hub.faults.clear()
        hub.faults.add("drop_request")
        with pytest.raises(SubmissionUnclear):
            await studio.generate(prompt="A kite over dunes", duration=5)
        hub.faults.clear()
        with asgi(board_app(settings, TOKEN, clock=Swift())) as address:
            player = card(done.generation_id, "video")
            paused = "document.querySelector('#brake').textContent === 'Resume spending'"
            answer = browse_in_thread(
                address,
                {"until": f"{player} && {player}.readyState >= 2 && {player}.duration > 4"},
                {"until": f"!{card(running.generation_id)}.querySelector('progress').hidden"},
                {"until": f"{card(running.generation_id)}.parentNode.id === 'running'"},
                {"tell": f"{card(failed.generation_id)}.textContent"},
                {"tell": f"{card(film.generation_id)}.querySelectorAll('.shots span').length"},
                {"until": f"{card(still, 'img')} && {card(still, 'img')}.naturalWidth > 50"},
                {"until": "document.querySelector('#cast').textContent.includes('grey coat')"},
                {"tell": "document.querySelector('#days').textContent"},
                {"until": "!document.querySelector('#unclear').hidden"},
                {"click": f'[data-id="{done.generation_id}"] button'},
                {"until": f"{card(done.generation_id, 'img')} && {card(done.generation_id, 'img')}.naturalWidth > 50"},
                {"until": "window.scrollTo(0, 0) || true", "picture": "board.png"},
                {"width": 390, "height": 844},
                {"tell": "document.documentElement.scrollWidth <= window.innerWidth"},
                {"picture": "board-phone.png"},
                {"click": "#brake"},
                {"until": paused},
                {"click": "#recover"},
                {"until": "document.querySelector('#recovered').textContent.includes(': unclear.')"},
            )
            told = await answer
            assert (await studio.spend()).paused
    words, strips, days, fits = told["told"]
    assert "The model's provider failed." in words
    assert strips == len(film.shots) >= 2
    assert done.model in days
    assert fits, "a phone has to scroll sideways"


def test_nobody_without_the_link_sees_or_does_anything(settings: Settings) -> None:
    with asgi(board_app(settings, TOKEN, clock=Swift())) as address:
        for path in ("/", "/events", "/video/x", "/sheet/x", "/?token=wrong"):
            assert httpx2.get(address + path).status_code == 401, path
        assert httpx2.post(f"{address}/pause", headers={"X-Oxen-Board": "1"}).status_code == 401
        with httpx2.Client(base_url=address, follow_redirects=True) as browser:
            page = browser.get(f"/?token={TOKEN}")
            assert page.status_code == 200 and TOKEN not in str(page.url)
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert browser.post("/pause").status_code == 403, "another page of this machine could pause"
            assert browser.get("/", headers={"Host": "evil.example"}).status_code == 421
            missing = browser.get("/video/none")
            assert missing.status_code == 404 and "none" in missing.json()["message"]


async def test_pausing_through_the_page_holds_for_everybody(settings: Settings) -> None:
    async with AsyncStudio(settings, clock=Swift()) as studio:
        with asgi(board_app(settings, TOKEN, clock=Swift())) as address, httpx2.Client(base_url=address) as browser:
            browser.get(f"/?token={TOKEN}")
            for what, paused in (("pause", True), ("resume", False)):
                assert browser.post(f"/{what}", headers={"X-Oxen-Board": "1"}).status_code == 200
                assert (await studio.spend()).paused is paused


async def browse_in_thread(address: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """`browse`, while this loop goes on."""
    import asyncio

    return await asyncio.to_thread(browse, address, *steps)
