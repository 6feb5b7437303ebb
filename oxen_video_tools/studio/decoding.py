"""Looking at media and joining them: on a thread of ours, or in child processes where strangers' files come in.

A server opens its callers' studios as isolated: all their decoding runs in child processes, in turn with other callers.
So does whatever a language model names, in any window.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .local_files import Files

if TYPE_CHECKING:
    from .session import Session


async def look(
    session: Session,
    work: Literal["inspect", "last_frame", "measure", "probe", "contact_sheet"],
    path: Path,
    files: Files = "anywhere",
) -> Any:
    """What `media.child` knows of a file. Raises InputUnreadable, NotInstalled, TimedOut, RateLimited."""
    from ..media import child_process, pool

    if session.isolated is None and files == "anywhere":
        return await asyncio.to_thread(child_process.work, work, {"path": path})
    return await pool.look(work, path, caller=session.isolated or "")


async def cut(
    session: Session,
    clips: Sequence[Path],
    out: Path,
    told: Callable[[float], None],
    *,
    transition: str | None = None,
    music: Path | None = None,
    trim: tuple[float, float] | None = None,
    files: Files = "anywhere",
) -> None:
    """Clips to one file at `out` (see `media.cut`). told: hears 0 to 1, in whatever thread."""
    if session.isolated is None and files == "anywhere":
        from ..media.cut import cut

        await asyncio.to_thread(cut, clips, out, transition=transition, music=music, trim=trim, on_progress=told)
        return
    from ..media.pool import cut_in_child

    how = {"transition": transition, "music": None if music is None else str(music), "trim": trim}
    try:
        await cut_in_child(clips, out, how, caller=session.isolated or "", on_progress=told)
    finally:
        for left in out.parent.glob(f".{out.name}*.part"):  # of a process that was ended
            left.unlink(missing_ok=True)
        out.with_suffix(".whole.mp4").unlink(missing_ok=True)
