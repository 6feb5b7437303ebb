"""The blocking route tells no id. The hub's own is found afterwards, with the real cost, and nobody else gets it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from oxen_video_tools.errors import SubmissionUnclear
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, reconcile, submission

from .test_paid_once import ASKED, Shifted, accepted, jobs

Open = Callable[..., AsyncStudio]
SEEDLESS = {**ASKED, "model": "kling-video-v2-6-pro-text-to-video"}  # two takes of it can't be told apart


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "PAUSES", ())  # as where the history shows it only after all looks
    monkeypatch.setattr(submission, "LOOKS", (0.05, 0.1))
    monkeypatch.setattr(reconcile, "GRACE", 0.0)


def charged_ids(hub: Sandbox) -> list[str]:
    return [made["generation_id"] for made in hub.ledger()["generations"] if not made["stranger"]]


async def nameless(studio: AsyncStudio) -> str:
    video = await studio.generate(**SEEDLESS, take=1)
    assert video.status == "succeeded" and video.generation_id.startswith("sync-")
    return video.generation_id


async def test_a_result_gets_the_hubs_id_and_its_real_cost_when_the_history_shows_it(
    hub: Sandbox, opened: Open
) -> None:
    studio = opened(route="sync", clock=Shifted())
    called = await nameless(studio)
    before = await studio.get(called)
    assert before.file is not None
    await studio.recover()
    [job] = await jobs(studio)
    assert list(job.generation_ids) == charged_ids(hub)
    after = await studio.get(called)
    assert after.generation_id == charged_ids(hub)[0] and after.file == before.file
    assert after.cost_is == "real" and after.cost == Decimal(hub.ledger()["charged"])


async def test_an_unclear_twin_does_not_get_its_record(
    hub: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "settle_soon", lambda session: None)  # the first must not have its name yet
    studio = opened(route="sync", clock=Shifted())
    await nameless(studio)
    hub.faults.add("drop_request/generate")
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**SEEDLESS, take=2)
    with pytest.raises(SubmissionUnclear):
        await studio.generate(**SEEDLESS, take=2)
    assert accepted(hub) == 1
    first, second = await jobs(studio)
    assert first.is_nameless and second.is_unclear


async def test_what_was_listed_before_it_had_a_name_keeps_its_file(hub: Sandbox, opened: Open) -> None:
    studio = opened(route="sync", clock=Shifted())
    called = await nameless(studio)
    [own] = charged_ids(hub)
    assert (await studio.get(own)).status == "succeeded"  # now the ledger has it twice
    await studio.recover()
    video = await studio.get(called)
    assert video.generation_id == own and video.file is not None and video.file.exists()
