"""Runs the program of every page in docs/frameworks, each in an environment of its own: `make frameworks`.

A page names what it installs in a line `pip install …` and holds one Python program. The program is run as it stands,
in the sandbox, with a scripted model in place of OpenAI's, and has to print the link of a video. The MCP server is the
one of this checkout.  `python scripts/frameworks.py langchain crewai` runs those alone.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from scripts.scripted_model import scripted_model  # noqa: E402

PAGES = ROOT / "docs" / "frameworks"
HOME = ROOT / ".frameworks"
LONGEST = 600.0  # seconds that one program may take
LINK = re.compile(r"http://127\.0\.0\.1:\d+/\S+")


def programs(page: Path) -> tuple[list[str], str | None]:
    """What a page installs, and its program; None for a page without one."""
    text = page.read_text("utf-8")
    install = re.search(r"^pip install (.+)$", text, re.M)
    program = re.search(r"```python\n(.*?)```", text, re.S)
    return shlex.split(install[1]) if install else [], program[1] if program else None


def run(page: Path, model: str, sandbox: str) -> bool:
    """Install, run, and see whether a video's link was printed."""
    wanted, program = programs(page)
    if program is None:
        print(f"{page.stem}: no program on this page")
        return True
    place, bins = HOME / page.stem, "Scripts" if os.name == "nt" else "bin"
    python = place / bins / "python"
    uv = [sys.executable, "-m", "uv"]
    wanted = [str(ROOT) + one.removeprefix(".") if one.startswith(".") else one for one in wanted]
    if not python.exists():
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OXEN_")} | {
            "PATH": os.pathsep.join([str(place / bins), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "OPENAI_BASE_URL": model,
            "OPENAI_API_BASE": model,
            "OPENAI_API_KEY": "scripted",
            "OXEN_API_KEY": "sandbox",
            "OXEN_BASE_URL": sandbox,
            "OXEN_VIDEO_LEDGER": f"sqlite:///{folder}/ledger.db",
            "OXEN_VIDEO_OUTPUT_DIR": f"{folder}/videos",
            "CREWAI_DISABLE_TELEMETRY": "true",
            "CREWAI_TRACING_ENABLED": "false",
            "OTEL_SDK_DISABLED": "true",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
        }
        (Path(folder) / "program.py").write_text(program, "utf-8")
        command = [str(python), "program.py"]
        try:
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST)
            said, fine = done.stdout + done.stderr, done.returncode == 0 and bool(LINK.search(done.stdout))
        except subprocess.TimeoutExpired as late:
            said, fine = f"{late}", False
    print(f"{page.stem}: {'ran, and printed the link of a video' if fine else 'FAILED'}", flush=True)
    if not fine:
        print(said[-3000:])
    return fine


def main(names: list[str]) -> int:
    """Every page, or those named."""
    from oxen_video_tools.sandbox import Sandbox

    pages = [page for page in sorted(PAGES.glob("*.md")) if not names or page.stem in names]
    with scripted_model() as model, Sandbox() as sandbox:
        results = [run(page, model, sandbox.base_url) for page in pages]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
