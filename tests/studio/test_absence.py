"""Absent is only what no record can be; adopted is only what a mark or a single likeness tells. On a hub of our own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.errors import SubmissionUnclear
from oxen_video_tools.ledger.records import Job
from oxen_video_tools.studio import AsyncStudio, reconcile, submission
from oxen_video_tools.studio.submission import with_marker_seed
from tests.hubs.echoing import EchoingHub, echoing

from .swift import Swift

Open = Callable[..., AsyncStudio]
Echo = Callable[[dict[str, Any]], dict[str, Any]]
KLING = "kling-video-v2-6-pro-text-to-video"  # takes no seed
VEO = "google-veo-3-1-fast"  # takes one
PROMPT = "A caf\u00e9 at dawn,\nseen from the street"
ASKED: dict[str, Any] = {"prompt": PROMPT, "model": KLING, "duration": 5}
MARKED: dict[str, Any] = ASKED | {"model": VEO, "duration": 4}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.5,))


@pytest.fixture
def hub() -> Iterator[EchoingHub]:
    with echoing() as running:
        yield running


@pytest.fixture
async def opened(hub: EchoingHub, tmp_path: Path) -> AsyncIterator[Open]:
    studios: list[AsyncStudio] = []

    def open_studio(**more: Any) -> AsyncStudio:
        usual: dict[str, Any] = {
            "base_url": hub.address,
            "api_key": "key",
            "ledger": f"sqlite:///{tmp_path}/ledger.db",
            "clock": Swift(),
        }
        studios.append(AsyncStudio(**usual | more))
        return studios[-1]

    yield open_studio
    for studio in studios:
        await studio.close()


async def unclear(studio: AsyncStudio) -> list[Job]:
    return await studio._session.ledger.find_jobs(await studio._session.scope(), states=["sending"])


async def lost(hub: EchoingHub, studio: AsyncStudio, *, arrives: bool = True, **more: Any) -> Job:
    """A job whose answer was lost, in a process that was stopped before it could look for it."""
    hub.lose, hub.swallow = int(arrives), int(not arrives)

    async def died(*_: Any) -> None: ...

    looking, submission.reconcile = submission.reconcile, died
    try:
        with pytest.raises(SubmissionUnclear):
            await studio.generate(**ASKED | {"take": 1} | more, wait_seconds=0)
    finally:
        submission.reconcile = looking
    return (await unclear(studio))[-1]


async def looked_for(studio: AsyncStudio, after: float = 120.0) -> list[str | None]:
    """What the ledger notes of every unclear job, long after the POST."""
    clock: Any = studio._session.clock
    clock.ahead += after
    await reconcile.reconcile(studio._session)
    return [job.note for job in await unclear(studio)]


# ---- the words of a hub ----------------------------------------------------------------------------------------------

SAME: dict[str, Echo] = {  # another spelling of what was sent
    "unicode": lambda job: job | {"prompt": unicodedata.normalize("NFD", job["prompt"])},
    "line ends": lambda job: job | {"prompt": job["prompt"].replace("\n", "\r\n")},
    "spaces": lambda job: job | {"prompt": f"  {job['prompt']} \n"},
    "seconds": lambda job: job | {"duration": "5s"},
    "a number as text": lambda job: job | {"duration": "5"},
    "the API's defaults": lambda job: job | {"aspect_ratio": "16:9", "generate_audio": False, "num_generations": 1},
}
ALIKE: dict[str, Echo] = {  # more than a spelling
    "a model's default": lambda job: job | {"resolution": "1080p"},
    "a display name": lambda job: job | {"model_name": "Kling 2.6 Pro"},
    "a longer prompt": lambda job: job | {"prompt": f"Cinematic. {job['prompt']}. 8k"},
    "a prompt that was cut": lambda job: job | {"prompt": job["prompt"][:20]},
    "signs": lambda job: job | {"prompt": job["prompt"].replace(",", "\uff0c").upper()},
    "another prompt": lambda job: job | {"prompt": "Something that the hub wrote"},
    "no prompt": lambda job: {name: value for name, value in job.items() if name != "prompt"},
    "no time": lambda job: {name: value for name, value in job.items() if name != "enqueued_at"} | {"x": 1},
    "a seed of its own": lambda job: job | {"seed": 7},
}


@pytest.mark.parametrize("echo", SAME.values(), ids=SAME)
async def test_what_a_hub_spells_otherwise_is_found(hub: EchoingHub, opened: Open, echo: Echo) -> None:
    studio = opened()
    await lost(hub, studio)
    hub.echo = echo
    assert await looked_for(studio) == []
    again = await studio.generate(**ASKED, take=1, wait_seconds=0)
    assert again.reused and again.generation_id == next(iter(hub.jobs)) and hub.charged == 1


@pytest.mark.parametrize("echo", ALIKE.values(), ids=ALIKE)
async def test_what_may_be_it_is_never_called_absent(hub: EchoingHub, opened: Open, echo: Echo) -> None:
    """ "The hub does not show it" would invite a person to pay a second time."""
    studio = opened()
    job = await lost(hub, studio)
    hub.echo = echo if echo is not ALIKE["no time"] else lambda one: echo(one) | {"enqueued_at": None}
    if echo is ALIKE["no prompt"]:
        assert await looked_for(studio) in ([], [reconcile.AMBIGUOUS])
    else:
        assert await looked_for(studio) == [reconcile.AMBIGUOUS]
        with pytest.raises(SubmissionUnclear):
            await studio.recover(send_again=job.job)
    assert hub.charged == 1


async def test_a_mark_finds_it_whatever_the_hub_makes_of_the_words(hub: EchoingHub, opened: Open) -> None:
    studio = opened()
    hub.add(model=VEO, prompt=PROMPT, duration=4, seed=4)
    await lost(hub, studio, **MARKED)
    [mine] = [job for job, record in hub.jobs.items() if record.get("seed") == hub.bodies[0]["seed"]]
    hub.add(model=VEO, prompt=PROMPT, duration=4, seed=5)
    hub.add(model=VEO, prompt=PROMPT, duration=4)
    hub.echo = lambda job: job | {"prompt": job["prompt"].upper() + " 8k", "model_name": "Veo 3.1 Fast"}
    assert await looked_for(studio) == []
    assert (await studio.generate(**MARKED, take=1, wait_seconds=0)).generation_id == mine


async def test_a_seed_that_the_caller_gave_is_no_mark(hub: EchoingHub, opened: Open) -> None:
    """Everybody takes 42."""
    studio = opened()
    await lost(hub, studio, **MARKED, seed=42, arrives=False)
    hub.add(model=VEO, prompt=PROMPT, duration=8, seed=42)
    assert await looked_for(studio) == [reconcile.AMBIGUOUS]


# ---- who else is there -----------------------------------------------------------------------------------------------


async def test_absent_is_what_nothing_can_be(hub: EchoingHub, opened: Open) -> None:
    studio = opened()
    hub.add(model=KLING, prompt=PROMPT, duration=5, at=hub.clock() - 600)  # before the POST
    job = await lost(hub, studio, arrives=False)
    hub.add(model=VEO, prompt="Somebody else's words", duration=8)
    assert await looked_for(studio, after=1.0) == [reconcile.YOUNG], "it may only be late"
    assert await looked_for(studio) == [reconcile.ABSENT]
    [told] = await studio.recover(send_again=job.job)
    assert told.outcome == "sent again" and hub.charged == 3


@pytest.mark.parametrize("stranger", [{"prompt": "Other words"}, {"model": VEO}], ids=["its model", "its words"])
async def test_a_record_with_its_model_or_its_words_rules_absence_out(
    hub: EchoingHub, opened: Open, stranger: dict[str, Any]
) -> None:
    studio = opened()
    await lost(hub, studio, arrives=False)
    hub.add(**{"model": KLING, "prompt": PROMPT, "duration": 5} | stranger)
    assert await looked_for(studio) == [reconcile.AMBIGUOUS]


async def test_a_record_that_another_job_of_ours_holds_is_not_it(hub: EchoingHub, opened: Open) -> None:
    studio = opened()
    await lost(hub, studio, arrives=False)
    await studio.generate(**ASKED, take=2, wait_seconds=0)
    assert await looked_for(studio) == [reconcile.ABSENT]


async def test_one_of_two_alike_is_taken_for_neither(hub: EchoingHub, opened: Open) -> None:
    studio = opened()
    await lost(hub, studio)
    hub.add(model=KLING, prompt=PROMPT, duration=5)
    assert await looked_for(studio) == [reconcile.AMBIGUOUS]


async def test_of_two_equal_jobs_none_is_taken_for_the_other(hub: EchoingHub, opened: Open) -> None:
    studio = opened()
    for take in (1, 2):
        await lost(hub, studio, take=take)
    assert await looked_for(studio) == [reconcile.AMBIGUOUS] * 2 and hub.charged == 2


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [-7200.0, -30.0, 0.0, 30.0, 7200.0])
@pytest.mark.parametrize("stepped", [-7200.0, -30.0, 30.0, 7200.0])
async def test_however_the_clocks_stand_and_step(hub: EchoingHub, opened: Open, off: float, stepped: float) -> None:
    """off: the hub's clock against ours.  stepped: ours, between the POST and the look."""
    real = hub.clock
    hub.clock = lambda: real() + off
    studio = opened(clock=(clock := Swift()))
    hub.add(model=KLING, prompt=PROMPT, duration=5, at=hub.clock() - 60)  # another's, before ours
    await lost(hub, studio)
    clock.wrong = stepped
    other = opened(clock=(theirs := Swift()))  # another process, which saw no answer of the hub before
    theirs.wrong, theirs.ahead = stepped, 120.0
    assert await looked_for(other, after=0.0) == [] or stepped < 0
    theirs.ahead += 7200.0  # a clock that was put back: the lease ends later
    assert await looked_for(other, after=0.0) == []
    again = await other.generate(**ASKED, take=1, wait_seconds=0)
    assert again.reused and again.generation_id == list(hub.jobs)[1] and hub.charged == 2


async def test_a_clock_put_forward_makes_nothing_absent_before_its_time(hub: EchoingHub, opened: Open) -> None:
    """The hub shows it late; by our clock an hour has passed, by the hub's a moment."""
    studio = opened(clock=(clock := Swift()))
    await lost(hub, studio)
    hub.echo = lambda job: None
    clock.wrong = 3600.0
    assert await looked_for(studio, after=0.0) == [reconcile.YOUNG]
    hub.echo = lambda job: job
    assert await looked_for(studio, after=0.0) == []


async def test_the_first_answer_of_a_hub_is_asked_for_before_the_first_post(
    hub: EchoingHub, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody knew what time it was there, when that POST's answer is lost."""
    await opened().generate(prompt="x", model=KLING, take=1, wait_seconds=0)  # its account is known from now on
    studio = opened()
    monkeypatch.setattr(studio._session, "_models", _unread)
    job = await lost(hub, studio)
    assert job.hub_sent is not None and abs(job.hub_sent - hub.clock()) < 60


async def _unread() -> Any:
    from oxen_video_tools.errors import HubUnavailable

    raise HubUnavailable("not now")


async def test_a_hub_that_tells_no_time_makes_nothing_absent_that_is_shown(hub: EchoingHub, opened: Open) -> None:
    hub.dated = False
    studio = opened()
    await lost(hub, studio)
    assert await looked_for(studio) == [reconcile.AMBIGUOUS] and hub.charged == 1


# ---- a mark by a folder ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "more"), [({"mark": "directory"}, {})], ids=["asked for"])
async def test_a_folder_of_its_own_finds_a_job_that_takes_no_seed(
    hub: EchoingHub, opened: Open, settings: dict[str, Any], more: dict[str, Any]
) -> None:
    studio = opened(**settings)
    hub.add(model=KLING, prompt=PROMPT, duration=5)
    await lost(hub, studio, **more)
    hub.add(model=KLING, prompt=PROMPT, duration=5)
    folder = hub.bodies[0]["target_directory"]
    [mine] = [job for job, record in hub.jobs.items() if record.get("target_directory") == folder]
    assert await looked_for(studio) == []
    assert (await studio.generate(**ASKED, **more, take=1, wait_seconds=0)).generation_id == mine


async def test_none_is_sent_unasked(hub: EchoingHub, opened: Open) -> None:
    await opened().generate(**ASKED, take=2, wait_seconds=0)
    assert [body.get("target_directory") for body in hub.bodies] == [None]


def test_a_folder_that_the_caller_named_stays_and_a_repository_brings_one() -> None:
    info = ModelList.bundled()[KLING]
    assert with_marker_seed({"target_directory": "trailer"}, info, "directory")["target_directory"] == "trailer"
    assert with_marker_seed({"target_repo": "me/films"}, info)["target_directory"].startswith("oxen-video/")


def test_the_page_names_every_model_whose_lost_jobs_nothing_marks() -> None:
    models = ModelList.bundled()
    markless = sorted(one for one in models if "seed" not in with_marker_seed({}, models[one]))
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "paid-once.md").read_text("utf-8")
    section = page.partition("## Models that take no seed")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"`([a-zA-Z0-9.-]+-[a-zA-Z0-9.-]+)`", section)) == markless
