"""The packages and their imports, drawn as they are: `python scripts/house.py` prints it, the documentation shows it.

The layers are those of the contract in pyproject.toml, which `make arrows` holds; the arrows are read from the code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "oxen_video_tools"
BESIDE = "sandbox"  # judges the client, so it shares no code with it
WIDTH, BOX, HIGH, GAP = 760, 116, 34, 74  # pixels
Arrows = Mapping[str, Sequence[str]]


def layers(text: str | None = None) -> list[list[str]]:
    """From the roof to the ground, as the contract says."""
    declared = (ROOT / "pyproject.toml").read_text("utf-8") if text is None else text
    listed = re.search(r'type = "layers".*?layers = \[(.*?)\n\]', declared, re.S)
    assert listed, "pyproject.toml has a contract of layers"
    return [re.findall(r"[\w.]+", line) for line in re.findall(r'"([^"]+)"', listed[1])]


def arrows() -> dict[str, list[str]]:
    """Which room imports which others, be it for types alone."""
    import grimp

    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=False)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            one, two = room(module), room(other)
            if one and two and one != two:
                found.setdefault(one, set()).add(two)
    return {name: sorted(others) for name, others in sorted(found.items())}


def room(module: str) -> str:
    """`studio` for `oxen_video_tools.studio.plan`; nothing for the package itself."""
    return f"{module}.".split(".")[1]


def needed(drawn: Arrows) -> list[tuple[str, str]]:
    """The arrows that say something: not those to where another arrow leads anyway."""
    return [
        (one, two)
        for one, others in drawn.items()
        for two in others
        if not any(two in _reach(drawn, via) for via in others if via != two)
    ]


def _reach(drawn: Arrows, start: str) -> set[str]:
    seen: set[str] = set()
    ways = list(drawn.get(start, ()))
    while ways:
        one = ways.pop()
        if one not in seen:
            seen.add(one)
            ways += drawn.get(one, ())
    return seen


def svg(floors: Sequence[Sequence[str]], drawn: Arrows) -> str:
    """The picture, without empty lines, so that it may stand in Markdown."""
    places = {
        name: (round(WIDTH * 0.42 + (number - (len(floor) - 1) / 2) * (BOX + 26)), GAP * level + 10)
        for level, floor in enumerate(floors)
        for number, name in enumerate(floor)
    }
    places[BESIDE] = (WIDTH - BOX // 2 - 8, GAP + 10)
    boxed = set().union(*floors) | {BESIDE}
    lines = [_line(places[one], places[two]) for one, two in needed(drawn) if {one, two} <= boxed]
    boxes = [_box(name, x, y) for name, (x, y) in places.items()]
    height = GAP * (len(floors) - 1) + HIGH + 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" style="max-width:100%;height:auto" role="img" '
        'aria-label="The rooms and what imports what" font-family="system-ui, sans-serif" font-size="14">'
    )
    tip = '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
    tip += '<path d="M0,0 L8,4 L0,8 z" fill="currentColor"/></marker></defs>'
    return "\n".join([head, tip, *lines, *boxes, "</svg>"])


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = start, end
    ends = f'x1="{x1}" y1="{y1 + HIGH}" x2="{x2}" y2="{y2 - 2}"'
    if y1 == y2:  # along the ground
        side = BOX // 2 if x2 > x1 else -BOX // 2
        ends = f'x1="{x1 + side}" y1="{y1 + HIGH // 2}" x2="{x2 - side}" y2="{y2 + HIGH // 2}"'
    return f'<line {ends} stroke="currentColor" stroke-opacity="0.55" marker-end="url(#tip)"/>'


def _box(name: str, x: int, y: int) -> str:
    dashes = ' stroke-dasharray="5 4"' if name == BESIDE else ""
    place = f'x="{x - BOX // 2}" y="{y}" width="{BOX}" height="{HIGH}" rx="6"'
    return (
        f'<rect {place} fill="var(--md-default-bg-color, #fff)"/><rect {place} fill="#0b7285" fill-opacity="0.16" '
        f'stroke="#0b7285"{dashes}/><text x="{x}" y="{y + 22}" text-anchor="middle" fill="currentColor">'
        f"{escape(name)}</text>"
    )


if __name__ == "__main__":
    for name, others in arrows().items():
        print(f"{name:>14} → {', '.join(others)}")
