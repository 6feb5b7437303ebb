"""`oxen-video`: a thin face on the studio, for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer


def load_app() -> Typer:
    """The Typer application with all its commands loaded. Raises ModuleNotFoundError without the `cli` extra."""
    from . import admin, batch, board, demo, doctor, videos  # noqa: F401  # each enters its commands
    from .app import app

    return app


def main() -> None:
    """Run the command line; without the `cli` extra, say what to install."""
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
