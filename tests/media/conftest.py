from __future__ import annotations

from pathlib import Path

import pytest

from oxen_video_tools.media import child_process

from .clips import clip


@pytest.fixture(scope="session")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, 320 × 180, 24 frames a second, with a tone. Read only."""
    return clip(tmp_path_factory.mktemp("clips") / "moving.mp4")


@pytest.fixture(scope="session")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second without an audio track. Read only."""
    return clip(tmp_path_factory.mktemp("clips") / "silent.mp4", 1.0, tone=None)


REAL = child_process.command


@pytest.fixture(autouse=True)
def _processes_as_users_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere in the tests they are forked from one that has imported everything."""
    monkeypatch.setattr(child_process, "command", REAL)
