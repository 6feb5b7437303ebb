"""The completion stream: whatever way it is cut up, broken off or refused."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxen_video_tools.errors import HubUnavailable, NotFound, OxenError, Unauthenticated
from oxen_video_tools.hub import HubClient
from oxen_video_tools.hub.records import Completion

from ..clocks import FakeClock
from .conftest import KEY
from .wire import DROP, Asked, Says

HubOn = Callable[..., Any]
STREAM = {"content-type": "text/event-stream"}


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"generation_id": f"g-{number}", "status": "succeeded", "media_type": "video"} | more


def sent(told: Any, *, name: str | None = "media_generation_completed", end: str = "\n", gap: str = " ") -> bytes:
    lines = [f"event:{gap}{name}"] if name else []
    lines += [f"data:{gap}{line}" for line in (told if isinstance(told, str) else json.dumps(told)).split("\n")]
    return (end.join(lines) + end + end).encode()


def stream(*pieces: bytes, **headers: str) -> Says:
    return Says(200, pieces=list(pieces), headers=STREAM | headers)


async def first(hub: HubClient, number: int, **options: Any) -> list[Completion]:
    found: list[Completion] = []
    async with aclosing(hub.events(**options)) as events:
        async for one in events:
            found.append(one)
            if len(found) == number:
                break
    return found


# -- what is told ------------------------------------------------------------------------------------------------------


async def test_an_event_as_documented(hub_on: HubOn) -> None:
    told = event(1, model="m", url="https://x.example/v.mp4?oxen_signature=1")
    hub, wire = await hub_on(stream(sent(told), sent(event(2, status="failed", error="it broke"))))
    one, two = await first(hub, 2)
    assert (one.generation_id, one.status, one.media_type, one.model) == ("g-1", "succeeded", "video", "m")
    assert one.url == "https://x.example/v.mp4?oxen_signature=1"
    assert "oxen_signature" not in repr(one)
    assert (two.status, two.error, two.url) == ("failed", "it broke", None)
    assert wire.asked[0].target == "/api/events"
    assert wire.asked[0].headers["accept"] == "text/event-stream"
    assert wire.asked[0].key == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "bytes_sent",
    [
        sent(event(1) | {"event": "media_generation_completed"}, name=None),  # no event: line
        sent(event(1), end="\r\n"),
        sent(event(1), end="\r"),
        sent(event(1), gap=""),  # no space after the colon
        sent(json.dumps(event(1), indent=1)),  # data over many lines
        b": keep-alive\n\n" + sent(event(1)),
        b": keep-alive\n" * 5 + sent(event(1)),
        b"id: 7\nretry: 10\n" + sent(event(1)),
        b"\xef\xbb\xbf" + sent(event(1)),
        sent({"type": "x"}, name="repo_changed") + sent(event(1)),
        sent(event(9), name="something_else") + sent(event(1)),
        sent("no json") + sent("[1]") + sent("null") + sent({}) + sent({"status": "succeeded"}) + sent(event(1)),
        sent({"event": "media_generation_completed", "data": event(1)}, name=None),
        sent(event(1, url="/api/repos/v.mp4")),
        sent(event(1, something_new=[1])),
    ],
)
async def test_every_form_of_an_event(hub_on: HubOn, bytes_sent: bytes) -> None:
    hub, _ = await hub_on(stream(bytes_sent))
    (one,) = await first(hub, 1)
    assert (one.generation_id, one.status) == ("g-1", "succeeded")


async def test_a_relative_url_and_words_with_secrets(hub_on: HubOn) -> None:
    told = event(1, status="failed", url="/v.mp4?s=1", error="at https://x.example/?oxen_signature=topsecret")
    hub, _ = await hub_on(stream(sent(told)))
    (one,) = await first(hub, 1)
    assert one.url == hub.base_url + "/v.mp4?s=1"
    assert "topsecret" not in str(one.error)


EVENTS = [event(1, error="Ж🎈é"), event(2), event(3, status="failed")]
WIRE_FORM = b": hi\r\n\r\n" + sent(EVENTS[0], end="\r\n") + sent({}, name="other") + sent(EVENTS[1]) + sent(EVENTS[2])


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> Any:
        for piece in self.pieces:
            yield piece


def of_pieces(pieces: Sequence[bytes]) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=STREAM, stream=Pieces(pieces)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, len(WIRE_FORM)), max_size=30))
async def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WIRE_FORM)]
    pieces = [WIRE_FORM[start:end] for start, end in itertools.pairwise(places)]
    async with HubClient(api_key=KEY, clock=FakeClock(), transport=of_pieces(pieces)) as hub:
        found = await first(hub, 3)
    assert [one.generation_id for one in found] == ["g-1", "g-2", "g-3"]
    assert found[0].error == "Ж🎈é"
    assert found[2].status == "failed"


async def test_one_byte_at_a_time() -> None:
    pieces = [WIRE_FORM[at : at + 1] for at in range(len(WIRE_FORM))]
    async with HubClient(api_key=KEY, clock=FakeClock(), transport=of_pieces(pieces)) as hub:
        assert [one.generation_id for one in await first(hub, 3)] == ["g-1", "g-2", "g-3"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20))
async def test_garbage_never_breaks_it(noise: list[bytes]) -> None:
    """Whatever comes first: the connection that follows brings the event."""
    answers = [Pieces(noise), Pieces([sent(event(1))])]

    def say(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=STREAM, stream=answers.pop(0) if len(answers) > 1 else answers[0])

    async with HubClient(api_key=KEY, clock=FakeClock(), transport=httpx.MockTransport(say)) as hub:
        assert (await first(hub, 1))[0].generation_id == "g-1"


# -- breaking off and coming back --------------------------------------------------------------------------------------


async def test_a_stream_that_ends_is_opened_again(hub_on: HubOn, clock: FakeClock) -> None:
    truncated = stream(sent(event(1)), sent(event(2))[:-2])  # the second never ended
    hub, wire = await hub_on(truncated, DROP, stream(sent(event(3))))
    assert [one.generation_id for one in await first(hub, 2)] == ["g-1", "g-3"]
    assert len(wire.asked) == 3
    assert clock.monotonic() > 0


async def test_on_open_is_called_at_each_connection(hub_on: HubOn) -> None:
    hub, _ = await hub_on(stream(sent(event(1))), (503, ""), stream(sent(event(2))))
    opened: list[str] = []
    await first(hub, 2, on_open=lambda: opened.append("open"))
    assert opened == ["open", "open"]


async def test_on_break_is_called_when_one_ends_or_cannot_be_had(hub_on: HubOn) -> None:
    hub, _ = await hub_on(stream(sent(event(1))), (503, ""), stream(sent(event(2))))
    said: list[str] = []
    await first(hub, 2, on_open=lambda: said.append("open"), on_break=lambda: said.append("break"))
    assert said == ["open", "break", "break", "open"]


@pytest.mark.parametrize("bad", [(500, ""), (502, "<html>"), (503, {"error": "x"}), (429, ""), (408, ""), DROP])
async def test_a_bad_moment_is_waited_out(hub_on: HubOn, bad: Any) -> None:
    hub, wire = await hub_on(bad, bad, stream(sent(event(1))))
    await first(hub, 1)
    assert len(wire.asked) == 3


async def test_pauses_grow_to_a_minute_and_no_further(hub_on: HubOn, clock: FakeClock) -> None:
    at: list[float] = []

    def down(_: Asked) -> Any:
        at.append(clock.monotonic())
        return stream(sent(event(1))) if len(at) == 16 else (503, "")

    hub, _ = await hub_on(down)
    await first(hub, 1)
    pauses = [later - sooner for sooner, later in itertools.pairwise(at)]
    assert pauses[0] <= 0.5
    assert 30 <= pauses[-1] <= 60
    assert max(pauses) <= 60


async def test_after_an_event_the_pause_is_short_again(hub_on: HubOn, clock: FakeClock) -> None:
    hub, _ = await hub_on(*[(503, "")] * 6, stream(sent(event(1))), stream(sent(event(2))))
    async with aclosing(hub.events()) as events:
        await anext(events)
        before = clock.monotonic()
        await anext(events)
    assert clock.monotonic() - before <= 0.5


@pytest.mark.parametrize("asked", ["retry: 20000\n", "header"])
async def test_the_hub_may_ask_for_a_longer_pause(hub_on: HubOn, clock: FakeClock, asked: str) -> None:
    slow = Says(503, "", {"retry-after": "20"}) if asked == "header" else stream(asked.encode() + sent(event(1)))
    hub, _ = await hub_on(slow, stream(sent(event(2))))
    await first(hub, 1 if asked == "header" else 2)
    assert clock.monotonic() >= 20


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {"error": {"message": "Invalid API key"}}), Unauthenticated),
        ((403, ""), Unauthenticated),
        ((404, ""), NotFound),
        ((400, {"error": "no"}), OxenError),
        ((426, ""), HubUnavailable),
        (Says(302, "", {"location": "https://evil.example/"}), HubUnavailable),
    ],
)
async def test_a_refusal_is_raised(hub_on: HubOn, answer: Any, kind: type[OxenError]) -> None:
    hub, wire = await hub_on(answer)
    with pytest.raises(kind):
        await first(hub, 1)
    assert len(wire.asked) == 1


async def test_without_a_key_nothing_is_asked() -> None:
    async with HubClient() as hub:
        with pytest.raises(Unauthenticated):
            await first(hub, 1)


async def test_a_page_instead_of_a_stream_is_a_bad_moment(hub_on: HubOn) -> None:
    hub, wire = await hub_on(Says(200, "<html>", {"content-type": "text/html"}), stream(sent(event(1))))
    await first(hub, 1)
    assert len(wire.asked) == 2


async def test_a_silent_stream_is_opened_again(hub_on: HubOn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.events.SILENCE", 0.1)
    never = asyncio.Event()

    async def silent(_: Asked) -> Says:
        return Says(200, b"", STREAM | {"content-length": "10000"})

    async def hang(asked: Asked) -> Says:
        await never.wait()
        return await silent(asked)

    hub, wire = await hub_on(hang, stream(sent(event(1))))
    await first(hub, 1)
    assert len(wire.asked) == 2


async def test_keep_alives_keep_it_open(hub_on: HubOn) -> None:
    hub, wire = await hub_on(stream(*[b": keep-alive\n\n"] * 50, sent(event(1))))
    await first(hub, 1)
    assert len(wire.asked) == 1


async def test_an_event_without_end_is_not_kept_in_memory(hub_on: HubOn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.events.LARGEST", 5_000)
    endless = stream(b"data: ", *[b"x" * 1000] * 20, sent(event(1)))
    hub, _wire = await hub_on(endless, stream(sent(event(2))))
    assert (await first(hub, 1))[0].generation_id == "g-2"


async def test_listening_can_be_given_up(hub_on: HubOn) -> None:
    async def hang(_: Asked) -> Says:
        await asyncio.Event().wait()
        raise AssertionError

    hub, wire = await hub_on(hang)
    listening = asyncio.create_task(first(hub, 1))
    while not wire.asked:
        await asyncio.sleep(0.001)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
