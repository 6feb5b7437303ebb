"""Build the wheel and the sdist, and try them as a stranger would: each extra alone, the newest versions allowed.

`python scripts/check_package.py [FOLDER]`; the files stay in FOLDER (default: dist). The last line says what passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: What must work with nothing but this extra.
TRIES = {
    "": """
import oxen_video_tools as o
from oxen_video_tools.hub import HubClient
o.Settings.read({}), o.VideoRequest(prompt="a fox"), o.Studio, HubClient()
""",
    "langchain": """
from oxen_video_tools.langchain import OxenVideoToolkit
from oxen_video_tools.tools import TABLE
assert len(OxenVideoToolkit().get_tools()) == len(TABLE)
""",
    "mcp": """
import asyncio, sys
from mcp import Client, StdioServerParameters
from oxen_video_tools.tools import TABLE

async def main():
    server = StdioServerParameters(command=sys.executable, args=["-m", "oxen_video_tools.mcp"])
    async with Client(server) as client:
        assert len((await client.list_tools()).tools) == len(TABLE)

asyncio.run(main())
""",
    "media": """
from oxen_video_tools.media.animatic import Segment, render
from oxen_video_tools.media.probe import probe
render([Segment("a fox", 1.0)], "fox.mp4", size=(320, 180))
assert probe("fox.mp4").width == 320
""",
    "cli": """
import subprocess, sys
subprocess.run([sys.executable, "-m", "oxen_video_tools.cli", "--help"], check=True, stdout=subprocess.DEVNULL)
""",
    "sandbox": """
from oxen_video_tools import Studio
from oxen_video_tools.sandbox import Sandbox
with Sandbox() as hub, Studio(base_url=hub.base_url, api_key="sandbox", ledger="memory:") as studio:
    assert studio.generate(prompt="a fox", duration=5).status == "succeeded"
""",
    "postgres": "import psycopg, oxen_video_tools.ledger.postgres",
    "all": """
import oxen_video_tools.langchain, oxen_video_tools.mcp, oxen_video_tools.sandbox
from oxen_video_tools.cli import load_app; load_app()
""",
}


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)])
    built = sorted(folder.iterdir())
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, built)])
    wheel = next(file for file in built if file.suffix == ".whl")
    failed = [extra or "base" for extra in TRIES if not tried(wheel, extra)]
    failed += [] if tried(next(file for file in built if file.suffix == ".gz"), "") else ["sdist"]
    whole = len(TRIES) + 1
    print(f"package: {whole - len(failed)} of {whole} installs work" + (f"; not {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def tried(archive: Path, extra: str) -> bool:
    """Whether a clean environment with only this extra does what it should."""
    with tempfile.TemporaryDirectory() as scratch:
        python = str(Path(scratch, "bin" if os.name == "posix" else "Scripts", "python"))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OXEN_", "PYTHON"))}
        clean |= {"HOME": scratch, "OXEN_VIDEO_LEDGER": "memory:"}
        wanted = f"{archive}[{extra}]" if extra else str(archive)
        try:
            run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, scratch])
            run(["uv", "pip", "install", "--quiet", "--python", python, wanted])
            run([python, "-c", TRIES[extra]], env=clean, cwd=scratch)
        except subprocess.CalledProcessError:
            print(f"FAILED {archive.name} [{extra}]")
            return False
    print(f"ok {archive.name} [{extra}]")
    return True


def run(command: list[str], *, env: dict[str, str] | None = None, cwd: str | None = None) -> None:
    beside = str(Path(sys.executable).parent)
    env = dict(os.environ if env is None else env)
    env["PATH"] = os.pathsep.join([beside, env.get("PATH", "")])
    subprocess.run(command, check=True, env=env, cwd=cwd)


if __name__ == "__main__":
    sys.exit(main())
