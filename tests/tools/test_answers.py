"""What an agent reads after a call."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.errors import GenerationFailed
from oxen_video_tools.studio.results import FilmShot, Video, moment
from oxen_video_tools.tools.answers import LARGEST, after, ago, fitted, to_answer, weight
from oxen_video_tools.tools.tool import Reply

URL = "https://hub.oxen.ai/v/gen_1.mp4?oxen_expires=1790000000&oxen_signature=" + "a" * 64


def video(status: Any = "succeeded", **facts: Any) -> Video:
    return Video(status=status, generation_id="gen_1", **facts)


def test_a_finished_video() -> None:
    done = video(url=URL, model="m", duration=10.0, cost_usd=Decimal("0.70"), cost_is="estimate")
    assert Reply(to_answer(done)).structured == {
        "status": "succeeded",
        "generation_id": "gen_1",
        "url": URL,
        "expires_at": "2026-09-21T14:13:20Z",
        "file": None,
        "model": "m",
        "duration": 10,
        "cost_usd": 0.7,
        "cost_is": "estimate",
        "warnings": [],
        "next": "The link expires; get_video gives a fresh one, save_video keeps the file.",
    }
    assert '"duration":10,' in Reply(to_answer(done)).text


def test_a_wait_that_ran_out_is_an_answer_and_names_the_call_to_come_back_with() -> None:
    told = to_answer(video("processing"))
    assert told.status == "processing"
    assert told.next == 'Call get_video with generation_ids=["gen_1"]; a repeated generate_video call pays nothing.'


def test_a_repeated_request_says_so() -> None:
    told = after(video(url=URL, reused=True, created=moment(1000.0)), take=2, now=1130.0)
    assert told.startswith("This is your video of 2 min ago; for another version call with take=3. ")


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "a moment ago"), (130, "2 min ago"), (7300, "2 h ago"), (2e5, "2 d ago")]
)
def test_ago(seconds: float, words: str) -> None:
    assert ago(moment(1000.0), 1000.0 + seconds) == words


def test_takes_are_all_there_and_all_named() -> None:
    both = (video("processing"), Video("processing", "gen_2"))
    told = to_answer(video("processing", takes=both))
    assert [take.generation_id for take in told.takes] == ["gen_1", "gen_2"]
    assert '["gen_1", "gen_2"]' in told.next


def test_an_unfinished_film_goes_on_with_the_same_call() -> None:
    told = to_answer(Video("processing", "film_1", shots=(shot(1), FilmShot(2, 5, 10, "queued"))))
    assert [shot.status for shot in told.shots] == ["succeeded", "queued"]
    assert "generate_video with the same arguments goes on where it stopped" in told.next


@pytest.mark.parametrize(
    ("cost", "cost_is", "charged"),
    [(Decimal("0.1"), "real", "yes"), (Decimal(0), "real", "no"), (Decimal("0.1"), "estimate", "unknown")],
)
def test_a_failure_says_why_and_whether_it_cost(cost: Decimal, cost_is: Any, charged: str) -> None:
    with pytest.raises(GenerationFailed) as failed:
        to_answer(video("failed", error="NSFW at https://a/b?key=secret", cost_usd=cost, cost_is=cost_is))
    told = failed.value.answer()
    assert (told["error"], told["generation_id"], told["charged"]) == ("generation_failed", "gen_1", charged)
    assert "secret" not in json.dumps(told)


def test_a_failed_shot_of_a_film_is_made_again_alone() -> None:
    with pytest.raises(GenerationFailed) as failed:
        to_answer(
            Video("failed", "film_1", shots=(shot(1), FilmShot(2, 5, 10, "failed", error="no")), error="shot 2 failed")
        )
    assert "same arguments" in (failed.value.fix or "")


def test_a_link_that_cannot_be_renewed_says_so() -> None:
    assert "can't be renewed" in after(Video("succeeded", "sync-1", url=URL, file=Path("/v/a.mp4")))


@given(
    st.lists(st.text(max_size=400), max_size=40),
    st.sampled_from(["queued", "processing", "succeeded", "cancelled"]),
    st.booleans(),
)
def test_an_answer_stays_below_a_kilobyte(warnings: list[str], status: Any, reused: bool) -> None:
    told = fitted(
        to_answer(video(status, url=URL, model="m" * 40, warnings=tuple(warnings), reused=reused, created=moment(1.0)))
    )
    assert weight(told) <= LARGEST
    assert told.url == URL
    assert told.next


def test_warnings_that_give_way_are_counted() -> None:
    told = fitted(to_answer(video(url=URL, warnings=tuple(f"{n}: {'x' * 150}" for n in range(9)))))
    assert told.warnings[0].startswith("0: ")
    assert told.warnings[-1] == f"… and {9 - (len(told.warnings) - 1)} more"


def test_many_takes_do_not_push_a_warning_out() -> None:
    takes = tuple(Video("succeeded", f"gen_{n}", url=URL) for n in range(20))
    told = fitted(to_answer(video(url=URL, takes=takes, warnings=("mind this",))))
    assert told.warnings == ["mind this"]
    assert len(told.takes) == 20


def shot(number: int) -> FilmShot:
    return FilmShot(number, 5.0 * (number - 1), 5.0 * number, "succeeded", f"gen_{number}", 1, url=URL)


def shots(count: int) -> tuple[FilmShot, ...]:
    return tuple(shot(number) for number in range(1, count + 1))


@pytest.mark.parametrize(("status", "file"), [("succeeded", Path("/v/film.mp4")), ("processing", None)])
def test_the_shots_of_a_long_film_are_named_and_no_more(status: Any, file: Path | None) -> None:
    told = fitted(to_answer(Video(status, "film-1", file=file, shots=shots(6), warnings=("mind this",))))
    assert len(Reply(told).text.encode()) <= LARGEST
    assert [shot.generation_id for shot in told.shots] == [f"gen_{n}" for n in range(1, 7)]
    assert told.model_dump(mode="json", by_alias=True)["shots"][1]["from"] == 5
    assert told.warnings == ["mind this"]


def test_shots_that_were_delivered_one_by_one_keep_their_links() -> None:
    told = fitted(to_answer(Video("succeeded", "film-1", shots=shots(9))))
    assert [shot.url for shot in told.shots] == [URL] * 9


def test_nothing_but_url_carries_a_signature() -> None:
    told = to_answer(video(url=URL, warnings=(f"see {URL}",)))
    assert "oxen_signature" not in json.dumps(told.model_dump(mode="json", exclude={"url"}))
