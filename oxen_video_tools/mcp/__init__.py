"""The MCP window: the table of tools as an MCP server, over stdio and HTTP, for old clients and new."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .http import http_app
    from .server import build_server

__all__ = ["build_server", "http_app"]

_HOME = {"build_server": "server", "http_app": "http"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mcp":
            raise
        from ..errors import NotInstalled

        raise NotInstalled(
            "The MCP server needs its extra.", fix="pip install 'oxen-video-tools[mcp]'", charged="no"
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)
