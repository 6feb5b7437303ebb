"""Over HTTP: whose key, whose videos, how much, how often, and from where."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from oxen_video_tools.errors import RateLimited
from oxen_video_tools.mcp.auth import RateLimiter
from oxen_video_tools.mcp.callers import LOCAL, Caller, CallerStudios, caller_of
from oxen_video_tools.mcp.http import http_app, is_loopback
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.clocks import FakeClock

from .conftest import KEY
from .serving import TOKEN, asgi, bearer, client_with, over_http, patient, words
from .two_accounts import hub_of

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}
JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}

OWNER = bearer(TOKEN)


def hello(address: str, **headers: str) -> httpx.Response:
    return patient.post(f"{address}/mcp", json=HELLO, headers={**JSON, **headers})


@pytest.fixture
def two(settings: Settings) -> Iterator[tuple[Settings, Sandbox, Sandbox]]:
    with ExitStack() as stack:
        alice, bob = (
            stack.enter_context(Sandbox(picture_height=96, api_key=f"{name}-key", username=name))
            for name in ("alice", "bob")
        )
        address = stack.enter_context(hub_of({"alice-key": alice, "bob-key": bob}))
        yield replace(settings, base_url=address, api_key="the-key-of-the-server"), alice, bob


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_each_caller_acts_on_a_key_of_its_own(two: tuple[Settings, Sandbox, Sandbox], mode: str) -> None:
    settings, alices, bobs = two
    with over_http(settings, here=True) as address:
        async with (
            client_with(address, headers=bearer("alice-key"), mode=mode) as alice,
            client_with(address, headers={"X-Oxen-Api-Key": "bob-key"}, mode=mode) as bob,
        ):
            hers = words(await alice.call_tool("generate_video", {"prompt": "a fox"}))["generation_id"]
            his = words(await bob.call_tool("generate_video", {"prompt": "a fox"}))
            assert his["generation_id"] != hers and "reused" not in his
            for tool, arguments in (
                ("get_video", {"generation_ids": [hers]}),
                ("cancel_video", {"generation_ids": [hers]}),
                ("inspect_video", {"videos": [hers]}),
                ("save_video", {"videos": [hers]}),
            ):
                refused = await bob.call_tool(tool, arguments)
                assert refused.is_error, tool
                assert words(refused)["error"] == "not_found", tool
            listed = words(await bob.call_tool("list_videos", {}))["videos"]
            assert [video["generation_id"] for video in listed] == [his["generation_id"]]
            spent = (await bob.read_resource("oxen://spend")).contents[0].text
            assert '"jobs": 1' in spent
    assert (alices.ledger()["accepted"], bobs.ledger()["accepted"]) == (1, 1)


async def test_the_budget_is_each_callers_own(two: tuple[Settings, Sandbox, Sandbox]) -> None:
    from decimal import Decimal

    settings, *_ = two
    with over_http(replace(settings, budget=Decimal("0.40"))) as address:
        for key in ("alice-key", "bob-key"):
            async with client_with(address, headers=bearer(key)) as client:
                first = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
                second = words(await client.call_tool("generate_video", {"prompt": "a hare"}))
            assert (first["status"], second.get("error")) == ("succeeded", "over_budget")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic abc"}])
def test_without_a_key_nobody_gets_the_servers(settings: Settings, hub: Sandbox, headers: dict[str, str]) -> None:
    with over_http(settings, here=False) as address:
        answer = hello(address, **headers)
    assert answer.status_code == 401 and "Bearer" in answer.headers["www-authenticate"]
    assert answer.json()["error"]["data"]["error"] == "unauthenticated" and KEY not in answer.text


def test_hosts_and_pages_are_always_checked(settings: Settings) -> None:
    options = ServerSettings(log_level="ERROR", hosts=("video.example.com",), origins=("https://app.example.com",))
    with over_http(settings, options) as address:
        assert hello(address, **OWNER, Host="evil.example").status_code == 421
        assert hello(address, **OWNER, Origin="https://evil.example").status_code == 403
        assert hello(address, **OWNER, Host="video.example.com").status_code == 200
        assert (
            hello(address, **OWNER, Host="video.example.com:443", Origin="https://app.example.com").status_code == 200
        )
        asked = patient.options(
            f"{address}/mcp",
            headers={"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"},
        )
        assert asked.headers["access-control-allow-origin"] == "https://app.example.com"
    with over_http(settings, ServerSettings(log_level="ERROR")) as address:  # nothing set: loopback alone
        assert hello(address, **OWNER, Host="video.example.com").status_code == 421


def test_bodies_and_sessions_have_limits(settings: Settings) -> None:
    with over_http(settings, ServerSettings(log_level="ERROR", body=2048, sessions=2)) as address:
        big = patient.post(f"{address}/mcp", content=b" " * 3000, headers=JSON | OWNER)
        assert big.status_code == 413
        assert [hello(address, **OWNER).status_code for _ in range(3)] == [200, 200, 503]


def test_a_session_belongs_to_the_key_that_opened_it(settings: Settings) -> None:
    with over_http(settings) as address:
        session = hello(address, **bearer("alice-key")).headers["mcp-session-id"]
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        headers = {**JSON, "Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"}
        stolen = patient.post(f"{address}/mcp", json=listing, headers={**headers, **bearer("bob-key")})
        own = patient.post(f"{address}/mcp", json=listing, headers={**headers, **bearer("alice-key")})
    assert (stolen.status_code, own.status_code) == (404, 200)


def test_each_key_has_a_pace_of_its_own(settings: Settings) -> None:
    with over_http(settings, ServerSettings(log_level="ERROR", rate=2)) as address:
        alice = [hello(address, **bearer("alice-key")) for _ in range(3)]
        bob = hello(address, **bearer("bob-key"))
    assert [answer.status_code for answer in alice] == [200, 200, 429] and bob.status_code == 200
    assert 1 <= int(alice[2].headers["retry-after"]) <= 30


def test_the_pace_comes_back_with_time() -> None:
    now = FakeClock(auto=False)
    pace = RateLimiter(60, now)
    for _ in range(60):
        pace.count("a")
    with pytest.raises(RateLimited) as refused:
        pace.count("a")
    assert refused.value.retry_after == pytest.approx(1)
    now._passed += 1.0
    pace.count("a")


def test_health_says_nothing_and_needs_nothing(settings: Settings) -> None:
    with over_http(settings, here=False) as address:
        for path, body in (("/healthz", {"status": "ok"}), ("/readyz", {"status": "ready"})):
            answer = patient.get(f"{address}{path}", headers={"Host": "10.0.0.7"})
            assert (answer.status_code, answer.json()) == (200, body)


async def test_it_can_be_mounted_in_an_application(settings: Settings) -> None:
    inner = http_app(settings, ServerSettings(log_level="ERROR"))
    outer = Starlette(routes=[Mount("/video", inner)], lifespan=lambda _: inner.router.lifespan_context(inner))
    with asgi(outer) as address:
        async with client_with(f"{address}/video", headers=bearer(KEY)) as client:
            assert words(await client.call_tool("generate_video", {"prompt": "a fox"}))["status"] == "succeeded"


async def test_the_plain_app_of_the_sdk_does_not_lend_the_key_either(settings: Settings) -> None:
    """Whoever serves `build_server` without the gate gets the callers' keys, or a refusal."""
    from oxen_video_tools.mcp import build_server

    with asgi(
        build_server(settings=settings, options=ServerSettings(log_level="ERROR")).streamable_http_app()
    ) as address:
        async with client_with(address) as client:
            refused = await client.call_tool("generate_video", {"prompt": "a fox"})
        assert words(refused)["error"] == "unauthenticated"
        async with client_with(address, headers=bearer(KEY)) as client:
            assert not (await client.call_tool("generate_video", {"prompt": "a fox"})).is_error


async def test_callers_from_afar_read_no_file_of_the_server(settings: Settings, tmp_path: Any) -> None:
    picture = tmp_path / "private.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n private")
    shared = replace(settings, input_roots=(tmp_path,))
    with over_http(shared) as address:
        async with client_with(address, headers=bearer("alice-key")) as client:
            refused = await client.call_tool(
                "generate_video",
                {"prompt": "a", "model": "kling-video-v2-6-pro-image-to-video", "start_image": str(picture)},
            )
    assert refused.is_error and words(refused)["error"] == "input_not_allowed"


def test_no_key_reaches_the_log(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with over_http(settings, ServerSettings(log_level="ERROR")) as address:
        hello(address, **bearer("alice-very-secret-key"))
        hello(address, **bearer(TOKEN))
        hello(address, **{"X-Oxen-Api-Key": "bob-very-secret-key"})
    assert "very-secret" not in caplog.text and TOKEN not in caplog.text


def test_who_is_on_stdio() -> None:
    assert caller_of(None) == LOCAL and "abc" not in repr(Caller("abc")) and "abc" not in Caller("abc").name


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_what_counts_as_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


async def test_studios_are_few_and_those_at_work_stay_open() -> None:
    opened: list[str] = []
    closed: list[str] = []

    class Door:
        def __init__(self, caller: Caller) -> None:
            self.name = caller.key or ""

        async def __aenter__(self) -> Any:
            opened.append(self.name)
            return self

        async def __aexit__(self, *_: object) -> None:
            closed.append(self.name)

    studios = CallerStudios(Door, most=2)  # type: ignore[arg-type]  # a door that only counts
    async with studios.of(Caller("a")), studios.of(Caller("b")):
        with pytest.raises(RateLimited):
            async with studios.of(Caller("c")):
                pass
    async with studios.of(Caller("c")), studios.of(Caller("b")):
        assert (opened, closed) == (["a", "b", "c"], ["a"])
    await studios.close()
    assert sorted(closed) == ["a", "b", "c"]
