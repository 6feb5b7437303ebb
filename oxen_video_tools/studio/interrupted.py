"""Ctrl-C reaches the main thread alone. A synchronous agent runs its tools in a pool, and its main thread then waits
for the pool before it lets the interrupt through: a tool that waits for minutes has to notice it by itself.
"""

from __future__ import annotations

import sys
from threading import get_ident, main_thread
from types import FrameType

_WAITING = {
    ("concurrent.futures._base", "wait"),
    ("concurrent.futures._base", "result"),
    ("concurrent.futures.thread", "shutdown"),
    ("threading", "join"),
}


def interrupted() -> bool:
    """Whether the main thread is on its way out of a Ctrl-C and waits for other threads, this one not being it.

    Also where it has stopped listening to a graph's stream, which LangGraph closes only when its tools have ended: a
    Ctrl-C between two parts of the stream looks like that.
    """
    main = main_thread().ident
    if main is None or get_ident() == main:
        return False
    handled: object = sys._current_exceptions().get(main)
    error = handled[1] if isinstance(handled, tuple) else handled  # Python 3.12 and later give the exception itself
    if not isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return False
    frames = _frames(sys._current_frames().get(main))
    closing = any(module.startswith("langgraph.") and name == "__exit__" for module, name in frames)
    return bool(_WAITING & frames) and (isinstance(error, KeyboardInterrupt) or closing)


def _frames(frame: FrameType | None) -> set[tuple[str, str]]:
    """Module and function of every call under way."""
    found = set()
    while frame is not None:
        found.add((str(frame.f_globals.get("__name__")), frame.f_code.co_name))
        frame = frame.f_back
    return found
