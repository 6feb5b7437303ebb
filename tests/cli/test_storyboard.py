"""A storyboard as people write one."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.cli import storyboard, words
from oxen_video_tools.cli.batch import _lines
from oxen_video_tools.errors import InputUnreadable, InvalidRequest, OxenError
from oxen_video_tools.studio import batch

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


@pytest.mark.parametrize(
    "text",
    [
        '[{"prompt": "a cat", "duration": 5},',
        '{"prompt": "a cat"',
        "{prompt: a cat",
        "[{prompt: 2001-99-99}]",
        "[" * 100_000,
    ],
)
def test_what_is_broken_data_is_not_paid_for_as_prose(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no valid YAML or JSON"):
        storyboard.read(text)


def test_data_in_one_line_and_prose_in_brackets() -> None:
    assert storyboard.read("[{prompt: a cat, duration: 5}]") == {"multi_prompt": [{"prompt": "a cat", "duration": 5}]}
    assert storyboard.read("[Wide] A cat (5s)") == {"multi_prompt": [{"prompt": "[Wide] A cat", "duration": 5}]}


def test_a_head_between_rules_holds_settings_and_nothing_that_would_be_paid_for() -> None:
    assert storyboard.read("---\nmodel: kling\nseed: 7\n---\n# Cat\nA cat (5s)") == {
        "model": "kling",
        "seed": "7",
        "multi_prompt": [{"prompt": "A cat", "duration": 5}],
    }
    with pytest.raises(InvalidRequest, match="`title` at the top"):
        storyboard.read("---\ntitle: My film\nmodel: kling\n---\nA cat (5s)")
    assert len(storyboard.read("---\nA cat\n---\nAn owl")["multi_prompt"]) == 2


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


@pytest.mark.parametrize("way", ["piped", "as a file"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\ufeffmodel: kling\r\nA señor walks\r\n".encode(), "A señor walks"),
        ("A señor walks".encode("latin-1"), InputUnreadable),
        (b"x" * (storyboard.MAX_BYTES + 1), InvalidRequest),
    ],
)
def test_a_board_in_bytes(
    written: bytes, read: str | type[OxenError], way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "board.md"
    named.write_bytes(written)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written), encoding="ascii"))
    given = "-" if way == "piped" else str(named)
    if isinstance(read, str):
        found = words._read(given)
        assert (found.get("model"), found["multi_prompt"]) == ("kling", [{"prompt": read}])
    else:
        with pytest.raises(read):
            words._read(given)


def test_a_batch_as_windows_writes_it_and_with_a_line_separator_in_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_bytes('\ufeff{"prompt": "a fox\u2028runs"}\r\n{"prompt": "an owl"}\r\n'.encode())
    assert [line.request.prompt for line in batch.read(_lines(file))] == ["a fox\u2028runs", "an owl"]
