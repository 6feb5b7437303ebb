"""Run the tests on every supported Python that this machine has, each in an environment of its own.

`python scripts/test_pythons.py [3.10 3.12 …] [-- pytest arguments]`. The last line says what passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")


def main() -> int:
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    asked, tests = arguments[:split] or SUPPORTED, arguments[split + 1 :] or ["-q"]
    told = {}
    for version in asked:
        if (python := found(version)) is None:
            told[version] = "not on this machine"
            continue
        told[version] = "passed" if run(version, python, tests) else "FAILED"
    print("; ".join(f"Python {version}: {how}" for version, how in told.items()))
    return 1 if "FAILED" in told.values() else 0


def found(version: str) -> str | None:
    """An interpreter that starts: on the path, or where pyenv keeps its own."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    for python in (shutil.which(f"python{version}"), *map(str, pyenv)):
        if python and subprocess.run([python, "-V"], capture_output=True).returncode == 0:
            return python
    return None


def run(version: str, base: str, tests: list[str]) -> bool:
    """The tests in `.venvs/VERSION`."""
    folder = ROOT / ".venvs" / version
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    make = ["uv", "venv", "--quiet", "--allow-existing", "--python", base, str(folder)]
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), "--editable", f"{ROOT}[dev]"]
    steps = (make, install, [str(python), "-m", "pytest", *tests])
    return all(subprocess.run(step, cwd=ROOT, env=environment).returncode == 0 for step in steps)


if __name__ == "__main__":
    sys.exit(main())
