"""Attacks on the HTTP server by callers nobody vouches for, by web pages, by callers who want more than their share.

Each attack is a function; it raises AssertionError where something broke. `ATTACKS` holds them by name.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxen_video_tools.clock import Clock, SystemClock
from oxen_video_tools.mcp.callers import Caller, as_seen_from_afar
from oxen_video_tools.mcp.http import guarded_config, http_app
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.mcp.serving import TOKEN, asgi, bearer

Attack = Callable[[], None]
ATTACKS: dict[str, Attack] = {}

QUIET = ServerSettings(log_level="CRITICAL", token=TOKEN)
OWNER = bearer(TOKEN)
JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}
MODERN = "2026-07-28"
ABOUT = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def attack(function: Attack) -> Attack:
    """Enters it into `ATTACKS`."""
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


class Still(SystemClock):
    """No time passes, so that nothing is counted anew because a machine is slow; whoever sleeps still wakes."""

    def __init__(self) -> None:
        self._now = time.time()

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return 1_000.0


@dataclass
class Hub:
    """A hub that knows a few keys, and counts how often it was asked. Nothing can be made here."""

    known: tuple[str, ...] = ("alice-key", "bob-key")
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def app(self) -> Starlette:
        async def queue(request: Request) -> Response:
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            self.asked.append(key)
            if self.down:
                return JSONResponse({"error": "down"}, 503)
            if key not in self.known:
                return JSONResponse({"error": {"type": "unauthenticated", "title": "Invalid API key"}}, 401)
            return JSONResponse({"count": 0, "generations": []})

        async def other(request: Request) -> Response:
            return JSONResponse({"error": "not here"}, 404)

        return Starlette(routes=[Route("/api/ai/queue", queue), Route("/{path:path}", other)])


@dataclass
class Target:
    """A server under attack: its address, its folder, and the hub behind it."""

    address: str
    folder: Path
    hub: Hub
    settings: Settings
    http: httpx.Client

    def post(self, body: Any = None, **headers: str) -> httpx.Response:
        return self.http.post(f"{self.address}/mcp", json=HELLO if body is None else body, headers={**JSON, **headers})

    def call(self, name: str, arguments: dict[str, Any], **headers: str) -> httpx.Response:
        params = {"name": name, "arguments": arguments, "_meta": ABOUT}
        spoken = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": name}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return self.post(body, **spoken, **headers)


@contextmanager
def target(
    options: ServerSettings = QUIET, *, served: bool = False, header_seconds: float = 15.0, clock: Clock | None = None
) -> Iterator[Target]:
    """A server. served: by uvicorn as `--http` sets it up, else by a plain one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hub = Hub()
        settings = Settings(
            api_key="the-key-of-the-owner",
            base_url=stack.enter_context(asgi(hub.app())),
            ledger=f"sqlite:///{folder / 'ledger.db'}",
            output_dir=folder / "videos",
        )
        app = http_app(settings, options, clock=clock or Still())
        serve = _as_http_does(app, options, header_seconds) if served else asgi(app)
        http = stack.enter_context(httpx.Client(timeout=30, trust_env=False))
        yield Target(stack.enter_context(serve), folder, hub, settings, http)


@contextmanager
def _as_http_does(app: Starlette, options: ServerSettings, header_seconds: float) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = uvicorn.Server(guarded_config(app, options, host="127.0.0.1", port=0, header_seconds=header_seconds))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listening.close()


def _refused(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert TOKEN not in answer.text and "the-key-of-the-owner" not in answer.text


# ---- callers nobody vouches for ---------------------------------------------------------------------------------


@attack
def invented_keys_make_the_server_work() -> None:
    """Any printable bearer was let in: seven of them stopped the server for everybody."""
    with target(replace(QUIET, unproven=20)) as server:
        assert server.post(**bearer("alice-key")).status_code == 200
        join = {"videos": ["https://example.com/a.mp4", "https://example.com/b.mp4"], "transition_seconds": 1}
        for number in range(200):
            _refused(server.call("save_video", join, **bearer(f"invented-{number}")), 401, 429)
        assert len(server.hub.asked) == 20, "the hub was asked for each of them"
        assert [path.name for path in server.folder.iterdir()] == [], "something was opened for a stranger"
        assert server.post(**bearer("alice-key")).status_code == 200, "a proven caller was hindered"


@attack
def the_same_invented_key_again_and_again() -> None:
    with target(replace(QUIET, unproven=1000)) as server:
        for _ in range(50):
            _refused(server.post(**bearer("invented")), 401)
        assert len(server.hub.asked) == 1


@attack
def many_at_once_bring_one_new_key() -> None:
    """One question to the hub serves them all."""
    with target(replace(QUIET, unproven=1000)) as server, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: server.post(**bearer("alice-key")).status_code, range(40)))
        assert set(answers) == {200} and len(server.hub.asked) == 1


@attack
def a_hub_that_is_down_opens_no_door() -> None:
    from oxen_video_tools.mcp import admission

    patience, admission.PATIENCE = admission.PATIENCE, 0.3
    try:
        with target(clock=SystemClock()) as server:
            server.hub.down = True
            _refused(server.post(**bearer("alice-key")), 503)
            assert server.post(**OWNER).status_code == 200
            server.hub.down = False
            assert server.post(**bearer("alice-key")).status_code == 200
    finally:
        admission.PATIENCE = patience


@attack
def the_owners_token_is_guessed() -> None:
    with target(replace(QUIET, unproven=20)) as server:
        seen = [server.post(**bearer(f"oxv_guess-{number:0>40}")) for number in range(60)]
        for answer in seen:
            _refused(answer, 401, 429)
        assert sum(answer.status_code == 401 for answer in seen) == 20 and server.hub.asked == []
        assert server.post(**OWNER).status_code == 200, "the owner was locked out by guesses"


@attack
def a_proxy_on_this_machine_speaks_for_everybody() -> None:
    """A proxy that adds no header made every caller of its the owner."""
    with target() as server:
        for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
            _refused(server.post(**headers), 401)


@attack
def a_credential_that_can_not_be_used_is_replaced_by_the_owners() -> None:
    with target(replace(QUIET, own_key=True, unproven=1000)) as server:
        for headers in (
            {"Authorization": "Bearer"},
            {"Authorization": "Basic YTpi"},
            {"Authorization": "Bearer two words"},
            {"Authorization": "Bearer " + "k" * 5000},
            {"X-Oxen-Api-Key": ""},
            bearer("oxv_" + "x" * 40),
        ):
            _refused(server.post(**headers), 401)


@attack
def an_address_is_forged_to_get_a_bucket_of_its_own() -> None:
    with target(replace(QUIET, unproven=10), served=True) as server:
        seen = [
            server.post(**bearer(f"invented-{n}"), **{"X-Forwarded-For": f"203.0.113.{n}"}).status_code
            for n in range(30)
        ]
        assert seen == [401] * 10 + [429] * 20, seen


# ---- web pages --------------------------------------------------------------------------------------------------


@attack
def a_web_page_uses_up_its_users_calls() -> None:
    """Requests that browsers may send without asking were counted against the user's own client."""
    with target(replace(QUIET, rate=5, unproven=5)) as server, httpx.Client() as browser:
        url, body = f"{server.address}/mcp", b"{}"
        for headers in (
            {"Origin": "https://evil.example", "Content-Type": "text/plain"},
            {"Origin": "https://evil.example", "Content-Type": "application/json"},
            {"Origin": "null", "Content-Type": "application/json"},
            {"Content-Type": "text/plain"},
            {"Host": "evil.example", "Content-Type": "application/json"},
            {"Host": "127.0.0.1.evil.example", "Content-Type": "application/json"},
        ):
            for _ in range(20):
                _refused(browser.post(url, content=body, headers=headers), 400, 403, 421)
        assert [server.post(**OWNER).status_code for _ in range(5)] == [200] * 5


@attack
def a_web_page_asks_for_the_server_as_a_picture() -> None:
    """Such a request has no Origin. It brings no credential either, and hinders nobody who brings one."""
    with target(replace(QUIET, rate=5, unproven=5)) as server:
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            for _ in range(10):
                _refused(server.http.get(f"{server.address}/mcp", headers=headers), 401, 403, 429)
        assert server.post(**OWNER).status_code == 200
        assert server.post(**bearer("alice-key")).status_code == 200


@attack
def a_page_of_the_users_own_has_a_bucket_of_its_own() -> None:
    with target(replace(QUIET, rate=5)) as server:
        page = {"Origin": "http://localhost:3000", **OWNER}
        assert [server.post(**page).status_code for _ in range(7)][5:] == [429, 429]
        assert server.post(**OWNER).status_code == 200


# ---- more than one's share --------------------------------------------------------------------------------------


@attack
def one_caller_opens_all_sessions() -> None:
    with target(replace(QUIET, sessions=20, caller_sessions=5)) as server:
        seen = [server.post(**bearer("alice-key")) for _ in range(25)]
        assert [answer.status_code for answer in seen] == [200] * 5 + [429] * 20
        assert server.post(**bearer("bob-key")).status_code == 200
        mine = {**JSON, **bearer("alice-key"), "Mcp-Session-Id": seen[0].headers["mcp-session-id"]}
        assert server.http.delete(f"{server.address}/mcp", headers=mine).status_code == 200
        assert server.post(**bearer("alice-key")).status_code == 200, "a session that was ended still counts"


@attack
def another_callers_session_is_used() -> None:
    with target() as server:
        session = {"Mcp-Session-Id": server.post(**bearer("alice-key")).headers["mcp-session-id"]}
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        for stranger in (bearer("bob-key"), OWNER, {**OWNER, "X-Oxen-Api-Key": "alice-key"}):
            _refused(server.post(listing, **session, **stranger), 404)


@attack
def one_caller_keeps_every_call_running() -> None:
    with target(replace(QUIET, calls=3)) as server, ExitStack() as stack:
        head = _head(server, "alice-key", 10)
        slow = [stack.enter_context(_connected(server.address)) for _ in range(3)]
        for one in slow:
            one.sendall(head)  # the body never comes: three calls are running
        seen = 0
        for _ in range(200):  # until the server has read the three heads
            seen = server.post(**bearer("alice-key")).status_code
            if seen == 429:
                break
        assert seen == 429 and server.post(**bearer("bob-key")).status_code == 200


@attack
def a_folder_is_filled() -> None:
    """Old files go first, and a caller who only saves fresh ones is stopped; others and the owner are not touched."""
    with target(replace(QUIET, quota=100_000, keep=86_400.0)) as server:
        alice, bob = (
            as_seen_from_afar(server.settings, Caller(f"{name}-key")).videos_folder for name in ("alice", "bob")
        )
        _file(alice / "old.mp4", 10_000, age=2 * 86_400)
        _file(alice / ".film-1" / "shot.mp4", 60_000, age=7_200)
        _file(alice / "newer.mp4", 60_000, age=7_100)
        _file(bob / "his.mp4", 90_000, age=7_200)
        _file(server.settings.videos_folder / "own.mp4", 500_000, age=90 * 86_400)
        (alice / "link.mp4").symlink_to(server.settings.videos_folder / "own.mp4")
        server.call("save_video", {"videos": ["nothing"]}, **bearer("alice-key"))
        assert [file.name for file in sorted(alice.rglob("*.mp4"))] == ["link.mp4", "newer.mp4"]
        assert not (alice / ".film-1").exists()
        _file(alice / "fresh.mp4", 100_000, age=0)
        full = server.call("save_video", {"videos": ["nothing"]}, **bearer("alice-key"))
        assert '\\"rate_limited\\"' in full.text and "GB on this server" in full.text, full.text
        assert (bob / "his.mp4").exists() and (server.settings.videos_folder / "own.mp4").stat().st_size == 500_000


def _file(path: Path, size: int, *, age: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    written = time.time() - age
    os.utime(path, (written, written))


# ---- slow and many connections ----------------------------------------------------------------------------------


def _connected(address: str, source: str = "127.0.0.1") -> socket.socket:
    port = int(address.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))


def _head(server: Target, key: str, length: int) -> bytes:
    host = server.address.removeprefix("http://")
    return (
        f"POST /mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _end_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    said = b""
    try:
        while part := connection.recv(65_536):
            said += part
    except ConnectionResetError:
        pass
    return said


@attack
def headers_never_end() -> None:
    with target(served=True, header_seconds=0.2) as server:
        for begun in (b"", b"POST /mcp HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP"):
            with _connected(server.address) as slow:
                if begun:
                    slow.sendall(begun)
                assert _end_of(slow) == b"", begun
        with _connected(server.address) as again:  # after an answer, too, on a connection that was kept
            again.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /healthz HTTP/1.1\r\nHost:")
            assert _end_of(again).count(b"200 OK") == 1
        assert server.post(**OWNER).status_code == 200


@attack
def headers_trickle() -> None:
    """A byte now and then doesn't put the limit off."""
    with target(served=True, header_seconds=0.3) as server, _connected(server.address) as slow:
        slow.settimeout(0.05)
        ended = False
        for _ in range(2_000):
            try:
                slow.sendall(b"X")
                ended = slow.recv(10) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            if ended:
                break
        assert ended


@attack
def a_body_never_ends() -> None:
    from oxen_video_tools.mcp import auth

    seconds, auth.BODY = auth.BODY, 0.2
    try:
        with target(served=True) as server:
            for sent in (b"", b'{"jsonrpc"'):
                with _connected(server.address) as slow:
                    slow.sendall(_head(server, TOKEN, 500) + sent)
                    assert b" 408 " in _end_of(slow)
            assert server.post(**OWNER).status_code == 200
    finally:
        auth.BODY = seconds


@attack
def one_address_takes_all_connections() -> None:
    with target(replace(QUIET, connections=60, address_connections=20), served=True) as server, ExitStack() as stack:
        held = [stack.enter_context(_connected(server.address)) for _ in range(40)]
        over = 0
        for one in held:
            one.settimeout(0.5 if over else 5)
            if over >= 20:
                break
            try:
                if one is not held[0] and held.index(one) >= 20:
                    over += _end_of(one) == b""
            except TimeoutError:
                pass
        assert over >= 20, "more than its share was kept open"
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=transport) as elsewhere:
            answer = elsewhere.post(f"{server.address}/mcp", json=HELLO, headers={**JSON, **OWNER})
        assert answer.status_code == 200, "others were locked out"


@attack
def a_body_is_larger_than_said() -> None:
    with target(replace(QUIET, body=2048)) as server:
        url = f"{server.address}/mcp"
        _refused(server.http.post(url, content=b" " * 3000, headers={**JSON, **OWNER}), 413)
        parts = (b" " * 1000 for _ in range(5))
        _refused(server.http.post(url, content=parts, headers={**JSON, **OWNER}), 413)


# ---- what messages hold -----------------------------------------------------------------------------------------


@attack
def messages_that_break_parsers() -> None:
    """Half a surrogate pair, thousands of digits or levels: always an answer, and the server goes on."""
    call = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"plan_video","arguments":%s}}'
    strange = (
        r'{"prompt":"\ud800"}',
        r'{"\udc00":1}',
        '{"prompt":"a","duration":1' + "0" * 5_000 + "}",
        '{"prompt":"a","model_parameters":{"a":' + "[" * 20_000 + "]" * 20_000 + "}}",
        '{"prompt":',
    )
    with target() as server:
        session = {"Mcp-Session-Id": server.post(**OWNER).headers["mcp-session-id"]}
        headers = {**JSON, **OWNER, **session, "MCP-Protocol-Version": "2025-11-25"}
        for arguments in strange:
            body = (call % arguments).encode()
            answer = server.http.post(f"{server.address}/mcp", content=body, headers=headers, timeout=30)
            assert answer.status_code in (200, 400) and "jsonrpc" in answer.text, (arguments[:40], answer.text[:200])
        listing = {"jsonrpc": "2.0", "id": 8, "method": "tools/list"}
        assert "plan_video" in server.post(listing, **OWNER, **session).text


# ---- other callers' videos --------------------------------------------------------------------------------------


@attack
def a_link_is_made_up() -> None:
    options = replace(QUIET, public_url="https://video.example.com", secrets=("a-secret-of-32-characters-or-more",))
    with target(options) as server:
        for k in (
            "",
            "local",
            "local.",
            "local.AAAA",
            "guest.AAAA.BBBB",
            f"{Caller('alice-key').name}.0.AAAA",
            "é.é.é",
        ):
            answer = server.http.get(f"{server.address}/v/film-1", params={"k": k})
            _refused(answer, 404)


@attack
def a_file_of_the_server_is_named_from_afar() -> None:
    with Sandbox(picture_height=96) as sandbox, target() as server:
        private = server.folder / "private.png"
        private.write_bytes(b"\x89PNG\r\n\x1a\n private")
        settings = replace(server.settings, base_url=sandbox.base_url, input_roots=(server.folder,))
        asked = {"prompt": "a", "model": "kling-video-v2-6-pro-image-to-video", "start_image": str(private)}
        with asgi(http_app(settings, QUIET)) as address:
            refused = replace(server, address=address).call("generate_video", asked, **bearer("somebody"))
        assert "input_not_allowed" in refused.text and sandbox.ledger()["accepted"] == 0
