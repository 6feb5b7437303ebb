"""`save`: one or more clips to one verified file."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
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
    private_link,
    split_part,
)
from .plan import Plan, PlannedJob
from .result_files import (
    copy_verified,
    described,
    fetch_into,
    is_still_there,
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


log = logging.getLogger(__name__)
FETCHED = 0.5  # how much of the work is done, for a person who watches, when every clip is here
SAVE = "save-"  # how the ids of savings begin that went on when their caller's time was up
KEPT_SAVES = 50
KEEPING = 5.0  # seconds that a saving waits at most for its place in the ledger
LONGEST_CAPTIONS = 1 << 20  # bytes
SOUNDS = ("keep", "mute")
LONGEST_FADE = 5.0  # seconds


@dataclass
class Saving:
    """A saving that goes on, or has ended. heard: who hears of it, the last one that asked.

    warnings: what was said before the file was written.  answered: its file was handed over; the same call anew writes
    anew.
    """

    task: asyncio.Task[Saved]
    heard: Report | None = None
    warnings: tuple[str, ...] = ()
    upload: bool = False
    answered: bool = False


async def save(
    session: Session,
    videos: str | Path | Sequence[str | Path],
    *,
    wait_seconds: float | None = None,
    upload: bool = False,
    on_progress: Report | None = None,
    files: Files = "anywhere",
    **how: Any,
) -> Saved:
    """Each clip fetched, where it is not there yet; several are joined. Costs nothing at the hub.

    wait_seconds: then TimedOut with an id, by which `get` tells how it stands; the same call again goes on waiting.
    upload: the file is put into the account, too, and has a link.
    how: `filename` and the fields of `JoinOptions`.
    """
    named = one_of(videos)
    key = _id_of(session, named, files, how)
    if wait_seconds is None:
        saved = await _save(session, named, files, on_progress, **how)
        if not upload:
            return saved
        await _keep_saving(session, key, saved, upload=True)
        return await _with_link(session, replace(saved, generation_id=key), None)
    until = session.clock.monotonic() + wait_seconds
    saving = session.saves.get(key)
    if saving is None or saving.answered or await _is_over(saving):
        session.saves.pop(key, None)  # the newest stand last
        work = _save(session, named, files, _heard(session, key), **how)
        saving = session.saves[key] = Saving(session.errand(_saved_and_kept(session, key, work)))
        for old in [one for one, kept in session.saves.items() if kept.task.done()][:-KEPT_SAVES]:
            del session.saves[old]
    saving.heard = on_progress
    saving.upload = saving.upload or upload
    if await wait_until(session.clock, until, saving.task):
        saving.answered = True
        saved = replace(saving.task.result(), generation_id=key)
        if not saving.upload:
            return saved
        await _keep_saving(session, key, saved, upload=True)
        return await _with_link(session, saved, until)
    saving.heard = None
    late = TimedOut(
        "The file is still being written.",
        fix="Call save_video again with the same arguments: it goes on.",
        charged="no",
        generation_id=key,
    )
    late.warnings = saving.warnings
    raise late


def _id_of(session: Session, named: Sequence[str], files: Files, how: Mapping[str, Any]) -> str:
    """The id of a saving: the same for the same arguments, as long as the files here that they name are the same."""
    media = [*named, how.get("music"), how.get("captions")]
    stamps: list[tuple[int, int]] = []
    for one in media:
        with suppress(OSError, ValueError, OxenError):
            found = Path(split_part(str(one))[0]).expanduser().stat() if one and is_path(one) else None
            stamps += [] if found is None else [(found.st_size, found.st_mtime_ns)]
    arguments = sorted((name, str(value)) for name, value in how.items())
    asked = json.dumps([named, files, arguments, stamps, str(session.settings.videos_folder)])
    return SAVE + hashlib.sha256(asked.encode()).hexdigest()[:16]


async def _is_over(saving: Saving) -> bool:
    """Whether a saving has ended without a file, or its file is gone since: then the same call begins anew."""
    if not saving.task.done() or saving.task.cancelled():
        return saving.task.done()
    return saving.task.exception() is None and not await asyncio.to_thread(saving.task.result().file.is_file)


async def _saved_and_kept(session: Session, key: str, work: Coroutine[Any, Any, Saved]) -> Saved:
    saved = await work
    saving = session.saves.get(key)
    keeping = session.errand(_keep_saving(session, key, saved, upload=saving is not None and saving.upload))
    await wait_until(session.clock, session.clock.monotonic() + KEEPING, keeping)
    return saved


async def _keep_saving(session: Session, key: str, saved: Saved, *, upload: bool) -> None:
    """Write down where the file of a saving lies, so that its id is known to every process of this ledger."""
    facts = {"file": str(saved.file), "sha256": saved.sha256, "size": saved.size, "upload": upload}
    try:
        await session.ledger.keep_place(await session.scope(), key, json.dumps(facts))
    except OxenError as error:  # files of one's own are joined without a key, too
        log.info("The id %s is known to this process only: %s", key, error.message)


async def _with_link(session: Session, saved: Saved, until: float | None) -> Saved:
    """The file with its link. It is uploaded once; why there is no link is a warning.

    until: `clock.monotonic()` that bounds the wait, as far as `UPLOADING` lets it; the upload goes on after it.
    """
    from .films.status import UPLOADING

    url, why = None, ""
    if session.settings.upload == "never":
        why = "It was not uploaded: OXEN_VIDEO_UPLOAD=never."
    else:
        linking = session.errand(private_link(session, saved.sha256, saved.file))
        least, most = UPLOADING
        now = session.clock.monotonic()
        try:
            if until is None or await wait_until(session.clock, now + min(most, max(least, until - now)), linking):
                url = await linking
            else:
                why = f'It is being uploaded; get_video(["{saved.generation_id}"]) gives its link in a moment.'
        except OxenError as error:
            why = f"There is no link to it: {error.message} The file is there."
    return replace(saved, url=url, warnings=(*saved.warnings, *([why] if why else [])))


def _heard(session: Session, key: str) -> Report:
    async def tell(progress: Progress) -> None:
        saving = session.saves.get(key)
        if saving is not None:
            saving.warnings = (progress.note,) if progress.note else saving.warnings
            await _told(saving.heard, progress)

    return tell


async def get_saving(session: Session, key: str, wait_seconds: float) -> Video:
    """How a saving stands, in whatever process it was. Raises what it failed with, and NotFound for one that nobody
    knows or whose file is not there any more.
    """
    until = session.clock.monotonic() + wait_seconds
    saving = session.saves.get(key)
    if saving is not None:
        if not await wait_until(session.clock, until, saving.task):
            return Video(status="processing", generation_id=key, warnings=saving.warnings)
        kept, upload = saving.task.result(), saving.upload
    else:
        place = (await session.ledger.kept_places(await session.scope(), [key])).get(key)
        if place is None:
            raise NotFound(
                f"No file is known as {key}: another process writes it still, or has ended before it was written.",
                fix="Call save_video again with the same arguments: it costs nothing.",
                charged="no",
            )
        facts = json.loads(place)
        kept, upload = Saved(Path(facts["file"]), facts["size"], facts["sha256"]), facts["upload"]
    there = await is_still_there(session, str(kept.file), kept.sha256, kept.size)
    if there is None:
        raise NotFound(
            f"The file of {key} was written, and is not at {kept.file} any more: it was moved, changed or deleted.",
            fix="Call save_video again with the same arguments: it costs nothing.",
            charged="no",
        )
    there = replace(there, generation_id=key, warnings=kept.warnings)
    saved = await _with_link(session, there, until) if upload else there
    return Video(
        status="succeeded",
        generation_id=key,
        url=saved.url,
        file=saved.file,
        duration=saved.duration,
        warnings=saved.warnings,
    )


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
    """A file of music: one that lies here, or the sound of a video; with `#t=from,to` a part of it."""
    music, part = (music, None) if isinstance(music, Path) else split_part(music)
    if is_path(music):
        path = held.enter_context(snapshot(music, session.settings, files))
    else:
        path = (await _clip(session, str(music), files, held)).file
    if part is None:
        return path
    heard: bytes = await look(session, "sound_part", path, files, since=part[0], until=part[1])
    cut = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="oxen-video-"))) / "music.wav"
    await asyncio.to_thread(cut.write_bytes, heard)
    return cut


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

    mixed = _mixed(clips)
    if mixed:  # said before anything is written
        await _told(on_progress, Progress(clips[0].file.stem, "joining", FETCHED, note=" ".join(mixed)))
    with part_file(place.parent, ".mp4") as part:
        await join_files(session, [clip.file for clip in clips], part, _rising(told), how, files)
        saved = await settled(session, part, place)
    return replace(saved, warnings=(*mixed, *(word for clip in clips for word in clip.warnings)))


NEARLY = 0.5  # frames a second by which clips may differ unnoticed
MOST_FPS = 60


def _mixed(clips: Sequence[Saved]) -> list[str]:
    """Words where clips of different shapes, sizes or frame rates stand in one film: the first one's frame is the
    film's, and the highest rate.
    """
    found: list[str] = []
    shapes = {round(clip.width / clip.height, 2): clip for clip in clips if clip.width and clip.height}
    sizes = {(clip.width, clip.height): clip for clip in clips if clip.width and clip.height}
    rates = sorted({round(clip.fps, 1) for clip in clips if clip.fps})
    size = f"{clips[0].width} × {clips[0].height}"
    if len(shapes) > 1:
        told = ", ".join(f"{clip.width} × {clip.height}" for clip in shapes.values())
        found.append(f"The clips have different shapes ({told}): the film is {size}, with bars.")
    elif len(sizes) > 1:
        told = ", ".join(f"{width} × {height}" for width, height in sizes)
        found.append(f"The clips have different sizes ({told}): the film is {size}.")
    if rates and rates[-1] - rates[0] > NEARLY:
        told = ", ".join(f"{rate:g}" for rate in rates)
        found.append(f"The clips have {told} frames a second: the film has {min(rates[-1], MOST_FPS):g}.")
    return found


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
COMPARED_AT_ONCE = 4


@dataclass(frozen=True)
class Comparison:
    """Several videos side by side. sheet: a JPEG with a row for each that could be read, under its number.

    seen: those that could be read, by their numbers from 1.  unread: why the others could not.
    """

    seen: Mapping[int, Inspection]
    unread: Mapping[int, OxenError]
    sheet: bytes = field(repr=False)

    @property
    def videos(self) -> tuple[Inspection, ...]:
        """Those that could be read, in their order."""
        return tuple(self.seen.values())


async def compare_videos(session: Session, videos: Sequence[str | Path], files: Files) -> Comparison:
    """What several videos look like, each as one numbered row of frames. One that can't be read holds up no other.

    Raises what `inspect_video` raises where none could be read.
    """
    from ..media.contact_sheet import stacked
    from ..media.pool import stack_in_child

    named = one_of(videos)
    if len(named) > MOST_COMPARED:
        raise InvalidRequest(f"At most {MOST_COMPARED} videos can be looked at together, not {len(named)}.")
    seen: dict[int, Inspection] = {}
    unread: dict[int, OxenError] = {}
    gate = asyncio.Semaphore(COMPARED_AT_ONCE)

    async def look_at(number: int, video: str) -> None:
        async with gate:
            try:
                seen[number] = await inspect_video(session, video, files, row=number)
            except OxenError as error:
                unread[number] = error

    async with asyncio.TaskGroup() as looking:
        for number, one in enumerate(named, 1):
            looking.create_task(look_at(number, one))
    if not seen:
        raise unread[min(unread)]
    seen = dict(sorted(seen.items()))
    sheets = [one.sheet for one in seen.values()]
    if session.isolated is None:
        return Comparison(seen, unread, await asyncio.to_thread(stacked, sheets))
    return Comparison(seen, unread, await stack_in_child(sheets, caller=session.isolated))


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
