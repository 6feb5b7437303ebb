"""The LangChain window: every row of the table as a `BaseTool`, and all of them as a toolkit.

    from langchain.agents import create_agent
    from oxen_video_tools.langchain import OxenVideoToolkit

    agent = create_agent("anthropic:claude-sonnet-4-5", OxenVideoToolkit().get_tools())

`GenerateVideo(model="…", max_cost_usd=2)` settles an argument: the agent neither sees nor sets it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Here, and not only further in: CPython 3.11 takes up to a fifth longer for the very same import a dozen frames deeper,
# where its frame stack grows and shrinks at a chunk's end all the time.
from langchain_core.tools import BaseTool as _BaseTool  # noqa: F401

if TYPE_CHECKING:
    from .approval import video_approval
    from .langgraph import EVENT
    from .toolkit import (
        CancelVideo,
        FindVideoModels,
        GenerateVideo,
        GetVideo,
        InspectVideo,
        ListVideos,
        MakeStills,
        OxenVideoToolkit,
        PlanVideo,
        SaveVideo,
    )

__all__ = [
    "EVENT",
    "CancelVideo",
    "FindVideoModels",
    "GenerateVideo",
    "GetVideo",
    "InspectVideo",
    "ListVideos",
    "MakeStills",
    "OxenVideoToolkit",
    "PlanVideo",
    "SaveVideo",
    "video_approval",
]

_HOME = {"EVENT": "langgraph", "video_approval": "approval"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME.get(name, 'toolkit')}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
