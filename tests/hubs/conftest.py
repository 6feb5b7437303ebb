"""Studios on a hub that is made by hand, with the clock's naps shortened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.studio import AsyncStudio

from ..studio.swift import Swift
from .handmade import HandmadeHub

Open = Callable[..., AsyncStudio]


@pytest.fixture
def hub() -> Iterator[HandmadeHub]:
    with HandmadeHub() as running:
        yield running


@pytest.fixture
def clock() -> Swift:
    return Swift()


@pytest.fixture
async def opened(hub: HandmadeHub, clock: Swift, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens studios that share a ledger, as processes of one machine do; closes them at the end."""
    studios: list[AsyncStudio] = []

    def open_studio(**given: Any) -> AsyncStudio:
        usual: dict[str, Any] = {
            "base_url": hub.base_url,
            "api_key": "key",
            "ledger": f"sqlite:///{tmp_path}/ledger.db",
            "output_dir": tmp_path / "videos",
            "clock": clock,
        }
        studio = AsyncStudio(**usual | given)
        studios.append(studio)
        return studio

    yield open_studio
    for studio in studios:
        await studio.close()
