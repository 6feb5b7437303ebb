"""sandbox and mcp: the two servers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InvalidRequest, NotInstalled
from . import show
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
            show.as_json({"base_url": hub.base_url, "api_key": key or "sandbox"})
        else:
            show.err.print("A sandbox of Oxen's hub. Its address:")
            show.line(hub.base_url)
        show.err.print(
            f"In another terminal: OXEN_BASE_URL={hub.base_url} OXEN_API_KEY={key or 'sandbox'} oxen-video generate …"
        )
        show.err.print("Ctrl-C ends it.")
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
