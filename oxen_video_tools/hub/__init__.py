"""Oxen's HTTP API and nothing else: it knows nothing of budgets and agents, and touches only the paths it is given.

The names below load what they need when they are first used, so that `hub.records` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import HubClient
    from .records import Answer, Completion, Generation, HistoryPage, Pricing, ResultImage, ResultVideo, VideoModel

__all__ = [
    "Answer",
    "Completion",
    "Generation",
    "HistoryPage",
    "HubClient",
    "Pricing",
    "ResultImage",
    "ResultVideo",
    "VideoModel",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "client" if name == "HubClient" else "records"
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
