"""doctor: which key, hub, model, folders and versions are in use, what is missing, and the block for an MCP client."""

from __future__ import annotations

import importlib.util
import json
import json as json_
import os
import platform
import re
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import anyio
import typer
from rich.markup import escape

from ..errors import NeedsApproval, NotFound, OxenError, Unusable
from ..hub import HubClient
from ..mcp import conflict
from ..redaction import HIDDEN, redact, unsigned
from ..settings import Settings
from ..studio import AsyncStudio
from . import output
from .app import InSandbox, Json, command

if TYPE_CHECKING:
    from ..studio.plan import Plan


# doctor --live: what nobody could tell from Oxen's pages, asked of the hub itself with reads that cost nothing.
#
# Each question has the answer that this package counts on. One that does not hold loses nothing, for the package
# survives either; but a person with a key can settle it, and `--save` keeps the answers as fixtures, without
# secrets.

Fixtures = dict[str, Any]
EVENTS_WITHIN = 25.0  # seconds: Oxen docs promise a keep-alive every 15
_NAMES = re.compile(r"key|token|secret|email|password|authorization|signature", re.I)


@dataclass(frozen=True)
class Finding:
    """One question and what came of it. held: None where there was nothing to look at."""

    question: str
    held: bool | None
    found: str


@dataclass
class Look:
    """One look at a hub, and what it answered."""

    hub: HubClient
    findings: list[Finding] = field(default_factory=list)
    fixtures: Fixtures = field(default_factory=dict)

    async def ask(self, question: str, answer: Callable[[], Awaitable[tuple[bool | None, str]]]) -> None:
        """Note the answer; an error is one, too."""
        try:
            held, found = await answer()
        except OxenError as error:
            held, found = False, f"{error.kind}: {error.message}"
        self.findings.append(Finding(question, held, redact(found)[:300]))


async def reads(look: Look) -> None:
    """Everything that can be learnt for free."""
    await look.ask("The model list needs no key", lambda: _keyless(look))
    await look.ask("The key's account has a name", lambda: _account(look))
    await look.ask("An unknown id is a 404", lambda: _unknown(look))
    await look.ask("The queue lists finished jobs by status", lambda: _finished(look))
    await look.ask("The history tells each job's cost, as a decimal", lambda: _history(look))
    await look.ask("A link is fresh at each read of its job", lambda: _fresh(look))
    await look.ask("A link works without the key", lambda: _keyless_link(look))
    await look.ask("The event stream opens", lambda: _events(look))


async def _keyless(look: Look) -> tuple[bool | None, str]:
    async with HubClient(base_url=look.hub.base_url) as nobody:
        models = await nobody.models()
    look.fixtures["model"] = models[0].raw if models else None
    return bool(models), f"{len(models)} video models"


async def _account(look: Look) -> tuple[bool | None, str]:
    return bool(await look.hub.me()), "it has"


async def _unknown(look: Look) -> tuple[bool | None, str]:
    try:
        await look.hub.get(str(uuid4()))
    except NotFound as missing:
        return missing.status_code == 404, f"status {missing.status_code}: {missing.message}"
    return False, "the hub answered a job"


async def _finished(look: Look) -> tuple[bool | None, str]:
    jobs = await look.hub.list(status="succeeded")
    if not jobs:
        return None, "this account has no finished job"
    look.fixtures["generation"] = jobs[0].raw
    return all(
        job.status == "succeeded" for job in jobs
    ), f"{len(jobs)} jobs, each echoing {sorted(jobs[0].parameters)}"


async def _history(look: Look) -> tuple[bool | None, str]:
    page = await look.hub.history(page=1, page_size=5)
    if not page.generations:
        return None, "the history is empty"
    look.fixtures["history"] = page.generations[0].raw
    raw = page.generations[0].raw.get("cost")
    paging = f"more: {page.has_more}, in all: {page.count}"
    return isinstance(raw, str) and page.generations[0].cost is not None, f"cost is a {type(raw).__name__}; {paging}"


async def _link(look: Look) -> tuple[str, str] | None:
    for job in await look.hub.list(status="succeeded"):
        if job.url:
            return job.generation_id, job.url
    return None


async def _fresh(look: Look) -> tuple[bool | None, str]:
    found = await _link(look)
    if found is None:
        return None, "this account has no finished job with a link"
    first, second = (await look.hub.get(found[0])).url or "", (await look.hub.get(found[0])).url or ""
    query = parse_qs(urlsplit(second).query)
    expires = next((name for name in query if "expire" in name.lower()), None)
    told = f"signed by {sorted(query)}" + (f", {expires}={query[expires][0]}" if expires else "")
    return first != second or None, f"{'another' if first != second else 'the same'} link; {told}"


async def _keyless_link(look: Look) -> tuple[bool | None, str]:
    import httpx

    found = await _link(look)
    if found is None:
        return None, "this account has no finished job with a link"
    url = await look.hub.fetchable(found[1])
    async with httpx.AsyncClient(timeout=20) as http:
        asked = {"Range": "bytes=0-15", "Accept-Encoding": "identity"}
        async with http.stream("GET", url, headers=asked) as answer:  # its body is not read: the status says enough
            pass
    hops = f", redirects to {unsigned(answer.headers['location'])}" if answer.is_redirect else ""
    return answer.status_code in (
        200,
        206,
        302,
        307,
    ), f"status {answer.status_code} from {urlsplit(url).hostname}{hops}"


async def _events(look: Look) -> tuple[bool | None, str]:
    opened = anyio.Event()
    with anyio.move_on_after(EVENTS_WITHIN):
        async with anyio.create_task_group() as group:
            group.start_soon(_listen, look.hub, opened)
            await opened.wait()
            group.cancel_scope.cancel()
    return opened.is_set(), "it opened" if opened.is_set() else f"not within {EVENTS_WITHIN:.0f} s"


async def _listen(hub: HubClient, opened: anyio.Event) -> None:
    async for _ in hub.events(on_open=opened.set):
        pass


async def cheapest(studio: AsyncStudio) -> Plan:
    """The cheapest video that words alone can ask for. Raises NotFound where no price is known."""
    plans = [await studio.plan(prompt="A calm sea at dawn", model=known.id) for known in await studio.find_models()]
    priced = [plan for plan in plans if not plan.problems and plan.price.is_known and len(plan.jobs) == 1]
    if not priced:
        raise NotFound("No model with a known price makes a video of words alone.")
    return min(priced, key=lambda plan: plan.price.usd or 0)


async def after_paying(look: Look, generation_id: str, body: Mapping[str, Any], estimate: Any) -> None:
    """What one paid job can tell: the echo of its parameters, and its real cost beside our estimate."""

    async def echo() -> tuple[bool | None, str]:
        job = await look.hub.get(generation_id)
        look.fixtures["paid generation"] = job.raw
        missing = sorted(set(body) - set(job.parameters) - {"model", "response_format", "target_namespace"})
        return not missing, "all of it" if not missing else f"not {missing}"

    async def cost() -> tuple[bool | None, str]:
        page = await look.hub.history(page=1, page_size=20)
        real = next((one.cost for one in page.generations if one.generation_id == generation_id), None)
        return None if real is None else real == estimate, f"estimate {estimate}, real {real}"

    await look.ask("The job echoes every parameter that was sent", echo)
    await look.ask("The history's cost is our estimate", cost)


def save(folder: Path, look: Look) -> None:
    """The answers as JSON files, without keys, addresses of people or signed queries."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in look.fixtures.items():
        text = json.dumps(clean(value), indent=2, ensure_ascii=False)
        (folder / f"{name.replace(' ', '_')}.json").write_text(text + "\n", "utf-8")
    told = [{"question": one.question, "held": one.held, "found": one.found} for one in look.findings]
    (folder / "findings.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")


def clean(value: Any) -> Any:
    """JSON without secrets."""
    if isinstance(value, Mapping):
        return {name: HIDDEN if _NAMES.search(str(name)) else clean(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(one) for one in value]
    return redact(value) if isinstance(value, str) else value


EXTRAS = {
    "langchain": ("langchain_core",),
    "mcp": ("mcp",),
    "media": ("av", "PIL", "numpy"),
    "cli": ("typer", "rich"),
    "sandbox": ("starlette", "uvicorn", "sse_starlette", "jsonschema_rs"),
    "postgres": ("psycopg",),
}
VERSIONS = (
    *("oxen-video-tools", "httpx", "pydantic", "anyio", "langchain-core", "mcp", "langchain-mcp-adapters"),
    *("av", "pillow", "psycopg"),
)


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
        "conflicts": [why] if (why := conflict()) else [],
        "key": _key(settings),
        "hub": "sandbox" if settings.sandbox else settings.base_url,
        "default model": settings.model or "chosen by need",
        "videos go to": _folder(settings),
        "limits": _limits(settings),
        "models": await _models(settings),
    }
    block = mcp_block(settings)
    if json:
        output.as_json(found | {"mcp client": block})
        return 0
    for name, value in found.items():
        output.say(f"[bold]{name}[/]  {escape(_text(value))}")
    output.say("\n[bold]For an MCP client's configuration[/] (Claude Desktop, Claude Code, Cursor, …):")
    output.line(json_.dumps(block, indent=2))
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


def _folder(settings: Settings) -> str:
    try:
        folder = settings.videos_folder
    except Unusable as error:
        return f"nowhere: {error.message} {error.fix or ''}"
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    return f"{folder}" + ("" if os.access(nearest, os.W_OK) else "  (not writable)")


def _limits(settings: Settings) -> dict[str, str]:
    limits = {"per call": settings.max_cost, "in 24 hours": settings.budget, "ask above": settings.approve_above}
    return {name: output.dollars(amount) for name, amount in limits.items() if amount is not None}


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
            look = Look(hub)
            if spend is not None:  # first, so that there is something to read
                await _pay_for_one(studio, look, spend, yes=yes)
            await reads(look)
    if folder is not None:
        save(folder, look)
    if json:
        output.as_json(look.findings)
    else:
        marks = {True: "[green]held[/]", False: "[red]did not hold[/]", None: "[yellow]not to be seen[/]"}
        for one in look.findings:
            output.say(f"{marks[one.held]}  {escape(one.question)}: {escape(one.found)}")
    return 1 if any(one.held is False for one in look.findings) else 0


async def _pay_for_one(studio: AsyncStudio, look: Look, ceiling: float, *, yes: bool) -> None:
    """One cheapest job, asked for first."""
    plan = await cheapest(studio)
    cost = output.dollars(plan.price.usd)
    if not (yes or (sys.stdin.isatty() and typer.confirm(f"Make one video with {plan.model} for {cost}?", err=True))):
        raise NeedsApproval(f"One video with {plan.model} costs {cost}.", fix="Add --yes.")
    with output.bars() as report:
        video = await studio.generate(
            plan.request,
            take=None,
            max_cost_usd=Decimal(str(ceiling)),
            wait_seconds=1200,
            approved_usd=Decimal(str(ceiling)),
            on_progress=report,
        )
    await after_paying(look, video.generation_id, plan.jobs[0].body, plan.price.usd)
