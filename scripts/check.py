"""`make check`: in a minute, what a change most likely broke. `make test` is what decides.

Format, lint, types and arrows side by side; then the tests nearest to what changed since BASE (default: where this
branch left main; on main, the commit before), first those that import it themselves, until SECONDS are over. What there
was no time for is counted as skipped. `python scripts/check.py [--list] [BASE]`
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SECONDS = 60.0  # for all of it
ENDING = 6.0  # of them, for tests that have begun and for saying what came of them
STATIC = (
    ("ruff", "format", "--check", "--quiet", "."),
    ("ruff", "check", "--quiet", "."),
    ("mypy",),
    ("lint-imports",),
)
FEW = 3  # files of tests, for which further processes would take longer to start than they save
#: What tests read that they do not import: the beginning of a path, and the tests.
READ = {
    "README.md": ["tests/test_readme.py"],
    "docs/": ["tests/test_readme.py", "tests/docs"],
    "mkdocs.yml": ["tests/docs"],
    "docs/design/adding.md": ["tests/tools/test_adding.py"],
    "examples/": ["tests/examples"],
    "mcp_server.py": ["tests/mcp/test_process.py"],
    "mcpb/": ["tests/mcp/test_install.py"],
    "pyproject.toml": ["tests/test_house.py", "tests/release"],
    "CHANGELOG.md": ["tests/release"],
    "benchmarks/": ["tests/docs"],
}


def main() -> int:
    until = time.time() + SECONDS - ENDING
    arguments = [one for one in sys.argv[1:] if one != "--list"]
    tests = nearest(changed(arguments[0] if arguments else base()))
    if "--list" in sys.argv:
        print("\n".join(tests))
        return 0
    failed = static()
    if not tests:
        print("no test imports what changed")
    elif run(tests, until):
        failed.append("tests")
    print(f"check: {', '.join(failed)} failed" if failed else "check: all passed", end="")
    print(f", in {time.time() - until + SECONDS - ENDING:.0f} s")
    return 1 if failed else 0


def base() -> str:
    """The commit that is compared with."""
    here, main = git("rev-parse", "HEAD"), ""
    for name in ("origin/main", "main"):
        main = main or git("merge-base", "HEAD", name)
    return main if main and (main != here or git("status", "--porcelain")) else "HEAD~1"


def changed(since: str) -> list[str]:
    """Paths that differ from that commit, those too that git does not know yet."""
    found = git("diff", "--name-only", since).splitlines()
    return sorted({*found, *git("ls-files", "--others", "--exclude-standard").splitlines()})


def nearest(paths: Iterable[str]) -> list[str]:
    """Tests that changed, then those that import what changed, the fewer steps away the sooner: files and folders."""
    import grimp

    paths = list(paths)
    graph = grimp.build_graph("oxen_video_tools", "tests", include_external_packages=False)
    rank: dict[str, int] = {}
    for path in paths:
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if path.endswith("conftest.py"):
            for file in (ROOT / path).parent.rglob("test_*.py"):
                rank.setdefault(str(file.relative_to(ROOT)), 2)
        elif path.endswith(".py") and module in graph.modules:
            for found, steps in importers(graph, module).items():
                rank[found] = min(steps, rank.get(found, steps))
        for start, tests in READ.items():
            if path.startswith(start):
                rank |= {test: 1 for test in tests if test not in rank}
    return [test for test in sorted(rank, key=lambda test: (rank[test], test)) if (ROOT / test).exists()]


def importers(graph: object, module: str) -> dict[str, int]:
    """Test files that import a module, and over how many others."""
    seen, front = {module: 0}, [module]
    while front:
        front = [
            importer
            for one in front
            for importer in graph.find_modules_that_directly_import(one)  # type: ignore[attr-defined]
            if seen.setdefault(importer, seen[one] + 1) == seen[one] + 1
        ]
        front = sorted({one for one in front if not one.rpartition(".")[2].startswith("test_")})
    return {
        f"{name.replace('.', '/')}.py": steps
        for name, steps in seen.items()
        if name.startswith("tests.") and name.rpartition(".")[2].startswith("test_")
    }


def static() -> list[str]:
    """Format, lint, types, arrows, all at once. The names of those that failed, whose words are printed."""
    running = [
        (command, subprocess.Popen([str(BIN / command[0]), *command[1:]], cwd=ROOT, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        for command in STATIC
    ]  # fmt: skip
    failed = []
    for command, process in running:
        said, _ = process.communicate()
        if process.returncode:
            failed.append(" ".join(command[:2]))
            print(said)
    return failed


def run(tests: list[str], until: float) -> bool:
    """Whether any of these tests failed. until: Unix seconds after which no test begins."""
    several = ["--numprocesses", "logical", "--dist", "load", "--maxschedchunk", "4"] if len(tests) > FEW else []
    command = [sys.executable, "-m", "pytest", "-q", "-rs", *several, *tests]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"TESTS_UNTIL": str(until)}).returncode not in (0, 5)


def git(*arguments: str) -> str:
    """What git answers; empty where it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
