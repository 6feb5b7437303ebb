"""Write the lock files, with a hash for every file that may be installed: `make lock`; `--check` only compares.

locked/dev.txt     what development, CI and releases install
locked/server.txt  what the container image holds
locked/build.txt   what builds wheel and sdist
locked/audit.txt   what looks for known weaknesses in the others
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "locked"
SERVER = ("mcp", "media", "postgres")
AUDIT = ("pip-audit>=2.9,<3",)
HEAD = "# Made by `make lock`; not to be edited.\n"


def compiled(arguments: list[str], before: Path) -> str:
    """The lock for these requirements. before: the lock so far; its versions are kept where they still fit."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / before.name
        if before.exists():
            out.write_text(before.read_text("utf-8"), "utf-8")
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
        command += [
            "--no-emit-index-url",
            "--custom-compile-command",
            "make lock",
            *arguments,
            "--output-file",
            str(out),
        ]
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([str(uv) if uv.exists() else "uv", *command[1:]], cwd=ROOT, check=True)
        return HEAD + out.read_text("utf-8").replace(f"{ROOT}/", "")


def read_toml(file: Path) -> dict[str, Any]:
    """What the file says."""
    return tomllib.loads(file.read_text("utf-8"))


def locks(folder: Path) -> dict[str, list[str]]:
    """Each lock file's name, and what uv is asked for. folder: for files in between."""
    project = read_toml(ROOT / "pyproject.toml")
    build = folder / "build.in"
    build.write_text("\n".join(project["build-system"]["requires"]), "utf-8")
    audit = folder / "audit.in"
    audit.write_text("\n".join(AUDIT), "utf-8")
    oldest = ["--python-version", project["project"]["requires-python"].removeprefix(">=")]
    return {
        "dev.txt": ["pyproject.toml", "--extra", "dev"],
        "server.txt": ["pyproject.toml", *(part for extra in SERVER for part in ("--extra", extra))],
        "build.txt": [str(build), "--no-annotate", *oldest],
        "audit.txt": [str(audit), "--no-annotate", *oldest],
    }


def main() -> int:
    """Write or compare. With --check, 1 when a lock no longer fits what it was made of."""
    check = "--check" in sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in locks(Path(folder)).items():
            file = FOLDER / name
            made = compiled(arguments, file)
            if file.exists() and file.read_text("utf-8") == made:
                continue
            stale.append(name)
            if not check:
                file.write_text(made, "utf-8")
    print(f"{'out of date' if check else 'written'}: {', '.join(stale) or 'none'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
