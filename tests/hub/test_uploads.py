"""A local file → a URL a model can read: the private way and the versioned one."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import HubUnavailable, InputUnreadable, InvalidRequest, OxenError, RateLimited
from oxen_video_tools.files import media_kind
from oxen_video_tools.hub.uploads import read_local_file

from .wire import DROP, MP4, PNG, Asked, Says, routed

HubOn = Callable[..., Any]
ASSET = "context/inputs/abc-face.png"
LINK = "https://store.example/face.png?oxen_signature=topsecret"
PRESIGNED = f"GET /api/repos/ox/playground/file/presigned_url/main/{ASSET}"
CONTEXT = "POST /api/repos/ox/playground/workbench/context"


def workbench(**changes: Any) -> dict[str, Any]:
    routes: dict[str, Any] = {
        "GET /api/users/me": {"user": {"username": "ox"}},
        "GET /api/repos/ox/playground": {"repository": {"name": "playground"}},
        CONTEXT: {"asset_path": ASSET, "status": "success"},
        PRESIGNED: {"url": LINK},
    }
    return routes | changes


@pytest.fixture
def face(tmp_path: Path) -> Path:
    path = tmp_path / "my face.png"
    path.write_bytes(PNG)
    return path


def calls(wire: Any) -> list[str]:
    return [f"{asked.method} {asked.path}" for asked in wire.asked]


# -- the private workbench -----------------------------------------------------------------------------------


async def test_the_private_way(hub_on: HubOn, face: Path) -> None:
    hub, wire = await hub_on(routed(workbench()))
    assert await hub.upload(face) == LINK
    assert calls(wire) == ["GET /api/users/me", "GET /api/repos/ox/playground", CONTEXT, PRESIGNED]
    form = wire.asked[2]
    assert form.headers["content-type"].startswith("multipart/form-data")
    assert PNG in form.body
    assert b'name="file"; filename="' + hashlib.sha256(PNG).hexdigest()[:12].encode() + b'-my-face.png"' in form.body
    assert b"image/png" in form.body
    assert b'name="directory"\r\n\r\ninputs' in form.body
    assert str(face.parent).encode() not in form.body  # the path is nobody's business


async def test_a_playground_is_made_where_there_is_none(hub_on: HubOn, face: Path) -> None:
    routes = workbench() | {"GET /api/repos/ox/playground": (404, {}), "POST /api/repos/": (201, {"repository": {}})}
    hub, wire = await hub_on(routed(routes))
    assert await hub.upload(str(face)) == LINK
    made = next(asked for asked in wire.asked if asked.path == "/api/repos/")
    assert made.json() == {"namespace": "ox", "name": "playground", "visibility": "private", "workbench": True}


async def test_somebody_made_it_meanwhile(hub_on: HubOn, face: Path) -> None:
    routes = workbench() | {
        "GET /api/repos/ox/playground": (404, {}),
        "POST /api/repos/": (409, {"status_message": "resource_already_exists"}),
    }
    hub, _ = await hub_on(routed(routes))
    assert await hub.upload(face) == LINK


async def test_the_same_content_is_sent_once(hub_on: HubOn, face: Path, tmp_path: Path) -> None:
    hub, wire = await hub_on(routed(workbench()))
    await hub.upload(face)
    (tmp_path / "copy.png").write_bytes(PNG)
    await hub.upload(tmp_path / "copy.png")
    assert calls(wire).count(CONTEXT) == 1
    assert calls(wire).count(PRESIGNED) == 2  # a link is good for an hour: a fresh one each time
    face.write_bytes(PNG + b"changed")
    await hub.upload(face)
    assert calls(wire).count(CONTEXT) == 2


async def test_many_who_ask_at_once_send_it_once(hub_on: HubOn, face: Path) -> None:
    hub, wire = await hub_on(routed(workbench()))
    assert set(await asyncio.gather(*(hub.upload(face) for _ in range(8)))) == {LINK}
    assert calls(wire).count(CONTEXT) == 1


async def test_it_is_sent_again_where_it_is_gone(hub_on: HubOn, face: Path) -> None:
    routes = workbench() | {PRESIGNED: [{"url": LINK}, (404, {"error": {"message": "not found"}}), {"url": LINK + "2"}]}
    hub, wire = await hub_on(routed(routes))
    await hub.upload(face)
    assert await hub.upload(face) == LINK + "2"
    assert calls(wire).count(CONTEXT) == 2


async def test_what_was_sent_may_be_remembered_beyond_the_client(hub_on: HubOn, face: Path) -> None:
    memory: dict[str, str] = {}
    hub, wire = await hub_on(routed(workbench()), uploaded=memory)
    await hub.upload(face)
    hub, again = await hub_on(routed(workbench()), uploaded=memory)
    (key,) = memory
    memory[key.replace(wire.base_url, again.base_url)] = memory[key]
    await hub.upload(face)
    assert CONTEXT not in calls(again)


async def test_the_memory_is_bounded(hub_on: HubOn, face: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.uploads.MOST_REMEMBERED", 2)
    memory: dict[str, str] = {}
    hub, _ = await hub_on(routed(workbench()), uploaded=memory)
    for number in range(4):
        face.write_bytes(PNG + bytes([number]))
        await hub.upload(face)
    assert len(memory) == 2


async def test_a_relative_link_is_the_hubs(hub_on: HubOn, face: Path) -> None:
    hub, _ = await hub_on(routed(workbench() | {PRESIGNED: {"url": "/files/x.png?s=1"}}))
    assert await hub.upload(face) == hub.base_url + "/files/x.png?s=1"


@pytest.mark.parametrize(
    "broken",
    [
        {CONTEXT: {"status": "success"}},
        {PRESIGNED: {"status": "success"}},
        {"GET /api/users/me": {"status": "success"}},
        {CONTEXT: (502, "<html>")},
        {CONTEXT: DROP},
        {CONTEXT: (413, "too large")},
        {"GET /api/repos/ox/playground": (404, {}), "POST /api/repos/": (422, {"error": "no"})},
    ],
)
async def test_an_upload_that_goes_wrong_is_an_error_and_sent_once(
    hub_on: HubOn, face: Path, broken: dict[str, Any]
) -> None:
    hub, wire = await hub_on(routed(workbench() | broken))
    with pytest.raises(OxenError):
        await hub.upload(face)
    assert calls(wire).count(CONTEXT) <= 1


async def test_it_waits_when_the_hub_is_busy(hub_on: HubOn, face: Path) -> None:
    busy = Says(429, {"status_message": "rate_limited"}, {"retry-after": "2"})
    hub, _ = await hub_on(routed(workbench() | {CONTEXT: [busy, {"asset_path": ASSET}]}))
    assert await hub.upload(face) == LINK
    hub, _ = await hub_on(routed(workbench() | {CONTEXT: (429, "")}))
    with pytest.raises(RateLimited):
        await hub.upload(face, deadline=60)  # longer than all its tries: the last one has time for its answer


async def test_names_with_anything_in_them(hub_on: HubOn, tmp_path: Path) -> None:
    hub, wire = await hub_on(routed(workbench()))
    for name in ('a"; filename="evil', "Ж🎈.png", "..png", "a\nb.png", "x" * 200 + ".png"):
        path = tmp_path / name
        path.write_bytes(PNG + name.encode())
        await hub.upload(path)
        disposition = next(line for line in wire.asked[-2].body.split(b"\r\n") if b"filename" in line)
        assert disposition.count(b'"') == 4


# -- a versioned repository ----------------------------------------------------------------------------------


def versioned(**changes: Any) -> Callable[[Asked], Any]:
    """A hub that takes any repository and any file."""

    def answer(asked: Asked) -> Any:
        if asked.path == "/api/users/me":
            return {"user": {"username": "ox", "email": "ox@example.com"}}
        return changes.get(asked.method, (201, {"status": "success"}))

    return answer


async def test_the_versioned_way(hub_on: HubOn, face: Path) -> None:
    hub, wire = await hub_on(versioned())
    link = await hub.upload(face, repo="org/assets", branch="feature/x", directory="in puts/../a")
    digest = hashlib.sha256(PNG).hexdigest()[:12]
    there = f"/api/repos/org/assets/file/feature%2Fx/in%20puts/a/{digest}-my-face.png"
    assert link == hub.base_url + there
    assert calls(wire) == ["GET /api/users/me", "POST /api/repos", f"PUT {there}"]
    assert wire.asked[1].json() == {"namespace": "org", "name": "assets"}
    assert PNG in wire.asked[2].body
    for field in (b'name="name"\r\n\r\nox\r\n', b'name="email"\r\n\r\nox@example.com', b'name="message"'):
        assert field in wire.asked[2].body  # who commits it, and why


async def test_a_repository_that_exists_is_used(hub_on: HubOn, face: Path) -> None:
    hub, wire = await hub_on(versioned(POST=(409, {"status_message": "resource_already_exists"})))
    await hub.upload(face, repo="org/assets")
    assert [asked.method for asked in wire.asked] == ["GET", "POST", "PUT"]


async def test_a_repository_that_may_not_be_made(hub_on: HubOn, face: Path) -> None:
    hub, wire = await hub_on(versioned(POST=(403, {"status_message": "forbidden"})))
    with pytest.raises(OxenError):
        await hub.upload(face, repo="org/assets")
    assert "PUT" not in [asked.method for asked in wire.asked]


@pytest.mark.parametrize("repo", ["assets", "/assets", "org/", "a/b/c", ""])
async def test_what_names_no_repository(hub_on: HubOn, face: Path, repo: str) -> None:
    hub, wire = await hub_on((201, {}))
    with pytest.raises(InvalidRequest):
        await hub.upload(face, repo=repo)
    assert wire.asked == []


# -- which files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "kind", "megabytes"),
    [(PNG, "image", 30), (MP4[:64], "video", 50), (b"ID3\x04" + bytes(60), "audio", 15)],
    ids=["image", "video", "audio"],
)
def test_limits_by_kind(tmp_path: Path, start: bytes, kind: str, megabytes: int) -> None:
    path = tmp_path / "file"
    limit = megabytes * 1_000_000
    path.write_bytes(start + bytes(limit - len(start)))
    assert read_local_file(path).kind == kind
    with path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputUnreadable, match=f"{megabytes} MB"):
        read_local_file(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("I am no video at all")
    (tmp_path / "empty.png").touch()
    for path in (tmp_path, tmp_path / "missing.png", tmp_path / "text.mp4", tmp_path / "empty.png"):
        with pytest.raises(InputUnreadable):
            read_local_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_does_not_hold_it_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputUnreadable, match="regular"):
        read_local_file(tmp_path / "pipe.png")


async def test_nothing_is_sent_of_a_file_that_is_refused(hub_on: HubOn, tmp_path: Path) -> None:
    (tmp_path / "secrets.txt").write_text("password=hunter2")
    hub, wire = await hub_on(routed(workbench()))
    for repo in (None, "org/assets"):
        with pytest.raises(InputUnreadable):
            await hub.upload(tmp_path / "secrets.txt", repo=repo)
    assert wire.asked == []


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x08wide", "video/quicktime"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"RIFF\0\0\0\0AVI ", "video/x-msvideo"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"II*\0", "image/tiff"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"\xff\xf1\x50", "audio/aac"),
    ],
)
def test_media_by_their_first_bytes(start: bytes, media_type: str) -> None:
    found = media_kind(start + bytes(64))
    assert found is not None
    assert found[1] == media_type


@pytest.mark.parametrize("start", [b"", b"RIFF\0\0\0\0EVIL", b"\xff\xfe", b"%PDF-1.7", b"PK\x03\x04", b"MZ"])
def test_what_is_no_media(start: bytes) -> None:
    assert media_kind(start + bytes(60)) is None


async def test_the_error_of_a_hub_that_takes_it_and_says_nothing(hub_on: HubOn, face: Path) -> None:
    hub, _ = await hub_on(routed(workbench() | {CONTEXT: {}}))
    with pytest.raises(HubUnavailable, match="where it put it"):
        await hub.upload(face)
