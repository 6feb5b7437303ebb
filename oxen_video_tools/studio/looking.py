"""Seeing: what a video looks like, and a free preview of what a plan would make."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OxenError
from ..media.extra import media_extra
from ..request import DEFAULT_SECONDS
from .delivery import fetch_into, make_writable, slug
from .inputs import Files, is_film, is_generation, is_path, is_url
from .local_files import snapshot
from .plan import Plan
from .planning import identified

if TYPE_CHECKING:
    from ..media.animatic import Segment
    from ..media.inspect import Inspection
    from .stage import Stage

LINES = {"480p": 480, "540p": 540, "720p": 720, "1080p": 1080}  # of the shorter side; 720 for any other
LONGEST_SIDE = 1920


async def inspect(stage: Stage, video: str | Path, files: Files) -> Inspection:
    """Length, sizes, cuts, loudness and a contact sheet. Free. Raises InputUnreadable, InputNotAllowed, NotFound,
    GenerationFailed for a job without a result, NotInstalled, TimedOut.

    What a model or a stranger names is decoded in a process of its own, with limits.
    """
    async with _local(stage, video, files) as path:
        return await asyncio.to_thread(_looked_at, path, files)


def _looked_at(path: Path, files: Files) -> Inspection:
    if files == "anywhere":
        from ..media.inspect import inspect as look

        return look(path)
    with media_extra():
        from ..media.child import in_child
    return in_child("inspect", path)


@asynccontextmanager
async def _local(stage: Stage, video: str | Path, files: Files) -> AsyncIterator[Path]:
    """The video as a file here: the one that was saved, the one that was named, or one that is gone afterwards."""
    named = str(video)
    if is_path(video):
        with snapshot(video, stage.settings, files) as path:
            yield path
        return
    kept = None if is_url(named) else await stage.saved_file(named)
    if kept is not None:
        yield kept
        return
    if is_film(named):
        from .films.cutting import keep_film

        yield (await keep_film(stage, named.strip())).file
        return
    with tempfile.TemporaryDirectory(prefix="oxen-video-") as folder:
        path = Path(folder) / "video"
        if is_url(named):
            hub = await stage.hub()
            await hub.download(await hub.fetchable(named), path)
        else:
            await fetch_into(stage, named, path)
        yield path


@dataclass(frozen=True)
class Preview(Plan):
    """A plan with its animatic. preview: the MP4.  sheet: a JPEG of its frames."""

    preview: Path | None = None
    sheet: bytes | None = field(default=None, repr=False)


async def previewed(stage: Stage, plan: Plan, files: Files) -> Preview:
    """Render what the plan would make, as an animatic in the folder for videos. Raises NotInstalled, InvalidRequest."""
    key, _ = await identified(stage, plan.request, files)
    first = plan.request.prompt or (plan.request.multi_prompt[0].prompt if plan.request.multi_prompt else "video")
    path = stage.settings.videos_folder / f"{slug(first)}-preview-{key[:8]}.mp4"
    with ExitStack() as held:
        segments = _segments(stage, plan, files, held)
        sheet = await asyncio.to_thread(_rendered, segments, path, plan)
    known = {one.name: getattr(plan, one.name) for one in fields(Plan)}
    return Preview(**known, preview=path, sheet=sheet)


def _segments(stage: Stage, plan: Plan, files: Files, held: ExitStack) -> list[Segment]:
    from ..media.animatic import Segment

    request = plan.request
    image = _image(stage, request.start_image or next(iter(request.input_image), None), files, held)
    if request.multi_prompt:
        return [
            Segment(shot.prompt, shot.seconds, image if number == 0 else None)
            for number, shot in enumerate(request.multi_prompt)
        ]
    seconds = float(request.duration or sum(job.seconds or 0 for job in plan.jobs) or DEFAULT_SECONDS)
    return [Segment(request.prompt or "", seconds, image)]


def _image(stage: Stage, reference: str | None, files: Files, held: ExitStack) -> Path | None:
    """A local picture is shown; links and ids are left to the model."""
    if not reference or is_url(reference) or is_generation(reference):
        return None
    return held.enter_context(snapshot(reference, stage.settings, files))


def _rendered(segments: list[Segment], path: Path, plan: Plan) -> bytes | None:
    from ..media.animatic import render
    from ..media.sheet import contact_sheet

    make_writable(path.parent)
    render(segments, path, size=frame(plan), seed=plan.request.seed or 0, audio=bool(plan.request.generate_audio))
    try:
        return contact_sheet(path)
    except OxenError:
        return None


def frame(plan: Plan) -> tuple[int, int]:
    """Width and height in pixels."""
    short = LINES.get((plan.request.resolution or "").lower(), 720)
    try:
        wide, high = (float(side) for side in (plan.request.aspect_ratio or "16:9").split(":"))
        ratio = min(4.0, max(0.25, wide / high))
    except (ValueError, ZeroDivisionError):
        ratio = 16 / 9
    size = (short * ratio, short) if ratio >= 1 else (short, short / ratio)
    shrink = min(1.0, LONGEST_SIDE / max(size))
    return round(size[0] * shrink / 2) * 2, round(size[1] * shrink / 2) * 2
