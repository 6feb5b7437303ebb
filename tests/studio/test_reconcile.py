"""Telling what became of a lost job from what other clients made: pure rules first, then the whole way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxen_video_tools.hub import Generation
from oxen_video_tools.ledger.records import Job
from oxen_video_tools.studio.reconcile import (
    TOLERANCE,
    assign_records,
    is_its_record,
    is_marked,
    may_be_its_record,
    resembles,
)

SENT = 1_790_000_000.0
BODY: dict[str, Any] = {
    "model": "kling",
    "prompt": "A red balloon",
    "duration": 5,
    "seed": 42,
    "input_image": "https://hub.oxen.ai/a.png?oxen_signature=1",
}


def job(name: str = "j", sent: float = SENT, expects: int = 1, **body: Any) -> Job:
    whole = {key: value for key, value in (BODY | body).items() if value is not None}
    return Job(
        *(name, "hub|me", name, None, 0, None, "sending", "queue", "kling", None, whole, {}, expects, None, 0, None),
        *(None, 0.0, sent, sent, None, None, sent),
    )


def record(name: str = "g", at: float | None = SENT, model: str | None = "kling", **echo: Any) -> Generation:
    echoed = {key: value for key, value in BODY.items() if key != "model"} | echo
    return Generation(name, model, echoed.pop("prompt", None), enqueued_at=at, parameters=echoed)


@pytest.mark.parametrize(
    "one",
    [
        record(),
        record(at=SENT - TOLERANCE),
        record(at=SENT + 3600),
        record(duration="5"),
        record(duration=5.0),
        record(duration=None),
        record(seed=None),
        record(prompt=None),
        record(model=None),
        record(input_image="https://hub.oxen.ai/a.png?oxen_signature=2"),
        record(input_image=["https://hub.oxen.ai/a.png"]),
        record(aspect_ratio="16:9", generate_audio=False),
        record(num_generations=4, response_format="url", target_namespace="me"),
        record(something_of_the_hubs={"own": 1}),
        record(negative_prompt="", multi_prompt=[]),
    ],
)
def test_a_record_that_echoes_what_was_sent_is_its_own(one: Generation) -> None:
    assert is_its_record(job(), one)


@pytest.mark.parametrize(
    "one",
    [
        record(at=SENT - TOLERANCE - 0.1),
        record(at=None),
        record(model="wan"),
        record(prompt="A blue balloon"),
        record(seed=43),
        record(duration=10),
        record(aspect_ratio="9:16"),
        record(generate_audio=True),
        record(negative_prompt="people"),
        record(input_image="https://hub.oxen.ai/b.png"),
        record(resolution="1080p"),
    ],
)
def test_a_record_of_another_request_is_not(one: Generation) -> None:
    assert not is_its_record(job(), one)


@pytest.mark.parametrize(
    ("one", "may_be"),
    [
        (record(prompt="A blue balloon"), True),  # its model
        (record(model="wan-2"), True),  # its words
        (record(model="wan-2", prompt="a RED  balloon!"), True),
        (record(model="Wan 2"), True),  # a name for people may be anybody's
        (record(model="wan-2", prompt=None), True),  # it does not say what it is
        (record(at=None, seed=43), True),
        (record(model="wan-2", prompt="A blue balloon"), False),
        (record(at=SENT - TOLERANCE - 0.1), False),
    ],
)
def test_absent_is_only_what_no_record_may_be(one: Generation, may_be: bool) -> None:
    assert may_be_its_record(job(), one) is may_be


def test_a_seed_of_the_studios_own_is_a_mark_and_a_callers_is_none() -> None:
    told_otherwise = record(prompt="Rewritten", duration=8)
    assert is_marked(job(), told_otherwise)
    assert not is_marked(replace(job(), asked={"seed": 42}), told_otherwise)
    assert not is_marked(replace(job(), asked={"model_parameters": {"seed": 42}}), told_otherwise)


def ids(found: dict[str, list[Generation]]) -> dict[str, list[str]]:
    return {name: [one.generation_id for one in some] for name, some in found.items()}


def test_one_job_and_one_record_belong_together() -> None:
    assert ids(assign_records([job()], [], [record(), record("x", prompt="other")])) == {"j": ["g"]}


def test_nothing_is_adopted_where_the_numbers_differ() -> None:
    assert assign_records([job()], [], []) == {}
    assert assign_records([job()], [], [record("a"), record("b")]) == {}
    assert assign_records([job(seed=None)], [], [record("a", seed=None), record("b", seed=None, duration=8)]) == {}
    assert assign_records([job(expects=2)], [], [record("a")]) == {}


def test_several_of_one_post_are_adopted_together() -> None:
    assert ids(assign_records([job(expects=2)], [], [record("a"), record("b", SENT + 1)])) == {"j": ["a", "b"]}


def test_equal_jobs_without_a_mark_are_not_told_apart() -> None:
    jobs = [job("late", SENT + 60, seed=None), job("early", seed=None)]
    records = [record("second", SENT + 61), record("first", SENT + 1)]
    assert assign_records(jobs, [], records) == {}


def test_equal_jobs_are_told_apart_by_their_marks() -> None:
    jobs = [job("late", SENT + 60, seed=1), job("early", seed=2)]
    records = [record("second", SENT + 61, seed=1), record("first", SENT + 1, seed=2), record("x", seed=None)]
    assert ids(assign_records(jobs, [], records)) == {"early": ["first"], "late": ["second"]}


def test_equal_jobs_with_too_few_records_get_none() -> None:
    assert assign_records([job("a"), job("b", SENT + 60)], [], [record("g", SENT + 61)]) == {}


def test_a_record_that_a_job_in_flight_may_claim_is_left_alone() -> None:
    assert assign_records([job("lost")], [job("flying", SENT + 1)], [record()]) == {}
    assert ids(assign_records([job("lost")], [job("flying", seed=7)], [record()])) == {"lost": ["g"]}


def test_an_order_that_does_not_fit_gives_nothing() -> None:
    jobs = [job("a"), job("b", SENT + 100)]
    assert assign_records(jobs, [], [record("x", SENT + 1), record("y", SENT + 2)]) == {}


bodies = st.fixed_dictionaries({"prompt": st.sampled_from("pq"), "seed": st.sampled_from([1, 2, None])})
kept = st.sampled_from([{}, {"seed": 1}, {"seed": 2}])


@given(
    jobs=st.lists(st.tuples(bodies, st.integers(0, 30), st.booleans(), st.integers(1, 2), kept), max_size=5),
    records=st.lists(st.tuples(bodies, st.integers(-10, 40)), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_assigned_is_given_once_by_a_mark_or_by_a_single_likeness(jobs: Any, records: Any) -> None:
    made = [
        replace(job(f"j{n}", SENT + at, expects, **body), asked=asked)
        for n, (body, at, _, expects, asked) in enumerate(jobs)
    ]
    unclear = [one for one, (_, _, flying, *_) in zip(made, jobs, strict=True) if not flying]
    flying = [one for one, (_, _, is_flying, *_) in zip(made, jobs, strict=True) if is_flying]
    shown = [record(f"g{n}", SENT + at, **body) for n, (body, at) in enumerate(records)]
    found = assign_records(unclear, flying, shown)
    given_away = [one.generation_id for some in found.values() for one in some]
    assert len(given_away) == len(set(given_away))
    for one in unclear:
        got = found.get(one.job, [])
        assert len(got) in (0, one.expects)
        if not all(is_marked(one, its) for its in got):
            assert all(is_its_record(one, its) for its in got)
            rivals = [other for other in made if other.job != one.job and other.job not in found]
            assert not any(resembles(other, its) for other in rivals for its in got), "it may be another's"
            assert not any(is_marked(other, its) for other in flying for its in got), "it is another's"
