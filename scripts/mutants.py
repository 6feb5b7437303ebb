"""Change the code that handles money, dialects and secrets in small ways, and count how many changes the tests notice.

    python scripts/mutants.py                 # all of them: hours
    python scripts/mutants.py --sample 60     # that many of each group, drawn with --seed

mutmut (its settings are in pyproject.toml) makes the changes in `mutants/`, a copy. The score is what a test failed at,
or ran out of time at, of everything tried: changes that no test reaches, and such as change nothing that can be seen
(the words of a log line), count against it. The table in docs/quality.md is written anew.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "quality.md"
GROUPS = {
    "ledger": r"oxen_video_tools\.studio\.ledger",
    "submit": r"oxen_video_tools\.studio\.submit\.",
    "dialect": r"oxen_video_tools\.catalog\.dialect",
    "redaction": r"oxen_video_tools\.redaction\.",
}
NOTICED = ("killed", "timeout", "caught by type check", "segfault")
GOAL = 85


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="how many of each group; left out: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--children", type=int, default=2, help="processes at once")
    parser.add_argument("--write", type=Path, default=PAGE, help="the page whose table is written")
    options = parser.parse_args()

    if not verdicts():
        mutmut(options.children, ["oxen_video_tools.redaction*"])  # the smallest; all mutants are made on the way
    drawn = {group: draw(group, options.sample, options.seed) for group in GROUPS}
    mutmut(options.children, [name for names in drawn.values() for name in names])
    found = verdicts()
    rows = {group: Counter(found[name] for name in names) for group, names in drawn.items()}
    totals = Counter(map(group_of, found))
    write(options.write, table(rows, totals))
    for group, names in drawn.items():
        for name in names:
            if found[name] not in NOTICED:
                print(f"{group}: {name}: {found[name]}")
    print(table(rows, totals))
    return 0 if all(score(row) >= GOAL for row in rows.values()) else 1


def mutmut(children: int, names: list[str]) -> None:
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(children), *names]
    subprocess.run(command, cwd=ROOT, check=True)


def verdicts() -> dict[str, str]:
    """What became of every mutant there is, by its name."""
    found: dict[str, str] = {}
    for meta in sorted((ROOT / "mutants").rglob("*.py.meta")):
        for name, code in json.loads(meta.read_text("utf-8"))["exit_code_by_key"].items():
            found[name] = status_by_exit_code[code]
    return found


def group_of(name: str) -> str:
    return next((group for group, pattern in GROUPS.items() if re.match(pattern, name)), "")


def draw(group: str, count: int | None, seed: int) -> list[str]:
    names = [name for name in verdicts() if group_of(name) == group]
    return names if count is None or count >= len(names) else sorted(random.Random(seed).sample(names, count))


def score(row: Mapping[str, int]) -> float:
    """Per cent of the changes that the tests noticed."""
    return 100 * sum(row.get(word, 0) for word in NOTICED) / max(1, sum(row.values()))


def table(rows: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]) -> str:
    lines = ["| code | changes tried | of | noticed | score |", "|---|---|---|---|---|"]
    for group, row in rows.items():
        noticed = sum(row.get(word, 0) for word in NOTICED)
        lines.append(f"| {group} | {sum(row.values())} | {totals[group]} | {noticed} | {score(row):.0f} % |")
    return "\n".join(lines)


def write(page: Path, rows: str) -> None:
    """Put the table between its marks."""
    text = page.read_text("utf-8")
    start, end = "<!-- mutants -->\n", "\n<!-- end of mutants -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{start}{rows}{end}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
