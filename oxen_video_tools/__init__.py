"""Video generation with Oxen.ai for LangChain agents and MCP assistants.

The names below load what they need when they are first used: `import oxen_video_tools` alone loads neither
pydantic nor httpx nor any agent framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import OxenError
    from .request import Shot, VideoRequest
    from .settings import Settings
    from .studio import AsyncStudio, Studio

__all__ = ["AsyncStudio", "OxenError", "Settings", "Shot", "Studio", "VideoRequest", "__version__"]

_HOME = {
    "AsyncStudio": "studio",
    "OxenError": "errors",
    "Settings": "settings",
    "Shot": "request",
    "Studio": "studio",
    "VideoRequest": "request",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("oxen-video-tools")
        except PackageNotFoundError:  # a checkout that was never installed
            return "0+unknown"
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
