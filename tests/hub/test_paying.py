"""A paid request is sent once. Whether it may be sent again, and what is said when nobody knows."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from oxen_video_tools.errors import (
    HubUnavailable,
    InsufficientCredits,
    InvalidRequest,
    ModelNotFound,
    Moderated,
    NotFound,
    OxenError,
    Paused,
    RateLimited,
    SubmissionUnclear,
    Unauthenticated,
)
from oxen_video_tools.hub import HubClient
from tests.hub.test_error_mapping import BOTH, HTML, MODERATION, NEITHER

from ..clocks import HUNG, FakeClock
from .conftest import KEY
from .wire import DROP, HANG, MP4, Says, Wire

HubOn = Callable[..., Any]
BODY = {"model": "kling-video-v2-6-pro-text-to-video", "prompt": "A red balloon", "duration": 5}
IDS = {"generations": [{"generation_id": "g-1", "status": "queued"}]}
LINK = {"model": "m", "created": 1, "videos": [{"url": "/api/repos/a/b/v.mp4?oxen_signature=s"}]}


async def pay(hub: HubClient, route: str, **options: Any) -> Any:
    return await getattr(hub, route)(BODY, **options)


# -- the two routes ------------------------------------------------------------------------------------------


async def test_enqueue(hub_on: HubOn) -> None:
    two = {"generations": [{"generation_id": "g-1", "status": "queued"}, {"generation_id": "g-2", "status": "queued"}]}
    hub, wire = await hub_on(two)
    jobs = await hub.enqueue(BODY | {"num_generations": 2})
    assert [job.generation_id for job in jobs] == ["g-1", "g-2"]
    assert [job.status for job in jobs] == ["queued", "queued"]
    assert jobs[0].model == BODY["model"]
    assert (wire.asked[0].method, wire.asked[0].target) == ("POST", "/api/ai/queue")
    assert wire.asked[0].json() == BODY | {"num_generations": 2}
    assert wire.asked[0].headers["content-type"] == "application/json"
    assert wire.asked[0].key == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "said",
    [
        IDS,
        {"generations": [{"generation_id": "g-1", "status": "processing"}]},  # older
        {"generation_id": "g-1", "status": "queued"},
        {"generation": {"generation_id": "g-1"}},
        [{"generation_id": "g-1"}],
        {"generations": [{"generation": {"generation_id": "g-1"}}]},
        IDS | {"error": {"type": "unknown_error"}},  # an id is an id
    ],
)
async def test_every_form_of_an_enqueue_answer(hub_on: HubOn, said: Any) -> None:
    hub, wire = await hub_on((200, said))
    (job,) = await hub.enqueue(BODY)
    assert job.generation_id == "g-1"
    assert job.is_active
    assert len(wire.asked) == 1


async def test_generate_with_a_link(hub_on: HubOn) -> None:
    hub, wire = await hub_on(LINK)
    answer = await hub.generate(BODY)
    assert answer.videos[0].url == f"{hub.base_url}/api/repos/a/b/v.mp4?oxen_signature=s"
    assert (answer.model, answer.created) == ("m", 1)
    assert wire.asked[0].target == "/api/ai/videos/generate"


async def test_generate_inline(hub_on: HubOn) -> None:
    hub, _ = await hub_on({"model": "m", "created": 1, "videos": [{"b64_json": base64.b64encode(MP4).decode()}]})
    assert (await hub.generate(BODY | {"response_format": "b64_json"})).videos[0].data == MP4


async def test_a_large_inline_video_is_read_beside_the_loop(hub_on: HubOn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.transport.LARGE", 100)
    hub, _ = await hub_on({"videos": [{"b64_json": base64.b64encode(MP4).decode()}]})
    assert (await hub.generate(BODY)).videos[0].data == MP4
    hub, _ = await hub_on({"videos": [], "padding": "x" * 200})
    with pytest.raises(SubmissionUnclear):
        await hub.generate(BODY)


async def test_generate_waits_as_long_as_it_is_told(hub_on: HubOn) -> None:
    gate = asyncio.Event()
    hub, wire = await hub_on(Says(200, LINK, until=gate), deadline=0.05)
    call = asyncio.create_task(hub.generate(BODY))
    while not wire.asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # longer than the deadline of the other calls
    gate.set()
    assert (await call).videos


# -- refusals: nothing spent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["enqueue", "generate"])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": BOTH}}, InvalidRequest),
        (422, {"error": {"message": NEITHER}}, InvalidRequest),
        (404, {"error": {"message": "Model not found: x"}}, ModelNotFound),
        (404, {"error": {"type": "resource_not_found", "title": "Resource not found"}}, ModelNotFound),
        (404, {"error": {"message": "Namespace not found: org"}}, NotFound),
        (401, {"error": {"message": "Invalid API key"}}, Unauthenticated),
        (
            402,
            {"error": {"type": "insufficient_credits", "title": "You have run out of credits."}},
            InsufficientCredits,
        ),
        (400, {"error": {"message": MODERATION}}, Moderated),
        (413, HTML, InvalidRequest),
        (426, "", HubUnavailable),
        (308, "", HubUnavailable),
        (200, {"error": {"type": "insufficient_credits", "title": "Out"}}, InsufficientCredits),
        (200, {"generations": [], "videos": [], "error": {"message": "Model not found: x"}}, ModelNotFound),
        (200, {"error": {"type": "upstream"}}, HubUnavailable),
        (200, {"error": "nobody knows this one"}, HubUnavailable),
        (200, {"error": "rate limit reached"}, RateLimited),
        (202, {"error": {"type": "too_many_requests"}}, RateLimited),
    ],
)
async def test_a_refusal_is_sent_once_and_costs_nothing(
    hub_on: HubOn, route: str, status: int, body: Any, kind: type[OxenError]
) -> None:
    hub, wire = await hub_on((status, body))
    with pytest.raises(kind) as caught:
        await pay(hub, route)
    assert type(caught.value) is kind
    assert caught.value.charged == "no"
    assert len(wire.asked) == 1


# -- nobody knows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["enqueue", "generate"])
@pytest.mark.parametrize(
    "answer",
    [
        DROP,
        Says(200, IDS, cut=5),
        Says(200, IDS, cut=90),
        (408, ""),
        (425, ""),
        (500, {"error": {"type": "unknown_error"}}),
        (500, {"error": {"message": "Model not found: x"}}),
        (502, HTML),
        (502, {"error": {"type": "upstream", "title": "no"}, "status": 502}),
        (503, "text"),
        (504, HTML),
        (200, HTML),
        (200, ""),
        (204, ""),
        (200, "null"),
        (200, {"generations": [], "videos": []}),
        (200, {"error": ""}),
        (200, {"error": {"message": ""}, "message": "rate limit reached: queued"}),
        (200, {"message": "You are near your rate limit"}),
        (202, {"message": "rate limit: your job is queued", "status": "accepted"}),
        (200, {"message": "moderated and accepted", "detail": "content moderation passed"}),
        (200, {"status_message": "credits were taken; out of credits soon"}),
        (200, {"status": "error", "status_message": "rate_limited"}),
        (200, {"error": {"type": "rate_limited"}, "job": {"generation_id": "g1"}}),
        (200, "too many requests"),
        (200, {"error": {"type": "upstream"}, "id": "req-1", "url": "https://help.example/errors"}),
        (200, {"generations": [{"status": "queued"}], "videos": [{}]}),
        (303, ""),
        Says(200, "gibberish", {"content-encoding": "gzip"}),
    ],
)
async def test_what_may_have_arrived_is_sent_once_and_is_unclear(hub_on: HubOn, route: str, answer: Any) -> None:
    hub, wire = await hub_on(answer)
    with pytest.raises(SubmissionUnclear) as caught:
        await pay(hub, route)
    assert caught.value.sent == BODY
    assert caught.value.charged == "unknown"
    assert not caught.value.retry
    assert len(wire.asked) == 1


@pytest.mark.parametrize("route", ["enqueue", "generate"])
async def test_no_answer_in_time_is_unclear(hub_on: HubOn, silence: Callable[..., None], route: str) -> None:
    hub, wire = await hub_on(HANG, deadline=HUNG)
    silence(wire)
    with pytest.raises(SubmissionUnclear):
        await pay(hub, route, **({"timeout": HUNG} if route == "generate" else {}))
    assert len(wire.asked) == 1


# -- what may be sent again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["enqueue", "generate"])
async def test_429_is_sent_again_when_the_hub_says(hub_on: HubOn, clock: FakeClock, route: str) -> None:
    slow = Says(429, {"error": {"type": "lock_timeout"}, "status_message": "too_many_requests"}, {"retry-after": "3"})
    hub, wire = await hub_on(slow, slow, IDS if route == "enqueue" else LINK)
    assert await pay(hub, route)
    assert len(wire.asked) == 3
    assert clock.monotonic() == pytest.approx(6)


async def test_429_to_the_end_costs_nothing(hub_on: HubOn, clock: FakeClock) -> None:
    hub, wire = await hub_on((429, {"status_message": "rate_limited"}))
    with pytest.raises(RateLimited) as caught:
        await hub.enqueue(BODY)
    assert (caught.value.charged, caught.value.retry) == ("no", True)
    assert len(wire.asked) > 2
    assert clock.monotonic() < 15


async def test_429_and_then_no_answer_is_unclear(hub_on: HubOn) -> None:
    hub, wire = await hub_on((429, ""), DROP)
    with pytest.raises(SubmissionUnclear):
        await hub.enqueue(BODY)
    assert len(wire.asked) == 2


async def test_a_connection_that_never_opened_may_be_tried_again(clock: FakeClock) -> None:
    with socket.socket() as reserved:  # bound and not listening: refuses
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        async with HubClient(api_key=KEY, base_url=f"http://127.0.0.1:{port}", clock=clock, deadline=20) as hub:
            tries: list[float] = []

            async def before_send() -> None:
                tries.append(clock.monotonic())

            with pytest.raises(HubUnavailable) as caught:
                await hub.enqueue(BODY, before_send=before_send)
    assert not isinstance(caught.value, SubmissionUnclear)
    assert (caught.value.charged, caught.value.retry) == ("no", True)
    assert tries == []  # not one byte was sent
    assert clock.monotonic() > 1  # it was tried again


async def test_what_a_proxy_breaks_off_before_the_hub_is_reached_was_never_sent(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CONNECT that asks a proxy for the way is no byte of the request."""
    asked: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).split()[0])
        writer.close()

    sent = False

    async def before_send() -> None:
        nonlocal sent
        sent = True

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as proxy:
        for name in ("NO_PROXY", "no_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        async with HubClient(api_key=KEY, base_url="https://hub.example", clock=clock, deadline=3) as hub:
            with pytest.raises(HubUnavailable) as caught:
                await hub.enqueue(BODY, before_send=before_send)
    assert caught.value.charged == "no" and not sent and set(asked) == {b"CONNECT"}


@pytest.mark.parametrize(
    ("failure", "opened"),
    [
        (httpx.ConnectError("no"), False),
        (httpx.ConnectTimeout("no"), False),
        (httpx.PoolTimeout("no"), False),
        (httpx.ProxyError("no"), False),
        (httpx.ReadError("no"), True),
        (httpx.ReadTimeout("no"), True),
        (httpx.WriteError("no"), True),
        (httpx.WriteTimeout("no"), True),
        (httpx.CloseError("no"), True),
        (httpx.RemoteProtocolError("no"), True),
        (httpx.LocalProtocolError("no"), True),
        (httpx.DecodingError("no"), True),
        (ConnectionResetError("no"), True),
    ],
)
async def test_each_failure_of_a_transport(clock: FakeClock, failure: Exception, opened: bool) -> None:
    tries = 0

    def fail(_: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        raise failure

    async with HubClient(api_key=KEY, clock=clock, transport=httpx.MockTransport(fail)) as hub:
        with pytest.raises(SubmissionUnclear if opened else HubUnavailable):
            await hub.enqueue(BODY)
    assert (tries == 1) is opened


async def test_it_works_once_the_hub_is_up(clock: FakeClock) -> None:
    answers: list[Any] = [httpx.ConnectError("down"), httpx.ConnectError("down"), httpx.Response(200, json=IDS)]

    def say(_: httpx.Request) -> httpx.Response:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    async with HubClient(api_key=KEY, clock=clock, transport=httpx.MockTransport(say)) as hub:
        assert (await hub.enqueue(BODY))[0].generation_id == "g-1"


async def test_no_paid_request_shares_a_connection_with_anything() -> None:
    """A kept one that the hub is just closing would read as a lost answer."""
    kept = Says(200, IDS, {"connection": "keep-alive"})
    async with Wire(kept, keep=True) as wire, HubClient(api_key=KEY, base_url=wire.base_url) as hub:
        for _ in range(3):
            await hub.list()
            await hub.enqueue(BODY)
        assert [asked.method for asked in wire.asked] == ["GET", "POST"] * 3
        assert wire.connections == 1 + 3, "all reads share one"


# -- right before the first byte -----------------------------------------------------------------------------


async def test_before_send_is_awaited_before_each_try(hub_on: HubOn) -> None:
    hub, wire = await hub_on((429, ""), (429, ""), IDS)
    seen: list[int] = []

    async def before_send() -> None:
        await asyncio.sleep(0)
        seen.append(len(wire.asked))

    await hub.enqueue(BODY, before_send=before_send)
    assert seen == [0, 1, 2]


async def test_before_send_happens_on_an_open_connection(hub_on: HubOn) -> None:
    hub, wire = await hub_on(IDS)
    opened: list[int] = []

    async def before_send() -> None:
        while not wire.connections:
            await asyncio.sleep(0.001)
        opened.append(wire.connections)

    await hub.enqueue(BODY, before_send=before_send)
    assert opened == [1]


@pytest.mark.parametrize("failure", [Paused("stop"), OSError("disk full"), ValueError("bug"), KeyError("k")])
async def test_what_before_send_raises_stops_it_before_a_byte_is_sent(hub_on: HubOn, failure: Exception) -> None:
    hub, wire = await hub_on(IDS)

    async def before_send() -> None:
        raise failure

    with pytest.raises(type(failure)) as caught:
        await hub.enqueue(BODY, before_send=before_send)
    assert caught.value is failure
    assert wire.asked == []


async def test_before_send_through_any_other_transport(clock: FakeClock) -> None:
    order: list[str] = []

    def say(_: httpx.Request) -> httpx.Response:
        order.append("sent")
        return httpx.Response(200, json=IDS)

    async def before_send() -> None:
        order.append("before")

    async with HubClient(api_key=KEY, clock=clock, transport=httpx.MockTransport(say)) as hub:
        await hub.enqueue(BODY, before_send=before_send)
    assert order == ["before", "sent"]


# -- bad input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [{"a": float("nan")}, {"a": object()}, {"a": {1, 2}}, {"a": "\ud800"}])
async def test_what_is_no_json_is_not_sent(hub_on: HubOn, bad: dict[str, Any]) -> None:
    hub, wire = await hub_on(IDS)
    with pytest.raises(InvalidRequest):
        await hub.enqueue(BODY | bad)
    assert wire.asked == []


async def test_words_arrive_as_they_are(hub_on: HubOn) -> None:
    hub, wire = await hub_on(IDS)
    body = BODY | {"prompt": 'Ein Ballon 🎈, "rot"\nund höher', "multi": None, "deep": {"a": [1, 2.5, True]}}
    await hub.enqueue(body)
    assert wire.asked[0].json() == body


async def test_it_can_be_given_up(hub_on: HubOn) -> None:
    hub, wire = await hub_on(HANG)
    call = asyncio.create_task(hub.enqueue(BODY))
    while not wire.asked:
        await asyncio.sleep(0.001)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(wire.asked) == 1
