"""The commands, and what they share: options, words instead of traces, exit statuses."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info

from ..errors import (
    GenerationFailed,
    HubUnavailable,
    InputUnreadable,
    InsufficientCredits,
    Internal,
    InvalidRequest,
    ModelNotFound,
    Moderated,
    NotFound,
    OxenError,
    RateLimited,
    SpendingRefused,
    SubmissionUnclear,
    TimedOut,
    Unauthenticated,
    only_oxen_errors,
)
from . import output
from .output import in_command_words

# What a command's exit status says, for scripts. `oxen-video --help` and the README show the same table.

MEANINGS = {
    0: "done",
    1: "the generation failed or was refused",
    2: "the request or the command is wrong; nothing was sent",
    3: "not spent: over a limit, not approved, paused, or no credits",
    4: "no key, or the hub refused it",
    5: "the hub did not answer, or asked to wait",
    6: "unclear whether the hub took the job: run `oxen-video recover`",
    7: "no such video or model, or a file that can't be read or written",
    8: "still running when the wait ran out; the id is printed",
    70: "a fault of this program",
    130: "interrupted with Ctrl-C; a job that was sent goes on",
}

WRONG = 2
STILL_RUNNING = 8
INTERRUPTED = 130

_STATUS: list[tuple[type[OxenError], int]] = [
    (SubmissionUnclear, 6),
    (GenerationFailed, 1),
    (Moderated, 1),
    (SpendingRefused, 3),
    (InsufficientCredits, 3),
    (Unauthenticated, 4),
    (HubUnavailable, 5),
    (RateLimited, 5),
    (TimedOut, 5),
    (NotFound, 7),
    (ModelNotFound, 7),
    (InputUnreadable, 7),
    (Internal, 70),
    (InvalidRequest, 2),
]


def status_of(error: OxenError) -> int:
    """The exit status for an error: the first row of the table that fits, else 2."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 2)


#: Each command: the module that defines it, and its line in `--help`. A module is imported when its command is called,
#: so that help and completion do not wait for the studio, the decoder or the servers.
COMMANDS = {
    "plan": ("videos", "What would be sent, in how many jobs, for how much, and what is wrong with it."),
    "preview": ("videos", "Draw a free animatic on this machine: shots, lengths, camera moves."),
    "stills": ("videos", "The first picture of each shot, numbered on one sheet: cents, before motion costs dollars."),
    "cast": ("admin", "Keep a cast: add Mira once, and name her in any later prompt with --cast Mira."),
    "generate": ("videos", "Make a video: submit once, wait with a progress bar, print the link."),
    "get": ("videos", "How videos stand, with fresh links."),
    "list": ("videos", "What is running or finished, newest first."),
    "cancel": ("videos", "Stop queued or running videos; says what became of each."),
    "inspect": (
        "videos",
        "Look at a video: length, size, cuts, black or frozen stretches, loudness, and a contact sheet.",
    ),
    "save": ("videos", "One or more clips to one verified file."),
    "models": ("videos", "Models by words and needs, best first."),
    "batch": ("batch", "Make every line of a file."),
    "spend": ("admin", "What was spent, by day and model, and what is left of the budget."),
    "pause": ("admin", "Stop all spending, in every process that shares the ledger."),
    "resume": ("admin", "Allow spending again."),
    "recover": ("admin", "Walk all that is unfinished; settle what is unclear."),
    "board": ("board", "A page on this machine: what runs, what was made, what it cost, pause and resume."),
    "doctor": (
        "doctor",
        "What is in use, what is missing, and the block to paste into an MCP client's configuration.",
    ),
    "demo": ("demo", "An agent and an MCP client make a video each in a sandbox: no key, no cost."),
    "sandbox": ("admin", "Oxen's HTTP API on this machine: no key, no cost; it draws real MP4s."),
    "mcp": ("admin", "The MCP server, on stdio or HTTP."),
}


class CommandGroup(TyperGroup):
    """The commands by their names; each is loaded when it is called or completed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, (_, line) in COMMANDS.items():
            self.commands.setdefault(name, TyperCommand(name, help=line))
        self.commands = {name: self.commands[name] for name in [*COMMANDS, *(self.commands.keys() - COMMANDS.keys())]}

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Plain words: typer's own first loads a Markdown parser and a highlighter, which takes as long as the rest."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        with formatter.section("Options"):
            formatter.write_dl([told for one in self.get_params(ctx) if (told := one.get_help_record(ctx))])
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), meaning) for status, meaning in MEANINGS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            import_module(f"{__package__}.{COMMANDS[args[0]][0]}")
            [entered] = [one for one in app.registered_commands if one.name == args[0]]
            self.commands[args[0]] = get_command_from_info(
                entered, pretty_exceptions_short=False, rich_markup_mode=self.rich_markup_mode
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="oxen-video",
    cls=CommandGroup,
    help="Videos with Oxen.ai: paid once, never lost, checked before paying. No key? Add --sandbox.",
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
                with only_oxen_errors():
                    result = function(*args, **kwargs)
                    status = (_finish(result) if inspect.isawaitable(result) else result) or 0
            except OxenError as error:
                complain(error, as_json=bool(kwargs.get("json")))
                raise typer.Exit(status_of(error)) from None
            except KeyboardInterrupt:
                running = " ".join(dict.fromkeys(output.watched.values()))
                then = f"get {running}" if running else "list"
                output.err.print(f"Interrupted. A job that was sent goes on: oxen-video {then}", soft_wrap=True)
                raise typer.Exit(INTERRUPTED) from None
            if status:
                raise typer.Exit(status)

        app.command(name or function.__name__.rstrip("_"), **options)(run)
        return function

    return enter


def _finish(result: Awaitable[int | None]) -> int | None:
    import asyncio  # only when a command runs: help and completion do without

    async def run() -> int | None:
        return await result

    return asyncio.run(run())


def run(arguments: Sequence[str]) -> int:
    """One command, to its exit status. A command line that is wrong is told like everything else that is wrong."""
    try:
        return int(app(list(arguments), standalone_mode=False, prog_name="oxen-video") or 0)
    except UsageError as wrong:
        if "NoArgs" in type(wrong).__name__:  # its message is the help
            cast("Any", wrong).show()
            return 0 if not arguments else WRONG
        complain(_misused(cast("Any", wrong)), as_json="--json" in arguments)
        return WRONG
    except typer.Abort:
        output.err.print("Aborted. Nothing was spent.")
        return INTERRUPTED


def _misused(wrong: Any) -> InvalidRequest:
    """What is wrong with a command line, and what was probably meant."""
    where = wrong.ctx.command_path if wrong.ctx else "oxen-video"
    meant = [str(one) for one in getattr(wrong, "possibilities", None) or ()]
    told = " ".join(wrong.format_message().split())
    if found := re.search(r"\(?(?:Did you mean|Possible options:?)\s*(?P<names>.*?)\)?\??$", told):
        meant = meant or re.findall(r"[\w-]+", found["names"])
        told = told[: found.start()].rstrip(" .")
    if found := re.match(r"Invalid value for '?(?P<name>[^':]+)'?: (?P<why>.*)", told):
        told = f"{found['name'].split(' / ')[0]}: {_in_our_words(found['why'])}"
    see = f"See {where} --help."
    return InvalidRequest(f"{told.rstrip('.')}.", fix=f"Did you mean {' or '.join(meant)}? {see}" if meant else see)


_PLAINER = {
    r"Input should be a valid (integer|int).*": "give a whole number",
    r"Input should be a valid number.*": "give a number",
    r"Input should be less than or equal to (\S+)": r"use at most \1",
    r"Input should be greater than or equal to (\S+)": r"use at least \1",
    r"'?(\S+?)'? is not a valid (integer|int|float)\.?": "give a number",
}


def _in_our_words(why: str) -> str:
    for pattern, words in _PLAINER.items():
        if found := re.fullmatch(pattern, why.rstrip(".")):
            return found.expand(words)
    return why


def complain(error: OxenError, *, as_json: bool = False) -> None:
    """What was wrong, whether money was spent, what to do next."""
    if as_json:
        answer = error.answer()
        output.as_json(
            {
                name: in_command_words(said) if name in ("message", "fix") and said else said
                for name, said in answer.items()
            }
        )
        return
    problems = getattr(error, "problems", ())
    said = f"{len(problems)} problems" if len(problems) > 1 else escape(in_command_words(error.message))
    output.err.print(f"[red]{error.kind.replace('_', ' ')}[/]: {said}")
    for problem in problems if len(problems) > 1 else ():
        output.err.print(f"  - {escape(in_command_words(problem))}")
    if fix := in_command_words(error.fix or ""):
        output.err.print(f"[bold]next[/]: {escape(fix)}")
    output.err.print(
        {"no": "Nothing was spent.", "yes": "It was paid for.", "unknown": "It may have been paid for."}[error.charged]
    )
    if isinstance(error, Internal) and os.environ.get("OXEN_VIDEO_DEBUG") and error.__cause__:
        raise error.__cause__


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        output.line(f"oxen-video {__version__}")
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
