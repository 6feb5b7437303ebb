"""The README's and the documentation's own commands and snippets, run as they stand; none may be left out."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
import venv
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from oxen_video_tools.mcp.client_config import Launch, block
from scripts.scripted_model import scripted_model
from tests import forked
from tests.clocks import HUNG, Stopped, end_leases

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [ROOT / "README.md", ROOT / "examples/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
README = PAGES["README.md"]
TRIED_ELSEWHERE = "docs/frameworks/"  # `make frameworks` runs these pages, each in an environment of its own
MODELS = re.compile(r'"(?:anthropic:claude-sonnet-5-5|openai:gpt-5-mini)"')
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
    program = MODELS.sub(SCRIPTED, "\n".join(snippets(page)[0]))
    if page.endswith("orchestrators.md"):
        program += (
            "\nimport asyncio\nfor _ in 'ab': print(asyncio.run(make_video({'prompt': 'a fox', 'duration': 5})))\n"
        )
    done = run([*forked.python(*forked.AGENTS), "-c", program], environment, tmp_path)
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
    done = run(
        [*forked.python(*forked.AGENTS), "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        environment,
        tmp_path,
    )
    assert f"{len(tests)} passed" in done.stdout


TIME = Stopped()


@pytest.mark.oxen_sandbox(speed=1000, clock=TIME)
def test_a_step_that_is_killed_and_run_again_is_paid_once(
    environment: dict[str, str], tmp_path: Path, oxen_sandbox: Any
) -> None:
    """What an orchestrator does when a worker died, with nothing but processes. They start as a new worker does."""
    ask = "\nimport asyncio\nprint(asyncio.run(make_video({'prompt': 'a fox', 'duration': 5})))\n"
    step = [sys.executable, "-c", snippets("docs/guides/orchestrators.md")[0][0] + ask]
    killed = subprocess.Popen(step, env=environment, cwd=tmp_path, stdout=subprocess.PIPE)
    latest = time.monotonic() + HUNG
    while not oxen_sandbox.ledger()["accepted"]:
        assert killed.poll() is None and time.monotonic() < latest
        time.sleep(0.02)  # another process is at work: there is nothing to wait on but the books
    killed.kill()
    assert killed.communicate()[0] == b""
    end_leases(tmp_path / "ledger.db")
    TIME.go_on()
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
    for line in (re.split(r"\s+#", shown)[0].strip().removeprefix(".venv/bin/") for shown in one.splitlines())
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
    run([*forked.python(*forked.AGENTS), "-m", "oxen_video_tools.cli", *shlex.split(line)[1:]], in_sandbox, tmp_path)


def test_no_command_is_left_out() -> None:
    """What is not run above is a target of make, an installation, a setting, a server or an example."""
    kinds = {
        "make": _is_target,
        "git": lambda line: line.startswith("git clone https://github.com/OWNER/oxen-video-tools"),
        "source": lambda line: line == "source .venv/bin/activate",
        "oxen-video-mcp": lambda line: line.startswith("oxen-video-mcp --config "),  # run below, where it is installed
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
    """From a checkout or a wheel: the package is on no index yet."""
    own = [one for one in shlex.split(line)[2:] if re.match(r"\.|dist/|oxen", one)]
    wheel = r"(?:\.|dist/oxen_video_tools-VERSION-py3-none-any\.whl)"
    named = [re.fullmatch(rf"{wheel}\[([\w,]+)\]", one) for one in own]
    return bool(own) and all(one and set(one[1].split(",")) <= EXTRAS.keys() for one in named)


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


def test_contributing_names_what_there_is() -> None:
    """From a clone to a merged change: targets of make, and programs that `make install` brings."""
    (lines,) = blocks((ROOT / "CONTRIBUTING.md").read_text("utf-8"), "bash")
    commands = [re.split(r"\s+#", line)[0].strip() for line in lines.splitlines()]
    made = [line for line in commands if line.startswith("make ")]
    assert made[0] == "make install" and all(map(_is_target, made))
    rest = [line for line in commands if not line.startswith(("make ", "git "))]
    assert rest == [".venv/bin/pre-commit install", ".ci/run"] and (ROOT / ".ci/run").stat().st_mode & 0o100
    assert any(line.startswith("pre-commit") for line in EXTRAS["lint"])


def test_there_are_commands_to_test() -> None:
    assert len(COMMANDS) >= 7


# ---- what an installation can do --------------------------------------------------------------------------------

EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
MAKES = {"make demo": "pip install '.[demo]'"}
RUNS = ("oxen-video ", "oxen-video-mcp ", ".venv/bin/oxen-video ")


def first_snippets() -> dict[str, tuple[str, str, str]]:
    """Of each section of the README with a line that installs: that line, and the language and text of what it shows
    first in the environment that the line made.
    """
    found: dict[str, tuple[str, str, str]] = {}
    for section in README.split("\n## ")[1:]:
        title, installs = section.partition("\n")[0], ""
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```", section, re.M | re.S):
            lines = text.splitlines() if language == "bash" else []
            for line in lines:
                if line.startswith("pip install ") or line in MAKES:
                    installs = MAKES.get(line, re.split(r"\s+#", line)[0])
                elif installs and line.startswith(RUNS) and title not in found:
                    found[title] = (installs, "bash", re.split(r"\s+#", line)[0])
            if language == "python" and installs and title not in found:
                found[title] = (installs, "python", text)
    return found


def needed(wanted: list[Requirement]) -> dict[str, metadata.Distribution]:
    """The distributions that an installer would bring, by name."""
    found: dict[str, metadata.Distribution] = {}
    seen: set[str] = set()
    while wanted:
        one = wanted.pop()
        if str(one) in seen:
            continue
        seen.add(str(one))
        name = canonicalize_name(one.name)
        found[name] = metadata.distribution(one.name)
        lines = found[name].requires or []
        if name == "oxen-video-tools":  # as pyproject.toml has it now, installed or not
            wanted += [Requirement(line) for extra in one.extras for line in EXTRAS[extra]]
            lines = [line for line in lines if "extra ==" not in line]
        for line in map(Requirement, lines):
            if any(not line.marker or line.marker.evaluate({"extra": extra}) for extra in {"", *one.extras}):
                wanted.append(line)
    return found


@pytest.fixture
def environment_of(tmp_path: Path) -> Any:
    """Makes an environment with what a line installs and nothing else: links to what lies in this one, so that no index
    is needed. Returns its Python.
    """

    def make(line: str) -> str:
        folder = tmp_path / "installed"
        venv.create(folder, with_pip=False, symlinks=True)
        places = next(folder.glob("lib/python*/site-packages"))
        (places / "oxen_video_tools").symlink_to(ROOT / "oxen_video_tools")
        own = [re.sub(r"^\.", "oxen-video-tools", one) for one in shlex.split(line)[2:]]
        for distribution in needed([Requirement(one) for one in own]).values():
            tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
            for top in tops:
                here = Path(str(distribution.locate_file(top)))
                if here.suffix != ".pth" and not (places / top).exists():
                    (places / top).symlink_to(here)
        return str(folder / "bin" / "python")

    return make


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("section", first_snippets())
def test_the_first_snippet_runs_in_what_the_line_above_it_installed(
    section: str, environment: dict[str, str], environment_of: Any, tmp_path: Path
) -> None:
    installs, language, text = first_snippets()[section]
    python = environment_of(installs)
    del environment["PYTHONPATH"]
    if language == "bash":
        program, *arguments = shlex.split(text)
        module = "oxen_video_tools.mcp" if program == "oxen-video-mcp" else "oxen_video_tools.cli"
        environment |= {"OXEN_BASE_URL": "https://hub.oxen.ai"} if "--sandbox" in text else {}
        assert run([python, "-m", module, *arguments], environment, tmp_path).stdout
    elif "oxen_sandbox" in text:
        (tmp_path / "test_mine.py").write_text(text)
        clean = {name: value for name, value in environment.items() if not name.startswith("OXEN_")}
        done = run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"], clean, tmp_path)
        assert "1 passed" in done.stdout
    else:  # a chat model on loopback stands in for OpenAI's; the program is not changed
        with scripted_model() as model:
            environment |= {"OPENAI_BASE_URL": f"{model.base_url}/v1", "OPENAI_API_KEY": "scripted"}
            assert "http" in run([python, "-c", text], environment, tmp_path).stdout


def test_every_section_that_installs_shows_something() -> None:
    assert {
        "Try it: no key needed",
        "In a LangChain agent",
        "In an MCP client",
        "In Python",
        "On the command line",
    } <= set(first_snippets())


def test_an_environment_lacks_what_its_line_does_not_install(environment_of: Any, tmp_path: Path) -> None:
    """The net holds: without this the test above would find everything everywhere."""
    python = environment_of("pip install '.[mcp]'")
    code = "import oxen_video_tools.mcp.server, importlib.util as u; print(*map(u.find_spec, ('langchain_core', 'av')))"
    assert run([python, "-c", code], {}, tmp_path).stdout.split() == ["None", "None"]


def test_what_the_readme_shows_of_a_run_is_what_is_printed(environment: dict[str, str], tmp_path: Path) -> None:
    """Ids, addresses and sizes differ from run to run."""
    shown = [one for one in blocks(README, "text") if one.startswith("succeeded")]
    line = next(line for line in README.splitlines() if line.startswith(".venv/bin/oxen-video generate"))
    command = [*forked.python(*forked.AGENTS), "-m", "oxen_video_tools.cli", *shlex.split(line)[1:]]
    printed = run(command, environment | {"OXEN_BASE_URL": "https://hub.oxen.ai"}, tmp_path).stdout
    assert shown and set(map(_same, shown[0].splitlines())) <= set(map(_same, printed.splitlines()))


def _same(line: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]+|\d[\d.,:]*", "0", line)


# ---- what clients paste -----------------------------------------------------------------------------------------

PASTED = PAGES["docs/start/mcp-clients.md"]
LAUNCH = Launch(Path("/home/you/oxen-video-tools/.venv/bin/python"), ("-m", "oxen_video_tools.mcp"))


@pytest.mark.parametrize(("client", "number"), [("claude-desktop", 0), ("cursor", 1), ("vscode", 2)])
def test_a_clients_block_is_the_one_that_the_package_prints(client: str, number: int) -> None:
    assert json.loads(blocks(PASTED, "json")[number]) == json.loads(block(client, LAUNCH, platform="linux").text)


def test_the_readmes_block_is_the_one_that_the_package_prints() -> None:
    assert json.loads(blocks(README, "json")[0]) == json.loads(block("cursor", LAUNCH, platform="linux").text)


def test_claude_codes_line_is_the_one_that_the_package_prints() -> None:
    assert any(block("claude-code", LAUNCH, platform="linux").text in one for one in blocks(PASTED, "bash"))


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
    table = PAGES["docs/start/troubleshooting.md"].partition("## What an error means")[2].partition("\n## ")[0]
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
