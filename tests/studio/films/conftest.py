"""Films on a real sandbox over loopback HTTP, with a real ledger and real MP4s."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio

Open = Callable[..., AsyncStudio]
Start = Callable[..., Sandbox]


@pytest.fixture
def sandbox() -> Iterator[Start]:
    """Starts sandboxes with small pictures, which stop after the studios have closed."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(Sandbox(picture_height=64, **options))


@pytest.fixture
def hub(sandbox: Start) -> Sandbox:
    return sandbox()


@pytest.fixture
async def opened(hub: Sandbox, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens studios that share a ledger, as processes of one machine do; closes them at the end."""
    studios: list[AsyncStudio] = []

    def open_studio(**given: Any) -> AsyncStudio:
        usual: dict[str, Any] = {
            "base_url": hub.base_url,
            "api_key": "key",
            "ledger": f"sqlite:///{tmp_path}/ledger.db",
            "output_dir": tmp_path / "videos",
        }
        studio = AsyncStudio(**usual | given)
        studios.append(studio)
        return studio

    yield open_studio
    for studio in studios:
        await studio.close()
