"""Processes that are killed again and again while they make the same films: each shot is charged once."""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from oxen_video_tools.media.probe import probe
from oxen_video_tools.studio import reconcile
from tests import forked
from tests.clocks import HUNG
from tests.studio.films.conftest import Open, Start
from tests.studio.films.doomed import make
from tests.studio.films.made import accepted
from tests.studio.swift import Swift

FAULTS = ("drop_answer@10%/enqueue", "error=503@5%/get", "cut_download@10%", "no_url@5%", "late=0.1@20%/enqueue")


def crew(base_url: str, folder: Path, takes: int) -> subprocess.Popen[str]:
    command = [*forked.python(), "-m", "tests.studio.films.workers", base_url, str(folder), str(takes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.long
@pytest.mark.parametrize(("crashes", "takes"), [(6, 1), pytest.param(80, 4, marks=pytest.mark.full)])
@pytest.mark.timeout(900)
async def test_killed_again_and_again(sandbox: Start, opened: Open, tmp_path: Path, crashes: int, takes: int) -> None:
    chance = random.Random(crashes)
    hub = sandbox(speed=100.0, faults=FAULTS, seed=crashes)
    rivals = [crew(hub.base_url, tmp_path, takes) for _ in range(2)]
    for _ in range(crashes):
        time.sleep(chance.uniform(0.5, 2.0))
        doomed = rivals.pop(0)
        doomed.kill()
        doomed.communicate()
        rivals.append(crew(hub.base_url, tmp_path, takes))
    hub.faults.clear()
    told = [set(rival.communicate(timeout=HUNG)[0].split("\n")) - {""} for rival in rivals]
    studio = opened(base_url=hub.base_url, lease=1.5)
    films = await studio._session.ledger.newest_films(await studio._session.scope(), 100)
    assert len(films) == 2 * takes
    for one in films:
        assert (one.film.state, one.is_shot, one.film.note) == ("delivered", True, None)
        assert probe(Path(one.film.file or "")).duration == pytest.approx(15, abs=0.1)
    assert len(told[-1]) == 2 * takes
    charged = Counter((one["model"], one["body"]["prompt"]) for one in accepted(hub) if one["status"] != "failed")
    assert sum(charged.values()) == 6 * takes and set(charged.values()) == {takes}
    ours = {name for one in films for job in one.tries for name in job.generation_ids}
    assert {one["generation_id"] for one in accepted(hub)} <= ours, "every charged shot is known"


# What is killed, at which step and at the how-manieth time it gets there; and what the hub has taken by then at most.
ENDS = [
    ("film", "begun", 1, 0),  # all of it is reserved, nothing is sent
    ("film", "filled", 1, 0),  # the first still is about to be sent
    ("film", "answered", 1, 2),  # a still is paid, and nobody wrote it down
    ("film", "recorded", 2, 2),  # both stills are paid
    ("film", "filled", 3, 2),  # the stills are there, the first clip is about to be sent
    ("film", "recorded", 3, 4),  # the first clip is paid
    ("single", "planned", 1, 0),
    ("single", "filled", 1, 0),
    ("single", "recorded", 1, 1),
    ("single", "filled", 2, 1),
    ("stills", "planned", 1, 0),
    ("stills", "answered", 1, 2),
]
PIECES = {"film": 4, "single": 2, "stills": 2}


@pytest.mark.long
@pytest.mark.parametrize(("what", "step", "after", "sent"), ENDS)
async def test_a_crash_between_pictures_and_clips_leaves_nothing_half_reserved(
    sandbox: Start,
    opened: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    step: str,
    after: int,
    sent: int,
) -> None:
    monkeypatch.setattr(reconcile, "GRACE", 0.0)  # what the dead process had on its way and is not there never came
    hub = sandbox(speed=100.0)
    command = [*forked.python(), "-m", "tests.studio.films.doomed", str(tmp_path), hub.base_url, what, step, str(after)]
    first = await asyncio.to_thread(subprocess.run, command, timeout=HUNG, check=False)
    assert first.returncode < 0, f"it was killed: {(tmp_path / 'doom.log').read_text()}"
    assert len(accepted(hub)) <= sent
    clock = Swift()
    studio = opened(base_url=hub.base_url, clock=clock)
    ledger, scope = studio._session.ledger, await studio._session.scope()
    reserved = (await ledger.funds(scope, clock.time())).committed
    jobs = await ledger.find_jobs(scope, states=["planned", "sending", "running", "succeeded"])
    assert len(jobs) == PIECES[what], "all of the call was written, in one transaction"
    assert reserved == sum(job.reserved if job.cost is None else job.cost for job in jobs)
    clock.ahead = 200.0  # whoever was killed is gone by then
    assert (await ledger.funds(scope, clock.time())).committed == sum(
        job.reserved if job.cost is None else job.cost for job in jobs if job.state != "planned"
    ), "what was never sent holds no money"
    made = await make(studio, what)
    states = [one.video.status for one in made.stills] if what == "stills" else [made.status]
    assert set(states) == {"succeeded"}
    charged = Counter((one["model"], one["body"]["prompt"]) for one in accepted(hub))
    assert set(charged.values()) == {1} and len(charged) == PIECES[what], "each picture and clip is paid once"
