"""Calls that cost nothing: every endpoint, what is repeated, for how long, and what is read from odd answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from oxen_video_tools.errors import (
    HubUnavailable,
    InvalidRequest,
    ModelNotFound,
    NotFound,
    OxenError,
    RateLimited,
    Unauthenticated,
)
from oxen_video_tools.hub import HubClient
from oxen_video_tools.settings import Settings

from ..clocks import HUNG, FakeClock
from .conftest import KEY
from .wire import DROP, HANG, Asked, Says, routed

HubOn = Callable[..., Any]
JOB = {"generation_id": "g-1", "status": "processing", "model_name": "m"}


# -- endpoints -----------------------------------------------------------------------------------------------


async def test_one_job(hub_on: HubOn) -> None:
    hub, wire = await hub_on(JOB)
    job = await hub.get("g-1")
    assert (job.generation_id, job.status, job.model) == ("g-1", "processing", "m")
    assert wire.asked[0].target == "/api/ai/queue/g-1"
    assert wire.asked[0].key == f"Bearer {KEY}"


async def test_ids_are_percent_encoded(hub_on: HubOn) -> None:
    hub, wire = await hub_on({"id": "happyhorse-1.0-t2v"})
    await hub.model("happyhorse-1.0-t2v")
    await hub.model("a/b c?d#e")
    assert [asked.target for asked in wire.asked] == [
        "/api/ai/models/happyhorse-1.0-t2v",
        "/api/ai/models/a%2Fb%20c%3Fd%23e",
    ]


@pytest.mark.parametrize("name", ["", " ", ".", ".."])
async def test_ids_that_would_name_another_route_are_not_sent(hub_on: HubOn, name: str) -> None:
    hub, wire = await hub_on(JOB)
    with pytest.raises(NotFound):
        await hub.get(name)
    with pytest.raises(NotFound):
        await hub.cancel(name)
    with pytest.raises(ModelNotFound):
        await hub.model(name)
    assert wire.asked == []


async def test_the_list_and_its_filters(hub_on: HubOn) -> None:
    hub, wire = await hub_on({"count": 1, "generations": [JOB], "target_namespace": "org"})
    jobs = await hub.list(status="succeeded", model="m", namespace="org", media_type="video", repo="r", folder="f/g")
    assert [job.generation_id for job in jobs] == ["g-1"]
    assert jobs[0].namespace == "org"
    assert wire.asked[0].query == {
        "status": "succeeded",
        "model": "m",
        "namespace": "org",
        "media_type": "video",
        "repo": "r",
        "folder": "f/g",
    }
    await hub.list()
    assert wire.asked[1].target == "/api/ai/queue"


async def test_an_unknown_id(hub_on: HubOn) -> None:
    hub, _ = await hub_on((404, {"error": {"type": "resource_not_found", "title": "Resource not found"}}))
    with pytest.raises(NotFound) as caught:
        await hub.get("nope")
    assert caught.value.status_code == 404


async def test_cancel(hub_on: HubOn) -> None:
    routes = {
        "DELETE /api/ai/queue/g-1": {"status": "success", "generation_id": "g-1"},
        "GET /api/ai/queue/g-1": JOB | {"status": "cancelled"},
    }
    hub, wire = await hub_on(routed(routes))
    assert (await hub.cancel("g-1")).status == "cancelled"
    assert [asked.method for asked in wire.asked] == ["DELETE", "GET"]


async def test_cancelling_a_finished_job_leaves_it_as_it_is(hub_on: HubOn) -> None:
    for said in ((200, {"status": "success"}), (409, {"error": "already finished"}), (204, b"")):
        routes = {"DELETE /api/ai/queue/g-1": said, "GET /api/ai/queue/g-1": JOB | {"status": "succeeded"}}
        hub, _ = await hub_on(routed(routes))
        assert (await hub.cancel("g-1")).status == "succeeded"


async def test_a_cancel_that_is_refused_while_it_runs(hub_on: HubOn) -> None:
    routes = {"DELETE /api/ai/queue/g-1": (400, {"error": "not now"}), "GET /api/ai/queue/g-1": JOB}
    hub, _ = await hub_on(routed(routes))
    with pytest.raises(InvalidRequest, match="not now"):
        await hub.cancel("g-1")


async def test_cancel_of_an_unknown_id(hub_on: HubOn) -> None:
    hub, _ = await hub_on((404, {"error": {"message": "Generation not found"}}))
    with pytest.raises(NotFound):
        await hub.cancel("g-1")


async def test_history(hub_on: HubOn) -> None:
    hub, wire = await hub_on({"generations": [JOB | {"cost": "0.35"}], "total_cost": "1.05", "total_pages": 3})
    page = await hub.history(page=2, page_size=10)
    assert (str(page.generations[0].cost), str(page.total_cost), page.page, page.has_more) == ("0.35", "1.05", 2, True)
    assert wire.asked[0].target == "/api/ai/generations?page=2&page_size=10"


async def test_models_search_and_model(hub_on: HubOn) -> None:
    model = {"id": "m", "capabilities": {"output": ["video"]}}
    routes = {
        "GET /api/ai/models": {"object": "list", "data": [model]},
        "GET /api/ai/models/search": (200, [model]),  # a bare array has been seen
        "GET /api/ai/models/m": {"model": model},
    }
    hub, wire = await hub_on(routed(routes))
    assert [one.id for one in await hub.models()] == ["m"]
    assert [one.id for one in await hub.search("kling o3")] == ["m"]
    assert (await hub.model("m")).id == "m"
    assert wire.asked[1].query == {"search": "kling o3"}
    with pytest.raises(ModelNotFound, match="Model not found: x"):
        await hub.model("x")


async def test_live_models_are_asked_for_by_deployment_status(hub_on: HubOn) -> None:
    hub, wire = await hub_on({"object": "list", "data": []})
    await hub.models(deployment_status="live")
    assert wire.asked[0].query == {"deployment_status": "live"}


async def test_activate_and_deactivate(hub_on: HubOn) -> None:
    hub, wire = await hub_on({"status": "success"})
    assert await hub.activate("me/own.1") == {"status": "success"}
    await hub.deactivate("me/own.1")
    assert [(asked.method, asked.target) for asked in wire.asked] == [
        ("POST", "/api/ai/models/me%2Fown.1/activate"),
        ("POST", "/api/ai/models/me%2Fown.1/deactivate"),
    ]


async def test_who_am_i(hub_on: HubOn) -> None:
    hub, _ = await hub_on({"user": {"username": "ox"}, "status": "success"})
    assert await hub.me() == "ox"
    hub, _ = await hub_on({"user": {}})
    with pytest.raises(HubUnavailable):
        await hub.me()


# -- the key and the User-Agent ------------------------------------------------------------------------------


async def test_the_user_agent_never_holds_the_name_of_the_hub(hub_on: HubOn) -> None:
    hub, wire = await hub_on(JOB)
    await hub.get("g-1")
    assert "oxen" not in wire.asked[0].headers["user-agent"].lower()
    with pytest.raises(InvalidRequest):
        HubClient(user_agent="my-OxEn-client")


async def test_426_names_the_reason(hub_on: HubOn) -> None:
    hub, wire = await hub_on((426, {"error": {"type": "update_required"}}))
    with pytest.raises(HubUnavailable, match="426"):
        await hub.get("g-1")
    assert len(wire.asked) == 1


async def test_no_key_is_an_error_with_both_ways_on() -> None:
    for call in ("get", "enqueue", "generate", "cancel"):
        async with HubClient() as hub:
            with pytest.raises(Unauthenticated) as caught:
                await getattr(hub, call)({"model": "m"} if call in ("enqueue", "generate") else "g-1")
            assert "OXEN_API_KEY" in str(caught.value.fix)
            assert "OXEN_VIDEO_SANDBOX=1" in str(caught.value.fix)


async def test_the_model_list_needs_no_key(clock: FakeClock) -> None:
    seen: list[httpx.Request] = []

    def hub_says(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    async with HubClient(transport=httpx.MockTransport(hub_says), clock=clock) as hub:
        assert await hub.models() == []
    assert "authorization" not in seen[0].headers


async def test_the_key_never_goes_over_plain_http_to_another_machine(clock: FakeClock) -> None:
    seen: list[httpx.Request] = []

    def hub_says(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    there = {"base_url": "http://hub.example", "api_key": KEY, "clock": clock}
    async with HubClient(transport=httpx.MockTransport(hub_says), **there) as hub:  # type: ignore[arg-type]
        with pytest.raises(Unauthenticated, match="https"):
            await hub.get("g-1")
        with pytest.raises(Unauthenticated, match="https"):
            await hub.enqueue({"model": "m"})
        await hub.models()
    assert [request.headers.get("authorization") for request in seen] == [None]


@pytest.mark.parametrize("key", ["sk-\nX-Evil: 1", "sk-ключ", "sk 1"])
async def test_a_key_that_is_no_key_is_not_shown(hub_on: HubOn, key: str) -> None:
    hub, wire = await hub_on(JOB, api_key=key)
    with pytest.raises(Unauthenticated) as caught:
        await hub.get("g-1")
    assert key not in caught.value.words
    assert wire.asked == []


@pytest.mark.parametrize("address", ["", "hub.oxen.ai", "ftp://hub", "http://", "https://user:pw@hub.oxen.ai"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(InvalidRequest):
        HubClient(base_url=address)


async def test_settings_make_a_client(clock: FakeClock) -> None:
    hub = HubClient.of(Settings(api_key=KEY, base_url="https://hub.example"), clock=clock, deadline=3)
    assert hub.base_url == "https://hub.example"
    assert KEY not in repr(hub) + repr(hub.transport) + repr(vars(hub))


async def test_api_redirects_are_never_followed(hub_on: HubOn) -> None:
    hub, wire = await hub_on(Says(302, b"", {"location": "http://127.0.0.1:1/steal"}))
    with pytest.raises(HubUnavailable) as caught:
        await hub.get("g-1")
    assert "OXEN_BASE_URL" in str(caught.value.fix)
    assert len(wire.asked) == 1


# -- what may be repeated ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["get", "list", "models", "history"])
async def test_reading_is_repeated(hub_on: HubOn, clock: FakeClock, status: int, method: str) -> None:
    good = {"data": [], "generations": [JOB]}
    hub, wire = await hub_on((status, {"error": "later"}), (status, "<html>no</html>"), good)
    await getattr(hub, method)(*(["g-1"] if method == "get" else []))
    assert len(wire.asked) == 3
    assert 0.25 <= clock.monotonic() < 3


async def test_cancel_is_repeated(hub_on: HubOn) -> None:
    hub, wire = await hub_on((502, ""), DROP, {"status": "success"}, JOB | {"status": "cancelled"})
    await hub.cancel("g-1")
    assert [asked.method for asked in wire.asked] == ["DELETE", "DELETE", "DELETE", "GET"]


async def test_a_dropped_or_broken_answer_is_asked_for_again(hub_on: HubOn) -> None:
    whole = Says(200, JOB)
    hub, wire = await hub_on(DROP, Says(200, JOB, cut=70), Says(200, JOB, cut=10), whole)
    assert (await hub.get("g-1")).generation_id == "g-1"
    assert len(wire.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422, 426, 501])
async def test_a_refusal_is_not_repeated(hub_on: HubOn, status: int) -> None:
    hub, wire = await hub_on((status, {"error": "no"}))
    with pytest.raises(OxenError) as caught:
        await hub.get("g-1")
    assert caught.value.status_code == status
    assert len(wire.asked) == 1


async def test_pauses_grow(hub_on: HubOn, clock: FakeClock) -> None:
    at: list[float] = []

    def answer(_: Asked) -> Any:
        at.append(clock.monotonic())
        return (503, "")

    hub, _ = await hub_on(answer, deadline=60)
    with pytest.raises(HubUnavailable):
        await hub.get("g-1")
    pauses = [later - sooner for sooner, later in pairwise(at)]
    assert len(pauses) == 7
    for number, pause in enumerate(pauses):
        longest = min(8.0, 0.25 * 2**number)
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize("told", ["5", "Thu, 01 Jan 2026 00:00:05 GMT"])
async def test_retry_after_is_honoured(hub_on: HubOn, clock: FakeClock, told: str) -> None:
    wait = Says(429, {"status_message": "rate_limited"}, {"retry-after": told, "date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    hub, wire = await hub_on(wait, JOB)
    await hub.get("g-1")
    assert clock.monotonic() == pytest.approx(5)
    assert len(wire.asked) == 2


async def test_a_503_may_name_a_wait_too(hub_on: HubOn, clock: FakeClock) -> None:
    hub, _ = await hub_on(Says(503, "", {"retry-after": "7"}), JOB)
    await hub.get("g-1")
    assert clock.monotonic() == pytest.approx(7)


async def test_a_wait_beyond_the_deadline_is_not_begun(hub_on: HubOn, clock: FakeClock) -> None:
    hub, wire = await hub_on(Says(429, "slow", {"retry-after": "3600"}))
    with pytest.raises(RateLimited) as caught:
        await hub.get("g-1")
    assert caught.value.retry_after == 3600
    assert len(wire.asked) == 1
    assert clock.monotonic() == 0


async def test_the_deadline_bounds_all_repetitions(hub_on: HubOn, clock: FakeClock) -> None:
    hub, wire = await hub_on((502, "<html>bad</html>"), deadline=10)
    with pytest.raises(HubUnavailable) as caught:
        await hub.get("g-1")
    assert clock.monotonic() < 10
    assert 3 < len(wire.asked) < 8
    assert caught.value.status_code == 502
    before = clock.monotonic()
    with pytest.raises(HubUnavailable):
        await hub.get("g-1", deadline=0.2)
    assert clock.monotonic() - before < 0.2


async def test_a_hub_that_never_answers_is_an_error_not_a_hang(hub_on: HubOn, silence: Callable[..., None]) -> None:
    hub, wire = await hub_on(HANG, deadline=HUNG)
    silence(wire)
    with pytest.raises(HubUnavailable, match="no answer"):
        await hub.get("g-1")
    assert len(wire.asked) == 1


async def test_an_answer_that_trickles_without_end_is_cut_at_the_deadline(hub_on: HubOn) -> None:
    async def trickle() -> None:
        await asyncio.Event().wait()

    slow = Says(200, "", pieces=[b"{"] + [b" "] * 10, headers={"content-length": "1000"})
    hub, _ = await hub_on(slow, HANG, clock=None, deadline=0.3)
    with pytest.raises(HubUnavailable):
        await hub.get("g-1")


async def test_nobody_listens(clock: FakeClock) -> None:
    async with HubClient(api_key=KEY, base_url="http://127.0.0.1:1", clock=clock) as hub:
        with pytest.raises(HubUnavailable) as caught:
            await hub.get("g-1")
    assert caught.value.kind == "hub_unavailable"
    assert KEY not in caught.value.words


async def test_the_hubs_time_is_its_last_date_and_what_passed_since(hub_on: HubOn, clock: FakeClock) -> None:
    date = {"date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    hub, _ = await hub_on(Says(200, JOB, date), JOB, Says(200, JOB, {"date": "?"}), Says(200, JOB, date))
    assert hub.hub_time() is None
    for _ in range(3):
        await hub.get("g-1")
        assert hub.hub_time() == 1792567680 + 10 * _round(clock)
        await clock.sleep(10)
    await hub.get("g-1")  # the hub's clock was put back
    assert hub.hub_time() == 1792567680 and hub.hub_time(latest=True) == 1792567680 + 30


def _round(clock: FakeClock) -> float:
    return round(clock.monotonic() / 10)


async def test_giving_up_a_call_gives_it_up_at_once(hub_on: HubOn) -> None:
    hub, _ = await hub_on(HANG)
    call = asyncio.create_task(hub.get("g-1"))
    while not _.asked:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_call_can_be_given_up_between_two_tries(hub_on: HubOn) -> None:
    clock = FakeClock(auto=False)
    hub, wire = await hub_on((503, ""), JOB, clock=clock)
    call = asyncio.create_task(hub.get("g-1"))
    while not clock.sleepers:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(wire.asked) == 1


async def test_unpaid_posts_are_repeated_only_where_they_did_not_arrive(hub_on: HubOn) -> None:
    hub, wire = await hub_on((502, ""))
    with pytest.raises(HubUnavailable):
        await hub.activate("m")
    assert len(wire.asked) == 1
    hub, wire = await hub_on((429, ""), {"status": "success"})
    await hub.activate("m")
    assert len(wire.asked) == 2


# -- odd answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["<html>welcome</html>", "null", "[]", '"x"', "{}", "5", "{", ""])
async def test_a_200_that_is_no_record(hub_on: HubOn, odd: str) -> None:
    hub, _ = await hub_on((200, odd), deadline=1)
    with pytest.raises(HubUnavailable):
        await hub.get("g-1")
    with pytest.raises(HubUnavailable):
        await hub.model("m")


@pytest.mark.parametrize("odd", ["<html>welcome</html>", "null", '"x"', "{}", "5", "{", ""])
async def test_a_200_that_is_no_list_proves_no_absence(hub_on: HubOn, odd: str) -> None:
    hub, _ = await hub_on((200, odd), deadline=1)
    with pytest.raises(HubUnavailable):
        await hub.list()
    with pytest.raises(HubUnavailable):
        await hub.models()
    with pytest.raises(HubUnavailable):
        await hub.history()


async def test_a_200_that_carries_an_error(hub_on: HubOn) -> None:
    hub, _ = await hub_on((200, {"error": {"type": "unauthenticated", "title": "no"}}))
    with pytest.raises(Unauthenticated):
        await hub.list()


async def test_a_failed_record_is_no_failed_call(hub_on: HubOn) -> None:
    """Its `error` and `status` are the job's, not the answer's."""
    for failed in (
        JOB | {"status": "failed", "error": "the model failed"},
        JOB | {"status": "failed", "error": {"message": "the model failed"}},
        {"generation": JOB | {"status": "failed", "error_message": "the model failed"}},
    ):
        hub, _ = await hub_on(failed)
        job = await hub.get("g-1")
        assert (job.status, job.error_message) == ("failed", "the model failed")


async def test_an_answer_without_end_is_not_read_to_its_end(hub_on: HubOn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxen_video_tools.hub.transport.LARGEST_ANSWER", 1000)
    hub, _ = await hub_on((200, {"generations": [JOB] * 100}), deadline=1)
    with pytest.raises(HubUnavailable, match="larger"):
        await hub.list()


async def test_no_cookie_is_kept(hub_on: HubOn) -> None:
    hub, wire = await hub_on(Says(200, JOB, {"set-cookie": "session=1; Path=/"}))
    await hub.get("g-1")
    await hub.get("g-1")
    assert "cookie" not in wire.asked[1].headers


async def test_new_tries_are_told_at_debug_and_not_at_warning(hub_on: HubOn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hub, _ = await hub_on((503, ""), JOB)
    await hub.get("g-1")
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == []
    assert any(record.name == "oxen_video_tools.retries" for record in caplog.records)


async def test_a_client_can_be_used_again_after_close(hub_on: HubOn) -> None:
    hub, wire = await hub_on(JOB)
    await hub.get("g-1")
    await hub.close()
    await hub.get("g-1")
    assert len(wire.asked) == 2


async def test_a_proxy_in_the_environment_is_not_asked_for_a_hub_on_this_machine(
    hub_on: HubOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    hub, _ = await hub_on(JOB)
    assert (await hub.get("g-1")).generation_id == "g-1"
