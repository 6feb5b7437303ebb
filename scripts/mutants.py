"""Change the code that handles money, dialects and secrets in small ways, and count how many changes the tests notice.

    python scripts/mutants.py                            # all of them: hours
    python scripts/mutants.py --sample 60                # that many of each group, drawn with --seed
    python scripts/mutants.py --only ledger --minutes 20 # one group, as far as it comes in that time

mutmut (its settings are in pyproject.toml) makes the changes in `mutants/`, a copy. The score is what a test failed at,
or ran out of time at, of everything tried: changes that no test reaches, and such as change nothing that can be seen
(the words of a log line), count against it. Left out is one kind only, SQL in capital letters: both databases read it
the same. The rows of the table in docs/quality.md are written anew.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "quality.md"
GROUPS = {
    "dialect": r"oxen_video_tools\.catalog\.translate",
    "ledger": r"oxen_video_tools\.ledger",
    "redaction": r"oxen_video_tools\.redaction\.",
    "submit": r"oxen_video_tools\.studio\.submission\.",
}
NOTICED = ("killed", "timeout", "caught by type check", "segfault")
NOT_TRIED = ("not checked", "check was interrupted by user")
GOAL = 85
SQL = re.compile(r"(select|insert|update|delete|begin|commit|rollback|savepoint|release|pragma)\b[^'{]*", re.S)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="how many of each group; left out: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="these groups")
    parser.add_argument(
        "--minutes", type=float, default=25, help="for each group; what it does not come to is not counted"
    )
    parser.add_argument("--children", type=int, default=2, help="processes at once")
    parser.add_argument("--write", type=Path, default=PAGE, help="the page whose table is written")
    options = parser.parse_args()

    mutmut(options.children, 30, ["oxen_video_tools.redaction.x_unsigned__mutmut_1"])  # makes all that are new, too
    rows: dict[str, str] = {}
    missed = []
    for group in options.only:
        names, total = drawn(group, options.sample, options.seed)
        forget(names)
        mutmut(options.children, options.minutes, names)
        found = {name: word for name, word in verdicts().items() if name in names and word not in NOT_TRIED}
        counts = Counter(found.values())
        rows[group] = row(group, counts, total)
        if score(counts) < GOAL:
            missed.append(group)
        for name, word in found.items():
            if word not in NOTICED:
                print(f"{group}: {name}: {word}")
        print(f"{group}: {len(names) - len(found)} of {len(names)} not tried\n{rows[group]}", flush=True)
        if not found:
            raise SystemExit(f"{group}: nothing was tried")
        write(options.write, rows)
    return 1 if missed else 0


def mutmut(children: int, minutes: float, names: list[str]) -> None:
    """Try these. When the time is over, what was tried stays."""
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(children), *names]
    running = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        if running.wait(minutes * 60):
            raise SystemExit(f"mutmut ended with {running.returncode}")
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            running.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


def metas() -> Iterator[tuple[Path, dict[str, dict[str, int | None]]]]:
    for path in sorted((ROOT / "mutants").rglob("*.py.meta")):
        yield path, json.loads(path.read_text("utf-8"))


def verdicts() -> dict[str, str]:
    """What became of every mutant there is, by its name."""
    return {name: status_by_exit_code[code] for _, meta in metas() for name, code in meta["exit_code_by_key"].items()}


def forget(names: list[str]) -> None:
    """What became of them in an earlier run."""
    for path, meta in metas():
        known = meta["exit_code_by_key"]
        meta["exit_code_by_key"] = {name: None if name in names else code for name, code in known.items()}
        path.write_text(json.dumps(meta, indent=4), "utf-8")


def drawn(group: str, count: int | None, seed: int) -> tuple[list[str], int]:
    """The changes to try, and how many there are."""
    same = set(in_capitals())
    names = [name for name in verdicts() if re.match(GROUPS[group], name) and name not in same]
    some = count is not None and count < len(names)
    return sorted(random.Random(seed).sample(names, count or 0)) if some else names, len(names)


def in_capitals() -> Iterator[str]:
    """Changes that write a statement in capitals, and nothing quoted in it: to a database it is the same statement."""
    for path, _ in metas():
        source = path.with_suffix("")
        module = ".".join(source.relative_to(ROOT / "mutants").with_suffix("").parts)
        functions = {node.name: node for node in ast.walk(ast.parse(source.read_text("utf-8"))) if is_function(node)}
        texts = {name: strings(node) for name, node in functions.items()}
        for name, changed in texts.items():
            before = texts.get(re.sub(r"__mutmut_\d+$", "__mutmut_orig", name), changed)
            differ = [pair for pair in zip(before, changed, strict=False) if pair[0] != pair[1]]
            if len(differ) == 1 and len(before) == len(changed) and all(same_sql(*pair) for pair in differ):
                yield f"{module}.{name}"


def is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def strings(function: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def same_sql(before: str, after: str) -> bool:
    return SQL.fullmatch(before) is not None and after == before.upper()


def score(counts: Mapping[str, int]) -> float:
    """Per cent of the changes that the tests noticed."""
    return 100 * sum(counts.get(word, 0) for word in NOTICED) / max(1, sum(counts.values()))


def between(share: float, tried: int, total: int) -> tuple[float, float]:
    """The 95 % interval (Wilson) of a share that was found in a sample; the share itself where everything was tried."""
    if tried >= total or not tried:
        return share, share
    z = 1.96
    middle = (share + z * z / (2 * tried)) / (1 + z * z / tried)
    half = z / (1 + z * z / tried) * math.sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    return middle - half, middle + half


def row(group: str, counts: Mapping[str, int], total: int) -> str:
    tried, noticed = sum(counts.values()), sum(counts.get(word, 0) for word in NOTICED)
    low, high = (100 * bound for bound in between(noticed / max(1, tried), tried, total))
    spread = "–" if low == high else f"{low:.0f}–{high:.0f} %"
    return f"| {group} | {tried} | {total} | {noticed} | {score(counts):.0f} % | {spread} |"


def write(page: Path, rows: Mapping[str, str]) -> None:
    """Put the rows between their marks, each in the place of the group's last one."""
    text = page.read_text("utf-8")
    start, end = "<!-- mutants -->\n", "<!-- end of mutants -->"
    before, _, rest = text.partition(start)
    table, _, after = rest.partition(end)
    old = {line.split("|")[1].strip(): line for line in table.splitlines()[2:] if line.startswith("|")}
    head = ["| code | changes tried | of | noticed | score | 95 % interval |", "|---|---|---|---|---|---|"]
    kept = [line for _, line in sorted((old | dict(rows)).items())]
    page.write_text(f"{before}{start}{chr(10).join([*head, *kept])}\n\n{end}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
