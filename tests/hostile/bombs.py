"""Few bytes that become many: packed answers, endless pages, millions of values, pictures and films without end."""

from __future__ import annotations

import asyncio
import struct
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import av

from oxen_video_tools.errors import OxenError
from oxen_video_tools.hub import HubClient
from oxen_video_tools.media.child_process import run_in_child
from oxen_video_tools.media.pool import cut_in_child, look
from tests.clocks import FakeClock
from tests.hub.test_bodies import at_most, bomb
from tests.hub.wire import Says, Wire
from tests.media.clips import clip
from tests.media.hostile import dimension_bomb

from .registry import Attack, entry

ATTACKS: dict[str, Attack] = {}
attack = entry(ATTACKS)
MB = 1_000_000
BODY = {"model": "m", "prompt": "a fox"}
Use = Callable[[HubClient, Path], Awaitable[Any]]


async def _first_event(hub: HubClient, _: Path) -> None:
    async for _one in hub.events():
        return


USES: dict[str, Use] = {
    "downloads": lambda hub, folder: hub.download("/api/repos/a/b/file/v.mp4", folder / "v.mp4", deadline=20),
    "reads a job": lambda hub, _: hub.get("g-1"),
    "lists jobs": lambda hub, _: hub.list(),
    "reads models": lambda hub, _: hub.models(),
    "enqueues": lambda hub, _: hub.enqueue(BODY),
    "generates": lambda hub, _: hub.generate(BODY),
    "listens": _first_event,
}


async def _refuses(use: Use, says: Any, megabytes: int) -> None:
    """Whatever the hub says ends in words, with little memory."""
    with tempfile.TemporaryDirectory() as folder:
        async with Wire(says) as wire:
            async with HubClient(api_key="key-of-nobody", base_url=wire.base_url, clock=FakeClock()) as hub:
                with at_most(megabytes):
                    raised: BaseException | None = None
                    try:
                        await asyncio.wait_for(use(hub, Path(folder)), 20)
                    except OxenError as error:
                        raised = error
                    assert raised is not None, "it was believed"
        assert list(Path(folder).iterdir()) == []


def _enter(name: str, use: Use, says: Callable[[], Any], megabytes: int) -> None:
    ATTACKS[name] = lambda: asyncio.run(_refuses(use, says(), megabytes))


@cache
def packed(layers: int) -> Says:
    return bomb(layers, 50 * MB)


for _does, _use in USES.items():
    if _does != "listens":  # a stream that is packed is opened anew, for ever
        for _count in (1, 3):
            _enter(f"gzip in {_count} layers while it {_does}", _use, lambda n=_count: packed(n), 60)
    _endless = Says(401, pieces=[bytes(2**20)] * 60, headers={"content-type": "text/event-stream"})
    _enter(f"an endless error page while it {_does}", _use, lambda says=_endless: says, 30)
for _what, _does, _body in (
    ("two million empty lists", "lists jobs", b"[" + b"[]," * (2 * MB) + b"[]]"),
    ("two million empty lists", "enqueues", b"[" + b"[]," * (2 * MB) + b"[]]"),
    ("a hundred thousand brackets", "reads a job", b"[" * 100_000 + b"]" * 100_000),
    ("a hundred thousand brackets", "enqueues", b"[" * 100_000 + b"]" * 100_000),
    ("a number of a million digits", "lists jobs", b'{"generations": [' + b"9" * MB + b"]}"),
    ("nine megabytes of blanks", "reads models", b"[" + b" " * (9 * MB) + b"]"),
):
    _enter(f"{_what} while it {_does}", USES[_does], lambda body=_body: Says(200, body), 120)


@attack
def a_picture_of_16000_by_12000_pixels() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = dimension_bomb(Path(folder, "bomb.mp4"))
        try:
            run_in_child("inspect", path)
        except OxenError as error:
            assert error.kind in ("input_unreadable", "timed_out"), error
        else:
            raise AssertionError("it was decoded")


@attack
def an_image_of_60000_by_60000_pixels() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bomb.png")
        head = struct.pack(">II", 60_000, 60_000) + b"\x08\2\0\0\0"
        path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + head + b"\0" * 99)
        with suppress(OxenError):
            run_in_child("measure", path)


def hour_apart(path: Path, frames: int = 3, apart: int = 1000) -> Path:
    """A few kilobytes that play for an hour: each picture stands for `apart` seconds."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for n in range(frames):
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts = n * apart
            out.mux(video.encode(frame))
        out.mux(video.encode())
    return path


@attack
def films_of_frames_far_apart_stop_it_for_everybody() -> None:
    asyncio.run(_far_apart())


async def _far_apart() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slow = hour_apart(folder / "slow.mp4")
        good = clip(folder / "good.mp4", 1.0)
        began = time.monotonic()
        callers = [
            asyncio.create_task(
                cut_in_child(
                    [slow], folder / f"out{n}.mp4", {"transition": "fade", "music": str(good)},
                    caller="stranger", on_progress=lambda _: None,
                )
            )
            for n in range(7)
        ]  # fmt: skip
        await asyncio.sleep(0)
        found = await asyncio.wait_for(look("probe", good, caller="somebody else"), 30)
        assert found.duration > 0.9
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert (await asyncio.wait_for(look("probe", good, caller="stranger"), 30)).duration > 0.9
        assert time.monotonic() - began < 60
        assert not [file for file in folder.iterdir() if ".part" in file.name]
