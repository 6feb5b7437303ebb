"""The package is built as it is drawn: imports go down only, files are of one noun, nothing heavy loads at import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "oxen_video_tools"
AGENTS = ("langchain_core", "langgraph", "langsmith")
PIXELS = ("av", "numpy", "PIL")
SERVERS = ("starlette", "uvicorn")
HEAVY = ("pydantic", "httpx", "anyio", "mcp", "psycopg", *AGENTS, *PIXELS, *SERVERS)


def test_arrows_go_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_house_is_drawn_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each room has a floor, each arrow goes down, and the page shows the floors as the contract has them."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import house

    floors, drawn = house.layers(), house.arrows()
    level = {room: number for number, floor in enumerate(floors) for room in floor}
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - set(level) == {"__init__", house.BESIDE, "pytest_plugin"}
    arrows = {(one, two) for one, others in drawn.items() for two in others if {one, two} <= set(level)}
    upward = {(one, two) for one, two in arrows if level[two] < level[one]}
    along = {(one, two) for one, two in arrows if level[two] == level[one] and one not in floors[-1]}
    assert not upward | along, f"these imports go up: {sorted(upward | along)}"
    assert set(drawn[house.BESIDE]) <= {"media", *floors[-1]}
    picture = house.svg(floors, drawn)
    assert all(f">{room}</text>" in picture for room in [*level, house.BESIDE])
    page = (ROOT / "docs/design/architecture.md").read_text("utf-8")
    assert "<!-- house -->" in page
    assert set(level) <= set(page.split("```")[1].split())


def test_no_file_is_a_world_of_its_own() -> None:
    """A file is one noun of the domain; over 800 lines it is two."""
    long = {str(file.relative_to(ROOT)): lines for file in PACKAGE.rglob("*.py") if (lines := _lines(file)) > 800}
    assert not long


def _lines(file: Path) -> int:
    return len(file.read_text("utf-8").splitlines())


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    """Imports for types alone aside; those inside functions count."""
    import grimp

    graph = grimp.build_graph("oxen_video_tools", exclude_type_checking_imports=True)
    circles = {
        tuple(sorted((module, other)))
        for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
        if graph.find_shortest_chain(importer=other, imported=module)
    }
    assert sorted(circles) == []


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("oxen_video_tools", HEAVY),
        ("oxen_video_tools.tools", (*AGENTS, "mcp", "starlette", *PIXELS, "psycopg")),
        ("oxen_video_tools.mcp.server", (*AGENTS, *PIXELS, "psycopg")),
        ("oxen_video_tools.langchain", ("mcp", "langgraph", *SERVERS, *PIXELS, "psycopg")),
        ("oxen_video_tools.pytest_plugin", ("httpx", *SERVERS, *PIXELS)),
    ],
)
def test_what_is_not_loaded(module: str, never: tuple[str, ...]) -> None:
    code = f"import sys, {module}; sys.exit(' '.join(m for m in {never!r} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
