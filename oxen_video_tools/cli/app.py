"""The commands, and what they share: options, words instead of traces, exit statuses."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, cast

import typer
from rich.markup import escape

from ..errors import Internal, InvalidRequest, OxenError, foreseen
from . import show
from .exits import INTERRUPTED, MEANINGS, WRONG, status_of
from .speech import for_people

EPILOG = "\n\n".join(["Exit status:", *(f"{status:>3}  {meaning}" for status, meaning in MEANINGS.items())])

app = typer.Typer(
    name="oxen-video",
    help="Videos with Oxen.ai: paid once, never lost, checked before paying. No key? Add --sandbox.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

UsageError = cast("type[Exception]", typer.BadParameter.__base__)  # of whichever click typer has inside

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for programs.")]
InSandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox", envvar="OXEN_VIDEO_SANDBOX", help="A hub on this machine: no key, no cost, drawn frames."
    ),
]


def command(name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function, plain or async, as a command; it returns its exit status, if that is not 0.

    What goes wrong is said in words.
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> None:
            status = 0
            try:
                with foreseen():
                    result = function(*args, **kwargs)
                    status = (asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result) or 0
            except OxenError as error:
                complain(error, as_json=bool(kwargs.get("json")))
                raise typer.Exit(status_of(error)) from None
            except KeyboardInterrupt:
                show.err.print("Interrupted. A job that was sent goes on: oxen-video list")
                raise typer.Exit(INTERRUPTED) from None
            if status:
                raise typer.Exit(status)

        app.command(name or function.__name__.rstrip("_"), **options)(run)
        return function

    return enter


async def _awaited(result: Awaitable[int | None]) -> int | None:
    return await result


def run(arguments: Sequence[str]) -> int:
    """One command, to its exit status. With `--json` a command line that is wrong is told as JSON, too."""
    if "--json" not in arguments:
        app(list(arguments))  # exits by itself
    try:
        return int(app(list(arguments), standalone_mode=False) or 0)
    except UsageError as wrong:
        told: Any = wrong
        where = told.ctx.command_path if told.ctx else "oxen-video"
        show.as_json(InvalidRequest(told.format_message(), fix=f"See {where} --help.").answer())
        return WRONG


def complain(error: OxenError, *, as_json: bool = False) -> None:
    """What was wrong, whether money was spent, what to do next."""
    if as_json:
        answer = error.answer()
        show.as_json(
            {name: for_people(said) if name in ("message", "fix") and said else said for name, said in answer.items()}
        )
        return
    problems = getattr(error, "problems", ())
    said = f"{len(problems)} problems" if len(problems) > 1 else escape(for_people(error.message))
    show.err.print(f"[red]{error.kind.replace('_', ' ')}[/]: {said}")
    for problem in problems if len(problems) > 1 else ():
        show.err.print(f"  - {escape(for_people(problem))}")
    if fix := for_people(error.fix or ""):
        show.err.print(f"[bold]next[/]: {escape(fix)}")
    show.err.print(
        {"no": "Nothing was spent.", "yes": "It was paid for.", "unknown": "It may have been paid for."}[error.charged]
    )
    if isinstance(error, Internal) and os.environ.get("OXEN_VIDEO_DEBUG") and error.__cause__:
        raise error.__cause__


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        show.line(f"oxen-video {__version__}")
        raise typer.Exit


@app.callback()
def _shared(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which, and exit.")
    ] = False,
) -> None:
    if not os.environ.get("OXEN_VIDEO_DEBUG"):  # a person gets words; OXEN_VIDEO_DEBUG=1 shows what is behind them
        logging.getLogger("oxen_video_tools").addHandler(logging.NullHandler())
        logging.getLogger("oxen_video_tools").propagate = False
