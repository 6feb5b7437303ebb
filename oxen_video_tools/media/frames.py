"""Single pictures of a video as PNG: the last frame, which the next shot of a long take begins with."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from .limits import LIMITS, Limits
from .probe import require_media_extra, rotation_of


def last_frame(path: Path | str, *, limits: Limits = LIMITS) -> bytes:
    """The last picture of a video as PNG bytes, upright, at full size.

    Raises InputUnreadable, also when the file ends before the end that it states: a frame from the middle would be the
    wrong one to go on from.
    """
    with require_media_extra():
        from .container import open_container, video_of
        from .decode import last_picture

    with open_container(path, limits) as container:
        return _png(last_picture(container, video_of(container, limits)), rotation_of(Path(path)))


def frame_at(path: Path | str, seconds: float, *, limits: Limits = LIMITS) -> bytes:
    """The picture shown at `seconds` as PNG bytes. Raises InputUnreadable."""
    with require_media_extra():
        from .container import open_container, unreadable_error, video_of
        from .decode import picture_at

    with open_container(path, limits) as container:
        frame = picture_at(container, video_of(container, limits), seconds)
        if frame is None:
            raise unreadable_error(path, "it holds no picture that can be decoded")
        return _png(frame, rotation_of(Path(path)))


def _png(frame: Any, turn: int) -> bytes:
    from PIL import Image

    from .decode import rgb

    out = BytesIO()
    Image.fromarray(rgb(frame, turn=turn)).save(out, "PNG", compress_level=3)
    return out.getvalue()
