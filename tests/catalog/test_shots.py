"""Prompts and shots, with the hub's own sentences (Oxen docs: Errors; Kling O3 Pro walkthrough: multi_prompt)."""

from __future__ import annotations

from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.request import VideoRequest

from .conftest import O3, ask, model

BOTH = "Cannot provide both 'prompt' and 'multi_prompt'."
ONE_TO_FIFTEEN = "Input should be " + ", ".join(f"'{one}'" for one in range(1, 15)) + " or '15'."
NEITHER = "Either 'prompt' or 'multi_prompt' must be provided."


def problems(models: ModelList, model_id: str = O3, **words: Any) -> list[str]:
    return translate(VideoRequest(**words), models.known(model_id), models=models).problems


def shots(*seconds: float, prompt: str = "a") -> list[dict[str, Any]]:
    return [{"prompt": prompt, "duration": one} for one in seconds]


@pytest.mark.parametrize("model_id", [O3, "brand-new-model"])
def test_both_prompts(live: ModelList, model_id: str) -> None:
    assert BOTH in problems(live, model_id, prompt="x", multi_prompt=shots(5))


@pytest.mark.parametrize("model_id", [O3, "google-veo-3-1", "brand-new-model"])
@pytest.mark.parametrize("words", [{}, {"prompt": ""}, {"multi_prompt": []}, {"prompt": "null"}])
def test_neither_prompt(live: ModelList, model_id: str, words: dict[str, Any]) -> None:
    assert problems(live, model_id, **words) == [NEITHER]


def test_neither_where_a_medium_is_enough(live: ModelList) -> None:
    assert problems(live, "topazlabs-video-upscale", input_video="v.mp4") == []
    assert problems(live, "ltx-2-3-pro-extend-video", input_video="v.mp4") == []
    assert NEITHER in problems(live, "topazlabs-video-upscale")


def test_a_prompt_where_none_is_taken(live: ModelList) -> None:
    assert "prompt has no place" in problems(live, "topazlabs-video-upscale", prompt="x", input_video="v.mp4")[0]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (shots(3), []),
        (shots(2, 1), []),
        (shots(15), []),
        (shots(5, 5, 5), []),
        ([{"prompt": "a"}], []),
    ],
)
def test_the_pages_own_table_of_what_works(live: ModelList, told: list[dict[str, Any]], expected: list[str]) -> None:
    assert problems(live, multi_prompt=told) == expected


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            shots(1),
            "duration value '1' is invalid. Try using duration='5' instead, as duration support may vary by model",
        ),
        (shots(1, 1), "duration value '2' is invalid."),
        (shots(5, 5, 6), "Total shot duration (16s) exceeds maximum allowed (15s)."),
        (shots(16), ONE_TO_FIFTEEN),
        (shots(2.5, 2), "Input should be '1'"),
        (shots(5, prompt="x" * 513), "513 characters; use at most 512."),
        (shots(5, prompt=" "), "Field required"),
    ],
)
def test_the_pages_own_table_of_what_fails(live: ModelList, told: list[dict[str, Any]], words: str) -> None:
    assert any(words in problem for problem in problems(live, multi_prompt=told))


def test_which_shot_is_said(live: ModelList) -> None:
    told = problems(live, multi_prompt=[*shots(5), *shots(5, prompt="x" * 600), *shots(16)])
    assert [problem.partition(":")[0] for problem in told] == [
        "Shot 2",
        "Shot 3",
        "Total shot duration (26s) exceeds maximum allowed (15s).",
    ]


def test_a_single_prompt_has_the_same_span(live: ModelList) -> None:
    assert problems(live, prompt="x", duration=2) == ["duration=2: use 3 to 15."]
    assert problems(live, prompt="x", duration=15) == []


def test_a_schema_that_takes_shots_in_its_own_words() -> None:
    shot = {
        "type": "object",
        "properties": {"text": {"type": "string", "maxLength": 100}, "seconds": {"enum": ["2", "4"]}},
    }
    made = model(prompt={"type": "string"}, shots={"type": "array", "maxItems": 3, "items": shot})
    known = ModelList.of([made])[made.id]
    assert known.multi_shot is not None
    assert (known.multi_shot.count, known.multi_shot.characters, known.multi_shot.shot_most) == (3, 100, 4)
    said = translate(ask(multi_prompt=shots(2, 4)), known)
    assert said.body["shots"] == [{"text": "a", "seconds": 2}, {"text": "a", "seconds": 4}]


def test_a_model_that_takes_none_says_so(live: ModelList) -> None:
    said = translate(ask(multi_prompt=shots(5, 5)), live["google-veo-3-1"], models=live)
    assert "multi_prompt has no place in google-veo-3-1" in said.problems[0]
    assert O3 in said.problems[0]
