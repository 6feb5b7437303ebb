"""A hub that lies, and whoever stands in its place: words that act, links that lead inside, the key led astray."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.cli import output
from oxen_video_tools.errors import OxenError
from oxen_video_tools.hub import HubClient
from oxen_video_tools.mcp.telemetry import JsonLine, Line
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.studio.results import Video
from tests.clocks import FakeClock
from tests.hub.test_downloads import Edge, names
from tests.hub.wire import MP4, Says, Wire
from tests.security.test_words import HOSTILE, acts

from .registry import Attack, entry

ATTACKS: dict[str, Attack] = {}
attack = entry(ATTACKS)
KEY = "key-of-nobody"
INSIDE = [
    *("http://127.0.0.1/v.mp4", "http://localhost/", "http://printer.local/", "http://vault.internal/"),
    *("http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://192.168.1.1/", "http://100.64.0.1/"),
    *("http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0/"),
    *("http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::808:808]/"),
    *("http://[2002:7f00:1::]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://224.0.0.1/"),
    *("https://inside.example/", "https://both.example/", "file:///etc/passwd", "https://user@cdn.example/"),
]


async def _said(body: Any, use: Callable[[HubClient], Any]) -> str:
    """What a person would read, whatever the hub says."""
    async with Wire(Says(200, body) if not isinstance(body, Says) else body) as wire:
        async with HubClient(api_key=KEY, base_url=wire.base_url, clock=FakeClock()) as hub:
            try:
                return repr(await use(hub))
            except OxenError as error:
                return f"{error} {error.fix} {error.words}"


def _terminal(words: str) -> str:
    out = io.StringIO()
    video = Video("failed", "g-1", model=words, error=words, warnings=(words,), url=f"https://cdn.example/{words}")
    with contextlib.redirect_stdout(out):
        output.show_video(video)
        output.line(words)
        output.as_json(video)
    return out.getvalue()


def _acting(words: str) -> None:
    job = {"generation_id": "g-1", "status": words, "model": words, "error_message": words, "url": f"/{words}.mp4"}
    model = {"id": "m", "display_name": words, "description": words, "endpoint": "videos/generate"}
    shown = [
        asyncio.run(_said(job, lambda hub: hub.get("g-1"))),
        asyncio.run(_said({"generations": [job | {"generation_id": words}]}, lambda hub: hub.list())),
        asyncio.run(_said({"data": [model, model | {"id": words}]}, lambda hub: hub.models())),
        asyncio.run(_said(Says(400, json.dumps({"error": {"title": words}})), lambda hub: hub.get("g-1"))),
        asyncio.run(_said(Says(400, words.encode("utf-8", "replace")), lambda hub: hub.enqueue({"model": "m"}))),
    ]
    for form in (Line(), JsonLine()):
        shown.append(form.format(logging.LogRecord("hub", logging.ERROR, __file__, 1, "It said %s", (words,), None)))
        assert "\n" not in shown[-1]
    if "\ud800" not in words:
        shown.append(_terminal(words))
    for text in shown:
        assert not acts(text), repr(text)


for _words in HOSTILE:
    ATTACKS[f"words that act: {_words!a}"] = lambda words=_words: _acting(words)  # type: ignore[misc]


async def _fetched(edge: Edge, url: str) -> OxenError | None:
    with tempfile.TemporaryDirectory() as folder:
        seams: dict[str, Any] = {"clock": FakeClock(), "resolve": names, "api_key": KEY}
        async with HubClient(transport=httpx.MockTransport(edge), **seams) as hub:
            try:
                await hub.download(url, Path(folder, "v.mp4"))
            except OxenError as error:
                return error
    return None


def _keys(edge: Edge) -> list[str | None]:
    """What each request showed as its key."""
    told = edge.keys()
    return [key for _, key in told]


def _inside(link: str) -> None:
    error = asyncio.run(_fetched(Edge(), link))
    assert error is not None and error.kind == "input_not_allowed", error
    edge = Edge(cdn__example=(302, link))
    error = asyncio.run(_fetched(edge, "https://cdn.example/v.mp4"))
    assert error is not None and {host for host, _ in edge.keys()} == {"cdn.example"}, error  # noqa: SIM118


for _link in INSIDE:
    ATTACKS[f"a link inside: {_link!a}"] = lambda link=_link: _inside(link)  # type: ignore[misc]


@attack
def another_host_asks_for_the_key() -> None:
    edge = Edge(cdn__example=(401, b"no"))
    asyncio.run(_fetched(edge, "https://cdn.example/v.mp4"))
    assert edge.keys() == [("cdn.example", None)]


@attack
def a_redirect_leads_back_to_the_hub() -> None:
    edge = Edge(cdn__example=(302, "https://hub.oxen.ai/v.mp4"), hub__oxen__ai=(401, b"no"))
    asyncio.run(_fetched(edge, "https://cdn.example/v.mp4"))
    assert _keys(edge) == [None, None]


@attack
def the_hub_redirects_the_key_elsewhere() -> None:
    edge = Edge(hub__oxen__ai=[(401, b"no"), (302, "https://cdn.example/v.mp4")], cdn__example=(200, MP4))
    asyncio.run(_fetched(edge, "https://hub.oxen.ai/v.mp4"))
    assert edge.keys()[-1] == ("cdn.example", None)


@attack
def a_link_names_another_route_of_the_hub() -> None:
    for path in ("/api/users/me", "/api/ai/queue", "/api/repos/a/b", "/api/repos/a/b/file/../../branches"):
        edge = Edge(hub__oxen__ai=(401, b"no"))
        asyncio.run(_fetched(edge, f"https://hub.oxen.ai{path}"))
        assert _keys(edge) == [None], path


def _misplaced(name: str) -> None:
    known = ModelList.bundled()["google-veo-3-1"]
    said = translate(VideoRequest(prompt="a fox", model_parameters={name: "https://evil.example"}), known)
    assert said.problems and name not in said.body


for _name in ("target_repo", "Target-Directory", "targetNamespace", "webhook_url", "callBack", "X-Api-Key"):
    ATTACKS[f"model_parameters hold {_name}"] = lambda name=_name: _misplaced(name)  # type: ignore[misc]
