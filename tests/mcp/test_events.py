"""The Events extension: whoever asks, listens or has a webhook hears of every video that ends, also over a restart."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import httpx2
import pytest

from oxen_video_tools.hub import url_guard
from oxen_video_tools.ledger.jobs import Submitted
from oxen_video_tools.mcp.admission import PROVEN
from oxen_video_tools.mcp.events import CHALLENGES, EVENT_TYPE, EVENTS, OVERLAP, Cursor, Wanted, read_events
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio import AsyncStudio
from tests.hub.test_tls import certificate
from tests.studio.swift import Swift

from .conftest import QUIET, environment
from .serving import TOKEN, bearer, over_http, over_stdio

VERSION = "2026-07-28"
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {EVENTS: {}}},
}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
HUNG = 60
MODEL = "kling-video-v2-6-pro-text-to-video"


class Patient(Swift):
    """Sleeps a hundredth of minutes, too: between two tries at a webhook."""

    longest = 1000.0


def request(method: str, params: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": META}}


def headers(method: str, key: str | None = None, **params: Any) -> dict[str, str]:
    named = {"Mcp-Name": params["name"]} if method == "tools/call" else {}
    about = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": VERSION, "Mcp-Method": method}
    return about | named | bearer(key or TOKEN)


def ask(address: str, method: str, **params: Any) -> dict[str, Any]:
    """One request of the new protocol, as it goes over the wire."""
    sent = httpx2.post(f"{address}/mcp", json=request(method, params), headers=headers(method, **params), timeout=HUNG)
    if sent.headers["content-type"].startswith("text/event-stream"):
        [*_, last] = [line.removeprefix("data: ") for line in sent.text.splitlines() if line.startswith("data: ")]
        return dict(json.loads(last))
    return dict(sent.json())


def result(address: str, method: str, **params: Any) -> dict[str, Any]:
    answer = ask(address, method, **params)
    assert "result" in answer, answer
    return dict(answer["result"])


def generate(address: str, prompt: str, **arguments: Any) -> str:
    made = result(address, "tools/call", name="generate_video", arguments={"prompt": prompt, **arguments})
    assert not made.get("isError"), made
    return str(made["structuredContent"]["generation_id"])


def poll(address: str, cursor: str | None, **rest: Any) -> dict[str, Any]:
    return result(address, "events/poll", name="video.finished", cursor=cursor, **rest)


def poll_until(address: str, cursor: str | None) -> dict[str, Any]:
    """The first answer that tells of something."""
    until = time.monotonic() + HUNG
    while time.monotonic() < until:
        answer = poll(address, cursor)
        if answer["events"]:
            return answer
        time.sleep(0.05)
    pytest.fail("nothing ended")


# ---- asked for again and again ---------------------------------------------------------------------------------------


def test_it_says_what_there_is_to_hear(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        assert result(address, "server/discover")["capabilities"]["extensions"][EVENTS] == {}
        [event] = result(address, "events/list")["events"]
    assert event["name"] == "video.finished" and event["delivery"] == ["poll", "push", "webhook"]
    assert event["inputSchema"] == EVENT_TYPE["inputSchema"] and event["payloadSchema"] == EVENT_TYPE["payloadSchema"]


def test_a_poll_tells_of_each_end_once_and_nothing_is_lost_over_a_restart(settings: Settings, hub: Sandbox) -> None:
    with over_http(settings, QUIET) as address:
        before = generate(address, "a fox", wait_seconds=45)
        begun = poll(address, None)
        assert begun["events"] == [] and begun["truncated"] is begun["hasMore"] is False and begun["nextPollMs"] >= 1000
        made = generate(address, "a hare", wait_seconds=45)
        told = poll(address, begun["cursor"])
        [event] = told["events"]
        assert event["name"] == "video.finished" and event["timestamp"].endswith("Z")
        assert (event["data"]["generation_id"], event["data"]["status"], event["data"]["kind"]) == (
            *(made, "succeeded"),
            "video",
        )
        assert "oxen_signature" not in json.dumps(told) and "url" not in event["data"]
        assert poll(address, told["cursor"])["events"] == []
        running = generate(address, "an owl", wait_seconds=0)
    with over_http(settings, QUIET) as address:  # another process, that has never heard of it
        again = poll_until(address, told["cursor"])
        assert [one["data"]["generation_id"] for one in again["events"]] == [running]
        assert before not in json.dumps([told, again])
        told = poll(address, begun["cursor"])["events"]  # at the place one comes back to; the hub tells whole seconds
        assert sorted(map(str, told)) == sorted(map(str, [event, *again["events"]]))


def test_what_failed_is_told_and_arguments_narrow_it(settings: Settings, hub: Sandbox) -> None:
    with over_http(settings, QUIET) as address:
        start = poll(address, None)["cursor"]
        good = generate(address, "a fox", wait_seconds=45)
        hub.faults.add("fail=The model's provider failed.")
        arguments = {"prompt": "a hare", "wait_seconds": 45}
        failed = result(address, "tools/call", name="generate_video", arguments=arguments)
        bad = json.loads(failed["content"][0]["text"])["generation_id"]
        status = {one["data"]["generation_id"]: one["data"]["status"] for one in poll(address, start)["events"]}
        assert status == {good: "succeeded", bad: "failed"}
        only = poll(address, start, arguments={"status": "failed"})["events"]
        assert [one["data"]["generation_id"] for one in only] == [bad]
        only = poll(address, start, arguments={"generation_ids": [good]})["events"]
        assert [one["data"]["generation_id"] for one in only] == [good]


def test_a_film_is_one_end(settings: Settings, hub: Sandbox) -> None:
    with over_http(settings, QUIET) as address:
        start = poll(address, None)["cursor"]
        shots = [{"prompt": "a fox in snow", "duration": 5}, {"prompt": "a hare in snow", "duration": 5}]
        asked = {"multi_prompt": shots, "wait_seconds": 45, "model": MODEL}
        film = result(address, "tools/call", name="generate_video", arguments=asked)["structuredContent"]
        while film["status"] == "processing":
            arguments = {"generation_ids": [film["generation_id"]], "wait_seconds": 45}
            film = result(address, "tools/call", name="get_video", arguments=arguments)["structuredContent"]
        [event] = poll(address, start)["events"]
    assert event["data"] == {
        "generation_id": film["generation_id"],
        "kind": "film",
        "status": "succeeded",
        "model": film["model"],
        "film": None,
    }


def test_a_batch_that_is_too_large_comes_in_parts(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        start = cursor = poll(address, None)["cursor"]
        made = [generate(address, f"a fox number {number}", wait_seconds=45) for number in range(3)]
        seen = []
        for _ in range(3):
            part = poll(address, cursor, maxEvents=1)
            seen += [one["data"]["generation_id"] for one in part["events"]]
            cursor = part["cursor"]
        assert sorted(seen) == sorted(made) and len(set(seen)) == 3
        assert poll(address, cursor)["events"] == []
        none = poll(address, start, maxAgeMs=0)
        assert none["truncated"] and none["events"] == []


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"name": "email.received"}, -32023, "NotFound"),
    ({"name": "video.finished", "arguments": {"colour": "red"}}, -32602, "generation_ids and status"),
    ({"name": "video.finished", "arguments": {"status": "running"}}, -32602, "status"),
]


def test_what_is_not_there_is_refused(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        for params, code, words in REFUSED:
            for method in ("events/poll", "events/stream"):
                error = ask(address, method, **params)["error"]
                assert error["code"] == code and words in error["message"], params


def test_a_cursor_that_is_none_starts_anew_and_says_so(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        for strange in ("gone", "W10", ""):
            answer = poll(address, strange)
            assert answer["truncated"] and answer["events"] == [] and answer["cursor"]


def test_a_hub_that_is_away_moves_no_cursor(settings: Settings, hub: Sandbox) -> None:
    with over_http(settings, QUIET, clock=Patient()) as address:
        start = poll(address, None)["cursor"]
        made = generate(address, "a fox", wait_seconds=0)
        for point in ("get", "list"):
            hub.faults.add(f"error=500:json@*/{point}")
        error = ask(address, "events/poll", name="video.finished", cursor=start)["error"]
        assert (error["code"], error["message"]) == (-32603, "UpstreamError")
        hub.faults.clear()
        [event] = poll_until(address, start)["events"]
        assert event["data"]["generation_id"] == made


async def test_what_the_hub_says_late_is_told_and_told_once(settings: Settings) -> None:
    """Another process wrote down an end that lies behind the cursor: it comes, though its time has passed."""
    async with AsyncStudio(replace(settings, wait=0), clock=Swift()) as studio:
        ledger, scope = studio._session.ledger, await studio._session.scope()
        from oxen_video_tools.ledger.records import GenerationRow, Intent

        now = studio._session.clock.time()
        for number in range(2):
            intent = Intent(scope, f"r{number}", 1, {"model": "kling"}, reserved=1)
            [booked] = await ledger.reserve([intent], ledger.owner, now, 60.0, None)
            await ledger.mark_sending(booked.job.job, ledger.owner, now, 60.0)
            await ledger.record_job(booked.job.job, Submitted([GenerationRow(scope, f"g{number}")]), now)

        async def ended(number: int, at: float) -> None:
            await ledger.record_status(scope, [GenerationRow(scope, f"g{number}", status="succeeded", ended=at)], now)

        async def read(cursor: str) -> tuple[list[str], str]:
            async def nobody_runs(*_: Any, **__: Any) -> list[Any]:
                return []

            batch = await read_events(studio, Wanted(), cursor, now + 60, max_age=None, most=50)
            return [one["data"]["generation_id"] for one in batch.events], batch.cursor.write()

        studio.endings = lambda since, most=100: ledger.endings(scope, since, most)  # type: ignore[method-assign]
        begin = Cursor(now).write()
        await ended(0, now + 30)
        first, cursor = await read(begin)
        await ended(1, now + 10)
        second, cursor = await read(cursor)
        third, _ = await read(cursor)
        assert (first, second, third) == (["g0"], ["g1"], [])
        assert OVERLAP > 60


def test_the_old_protocol_knows_no_events(settings: Settings) -> None:
    with over_http(settings, QUIET) as address, httpx2.Client(timeout=HUNG, headers=bearer(TOKEN)) as http:
        accepts = {"Accept": "application/json, text/event-stream"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        session = {"mcp-session-id": http.post(f"{address}/mcp", json=body, headers=accepts).headers["mcp-session-id"]}
        asked = {"jsonrpc": "2.0", "id": 2, "method": "events/list", "params": {}}
        answer = http.post(f"{address}/mcp", json=asked, headers=accepts | session)
    assert "-32601" in answer.text


# ---- on a stream -----------------------------------------------------------------------------------------------------


def messages(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_a_stream_over_http_says_it_is_there_and_then_tells(settings: Settings, hub: Sandbox) -> None:
    with over_http(settings, QUIET) as address:
        with httpx2.stream(
            "POST",
            f"{address}/mcp",
            json=request("events/stream", {"name": "video.finished"}, number=7),
            headers=headers("events/stream"),
            timeout=HUNG,
        ) as stream:
            heard = messages(stream.iter_lines())
            active = next(heard)
            assert active["method"] == "notifications/events/active" and not active["params"]["truncated"]
            made = generate(address, "a fox", wait_seconds=0)
            event = next(one for one in heard if one["method"] == "notifications/events/event")
        assert event["params"]["data"]["generation_id"] == made
        for one in (active, event):
            assert one["params"]["_meta"][SUBSCRIPTION] == 7 and one["params"]["cursor"]
        assert poll(address, event["params"]["cursor"])["events"] == []  # the cursor of one way is good for another


async def test_a_stream_over_stdio(settings: Settings) -> None:
    parameters = over_stdio(environment(settings))
    process = await asyncio.create_subprocess_exec(
        parameters.command,
        *parameters.args,
        env=parameters.env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    assert process.stdin and process.stdout

    def send(message: dict[str, Any]) -> None:
        assert process.stdin
        process.stdin.write(json.dumps(message).encode() + b"\n")

    async def hear(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert process.stdout
        async with asyncio.timeout(HUNG):
            while True:
                message = json.loads(await process.stdout.readline())
                if wanted(message):
                    return dict(message)

    try:
        send(request("events/stream", {"name": "video.finished"}, number=3))
        await hear(lambda one: one.get("method") == "notifications/events/active")
        send(request("tools/call", {"name": "generate_video", "arguments": {"prompt": "a fox", "wait_seconds": 0}}, 4))
        made = await hear(lambda one: one.get("id") == 4)
        event = await hear(lambda one: one.get("method") == "notifications/events/event")
        assert event["params"]["data"]["generation_id"] == made["result"]["structuredContent"]["generation_id"]
        assert event["params"]["_meta"][SUBSCRIPTION] == 3
        send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}})
        send(request("events/list", {}, 5))
        assert (await hear(lambda one: one.get("id") == 5))["result"]["events"]
        process.stdin.close()
        async with asyncio.timeout(HUNG):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


# ---- at a webhook ----------------------------------------------------------------------------------------------------

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@dataclass
class Receiver:
    """An endpoint over TLS that answers challenges, and keeps what it is sent. fail: answers this once for each."""

    url: str = ""
    heard: Queue[tuple[dict[str, str], bytes]] = field(default_factory=Queue)
    fail: list[int] = field(default_factory=list)
    echo: bool = True
    challenges: int = 0

    def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        try:
            about, body = self.heard.get(timeout=HUNG)
        except Empty:
            pytest.fail("nothing came")
        signed = f"{about['webhook-id']}.{about['webhook-timestamp']}.".encode() + body
        mine = base64.b64encode(hmac.new(b"s" * 32, signed, hashlib.sha256).digest()).decode()
        assert f"v1,{mine}" in about["webhook-signature"].split(" ")
        return about, json.loads(body)


@contextmanager
def receiving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = json.loads(body)
            answer, status = b"{}", 200
            if told.get("type") == "verification":
                receiver.challenges += 1
                answer = json.dumps({"challenge": told["challenge"] if receiver.echo else "something else"}).encode()
            elif receiver.fail:
                status = receiver.fail.pop(0)
            else:
                receiver.heard.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    pem = certificate(folder, "hooks.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    async def loopback(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(url_guard, "resolve", loopback)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.url = f"https://hooks.example:{server.server_address[1]}/video"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join(HUNG)
        server.server_close()


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving(tmp_path, monkeypatch) as receiver:
        yield receiver


@pytest.fixture
def this_machine_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_guard, "is_public", lambda _address: True)


def subscribe(address: str, url: str, **rest: Any) -> dict[str, Any]:
    delivery = {"mode": "webhook", "url": url, "secret": rest.pop("secret", SECRET)}
    return ask(address, "events/subscribe", name="video.finished", delivery=delivery, **rest)


@pytest.mark.usefixtures("this_machine_is_public")
def test_a_webhook_is_asked_first_signed_retried_and_ended(
    settings: Settings, hub: Sandbox, receiver: Receiver
) -> None:
    with over_http(settings, QUIET, clock=Patient()) as address:
        mine = subscribe(address, receiver.url)["result"]
        assert mine["id"].startswith("sub_") and mine["refreshBefore"] and mine["cursor"] and receiver.challenges == 1
        receiver.fail = [503, 429]
        made = generate(address, "a fox", wait_seconds=0)
        about, event = receiver.next()
        assert event["data"]["generation_id"] == made and event["eventId"] == about["webhook-id"] and event["cursor"]
        assert about["x-mcp-subscription-id"] == mine["id"] and about["content-type"] == "application/json"
        again = subscribe(address, receiver.url)["result"]  # renewed: the same, and asked for no proof again
        assert again["id"] == mine["id"] and receiver.challenges == 1
        new = "whsec_" + base64.b64encode(b"n" * 32).decode()
        assert "result" in subscribe(address, receiver.url, secret=new)
        generate(address, "a hare", wait_seconds=0)
        about, _ = receiver.next()  # it verifies under the old secret, and under the new one
        assert len(about["webhook-signature"].split(" ")) == 2
        end = {"name": "video.finished", "delivery": {"url": receiver.url}}
        assert result(address, "events/unsubscribe", **end)["resultType"] == "complete"
        assert ask(address, "events/unsubscribe", **end)["error"]["code"] == -32023
        generate(address, "an owl", wait_seconds=45)
        assert receiver.heard.empty()


@pytest.mark.usefixtures("this_machine_is_public")
def test_a_webhook_goes_on_where_it_was_after_a_restart(settings: Settings, hub: Sandbox, receiver: Receiver) -> None:
    with over_http(settings, QUIET, clock=Patient()) as address:
        cursor = subscribe(address, receiver.url)["result"]["cursor"]
    with over_http(settings, QUIET, clock=Patient()) as address:
        made = generate(address, "a fox", wait_seconds=45)
        assert receiver.heard.empty()
        assert subscribe(address, receiver.url, cursor=cursor)["result"]["truncated"] is False
        assert receiver.next()[1]["data"]["generation_id"] == made


def test_where_the_operator_vouches_nobody_is_asked(settings: Settings, hub: Sandbox, receiver: Receiver) -> None:
    base = receiver.url.replace("hooks.example", "localhost").removesuffix("video")
    with over_http(settings, replace(QUIET, webhooks=(base,)), clock=Patient()) as address:
        answer = subscribe(address, f"{base}video")
        assert "result" in answer and receiver.challenges == 0


UNUSABLE = [
    ("http://hooks.example/video", SECRET),
    ("https://127.0.0.1/video", SECRET),
    ("https://10.0.0.7/video", SECRET),
    ("https://hooks.internal/video", SECRET),
    ("https://hooks.example/video", "too short"),
    ("https://hooks.example/video", "whsec_" + base64.b64encode(b"s" * 8).decode()),
]


def test_an_address_or_a_secret_that_can_not_be_used(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        for url, secret in UNUSABLE:
            assert subscribe(address, url, secret=secret)["error"]["code"] == -32602, (url, secret)


@pytest.mark.usefixtures("this_machine_is_public")
def test_an_address_that_does_not_want_it_gets_nothing(settings: Settings, hub: Sandbox, receiver: Receiver) -> None:
    receiver.echo = False
    with over_http(settings, QUIET, clock=Patient()) as address:
        error = subscribe(address, receiver.url)["error"]
        assert (error["code"], error["data"]) == (-32027, {"reason": "challenge_failed"})
        elsewhere = receiver.url.replace("https://hooks.example", "https://other.example")
        error = subscribe(address, elsewhere)["error"]
        assert error["data"]["reason"] == "tls_error"  # the certificate is another name's
        generate(address, "a fox", wait_seconds=45)
    assert receiver.heard.empty()


def test_without_a_name_there_is_no_webhook(settings: Settings) -> None:
    with over_http(settings, replace(QUIET, own_key=True), here=False) as address:
        sent = request(
            "events/subscribe", {"name": "video.finished", "delivery": {"url": "https://a.example", "secret": SECRET}}
        )
        about = {name: value for name, value in headers("events/subscribe").items() if name != "Authorization"}
        answer = httpx2.post(f"{address}/mcp", json=sent, headers=about, timeout=HUNG).json()
        assert answer["error"]["code"] == -32024


# ---- a key that is revoked, and a host that strangers would have flooded ---------------------------------------------

REVOKED = {"code": -32024, "message": "Forbidden", "data": {"reason": "Access revoked"}}


def subscribe_as(key: str, address: str, url: str) -> dict[str, Any]:
    delivery = {"mode": "webhook", "url": url, "secret": SECRET}
    sent = request("events/subscribe", {"name": "video.finished", "delivery": delivery})
    return dict(httpx2.post(f"{address}/mcp", json=sent, headers=headers("events/subscribe", key), timeout=HUNG).json())


@pytest.mark.usefixtures("this_machine_is_public")
def test_a_webhook_hears_that_its_key_was_revoked(settings: Settings, hub: Sandbox, receiver: Receiver) -> None:
    """Although nothing runs that the hub would be asked about: the key is proven again, as for any other call."""
    clock = Patient()
    with over_http(settings, QUIET, clock=clock) as address:
        mine = subscribe_as("somebody", address, receiver.url)["result"]
        receiver.fail = [503]
        hub.faults.add("unauthenticated@*/any")
        clock.ahead = PROVEN + 1
        about, told = receiver.next()
        assert told == {"type": "terminated", "error": REVOKED}
        assert about["x-mcp-subscription-id"] == mine["id"] and about["webhook-id"].startswith("msg_terminated_")
        hub.faults.clear()
        clock.ahead += PROVEN + 1
        sent = request("events/unsubscribe", {"name": "video.finished", "delivery": {"url": receiver.url}})
        about = headers("events/unsubscribe", "somebody")
        answer = httpx2.post(f"{address}/mcp", json=sent, headers=about, timeout=HUNG).json()
        assert answer["error"]["code"] == -32023, "the subscription is gone"
        assert "result" in subscribe_as("somebody", address, receiver.url), "and may be made anew"
    assert receiver.heard.empty(), "it is told once"


def test_a_stream_ends_when_its_key_is_revoked(settings: Settings, hub: Sandbox) -> None:
    clock = Patient()
    with (
        over_http(settings, QUIET, clock=clock) as address,
        httpx2.stream(
            "POST",
            f"{address}/mcp",
            json=request("events/stream", {"name": "video.finished"}, number=7),
            headers=headers("events/stream", "somebody"),
            timeout=HUNG,
        ) as stream,
    ):
        heard = messages(stream.iter_lines())
        assert next(heard)["method"] == "notifications/events/active"
        hub.faults.add("unauthenticated@*/any")
        clock.ahead = PROVEN + 1
        last = next(one for one in heard if one["method"] != "notifications/events/heartbeat")
        assert last["method"] == "notifications/events/terminated" and last["params"]["error"] == REVOKED
        assert last["params"]["_meta"][SUBSCRIPTION] == 7


@pytest.mark.usefixtures("this_machine_is_public")
def test_challenges_to_one_host_are_counted_over_all_callers(
    settings: Settings, hub: Sandbox, receiver: Receiver
) -> None:
    receiver.echo = False
    clock = Patient()
    with over_http(settings, QUIET, clock=clock) as address:
        for number in range(CHALLENGES):
            answer = subscribe_as(f"caller-{number}", address, f"{receiver.url}/{number}")
            assert answer["error"]["data"] == {"reason": "challenge_failed"}
        refused = subscribe_as("one-more", address, receiver.url)["error"]
        assert (refused["code"], refused["data"]["limit"]) == (-32025, "challenges")
        assert receiver.challenges == CHALLENGES
        elsewhere = receiver.url.replace("hooks.example", "other.example")  # another name of the same address
        assert subscribe_as("one-more", address, elsewhere)["error"]["code"] == -32025
        clock.ahead = 61.0
        assert subscribe_as("one-more", address, receiver.url)["error"]["data"] == {"reason": "challenge_failed"}
