"""The client before a hub that was written from the documentation alone; its ledger judges what was paid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import (
    HubUnavailable,
    InputNotAllowed,
    InputUnreadable,
    InsufficientCredits,
    InvalidRequest,
    ModelNotFound,
    NotFound,
    OxenError,
    SubmissionUnclear,
    Unauthenticated,
)
from oxen_video_tools.files import media_kind
from oxen_video_tools.hub import HubClient
from oxen_video_tools.sandbox import Sandbox

from ..clocks import HUNG, FakeClock
from .wire import PNG

KLING = "kling-video-v2-6-pro-text-to-video"
SHOTS = "kling-video-o3-pro-reference-to-video"
BODY = {"model": KLING, "prompt": "A red balloon floating upward through blue sky", "duration": 5}
KEY = "sk-of-this-sandbox"
ROUTES = {"enqueue": "POST /api/ai/queue", "generate": "POST /api/ai/videos/generate"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(picture_height=144, api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    running.faults.clear()
    yield running
    running.faults.clear()


@pytest.fixture
async def hub(sandbox: Sandbox) -> AsyncIterator[HubClient]:
    async with HubClient(api_key=KEY, base_url=sandbox.base_url, clock=FakeClock()) as client:
        yield client


async def ended(hub: HubClient, generation_id: str) -> Any:
    for _ in range(200):
        job = await hub.get(generation_id)
        if job.is_terminal:
            return job
        await asyncio.sleep(0.01)
    raise AssertionError("it never ended")


def accepted(sandbox: Sandbox) -> int:
    return int(sandbox.ledger()["accepted"])


# -- the whole way -----------------------------------------------------------------------------------------------------


async def test_enqueue_get_download_history(hub: HubClient, tmp_path: Path) -> None:
    (queued,) = await hub.enqueue(BODY)
    assert queued.model == KLING
    job = await ended(hub, queued.generation_id)
    assert (job.status, job.model, job.prompt) == ("succeeded", KLING, BODY["prompt"])
    assert job.parameters["duration"] == 5
    assert job.enqueued_at <= job.completed_at
    file = await hub.download(job.url, tmp_path / "clip.mp4")
    assert media_kind(file.read_bytes()[:64]) == ("video", "video/mp4")
    listed = await hub.list(status="succeeded", model=KLING)
    assert job.generation_id in [one.generation_id for one in listed]
    page = await hub.history(page_size=200)
    mine = next(one for one in page.generations if one.generation_id == job.generation_id)
    assert isinstance(mine.cost, Decimal)
    assert mine.cost > 0
    assert page.total_cost is not None


async def test_generate_answers_a_link_or_the_bytes(hub: HubClient, tmp_path: Path) -> None:
    (video,) = (await hub.generate(BODY)).videos
    assert video.url is not None
    by_link = (await hub.download(video.url, tmp_path / "a.mp4")).read_bytes()
    (inline,) = (await hub.generate(BODY | {"response_format": "b64_json"})).videos
    assert inline.data is not None
    assert media_kind(inline.data) == media_kind(by_link) == ("video", "video/mp4")


async def test_pictures_by_both_routes_and_in_the_queue(hub: HubClient, tmp_path: Path) -> None:
    body = {"model": "google-nano-banana-pro", "prompt": "A fox", "resolution": "1K"}
    (drawn,) = (await hub.generate_image(body)).images
    assert drawn.url is not None
    fox = (await hub.download(drawn.url, tmp_path / "fox.png")).read_bytes()
    assert media_kind(fox) == ("image", "image/png")
    link = "https://example.com/fox.png"
    edited = await hub.edit_image(body | {"input_image": [link], "response_format": "b64_json"})
    assert edited.videos == ()
    assert edited.images[0].data is not None
    with pytest.raises(InvalidRequest, match="Prompt cannot be empty"):
        await hub.generate_image({"model": "google-nano-banana-pro"})
    (job,) = await hub.enqueue(body)
    done = await ended(hub, job.generation_id)
    assert (done.media_type, done.parameters["resolution"]) == ("image", "1K")
    assert done.url is not None
    assert done.url.partition("?")[0].endswith(".png")
    events = [one.generation_id for one in await hub.list(status="succeeded", media_type="image")]
    assert events == [job.generation_id]


async def test_many_shots_and_many_takes(hub: HubClient) -> None:
    shots = [{"prompt": "Wide", "duration": 5}, {"prompt": "Close", "duration": 5}]
    jobs = await hub.enqueue({"model": SHOTS, "multi_prompt": shots, "num_generations": 2})
    assert len(jobs) == 2
    job = await ended(hub, jobs[0].generation_id)
    assert job.status == "succeeded"
    assert job.parameters["multi_prompt"] == shots


async def test_models(hub: HubClient) -> None:
    models = await hub.models()
    assert sum(model.makes_video for model in models) >= 78
    assert sum(model.makes_image for model in models) >= 34
    assert all(model.name and model.makes_video != model.makes_image for model in models)
    assert sum(model.request_schema is not None for model in models) >= 78 + 34
    assert KLING in {model.id for model in await hub.search("kling")}
    assert (await hub.model(KLING)).pricing is not None
    with pytest.raises(ModelNotFound):
        await hub.model("nope")


async def test_an_upload_can_be_used_and_fetched(hub: HubClient, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "face.png").write_bytes(PNG)
    link = await hub.upload(tmp_path / "face.png")
    assert await hub.fetchable(link) == link
    assert (await hub.download(link, tmp_path / "back.png")).read_bytes() == PNG
    sent = {name: count for name, count in sandbox.ledger()["requests"].items() if "workbench" in name}
    assert await hub.upload(tmp_path / "face.png")
    assert sent.items() <= sandbox.ledger()["requests"].items()
    assert list(sent.values()) == [1]
    assert await hub.me() == "sandbox"


async def test_an_upload_to_a_repository(hub: HubClient, tmp_path: Path) -> None:
    (tmp_path / "face.png").write_bytes(PNG)
    link = await hub.upload(tmp_path / "face.png", repo="sandbox/assets")
    assert (await hub.download(link, tmp_path / "back.png")).read_bytes() == PNG


async def test_events_tell_of_completions(hub: HubClient) -> None:
    opened = asyncio.Event()
    async with aclosing(hub.events(on_open=opened.set)) as events:
        first = asyncio.ensure_future(anext(events))
        await asyncio.wait_for(opened.wait(), HUNG)
        (job,) = await hub.enqueue(BODY)
        while not first.done():
            await hub.get(job.generation_id)
            await asyncio.sleep(0.01)
        event = await first
    assert (event.generation_id, event.status) == (job.generation_id, "succeeded")


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BODY | {"multi_prompt": [{"prompt": "x"}]}, "Cannot provide both 'prompt' and 'multi_prompt'."),
        ({"model": KLING}, "Either 'prompt' or 'multi_prompt' must be provided."),
        ({"model": KLING, "multi_prompt": []}, "Either 'prompt' or 'multi_prompt' must be provided."),
    ],
)
async def test_the_prompt_rules_word_for_word(
    hub: HubClient, sandbox: Sandbox, body: dict[str, Any], words: str
) -> None:
    before = sandbox.ledger()["committed"]
    with pytest.raises(InvalidRequest) as caught:
        await hub.generate(body)
    assert caught.value.message == f"Getting model response error: 422 - Value error, {words}"
    assert caught.value.charged == "no"
    assert sandbox.ledger()["committed"] == before


async def test_a_model_that_is_not_there(hub: HubClient) -> None:
    for call in (hub.enqueue, hub.generate):
        with pytest.raises(ModelNotFound, match="Model not found: nope"):
            await call({"model": "nope", "prompt": "x"})


async def test_a_bad_key(sandbox: Sandbox) -> None:
    async with HubClient(api_key="sk-wrong", base_url=sandbox.base_url, clock=FakeClock()) as hub:
        for call in (hub.list(), hub.get("x"), hub.enqueue(BODY), hub.history(), hub.me()):
            with pytest.raises(Unauthenticated):
                await call
        with pytest.raises(Unauthenticated):
            await anext(hub.events())


async def test_an_unknown_id(hub: HubClient) -> None:
    for call in (hub.get, hub.cancel):
        with pytest.raises(NotFound):
            await call("0197f2a4-6a2c-7c11-9c5e-0d6e2a7f1b11")


async def test_cancelling_what_has_ended(hub: HubClient) -> None:
    (job,) = await hub.enqueue(BODY)
    await ended(hub, job.generation_id)
    assert (await hub.cancel(job.generation_id)).status == "succeeded"


# -- a hub that misbehaves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["enqueue", "generate"])
@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        ("drop_answer", 1),
        ("drop_request", 0),
        ("error_after=502:html", 1),
        ("error_after=500:json", 1),
        ("error_after=504:text", 1),
        ("error=500:json/paid", 0),
        ("error=503:text/paid", 0),
        ("empty_answer", 1),
        ("garbled/paid", 1),
    ],
)
async def test_a_paid_request_is_sent_once(
    hub: HubClient, sandbox: Sandbox, route: str, fault: str, arrived: int
) -> None:
    before, requests = accepted(sandbox), sandbox.ledger()["requests"].get(ROUTES[route], 0)
    sandbox.faults.add(fault)
    with pytest.raises(SubmissionUnclear) as caught:
        await getattr(hub, route)(BODY)
    assert caught.value.sent == BODY
    assert accepted(sandbox) - before == arrived
    assert sandbox.ledger()["requests"][ROUTES[route]] - requests == 1


@pytest.mark.parametrize("route", ["enqueue", "generate"])
@pytest.mark.parametrize("fault", ["rate_limited=2@1-3/paid", "rate_limited_date=2/paid", "rate_limited=none@1-2/paid"])
async def test_a_busy_hub_is_waited_for(hub: HubClient, sandbox: Sandbox, route: str, fault: str) -> None:
    before = accepted(sandbox)
    sandbox.faults.add(fault)
    await getattr(hub, route)(BODY)
    assert accepted(sandbox) - before == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("insufficient_credits", InsufficientCredits),
        ("unauthenticated/enqueue", Unauthenticated),
        ("error=400:json/enqueue", InvalidRequest),
        ("error=422:html/enqueue", InvalidRequest),
    ],
)
async def test_a_refusal_costs_nothing(hub: HubClient, sandbox: Sandbox, fault: str, kind: type[OxenError]) -> None:
    before = accepted(sandbox)
    sandbox.faults.add(fault)
    with pytest.raises(kind) as caught:
        await hub.enqueue(BODY)
    assert caught.value.charged == "no"
    assert accepted(sandbox) == before


async def test_a_200_with_an_error_inside(hub: HubClient, sandbox: Sandbox) -> None:
    before = accepted(sandbox)
    sandbox.faults.add("error_in_200")
    with pytest.raises(OxenError) as caught:
        await hub.enqueue(BODY)
    assert isinstance(caught.value, SubmissionUnclear) or caught.value.charged == "no"
    assert accepted(sandbox) == before


@pytest.mark.parametrize(
    "fault", ["error=500:json@1-2", "error=502:html@1-2", "error=504:text@1-2", "garbled@1-2", "rate_limited=3@1-2"]
)
@pytest.mark.parametrize("point", ["get", "list", "history", "models", "me"])
async def test_reading_outlasts_a_bad_moment(hub: HubClient, sandbox: Sandbox, fault: str, point: str) -> None:
    (job,) = await hub.enqueue(BODY)
    sandbox.faults.add(f"{fault}/{point}")
    await getattr(hub, point)(*([job.generation_id] if point == "get" else []))


QUIRKS = ["wrapped", "relative", "nested", "milliseconds", "old", "unknown"]


@pytest.mark.parametrize("quirk", QUIRKS)
async def test_odd_records_are_read(hub: HubClient, sandbox: Sandbox, quirk: str, tmp_path: Path) -> None:
    (job,) = await hub.enqueue(BODY)
    await ended(hub, job.generation_id)
    sandbox.faults.add("quirk", quirk)
    odd = await hub.get(job.generation_id)
    sandbox.faults.clear()
    plain = await hub.get(job.generation_id)
    assert odd.generation_id == plain.generation_id
    assert odd.model == plain.model
    assert odd.enqueued_at == pytest.approx(plain.enqueued_at, abs=1)
    if quirk == "unknown":
        assert odd.is_active
    else:
        assert odd.status == "succeeded"
        assert odd.url is not None
        assert (await hub.download(odd.url, tmp_path / "clip.mp4")).exists()


async def test_succeeded_without_a_url(hub: HubClient, sandbox: Sandbox) -> None:
    (job,) = await hub.enqueue(BODY)
    await ended(hub, job.generation_id)
    sandbox.faults.add("no_url")
    bare = await hub.get(job.generation_id)
    assert (bare.status, bare.url) == ("succeeded", None)


@pytest.fixture
async def done(hub: HubClient) -> Any:
    (job,) = await hub.enqueue(BODY)
    return await ended(hub, job.generation_id)


async def test_an_expired_link(hub: HubClient, sandbox: Sandbox, done: Any, tmp_path: Path) -> None:
    sandbox.faults.add("expired_url")
    stale = await hub.get(done.generation_id)
    async with HubClient(base_url=hub.base_url, clock=FakeClock()) as keyless:
        with pytest.raises(NotFound):
            await keyless.download(stale.url, tmp_path / "clip.mp4")
    assert (await hub.download(stale.url, tmp_path / "clip.mp4")).exists()  # the hub gives it to its owner's key
    fresh = await hub.get(done.generation_id)
    assert (await hub.download(fresh.url, tmp_path / "clip.mp4")).exists()


async def test_a_download_that_breaks_off_goes_on(hub: HubClient, sandbox: Sandbox, done: Any, tmp_path: Path) -> None:
    whole = (await hub.download(done.url, tmp_path / "whole.mp4")).read_bytes()
    sandbox.faults.add("cut_download=1@1-3")
    assert (await hub.download(done.url, tmp_path / "clip.mp4")).read_bytes() == whole


async def test_a_page_instead_of_a_video(hub: HubClient, sandbox: Sandbox, done: Any, tmp_path: Path) -> None:
    sandbox.faults.add("not_a_video")
    with pytest.raises(InputUnreadable):
        await hub.download(done.url, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


async def test_a_redirect_into_this_machine(hub: HubClient, sandbox: Sandbox, done: Any, tmp_path: Path) -> None:
    sandbox.faults.add("redirect", "http://127.0.0.1:9/steal.mp4")
    with pytest.raises(InputNotAllowed):
        await hub.download(done.url, tmp_path / "clip.mp4")


async def test_a_redirect_to_nowhere_is_no_hang(hub: HubClient, sandbox: Sandbox, done: Any, tmp_path: Path) -> None:
    sandbox.faults.add("redirect@*")
    with pytest.raises(HubUnavailable):
        await hub.download(done.url, tmp_path / "clip.mp4", deadline=30)


@pytest.mark.parametrize(
    "fault",
    ["events_duplicated@*", "events_unnamed@*", "events_noise@*", "events_chopped=1@*", "error=503:html@1-2/events"],
)
async def test_any_stream_tells(hub: HubClient, sandbox: Sandbox, fault: str) -> None:
    sandbox.faults.add(fault)
    opened = asyncio.Event()
    async with aclosing(hub.events(on_open=opened.set)) as events:
        first = asyncio.ensure_future(anext(events))
        await asyncio.wait_for(opened.wait(), HUNG)
        (job,) = await hub.enqueue(BODY)
        while not first.done():
            await hub.get(job.generation_id)
            await asyncio.sleep(0.01)
        assert (await first).generation_id == job.generation_id


async def test_a_stream_that_is_cut_is_opened_again(hub: HubClient, sandbox: Sandbox) -> None:
    sandbox.faults.add("events_cut@1-2")
    opened: list[int] = []
    async with aclosing(hub.events(on_open=lambda: opened.append(1))) as events:
        first = asyncio.ensure_future(anext(events))
        while len(opened) < 3:
            await asyncio.sleep(0.01)
        (job,) = await hub.enqueue(BODY)
        while not first.done():
            await hub.get(job.generation_id)
            await asyncio.sleep(0.01)
        assert (await first).generation_id == job.generation_id
