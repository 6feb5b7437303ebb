"""The hub, in a process of its own that nobody kills: it says what it charged. Ends when its standard input does."""

from __future__ import annotations

import sys
from pathlib import Path

from oxen_video_tools.sandbox import Sandbox

# Calls fail, answers are lost, jobs show late, other clients work on the same account, downloads break off.
FAULTS = (
    "drop_answer@6%/enqueue",
    "error_after=502:html@4%/enqueue",
    "garbled@2%/enqueue",
    "drop_request@2%/enqueue",
    "drop_answer@5%/generate",
    "error=503@3%/list",
    "error=500:html@3%/get",
    "error=500@3%/history",
    "rate_limited=0@3%/enqueue",
    "late=0.1@15%/enqueue",
    "show_late=1@10%",
    "other_clients=2@15%",
    "cut_download@10%",
    "truncated_file@5%",
    "expired_url@4%",
    "no_url@4%",
    "events_cut=3@10%",
)


def main(state: Path) -> None:
    """Serve until nobody holds the other end of standard input."""
    with Sandbox(state=state, speed=1000.0, picture_height=48, faults=FAULTS, seed=7) as hub:
        sys.stdout.write(f"{hub.base_url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
