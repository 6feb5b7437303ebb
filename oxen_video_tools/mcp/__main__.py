"""`oxen-video-mcp`, `python -m oxen_video_tools.mcp`, `python mcp_server.py`: the server, over stdio or HTTP."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import conflict

if TYPE_CHECKING:
    from argparse import Namespace

EXTRA = "The MCP server needs its extra: pip install 'oxen-video-tools[mcp]'"


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until the client leaves, or until told to stop."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    asked = _parsed(arguments) if arguments else None
    gc.disable()  # nothing that is loaded now ever becomes garbage; collecting would take a tenth of the start
    try:
        run = _made(asked)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("mcp", "mcp_types", "starlette", "uvicorn"):
            sys.exit(str(error))
        why = conflict()
        sys.exit(f"{why} Install oxen-video-tools[mcp] in an environment of its own." if why else EXTRA)
    finally:
        gc.enable()
    gc.freeze()
    run()


def _made(asked: Namespace | None) -> Callable[[], None]:
    """What was asked for, ready to run. Everything is loaded here."""
    from ..errors import OxenError
    from ..settings import Settings
    from .settings import ServerSettings
    from .telemetry import log_to_stderr

    try:
        if asked and asked.config:
            from .client_config import print_block

            if asked.http:
                from .client_config import print_http_block

                return partial(print_http_block, asked.config, asked.host, asked.port, ServerSettings.read().token)
            return partial(print_block, asked.config, sandbox=asked.sandbox)
        settings = Settings.read(sandbox=True if asked and asked.sandbox else None)
        options = ServerSettings.read(log=asked.log if asked else None)
    except OxenError as error:
        sys.exit(f"{error.message} {error.fix or ''}".rstrip())
    log_to_stderr(options, "INFO" if asked and asked.http else "WARNING")
    if asked and asked.http:
        from .http import serve

        return partial(serve, settings, options, host=asked.host, port=asked.port)
    from .server import build_server, run_stdio

    return partial(run_stdio, build_server(settings=settings, options=options))


def _parsed(arguments: Sequence[str]) -> Namespace:
    from argparse import ArgumentParser

    from .client_config import CLIENTS

    parser = ArgumentParser(
        prog="oxen-video-mcp",
        description="Video generation with Oxen.ai as an MCP server. Without options it speaks over stdio.",
        epilog="The key is read from OXEN_API_KEY; OXEN_VIDEO_SANDBOX=1 needs none. Over HTTP each caller "
        "brings one, or on this machine the server's token, which --http --config CLIENT prints.",
    )
    parser.add_argument("--http", action="store_true", help="serve streamable HTTP at /mcp instead of stdio")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind, with --http (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port, with --http; 0 takes a free one (%(default)s)")
    parser.add_argument("--sandbox", action="store_true", help="a hub on this machine: no key, no cost, drawn frames")
    parser.add_argument("--log", choices=("text", "json"), help="form of the log on stderr (default: text)")
    parser.add_argument("--config", choices=CLIENTS, help="print the block that adds this server to a client, and end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    if sys.path[:1] == [str(Path.cwd())]:  # of `python -m`: a project's own numpy.py or copy.py is none of ours
        del sys.path[0]
    main()
