"""Runs the program of every page in docs/frameworks, each in an environment of its own: `make frameworks`.

A page names what it installs in a line `pip install …` and holds one Python program, or `npm install …` and commands of
Gemini CLI. They are run as they stand, in the sandbox, with a scripted model in place of OpenAI's, Anthropic's or
Google's, and have to print the link of a video. The MCP server is the one of this checkout. How the framework names the
tools, and what it adds to their arguments, is printed; the versions go into the page's line `Tried with …`.
`python scripts/frameworks.py langchain crewai` runs those alone.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from scripts.scripted_model import TOOL, ScriptedModel, scripted_model  # noqa: E402

PAGES = ROOT / "docs" / "frameworks"
HOME = ROOT / ".frameworks"
LONGEST = 600.0  # seconds that one program may take
LINK = re.compile(r"http://127\.0\.0\.1:\d+/\S+")
TRIED = re.compile(r"^Tried with .*$", re.M)
#: Not handed on: keys of the person who runs this, and settings of a program that this one may have been started by.
PRIVATE = ("OXEN_", "OPENAI_", "ANTHROPIC_", "CLAUDE", "GEMINI_", "GOOGLE_")
#: Nothing is told to anybody, and what asks for the internet all the same finds a closed port.
QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "GEMINI_TELEMETRY_ENABLED": "false",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
}
GEMINI_SETTINGS = {
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
}


@dataclass(frozen=True)
class Page:
    """What a page installs, with pip or with npm, and what is run: a Python program, or lines of a shell."""

    name: str
    pip: list[str]
    npm: list[str]
    program: str
    commands: list[list[str]]


def read(file: Path) -> Page:
    """The parts of a page that are run."""
    text = file.read_text("utf-8")
    pip = re.search(r"^pip install (.+)$", text, re.M)
    npm = re.search(r"^npm install --global (.+)$", text, re.M)
    program = re.search(r"```python\n(.*?)```", text, re.S)
    commands = [shlex.split(line) for line in re.findall(r"^gemini .+$", text, re.M)] if npm else []
    return Page(
        file.stem,
        shlex.split(pip[1]) if pip else [],
        shlex.split(npm[1]) if npm else [],
        program[1] if program else "",
        commands,
    )


def install(page: Page) -> tuple[Path, dict[str, str]]:
    """The folder of the page's programs, and the version of each package that it names."""
    place = HOME / page.name
    if page.npm:
        npm = ["npm", "install", "--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run([*npm, "--loglevel", "error", *page.npm], check=True)
        told = [json.loads((place / "node_modules" / one / "package.json").read_text("utf-8")) for one in page.npm]
        return place / "node_modules" / ".bin", {one["name"]: one["version"] for one in told}
    bins = place / ("Scripts" if os.name == "nt" else "bin")
    uv = [sys.executable, "-m", "uv"]
    wanted = [str(ROOT) + one.removeprefix(".") if one.startswith(".") else one for one in page.pip]
    if not (bins / "python").exists():
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    pip = [*uv, "pip", "install", "--quiet", "--upgrade", "--python", str(bins / "python")]
    subprocess.run([*pip, *wanted], check=True)
    frozen = [*uv, "pip", "freeze", "--quiet", "--python", str(bins / "python")]
    lines = subprocess.run(frozen, check=True, capture_output=True, text=True).stdout.split()
    installed = dict(line.split("==") for line in lines if "==" in line)
    names = [re.split(r"[\[<>=!~]", one)[0] for one in page.pip if not one.startswith(".")]
    return bins, {name: installed[name] for name in names}


def put_server(folder: Path, record: Path) -> None:
    """`oxen-video-mcp` of this checkout, also in place of `uvx`, which would fetch a package that is not published."""
    for name, given in (("oxen-video-mcp", ' "$@"'), ("uvx", "")):
        command = shlex.join([sys.executable, str(ROOT / "scripts" / "recording_server.py"), str(record)])
        (folder / name).write_text(f"#!/bin/sh\nexec {command}{given}\n", "utf-8")
        (folder / name).chmod(0o755)


def put_extension(folder: Path) -> Path:
    """What Gemini CLI takes from the repository: the extension's manifest and the skills."""
    extension = folder / "oxen-video-tools"
    extension.mkdir()
    shutil.copy(ROOT / "gemini-extension.json", extension)
    shutil.copytree(ROOT / "skills", extension / "skills")
    (folder / ".gemini").mkdir()
    (folder / ".gemini" / "settings.json").write_text(json.dumps(GEMINI_SETTINGS), "utf-8")
    return extension


def plugin_steps(bins: Path, folder: Path) -> list[list[str]]:
    """What Claude's program, which the SDK brings along, says of the plugin: it has to take and to install it."""
    plugin = folder / "plugin"
    for name in (".claude-plugin", "skills"):
        shutil.copytree(ROOT / name, plugin / name)
    shutil.copy(ROOT / ".mcp.json", plugin)
    found = sorted(bins.parent.glob("**/claude_agent_sdk/_bundled/claude*"))
    program = next(str(file) for file in found if file.suffix in ("", ".exe"))
    name = json.loads((ROOT / ".claude-plugin" / "plugin.json").read_text("utf-8"))["name"]
    said = (
        ["validate", str(plugin)],
        ["marketplace", "add", str(plugin)],
        ["install", f"{name}@{name}"],
        ["details", name],
    )
    return [[program, "plugin", *words] for words in said]


def steps(page: Page, bins: Path, folder: Path) -> list[list[str]]:
    """The commands that run a page; the last one prints the link."""
    if not page.npm:
        (folder / "program.py").write_text(page.program, "utf-8")
        before = plugin_steps(bins, folder) if "claude-agent-sdk" in page.pip else []
        return [*before, [str(bins / "python"), "program.py"]]
    extension, commands = put_extension(folder), []
    for _, *words in page.commands:
        if words[:2] == ["extensions", "install"]:  # from here, and without the questions that a person answers
            words = ["extensions", "install", str(extension), "--consent", "--skip-settings"]
        commands.append([str(bins / "gemini"), *words])
    return commands


def run(file: Path, model: ScriptedModel, sandbox: str) -> bool:
    """Install, run, and see whether a video's link was printed."""
    page = read(file)
    if page.npm and not shutil.which("npm"):
        print(f"{page.name}: FAILED, it needs npm (Node 20 or newer)")
        return False
    bins, versions = install(page)
    model.shown.clear()
    with tempfile.TemporaryDirectory() as name:
        folder, record = Path(name), Path(name) / "record.jsonl"
        own = folder / "bin"
        own.mkdir()
        put_server(own, record)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
        environment = kept | QUIET | {
            "PATH": os.pathsep.join([str(own), str(bins), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": name,
            "GEMINI_CLI_HOME": name,
            "CLAUDE_CONFIG_DIR": f"{name}/claude",
            "OPENAI_BASE_URL": f"{model.base_url}/v1",
            "OPENAI_API_BASE": f"{model.base_url}/v1",
            "OPENAI_API_KEY": "scripted",
            "ANTHROPIC_BASE_URL": model.base_url,
            "ANTHROPIC_API_KEY": "scripted",
            "GOOGLE_GEMINI_BASE_URL": model.base_url,
            "GEMINI_API_KEY": "scripted",
            "OXEN_API_KEY": "sandbox",
            "OXEN_BASE_URL": sandbox,
            "OXEN_VIDEO_LEDGER": f"sqlite:///{name}/ledger.db",
            "OXEN_VIDEO_OUTPUT_DIR": f"{name}/videos",
        }  # fmt: skip
        heard, fine = "", True
        for command in steps(page, bins, folder):
            try:
                done = subprocess.run(
                    command,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=LONGEST,
                )
                fine, said, heard = fine and done.returncode == 0, done.stdout, heard + done.stdout + done.stderr
            except subprocess.TimeoutExpired as late:
                fine, said, heard = False, "", f"{heard}{late}"
        fine = fine and bool(LINK.search(said))
        found = compare(model, record)
    print(f"{page.name}: {'ran, and printed the link of a video' if fine else 'FAILED'}", flush=True)
    if not fine:
        print(heard[-3000:])
        return False
    with_versions = f"Tried with {', '.join(f'{name} {version}' for name, version in versions.items())}."
    print("  " + "\n  ".join([with_versions, *found]), flush=True)
    text = TRIED.sub("", file.read_text("utf-8")).rstrip()
    file.write_text(f"{text}\n\n{with_versions}\n", "utf-8")
    return True


def compare(model: ScriptedModel, record: Path) -> list[str]:
    """What the framework made of the tools' names, schemas and arguments, between the model and the server."""
    name = next((name for name in model.shown if name.endswith(TOOL)), "")
    schema = model.shown.get(name, {}).get("properties", {})
    found = [
        f"The model sees: {name}",
        f"Arguments that are added to the schema: {', '.join(sorted(set(schema) - model.own)) or 'none'}",
    ]
    messages = [json.loads(line) for line in record.read_text("utf-8").splitlines()] if record.exists() else []
    calls = [one["params"] for one in messages if one.get("method") == "tools/call"]
    for call in calls[:1]:
        given, came = model.given, call.get("arguments", {})
        changed = sorted(name for name in given.keys() | came.keys() if given.get(name) != came.get(name))
        found.append(f"Arguments that reach the server otherwise than given: {', '.join(changed) or 'none'}")
        found.append(f"Arguments that the server does not have: {', '.join(sorted(set(came) - model.own)) or 'none'}")
    return found


def main(names: list[str]) -> int:
    """Every page, or those named."""
    from oxen_video_tools.sandbox import Sandbox
    from oxen_video_tools.tools import TABLE

    pages = [page for page in sorted(PAGES.glob("*.md")) if not names or page.stem in names]
    own = frozenset(TABLE[TOOL].schema["properties"])
    with scripted_model(own) as model, Sandbox() as sandbox:
        results = [run(page, model, sandbox.base_url) for page in pages]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
