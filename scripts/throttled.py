"""`make throttled`: the tests with the processor throttled to a fifth. None may fail because a machine is slow.

By a control group where this system allows one (Linux, as root); elsewhere the processes are stopped for four fifths of
the time. `python scripts/throttled.py [--share 0.2] [pytest arguments …]`
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
PERIOD = 0.1  # seconds in which the share is given
GROUPS = Path("/sys/fs/cgroup")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.2, help="of the machine's cores, all together")
    given, tests = parser.parse_known_args()
    cores = given.share * (os.cpu_count() or 1)
    command = [sys.executable, "-m", "pytest", *(tests or ["-q", "--numprocesses", "logical", "--dist", "worksteal"])]
    with group(cores) as joined:
        if joined is None:
            print(f"no control group here: the processes are stopped for {1 - given.share:.0%} of the time")
            return stopping(command, given.share)
        print(f"a control group gives {cores:.2f} of {os.cpu_count()} cores", flush=True)
        enter = f'echo $$ > {joined} && exec "$@"'
        return subprocess.run(["sh", "-c", enter, "sh", *command], cwd=ROOT).returncode


@contextmanager
def group(cores: float) -> Iterator[Path | None]:
    """The file that a process writes its id into to get no more than so many cores; None where that can't be."""
    period = int(PERIOD * 1e6)
    old, new = GROUPS / "cpu" / f"throttled-{os.getpid()}", GROUPS / f"throttled-{os.getpid()}"
    limits = [
        (old, {"cpu.cfs_period_us": f"{period}", "cpu.cfs_quota_us": f"{int(cores * period)}"}),
        (new, {"cpu.max": f"{int(cores * period)} {period}"}),
    ]
    for folder, files in limits:
        if not (folder.parent / ("cpu.shares" if folder is old else "cgroup.controllers")).exists():
            continue
        try:
            folder.mkdir()
            for name, value in files.items():
                (folder / name).write_text(value)
        except OSError:
            with suppress(OSError):
                folder.rmdir()
            continue
        try:
            yield folder / "cgroup.procs"
        finally:
            with suppress(OSError):  # something is still in it
                folder.rmdir()
        return
    yield None


def stopping(command: list[str], share: float) -> int:
    """Run it, stopped and let go on again ten times a second; with it all that stays in its session."""
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    ended = threading.Event()

    def throttle() -> None:
        while not ended.wait(PERIOD * share):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGSTOP)
                ended.wait(PERIOD * (1 - share))
                os.killpg(process.pid, signal.SIGCONT)

    threading.Thread(target=throttle, daemon=True).start()
    try:
        return process.wait()
    finally:
        ended.set()


if __name__ == "__main__":
    sys.exit(main())
