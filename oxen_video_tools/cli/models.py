"""models: what can be asked for, and what it costs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from ..studio import AsyncStudio
from . import show
from .app import InSandbox, Json, command


@command()
async def models(
    query: Annotated[str | None, typer.Argument(help='Words such as "kling" or "cheap".')] = None,
    need: Annotated[
        list[str] | None, typer.Option("--need", help="start_image, audio, multi_shot, 10 s, … Repeat it.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="One exact id, for all its parameters.")] = None,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """Models by words and needs, best first."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        found = await studio.find_models(query, need or (), id)
    if json:
        show.as_json(found[0].detail if id else [{"id": model.id, "line": model.line} for model in found])
    elif id:
        show.as_json(found[0].detail)
    elif not found:
        show.err.print("No model fits. Ask with fewer words or needs: oxen-video models")
    elif not show.out.is_terminal:
        for model in found:
            show.line(f"{model.id}\t{_rest(model.line)}")
    else:
        table = Table(Column("id", overflow="fold"), "limits and price")
        for model in found:
            table.add_row(model.id, escape(_rest(model.line)))
        show.out.print(table)


def _rest(line: str) -> str:
    """The line without the id that it begins with."""
    return line.partition(": ")[2]
