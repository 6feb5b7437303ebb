"""Storyboards as people and models write them: what is read, and what is refused because it would be paid for."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools import storyboard
from oxen_video_tools.cli import request_options
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
    assert storyboard.read(text).request == {"multi_prompt": BIRD}


def test_the_requests_own_words_stand_before_the_first_shot() -> None:
    board = storyboard.read("model: kling\naspect ratio: 9:16\n\nA fox runs (3.5s)\nModel: a tiny house").request
    assert board["model"] == "kling"
    assert board["aspect_ratio"] == "9:16"
    assert board["multi_prompt"] == [{"prompt": "A fox runs", "duration": 3.5}, {"prompt": "Model: a tiny house"}]


def test_a_mapping_in_the_apis_words() -> None:
    assert storyboard.read("prompt: a fox\nduration: 5\n").request == {"prompt": "a fox", "duration": 5}
    assert storyboard.read("shots:\n  - a fox (2s)\nseed: 7\n").request == {
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
    flow = storyboard.read("[{prompt: a cat, duration: 5}]").request
    assert flow == {"multi_prompt": [{"prompt": "a cat", "duration": 5}]}
    assert storyboard.read("[Wide] A cat (5s)").request == {"prompt": "[Wide] A cat", "duration": 5}


def test_a_head_between_rules_holds_settings_and_nothing_that_would_be_paid_for() -> None:
    board = storyboard.read("---\ntitle: My film\nmodel: kling\nseed: 7\ntags: [a, b]\n---\n# Cat\n1. A cat (5s)")
    assert board.request == {"model": "kling", "seed": 7, "multi_prompt": [{"prompt": "A cat", "duration": 5}]}
    assert board.left_out == ["title: My film", "tags: ['a', 'b']"]
    with pytest.raises(InvalidRequest, match="`colour grade` at the top"):
        storyboard.read("---\ncolour grade: warm\nmodel: kling\n---\nA cat (5s)")
    assert len(storyboard.read("---\nA cat\n---\nAn owl").request["multi_prompt"]) == 2


FOX_AND_OWL = [{"prompt": "A fox runs", "duration": 5}, {"prompt": "An owl sleeps", "duration": 4}]


@pytest.mark.parametrize(
    ("name", "shots", "rest"),
    [
        (
            "table.md",
            [
                ("A lighthouse on a cliff at dawn. Wide, static", 5),
                ("The keeper lights the lamp. Close-up", 4),
                ("A ship passes in the fog. Tracking", 5),
            ],
            {},
        ),
        (
            "headings.md",
            [("A lighthouse on a cliff at dawn, gulls circle.", 5), ("The keeper lights the lamp, close-up.", 4)],
            {"aspect_ratio": "9:16"},
        ),
        ("scenes.yaml", [("A lighthouse on a cliff at dawn", 5), ("The keeper lights the lamp", 4)], {}),
        (
            "wrapped.md",
            [
                (
                    "A lighthouse stands on a cliff at dawn while gulls circle over"
                    " the water and the first light touches the glass",
                    5,
                ),
                ("The keeper lights the lamp", 4),
            ],
            {},
        ),
        (
            "colon.yaml",
            [("Wide shot: a lighthouse on a cliff at dawn", None), ("Close-up: the keeper lights the lamp", 4)],
            {},
        ),
    ],
)
def test_boards_as_people_write_them(name: str, shots: list[tuple[str, int | None]], rest: dict[str, str]) -> None:
    file = Path(__file__).parent / "boards" / name
    request = storyboard.read(file.read_text("utf-8"), file.suffix).request
    assert [(shot["prompt"], shot.get("duration")) for shot in request.pop("multi_prompt")] == shots
    assert request == rest


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("", "- [ ] A fox runs (5s)\n- [x] An owl sleeps (4s)"),
        ("", "1. A fox runs\n   - Duration: 5s\n2. An owl sleeps\n   - Length: 4 seconds"),
        ("", "1. In the woods\n   - A fox runs (5s)\n   - An owl sleeps (4s)"),
        ("", "**Shot 1 (0:00-0:05)**\n\nA fox runs\n\n**Shot 2 (0:05-0:09)**\nAn owl sleeps"),
        ("", "**Shot 1:** A fox runs (5s)\n\n**Shot 2:** An owl sleeps (4s)"),
        ("", "## Shot 1 [0-5s]\n```\nA fox runs\n```\n## Shot 2 (4s)\n```text\nAn owl sleeps\n```"),
        ("", "### Scene 1: A fox runs (5s)\n\n### Scene 2: An owl sleeps (4s)"),
        ("", "0:00-0:05 A fox runs\n0:05-0:09 An owl sleeps"),
        ("", "[0-5s] A fox runs\n[5-9s] An owl sleeps"),
        ("", "1. A fox runs（5秒）\n2. An owl sleeps（４秒）"),
        ("", "1. A fox runs (٥ ثوانٍ)\n2. An owl sleeps (٤ ث)"),
        ("", "| Visual | Seconds |\n|---|---|\n| A fox runs | 5 |\n| An owl sleeps | 4 seconds |"),
        ("", '```json\n[{"description": "A fox runs", "seconds": 5}, "An owl sleeps (4s)"]\n```'),
        (".csv", "#,Description,Seconds\n1,A fox runs,5\n2,An owl sleeps,4s\n"),
        (".csv", "Nr;Beschreibung;Dauer\n1;A fox runs;5\n2;An owl sleeps;4\n"),
        (".tsv", "Scene\tVisual\tLength\n1\tA fox runs\t5\n2\tAn owl sleeps\t4\n"),
        (".json", '{"scenes": [{"visual": "A fox runs", "length": "5s"}, {"text": "An owl sleeps", "duration": 4}]}'),
        (".yaml", "scenes:\n- description: A fox runs\n  seconds: 5\n- visual: An owl sleeps\n  length: 4 sec\n"),
        (".yaml", "storyboard:\n  shots:\n    - A fox runs (5s)\n    - {scene: An owl sleeps, time: 4}\n"),
    ],
)
def test_the_same_two_shots_in_many_shapes(suffix: str, text: str) -> None:
    assert storyboard.read(text, suffix).request == {"multi_prompt": FOX_AND_OWL}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("This is a film about foxes.\n\n1. A fox runs (5s)", "Line 1"),
        ("1. A fox runs (5s)\n2. An owl (4s)\n\nMusic by Bach", "Line 4"),
        (
            "A lighthouse stands on a cliff at dawn while gulls circle over the grey sea and\n"
            "Bob walks in with a lamp that shines over the whole wide bay until the morning",
            "Line 2",
        ),
        ("## Shot 1\n\nDuration: 5s\n", "Line 1"),
        ("## Shot 1 (0:00-0:05)\n\nA fox\n\nDuration: 4s", "Line 5"),
        ("| Person | Fee |\n|---|---|\n| Ann | 3 |", "Line 1"),
        ("| Shot | Fee |\n|---|---|\n| A fox | 3 |", "Line 3"),
        ("## Shot 1\nA fox\nAspect: 9:16\n\n## Shot 2\nAn owl\nAspect: 16:9", "Line 7"),
    ],
)
def test_what_is_not_certainly_a_shot_is_refused_with_its_line(text: str, line: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        storyboard.read(text)
    assert refused.value.message.startswith(line)
    assert refused.value.fix


def test_what_stands_beside_the_shots_is_left_out_and_named() -> None:
    board = storyboard.read("# Fox film\n\n1. A fox runs (5s)\n2. An owl sleeps (4s)\n\n## Notes\n- call Bob\n")
    assert board.request == {"multi_prompt": FOX_AND_OWL}
    assert board.left_out == ["line 6: Notes"]


@pytest.mark.parametrize(("line", "seconds"), [("A red balloon rises", None), ("A red balloon rises (5s)", 5)])
def test_a_single_line_is_a_prompt(line: str, seconds: int | None) -> None:
    expected = {"prompt": "A red balloon rises"} | ({} if seconds is None else {"duration": seconds})
    assert storyboard.read(line).request == expected


def test_a_ratio_in_yaml_is_no_time() -> None:
    board = storyboard.read("aspect_ratio: 9:16\nshots:\n  - A fox runs (5s)\n", ".yaml")
    assert board.request["aspect_ratio"] == "9:16"


def test_numbers_that_are_no_length_stay_words() -> None:
    shots = storyboard.read("1. A 16:9 frame of 3-4 birds\n2. The 4 seasons\n").request["multi_prompt"]
    assert shots == [{"prompt": "A 16:9 frame of 3-4 birds"}, {"prompt": "The 4 seasons"}]


@pytest.mark.parametrize("text", ["", "# Only a title\n", "[]", "prompt: [unclosed\n"])
def test_a_board_without_a_shot_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        storyboard.read(text)


@given(st.text(max_size=400))
def test_any_text_gives_shots_or_a_clear_refusal(text: str) -> None:
    try:
        request = storyboard.read(text).request
    except InvalidRequest:
        return
    assert request.get("multi_prompt") or request.get("prompt")


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
        found = request_options._read(given)
        assert (found.get("model"), found["prompt"]) == ("kling", read)
    else:
        with pytest.raises(read):
            request_options._read(given)


def test_a_batch_as_windows_writes_it_and_with_a_line_separator_in_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_bytes('\ufeff{"prompt": "a fox\u2028runs"}\r\n{"prompt": "an owl"}\r\n'.encode())
    assert [line.request.prompt for line in batch.read(_lines(file))] == ["a fox\u2028runs", "an owl"]
