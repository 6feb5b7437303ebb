"""A process that makes films until they are there, or until it is killed. Prints what it got."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from oxen_video_tools.errors import OxenError
from oxen_video_tools.studio import AsyncStudio, reconcile, submission
from tests.studio.films.made import CHAINED, SIDE_BY_SIDE, film

LEASE = 1.5  # seconds


async def main(base_url: str, folder: str, takes: int) -> None:
    reconcile.GRACE = 2 * LEASE
    submission.LOOKS = (0.1, 0.2, 0.5, 1.0)
    ledger = f"sqlite:///{folder}/ledger.db"
    async with AsyncStudio(
        base_url=base_url, api_key="key", ledger=ledger, output_dir=Path(folder) / "videos", lease=LEASE
    ) as studio:

        async def made(model: str, take: int) -> None:
            for _ in range(6):
                try:
                    video = await studio.generate(**film(model), take=take, wait_seconds=30)
                except OxenError:
                    await asyncio.sleep(0.2)
                    continue
                if video.status == "succeeded" and video.file:
                    print(video.generation_id, video.file, flush=True)
                    return

        await asyncio.gather(*(made(model, take) for model in (SIDE_BY_SIDE, CHAINED) for take in range(1, takes + 1)))


if __name__ == "__main__":
    logging.basicConfig(filename=Path(sys.argv[2]) / "crew.log", level=logging.ERROR)
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
