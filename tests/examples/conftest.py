"""A machine whose hub is a sandbox, for programs that run as processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from oxen_video_tools.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=96) as running:
        yield running


@pytest.fixture
def environment(hub: Sandbox, tmp_path: Path) -> dict[str, str]:
    """What a process needs to reach that hub, and nothing of this machine's own settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OXEN_")}
    return clean | {
        "OXEN_API_KEY": hub.api_key,
        "OXEN_BASE_URL": hub.base_url,
        "OXEN_VIDEO_LEDGER": f"sqlite:///{(tmp_path / 'ledger.db').as_posix()}",
        "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path / "videos"),
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
