"""The page "How to add …" is true: its tool is added to a copy of this repository, and what guards the tools passes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clocks import HUNG

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/design/adding.md").read_text("utf-8")
NOT_COPIED = {".git", ".venv", ".judges", ".frameworks", ".mypy_cache", ".hypothesis", "site", "dist", "mutants"}
#: What a new tool has to pass: its name, words and schema, the size of the list, both faces, the files that list tools.
GUARDS = [
    "tests/tools/test_tool.py",
    "tests/langchain/test_schemas.py",
    "tests/langchain/test_contract.py",
    "tests/langchain/test_bare.py",
    "tests/langchain/test_standard.py",
    "tests/mcp/test_same_tools.py",
    "tests/release/test_manifests.py",
]
#: Of them those of this tool, and those of all tools together; one provider's converter starts slowly.
OF_IT = (
    "((ShowSpend or show_spend) and not anthropic) or toolkit_of_some or examples_are or small or answers_for_itself"
)
OF_IT += " or (both_windows_show and None) or tools_and_their_arguments or two_tools or manifests_are or list_of_tools"


USE = """
from oxen_video_tools import langchain
tool = langchain.ShowSpend(sandbox=True)
assert tool.description.startswith("What was spent") and "ShowSpend" in langchain.__all__
print(tool.invoke({}))
"""


def run(command: list[str], folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder), "OXEN_VIDEO_LEDGER": "memory:"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.long
def test_a_tool_is_added_as_the_page_says(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(
        ROOT,
        copy,
        ignore=lambda _, names: NOT_COPIED.intersection(names),
    )
    named, code = re.findall(r'```python title="([^"]+)"\n(.*?)```', PAGE, re.S)[0]
    imports, _, definitions = code.partition("\n\n\n")
    file = copy / named
    future = "from __future__ import annotations\n"
    text = file.read_text("utf-8").replace(future, f"{future}\n{imports}\n", 1)
    file.write_text(f"{text}\n\n{definitions}", "utf-8")

    command = re.findall(r"^make (\w+)$", PAGE, re.M)
    script = re.search(rf"^{command[0]}:.*\n\t\$\(BIN\)/python (\S+)$", (copy / "Makefile").read_text("utf-8"), re.M)
    assert script, "the page names a target of make that runs one program"
    written = run([sys.executable, script[1]], copy).split()
    assert set(written) == {
        "README.md",
        "mcpb/manifest.json",
        "oxen_video_tools/langchain/__init__.py",
        "tests/tools/shown.json",
    }
    row = "| `show_spend` | no | Says what was spent, in all or with one model. |"
    assert row in (copy / "README.md").read_text("utf-8")
    assert json.loads((copy / "mcpb/manifest.json").read_text("utf-8"))["tools"][-1]["name"] == "show_spend"

    assert json.loads(run([sys.executable, "-c", USE], copy))["spent_usd"] == 0
    said = run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", OF_IT, *GUARDS], copy)
    assert int(re.findall(r"(\d+) passed", said)[0]) >= 30
