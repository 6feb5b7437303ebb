"""`oxen-video`: a thin face on the studio, for people."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer


def load_app() -> Typer:
    """The Typer application with all its commands loaded. Raises ModuleNotFoundError without the `cli` extra."""
    from . import admin, batch, board, demo, doctor, videos  # noqa: F401  # each enters its commands
    from .app import app

    return app


def _ready_streams() -> None:
    """Standard streams as they should be: a closed one goes nowhere, and a sign that one can't write is replaced."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:  # closed: else the next file that is opened would take its number, and be written to
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123  # as long as it runs
        elif mode == "w" and hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line; without the `cli` extra, say what to install."""
    _ready_streams()
    if sys.argv[1:] == ["--version"]:
        from .. import __version__

        print(f"oxen-video {__version__}")
        return
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("The command line needs its extra: pip install 'oxen-video-tools[cli]'")
    from .app import run

    sys.exit(run(sys.argv[1:]))


__all__ = ["load_app", "main"]
