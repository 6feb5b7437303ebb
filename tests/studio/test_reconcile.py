"""Telling what became of a lost job from what other clients made: pure rules first, then the whole way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxen_video_tools.hub import Generation
from oxen_video_tools.ledger.records import Job
from oxen_video_tools.studio.reconcile import TOLERANCE, assign_records, is_its_record

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
        *(None, 0.0, sent, sent, None, None),
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


def test_the_hubs_clock_counts() -> None:
    assert not is_its_record(job(), record(at=SENT - 100))
    assert is_its_record(job(), record(at=SENT - 100), offset=-98)


def ids(found: dict[str, list[Generation]]) -> dict[str, list[str]]:
    return {name: [one.generation_id for one in some] for name, some in found.items()}


def test_one_job_and_one_record_belong_together() -> None:
    assert ids(assign_records([job()], [], [record(), record("x", prompt="other")])) == {"j": ["g"]}


def test_nothing_is_adopted_where_the_numbers_differ() -> None:
    assert assign_records([job()], [], []) == {}
    assert assign_records([job()], [], [record("a"), record("b")]) == {}
    assert assign_records([job(expects=2)], [], [record("a")]) == {}


def test_several_of_one_post_are_adopted_together() -> None:
    assert ids(assign_records([job(expects=2)], [], [record("a"), record("b", SENT + 1)])) == {"j": ["a", "b"]}


def test_equal_jobs_share_equal_records_in_the_order_of_time() -> None:
    jobs = [job("late", SENT + 60), job("early")]
    records = [record("second", SENT + 61), record("first", SENT + 1)]
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


@given(
    jobs=st.lists(st.tuples(bodies, st.integers(0, 30), st.booleans(), st.integers(1, 2)), max_size=5),
    records=st.lists(st.tuples(bodies, st.integers(-10, 40)), max_size=6),
)
@settings(max_examples=300)
def test_whatever_is_assigned_fits_once_and_wholly(jobs: Any, records: Any) -> None:
    made = [job(f"j{n}", SENT + at, expects, **body) for n, (body, at, _, expects) in enumerate(jobs)]
    unclear = [one for one, (_, _, flying, _) in zip(made, jobs, strict=True) if not flying]
    flying = [one for one, (_, _, is_flying, _) in zip(made, jobs, strict=True) if is_flying]
    shown = [record(f"g{n}", SENT + at, **body) for n, (body, at) in enumerate(records)]
    found = assign_records(unclear, flying, shown)
    given_away = [one.generation_id for some in found.values() for one in some]
    assert len(given_away) == len(set(given_away))
    for one in unclear:
        for got in found.get(one.job, []):
            assert is_its_record(one, got)
            assert not any(is_its_record(other, got) for other in flying), "it may be another's"
        assert len(found.get(one.job, [])) in (0, one.expects)
    adopted = {one.job for one in unclear if one.job in found}
    for got in given_away:
        left = [one for one in unclear if one.job not in adopted]
        shown_record = next(one for one in shown if one.generation_id == got)
        assert not any(is_its_record(one, shown_record) for one in left), "an unclear job that is left may claim it"


def test_the_offset_moves_the_whole_window() -> None:
    early = replace(record(), enqueued_at=SENT - 50)
    assert assign_records([job()], [], [early]) == {}
    assert ids(assign_records([job()], [], [early], offset=-50)) == {"j": ["g"]}
