"""What the documentation takes from the code as it is built: tools, commands, exit statuses, benchmarks, the house."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the places that pages leave open."""
    if str(ROOT / "scripts") not in sys.path:  # here, for MkDocs restores the path once it has loaded its hooks
        sys.path.insert(0, str(ROOT / "scripts"))
    for make in (tools, commands, exits, benchmarks, house):
        mark = f"<!-- {make.__name__} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown


def tools() -> str:
    """Each tool: its words, its arguments, its hints."""
    from oxen_video_tools.tools import TABLE

    return "\n\n".join(_tool(row) for row in TABLE.values())


def _tool(row: Any) -> str:
    schema = row.schema
    lines = [f"## `{row.name}`", "", row.description, "", "| argument | type | meaning |", "|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        kind = field.get("type", "")
        needed = " **required**" if name in schema.get("required", []) else ""
        lines.append(f"| `{name}` | {kind}{needed} | {_cell(field.get('description', ''))} |")
    hints = ", ".join(name for name in ("read_only", "destructive", "idempotent", "open_world") if getattr(row, name))
    return "\n".join([*lines, "", f"Hints: {hints}."])


def commands() -> str:
    """Each command's help, as typer writes it."""
    import typer

    from oxen_video_tools.cli import load_app

    group: Any = typer.main.get_command(load_app())
    context = typer.Context(group, info_name="oxen-video")
    return "\n\n".join(_command(context, name, group.commands[name]) for name in sorted(group.commands))


def _command(parent: Any, name: str, command: Any) -> str:
    rows = ["| option | meaning |", "|---|---|"]
    for option in command.params:
        names = ", ".join(f"`{one}`" for one in (*option.opts, *option.secondary_opts))
        rows.append(f"| {names} | {_cell(getattr(option, 'help', None) or '')} |")
    return "\n".join([f"### `{parent.info_name} {name}`", "", _cell(command.help or ""), "", *rows])


def exits() -> str:
    """The table of exit statuses."""
    from oxen_video_tools.cli.app import MEANINGS

    return "\n".join(
        ["| status | meaning |", "|---|---|", *(f"| {code} | {text} |" for code, text in MEANINGS.items())]
    )


def benchmarks() -> str:
    """The plots, then the table with the machine; where nothing was measured yet, how to."""
    from plots import charts, rows

    drawn = [f"## {title}\n\n<div>\n{drawing}\n</div>" for _, title, drawing in charts(rows())]
    table = ROOT / "benchmarks" / "RESULTS.md"
    if table.exists():
        drawn.append(table.read_text("utf-8").replace("# Results", "## All figures", 1))
    return "\n\n".join(drawn) or "Nothing was measured here yet: run `make bench`."


def house() -> str:
    """The rooms and what imports what, read from the code."""
    from house import arrows, layers, svg

    return f"<div>\n{svg(layers(), arrows())}\n</div>"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
