"""A hub that answers with words: what counts as a refusal, and what every error says of money and of the id."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import (
    HubUnavailable,
    InsufficientCredits,
    Internal,
    InvalidRequest,
    Moderated,
    NotFound,
    OxenError,
    RateLimited,
    SubmissionUnclear,
    Unauthenticated,
)
from oxen_video_tools.studio import AsyncStudio, generate, submission
from oxen_video_tools.tools import TABLE, Call

from .conftest import Open
from .handmade import SEEDED, Answer, HandmadeHub

ASKED: dict[str, Any] = {"model": SEEDED, "prompt": "A red balloon rises", "duration": 5}
WORDS = [
    {"message": "rate limit: your job waits in line"},
    {"message": "passed content moderation", "status": "accepted"},
    {"message": "2 credits were taken; you have insufficient credits for another one"},
    {"status_message": "too_many_requests"},
    {"status": "error", "status_message": "rate_limited"},
    {"detail": "Invalid API key next time", "error": ""},
    {"error": {}, "message": "out of credits soon"},
    {"errors": ["rate limit"]},
    "rate limit reached",
    "",
    {"generations": [], "message": "moderated"},
]


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("words", WORDS)
async def test_a_2xx_is_no_refusal_by_its_words(hub: HandmadeHub, opened: Open, status: int, words: Any) -> None:
    hub.answers.append(Answer(status, words))
    video = await opened().generate(**ASKED, take=1)
    again = await opened().generate(**ASKED, take=1)
    assert video.status == "succeeded" and again.generation_id == video.generation_id == hub.made[0].generation_id
    assert (hub.posts, hub.charges) == (1, 1)


@pytest.mark.parametrize("words", WORDS)
async def test_where_nothing_is_found_either_it_is_unclear_and_stays_so(
    hub: HandmadeHub, opened: Open, words: Any
) -> None:
    hub.answers.append(Answer(202, words, takes=False))
    for _ in range(3):
        with pytest.raises(SubmissionUnclear) as caught:
            await opened().generate(**ASKED, take=1, wait_seconds=1)
        assert caught.value.charged == "unknown"
    assert hub.posts == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("rate limit reached", RateLimited),
        ({"type": "insufficient_credits"}, InsufficientCredits),
        ({"message": "Content moderation: flagged"}, Moderated),
        ("nobody ever saw these words", HubUnavailable),
        ({"code": 17}, HubUnavailable),
        ([{"why": "full"}], HubUnavailable),
    ],
)
async def test_an_error_without_an_id_is_a_refusal_and_the_call_sends_no_more(
    hub: HandmadeHub, opened: Open, error: Any, kind: type[OxenError]
) -> None:
    hub.answers.append(Answer(200, {"error": error}, takes=False))
    studio = opened(budget=Decimal("0.40"))
    with pytest.raises(kind) as caught:
        await studio.generate(**ASKED, take=1)
    assert (type(caught.value), caught.value.charged, hub.posts) == (kind, "no", 1)
    assert (await studio.generate(**ASKED, take=1)).status == "succeeded", "its money and its take are free"


@pytest.mark.parametrize("error", ["rate limit reached", {"type": "insufficient_credits"}, {"message": "moderated"}])
@pytest.mark.parametrize("shape", ["generations", "generation", "flat"])
async def test_with_an_id_it_is_paid_whatever_else_it_says(
    hub: HandmadeHub, opened: Open, error: Any, shape: str
) -> None:
    def body(made: Any) -> Any:
        one = {"generation_id": made[0].generation_id}
        return {"error": error} | ({"generations": [one]} if shape == "generations" else {"generation": one})

    def flat(made: Any) -> Any:
        return {"error": error, "generation_id": made[0].generation_id}

    hub.answers.append(Answer(200, flat if shape == "flat" else body))
    video = await opened().generate(**ASKED, take=1)
    assert video.generation_id == hub.made[0].generation_id and (hub.posts, hub.charges) == (1, 1)


async def test_an_id_in_an_odd_place_beside_an_error_is_looked_for(hub: HandmadeHub, opened: Open) -> None:
    hub.answers.append(Answer(200, lambda made: {"error": "rate limit", "job": {"id": made[0].generation_id}}))
    video = await opened().generate(**ASKED, take=1)
    assert video.generation_id == hub.made[0].generation_id and (hub.posts, hub.charges) == (1, 1)


async def test_only_a_429_is_sent_again(hub: HandmadeHub, opened: Open) -> None:
    hub.answers += [Answer(429, {"error": "rate limit"}, takes=False, headers={"Retry-After": "0"})] * 2
    assert (await opened().generate(**ASKED, take=1)).status == "succeeded"
    assert (hub.posts, hub.charges) == (3, 1)


@pytest.mark.parametrize("words", [{"message": "rate limit"}, {"error": {"code": 1}, "result_url": "soon"}])
async def test_the_blocking_route_reads_the_same(hub: HandmadeHub, opened: Open, words: Any) -> None:
    hub.answers.append(Answer(200, words))
    studio = opened(route="sync")
    for _ in range(2):
        with pytest.raises(SubmissionUnclear):
            await studio.generate(**ASKED, take=1, wait_seconds=2)
            raise SubmissionUnclear("it was found meanwhile, which is as good")
    assert (hub.posts, hub.charges) == (1, 1)


# ---- what is said after paying ------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, hub: HandmadeHub, studio: AsyncStudio, *, after: int = 1) -> None:
    """A disk that is full from the moment the hub has taken the request: every transaction fails."""
    ledger = studio._session.ledger
    real = ledger.run

    async def run(steps: Any, *args: Any, **kwargs: Any) -> Any:
        if hub.posts >= after:
            raise InvalidRequest("The ledger can't be kept in /l.db: database or disk is full.", fix="Make room.")
        return await real(steps, *args, **kwargs)

    monkeypatch.setattr(ledger, "run", run)


async def test_a_ledger_that_fails_after_the_post_does_not_hide_what_is_paid(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = opened()
    with monkeypatch.context() as full:
        failing(full, hub, studio)
        video = await studio.generate(**ASKED, take=1)
    assert video.generation_id == hub.made[0].generation_id and video.cost_usd == Decimal("0.35")
    assert any("disk is full" in words for words in video.warnings)
    for _ in range(100):  # and what could not be written down then is written as soon as that can be
        known = await studio._session.ledger.clips(await studio._session.scope(), [video.generation_id])
        if known and known[video.generation_id].job:
            break
        await asyncio.sleep(0.02)
    again = await opened().generate(**ASKED, take=1)
    assert (again.generation_id, again.reused, hub.posts) == (video.generation_id, True, 1)


async def test_a_ledger_that_fails_while_the_answer_is_lost_leaves_it_unclear(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.answers.append(Answer(cut=True))
    studio = opened()
    with monkeypatch.context() as full:
        failing(full, hub, studio)
        with pytest.raises(SubmissionUnclear) as caught:
            await studio.generate(**ASKED, take=1)
    told = caught.value.answer()
    assert (told["error"], told["charged"]) == ("submission_unclear", "unknown")
    assert "memory:" not in told["fix"] and "nothing" not in told["message"].lower()
    assert (await opened().generate(**ASKED, take=1)).generation_id == hub.made[0].generation_id
    assert (hub.posts, hub.charges) == (1, 1)


async def test_a_ledger_that_fails_after_a_refusal_does_not_hide_it(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.answers.append(Answer(402, {"error": {"type": "insufficient_credits"}}, takes=False))
    studio = opened()
    failing(monkeypatch, hub, studio)
    with pytest.raises(InsufficientCredits) as caught:
        await studio.generate(**ASKED, take=1)
    assert caught.value.charged == "no"


async def test_a_real_file_that_is_locked_after_the_post(hub: HandmadeHub, opened: Open, tmp_path: Path) -> None:
    """Another program holds the database from the POST on, for longer than the call tries."""
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    studio = opened()
    await studio.list()

    def lock() -> None:
        other.execute("begin exclusive")

    hub.before_answer = lock
    sending = asyncio.ensure_future(studio.generate(**ASKED, take=1, wait_seconds=0))
    while not hub.posts:
        await asyncio.sleep(0.01)
    hub.before_answer = lambda: None
    await asyncio.sleep(0.3)
    other.execute("rollback")
    video = await sending
    other.close()
    assert video.generation_id == hub.made[0].generation_id and hub.charges == 1


async def test_a_key_that_is_refused_after_paying(hub: HandmadeHub, opened: Open) -> None:
    studio = opened()
    hub.ends = "processing"

    def lock() -> None:
        hub.locked = True

    hub.before_answer = lock
    with pytest.raises(Unauthenticated) as caught:
        await studio.generate(**ASKED, take=1, wait_seconds=5)
    for error in (caught.value, await _raised(studio.get, hub.made[0].generation_id)):
        told = error.answer()
        assert (told["error"], told["generation_id"], told["charged"]) == (
            "unauthenticated",
            hub.made[0].generation_id,
            "yes",
        )
    assert "do not generate it again" in str(caught.value.fix)


async def _raised(call: Callable[..., Any], *args: Any, **kwargs: Any) -> OxenError:
    with pytest.raises(OxenError) as caught:
        await call(*args, **kwargs)
    return caught.value


async def test_a_job_that_the_hub_forgot(hub: HandmadeHub, opened: Open) -> None:
    hub.ends = "processing"
    studio = opened()

    def forget() -> None:
        hub.forgotten = None

    hub.before_answer = forget
    first = await _raised(studio.generate, **ASKED, take=1, wait_seconds=5)
    one = hub.made[0].generation_id
    for error in (
        first,
        await _raised(studio.generate, **ASKED, take=1, wait_seconds=5),
        await _raised(studio.generate, **ASKED, take=1, wait_seconds=0),
        await _raised(studio.get, one),
        await _raised(studio.get, one, wait_seconds=5),
        await _raised(studio.save, one),
        await _raised(studio.cancel, one),
    ):
        told = error.answer()
        assert isinstance(error, NotFound)
        assert (told["generation_id"], told["charged"]) == (one, "yes")
    assert hub.posts == 1


async def test_what_a_stranger_asks_about_was_not_charged_by_us(hub: HandmadeHub, opened: Open) -> None:
    error = await _raised(opened().get, "never-made")
    assert (error.charged, error.generation_id) == ("no", "never-made")


async def test_an_unforeseen_fault_after_paying_carries_the_id(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(generate, "watch", broken)
    row, studio = TABLE["generate_video"], opened()
    request = row.arguments.model_validate(ASKED)
    told = (await _raised(row.run, studio, request, Call(5, 5))).answer()
    assert (told["error"], told["charged"]) == ("internal", "yes")
    assert told["generation_id"] == hub.made[0].generation_id


async def test_an_unforeseen_fault_before_paying_says_that_nothing_was_spent(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(submission, "with_marker_seed", broken)
    row, studio = TABLE["generate_video"], opened()
    request = row.arguments.model_validate(ASKED)
    told = (await _raised(row.run, studio, request, Call(5, 5))).answer()
    assert (told["error"], told["charged"], hub.posts) == ("internal", "no", 0)


@pytest.mark.parametrize("name", ["find_video_models", "list_videos", "get_video", "plan_video", "save_video"])
async def test_what_can_not_spend_never_says_that_it_may_have(
    hub: HandmadeHub, opened: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a fault of ours")

    studio = opened()
    for verb in ("find_models", "list", "get", "plan", "save"):
        monkeypatch.setattr(studio, verb, broken)
    arguments = {
        "get_video": {"generation_ids": ["x"]},
        "plan_video": ASKED,
        "save_video": {"videos": ["x"]},
    }.get(name, {})
    row = TABLE[name]
    told = await _raised(row.run, studio, row.arguments.model_validate(arguments), Call(0, 0))
    assert isinstance(told, Internal) and told.charged == "no"
