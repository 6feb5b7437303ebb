"""sandbox and mcp: the two servers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from ..errors import InvalidRequest, NotInstalled
from ..studio import AsyncStudio
from . import output
from .app import InSandbox, Json, command


@command()
def sandbox(
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8700,
    host: Annotated[str, typer.Option(help="This machine only, unless you say otherwise.")] = "127.0.0.1",
    speed: Annotated[str, typer.Option(help='"instant", "real", or a factor such as 10.')] = "10",
    state: Annotated[Path | None, typer.Option(help="Keep jobs in this SQLite file, and the videos beside it.")] = None,
    key: Annotated[str | None, typer.Option(help="Accept only this key; any if left out.")] = None,
    credits_: Annotated[float | None, typer.Option("--credits", help="US dollars to spend.")] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Misbehave, such as drop_answer@2. Repeat it.")
    ] = None,
    fetch: Annotated[bool, typer.Option(help="Read inputs at other hosts, so that dead links fail.")] = False,
    json: Json = False,
) -> None:
    """Oxen's HTTP API on this machine: no key, no cost; it draws real MP4s."""
    try:
        from ..sandbox import Sandbox
    except ModuleNotFoundError as missing:
        raise NotInstalled(
            f"The sandbox needs {missing.name}.", fix="pip install 'oxen-video-tools[sandbox]'"
        ) from None
    try:
        pace: Any = speed if speed in ("instant", "real") else _factor(speed)
        hub = Sandbox(
            host=host,
            port=port,
            speed=pace,
            state=state,
            api_key=key,
            credits=credits_,
            faults=fault or (),
            fetch_inputs=fetch,
        )
        hub.start()
    except (ValueError, OSError) as wrong:  # a speed or a fault that there is not; a port that is taken
        raise InvalidRequest(f"The sandbox can't start: {wrong}", fix="Correct the options.") from None
    with hub:
        if json:
            output.as_json({"base_url": hub.base_url, "api_key": key or "sandbox"})
        else:
            output.err.print("A sandbox of Oxen's hub. Its address:")
            output.line(hub.base_url)
        output.err.print(
            f"In another terminal: OXEN_BASE_URL={hub.base_url} OXEN_API_KEY={key or 'sandbox'} oxen-video generate …"
        )
        output.err.print("Ctrl-C ends it.")
        while True:
            time.sleep(3600)


def _factor(speed: str) -> float:
    try:
        return float(speed)
    except ValueError:
        raise ValueError(f'--speed is "instant", "real" or a number, not {speed!r}.') from None


@command()
def mcp(
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP instead of stdio.")] = False,
    host: str = "127.0.0.1",
    port: int = 8765,
    config: Annotated[
        str | None,
        typer.Option(help="Print the block for claude-desktop, claude-code, cursor or vscode, and end."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Log as JSON, an object a line; stdout is the protocol's.")
    ] = False,
    sandbox: InSandbox = False,
) -> None:
    """The MCP server, on stdio or HTTP."""
    try:
        from ..mcp.__main__ import main
    except ModuleNotFoundError as missing:
        raise NotInstalled(f"The MCP server needs {missing.name}.", fix="pip install 'oxen-video-tools[mcp]'") from None
    arguments = ["--log", "json"] if json else []
    arguments += ["--config", config] if config else []
    arguments += (["--http", "--host", host, "--port", str(port)] if http else []) + (["--sandbox"] if sandbox else [])
    main(arguments)


# spend, pause, resume, recover: what was paid, and the brakes.


@command()
async def spend(json: Json = False, sandbox: InSandbox = False) -> None:
    """What was spent, by day and model, and what is left of the budget."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        spent = await studio.spend()
    if json:
        output.as_json(output.plain(spent))
        return
    table = Table("day", "model", "videos", "spent")
    for day in spent.days:
        table.add_row(day.day, escape(day.model or "?"), str(day.jobs), output.dollars(day.cost_usd))
    output.out.print(table)
    output.say(f"in all {output.dollars(spent.total_usd)}; in the last 24 hours {output.dollars(spent.last_24h_usd)}")
    if spent.budget_usd is not None:
        output.say(f"budget {output.dollars(spent.budget_usd)} in 24 hours")
    if spent.unclear:
        output.say(f"[yellow]{spent.unclear} unclear[/]: oxen-video recover")
    if spent.paused:
        output.say("[yellow]Spending is paused[/]: oxen-video resume")


@command()
async def pause(json: Json = False, sandbox: InSandbox = False) -> None:
    """Stop all spending, in every process that shares the ledger."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        await studio.pause()
    if json:
        output.as_json({"paused": True})
    else:
        output.say("Paused: no video is paid for until `oxen-video resume`. What runs goes on.")


@command()
async def resume(json: Json = False, sandbox: InSandbox = False) -> None:
    """Allow spending again."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        await studio.resume()
    if json:
        output.as_json({"paused": False})
    else:
        output.say("Spending is allowed again.")


@command()
async def recover(
    adopt: Annotated[str | None, typer.Option(help="This generation is the unclear job's.")] = None,
    send_again: Annotated[str | None, typer.Option(help="This job never arrived: pay for it again.")] = None,
    write_off: Annotated[str | None, typer.Option(help="Count this job as lost; its take is free again.")] = None,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """Walk all that is unfinished; settle what is unclear."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        found = await studio.recover(adopt=adopt, send_again=send_again, write_off=write_off)
    if json:
        output.as_json(list(found))
        return
    for one in found:
        output.say(escape(f"{one.job}  {one.outcome}  {' '.join(one.generation_ids)}  {one.text}"))
    if not found:
        output.say("Nothing is unfinished.")


# cast: people, animals, products and places that any later request finds by name.


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
