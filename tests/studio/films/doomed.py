"""A process that makes pictures and clips of one call until it is killed: folder, hub, what, which step, which time."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from oxen_video_tools.studio import AsyncStudio
from tests.torture.crashes import Doom, install

MODEL = "kling-video-v2-6-pro-image-to-video"
SHOTS = [{"prompt": f"Shot {number}: a red balloon", "duration": 5} for number in (1, 2)]
CALLS: dict[str, dict[str, Any]] = {
    "film": {"multi_prompt": SHOTS, "model": MODEL, "stills": True},
    "single": {"prompt": "A red balloon", "model": MODEL, "stills": True, "duration": 5},
    "stills": {"multi_prompt": SHOTS},
}


async def make(studio: AsyncStudio, what: str) -> Any:
    """The answer of the call of this name."""
    call = studio.stills if what == "stills" else studio.generate
    return await call(**CALLS[what], wait_seconds=100)


async def main(base_url: str, folder: Path, what: str) -> None:
    async with AsyncStudio(
        base_url=base_url, api_key="key", ledger=f"sqlite:///{folder}/ledger.db", output_dir=folder / "videos"
    ) as studio:
        await make(studio, what)


if __name__ == "__main__":
    install(Doom(sys.argv[4], after=int(sys.argv[5]), log=Path(sys.argv[1]) / "doom.log"))
    asyncio.run(main(sys.argv[2], Path(sys.argv[1]), sys.argv[3]))
