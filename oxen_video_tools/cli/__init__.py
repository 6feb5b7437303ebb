"""`oxen-video`: a thin face on the studio, for people."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without the `cli` extra, say what to install."""
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("The command line needs its extra: pip install 'oxen-video-tools[cli]'")
    from .app import run

    sys.exit(run(sys.argv[1:]))


__all__ = ["main"]
