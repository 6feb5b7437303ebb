"""Help, completion and the version wait for nothing; a command is loaded when it is called."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from oxen_video_tools.cli import load_app
from oxen_video_tools.cli.app import COMMANDS

HEAVY = (
    "httpx",
    "anyio",
    "asyncio",
    "av",
    "numpy",
    "mcp",
    "langchain_core",
    "oxen_video_tools.studio.studio",
    "asyncio",
    "ssl",
    "rich.markdown",
    "typer.rich_utils",
)


def test_the_table_of_commands_says_what_their_own_modules_say() -> None:
    group = typer.main.get_command(load_app())
    assert list(group.commands) == list(COMMANDS)
    for name, command in group.commands.items():
        module, line = COMMANDS[name]
        assert command.callback is not None
        assert command.callback.__module__ == f"oxen_video_tools.cli.{module}"
        assert command.get_short_help_str(200).rstrip(".") == line.rstrip("."), name


@pytest.mark.parametrize(
    ("arguments", "completing"),
    [(["--help"], ""), ([], "oxen-video ge"), (["--version"], "")],
    ids=["help", "tab", "version"],
)
def test_what_is_not_loaded(arguments: list[str], completing: str) -> None:
    code = f"""
import atexit, os, sys
sys.argv = ["oxen-video", *{arguments!r}]
atexit.register(lambda: print("loaded:", [name for name in {HEAVY!r} if name in sys.modules]))
from oxen_video_tools.cli import main
main()
"""
    completion = {"_OXEN_VIDEO_COMPLETE": "complete_bash", "COMP_WORDS": completing, "COMP_CWORD": "1"}
    environment = os.environ | (completion if completing else {})
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stderr
    assert ("generate" in done.stdout) is (arguments != ["--version"])


def test_a_command_that_is_mistyped_gets_a_suggestion() -> None:
    done = subprocess.run([sys.executable, "-m", "oxen_video_tools.cli", "plna"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "plan" in done.stderr
