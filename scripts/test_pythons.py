"""Run the tests on every supported Python that this machine has, each in an environment of its own.

`python scripts/test_pythons.py [3.11 3.13 …] [-- pytest arguments]`. The last line says what passed, and which extras
have no wheel for a Python and were left out there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
EXTRAS = ("langchain", "mcp", "media", "cli", "sandbox", "postgres", "otel", "examples", "providers", "docs", "ray")
TOOLS = (
    "hypothesis",
    "langchain",
    "langchain-tests",
    "langgraph",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "pytest-xdist",
)


def main() -> int:
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    asked, tests = (
        arguments[:split] or SUPPORTED,
        arguments[split + 1 :] or ["-q", "--numprocesses", "logical", "--dist", "worksteal"],
    )
    told = {}
    for version in asked:
        if (python := found(version)) is None:
            told[version] = "not on this machine"
            continue
        told[version] = run(version, python, tests)
    print("; ".join(f"Python {version}: {how}" for version, how in told.items()))
    return 1 if any("FAILED" in how for how in told.values()) else 0


def found(version: str) -> str | None:
    """An interpreter that starts: on the path, where uv keeps its own, or where pyenv does."""
    uv = subprocess.run(
        ["uv", "python", "find", "--no-python-downloads", version], capture_output=True, text=True, env=environment()
    )
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    for python in (shutil.which(f"python{version}"), uv.stdout.strip(), *map(str, pyenv)):
        if python and subprocess.run([python, "-V"], capture_output=True).returncode == 0:
            return python
    return None


def environment() -> dict[str, str]:
    """With the tools of the environment that this runs in."""
    return os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def run(version: str, base: str, tests: list[str]) -> str:
    """What became of the tests, in `.venvs/VERSION`."""
    folder = ROOT / ".venvs" / version
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    if not done("uv", "venv", "--quiet", "--allow-existing", "--python", base, str(folder)):
        return "FAILED: no environment could be made"
    install = ("uv", "pip", "install", "--python", python, "--only-binary", ":all:", "--no-binary", "oxen-video-tools")
    without = [one for one in EXTRAS if not done(*install, "--quiet", "--dry-run", f"{ROOT}[{one}]", quiet=True)]
    extras = "dev" if not set(without) - {"ray"} else ",".join(one for one in EXTRAS if one not in [*without, "ray"])
    if not done("uv", "pip", "install", "--quiet", "--python", python, "--editable", f"{ROOT}[{extras}]", *TOOLS):
        return "FAILED: it could not be installed"
    how = "passed" if done(python, "-m", "pytest", *tests) else "FAILED"
    return how + (f" (no wheels for {', '.join(without)})" if without else "")


def done(*command: str, quiet: bool = False) -> bool:
    """Whether a command ends well."""
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=quiet).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
