"""Machines as they are: what can't work is named, and the rest works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.clocks import HUNG

from .conftest import Run

ID = "11111111-1111-1111-1111-111111111111"
HERE = {"OXEN_VIDEO_LEDGER": "memory:"}
FAR = {**HERE, "OXEN_BASE_URL": "https://hub.invalid", "OXEN_API_KEY": "k"}


def program(
    code: str, *arguments: str, new: bool = False, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """The command line in a process in which `code` ran before. A variable that is None is not set.

    new: in an interpreter that has imported nothing.
    """
    python = [sys.executable] if new else forked.python()
    begin = f"import sys\n{code}\nsys.argv = ['oxen-video', *{list(arguments)!r}]\n"
    run = "from oxen_video_tools.cli import main\nmain()"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("OXEN_")}
    given = {name: value for name, value in (bare | environment).items() if value is not None}
    return subprocess.run([*python, "-c", begin + run], env=given, capture_output=True, text=True, timeout=HUNG)


def test_without_a_home_folder_the_variable_is_named() -> None:
    nobody = "import pwd\ndef unknown(_): raise KeyError\npwd.getpwuid = unknown"
    done = program(nobody, "plan", "a fox", "--sandbox", HOME=None, XDG_DATA_HOME=None)
    assert done.returncode == 2 and "HOME is not set" in done.stderr and "OXEN_VIDEO_LEDGER" in done.stderr


@pytest.mark.parametrize("command", ["plan", "generate"])
def test_a_home_in_which_nothing_can_be_kept_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    done = program("", command, "a fox", "--sandbox", HOME=str(tmp_path / "file"), XDG_DATA_HOME=None)
    assert done.returncode == 2 and str(tmp_path / "file") in done.stderr and "OXEN_VIDEO_LEDGER" in done.stderr


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"ALL_PROXY": "socks5://someone:secret@127.0.0.1:1"}, "ALL_PROXY"),
        ({"NO_PROXY": "[fe80::1],fe80::/10", "HTTPS_PROXY": "http://127.0.0.1:1"}, "NO_PROXY"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE"),
    ],
)
@pytest.mark.parametrize("command", [("get", ID), ("plan", "a fox")], ids=["get", "plan"])
def test_a_variable_that_can_not_be_used_is_named(
    environment: dict[str, str], named: str, command: tuple[str, ...]
) -> None:
    without_socks = "sys.modules['socksio'] = None"
    done = program(without_socks, *command, **FAR, **environment)
    assert done.returncode == 2 and named in done.stderr and "unset" in done.stderr
    assert "secret" not in done.stderr and "internal" not in done.stderr


def test_a_socks_proxy_does_not_reach_the_sandbox() -> None:
    done = program("", "plan", "a fox", "--sandbox", ALL_PROXY="socks5://127.0.0.1:1", **HERE)
    assert done.returncode == 0 and "$0.35" in done.stdout


def test_a_pipe_that_knows_no_japanese_gets_what_it_can_hold() -> None:
    said = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", **HERE}
    told = program("", "plan", "雪の中の狐", "--sandbox", new=True, **said)
    assert told.returncode == 0 and "\\u96ea" in told.stdout
    plan = json.loads(program("", "plan", "雪の中の狐", "--sandbox", "--json", new=True, **said).stdout)
    assert plan["jobs"][0]["body"]["prompt"] == "雪の中の狐"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["words", "json"])
def test_an_answer_that_can_not_be_written_is_no_fault_of_the_program(form: tuple[str, ...]) -> None:
    environment = {**os.environ, **HERE}
    command = [sys.executable, "-m", "oxen_video_tools.cli", "plan", "a fox", "--sandbox", *form]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=HUNG)
    assert done.returncode == 7 and "can't be written" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_keep_nobody_from_working(closed: str, tmp_path: Path) -> None:
    environment = {**os.environ, **HERE, "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path)}
    line = f"{sys.executable} -m oxen_video_tools.cli plan 'a fox' --sandbox {closed}"
    assert subprocess.run(["sh", "-c", line], env=environment, capture_output=True, timeout=HUNG).returncode == 0


def test_a_project_with_a_numpy_of_its_own(tmp_path: Path) -> None:
    for name in ("numpy.py", "copy.py"):
        (tmp_path / name).write_text("raise SystemExit('not this one')\n")
    environment = {**os.environ, **HERE, "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path / "videos")}
    command = [sys.executable, "-m", "oxen_video_tools.cli", "preview", "a fox", "--sandbox"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0 and done.stdout.rstrip().endswith(".mp4"), done.stderr


def test_doctor_says_what_is_wrong_where_nobody_has_a_home() -> None:
    nobody = "import pwd\ndef unknown(_): raise KeyError\npwd.getpwuid = unknown"
    done = program(nobody, "doctor", "--sandbox", HOME=None, XDG_DATA_HOME=None, XDG_CONFIG_HOME=None)
    assert "videos go to  nowhere: There is no home folder here" in done.stdout
    assert "Set HOME, or OXEN_VIDEO_OUTPUT_DIR." in done.stdout


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="asks Linux for a process's environment")
def test_the_process_that_draws_is_found_where_the_interpreter_needs_a_library_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from oxen_video_tools.media.child_process import environment

    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/somewhere")
    assert environment()["LD_LIBRARY_PATH"] == "/opt/somewhere"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interruption_says_the_id_that_is_waited_for(oxen_sandbox: Any, tmp_path: Path) -> None:
    oxen_sandbox.faults.add("stuck")
    environment = {**os.environ, **HERE, "OXEN_BASE_URL": oxen_sandbox.base_url, "OXEN_API_KEY": "sandbox-key-1234"}
    command = [sys.executable, "-m", "oxen_video_tools.cli", "generate", "a fox", "--yes"]
    process = subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True, cwd=tmp_path)
    try:
        assert process.stderr is not None
        begun = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=HUNG)
    finally:
        process.kill()
    [made] = [line["generation_id"] for line in oxen_sandbox.ledger()["generations"]]
    assert begun.startswith(made[:8]) and process.returncode == 130
    assert f"oxen-video get {made}" in told


@pytest.mark.parametrize("command", ["plan", "generate", "list"])
def test_a_sandbox_that_is_not_installed_is_said_at_once(command: str) -> None:
    words = () if command == "list" else ("a fox",)
    done = program("sys.modules['starlette'] = None", command, *words, "--sandbox", new=True, **HERE)
    assert done.returncode == 2 and "pip install 'oxen-video-tools[sandbox]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("generat", "a fox"), ["No such command 'generat'", "Did you mean generate"]),
        (("plan", "a fox", "--durashun", "5"), ["--durashun", "Did you mean --duration?"]),
        (("plan", "a fox", "--seed", "soon"), ["--seed: give a whole number."]),
        (("list", "--limit", "500"), ["--limit: use at most 100."]),
        (("batch",), ["Missing argument", "oxen-video batch --help"]),
        (("list", "--status", "perhaps"), ["is no status", "succeeded"]),
        (("plan", "a fox", "--level", "high"), ['level: use "draft", "standard" or "best"']),
        (("get", "nobody"), ["No generation has the id nobody."]),
    ],
)
def test_whatever_is_mistyped_is_answered_in_one_style(oxen: Run, arguments: tuple[str, ...], says: list[str]) -> None:
    done = oxen(*arguments)
    assert done.returncode in (2, 7) and all(one in done.stderr for one in says), done.stderr
    first, *_, last = done.stderr.splitlines()
    assert ": " in first and last == "Nothing was spent."
    assert any(line.startswith("next: ") for line in done.stderr.splitlines())


def test_an_empty_list_says_under_which_filter(oxen: Run) -> None:
    assert "No videos yet." in oxen("list").stderr
    assert (
        "No video matches --status succeeded --model kling."
        in oxen("list", "--status", "done", "--model", "kling").stderr
    )


def test_a_list_says_what_each_is_and_cost_and_the_model_why(oxen: Run) -> None:
    made = oxen("generate", "A fox in the snow", "--duration", "7", "--yes")
    first, *rest = made.stdout.splitlines()
    assert first.startswith("note 7 s needs ") and "makes 5 or 10 s for $0.35 or $0.70." in first
    assert any(line.startswith("model chosen for text alone") for line in rest)
    name, status, kind, model, cost, when, words, url = oxen("list").stdout.rstrip("\n").split("\t")
    assert (status, kind, words) == ("succeeded", "video", "A fox in the snow")
    assert float(cost) > 0 and when.endswith("Z") and url.startswith("http") and model and name
    [listed] = json.loads(oxen("list", "--json").stdout)
    assert listed["cost_usd"] == float(cost) and listed["created"] == when and "cost" not in listed


def test_sixty_columns_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    from decimal import Decimal
    from io import StringIO

    from oxen_video_tools.cli import output
    from oxen_video_tools.studio.results import Video, moment

    screen = output.Screen(file=StringIO(), force_terminal=True, width=60, highlight=False, color_system=None)
    monkeypatch.setattr(output, "out", screen)
    name = "bytedance-seedance-2-0-fast-reference-to-video"
    video = Video(
        "succeeded", ID, model=name, cost_usd=Decimal("0.35"), created=moment(1e9), words="A fox " * 40, kind="video"
    )
    output.show_videos([video, video])
    shown = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert all(len(line) <= 60 for line in shown) and shown[0].startswith(ID)
    assert any("$0.35" in line for line in shown) and any("A fox" in line for line in shown)
