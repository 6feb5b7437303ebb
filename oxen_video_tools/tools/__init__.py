"""Every agent tool, once. `TABLE` holds the rows in the order in which an agent sees them."""

from __future__ import annotations

from .handlers import (
    cancel_video,
    find_video_models,
    generate_video,
    get_video,
    inspect_video,
    list_videos,
    make_stills,
    plan_video,
    save_video,
)
from .tool import Call, Reply, ToolSpec, hidden

__all__ = [
    "TABLE",
    "Call",
    "Reply",
    "ToolSpec",
    "cancel_video",
    "find_video_models",
    "generate_video",
    "get_video",
    "hidden",
    "inspect_video",
    "list_videos",
    "make_stills",
    "plan_video",
    "save_video",
]

_ROWS = (
    plan_video,
    make_stills,
    generate_video,
    get_video,
    list_videos,
    cancel_video,
    find_video_models,
    inspect_video,
    save_video,
)
TABLE: dict[str, ToolSpec] = {row.name: row for row in _ROWS}
