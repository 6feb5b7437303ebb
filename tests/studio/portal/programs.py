"""Whole programs in an interpreter of their own, watched to their end."""

from __future__ import annotations

import os
import subprocess
import tempfile
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

from tests import forked

ROOT = Path(__file__).parents[3]
LIMIT = 60  # seconds; a program that hangs is killed and fails its test


@dataclass(frozen=True)
class Ended:
    """status: the exit status.  seconds: from the line "ready" to the end."""

    status: int
    out: str
    err: str
    seconds: float


def program(body: str, *, interrupt_at: str | None = None, environment: dict[str, str] | None = None) -> Ended:
    """Run it with every warning on. interrupt_at: the line of its output at which Ctrl-C is pressed."""
    warnings = ("-X", "dev", "-W", "error::ResourceWarning", "-W", "ignore:This process:DeprecationWarning")
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*forked.python(options=warnings), "-c", textwrap.dedent(body)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env=os.environ | (environment or {}),
        )
        watchdog = threading.Timer(LIMIT, process.kill)
        watchdog.start()
        out, started = [], 0.0
        assert process.stdout is not None
        for line in process.stdout:
            if line == f"{interrupt_at or 'ready'}\n" and not started:
                started = time.perf_counter()
                if interrupt_at:
                    process.send_signal(SIGINT)
            else:
                out.append(line)
        status, seconds = process.wait(), time.perf_counter() - started
        watchdog.cancel()
        process.stdout.close()
        errors.seek(0)
        slow = "Executing <"  # asyncio's remark about a first import on the loop, on a machine under load
        err = "".join(line for line in errors if not line.startswith(slow))
        return Ended(status, "".join(out), err, seconds)
