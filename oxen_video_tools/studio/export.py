"""`save`: one or more clips to one verified file."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clock import wait_until
from ..errors import InputNotAllowed, InputUnreadable, InvalidRequest, NotFound, OxenError, TimedOut
from ..files import atomic_file, part_file
from ..media.understanding import Direction, direct_all
from ..request import DEFAULT_SECONDS, VideoRequest
from .identifiers import request_key
from .local_files import Files, allowed, join_files, look, opened, snapshot
from .media_inputs import (
    MediaPart,
    content_hash,
    cut_file,
    is_cut,
    is_film,
    is_generation,
    is_made,
    is_path,
    is_url,
    one_of,
    split_part,
)
from .plan import Plan, PlannedJob
from .result_files import (
    copy_verified,
    described,
    fetch_into,
    keep_file,
    keep_link,
    make_writable,
    place_of,
    settled,
    slug,
)
from .results import Progress, Report, Saved, Video
from .videos import shots_of

if TYPE_CHECKING:
    from ..media.animatic import Segment
    from ..media.captions import Cue
    from ..media.inspect import Inspection
    from .prepare import Prepared
    from .session import Session


FETCHED = 0.5  # how much of the work is done, for a person who watches, when every clip is here
SAVE = "save-"  # how the ids of savings begin that went on when their caller's time was up
KEPT_SAVES = 50
LONGEST_CAPTIONS = 1 << 20  # bytes
SOUNDS = ("keep", "mute")
LONGEST_FADE = 5.0  # seconds


@dataclass
class Saving:
    """A saving that goes on. heard: who hears of it, the last one that asked."""

    task: asyncio.Task[Saved]
    heard: Report | None = None


async def save(
    session: Session,
    videos: str | Path | Sequence[str | Path],
    *,
    wait_seconds: float | None = None,
    on_progress: Report | None = None,
    files: Files = "anywhere",
    **how: Any,
) -> Saved:
    """Each clip fetched, where it is not there yet; several are joined. Costs nothing at the hub.

    wait_seconds: then TimedOut with an id, by which `get` tells how it stands; the same call again goes on waiting.
    how: `filename` and the fields of `JoinOptions`.
    """
    named = one_of(videos)
    if wait_seconds is None:
        return await _save(session, named, files, on_progress, **how)
    asked = json.dumps([named, files, sorted((name, str(value)) for name, value in how.items())])
    key = SAVE + hashlib.sha256(asked.encode()).hexdigest()[:16]
    saving = session.saves.get(key)
    if saving is None:
        saving = session.saves[key] = Saving(session.errand(_save(session, named, files, _heard(session, key), **how)))
        for old in [one for one, kept in session.saves.items() if kept.task.done()][:-KEPT_SAVES]:
            del session.saves[old]
    saving.heard = on_progress
    if await wait_until(session.clock, session.clock.monotonic() + wait_seconds, saving.task):
        session.saves.pop(key, None)
        return saving.task.result()
    saving.heard = None
    raise TimedOut(
        "The file is still being written.",
        fix="Call save_video again with the same arguments: it goes on.",
        charged="no",
        generation_id=key,
    )


def _heard(session: Session, key: str) -> Report:
    async def tell(progress: Progress) -> None:
        saving = session.saves.get(key)
        if saving is not None:
            await _told(saving.heard, progress)

    return tell


async def get_saving(session: Session, key: str, wait_seconds: float) -> Video:
    """How a saving stands. Raises what it failed with, and NotFound for one that this process does not know."""
    saving = session.saves.get(key)
    if saving is None:
        raise NotFound(
            f"No file is being written as {key}.", fix="Call save_video with its arguments: it costs nothing."
        )
    if not await wait_until(session.clock, session.clock.monotonic() + wait_seconds, saving.task):
        return Video(status="processing", generation_id=key)
    saved = saving.task.result()
    return Video(status="succeeded", generation_id=key, file=saved.file, duration=saved.duration)


@dataclass(frozen=True)
class JoinOptions:
    """How clips become one file.

    transition: "cut" or "fade", of `fade_seconds` each.
    music: a sound file or a video, laid under all of it; it is repeated or faded out to the length, and gives way to
    the clips' own sound.
    sound: of the clips, "keep" or "mute".
    captions: SRT or WebVTT, its text or a file, as a track; with `burn` drawn into the picture.
    trim: from, to, seconds of the whole.
    """

    transition: str | None = None
    fade_seconds: float | None = None
    music: str | Path | None = None
    sound: str | None = None
    captions: str | Path | None = None
    burn: bool = False
    trim: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _check_transition(self.transition)
        if (self.sound or "keep") not in SOUNDS:
            raise InvalidRequest(f"sound={self.sound!r} is not known.", fix='Use "keep" or "mute".')
        if self.fade_seconds is not None and not 0 < self.fade_seconds <= LONGEST_FADE:
            raise InvalidRequest(f"A fade lasts up to {LONGEST_FADE:g} s.", fix="Give fade_seconds between 0.1 and 5.")
        if self.burn and not self.captions:
            raise InvalidRequest("burn needs captions.", fix="Give captions: SRT or WebVTT, its text or a file.")

    @property
    def fades(self) -> bool:
        """Whether the clips fade into one another."""
        from ..media.join import CUTS

        return (self.transition or "").strip().lower() not in CUTS

    @property
    def changes(self) -> bool:
        """Whether a single clip does not stay as it is."""
        return bool(self.music or self.captions or self.trim or self.sound == "mute")


async def _save(
    session: Session,
    named: Sequence[str],
    files: Files,
    on_progress: Report | None,
    filename: str | Path | None = None,
    **how: Any,
) -> Saved:
    options = JoinOptions(**how)
    if options.fades and len(named) == 1 and is_film(split_part(named[0])[0]):  # its shots fade into one another
        if split_part(named[0])[1] is not None:
            raise InvalidRequest(
                "A part of a film can't be saved with fades between its shots.",
                fix="Save the film first, then its part.",
            )
        from .films.status import get as get_film

        shots = [shot.generation_id for shot in (await get_film(session, named[0].strip())).shots]
        named = [one for one in shots if one] or named
    pieces = [split_part(video) for video in named]
    place = place_of(session, filename)
    if len(named) == 1 and pieces[0][1] is None and not options.changes:
        return await _one(session, named[0], filename, files)
    with ExitStack() as held:
        bed = None if options.music is None else await _sound(session, options.music, files, held)
        cues = await _captions(session, options.captions, files) if options.captions else []
        clips = []
        for done, (video, _) in enumerate(pieces, 1):
            clips.append(await _clip(session, video, files, held))
            await _told(on_progress, Progress(video, "saving", FETCHED * done / len(named)))
        parts = _trimmed(clips, [part for _, part in pieces], options.trim)
        chosen = [(clip, part) for clip, part in zip(clips, parts, strict=True) if part != NOTHING]
        join: dict[str, Any] = {
            "transition": {"fade": "crossfade"}.get(options.transition or "", options.transition),
            "music": None if bed is None else str(bed),
            "mute": options.sound == "mute",
            "captions": cues,
            "burn": options.burn,
            "parts": [part for _, part in chosen],
        }
        if options.fade_seconds is not None:
            join["transition_seconds"] = options.fade_seconds
        return await _joined(session, [clip for clip, _ in chosen], place, join, on_progress, files)


NOTHING: MediaPart = (-1.0, None)


def _trimmed(
    clips: Sequence[Saved], parts: Sequence[MediaPart | None], trim: tuple[float, float] | None
) -> list[MediaPart | None]:
    """What of each clip is left of the whole between two times. NOTHING: nothing of it is.

    Raises InvalidRequest where nothing is left at all.
    """
    if trim is None:
        return list(parts)
    found: list[MediaPart | None] = []
    at = 0.0
    for clip, part in zip(clips, parts, strict=True):
        since, until = part or (0.0, None)
        end = until if until is not None else clip.duration or 0.0
        begin, close = max(since, since + trim[0] - at), min(end, since + trim[1] - at)
        at += end - since
        found.append(NOTHING if begin >= close else (begin, close))
    if all(part == NOTHING for part in found):
        raise InvalidRequest(f"Nothing lies between {trim[0]:g} s and {trim[1]:g} s of {at:.1f} s.")
    return found


async def _captions(session: Session, captions: str | Path, files: Files) -> list[Cue]:
    """Their lines, from text or from a file here. Raises InvalidRequest, InputNotAllowed, InputUnreadable."""
    from ..media.captions import read_captions

    text = str(captions)
    if isinstance(captions, Path) or ("-->" not in text and "\n" not in text.strip()):
        with opened(captions, session.settings, files, media=False) as found:
            try:
                text = found.file.read(LONGEST_CAPTIONS + 1).decode("utf-8-sig")
            except (OSError, UnicodeDecodeError):
                raise InputUnreadable(
                    f"The captions {found.path.name} can't be read.", fix="Give SRT or WebVTT."
                ) from None
    return read_captions(text)


async def _sound(session: Session, music: str | Path, files: Files, held: ExitStack) -> Path:
    """A file of music: one that lies here, or the sound of a video."""
    music, part = (music, None) if isinstance(music, Path) else split_part(music)
    if part is not None:
        raise InvalidRequest("music is taken from its beginning.", fix="Leave #t= out of music.")
    if is_path(music):
        return held.enter_context(snapshot(music, session.settings, files))
    return (await _clip(session, str(music), files, held)).file


async def _one(session: Session, video: str, filename: str | Path | None, files: Files) -> Saved:
    """A single video under the name that was asked for. What lies here already and is to get no other name stays."""
    if not is_path(video) or is_url(video):
        return await _fetched(session, video, filename)
    path = allowed(video, session.settings, files)
    place = place_of(session, filename)
    with snapshot(video, session.settings, files) as held:
        if place is not None and place != path:
            return await copy_verified(session, held, place, replacing=isinstance(filename, Path))
        return replace(await _described(session, held), file=path)


async def _clip(session: Session, video: str, files: Files, held: ExitStack) -> Saved:
    """One of several, to be joined."""
    if not is_path(video) or is_url(video):
        return await _fetched(session, video, None)
    path = held.enter_context(snapshot(video, session.settings, files))
    return await _described(session, path)


async def _described(session: Session, path: Path) -> Saved:
    return await described(path, await asyncio.to_thread(content_hash, path), caller=session.isolated)


async def _fetched(session: Session, video: str, filename: str | Path | None) -> Saved:
    if is_url(video):
        if not video.startswith(("https://", "http://")):
            raise InputNotAllowed("A video is named by id, https URL or path.", fix="Give an https URL.")
        return await keep_link(
            session, video, place_of(session, filename) or session.settings.videos_folder / _name_in(video)
        )
    if is_film(video):
        from .films.assembly import keep_film

        return await keep_film(session, video.strip(), filename)
    return await keep_file(session, video, filename=filename)


def _check_transition(transition: str | None) -> None:
    from ..media.join import FADES, TRANSITIONS

    if (transition or "cut").strip().lower() not in {*TRANSITIONS, *FADES}:
        raise InvalidRequest(f"transition={transition!r} is not known.", fix='Use "cut" or "fade".')


def _name_in(url: str) -> str:
    path = Path(url.partition("?")[0].rpartition("/")[2])
    return slug(path.stem)


async def _joined(
    session: Session,
    clips: Sequence[Saved],
    place: Path | None,
    how: Mapping[str, Any],
    on_progress: Report | None,
    files: Files,
) -> Saved:
    rest = f"and-{len(clips) - 1}-more" if len(clips) > 1 else "cut"
    place = place or session.settings.videos_folder / f"{clips[0].file.stem}-{rest}"
    await asyncio.to_thread(make_writable, place.parent)
    loop = asyncio.get_running_loop()

    def told(fraction: float) -> None:
        progress = Progress(clips[0].file.stem, "joining", FETCHED + (1 - FETCHED) * fraction)
        asyncio.run_coroutine_threadsafe(_told(on_progress, progress), loop)

    with part_file(place.parent, ".mp4") as part:
        await join_files(session, [clip.file for clip in clips], part, _rising(told), how, files)
        saved = await settled(session, part, place)
    return replace(saved, warnings=(*_mixed(clips), *(word for clip in clips for word in clip.warnings)))


def _mixed(clips: Sequence[Saved]) -> list[str]:
    """A word where clips of different shapes stand in one film: the first one's frame is the film's."""
    shapes = {round(clip.width / clip.height, 2): clip for clip in clips if clip.width and clip.height}
    if len(shapes) < 2:
        return []
    sizes = ", ".join(f"{clip.width} × {clip.height}" for clip in shapes.values())
    return [f"The clips have different shapes ({sizes}): the film is {clips[0].width} × {clips[0].height}, with bars."]


def _rising(told: Callable[[float], None]) -> Callable[[float], None]:
    last = -1.0

    def tell(fraction: float) -> None:
        nonlocal last
        if fraction > last + 0.01 or fraction >= 1.0 > last:
            last = fraction
            told(fraction)

    return tell


async def _told(on_progress: Report | None, progress: Progress) -> None:
    if on_progress is not None:
        told = on_progress(progress)
        if inspect.isawaitable(told):
            await told


# Seeing: what a video looks like, and a free preview of what a plan would make.

LINES = {"480p": 480, "540p": 540, "720p": 720, "1080p": 1080}  # of the shorter side; 720 for any other
LONGEST_SIDE = 1920
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


MOST_COMPARED = 9


@dataclass(frozen=True)
class Comparison:
    """Several videos side by side. sheet: a JPEG with a numbered row for each."""

    videos: tuple[Inspection, ...]
    sheet: bytes = field(repr=False)


async def compare_videos(session: Session, videos: Sequence[str | Path], files: Files) -> Comparison:
    """What several videos look like, each as one numbered row of frames. Raises what `inspect_video` raises."""
    from ..media.contact_sheet import stacked
    from ..media.pool import stack_in_child

    named = one_of(videos)
    if len(named) > MOST_COMPARED:
        raise InvalidRequest(f"At most {MOST_COMPARED} videos can be looked at together, not {len(named)}.")
    looks = [inspect_video(session, one, files, row=number) for number, one in enumerate(named, 1)]
    seen = await asyncio.gather(*looks)
    sheets = [one.sheet for one in seen]
    if session.isolated is None:
        return Comparison(tuple(seen), await asyncio.to_thread(stacked, sheets))
    return Comparison(tuple(seen), await stack_in_child(sheets, caller=session.isolated))


async def keep_sheet(session: Session, sheet: bytes, video: str | Path) -> Path:
    """A contact sheet as a file in the folder for videos, for a person to open. Raises InputUnreadable."""
    name = split_part(str(video))[0].partition("?")[0].rstrip("/").rpartition("/")[2]
    content = hashlib.sha256(sheet).hexdigest()[:8]
    place = session.settings.videos_folder / f"{slug(Path(name).stem)}-sheet-{content}.jpg"

    def write() -> None:
        make_writable(place.parent)
        try:
            with atomic_file(place) as part:
                part.write_bytes(sheet)
        except OSError as error:
            raise InputUnreadable(f"{place} can't be written: {error.strerror}.", fix="Make room there.") from None

    await asyncio.to_thread(write)
    return place


async def inspect_video(session: Session, video: str | Path, files: Files, *, row: int | None = None) -> Inspection:
    """Length, sizes, cuts, loudness and a contact sheet. Free. Raises InputUnreadable, InputNotAllowed, NotFound,
    GenerationFailed for a job without a result, NotInstalled, TimedOut.

    What a model or a stranger names is decoded in a process of its own, with limits.
    row: the number of one of several videos: its sheet is a row.
    """
    named, part = (video, None) if isinstance(video, Path) else split_part(video)
    async with local_copy(session, named, files) as path:
        shots = await _shots_of(session, str(named)) if is_film(named) else []
        found: Inspection = await look(session, "inspect", path, files, part=part, row=row, shots=shots)
        return found


async def _shots_of(session: Session, film: str) -> list[float]:
    """The seconds at which the shots of a film of ours end."""
    from .films.status import get as get_film

    return [shot.end for shot in (await get_film(session, film.strip())).shots[:-1] if shot.end is not None]


@asynccontextmanager
async def local_copy(session: Session, video: str | Path, files: Files) -> AsyncIterator[Path]:
    """The video as a file here: the one that was saved, the one that was named, or one that is gone afterwards."""
    named = str(video)
    if is_path(video):
        with snapshot(video, session.settings, files) as path:
            yield path
        return
    kept = None if is_url(named) else await session.saved_file(named)
    if kept is not None:
        yield kept
        return
    if is_film(named):
        from .films.assembly import keep_film

        yield (await keep_film(session, named.strip())).file
        return
    with tempfile.TemporaryDirectory(prefix="oxen-video-") as folder:
        path = Path(folder) / "video"
        if is_url(named):
            hub = await session.hub()
            await hub.download(await hub.fetchable(named), path)
        else:
            await fetch_into(session, named, path)
        yield path


@dataclass(frozen=True)
class Preview(Plan):
    """A plan with its animatic.

    preview: the MP4.
    sheet: a JPEG of its frames.
    shown: what each shot shows.
    """

    preview: Path | None = None
    sheet: bytes | None = field(default=None, repr=False)
    shown: tuple[Direction, ...] = field(default=(), repr=False)


def shown(request: VideoRequest) -> tuple[Direction, ...]:
    """For each shot what its words were understood to say, and what a preview of them shows."""
    prompts = [shot.prompt for shot in request.multi_prompt] or [request.prompt or ""]
    return tuple(direct_all(prompts, request.seed or 0))


async def render_preview(session: Session, prepared: Prepared, files: Files) -> Preview:
    """Render what the plan would make, as an animatic in the folder for videos. Raises NotInstalled, InvalidRequest."""
    plan, key = prepared.plan, request_key(prepared.asked)
    first = plan.request.prompt or (plan.request.multi_prompt[0].prompt if plan.request.multi_prompt else "video")
    path = session.settings.videos_folder / f"{slug(first)}-preview-{key[:8]}.mp4"
    with ExitStack() as held:
        stills = await _stills(session, prepared, held)
        given = plan.request.start_image or next(iter(plan.request.input_image), None)
        segments = _segments(plan, await _image(session, given, files, held), stills)
        sheet = await _drawn(session, segments, path, plan)
    info = {one.name: getattr(plan, one.name) for one in fields(Plan)}
    return Preview(**info, preview=path, sheet=sheet, shown=shown(plan.request))


async def _stills(session: Session, prepared: Prepared, held: ExitStack) -> dict[int, Path]:
    """The stills that are there, by the number of their shot: the preview moves over them as the film will."""
    found: dict[int, Path] = {}
    there = [one for one in prepared.pictures if one.shot is not None and one.generation_id and one.is_there]
    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="oxen-video-"))) if there else Path()
    for one in there:
        assert one.shot is not None
        assert one.generation_id is not None
        kept = await session.saved_file(one.generation_id)
        try:
            if kept is None:
                await fetch_into(session, one.generation_id, folder / str(one.shot))
        except OxenError:
            continue  # its words are drawn instead
        found[one.shot] = kept or folder / str(one.shot)
    return found


def _segments(plan: Plan, image: Path | None, stills: Mapping[int, Path]) -> list[Segment]:
    from ..media.animatic import Segment

    segments: list[Segment] = []
    for job in plan.jobs:
        for words, seconds in _sent(job):
            still = (stills or {}).get(len(segments))
            segments.append(Segment(words, seconds, still or (None if segments else image)))
    return segments


def _sent(job: PlannedJob) -> list[tuple[str, float]]:
    """The words and seconds of each shot of a job, as they will be sent."""
    shots = shots_of(job.body)
    if len(shots) == 1:
        [(words, seconds)] = shots
        return [(words, float(job.seconds or seconds or DEFAULT_SECONDS))]
    return [(words, float(seconds or DEFAULT_SECONDS)) for words, seconds in shots]


async def _image(session: Session, reference: str | None, files: Files, held: ExitStack) -> Path | None:
    """A local picture is shown, and a still that is saved here; links are left to the model."""
    if not reference or is_url(reference) or is_made(reference):
        return None
    if is_cut(reference):
        with suppress(OxenError):
            return await cut_file(session, reference, files)
        return None
    if is_generation(reference):
        kept = await session.saved_file(reference)
        return kept if kept and kept.suffix.lower() in PICTURES else None
    return held.enter_context(snapshot(reference, session.settings, files))


async def _drawn(session: Session, segments: list[Segment], path: Path, plan: Plan) -> bytes | None:
    """The animatic at `path`, and its contact sheet; for a server's callers in child processes, in turn."""
    if session.isolated is None:
        return await asyncio.to_thread(_rendered, segments, path, plan)
    from ..media.pool import draw_in_child

    await asyncio.to_thread(make_writable, path.parent)
    audio = bool(plan.request.generate_audio)
    await draw_in_child(
        segments, path, size=frame(plan), seed=plan.request.seed or 0, audio=audio, caller=session.isolated
    )
    try:
        sheet: bytes = await look(session, "contact_sheet", path)
    except OxenError:
        return None
    return sheet


def _rendered(segments: list[Segment], path: Path, plan: Plan) -> bytes | None:
    from ..media.animatic import render
    from ..media.contact_sheet import contact_sheet

    make_writable(path.parent)
    render(segments, path, size=frame(plan), seed=plan.request.seed or 0, audio=bool(plan.request.generate_audio))
    try:
        return contact_sheet(path)
    except OxenError:
        return None


def frame(plan: Plan) -> tuple[int, int]:
    """Width and height in pixels."""
    short = LINES.get((plan.request.resolution or "").lower(), 720)
    sent = plan.jobs[0].body.get("aspect_ratio") if plan.jobs else None
    try:
        wide, high = (float(side) for side in str(plan.request.aspect_ratio or sent or "16:9").split(":"))
        ratio = min(4.0, max(0.25, wide / high))
    except (ValueError, ZeroDivisionError):
        ratio = 16 / 9
    size = (short * ratio, short) if ratio >= 1 else (short, short / ratio)
    shrink = min(1.0, LONGEST_SIDE / max(size))
    return round(size[0] * shrink / 2) * 2, round(size[1] * shrink / 2) * 2
