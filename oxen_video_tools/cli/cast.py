"""cast: people, animals, products and places that any later request finds by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from ..errors import InvalidRequest
from ..studio import AsyncStudio
from . import output
from .app import InSandbox, Json, command


@command()
async def cast(
    action: Annotated[str, typer.Argument(help="add, list, show or remove.")] = "list",
    name: Annotated[str | None, typer.Argument(help="The name that stands for it in prompts.")] = None,
    look: Annotated[str | None, typer.Option(help="What it looks like, in words.")] = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", help="A path, an https URL or an id. Repeat it.")
    ] = None,
    real_face: Annotated[
        bool | None, typer.Option("--real-face/--no-real-face", help="Whether the pictures show a real person.")
    ] = None,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """Keep a cast: add Mira once, and name her in any later prompt with --cast Mira."""
    wanted = _wanted(action, name)
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        if wanted == "remove":
            await studio.remove_cast(name or "")
            if json:
                output.as_json({"removed": name})
            else:
                output.err.print(f"{escape(name or '')} is kept no longer.")
            return
        if wanted == "add":
            found = [await studio.add_cast(name=name, look=look, images=image or [], real_face=real_face)]
        else:
            found = list(await studio.list_cast(name if wanted == "show" else None))
    if json:
        told = [_told(one) for one in found]
        output.as_json(told if wanted == "list" else told[0])
    else:
        _print(found)


def _wanted(action: str, name: str | None) -> Literal["add", "list", "show", "remove"]:
    if action not in ("add", "list", "show", "remove"):
        raise InvalidRequest(f"cast knows no {action!r}.", fix="Use add, list, show or remove.")
    if action != "list" and not (name or "").strip():
        raise InvalidRequest(f"cast {action} needs a name.", fix=f"oxen-video cast {action} NAME")
    return action  # type: ignore[return-value]  # it is one of the four


def _told(one: Any) -> dict[str, Any]:
    told = {"name": one.name, "look": one.look, "images": list(one.images), "real_face": one.real_face}
    return {key: value for key, value in told.items() if value not in (None, [])}


def _print(found: list[Any]) -> None:
    if not found:
        output.err.print("Nobody is kept yet: oxen-video cast add NAME --look … --image …")
    elif not output.out.is_terminal:
        for one in found:
            output.line("\t".join([one.name, one.look or "", *one.images]))
    else:
        table = Table("name", "look", "pictures")
        for one in found:
            table.add_row(escape(one.name), escape(one.look or ""), str(len(one.images)))
        output.out.print(table)
