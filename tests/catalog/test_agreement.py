"""The sandbox judges requests with code of its own, written from the documentation. Both must come to the same end."""

from __future__ import annotations

import random

import pytest

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.catalog.validate import check
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.sandbox.models import all_models
from oxen_video_tools.sandbox.validate import problem

from . import requests

OF_THE_QUEUE = ("model", "num_generations")  # judged when a job is queued, not by the model


def disagreements(seed: int, count: int) -> tuple[list[str], int, int]:
    """Where the two differ; how many were fine and how many were not."""
    judges = {name: one for name, one in all_models().items() if one.media_type == "video"}
    models = ModelList.of([VideoModel.parse(one.listed) for one in judges.values()])
    chance = random.Random(seed)
    ids, found, fine, wrong = sorted(models), [], 0, 0
    for _ in range(count):
        known = models[chance.choice(ids)]
        if chance.random() < 0.5:
            body = translate(requests.request(chance, known.id), known, models=models).body
        else:
            body = requests.body(chance, known)
        media = {slot.name for slot in known.slots}
        body = {
            name: value
            for name, value in body.items()
            if name not in OF_THE_QUEUE and not (name in media and value == "")  # an empty link is none to us
        }
        mine, theirs = check(body, known), problem(judges[known.id], body)
        fine, wrong = fine + (theirs is None), wrong + (theirs is not None)
        if mine.problems and theirs is None:
            found.append(f"{known.id}: only here: {mine.problems} {body}")
        elif theirs is not None and not mine.problems and not (mine.warnings and "request_schema" in known.page):
            # a model whose limits stand on a page only: what is not the hub's own word there is a warning
            found.append(f"{known.id}: only there: {theirs} {body}")
    return found, fine, wrong


def test_the_sandbox_agrees() -> None:
    found, fine, wrong = disagreements(seed=1, count=12_000)
    assert not found, "\n".join(found[:5])
    assert fine > 3_000
    assert wrong > 3_000


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2, 8))
def test_the_sandbox_agrees_at_length(seed: int) -> None:
    found, *_ = disagreements(seed=seed, count=40_000)
    assert not found, "\n".join(found[:5])
