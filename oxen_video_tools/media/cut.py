"""Clips to one file: joined, with music under them, and trimmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


def cut(
    clips: Sequence[Path | str],
    out: Path | str,
    *,
    transition: str | None = None,
    music: Path | str | None = None,
    trim: Sequence[float] | None = None,
    on_progress: Callable[[float], None],
) -> None:
    """Written to `out`, an MP4; what there is to do twice goes by way of a second file beside it.

    transition: "cut", or "fade".  music: a file that is laid under all of it.  trim: from, to, seconds of the whole.
    Raises InvalidRequest, InputUnreadable, NotInstalled.
    """
    from .join import join
    from .join import trim as trimmed

    out = Path(out)
    how = {"fade": "crossfade"}.get(transition or "", transition)
    if trim is None:
        join(clips, out, transition=how, music=music, on_progress=on_progress)
        return
    if len(clips) == 1 and music is None:
        trimmed(clips[0], out, *trim)
        return
    whole = out.with_suffix(".whole.mp4")
    try:
        join(clips, whole, transition=how, music=music, on_progress=on_progress)
        trimmed(whole, out, *trim)
    finally:
        whole.unlink(missing_ok=True)
