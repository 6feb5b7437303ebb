"""A hub on loopback, and the server in front of it on every transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.mcp import build_server
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .serving import Connection, over_http, over_stdio

KEY = "test-key-of-nobody"
QUIET = ServerSettings(log_level="ERROR", poll=0.05)


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=96) as hub:
        yield hub


@pytest.fixture
def settings(hub: Sandbox, tmp_path: Path) -> Settings:
    """On a ledger of the test's own; nobody is asked below a dollar."""
    return Settings(
        api_key=KEY,
        base_url=hub.base_url,
        ledger=f"sqlite:///{tmp_path / 'ledger.db'}",
        output_dir=tmp_path / "videos",
        approve_above=Decimal(1),
    )


def environment(settings: Settings) -> dict[str, str]:
    """The settings as a process of its own reads them."""
    return {
        "OXEN_API_KEY": settings.api_key or "",
        "OXEN_BASE_URL": settings.base_url,
        "OXEN_VIDEO_LEDGER": settings.ledger or "",
        "OXEN_VIDEO_OUTPUT_DIR": str(settings.output_dir or ""),
        "OXEN_VIDEO_APPROVE_ABOVE": str(settings.approve_above or ""),
        "OXEN_VIDEO_APPROVAL": settings.approval,
        "OXEN_VIDEO_MCP_LOG_LEVEL": "ERROR",
    }


@pytest.fixture(params=["in process", "stdio", "http"])
def serve(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Callable[..., Any]]:
    """`serve(**settings)` gives what `mcp.Client` connects to."""
    with ExitStack() as stack:

        def serve(**changes: Any) -> Any:
            wanted = replace(settings, **changes)
            if request.param == "stdio":
                return over_stdio(environment(wanted))
            if request.param == "http":
                return Connection(stack.enter_context(over_http(wanted, QUIET)))
            return build_server(settings=wanted, options=QUIET)

        yield serve
