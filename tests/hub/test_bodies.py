"""What a hub sends is bounded as it arrives, not after a library has unpacked it."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial, reduce
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import HubUnavailable, InsufficientCredits, SubmissionUnclear, Unauthenticated
from oxen_video_tools.hub.records import MOST_VALUES, parse_json

from .test_events import event, first, sent
from .wire import MP4, Asked, Says

HubOn = Callable[..., Any]
JOB = {"generation_id": "g-1", "status": "queued"}
BODY = {"model": "m", "prompt": "a fox"}
SIGNED = "/api/repos/a/b/v.mp4?oxen_signature=topsecret"
MB = 1_000_000


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Python's own memory does not grow by more than this, not even for a moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MB, f"{peak / MB:.0f} MB"


@cache
def bomb(layers: int, size: int = 100 * MB) -> Says:
    """A few bytes that unpack to `size`."""
    body = reduce(lambda data, _: gzip.compress(data, 9), range(layers), bytes(size))
    return Says(200, body, {"content-encoding": ", ".join(["gzip"] * layers)})


BOMBS = [partial(bomb, layers) for layers in (1, 2, 3)]


@pytest.mark.parametrize("says", BOMBS)
async def test_a_small_answer_that_unpacks_to_a_large_one(hub_on: HubOn, says: Callable[[], Says]) -> None:
    hub, _ = await hub_on(says())
    with at_most(40):
        with pytest.raises(HubUnavailable):
            await hub.get("g-1")
        with pytest.raises(SubmissionUnclear):
            await hub.enqueue(BODY)
        with pytest.raises(SubmissionUnclear):
            await hub.generate(BODY)


@pytest.mark.parametrize("says", [*BOMBS, partial(Says, 200, MP4, {"content-encoding": "br"})])
async def test_a_result_is_taken_as_it_is_or_not_at_all(
    hub_on: HubOn, tmp_path: Path, says: Callable[[], Says]
) -> None:
    hub, wire = await hub_on(says())
    with at_most(5), pytest.raises(HubUnavailable, match="packed"):
        await hub.download(SIGNED, tmp_path / "clip.mp4")
    assert wire.asked[0].headers["accept-encoding"] == "identity"
    assert list(tmp_path.iterdir()) == [] and len(wire.asked) == 1


async def test_identity_may_be_named(hub_on: HubOn, tmp_path: Path) -> None:
    hub, _ = await hub_on(Says(200, MP4, {"content-encoding": "identity"}))
    assert (await hub.download(SIGNED, tmp_path / "clip.mp4")).read_bytes() == MP4


def bare(data: bytes) -> bytes:
    pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return pack.compress(data) + pack.flush()


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", bare)])
@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_one_layer_is_read_however_it_is_cut(
    hub_on: HubOn, name: str, pack: Callable[[bytes], bytes], step: int
) -> None:
    packed = pack(json.dumps({"generations": [JOB | {"n": n} for n in range(60)]}).encode())
    pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
    hub, wire = await hub_on(Says(200, pieces=pieces, headers={"content-encoding": name}))
    assert len(await hub.list()) == 60
    assert wire.asked[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip", "gzip,deflate", "x" * 5000])
async def test_no_other_packing_is_read(hub_on: HubOn, encoding: str) -> None:
    hub, _ = await hub_on(Says(200, gzip.compress(json.dumps(JOB).encode()), {"content-encoding": encoding}))
    with pytest.raises(HubUnavailable, match="only gzip or deflate"):
        await hub.get("g-1")


async def test_a_packed_answer_that_ends_too_early(hub_on: HubOn) -> None:
    packed = gzip.compress(json.dumps(JOB).encode())[:-9]
    hub, _ = await hub_on(Says(200, packed, {"content-encoding": "gzip"}), Says(200, JOB))
    assert (await hub.get("g-1")).generation_id == "g-1"  # asked for again


async def test_a_video_inside_an_answer_may_be_packed(hub_on: HubOn) -> None:
    import base64
    import random

    video = MP4 + random.Random(1).randbytes(9 * MB)  # larger than any record
    said = json.dumps({"videos": [{"b64_json": base64.b64encode(video).decode()}]}).encode()
    hub, _ = await hub_on(Says(200, gzip.compress(said, 1), {"content-encoding": "gzip"}))
    assert (await hub.generate(BODY)).videos[0].data == video


@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip, gzip"}])
async def test_a_status_says_enough_whatever_comes_with_it(hub_on: HubOn, headers: dict[str, str]) -> None:
    hub, _ = await hub_on(Says(402, pieces=[bytes(2**20)] * 60, headers=headers))
    with at_most(20), pytest.raises(InsufficientCredits):
        await hub.enqueue(BODY)


async def test_an_endless_error_page_on_the_event_stream(hub_on: HubOn) -> None:
    pieces = [bytes(2**20)] * 100
    hub, _ = await hub_on(Says(401, pieces=pieces, headers={"content-type": "text/event-stream"}))
    with at_most(20), pytest.raises(Unauthenticated):
        await first(hub, 1)


async def test_a_packed_event_stream_is_not_read(hub_on: HubOn) -> None:
    def answer(asked: Asked) -> Says:
        assert asked.headers["accept-encoding"] == "identity"
        return answers.pop(0)

    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    answers = [
        Says(200, gzip.compress(sent(event(1))), headers),
        Says(200, sent(event(2)), headers | {"content-encoding": ""}),
    ]
    hub, _ = await hub_on(answer)
    assert [one.generation_id for one in await first(hub, 1)] == ["g-2"]


async def test_millions_of_values_are_not_made(hub_on: HubOn) -> None:
    hub, _ = await hub_on(Says(200, b"[" + b"[]," * (2 * MB) + b"[]]"))
    with at_most(40), pytest.raises(HubUnavailable):
        await hub.list()
    with pytest.raises(HubUnavailable, match="larger"):
        hub, _ = await hub_on(Says(200, b"[" + b" " * (9 * MB) + b"]"))
        await hub.list()
    assert parse_json("[" + "0," * (MOST_VALUES - 2) + "0]") is not ...
    assert parse_json("[" + "0," * MOST_VALUES + "0]") is ...
