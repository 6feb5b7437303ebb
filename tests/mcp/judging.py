"""Where the judges from outside are. In CI they must be there; elsewhere their tests are skipped without them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clocks import HUNG

from .serving import ROOT

HOME = ROOT / ".judges"
NODE = HOME / "node-bin" / "node"
NPM = HOME / "npm"
SOURCES = Path(__file__).parent / "judges"
INSTALL = "scripts/judges.sh installs it"


def needed(path: Path | str | None, name: str) -> str:
    """The path, if it is there."""
    if path is not None and Path(path).exists():
        return str(path)
    if os.environ.get("CI"):
        pytest.fail(f"{name} is missing; {INSTALL}")
    pytest.skip(f"{name} is missing; {INSTALL}")


def python_of(environment: str) -> str:
    """The interpreter of one of the environments."""
    return needed(HOME / environment / "bin" / "python", f"the environment {environment}")


def chromium() -> str:
    """Chromium, or Chrome."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return needed(found, "Chromium")


def _put(script: str, place: Path) -> None:
    """One of our scripts among the packages, whole at any moment: other processes run it meanwhile."""
    unfinished = place.with_suffix(f".{os.getpid()}{place.suffix}")
    shutil.copy(SOURCES / script, unfinished)
    unfinished.replace(place)


def node(script: str, *arguments: str, timeout: float = 90) -> str:
    """Run one of our scripts among the installed packages; its standard output."""
    program = needed(NODE, "Node 22 or newer")
    packages = needed(NPM / "node_modules", "the npm packages")
    place = Path(packages).parent / script
    _put(script, place)
    done = subprocess.run([program, str(place), *arguments], cwd=NPM, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bundled(script: str) -> bytes:
    """One of our scripts with all that it imports, for a browser."""
    packages = needed(NPM / "node_modules", "the npm packages")
    _put(script, NPM / script)
    esbuild = needed(NPM / "node_modules" / "esbuild" / "bin" / "esbuild", "esbuild")
    command = [needed(NODE, "Node 22 or newer"), esbuild, script, "--bundle", "--format=iife", "--log-level=error"]
    done = subprocess.run(command, cwd=Path(packages).parent, capture_output=True, timeout=HUNG)
    if done.returncode:  # without its install script esbuild is the binary itself
        done = subprocess.run(command[1:], cwd=Path(packages).parent, capture_output=True, timeout=HUNG)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
