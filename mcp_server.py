"""The MCP server: `python mcp_server.py` speaks over stdio, `--http` serves on loopback to who has its token, and any
ASGI server can take `app`: `uvicorn mcp_server:app`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oxen_video_tools.mcp.__main__ import main

if TYPE_CHECKING:
    from starlette.applications import Starlette

    app: Starlette


def __getattr__(name: str) -> Any:
    """`app`, built when a web server asks for it: stdio does without."""
    if name == "app":
        from oxen_video_tools.mcp import http_app

        globals()["app"] = built = http_app()
        return built
    raise AttributeError(name)


if __name__ == "__main__":
    main()
