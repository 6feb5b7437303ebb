"""No key and no signed query in any log line, repr, exception or trace; whatever goes wrong."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.errors import InvalidRequest, OxenError, SubmissionUnclear
from oxen_video_tools.hub import HubClient
from oxen_video_tools.hub.transport import redacted_logging
from oxen_video_tools.redaction import HIDDEN, redact, unsigned

from ..clocks import FakeClock, growth
from .conftest import KEY
from .wire import DROP, MP4, Says

HubOn = Callable[..., Any]
SIGNATURE = "s1gn4tureT0pSecret"
SIGNED = f"/api/repos/a/b/v.mp4?oxen_signature={SIGNATURE}&oxen_expires=1790000000"
WHOLE = f"https://hub.oxen.ai{SIGNED}"


# -- text --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"GET {WHOLE} failed",
        f'{{"url": "{WHOLE}"}}',
        json.dumps(json.dumps({"url": WHOLE})),
        json.dumps({"url": WHOLE}).replace("/", "\\/"),
        f"see <{WHOLE}>, ({WHOLE}) [{WHOLE}]",
        f"({WHOLE}),({WHOLE}),{WHOLE}",
        f"https://x.example/{'a' * 5000}?s={SIGNATURE}",
        f"https://x.example/callback#access_token={SIGNATURE}",
        f"HTTPS://HUB.OXEN.AI/V.MP4?X={SIGNATURE}",
        f"wss://x.example/?t={SIGNATURE}",
        SIGNED,
        f"oxen_signature={SIGNATURE}",
        f"'oxen_signature': '{SIGNATURE}'",
        f'\\"oxen_signature\\": \\"{SIGNATURE}\\"',
        f"https%3A%2F%2Fhub.oxen.ai%2Fv.mp4%3Foxen_signature%3D{SIGNATURE}",
        f"X-Amz-Signature={SIGNATURE}&X-Amz-Credential={SIGNATURE}",
        f"X-Goog-Signature={SIGNATURE}",
        f"Authorization: Bearer {SIGNATURE}",
        f"authorization=bearer%20{SIGNATURE}",
        f"(b'Authorization', b'Bearer {SIGNATURE}')",
        f'"Authorization": "Basic {SIGNATURE}"',
        f"OXEN_API_KEY={SIGNATURE}",
        f'{{"api_key": "{SIGNATURE}"}}',
        f"apikey: {SIGNATURE}",
        f'auth_token = "{SIGNATURE}"',
        f"postgresql://me:{SIGNATURE}@db.example/ledger",
        f"password={SIGNATURE}",
        f"line one\n{WHOLE}\nline three",
    ],
)
def test_secrets_are_taken_out_of_text(text: str) -> None:
    clean = redact(text)
    assert SIGNATURE not in clean
    assert HIDDEN in clean


@pytest.mark.parametrize(
    "text",
    [
        "Cannot provide both 'prompt' and 'multi_prompt'.",
        "Model not found: kling-video-v2-6-pro-text-to-video",
        "duration value '2' is invalid. Try using duration='5' instead",
        "https://hub.oxen.ai/api/ai/queue",
        "What? A red balloon: 5 s, 16:9 (see docs).",
        "signature moves of a dancer, password-free",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_named_secret_is_hidden_wherever_it_stands() -> None:
    assert redact(f"x{KEY}y{KEY}", KEY) == f"x{HIDDEN}y{HIDDEN}"
    assert redact("abc", "a", None, "") == "abc"  # too short to be one


def test_the_rest_of_the_link_stays() -> None:
    assert redact(WHOLE) == f"https://hub.oxen.ai/api/repos/a/b/v.mp4?{HIDDEN}"
    assert unsigned(f"https://me:pw@x.example/v.mp4?s=1#t={SIGNATURE}") == "https://x.example/v.mp4"


@given(
    st.text(max_size=40),
    st.from_regex(r"[a-zA-Z0-9_]{1,20}=[a-zA-Z0-9%._~+/-]{12,60}", fullmatch=True),
    st.text(alphabet=" \n\"'<>)]}", min_size=1, max_size=3),
)
def test_no_query_of_any_link_survives(before: str, query: str, after: str) -> None:
    clean = redact(f"{before} https://x.example/a/b.mp4?{query}{after}tail")
    assert query not in clean
    assert clean.endswith("tail")


@given(st.text(max_size=300))
def test_any_text_goes_through_and_is_stable(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "piece",
    ["a", "a-", "http://", "https://a@", "https://a?b)", "bearer ", "api_key", "api_key=", "%2f%2f", "a:%2f%2f"],
)
def test_its_time_grows_with_the_length_whatever_is_thrown_at_it(piece: str) -> None:
    assert growth(lambda length: redact(piece * (length // len(piece))), 10_000) < 9


# -- logs, errors, traces ----------------------------------------------------------------------------------------------


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Callable[..., str]:
    """All that was logged, at any level, by anybody; and all that an error shows of itself."""
    caplog.set_level(logging.DEBUG)
    for name in (
        "httpx",
        "httpcore",
        "httpcore.http11",
        "httpcore.connection",
        "oxen_video_tools",
        "asyncio",
    ):
        caplog.set_level(logging.DEBUG, logger=name)

    def collect(*errors: BaseException) -> str:
        lines = [f"{record.getMessage()} {record.args!r} {record.__dict__!r}" for record in caplog.records]
        for error in errors:
            lines += [str(error), repr(error), "".join(traceback.format_exception(error))]
            lines += [repr(error.__dict__), repr(error.__cause__)]
            if isinstance(error, OxenError):
                lines.append(error.words)
        return "\n".join(lines)

    return collect


ECHO = {"error": {"message": f"Bad key {KEY} for {WHOLE}"}}


@pytest.mark.parametrize(
    "answer",
    [
        (400, ECHO),
        (401, ECHO),
        (429, ECHO),
        (500, ECHO),
        (502, f"Bad key {KEY} for {WHOLE}"),
        (200, f"<html>{KEY} {WHOLE}</html>"),
        (200, {"error": f"{KEY} {WHOLE}"}),
        Says(302, "", {"location": WHOLE}),
        Says(400, ECHO, {"www-authenticate": f"Bearer {KEY}", "x-amz-signature": SIGNATURE}),
        DROP,
    ],
)
@pytest.mark.parametrize("call", ["get", "list", "enqueue", "generate", "models", "me", "events"])
async def test_nothing_leaks_from_a_call_that_fails(
    hub_on: HubOn, everything: Callable[..., str], answer: Any, call: str
) -> None:
    hub, _ = await hub_on(answer, *([(401, ECHO)] if call == "events" else []), deadline=2)
    body = {"model": "m", "prompt": "p", "input_image": WHOLE}
    given = {"get": ["g-1"], "enqueue": [body], "generate": [body]}.get(call, [])
    errors: list[BaseException] = []
    if call == "events":
        with pytest.raises(OxenError) as refused:
            async for _ in hub.events():
                raise AssertionError("there is no event")
        errors.append(refused.value)
    else:
        with pytest.raises(OxenError) as caught:
            await getattr(hub, call)(*given, **({"timeout": 2.0} if call == "generate" else {}))
        errors.append(caught.value)
        if isinstance(caught.value, SubmissionUnclear):  # `sent` is what was sent, for reconciliation
            assert caught.value.sent == body
            caught.value.sent = {}
    told = everything(*errors)
    assert KEY not in told
    assert SIGNATURE not in told


@pytest.mark.parametrize("answers", [[(200, MP4)], [(403, f"{WHOLE}")], [DROP, (200, MP4)], [(200, f"<xml>{WHOLE}")]])
async def test_nothing_leaks_from_a_download(
    hub_on: HubOn, everything: Callable[..., str], tmp_path: Path, answers: list[Any]
) -> None:
    hub, _ = await hub_on(*answers)
    errors = []
    try:
        await hub.download(SIGNED, tmp_path / "v.mp4")
    except OxenError as error:
        errors.append(error)
    told = everything(*errors)
    assert "HTTP Request: GET" in told  # httpx's own line is there, without the query
    assert SIGNATURE not in told
    assert KEY not in told


async def test_nothing_leaks_from_a_redirect(hub_on: HubOn, everything: Callable[..., str], tmp_path: Path) -> None:
    hub, _ = await hub_on(Says(302, "", {"location": f"http://10.0.0.1/v?sig={SIGNATURE}"}))
    with pytest.raises(OxenError) as caught:
        await hub.download(SIGNED, tmp_path / "v.mp4")
    assert SIGNATURE not in everything(caught.value)


async def test_a_record_keeps_its_link_whole_and_shows_it_nowhere_else(
    hub_on: HubOn, everything: Callable[..., str]
) -> None:
    record = {"generation_id": "g", "status": "failed", "result_url": SIGNED, "error_message": f"{KEY}: see {WHOLE}"}
    hub, _ = await hub_on(record)
    job = await hub.get("g")
    assert job.url == hub.base_url + SIGNED
    assert SIGNATURE not in repr(job) + str(job.error_message) + everything()
    assert KEY not in repr(job) + str(job.error_message)


def test_the_client_shows_no_key() -> None:
    hub = HubClient(api_key=KEY)
    assert KEY not in repr(hub) + str(hub) + repr(vars(hub))
    assert KEY not in repr(hub.transport)


def test_other_libraries_keep_their_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="httpx")
    url = "https://somebody.example/search?q=balloon"
    with redacted_logging(KEY):
        logging.getLogger("httpx").info("HTTP Request: %s %s", "GET", url)
    logging.getLogger("httpx").info("HTTP Request: %s %s", "GET", url)
    ours, theirs = (record.getMessage() for record in caplog.records)
    assert ours == f"HTTP Request: GET https://somebody.example/search?{HIDDEN}"
    assert theirs == f"HTTP Request: GET {url}"


def test_the_filter_is_set_once() -> None:
    for _ in range(3):
        with redacted_logging(None):
            pass
    assert sum("Redacting" in type(one).__name__ for one in logging.getLogger("httpx").filters) == 1


async def test_an_httpx_error_with_a_link_in_it_is_redacted(everything: Callable[..., str]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"reading {WHOLE} with {KEY}")

    async with HubClient(api_key=KEY, clock=FakeClock(), transport=httpx.MockTransport(fail)) as hub:
        for call in (hub.get("g"), hub.enqueue({"model": "m"})):
            with pytest.raises(OxenError) as caught:
                await call
            told = everything(caught.value)
            assert SIGNATURE not in told
            assert KEY not in told


def test_errors_survive_pickling_without_secrets() -> None:
    error = InvalidRequest(f"see {WHOLE}", problems=[f"at {WHOLE}"], fix=f"use {WHOLE}", status_code=400)
    again = pickle.loads(pickle.dumps(error))
    assert again.words == error.words
    assert copy.copy(error).message == error.message
    assert SIGNATURE not in repr(again.__dict__)


def test_what_stands_in_place_of_a_query() -> None:
    assert redact("https://h/a?sig=1") == f"https://h/a?{HIDDEN}"
    assert redact("https://h/a#sig=1") == f"https://h/a#{HIDDEN}"
    assert redact("https%3A%2F%2Fh%2Fa%3Fsig%3D1") == f"https%3A%2F%2Fh%2Fa%3F{HIDDEN}"


def test_a_secret_has_at_least_four_letters() -> None:
    assert redact("abcd abc", "abcd") == f"{HIDDEN} abc"
    assert redact("abcd abc", "abc", None, "") == "abcd abc"


@pytest.mark.parametrize(
    "url",
    [
        "https://h/a",
        "https://h/a?b?c",
        "https://h/a#b#c",
        "https://h/a?b#c?d#e",
        "https://h/a#b?c",
        "https://me:pw@h/a?b",
    ],
)
def test_the_part_of_a_url_that_names_the_file(url: str) -> None:
    assert unsigned(url) == "https://h/a"


async def test_a_traceback_with_locals_shows_no_key(tmp_path: Path) -> None:
    """As rich, pytest and error trackers print them."""

    def broken(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"] == f"Bearer {KEY}")
        raise RuntimeError("it crashed")

    seen: list[bool] = []
    hub = HubClient(api_key=KEY, base_url="https://hub.oxen.ai", transport=httpx.MockTransport(broken))
    calls = (
        lambda: hub.get("g-1"),
        lambda: hub.enqueue({"model": "m", "prompt": "x"}),
        lambda: anext(hub.events()),
    )
    for call in calls:
        with pytest.raises(RuntimeError) as caught:
            await call()
        told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert "transport.py" in told or "events.py" in told
        assert KEY not in told
    assert seen == [True] * 3
    await hub.close()
