"""Every agent tool, once. `TABLE` holds the rows in the order in which an agent sees them."""

from __future__ import annotations

from .files import inspect_video, save_video
from .generate import generate_video, plan_video
from .jobs import cancel_video, get_video, list_videos
from .models import find_video_models
from .table import Call, Reply, Tool, hidden

__all__ = [
    "TABLE",
    "Call",
    "Reply",
    "Tool",
    "cancel_video",
    "find_video_models",
    "generate_video",
    "get_video",
    "hidden",
    "inspect_video",
    "list_videos",
    "plan_video",
    "save_video",
]

_ROWS = (
    plan_video,
    generate_video,
    get_video,
    list_videos,
    cancel_video,
    find_video_models,
    inspect_video,
    save_video,
)
TABLE: dict[str, Tool] = {row.name: row for row in _ROWS}
