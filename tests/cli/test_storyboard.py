"""A storyboard as people write one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.cli import storyboard
from oxen_video_tools.errors import InvalidRequest

BIRD = [
    {"prompt": "Wide shot: a bird takes off from a branch", "duration": 5},
    {"prompt": "Tracking shot: the bird soars through clouds", "duration": 4},
]


@pytest.mark.parametrize(
    "text",
    [
        "Wide shot: a bird takes off from a branch (5s)\nTracking shot: the bird soars through clouds (4s)",
        "# A bird\n\n1. Wide shot: a bird takes off from a branch [5 s]\n"
        "2) Tracking shot: the bird soars through clouds - 4 sec\n",
        "- Shot 1: Wide shot: a bird takes off from a branch, 5s\n<!-- not\nyet -->\n"
        "* Shot 2. Tracking shot: the bird soars through clouds (4 seconds)",
        "- prompt: 'Wide shot: a bird takes off from a branch'\n  duration: 5\n"
        "- prompt: 'Tracking shot: the bird soars through clouds'\n  duration: 4\n",
        '[{"prompt": "Wide shot: a bird takes off from a branch", "duration": 5},'
        ' "Tracking shot: the bird soars through clouds (4s)"]',
    ],
)
def test_one_board_written_in_five_ways(text: str) -> None:
    assert storyboard.read(text) == {"multi_prompt": BIRD}


def test_the_requests_own_words_stand_before_the_first_shot() -> None:
    board = storyboard.read("model: kling\naspect ratio: 9:16\n\nA fox runs (3.5s)\nModel: a tiny house")
    assert board["model"] == "kling"
    assert board["aspect_ratio"] == "9:16"
    assert board["multi_prompt"] == [{"prompt": "A fox runs", "duration": 3.5}, {"prompt": "Model: a tiny house"}]


def test_a_mapping_in_the_apis_words() -> None:
    assert storyboard.read("prompt: a fox\nduration: 5\n") == {"prompt": "a fox", "duration": 5}
    assert storyboard.read("shots:\n  - a fox (2s)\nseed: 7\n") == {
        "seed": 7,
        "multi_prompt": [{"prompt": "a fox", "duration": 2}],
    }


@pytest.mark.parametrize("text", ["", "# Only a title\n", "[]", "prompt: [unclosed\n"])
def test_a_board_without_a_shot_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        storyboard.read(text)


@given(st.text(max_size=400))
def test_any_text_gives_shots_or_a_clear_refusal(text: str) -> None:
    try:
        words = storyboard.read(text)
    except InvalidRequest:
        return
    assert words.get("multi_prompt") or words.get("prompt")
