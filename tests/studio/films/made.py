"""What the tests ask for, and what the sandbox says of it."""

from __future__ import annotations

from typing import Any

from oxen_video_tools.sandbox import Sandbox

SIDE_BY_SIDE = "kling-video-v2-6-pro-text-to-video"  # one prompt a job, and no place for a first frame
CHAINED = "kling-video-v2-6-pro-image-to-video"  # one prompt a job, and a first frame: continuous shots
SHOT = "0.35"  # US dollars that the sandbox asks for five seconds of either


def film(model: str = SIDE_BY_SIDE, shots: int = 3, **more: Any) -> dict[str, Any]:
    """A film of shots that differ by their number; of CHAINED one long take."""
    if model == CHAINED:
        more = {"continuous": True, **more}
    told = [{"prompt": f"Shot {number}: a red balloon", "duration": 5} for number in range(1, shots + 1)]
    return {"model": model, "multi_prompt": told, **more}


def accepted(hub: Sandbox) -> list[dict[str, Any]]:
    """The jobs that the hub took from us, in their order."""
    return [one for one in hub.ledger()["generations"] if not one["stranger"]]


def prompts(hub: Sandbox, status: str | None = None) -> list[int]:
    """Which shots those are."""
    return [int(one["body"]["prompt"][5]) for one in accepted(hub) if status in (None, one["status"])]
