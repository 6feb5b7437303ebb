"""spend, pause, resume, recover: what was paid, and the brakes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ..studio import AsyncStudio
from . import show
from .app import InSandbox, Json, command


@command()
async def spend(json: Json = False, sandbox: InSandbox = False) -> None:
    """What was spent, by day and model, and what is left of the budget."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        spent = await studio.spend()
    if json:
        show.as_json(show.plain(spent))
        return
    table = Table("day", "model", "videos", "spent")
    for day in spent.days:
        table.add_row(day.day, escape(day.model or "?"), str(day.jobs), show.dollars(day.cost))
    show.out.print(table)
    show.say(f"in all {show.dollars(spent.total)}; in the last 24 hours {show.dollars(spent.last_24h)}")
    if spent.budget is not None:
        show.say(f"budget {show.dollars(spent.budget)} in 24 hours")
    if spent.unclear:
        show.say(f"[yellow]{spent.unclear} unclear[/]: oxen-video recover")
    if spent.paused:
        show.say("[yellow]Spending is paused[/]: oxen-video resume")


@command()
async def pause(json: Json = False, sandbox: InSandbox = False) -> None:
    """Stop all spending, in every process that shares the ledger."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        await studio.pause()
    if json:
        show.as_json({"paused": True})
    else:
        show.say("Paused: no video is paid for until `oxen-video resume`. What runs goes on.")


@command()
async def resume(json: Json = False, sandbox: InSandbox = False) -> None:
    """Allow spending again."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        await studio.resume()
    if json:
        show.as_json({"paused": False})
    else:
        show.say("Spending is allowed again.")


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
        show.as_json(list(found))
        return
    for one in found:
        show.say(escape(f"{one.job}  {one.outcome}  {' '.join(one.generation_ids)}  {one.text}"))
    if not found:
        show.say("Nothing is unfinished.")
