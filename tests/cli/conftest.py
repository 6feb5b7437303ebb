"""The command line as a process, against a sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.clocks import HUNG

ROOT = Path(__file__).parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def oxen(oxen_sandbox: Any, tmp_path: Path) -> Run:
    """`oxen("generate", "a fox")` runs the command; its environment knows the sandbox and nothing else of Oxen."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OXEN_")} | {
        "OXEN_BASE_URL": oxen_sandbox.base_url,
        "OXEN_API_KEY": "sandbox-key-1234",
        "OXEN_VIDEO_LEDGER": f"sqlite:///{tmp_path / 'ledger.db'}",
        "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path / "videos"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
    }

    def run(
        *arguments: str,
        stdin: str | None = None,
        prog: str | None = None,
        until: Callable[[], bool] | None = None,
        **changes: str | None,
    ) -> subprocess.CompletedProcess[str]:
        changed = {name: value for name, value in (environment | changes).items() if value is not None}
        program = (
            [str(Path(sys.executable).with_name(prog))] if prog else [*forked.python(), "-m", "oxen_video_tools.cli"]
        )
        if until is not None:
            return killed([sys.executable, "-m", "oxen_video_tools.cli", *arguments], until, changed, tmp_path)
        command = [*program, *arguments]
        return subprocess.run(
            command, input=stdin or "", capture_output=True, text=True, env=changed, cwd=tmp_path, timeout=HUNG
        )

    return run


def killed(
    command: list[str], until: Callable[[], bool], environment: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """The command, killed as soon as this is so."""
    process = subprocess.Popen(
        command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    latest = time.monotonic() + HUNG
    while not until():
        assert process.poll() is None and time.monotonic() < latest
        time.sleep(0.02)  # another process is at work: there is nothing to wait on but what it does
    process.kill()
    return subprocess.CompletedProcess(command, process.wait(), *process.communicate())
