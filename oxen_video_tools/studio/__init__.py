"""A request becomes a video. The names below load what they need when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .results import Progress, Question, Saved, Spend, Video
    from .studio import AsyncStudio
    from .sync import Studio

__all__ = ["AsyncStudio", "Progress", "Question", "Saved", "Spend", "Studio", "Video"]

_HOME = {
    "AsyncStudio": "studio",
    "Progress": "results",
    "Question": "results",
    "Saved": "results",
    "Spend": "results",
    "Studio": "sync",
    "Video": "results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
