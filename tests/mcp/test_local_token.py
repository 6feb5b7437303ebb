"""Whose key pays and who may name files of this machine: proven by token or key, never by where a call came from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.types import CallToolResult

from oxen_video_tools.errors import InvalidRequest, Unauthenticated
from oxen_video_tools.mcp.callers import GUEST, LOCAL, Caller, caller_in, is_token, kept_token
from oxen_video_tools.mcp.client_config import http_block
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests import forked
from tests.clocks import HUNG

from .conftest import KEY, environment
from .serving import PYTHON, ROOT, TOKEN, bearer, client_with, over_http, patient, words
from .test_http import hello
from .test_process import serving_http

QUIET = ServerSettings(log_level="ERROR")
PICTURE = {"prompt": "a", "model": "kling-video-v2-6-pro-image-to-video"}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from PIL import Image

    file = tmp_path / "inputs" / "private.png"
    file.parent.mkdir()
    Image.new("RGB", (512, 512), "red").save(file)
    return file


async def call_with(address: str, headers: dict[str, str], arguments: dict[str, Any]) -> CallToolResult:
    async with client_with(address, headers=headers) as client:
        return await client.call_tool("generate_video", arguments | {"wait_seconds": 0})


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "127.0.0.1"}])
def test_on_loopback_too_nobody_is_the_owner_without_the_token(
    settings: Settings, sandbox: bool, headers: dict[str, str]
) -> None:
    """A proxy on this machine that adds no header looks like the owner; so does any other user of the machine."""
    with over_http(replace(settings, sandbox=sandbox), here=True) as address:
        refused = hello(address, **headers)
        assert refused.status_code == 401 and TOKEN not in refused.text
        assert "oxen-video mcp --http --config" in refused.json()["error"]["data"]["fix"]
        assert hello(address, **headers, **bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        bearer("oxv_" + "w" * 40),
        bearer("oxv_"),
        bearer(TOKEN[:-1]),
        {"Authorization": "Bearer"},
        {"Authorization": "Basic abc"},
        {"Authorization": f"Token {KEY}"},
        {"X-Oxen-Api-Key": ""},
        {"X-Oxen-Api-Key": "k" * 5000},
        {"Authorization": f"Bearer {TOKEN}", "X-Oxen-Api-Key": "k" * 5000},
        {"Authorization": "Bearer oxv_" + "w" * 40, "X-Oxen-Api-Key": "another-key"},
    ],
)
def test_a_credential_that_can_not_be_used_is_refused_and_never_replaced(
    settings: Settings, headers: dict[str, str]
) -> None:
    with over_http(settings, replace(QUIET, own_key=True), here=True) as address:
        assert hello(address).status_code == 200  # lent on purpose, to whoever brings nothing
        refused = hello(address, **headers)
    assert refused.status_code == 401 and refused.json()["error"]["data"]["charged"] == "no"


async def test_only_the_token_may_name_files_of_this_machine(settings: Settings, picture: Path, hub: Sandbox) -> None:
    asked = PICTURE | {"start_image": str(picture)}
    shared = replace(settings, input_roots=(picture.parent,))
    with over_http(shared, replace(QUIET, own_key=True), here=True) as address:
        owner = await call_with(address, bearer(TOKEN), asked)
        both = await call_with(address, bearer(TOKEN) | {"X-Oxen-Api-Key": "another-key"}, asked)
        guest = await call_with(address, {}, asked)
        other = await call_with(address, bearer("another-key"), asked)
    assert not owner.is_error and not both.is_error, (owner, both)
    assert [words(one)["error"] for one in (guest, other)] == ["input_not_allowed"] * 2


async def test_the_lent_key_pays_and_saves_into_a_folder_of_its_own(settings: Settings, hub: Sandbox) -> None:
    with over_http(settings, replace(QUIET, own_key=True), here=True) as address:
        async with client_with(address, headers={}) as client:
            made = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
            saved = words(await client.call_tool("save_video", {"videos": [made["generation_id"]]}))
    assert hub.ledger()["accepted"] == 1
    assert Path(saved["file"]).parent == settings.videos_folder / "callers" / "guest"


def test_who_a_request_proves_to_come_from() -> None:
    assert caller_in({}, TOKEN) is caller_in({}) is None
    assert caller_in({"authorization": "bearer abc"}) == Caller("abc")
    assert caller_in({"x-oxen-api-key": "own", "authorization": "Bearer proxys"}) == Caller("own")
    assert caller_in(bearer(TOKEN) | {"authorization": f"Bearer {TOKEN}"}, TOKEN) == LOCAL
    both = {"authorization": f"Bearer {TOKEN}", "x-oxen-api-key": "own"}
    assert caller_in(both, TOKEN) == Caller("own", local=True)
    with pytest.raises(Unauthenticated):  # a server without a token has no owner over HTTP
        caller_in({"authorization": f"Bearer {TOKEN}"}, None)
    assert (LOCAL.name, GUEST.name) == ("local", "guest")


def test_the_token_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "data" / "mcp-token"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept_token(file))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1 and is_token(found[0])
    assert [one.name for one in file.parent.iterdir()] == ["mcp-token"]
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("wrong", ["readable", "link", "folder", "pipe", "empty", "short"])
def test_a_token_file_that_can_not_be_trusted_is_refused(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "mcp-token"
    file.write_text({"empty": "", "short": "oxv_abc"}.get(wrong, TOKEN))
    file.chmod(0o640 if wrong == "readable" else 0o600)
    if wrong == "link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    elif wrong in ("folder", "pipe"):
        file.unlink()
        file.mkdir() if wrong == "folder" else os.mkfifo(file, 0o600)
    with pytest.raises(InvalidRequest, match="token") as refused:
        kept_token(file)
    assert str(file) in str(refused.value.fix) and TOKEN not in refused.value.words


async def test_http_on_loopback_makes_a_token_and_keeps_it_out_of_the_log(settings: Settings, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    with serving_http(settings, token=None, **home) as (process, address):
        assert hello(address).status_code == 401
        token = (tmp_path / "data" / "oxen-video" / "mcp-token").read_text()
        assert hello(address, **bearer(token)).status_code == 200
        assert process.stderr is not None
        told = process.stderr.readline()
        process.terminate()
        said, log = process.communicate(timeout=HUNG)
    assert is_token(token) and token not in told + said + log
    assert "--config claude-code" in told
    with serving_http(settings, token=None, **home) as (_, address):
        assert hello(address, **bearer(token)).status_code == 200


@pytest.mark.parametrize("client", ["claude-code", "cursor", "vscode"])
def test_the_block_with_the_header_is_printed(settings: Settings, tmp_path: Path, client: str) -> None:
    def printed(**more: str) -> str:
        command = [*forked.python(), "mcp_server.py", "--http", "--port", "8799", "--config", client]
        env = environment(settings) | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)} | more
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=HUNG)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    token = TOKEN if client != "claude-code" else "$OXEN_VIDEO_MCP_TOKEN"  # a shell keeps what is typed into it
    assert printed(OXEN_VIDEO_MCP_TOKEN=TOKEN) == http_block(client, "http://127.0.0.1:8799", token).text
    kept = printed()
    file = tmp_path / "oxen-video" / "mcp-token"
    shown = file.read_text() if client != "claude-code" else f"$(cat {file})"
    assert kept == http_block(client, "http://127.0.0.1:8799", shown).text
    if client == "claude-code":
        assert file.read_text() not in kept
    else:
        servers = next(iter(json.loads(kept).values()))
        assert servers["oxen-video"]["headers"] == {"Authorization": f"Bearer {file.read_text()}"}


def test_the_pages_token_becomes_a_cookie_at_once(settings: Settings) -> None:
    with over_http(settings, here=True) as address, httpx.Client(base_url=address) as browser:
        assert browser.get("/").status_code == 401
        assert browser.get("/", params={"token": "oxv_" + "w" * 40}).status_code == 401
        exchanged = browser.get("/", params={"token": TOKEN, "a": "b c"})
        assert (exchanged.status_code, exchanged.headers["location"]) == (303, "/?a=b+c")
        cookie = exchanged.headers["set-cookie"]
        assert TOKEN not in cookie and "httponly" in cookie.lower() and "samesite=strict" in cookie.lower()
        assert (
            exchanged.headers["referrer-policy"] == "no-referrer" and exchanged.headers["cache-control"] == "no-store"
        )
        shown = browser.get("/")
        assert shown.status_code == 200 and "/mcp" in shown.text and TOKEN not in shown.text
        assert browser.get("/", headers={"Host": "evil.example"}).status_code == 421
        named = re.match(r"([^=]+)=([^;]+)", cookie)
        assert named
        for wrong in (TOKEN, named[2][:-1], ""):
            assert patient.get(f"{address}/", headers={"Cookie": f"{named[1]}={wrong}"}).status_code == 401
        # neither the query nor the cookie opens what is not a page
        assert hello(f"{address}", Cookie=f"{named[1]}={named[2]}").status_code == 401
        asked = patient.post(f"{address}/mcp?token={TOKEN}", json={}, headers={"Content-Type": "application/json"})
        assert asked.status_code == 401


def test_a_server_without_a_token_has_no_pages(settings: Settings) -> None:
    with over_http(settings, here=False) as address:
        assert patient.get(f"{address}/").status_code == 404


@pytest.mark.parametrize("value", ["secret", "oxv_short", "oxv_" + "é" * 40])
def test_a_token_that_can_be_guessed_is_refused_without_being_repeated(value: str) -> None:
    with pytest.raises(InvalidRequest, match="OXEN_VIDEO_MCP_TOKEN") as refusal:
        ServerSettings.read({"OXEN_VIDEO_MCP_TOKEN": value})
    assert value not in refusal.value.words
    assert TOKEN not in repr(ServerSettings.read({"OXEN_VIDEO_MCP_TOKEN": TOKEN}))


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_a_terminal_is_shown_the_block_and_the_pages_link(settings: Settings) -> None:
    ours, theirs = os.openpty()
    env = environment(settings) | {"OXEN_VIDEO_MCP_TOKEN": TOKEN, "TERM": "dumb"}
    command = [PYTHON, "mcp_server.py", "--http", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = ""
    try:
        while "?token=" not in said or not said.endswith("\n"):
            said += os.read(ours, 4096).decode().replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    shown = json.loads(said[said.index("{\n") : said.rindex("}") + 1])["mcpServers"]["oxen-video"]
    assert shown["headers"] == bearer(TOKEN) and shown["url"].endswith("/mcp")
    assert f"{shown['url'].removesuffix('/mcp')}/?token={TOKEN}" in said
