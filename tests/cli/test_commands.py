"""Each command as a person or a script runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests import forked
from tests.clocks import HUNG, Stopped, end_leases

from .conftest import ROOT, Run

FOX = ("A fox in the snow", "--duration", "5", "--model", "kling-video-v2-6-pro-text-to-video")


def test_generate_prints_the_link_alone_on_its_line_and_saves_the_file(
    oxen: Run, oxen_sandbox: Any, tmp_path: Path
) -> None:
    done = oxen("generate", *FOX, "--yes", "-o", str(tmp_path / "fox.mp4"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    url = next(line for line in lines if line.startswith("http"))
    assert httpx.get(url).status_code == 200
    assert lines[-1] == str(tmp_path / "fox.mp4")
    assert (tmp_path / "fox.mp4").read_bytes()[4:8] == b"ftyp"
    assert len(oxen_sandbox.ledger()["generations"]) == 1


def test_the_same_command_again_pays_nothing(oxen: Run, oxen_sandbox: Any) -> None:
    first, again, other = (
        json.loads(oxen("generate", *FOX, "--yes", "--json", *take).stdout) for take in ((), (), ("--take", "2"))
    )
    assert again["reused"] and again["generation_id"] == first["generation_id"] != other["generation_id"]
    assert len(oxen_sandbox.ledger()["generations"]) == 2


def test_list_get_cancel_and_save(oxen: Run, tmp_path: Path) -> None:
    made = json.loads(oxen("generate", *FOX, "--yes", "--json").stdout)
    listed = json.loads(oxen("list", "--json").stdout)
    assert [video["generation_id"] for video in listed] == [made["generation_id"]]
    assert oxen("list").stdout.split("\t")[0] == made["generation_id"]
    got = json.loads(oxen("get", made["generation_id"], "--json").stdout)
    assert got["status"] == "succeeded"
    saved = json.loads(oxen("save", made["generation_id"], "--json").stdout)
    linked = json.loads(oxen("save", made["generation_id"], "--upload", "--json").stdout)
    assert saved["url"] is None and linked["url"].startswith("http") and linked["expires_at"]
    assert linked["sha256"] == saved["sha256"]
    assert Path(saved["file"]).is_relative_to(tmp_path / "videos")
    cancelled = oxen("cancel", made["generation_id"])
    assert cancelled.returncode == 0 and "succeeded" in cancelled.stdout  # finished: nothing to stop


def test_plan_is_free_and_names_every_problem(oxen: Run, oxen_sandbox: Any) -> None:
    good = oxen("plan", *FOX, "--json")
    assert good.returncode == 0 and json.loads(good.stdout)["price_usd"] > 0
    bad = oxen("plan", "A fox", "--shot", "Another fox", "--json")
    assert bad.returncode == 2
    assert "Cannot provide both 'prompt' and 'multi_prompt'." in " ".join(json.loads(bad.stdout)["problems"])
    assert oxen_sandbox.ledger()["generations"] == []


def test_a_storyboard_comes_from_a_file_or_standard_input(oxen: Run, tmp_path: Path) -> None:
    board = "1. Wide shot: a bird takes off (5s)\n2. Tracking shot: it soars (5s)\n"
    (tmp_path / "board.md").write_text(board)
    from_file = json.loads(oxen("plan", "board.md", "--json").stdout)
    from_stdin = json.loads(oxen("plan", "-", "--json", stdin=board).stdout)
    assert from_file == from_stdin
    assert from_file["jobs"][0]["body"]["multi_prompt"][0]["prompt"] == "Wide shot: a bird takes off"


@pytest.mark.parametrize(
    ("arguments", "changes", "status", "words"),
    [
        (("generate", *FOX), {"OXEN_API_KEY": None, "OXEN_CONFIG_DIR": "/nowhere"}, 4, "OXEN_VIDEO_SANDBOX=1"),
        (("generate",), {}, 2, "Either 'prompt' or 'multi_prompt' must be provided."),
        (("get", "no-such-id"), {}, 7, "oxen-video list"),
        (("generate", *FOX, "--max-cost", "0.01"), {}, 3, "Nothing was spent."),
        (("generate", *FOX), {"OXEN_VIDEO_APPROVE_ABOVE": "0.01"}, 3, "Nothing was spent."),
        (("list",), {"OXEN_BASE_URL": "http://127.0.0.1:9", forked.NAPS: "1"}, 5, "The hub"),
        (("generate", *FOX), {"OXEN_VIDEO_MAX_COST": "lots"}, 2, "OXEN_VIDEO_MAX_COST"),
        (("plan", "missing.yaml"), {}, 7, "missing.yaml"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    oxen: Run, arguments: tuple[str, ...], changes: dict[str, str | None], status: int, words: str
) -> None:
    done = oxen(*arguments, **changes)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    if words != "oxen-video list":
        assert words in re.sub(r"\s+", " ", done.stderr)
    as_json = json.loads(oxen(*arguments, "--json", **changes).stdout)
    assert as_json["charged"] == "no" and as_json["error"]


def test_a_wait_that_runs_out_says_how_to_come_back(oxen: Run, oxen_sandbox: Any) -> None:
    done = oxen("generate", *FOX, "--yes", "--wait", "0")
    assert done.returncode in (0, 8)
    if done.returncode == 8:
        assert "oxen-video get" in done.stderr


def test_models_by_words_and_one_by_its_id(oxen: Run) -> None:
    found = json.loads(oxen("models", "kling", "--json").stdout)
    assert found and all(len(model["line"]) <= 120 for model in found)
    one = json.loads(oxen("models", "--id", "kling-video-v2-6-pro-text-to-video", "--json").stdout)
    assert one["model"] == "kling-video-v2-6-pro-text-to-video"
    assert oxen("models", "--id", "no-such-model").returncode == 7


def test_doctor_says_what_is_in_use_and_keeps_the_key(oxen: Run) -> None:
    done = oxen("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    server = found["mcp client"]["mcpServers"]["oxen-video"]
    assert Path(server["command"]).is_absolute()
    assert "video models" in found["models"]
    for text in (done.stdout, oxen("doctor").stdout):
        assert "sandbox-key-1234" not in text


def test_pause_stops_spending_until_resume(oxen: Run, oxen_sandbox: Any) -> None:
    assert oxen("pause").returncode == 0
    refused = oxen("generate", *FOX, "--yes")
    assert refused.returncode == 3 and "resume" in refused.stderr
    assert oxen_sandbox.ledger()["generations"] == []
    assert oxen("resume").returncode == 0
    assert oxen("generate", *FOX, "--yes").returncode == 0
    spent = json.loads(oxen("spend", "--json").stdout)
    assert spent["total_usd"] > 0 and not spent["paused"]


def test_a_batch_is_resumable_and_reports(oxen: Run, oxen_sandbox: Any, tmp_path: Path) -> None:
    line = json.dumps({"prompt": "A fox", "duration": 5, "model": "kling-video-v2-6-pro-text-to-video"})
    (tmp_path / "foxes.jsonl").write_text(f"{line}\n{line}\n\n" + line.replace("fox", "crow") + "\n")
    first = oxen("batch", "foxes.jsonl", "--yes", "--no-pictures")
    assert first.returncode == 0, first.stderr
    again = json.loads(oxen("batch", "foxes.jsonl", "--yes", "--json", "--no-pictures").stdout)
    assert [video["take"] for video in again["videos"]] == [1, 2, 1]
    assert all(video["reused"] for video in again["videos"])
    assert len(oxen_sandbox.ledger()["generations"]) == 3
    page = (tmp_path / "foxes.report" / "report.html").read_text()
    assert "3 of 3 videos" in page and "$0.00 paid now" in page and page.count("(paid before)") == 3
    assert again["paid_now_usd"] == 0 and again["paid_before_usd"] == again["cost_usd"] > 0
    assert page.count("oxen-video save ") == 3 and "http" not in page, "no file: the line that fetches it, no link"
    (tmp_path / "bad.jsonl").write_text('{"prompt": 1}\nnonsense\n')
    bad = oxen("batch", "bad.jsonl", "--yes")
    assert bad.returncode == 2 and "line 1" in bad.stderr and "line 2" in bad.stderr


def test_the_report_of_a_batch_plays_its_files_from_where_they_lie(oxen: Run, tmp_path: Path) -> None:
    line = json.dumps({"prompt": "A <fox>", "duration": 5, "model": "kling-video-v2-6-pro-text-to-video"})
    (tmp_path / "foxes.jsonl").write_text(line)
    made = oxen(
        "batch", "foxes.jsonl", "--yes", "--json", OXEN_VIDEO_SAVE="always", OXEN_VIDEO_OUTPUT_DIR=str(tmp_path)
    )
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "foxes.report" / "report.html").read_text()
    [source] = re.findall(r'<video [^>]*src="([^"]+)"', page)
    assert (tmp_path / "foxes.report" / unquote(source)).samefile(json.loads(made.stdout)["videos"][0]["file"])
    assert f'<a href="{source}">' in page and 'poster="data:image/jpeg' in page
    assert "A &lt;fox&gt;" in page and "http" not in page


def test_a_plan_says_what_its_pictures_cost(oxen: Run, oxen_sandbox: Any) -> None:
    asked = ("plan", "Mira waits at the harbour", "--cast", "Mira=woman of 40, grey coat", "--stills")
    told = json.loads(oxen(*asked, "--json").stdout)
    assert [(one["kind"], one["already"]) for one in told["pictures"]] == [("sheet", False), ("still", False)]
    assert all(one["price_usd"] > 0 for one in told["pictures"])
    shown = oxen(*asked).stdout
    assert "sheet Mira: " in shown and "still Shot 1: " in shown
    assert oxen_sandbox.ledger()["accepted"] == 0


def test_doctor_asks_the_hub_what_its_pages_leave_open(oxen: Run, oxen_sandbox: Any, tmp_path: Path) -> None:
    nothing_yet = json.loads(oxen("doctor", "--live", "--json").stdout)
    assert {one["held"] for one in nothing_yet} <= {True, None}
    assert oxen_sandbox.ledger()["generations"] == []
    refused = oxen("doctor", "--live", "--spend", "5")
    assert refused.returncode == 3 and "costs $" in refused.stderr  # nobody at the terminal said yes
    paid = oxen("doctor", "--live", "--spend", "5", "--yes", "--json", "--save", str(tmp_path / "found"))
    told = {one["question"]: one["held"] for one in json.loads(paid.stdout)}
    assert told["The job echoes every parameter that was sent"] is True
    assert told["The history's cost is our estimate"] is True
    assert len(oxen_sandbox.ledger()["generations"]) == 1
    kept = "".join(file.read_text() for file in (tmp_path / "found").iterdir())
    assert "paid_generation.json" in {file.name for file in (tmp_path / "found").iterdir()}
    assert "oxen_signature=" not in kept and "sandbox-key-1234" not in kept


# ---- what a newcomer runs into ----------------------------------------------------------------------------------


def test_a_preview_is_a_file_to_watch(oxen: Run, oxen_sandbox: Any, tmp_path: Path) -> None:
    (tmp_path / "board.md").write_text("Wide shot: a bird takes off (2s)\nIt soars (2s)\n")
    shown = oxen("preview", "board.md")
    file = Path(shown.stdout.splitlines()[-1])
    assert file.read_bytes()[4:8] == b"ftyp"
    assert json.loads(oxen("preview", "board.md", "--json").stdout)["preview"] == str(file)
    assert oxen_sandbox.ledger()["generations"] == []


def test_a_saved_clip_goes_where_it_was_asked_to(oxen: Run, tmp_path: Path) -> None:
    assert oxen("generate", *FOX, "--yes", "-o", "fox.mp4").returncode == 0
    copied = oxen("save", "fox.mp4", "-o", "other.mp4")
    assert copied.stdout.splitlines()[-1] == str(tmp_path / "other.mp4")
    assert (tmp_path / "other.mp4").read_bytes() == (tmp_path / "fox.mp4").read_bytes()
    assert oxen("save", "fox.mp4", "--transition", "wipe").returncode == 2


def test_inspect_in_words_and_its_sheet_as_a_file(oxen: Run, tmp_path: Path) -> None:
    oxen("generate", *FOX, "--yes", "-o", "fox.mp4")
    seen = oxen("inspect", "fox.mp4", "-o", "sheet.jpg")
    assert "5.0 s" in seen.stdout and " MB, whole" in seen.stdout
    assert (tmp_path / "sheet.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert json.loads(oxen("inspect", "fox.mp4", "-o", "sheet.jpg", "--json").stdout)["sheet"].endswith("sheet.jpg")


@pytest.mark.parametrize(
    ("arguments", "status", "fix"),
    [
        (("get", "no-such-id"), 7, "oxen-video list shows the ids"),
        (("models", "--id", "kling"), 7, ""),
        (("generate", *FOX, "--max-cost", "0.01"), 3, "or raise the limit"),
        (("inspect", "missing.mp4"), 7, ""),
        (("batch", "missing.jsonl"), 7, "No such file or directory."),
        (("generate",), 2, "run the command again"),
    ],
)
def test_what_to_do_next_is_said_in_commands(oxen: Run, arguments: tuple[str, ...], status: int, fix: str) -> None:
    done = oxen(*arguments)
    told = re.sub(r"\s+", " ", done.stderr)
    assert done.returncode == status and fix in told
    assert not re.search(r"\w+_videos?\b|Errno", told)  # an agent's tools, a library's numbers


def test_a_video_that_can_not_be_kept_where_asked_is_shown_and_was_paid_for(oxen: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    done = oxen("generate", *FOX, "--yes", "-o", "file/fox.mp4")
    assert done.returncode == 7 and "http" in done.stdout and "It was paid for." in done.stderr
    again = json.loads(oxen("generate", *FOX, "--yes", "-o", "file/fox.mp4", "--json").stdout)
    assert again["charged"] == "yes" and again["generation_id"] in done.stdout


def test_json_says_what_to_do_next_in_commands_too(oxen: Run) -> None:
    done = oxen("get", "no-such-id", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"], told["fix"]) == (
        7,
        "not_found",
        "oxen-video list shows the ids that exist.",
    )


def test_a_wrong_command_line_is_json_where_json_was_asked_for(oxen: Run) -> None:
    for arguments in (("generate", "a fox", "--duration", "seven"), ("list", "--limit", "1000"), ("list", "--lmit")):
        done = oxen(*arguments, "--json")
        assert done.returncode == 2 and json.loads(done.stdout)["error"] == "invalid_request"
        assert oxen(*arguments).returncode == 2


def test_nothing_found_is_said(oxen: Run) -> None:
    none = oxen("models", "zzzzzz")
    assert none.returncode == 0 and 'No model is called or described as "zzzzzz"' in " ".join(none.stderr.split())


def test_the_version_and_the_exit_statuses_are_told(oxen: Run) -> None:
    from oxen_video_tools.cli.app import MEANINGS

    assert oxen("--version").stdout.startswith("oxen-video ")
    told = " ".join(oxen("--help").stdout.split())
    assert all(" ".join(f"{status} {meaning}".split()) in told for status, meaning in MEANINGS.items())


def test_a_reader_that_has_seen_enough_is_no_fault(oxen: Run) -> None:
    code = "import sys, subprocess; p = subprocess.Popen([sys.executable, '-m', 'oxen_video_tools.cli', 'models'],"
    code += " stdout=subprocess.PIPE, stderr=subprocess.PIPE); p.stdout.readline(); p.stdout.close();"
    code += " print(p.stderr.read().decode(), p.wait())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=HUNG)
    assert "Traceback" not in done.stdout and done.stdout.split()[-1] == "0"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_commands(oxen: Run, shell: str) -> None:
    asked = {"COMP_WORDS": "oxen-video ge", "COMP_CWORD": "1"}
    asked |= {"_TYPER_COMPLETE_ARGS": "oxen-video ge", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = oxen(**asked, **{"_OXEN_VIDEO_COMPLETE": f"complete_{shell}"}, prog="oxen-video")
    assert {"get", "generate"} <= set(re.findall(r"\w+", done.stdout))


@pytest.mark.parametrize(
    "board",
    [
        "- a bird takes off (5s)\n- it soars (5s)\n",
        "shots:\n  - prompt: a bird takes off\n    duration: 5\n  - it soars (5s)\n",
        "Aspect ratio: 9:16\n1. a bird takes off (5s)\n2. it soars (5s)\n",
    ],
)
def test_generate_reads_a_storyboard_from_standard_input(oxen: Run, board: str) -> None:
    made = json.loads(oxen("generate", "-", "--yes", "--json", stdin=board).stdout)
    assert (made["status"], made["duration"]) == ("succeeded", 10)


BIRDS = Stopped()


@pytest.mark.long
@pytest.mark.oxen_sandbox(speed=1000, clock=BIRDS)
def test_a_batch_that_was_killed_goes_on_and_pays_for_nothing_twice(
    oxen: Run, oxen_sandbox: Any, tmp_path: Path
) -> None:
    lines = [{"prompt": f"bird {number}", "duration": 5, "model": FOX[-1]} for number in range(5)]
    (tmp_path / "birds.jsonl").write_text("\n".join(map(json.dumps, lines)))
    command = ("batch", "birds.jsonl", "--at-once", "2", "--yes")
    killed = oxen(*command, until=lambda: oxen_sandbox.ledger()["accepted"] >= 2)
    assert killed.returncode != 0 and not (tmp_path / "birds.report").exists()
    end_leases(tmp_path / "ledger.db")
    BIRDS.go_on()
    done = oxen(*command)
    assert done.returncode == 0, done.stderr
    assert "5 of 5 made" in done.stdout and "5 of 5" in done.stderr.splitlines()[-1]  # progress without a terminal
    assert oxen_sandbox.ledger()["accepted"] == 5
    page = (tmp_path / "birds.report/report.html").read_text()
    assert page.count("<article>") == page.count("data:image/jpeg;base64,") == 5


def test_a_cast_is_kept_and_shown(oxen: Run, tmp_path: Path) -> None:
    from tests.hub.wire import PNG

    (tmp_path / "mira.png").write_bytes(PNG)
    added = oxen("cast", "add", "Mira", "--look", "woman of 40", "--image", "mira.png", "--real-face", "--json")
    assert added.returncode == 0, added.stderr
    told = json.loads(added.stdout)
    assert (told["name"], told["look"], told["real_face"]) == ("Mira", "woman of 40", True)
    assert json.loads(oxen("cast", "list", "--json").stdout) == [told]
    assert oxen("cast", "show", "mira").stdout.startswith("Mira\twoman of 40\tcast:")
    planned = json.loads(
        oxen("plan", "Ben waits.", "--cast", "Ben=boy of 9", "--model", "happyhorse-1.1-t2v", "--json").stdout
    )
    assert planned["jobs"][0]["body"]["prompt"] == "Ben (boy of 9) waits."
    assert oxen("cast", "remove", "Mira").returncode == 0
    gone = oxen("cast", "show", "Mira")
    assert gone.returncode == 7
    assert "Nobody called Mira" in gone.stderr
    assert oxen("cast", "sing").returncode == 2


def test_stills_cost_cents_and_come_as_one_sheet(oxen: Run, oxen_sandbox: Any, tmp_path: Path) -> None:
    shots = ("--shot", "Mira waits (5s)", "--shot", "A gull (5s)", "--cast", "Mira=woman of 40, grey coat")
    made = oxen("stills", *shots, "--level", "draft", "--yes", "-o", "sheet.jpg", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert [(one["shot"], one["status"]) for one in told["stills"]] == [(1, "succeeded"), (2, "succeeded")]
    assert (tmp_path / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")
    assert told["cast"] == [{"name": "Mira", "held_by": "reference pictures"}]
    assert len(oxen_sandbox.ledger()["generations"]) == 3
    lines = oxen("stills", *shots, "--level", "draft", "--yes").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines[:2]] == ["1", "2"]
    assert len(oxen_sandbox.ledger()["generations"]) == 3, "paid once"
