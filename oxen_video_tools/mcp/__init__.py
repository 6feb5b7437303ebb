"""The agent tools as an MCP server, over stdio and HTTP, for clients of every protocol version."""

from __future__ import annotations

import re
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .http import http_app
    from .server import build_server

__all__ = ["build_server", "conflict", "http_app"]

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

        fix = "pip install 'oxen-video-tools[mcp]'"
        if why := conflict():
            fix = "Install oxen-video-tools[mcp] in an environment of its own."
        raise NotInstalled(why or "The MCP server needs its extra.", fix=fix, charged="no") from error


def conflict() -> str | None:
    """Which installed package does not go together with the MCP server, in words; None if all is well.

    The server needs mcp 2 or newer. `langchain-mcp-adapters` needs mcp below 2 as long as its own metadata says so.
    """
    mcp, adapters = _version("mcp"), _version("langchain-mcp-adapters")
    if mcp is None:
        return None
    needs_old = adapters and any(re.match(r"mcp\b[^;]*<\s*2\b", one) for one in _requires("langchain-mcp-adapters"))
    if int(mcp.partition(".")[0]) >= 2:
        if not needs_old:
            return None
        return (
            f"langchain-mcp-adapters {adapters} needs mcp below 2; mcp {mcp}, which the MCP server needs, is installed."
        )
    held = f", which langchain-mcp-adapters {adapters} needs" if needs_old else ""
    return f"The MCP server needs mcp 2 or newer; mcp {mcp} is installed{held}."


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requires(name: str) -> list[str]:
    return metadata.requires(name) or []


def __dir__() -> list[str]:
    return sorted(__all__)
