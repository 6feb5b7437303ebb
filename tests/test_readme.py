"""The README's and the documentation's own commands and snippets, run as they stand; none may be left out."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.mcp.client_config import Launch, block
from tests.clocks import HUNG

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [ROOT / "README.md", ROOT / "examples/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
README = PAGES["README.md"]
TRIED_ELSEWHERE = "docs/frameworks/"  # `make frameworks` runs these pages, each in an environment of its own
MODEL = '"anthropic:claude-sonnet-4-5"'
SCRIPTED = "__import__('oxen_video_tools.cli.demo', fromlist=['x']).scripted_model()"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


@pytest.fixture
def environment(oxen_sandbox: Any, tmp_path: Path) -> dict[str, str]:
    """A machine whose hub is the sandbox."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OXEN_")}
    return clean | {
        "OXEN_BASE_URL": oxen_sandbox.base_url,
        "OXEN_API_KEY": "sandbox",
        "OXEN_VIDEO_LEDGER": f"sqlite:///{tmp_path / 'ledger.db'}",
        "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path / "videos"),
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }


def run(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


# ---- Python -----------------------------------------------------------------------------------------------------


def snippets(page: str) -> tuple[list[str], list[str]]:
    """A page's programs, which run one after the other, and its tests."""
    every = blocks(PAGES[page], "python")
    tests = [one for one in every if "oxen_sandbox" in one]
    return [one for one in every if one not in tests], tests


WITH_PROGRAMS = [page for page in PAGES if snippets(page)[0] and not page.startswith(TRIED_ELSEWHERE)]
WITH_TESTS = [page for page in PAGES if snippets(page)[1]]


@pytest.mark.parametrize("page", WITH_PROGRAMS)
def test_the_python_of_a_page(page: str, environment: dict[str, str], tmp_path: Path, oxen_sandbox: Any) -> None:
    """A scripted chat model stands in for the paid one."""
    program = "\n".join(snippets(page)[0]).replace(MODEL, SCRIPTED)
    if page.endswith("orchestrators.md"):
        program += (
            "\nimport asyncio\nfor _ in 'ab': print(asyncio.run(make_video({'prompt': 'a fox', 'duration': 5})))\n"
        )
    done = run([sys.executable, "-c", program], environment, tmp_path)
    assert oxen_sandbox.ledger()["accepted"] >= 1
    if page == "README.md":
        assert "succeeded http" in done.stdout and "Here is your video: http" in done.stdout
        assert (tmp_path / "balloon.mp4").exists() and (tmp_path / "bird.mp4").exists()
    if page.endswith("orchestrators.md"):
        first, again = done.stdout.split()
        assert first == again and oxen_sandbox.ledger()["accepted"] == 1


@pytest.mark.parametrize("page", WITH_TESTS)
def test_the_tests_of_ones_own_agent(page: str, environment: dict[str, str], tmp_path: Path) -> None:
    tests = snippets(page)[1]
    (tmp_path / "test_mine.py").write_text("\n\n".join(tests))
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"], environment, tmp_path)
    assert f"{len(tests)} passed" in done.stdout


@pytest.mark.oxen_sandbox(speed=8)
def test_a_step_that_is_killed_and_run_again_is_paid_once(
    environment: dict[str, str], tmp_path: Path, oxen_sandbox: Any
) -> None:
    """What an orchestrator does when a worker died, with nothing but processes."""
    ask = "\nimport asyncio\nprint(asyncio.run(make_video({'prompt': 'a fox', 'duration': 5})))\n"
    step = [sys.executable, "-c", snippets("docs/guides/orchestrators.md")[0][0] + ask]
    killed = subprocess.Popen(step, env=environment, cwd=tmp_path, stdout=subprocess.PIPE)
    latest = time.monotonic() + HUNG
    while not oxen_sandbox.ledger()["accepted"]:
        assert killed.poll() is None and time.monotonic() < latest
        time.sleep(0.02)  # another process is at work: there is nothing to wait on but the books
    killed.kill()
    assert killed.communicate()[0] == b""
    made = run(step, environment, tmp_path).stdout.strip()
    assert [one["generation_id"] for one in oxen_sandbox.ledger()["generations"]] == [made]


def test_other_packages_snippets_are_python_around_that_step() -> None:
    """They need those packages and their servers; here they only have to be whole."""
    titled = re.compile(r'^```python title="[^"]+"\n(.*?)^```', re.M | re.S)
    included = [name for text in PAGES.values() for name in re.findall(r'^--8<-- "([^"]+)"$', text, re.M)]
    assert included and all((ROOT / name).exists() for name in included)
    shown = titled.findall(PAGES["docs/guides/orchestrators.md"])
    assert shown
    for one in shown:
        compile(one, "snippet", "exec")
        assert "make_video(request, take)" in one


def test_there_is_python_to_test() -> None:
    assert {"README.md", "docs/guides/langchain.md", "docs/guides/orchestrators.md"} <= set(WITH_PROGRAMS)
    assert {"README.md", "docs/guides/testing.md"} <= set(WITH_TESTS)


# ---- commands ---------------------------------------------------------------------------------------------------

LINES = {
    (page, line)
    for page, text in PAGES.items()
    if not page.startswith(TRIED_ELSEWHERE)
    for one in blocks(text, "bash")
    for line in (shown.partition("  #")[0].partition(" \\t#")[0].strip() for shown in one.splitlines())
    if line and not line.startswith("#")
}
SERVES = re.compile(r"oxen-video (?:mcp --http|sandbox|board)\b")  # run until somebody stops them
EXAMPLES = re.compile(
    r"(?:OXEN_\w+=\S+ )*(?:python|pytest|uvicorn --app-dir examples|oxen-video batch) ?(examples/\S+)?"
)
COMMANDS = sorted(
    {
        line
        for page, line in LINES
        if line.startswith("oxen-video ") and not SERVES.match(line) and page != "examples/README.md"
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command(line: str, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "storyboard.md").write_text("1. Wide shot: a bird takes off (5s)\n2. It soars through clouds (5s)\n")
    in_sandbox = environment | {"OXEN_BASE_URL": "https://hub.oxen.ai"} if "--sandbox" in line else environment
    run([sys.executable, "-m", "oxen_video_tools.cli", *shlex.split(line)[1:]], in_sandbox, tmp_path)


def test_no_command_is_left_out() -> None:
    """What is not run above is a target of make, an installation, a setting, a server or an example."""
    kinds = {
        "make": _is_target,
        "pip": _installs_what_there_is,
        "export": _is_a_setting,
        "claude": lambda _: True,  # compared with what the package prints, below
        "read": lambda line: "OXEN_API_KEY" in line,  # a key that is pasted
    }
    for page, line in sorted(LINES - {(page, line) for page, line in LINES if line in COMMANDS}):
        known = kinds.get(line.split()[0], _starts_what_there_is)
        assert known(line), f"{page}: {line}"


def _is_target(line: str) -> bool:
    return f"\n{line.split()[1]}:" in (ROOT / "Makefile").read_text("utf-8")


def _installs_what_there_is(line: str) -> bool:
    declared = (ROOT / "pyproject.toml").read_text("utf-8")
    named = re.findall(r"oxen-video-tools\[([\w,]+)\]", line)
    extras = [extra for group in named for extra in group.split(",")]
    return bool(extras) and all(re.search(rf"^{extra} = \[", declared, re.M) for extra in extras)


def _is_a_setting(line: str) -> bool:
    from oxen_video_tools.settings import _VARIABLES

    return re.findall(r"(\w+)=", line)[0] in {name for name, _ in _VARIABLES.values()}


def _starts_what_there_is(line: str) -> bool:
    """An example or a server, which tests of their own start."""
    if SERVES.match(line) or line.startswith(("python mcp_server.py", "uvicorn mcp_server:app")):
        return True
    if line.startswith("opentelemetry-instrument "):  # OpenTelemetry's own launcher, of the reader's own program
        return True
    named = re.findall(r"(examples/[\w.]+)", line) or ["examples/service.py"] * ("service:app" in line)
    return bool(named) and (ROOT / named[0]).exists()


def test_there_are_commands_to_test() -> None:
    assert len(COMMANDS) >= 7


# ---- what clients paste -----------------------------------------------------------------------------------------

PASTED = README.partition("## In an MCP client")[2].partition("\n## ")[0]
UVX = Launch.by_uvx(Path("uvx"))


@pytest.mark.parametrize(("client", "number"), [("claude-desktop", 0), ("cursor", 1), ("vscode", 2)])
def test_a_clients_block_is_the_one_that_the_package_prints(client: str, number: int) -> None:
    assert json.loads(blocks(PASTED, "json")[number]) == json.loads(block(client, UVX, platform="linux").text)


def test_claude_codes_line_is_the_one_that_the_package_prints() -> None:
    assert block("claude-code", UVX, platform="linux").text in blocks(PASTED, "bash")[0]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(PAGES[page], "json")])
def test_json_is_json(page: str) -> None:
    for one in blocks(PAGES[page], "json"):
        json.loads(one)


# ---- tables -----------------------------------------------------------------------------------------------------

DEFAULTS = re.findall(r"^\| (words only|(?:`\w+`(?: and )?)+) \| .*`([\w.-]+)` \|$", README, re.M)


@pytest.mark.parametrize(("needs", "model"), DEFAULTS)
def test_the_table_of_default_models(needs: str, model: str) -> None:
    from oxen_video_tools.catalog.catalog import ModelList
    from oxen_video_tools.catalog.selection import choose
    from oxen_video_tools.request import VideoRequest

    values: dict[str, Any] = {
        "multi_prompt": [{"prompt": "a"}, {"prompt": "b"}],
        "input_image": ["https://e.com/a.png"],
    }
    given = {name: values.get(name, "https://e.com/a.png") for name in re.findall(r"`(\w+)`", needs)}
    request = VideoRequest(**given if "multi_prompt" in given else {"prompt": "a"} | given)
    assert choose(request, ModelList.bundled()).model_id == model


def test_there_are_defaults_to_test() -> None:
    assert len(DEFAULTS) == 7


def test_the_symptoms_are_errors_that_there_are() -> None:
    from oxen_video_tools import errors

    kinds = {one.kind for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.OxenError)}
    table = README.partition("## When something goes wrong")[2].partition("\n## ")[0]
    named = [kind for cell in re.findall(r"^\| ([^|]+) \|", table, re.M) for kind in re.findall(r"`(\w+)`", cell)]
    assert named and set(named) - {"processing"} <= kinds


def test_every_setting_stands_in_the_reference_and_no_other() -> None:
    from oxen_video_tools.settings import _VARIABLES

    shown = set(re.findall(r"^\| `(OXEN_\w+)` \|", PAGES["docs/reference/settings.md"], re.M))
    assert shown == {name for name, _ in _VARIABLES.values()}


def test_every_example_stands_in_their_table() -> None:
    shown = set(re.findall(r"^\| \[([\w.]+)\]", PAGES["examples/README.md"], re.M))
    assert shown == {path.name for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".jsonl", ".ipynb")}


MADE = ("benchmarks/RESULTS.md", "benchmarks/results.json")  # by `make bench`


@pytest.mark.parametrize("page", ["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", *PAGES])
def test_files_that_are_named_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = re.findall(r"`((?:tests|examples|scripts|docs|benchmarks)/[\w./-]+)`", text)
    missing = [name for name in named if not (ROOT / name).exists() and name not in MADE]
    missing += [
        link for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text) if not ((ROOT / page).parent / link).exists()
    ]
    assert not missing
