"""A result on its way to disk: whole or not at all, from whom it may come, and who is shown the key."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from oxen_video_tools.errors import HubUnavailable, InputNotAllowed, InputUnreadable, NotFound, OxenError
from oxen_video_tools.hub import HubClient

from ..clocks import FakeClock
from .conftest import KEY
from .wire import DROP, HANG, MP4, PNG, Asked, Says, Wire

HubOn = Callable[..., Any]
SIGNED = "/api/repos/a/b/v.mp4?oxen_signature=topsecret&oxen_expires=9"
PUBLIC = ["93.184.216.34"]


def ranged(content: bytes, *, cut_at: list[int], etag: str | None = '"v1"') -> Callable[[Asked], Says]:
    """A file server that breaks off after so many bytes, once for each of `cut_at`."""

    def answer(asked: Asked) -> Says:
        headers = {"etag": etag} if etag else {}
        start, status = 0, 200
        if "range" in asked.headers and asked.headers.get("if-range") in (None, etag):
            start, status = int(asked.headers["range"][6:-1]), 206
            headers["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        says = Says(status, content[start:], headers)
        if cut_at:
            head = len(says.bytes()) - len(content[start:])
            says.cut = head + cut_at.pop(0)
        return says

    return answer


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- the file ------------------------------------------------------------------------------------------------


async def test_a_result_becomes_a_file(hub_on: HubOn, tmp_path: Path) -> None:
    hub, wire = await hub_on((200, MP4))
    file = await hub.download(hub.base_url + SIGNED, tmp_path / "new" / "clip.mp4")
    assert file == tmp_path / "new" / "clip.mp4"
    assert file.read_bytes() == MP4
    assert leftovers(tmp_path / "new") == ["clip.mp4"]
    assert wire.asked[0].target == SIGNED
    assert wire.asked[0].key is None  # presigned: no key needed, none shown
    assert "oxen" not in wire.asked[0].headers["user-agent"].lower()


async def test_a_relative_link_is_the_hubs(hub_on: HubOn, tmp_path: Path) -> None:
    hub, _ = await hub_on((200, MP4))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == MP4


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
async def test_the_file_has_the_permissions_any_file_would_have(hub_on: HubOn, tmp_path: Path) -> None:
    hub, _ = await hub_on((200, MP4))
    file = await hub.download(SIGNED, tmp_path / "clip.mp4")
    (tmp_path / "other").touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


async def test_progress_in_bytes(hub_on: HubOn, tmp_path: Path) -> None:
    content = MP4 + bytes(400_000)
    hub, _ = await hub_on((200, content))
    seen: list[tuple[int, int | None]] = []
    await hub.download(SIGNED, tmp_path / "clip.mp4", on_bytes=lambda done, size: seen.append((done, size)))
    assert seen[-1] == (len(content), len(content))
    assert len(seen) > 2
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


async def test_a_length_that_is_not_told(hub_on: HubOn, tmp_path: Path) -> None:
    pieces = [b"%x\r\n%b\r\n" % (len(MP4), MP4), b"0\r\n\r\n"]
    hub, _ = await hub_on(Says(200, pieces=pieces, headers={"transfer-encoding": "chunked"}))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == MP4


@pytest.mark.parametrize(
    "content",
    [
        b'{"error": "expired"}',
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>" + b" " * 100,
        b"<!DOCTYPE html><html>" + b" " * 100,
        b"",
        b"short",
        bytes(1000),
        b"\xff\xfe" + "text".encode("utf-16") * 40,
    ],
)
async def test_what_is_no_media_is_not_kept(hub_on: HubOn, tmp_path: Path, content: bytes) -> None:
    hub, wire = await hub_on(Says(200, content, {"content-type": "video/mp4"}))
    with pytest.raises(InputUnreadable):
        await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert leftovers(tmp_path) == []
    assert len(wire.asked) == 1


async def test_what_is_no_media_is_not_even_fetched_to_its_end(hub_on: HubOn, tmp_path: Path) -> None:
    hub, _ = await hub_on((200, b"<html>" + bytes(5_000_000)))
    seen: list[int] = []
    with pytest.raises(InputUnreadable):
        await hub.download(SIGNED, tmp_path / "clip.mp4", on_bytes=lambda done, _size: seen.append(done))
    assert seen == []


@pytest.mark.parametrize("content", [MP4, PNG, b"\x1aE\xdf\xa3" + bytes(100), b"RIFF\0\0\0\0WAVEfmt " + bytes(100)])
async def test_media_is_known_by_its_bytes(hub_on: HubOn, tmp_path: Path, content: bytes) -> None:
    hub, _ = await hub_on(Says(200, content, {"content-type": "text/html"}))
    assert (await hub.download(SIGNED, tmp_path / "x")).read_bytes() == content


async def test_a_result_may_only_be_so_large(hub_on: HubOn, tmp_path: Path) -> None:
    hub, _ = await hub_on((200, MP4 + bytes(100_000)))
    with pytest.raises(InputUnreadable, match="larger"):
        await hub.download(SIGNED, tmp_path / "clip.mp4", max_bytes=len(MP4))
    assert leftovers(tmp_path) == []


async def test_a_size_that_was_not_told_is_bounded_too(hub_on: HubOn, tmp_path: Path) -> None:
    body = MP4 + bytes(300_000)
    hub, _ = await hub_on(Says(200, body, {"content-length": ""}))
    with pytest.raises(InputUnreadable, match="larger"):
        await hub.download(SIGNED, tmp_path / "clip.mp4", max_bytes=200_000)
    assert leftovers(tmp_path) == []


async def test_an_existing_file_is_kept_until_the_new_one_is_whole(hub_on: HubOn, tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_text("old")
    hub, _ = await hub_on((200, b"not media"), (200, MP4))
    with pytest.raises(InputUnreadable):
        await hub.download(SIGNED, target)
    assert target.read_text() == "old"
    await hub.download(SIGNED, target)
    assert target.read_bytes() == MP4


async def test_a_place_that_cannot_be_written(hub_on: HubOn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    hub, _wire = await hub_on((200, MP4))
    with pytest.raises(InputUnreadable, match="can't be written"):
        await hub.download(SIGNED, tmp_path / "file" / "clip.mp4")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputUnreadable, match="can't be written"):
        await hub.download(SIGNED, tmp_path / "folder")
    assert leftovers(tmp_path) == ["file", "folder"]


async def test_giving_up_leaves_nothing_behind(hub_on: HubOn, tmp_path: Path) -> None:
    hub, wire = await hub_on(HANG)
    call = asyncio.create_task(hub.download(SIGNED, tmp_path / "clip.mp4"))
    while not wire.asked:
        await asyncio.sleep(0.001)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert leftovers(tmp_path) == []


# -- going on where it broke off -----------------------------------------------------------------------------


async def test_it_goes_on_where_it_broke_off(hub_on: HubOn, tmp_path: Path) -> None:
    hub, wire = await hub_on(ranged(MP4, cut_at=[100, 2000, 3]))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == MP4
    ranges = [asked.headers.get("range") for asked in wire.asked]
    assert ranges[0] is None
    assert ranges[1] == "bytes=100-"
    assert ranges[2] == "bytes=2100-"
    assert all(asked.headers.get("if-range") == '"v1"' for asked in wire.asked[1:])


async def test_another_version_is_fetched_from_its_beginning(hub_on: HubOn, tmp_path: Path) -> None:
    other = MP4 + b"another version"
    hub, wire = await hub_on(ranged(MP4, cut_at=[100]), ranged(other, cut_at=[], etag='"v2"'))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == other
    assert len(wire.asked) == 2


async def test_without_a_mark_the_size_must_be_the_same(hub_on: HubOn, tmp_path: Path) -> None:
    other = MP4 + b"another version"
    hub, _wire = await hub_on(
        ranged(MP4, cut_at=[100], etag=None), ranged(other, cut_at=[], etag=None), ranged(other, cut_at=[], etag=None)
    )
    with_range = await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert with_range.read_bytes() == other


async def test_a_server_without_ranges_starts_anew(hub_on: HubOn, tmp_path: Path) -> None:
    broken = Says(200, MP4)
    broken.cut = len(broken.bytes()) - 50
    hub, wire = await hub_on(broken, (200, MP4))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == MP4
    assert wire.asked[1].headers["range"] == f"bytes={len(MP4) - 50}-"


async def test_all_bytes_and_then_a_416(hub_on: HubOn, tmp_path: Path) -> None:
    """Chunked, the last chunk lost: everything is there, but the server did not say so."""
    lost = Says(206, pieces=[b"%x\r\n%b\r\n" % (len(MP4), MP4)], headers={"transfer-encoding": "chunked"})
    lost.status = 200
    hub, _wire = await hub_on(lost, Says(416, b"", {"content-range": f"bytes */{len(MP4)}"}), (200, MP4))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == MP4


async def test_a_file_that_stays_short_is_no_file(hub_on: HubOn, tmp_path: Path) -> None:
    def always_short(asked: Asked) -> Says:
        return ranged(MP4, cut_at=[0 if "range" in asked.headers else 500])(asked)

    hub, wire = await hub_on(always_short)
    with pytest.raises(HubUnavailable, match="broke off after 500"):
        await hub.download(SIGNED, tmp_path / "clip.mp4", deadline=60)
    assert leftovers(tmp_path) == []
    assert len(wire.asked) > 3


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_a_bad_moment_of_the_server(hub_on: HubOn, clock: FakeClock, tmp_path: Path, status: int) -> None:
    hub, _ = await hub_on(Says(status, "<html>", {"retry-after": "4"}), DROP, (200, MP4))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == MP4
    assert clock.monotonic() >= 4


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_link_says_where_a_fresh_one_is(hub_on: HubOn, tmp_path: Path, status: int) -> None:
    hub, _wire = await hub_on((status, "<Error>Request has expired</Error>"))
    with pytest.raises(NotFound) as caught:
        await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert caught.value.status_code == status
    assert "get_video" in str(caught.value.fix)
    assert "topsecret" not in caught.value.words
    assert leftovers(tmp_path) == []


async def test_an_answer_that_makes_no_sense(hub_on: HubOn, tmp_path: Path) -> None:
    for status in (204, 304, 400, 418):
        hub, _ = await hub_on((status, ""))
        with pytest.raises(HubUnavailable):
            await hub.download(SIGNED, tmp_path / "clip.mp4")
    unasked = Says(206, MP4[10:], {"content-range": f"bytes 10-{len(MP4) - 1}/{len(MP4)}"})
    hub, _ = await hub_on(unasked)
    with pytest.raises(HubUnavailable):
        await hub.download(SIGNED, tmp_path / "clip.mp4")


async def test_a_silent_server_is_given_up(hub_on: HubOn, tmp_path: Path) -> None:
    hub, _ = await hub_on(HANG, clock=None)
    with pytest.raises(HubUnavailable, match="longer than"):
        await hub.download(SIGNED, tmp_path / "clip.mp4", deadline=0.2)


# -- the key -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
async def test_the_hub_itself_is_asked_once_more_with_the_key(hub_on: HubOn, tmp_path: Path, status: int) -> None:
    hub, wire = await hub_on((status, "no"), (200, MP4))
    await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert [asked.key for asked in wire.asked] == [None, f"Bearer {KEY}"]


async def test_with_the_key_refused_it_ends(hub_on: HubOn, tmp_path: Path) -> None:
    hub, wire = await hub_on((403, "no"))
    with pytest.raises(NotFound):
        await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert [asked.key for asked in wire.asked] == [None, f"Bearer {KEY}"]


async def test_without_a_key_none_is_tried(hub_on: HubOn, tmp_path: Path) -> None:
    hub, wire = await hub_on((403, "no"), api_key=None)
    with pytest.raises(NotFound):
        await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert len(wire.asked) == 1


async def names(host: str, _port: int) -> list[str]:
    return {"cdn.example": PUBLIC, "inside.example": ["10.0.0.7"], "both.example": [*PUBLIC, "::1"]}.get(host, [])


class Edge:
    """Many hosts behind one transport: `answers` by the Host that was asked for."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("__", "."): answer for name, answer in answers.items()}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[request.headers["host"]]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, content = answer
        if status in (301, 302, 303, 307, 308):
            return httpx.Response(status, headers={"location": content})
        return httpx.Response(status, content=content)

    def keys(self) -> list[tuple[str, str | None]]:
        return [(request.headers["host"], request.headers.get("authorization")) for request in self.asked]


async def fetch(edge: Edge, url: str, path: Path, **options: Any) -> Path:
    seams = {"clock": FakeClock(), "resolve": names, "api_key": KEY} | options
    async with HubClient(transport=httpx.MockTransport(edge), **seams) as hub:
        return await hub.download(url, path)


@pytest.mark.parametrize("status", [401, 403])
async def test_no_other_host_ever_sees_the_key(tmp_path: Path, status: int) -> None:
    edge = Edge(cdn__example=(status, b"no"))
    with pytest.raises(NotFound):
        await fetch(edge, "https://cdn.example/v.mp4?s=1", tmp_path / "clip.mp4")
    assert edge.keys() == [("cdn.example", None)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_never_crosses_a_redirect(tmp_path: Path, status: int) -> None:
    away = (status, "https://cdn.example/v.mp4?s=1")
    edge = Edge(hub__oxen__ai=[(401, b"no"), away], cdn__example=(200, MP4))
    await fetch(edge, "https://hub.oxen.ai/v.mp4", tmp_path / "clip.mp4")
    assert edge.keys() == [("hub.oxen.ai", None), ("hub.oxen.ai", f"Bearer {KEY}"), ("cdn.example", None)]


async def test_nor_a_redirect_that_leads_back_to_the_hub(tmp_path: Path) -> None:
    edge = Edge(cdn__example=(302, "https://hub.oxen.ai/v.mp4"), hub__oxen__ai=(401, b"no"))
    with pytest.raises(NotFound):
        await fetch(edge, "https://cdn.example/v.mp4", tmp_path / "clip.mp4")
    assert edge.keys() == [("cdn.example", None), ("hub.oxen.ai", None)]


async def test_the_hub_over_plain_http_is_not_the_hub(tmp_path: Path) -> None:
    edge = Edge(hub__oxen__ai=(401, b"no"))

    async def anywhere(_host: str, _port: int) -> list[str]:
        return PUBLIC

    with pytest.raises(NotFound):
        await fetch(edge, "http://hub.oxen.ai/v.mp4", tmp_path / "clip.mp4", resolve=anywhere)
    assert edge.keys() == [("hub.oxen.ai", None)]


@pytest.mark.parametrize(
    "path",
    ["/api/users/me", "/api/ai/queue", "/api/ai/generations", "/api/repos/a/b", "/api/repos/a/b/branches", "/",
     "/api/repos/a/b/file/%2e%2e/%2e%2e/branches"],
)  # fmt: skip
async def test_no_other_route_of_the_hub_is_asked_with_the_key(tmp_path: Path, path: str) -> None:
    edge = Edge(hub__oxen__ai=(401, b"no"))
    with pytest.raises(NotFound):
        await fetch(edge, f"https://hub.oxen.ai{path}", tmp_path / "clip.mp4")
    assert edge.keys() == [("hub.oxen.ai", None)]


@pytest.mark.parametrize(
    "path", ["/v.mp4", "/api/repos/a/b/files/main/x/video.mp4", "/api/repos/a/b/file/main/picture"]
)
async def test_a_result_is(tmp_path: Path, path: str) -> None:
    edge = Edge(hub__oxen__ai=[(401, b"no"), (200, MP4)])
    await fetch(edge, f"https://hub.oxen.ai{path}?s=1", tmp_path / "clip.mp4")
    assert edge.keys() == [("hub.oxen.ai", None), ("hub.oxen.ai", f"Bearer {KEY}")]


# -- where it may come from ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:9/v.mp4",
        "https://inside.example/v.mp4",
        "https://both.example/v.mp4",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://[::1]/v.mp4",
    ],
)
async def test_every_hop_is_checked(tmp_path: Path, target: str) -> None:
    with pytest.raises(InputNotAllowed):
        await fetch(Edge(), target, tmp_path / "clip.mp4")
    edge = Edge(cdn__example=(302, target))
    with pytest.raises(InputNotAllowed):
        await fetch(edge, "https://cdn.example/v.mp4", tmp_path / "clip.mp4")
    assert len(edge.asked) == 1
    assert leftovers(tmp_path) == []


async def test_a_redirect_of_a_hub_on_this_machine_to_its_neighbour_is_refused(hub_on: HubOn, tmp_path: Path) -> None:
    async with Wire((200, MP4)) as neighbour:
        hub, _ = await hub_on(Says(302, "", {"location": neighbour.base_url + "/v.mp4"}))
        with pytest.raises(InputNotAllowed):
            await hub.download(SIGNED, tmp_path / "clip.mp4")
        assert neighbour.asked == []


async def test_a_relative_redirect_stays_with_its_host(hub_on: HubOn, tmp_path: Path) -> None:
    hub, wire = await hub_on(Says(302, "", {"location": "../c/w.mp4?s=2"}), (200, MP4))
    await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert wire.asked[1].target == "/api/repos/a/c/w.mp4?s=2"


async def test_https_is_not_left(tmp_path: Path) -> None:
    edge = Edge(cdn__example=(302, "http://cdn.example/v.mp4"))
    with pytest.raises(InputNotAllowed, match="https"):
        await fetch(edge, "https://cdn.example/v.mp4", tmp_path / "clip.mp4")


async def test_redirects_without_end(tmp_path: Path) -> None:
    edge = Edge(cdn__example=(302, "https://cdn.example/again"))
    with pytest.raises(HubUnavailable, match="redirects more than 5"):
        await fetch(edge, "https://cdn.example/v.mp4", tmp_path / "clip.mp4")
    assert len(edge.asked) == 6


@pytest.mark.parametrize("location", ["http://[", "https://", "https://a b/", ""])
async def test_redirects_to_nowhere(tmp_path: Path, location: str) -> None:
    edge = Edge(cdn__example=(302, location))
    with pytest.raises(OxenError):
        await fetch(edge, "https://cdn.example/v.mp4", tmp_path / "clip.mp4")


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers differently the second time gains nothing."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return PUBLIC if len(asked) == 1 else ["127.0.0.1"]

    edge = Edge(cdn__example=(200, MP4))
    await fetch(edge, "https://cdn.example/v.mp4?s=1", tmp_path / "clip.mp4", resolve=rebinding)
    assert asked == ["cdn.example"]
    assert edge.asked[0].url.host == PUBLIC[0]
    assert edge.asked[0].headers["host"] == "cdn.example"
    assert edge.asked[0].extensions["sni_hostname"] == "cdn.example"  # the certificate is still the name's


async def test_the_next_address_is_tried_where_one_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.downloads.getproxies", dict)

    async def two(_host: str, _port: int) -> list[str]:
        return ["93.184.216.35", *PUBLIC]

    def edge(request: httpx.Request) -> httpx.Response:
        if request.url.host != PUBLIC[0]:
            raise httpx.ConnectError("dead")
        return httpx.Response(200, content=MP4)

    async with HubClient(transport=httpx.MockTransport(edge), clock=FakeClock(), resolve=two) as hub:
        assert (await hub.download("https://cdn.example/v.mp4", tmp_path / "clip.mp4")).exists()


async def test_behind_a_proxy_the_proxy_connects_to_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.downloads.getproxies", lambda: {"https": "http://proxy.example:3128"})
    monkeypatch.setattr("oxen_video_tools.hub.downloads.proxy_bypass", lambda _host: False)
    edge = Edge(cdn__example=(200, MP4), unknown__example=(200, MP4))
    await fetch(edge, "https://cdn.example/v.mp4", tmp_path / "clip.mp4")
    assert [request.url.host for request in edge.asked] == ["cdn.example"]
    for name in ("inside", "unknown"):  # what only the proxy knows may be a name of its own network
        with pytest.raises(InputNotAllowed):
            await fetch(edge, f"https://{name}.example/v.mp4", tmp_path / "clip.mp4")
    assert len(edge.asked) == 1


async def test_a_name_without_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.downloads.getproxies", dict)
    with pytest.raises(HubUnavailable, match="no address"):
        await fetch(Edge(), "https://unknown.example/v.mp4", tmp_path / "clip.mp4")


async def test_a_peek_asks_for_little_without_the_key_and_follows_checked_redirects() -> None:
    edge = Edge(cdn__example=(302, "https://both.example/"), away__example=(403, b"no"))
    seams: dict[str, Any] = {"clock": FakeClock(), "resolve": names, "api_key": KEY}
    async with HubClient(transport=httpx.MockTransport(edge), **seams) as hub:
        with pytest.raises(InputNotAllowed):
            await hub.peek("https://cdn.example/cat.png")
        with pytest.raises(InputNotAllowed):
            await hub.peek("https://inside.example/cat.png")
        nobody = await hub.peek("https://nobody.invalid/cat.png")
    assert nobody.unknown and nobody.status is None
    assert edge.keys() == [("cdn.example", None)] and edge.asked[0].headers["range"] == "bytes=0-4095"
