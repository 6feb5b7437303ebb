"""The player in a real browser, in a host built on the official AppBridge, before our server and the sandbox."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from oxen_video_tools.mcp import build_server
from oxen_video_tools.mcp.resources import PLAYER, media_hosts
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import QUIET
from .judging import bundled, chromium, node
from .serving import Connection, asgi, over_http

ALL = {"serverTools": {}, "openLinks": {}, "updateModelContext": {}}
PAGE = "<!doctype html><meta charset=utf-8><title>host</title><style>body{margin:0}</style><body><script>%s</script>"


@pytest.fixture(scope="session")
def host_script() -> bytes:
    return bundled("host.mjs")


def policy(declared: dict[str, Any]) -> str:
    """The Content-Security-Policy that a host makes of what a page declares (MCP Apps, 2026-01-26)."""
    resources = " ".join(declared.get("resourceDomains") or [])
    connects = " ".join(declared.get("connectDomains") or []) or "'none'"
    inline, data = f"'self' 'unsafe-inline' {resources}", f"'self' data: {resources}"
    return (
        f"default-src 'none'; script-src {inline}; style-src {inline}; img-src {data}; media-src {data}; "
        f"connect-src {connects}"
    )


@asynccontextmanager
async def hosting(mcp: str, script: bytes, scene: dict[str, Any], *, declared: bool = True) -> AsyncIterator[str]:
    """A host page before the MCP server at this address. declared: whether the host heeds what the player declares."""

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE % script.decode().replace("</script", "<\\/script"))

    async def player(_: Request) -> Response:
        async with Client(Connection(mcp)) as client:
            read = (await client.read_resource(PLAYER)).contents[0]
        assert read.mime_type == "text/html;profile=mcp-app"
        csp = policy(read.meta["ui"]["csp"] if declared else {})
        return HTMLResponse(read.text, headers={"Content-Security-Policy": csp})

    async def call(request: Request) -> Response:
        asked = await request.json()
        async with Client(Connection(mcp)) as client:
            result = await client.call_tool(asked["name"], asked["arguments"])
        return JSONResponse(result.model_dump(by_alias=True, mode="json", exclude_none=True))

    async def told(request: Request) -> Response:
        elsewhere = str(request.base_url).replace("127.0.0.1", "localhost")
        return JSONResponse({"capabilities": ALL, "player": f"{elsewhere}player", **scene})

    routes = [Route("/", page), Route("/player", player)]
    routes += [Route("/call", call, methods=["POST"]), Route("/scene", told, methods=["POST"])]
    with asgi(Starlette(routes=routes)) as address:
        yield address


async def browse(url: str, until: str, **more: Any) -> dict[str, Any]:
    wanted = {"url": url, "until": until, "chromium": chromium(), **more}
    seen = json.loads(await asyncio.to_thread(node, "browse.mjs", json.dumps(wanted)))
    assert seen["errors"] == [] and seen["host"]["error"] is None, seen
    return seen


SHOTS = [
    {"prompt": "Wide shot: a lighthouse at dawn", "duration": 3},
    {"prompt": "Close-up: the lamp turns", "duration": 3},
]
MULTI = {"multi_prompt": SHOTS, "aspect_ratio": "16:9", "max_cost_usd": 9, "wait_seconds": 0}
PLAYS = "document.querySelector('video').readyState >= 2"


async def test_it_follows_the_job_and_plays(settings: Settings, host_script: bytes, tmp_path: Path) -> None:
    picture = os.environ.get("OXEN_VIDEO_SCREENSHOT") or str(tmp_path / "player.png")
    height = 480 if "OXEN_VIDEO_SCREENSHOT" in os.environ else 96
    with (
        Sandbox(picture_height=height, speed=150) as hub,
        over_http(replace(settings, base_url=hub.base_url), QUIET) as mcp,
    ):
        scene = {"tool": "generate_video", "arguments": MULTI}
        async with hosting(mcp, host_script, scene) as url:
            seen = await browse(url, PLAYS + " && document.querySelector('video').poster", play=True, picture=picture)
    shown, host = seen["shown"], seen["host"]
    assert seen["reached"], seen
    assert host["app"]["name"] == "oxen-video-player" and "get_video" in host["calls"]
    assert shown["video"]["src"].startswith(hub.base_url) and not shown["video"]["hidden"]
    assert shown["video"]["width"] > 0 and 5.5 < shown["video"]["duration"] < 6.5 and shown["video"]["time"] > 0.2
    assert shown["video"]["poster"].startswith("data:image/jpeg"), "no contact sheet as poster"
    assert shown["state"].startswith("Finished") and "$" in shown["state"]
    assert [text for text, _ in shown["shots"]] == [shot["prompt"] for shot in SHOTS]
    assert "finished" in host["context"][0]["content"][0]["text"]
    assert Path(picture).stat().st_size > 2000


async def test_it_shows_each_shot_of_a_film(settings: Settings, host_script: bytes) -> None:
    answer = {
        "status": "processing",
        "generation_id": "film-1",
        "shots": [{"status": "succeeded", "generation_id": "a"}, {"status": "processing", "generation_id": "b"}],
    }
    result = {"content": [{"type": "text", "text": "{}"}], "structuredContent": answer}
    with over_http(settings, QUIET) as mcp:
        scene = {"arguments": MULTI, "result": result, "capabilities": {"openLinks": {}}}
        async with hosting(mcp, host_script, scene) as url:
            seen = await browse(
                url, "document.querySelectorAll('#shots li').length == 2 && !document.querySelector('#bar').hidden"
            )
    assert [status for _, status in seen["shown"]["shots"]] == ["succeeded", "processing"]
    assert "get_video" in seen["shown"]["state"]  # a host that lets a page call no tools: the model has to look


async def test_it_renews_a_link_that_expired(settings: Settings, hub: Sandbox, host_script: bytes) -> None:
    with over_http(settings, QUIET) as mcp:
        async with Client(Connection(mcp)) as client:
            made = await client.call_tool("generate_video", {"prompt": "a fox"})
        old = made.model_dump(by_alias=True, mode="json", exclude_none=True)
        old["structuredContent"]["url"] = old["structuredContent"]["url"].replace(
            "oxen_signature=", "oxen_signature=expired"
        )
        async with hosting(mcp, host_script, {"arguments": {"prompt": "a fox"}, "result": old}) as url:
            seen = await browse(url, PLAYS)
    assert seen["reached"], seen
    assert (
        seen["host"]["calls"].count("get_video") >= 1 and "oxen_signature=expired" not in seen["shown"]["video"]["src"]
    )


async def test_where_a_host_blocks_media_a_button_opens_the_link(
    settings: Settings, hub: Sandbox, host_script: bytes
) -> None:
    with over_http(settings, QUIET) as mcp:
        scene = {"tool": "generate_video", "arguments": {"prompt": "a fox"}}
        async with hosting(mcp, host_script, scene, declared=False) as url:
            blocked = "!document.querySelector('#open').hidden && document.querySelector('video').hidden"
            poster = "!document.querySelector('#poster').hidden && document.querySelector('#poster').naturalWidth > 0"
            seen = await browse(url, f"{blocked} && {poster}", click="#open", then="seen.links.length")
    assert seen["reached"], seen
    assert "can't be played here" in seen["shown"]["state"] and seen["shown"]["again"]
    assert seen["host"]["links"] and seen["host"]["links"][0].startswith(hub.base_url)


async def test_it_says_why_a_video_failed(settings: Settings, hub: Sandbox, host_script: bytes) -> None:
    hub.faults.add("fail=The model's provider failed.")
    with over_http(settings, QUIET) as mcp:
        scene = {"tool": "generate_video", "arguments": {"prompt": "a <b>fox</b>"}}
        async with hosting(mcp, host_script, scene) as url:
            seen = await browse(url, "document.querySelector('#state').textContent.includes('provider failed')")
    assert seen["reached"], seen


def test_every_host_of_a_redirect_is_declared(settings: Settings) -> None:
    options = ServerSettings(
        media_hosts=("*.r2.example", "https://cdn.example:8443"), public_url="https://v.example.com/x"
    )
    hosts = media_hosts(options, replace(settings, base_url="https://hub.oxen.ai"))
    assert hosts == ["https://hub.oxen.ai", "https://v.example.com", "https://*.r2.example", "https://cdn.example:8443"]
    assert media_hosts(ServerSettings(), Settings(sandbox=True)) == ["http://127.0.0.1:*"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_page_is_small_and_needs_nothing_from_elsewhere(settings: Settings, mode: str) -> None:
    async with Client(build_server(settings=settings, options=QUIET), mode=mode) as client:
        read = (await client.read_resource(PLAYER)).contents[0]
    assert read.meta["ui"]["csp"]["resourceDomains"] == [settings.base_url]
    assert len(read.text) < 12_000 and "https://" not in read.text and "import " not in read.text
