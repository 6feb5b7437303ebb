"""Processes that are killed again and again while they make the same films: each shot is charged once."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from oxen_video_tools.media.probe import probe
from tests import forked
from tests.clocks import HUNG
from tests.studio.films.conftest import Open, Start
from tests.studio.films.made import accepted

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
