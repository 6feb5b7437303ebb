"""The agent tools for LangChain: each as a `BaseTool`, and all of them as a toolkit.

    from langchain.agents import create_agent
    from oxen_video_tools.langchain import OxenVideoToolkit

    agent = create_agent("anthropic:claude-sonnet-5-5", OxenVideoToolkit().get_tools())

Pass an argument as an option to fix its value and hide it from the agent: `GenerateVideo(model="…", max_cost_usd=2)`.
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
    from .tool import VideoTool
    from .toolkit import OxenVideoToolkit

    # the tools, by `make derived`
    class PlanVideo(VideoTool):
        """Checks and prices a video before anything is paid; can draw a free preview."""

    class MakeStills(VideoTool):
        """Makes the first picture of each shot, for cents, on one numbered sheet."""

    class GenerateVideo(VideoTool):
        """Makes a video: submits it once, waits, and answers with the link or an id to come back with."""

    class GetVideo(VideoTool):
        """Reports how one or several videos stand, with fresh links; can wait."""

    class ListVideos(VideoTool):
        """Lists what is running or finished: the way back after a lost answer."""

    class CancelVideo(VideoTool):
        """Stops one, several or all running videos and says what became of each."""

    class FindVideoModels(VideoTool):
        """Finds models by words and needs, with limits and prices."""

    class InspectVideo(VideoTool):
        """Shows what videos look like: length, size, sound, cuts, and a contact sheet."""

    class SaveVideo(VideoTool):
        """Saves one or more videos as one verified file."""

    # until here

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
