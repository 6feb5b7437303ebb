"""The official conformance suites against our own app: `make conformance`, or `python -m tests.mcp.conformance`.

With the suites' own tools grafted on every check must pass. Without, what fails must be exactly what the baselines
in `judges/` explain. Then the clients from outside. The last line says what passed of what.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import forked
from tests.clocks import HUNG

from .judging import NODE, NPM, SOURCES, needed
from .serving import PYTHON, ROOT, free_port

TOTAL = re.compile(r"^Total: (\d+) passed, (\d+) failed", re.M)


@dataclass(frozen=True)
class Suite:
    """One run: a package of npm's, its arguments, and the baseline of the plain server."""

    name: str
    package: str
    arguments: tuple[str, ...]
    baseline: str


SUITES = (
    Suite("0.1, everything", "conformance-01", (), "baseline-0.1.yml"),
    Suite("0.2, 2026-07-28", "conformance-02", ("--requirements", "2026-07-28"), "baseline-2026-07-28.yml"),
    Suite("0.2, 2025-11-25", "conformance-02", ("--requirements", "2025-11-25"), "baseline-2025-11-25.yml"),
)


@dataclass(frozen=True)
class Outcome:
    """passed, failed: checks.  ok: as it should be.  output: all that the suite said."""

    passed: int
    failed: int
    ok: bool
    output: str


@contextmanager
def judged(*, plain: bool) -> Iterator[str]:
    """Our server in a process of its own; its MCP address."""
    port = free_port()
    command = [*forked.python(), "-m", "tests.mcp.judged", str(port), *(["plain"] if plain else [])]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            await_port(port, process)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()
            process.wait(HUNG)


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when the process listens; raises RuntimeError when it never does."""
    limit = time.monotonic() + HUNG
    while time.monotonic() < limit and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


def run(suite: Suite, url: str, *, plain: bool) -> Outcome:
    """One suite against one server. Raises nothing for checks that fail."""
    program = needed(NODE, "Node 22 or newer")
    script = needed(NPM / "node_modules" / suite.package / "dist" / "index.js", suite.package)
    command = [program, script, "server", "--url", url, *suite.arguments]
    if plain:
        command += ["--expected-failures", str(SOURCES / suite.baseline)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HUNG)
    said = done.stdout + done.stderr
    found = TOTAL.search(said)
    passed, failed = (int(found[1]), int(found[2])) if found else (0, 1)
    return Outcome(passed, failed, done.returncode == 0 and bool(passed) and (plain or not failed), said)


def main() -> int:
    """Run everything and say what passed of what."""
    checks, of, explained, fine = 0, 0, 0, True
    for plain in (False, True):
        with judged(plain=plain) as url:
            for suite in SUITES:
                outcome = run(suite, url, plain=plain)
                fine = fine and outcome.ok
                kind = "plain, as explained" if plain else "with the suite's tools"
                print(f"{suite.name} {kind}: {outcome.passed} of {outcome.passed + outcome.failed} checks", flush=True)
                if not outcome.ok:
                    print(outcome.output[-4000:])
                if plain:
                    explained += outcome.ok
                else:
                    checks, of = checks + outcome.passed, of + outcome.passed + outcome.failed
    tests = [str(Path(__file__).with_name(name)) for name in ("test_outside.py", "test_player.py")]
    clients = subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], cwd=ROOT)
    fine = fine and clients.returncode == 0
    outside = "passed" if clients.returncode == 0 else "FAILED"
    print(
        f"conformance: {checks} of {of} checks passed, {explained} of {len(SUITES)} plain runs as explained, "
        f"clients from outside {outside}"
    )
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
