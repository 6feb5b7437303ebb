"""One version everywhere: the package takes its own from the git tag; this writes the same into the files that can't.

`python scripts/stamp_version.py v0.2.0` before a release is built. A test keeps the files equal to each other.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = ("server.json", "mcpb/manifest.json", "mcpb/pyproject.toml", "CITATION.cff")
VERSION = re.compile(r'^(\s*"?version"?\s*[:=]\s*")[^"]+(")', re.M)
TAG = re.compile(r"v?(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")


def of_tag(tag: str) -> str:
    """`0.2.0` for `v0.2.0`. Raises ValueError for what is no version."""
    found = TAG.fullmatch(tag.removeprefix("refs/tags/"))
    if found is None:
        raise ValueError(f"{tag!r} is no version: write v0.2.0 or v0.2.0rc1.")
    return found[1]


def stamped(text: str, version: str) -> str:
    """The same file with this version."""
    return VERSION.sub(rf"\g<1>{version}\g<2>", text)


def versions(text: str) -> list[str]:
    """Every version that a file says."""
    return [found[0].rpartition('"')[0].rpartition('"')[2] for found in VERSION.finditer(text)]


def main(tag: str, root: Path = ROOT) -> None:
    version = of_tag(tag)
    for name in FILES:
        path = root / name
        path.write_text(stamped(path.read_text("utf-8"), version), "utf-8")
        print(f"{name}: {version}")
    if root == ROOT:
        from make_manifests import main as make_manifests

        make_manifests()  # they take the version from server.json


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except ValueError as wrong:
        sys.exit(str(wrong))
