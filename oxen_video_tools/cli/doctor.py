"""doctor: which key, hub, model, folders and versions are in use, what is missing, and the block for an MCP client."""

from __future__ import annotations

import importlib.util
import json as json_
import os
import platform
import shutil
import sys
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ..errors import NeedsApproval, OxenError
from ..hub import HubClient
from ..settings import Settings
from ..studio import AsyncStudio
from . import live, show
from .app import InSandbox, Json, command

EXTRAS = {
    "langchain": ("langchain_core",),
    "mcp": ("mcp",),
    "media": ("av", "PIL", "numpy"),
    "cli": ("typer", "rich"),
    "sandbox": ("starlette", "uvicorn", "sse_starlette", "jsonschema"),
    "postgres": ("psycopg",),
}
VERSIONS = ("oxen-video-tools", "httpx", "pydantic", "anyio", "langchain-core", "mcp", "av", "pillow", "psycopg")


@command()
async def doctor(
    hub: Annotated[bool, typer.Option("--live", help="Ask the hub what its pages leave open: free reads.")] = False,
    spend: Annotated[
        float | None, typer.Option(help="With --live: also make one cheapest video, for at most this many US dollars.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="With --live: keep the answers here, without secrets.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend without asking.")] = False,
    json: Json = False,
    sandbox: InSandbox = False,
) -> int:
    """What is in use, what is missing, and the block to paste into an MCP client's configuration."""
    settings = Settings.read(sandbox=sandbox or None)
    if hub or spend is not None:
        return await _live(settings, spend, save, yes=yes, json=json)
    found = {
        "python": platform.python_version(),
        "platform": platform.system(),
        "versions": {name: _version(name) for name in VERSIONS},
        "extras missing": [name for name, modules in EXTRAS.items() if not _all_there(modules)],
        "key": _key(settings),
        "hub": "sandbox" if settings.sandbox else settings.base_url,
        "default model": settings.model or "chosen by need",
        "videos go to": _folder(settings.videos_folder),
        "limits": _limits(settings),
        "models": await _models(settings),
    }
    block = mcp_block(settings)
    if json:
        show.as_json(found | {"mcp client": block})
        return 0
    for name, value in found.items():
        show.say(f"[bold]{name}[/]  {escape(_text(value))}")
    show.say("\n[bold]For an MCP client's configuration[/] (Claude Desktop, Claude Code, Cursor, …):")
    show.line(json_.dumps(block, indent=2))
    return 4 if settings.api_key is None and not settings.sandbox else 0


def mcp_block(settings: Settings) -> dict[str, Any]:
    """`mcpServers`, with absolute paths: clients start servers with another PATH and folder. The key is never in it."""
    beside = Path(sys.executable).with_name("oxen-video-mcp.exe" if os.name == "nt" else "oxen-video-mcp")
    script = str(beside) if beside.exists() else shutil.which("oxen-video-mcp")
    command_ = [script] if script else [sys.executable, "-m", "oxen_video_tools.mcp"]
    environment = {"OXEN_VIDEO_SANDBOX": "1"} if settings.sandbox else {"OXEN_API_KEY": "YOUR_OXEN_API_KEY"}
    return {"mcpServers": {"oxen-video": {"command": command_[0], "args": command_[1:], "env": environment}}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _all_there(modules: tuple[str, ...]) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


def _key(settings: Settings) -> str:
    if settings.sandbox:
        return "none needed in the sandbox"
    if settings.api_key is None:
        return "missing: set OXEN_API_KEY, or add --sandbox"
    return "OXEN_API_KEY is set" if os.environ.get("OXEN_API_KEY") else "from the oxen command line's file"


def _folder(folder: Path) -> str:
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    return f"{folder}" + ("" if os.access(nearest, os.W_OK) else "  (not writable)")


def _limits(settings: Settings) -> dict[str, str]:
    limits = {"per call": settings.max_cost, "in 24 hours": settings.budget, "ask above": settings.approve_above}
    return {name: show.dollars(amount) for name, amount in limits.items() if amount is not None}


async def _models(settings: Settings) -> str:
    """How many the hub offers now; reading the list costs nothing."""
    try:
        async with AsyncStudio.open(settings) as studio:
            found = await studio.find_models()
            live = any(known.live for known in found)
            return f"{len(found)} video models" + ("" if live else ", from this package: the hub's list can't be read")
    except OxenError as error:
        return f"not read: {error.message}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one or 'missing'}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value)


async def _live(settings: Settings, spend: float | None, folder: Path | None, *, yes: bool, json: bool) -> int:
    """Ask the hub, show what held; 1 if something did not."""
    async with AsyncStudio.open(settings) as studio:
        await studio.find_models()  # opens the hub, or the sandbox, whose address is known only then
        studio.settings.key()
        async with HubClient.of(studio.settings) as hub:
            look = live.Look(hub)
            if spend is not None:  # first, so that there is something to read
                await _pay_for_one(studio, look, spend, yes=yes)
            await live.reads(look)
    if folder is not None:
        live.save(folder, look)
    if json:
        show.as_json(look.findings)
    else:
        marks = {True: "[green]held[/]", False: "[red]did not hold[/]", None: "[yellow]not to be seen[/]"}
        for one in look.findings:
            show.say(f"{marks[one.held]}  {escape(one.question)}: {escape(one.found)}")
    return 1 if any(one.held is False for one in look.findings) else 0


async def _pay_for_one(studio: AsyncStudio, look: live.Look, ceiling: float, *, yes: bool) -> None:
    """One cheapest job, asked for first."""
    plan = await live.cheapest(studio)
    cost = show.dollars(plan.price.usd)
    if not (yes or (sys.stdin.isatty() and typer.confirm(f"Make one video with {plan.model} for {cost}?", err=True))):
        raise NeedsApproval(f"One video with {plan.model} costs {cost}.", fix="Add --yes.")
    with show.bars() as report:
        video = await studio.generate(
            plan.request, max_cost_usd=Decimal(str(ceiling)), wait_seconds=1200, approved=True, on_progress=report
        )
    await live.after_paying(look, video.generation_id, plan.jobs[0].body, plan.price.usd)
