"""Media that a request names → what they are (for the request's key), and URLs that the hub can read (for its body).

A medium is an https URL, a local file, or the id of an earlier generation. Where a tool's words come from a language
model, local files must lie inside the allowed folders, after every symbolic link has been followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..catalog.dimensions import ratio
from ..catalog.validate import unsuitable_media
from ..errors import (
    InputNotAllowed,
    InputUnreadable,
    InvalidRequest,
    NotFound,
    NotInstalled,
    OxenError,
    RateLimited,
    TimedOut,
)
from ..files import ENOUGH, media_kind, part_file
from ..ledger.records import LOCAL, ClipRef
from ..redaction import redact
from ..retries import poll
from .identifiers import link_name
from .local_files import (
    INSTEAD,
    KEPT,
    MEBI,
    SHOWN,
    Files,
    allowed,
    cast_folder,
    fingerprint_of,
    join_files,
    look,
    opened,
    roots,
    shorten,
    snapshot,
    unreadable,
)
from .results import expires_at

if TYPE_CHECKING:
    from ..catalog.body_builder import MediaPlace
    from ..hub.uploads import LocalFile
    from ..media.probe import Measures
    from ..request import VideoRequest
    from ..settings import Settings
    from .plan import Plan
    from .session import Session

__all__ = [
    "MEBI",
    "Files",
    "allowed",
    "content_hash",
    "fingerprint",
    "fingerprints",
    "is_film",
    "is_generation",
    "is_path",
    "is_url",
    "one_of",
    "private_link",
    "roots",
    "to_public_url",
]


log = logging.getLogger(__name__)

RENEWALS = (0.0, 1.0, 3.0, 8.0)  # seconds before each reading of the record for a link that works
_ID = re.compile(r"(?:sync-|film-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-\d+)?", re.I)
_URL = re.compile(r"[a-z][a-z0-9+.-]*:(?://|[^\\])", re.I)


def is_url(reference: str) -> bool:
    """Whether it is some URL (a Windows drive is none)."""
    kept = reference.startswith((KEPT, MADE, CUT))
    return bool(_URL.match(reference)) and not kept and not re.match(r"[a-z]:", reference, re.I)


def is_generation(reference: str) -> bool:
    """Whether it looks like the id of a generation."""
    return bool(_ID.fullmatch(reference.strip()))


CUT = "cut:"  # before what is taken of a video or a sound, and the medium: `cut:last:…`, `cut:3,7.5:…`
MADE = "made:"  # before the clip key, take and part of a picture that is made for a request


def is_made(reference: str) -> bool:
    """Whether it names a picture that is made for a request: a sheet of the cast, or a still."""
    return reference.startswith(MADE)


def is_film(reference: str | Path) -> bool:
    """Whether it looks like the id of a film."""
    return is_generation(str(reference)) and str(reference).strip().startswith("film-")


def is_path(reference: str | Path) -> bool:
    """Whether it names a file here: it has a folder or a suffix, as no id has."""
    named = str(reference)
    if isinstance(reference, Path):
        return True
    return not (is_url(named) or is_generation(named)) and ("/" in named or "\\" in named or bool(Path(named).suffix))


async def fingerprint(session: Session, reference: str, files: Files) -> str:
    """What a medium is, wherever it lies. Raises InputNotAllowed, InputUnreadable."""
    if is_made(reference):
        return reference
    if is_cut(reference):
        what, base = _what_of(reference)
        return f"{await fingerprint(session, base, files)}#{what}"
    base, part = split_part(reference)
    if part is not None:  # as it was asked for
        return f"{await fingerprint(session, base, files)}#t={_span(part)}"
    if is_generation(reference):
        return f"generation:{reference.strip().lower()}"
    if is_url(reference):
        return f"url:{link_name(_allowed_url(reference, session.settings.base_url))}"
    return await asyncio.to_thread(fingerprint_of, reference, session.settings, files)


async def fingerprints(session: Session, references: Sequence[str], files: Files) -> dict[str, str]:
    """What each of several media is. Raises InputNotAllowed, InputUnreadable."""
    return {one: await fingerprint(session, one, files) for one in references}


async def to_public_url(session: Session, reference: str, files: Files, *, known_as: str | None = None) -> str:
    """A URL that the hub can read: the link itself, an earlier result's, or that of a file just uploaded.

    known_as: the fingerprint under which it was planned; a file that has another by now is not sent.

    Raises InputNotAllowed, InputUnreadable, NotFound, HubUnavailable.
    """
    hub = await session.hub()
    if is_made(reference):
        return await _result(session, await _made_picture(session, reference))
    if is_cut(reference):
        return str(await hub.upload(await _cut_of(session, reference, files, known_as)))
    if is_generation(reference):
        return await _result(session, reference.strip())
    if is_url(reference):
        return await hub.fetchable(_allowed_url(reference, hub.base_url))
    file = await asyncio.to_thread(_taken, reference, session.settings, files)
    if known_as is not None and known_as != f"sha256:{file.sha256}":
        raise InputUnreadable(
            f"{shorten(reference)} changed while the video was prepared; nothing was sent.",
            fix="Call again: then the file as it is now is used.",
            charged="no",
        )
    return str(await hub.upload(file))


async def private_link(session: Session, content: str, file: Path | None = None) -> str | None:
    """A fresh link to a file of ours that the account keeps at the hub; None for one that is not there.

    content: its SHA-256.
    file: is put there, whole, where it is not yet; however many ask, it is sent once.
    Raises InputUnreadable for a file
    that is too large for the hub or is another by now, and what the hub refuses with.
    """
    hub, scope = await session.hub(), await session.scope()
    place = (await session.ledger.kept_places(scope, [content])).get(content)
    if place is not None:
        try:
            return await hub.private_link(place)
        except NotFound:  # somebody tidied up
            log.info("A film is not at the hub any more")
    if file is None:
        return None
    sending = session.uploads.get(content)
    if sending is None:
        sending = session.uploads[content] = session.errand(_put(session, scope, content, file))
        sending.add_done_callback(lambda _: session.uploads.pop(content, None))
    return await hub.private_link(await asyncio.shield(sending))


async def _put(session: Session, scope: str, content: str, file: Path) -> str:
    from ..hub.uploads import read_local_file

    found = await asyncio.to_thread(read_local_file, file)
    if found.sha256 != content:
        raise InputUnreadable(f"{file.name} is another file by now.", charged="no")
    place: str = await (await session.hub()).upload_private(found)
    await session.ledger.keep_place(scope, content, place)
    return place


def _taken(reference: str | Path, settings: Settings, files: Files) -> LocalFile:
    from ..hub.uploads import local_file

    with opened(reference, settings, files) as found:
        return local_file(found.path.name, found.content())


async def _result(session: Session, generation_id: str) -> str:
    hub = await session.hub()
    if generation_id.startswith(LOCAL) or is_film(generation_id):
        kept = await session.saved(generation_id)
        if kept is None:
            raise InputUnreadable(f"Of {generation_id} no file was kept.", fix="Give a file or an https URL.")
        file = await asyncio.to_thread(_taken, kept[0], session.settings, "anywhere")
        if kept[1] is not None and kept[1] != file.sha256:
            raise InputUnreadable(f"The file of {generation_id} is another by now.", fix="Give a file or an https URL.")
        return str(await hub.upload(file))
    link = None
    async for _ in poll(RENEWALS, clock=session.clock):
        generation = await hub.get(generation_id)
        link = generation.url or link
        ends = expires_at(generation.url)
        if generation.status != "succeeded" or (
            generation.url and (ends is None or session.clock.time() < ends.timestamp())
        ):
            break  # else its link is over, or not shown yet: read again
    if not link:
        raise InputUnreadable(
            f"{generation_id} is {generation.status}: it has no picture yet.",
            fix=f"Wait for it with get_video(generation_ids=[{generation_id!r}]).",
        )
    return link  # one that seems to be over is sent all the same: this machine's clock may be wrong


async def _made_picture(session: Session, reference: str) -> str:
    """The generation that is a sheet or a still. Raises InputUnreadable."""
    try:
        key, take, part = reference.removeprefix(MADE).split("/")
        [made] = await session.ledger.parts_of(await session.scope(), [ClipRef(key, int(take), int(part))])
        job = made.job if made.state in ("running", "done") else None
    except ValueError:
        job = None
    if job is None or not job.generation_ids:
        raise InputUnreadable("A still or a sheet of the cast is not there.", fix="Call again: it is made first.")
    return job.generation_ids[0]


def _allowed_url(reference: str, base_url: str) -> str:
    try:
        parts, home = urlsplit(reference), urlsplit(base_url)
        same = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
    except ValueError:
        raise InputNotAllowed(f"{redact(reference)[:SHOWN]} is no URL.", fix=INSTEAD) from None
    if parts.scheme == "data":
        raise InputNotAllowed("Inline data is not taken for videos.", fix=INSTEAD)
    if parts.scheme != "https" and not same:
        raise InputNotAllowed(f"{shorten(reference)} is no https URL.", fix=INSTEAD)
    return reference


def content_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Never follows a link that took the file's place meanwhile."""
    whole = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            while chunk := file.read(MEBI):
                whole.update(chunk)
    except OSError as error:
        raise unreadable(path, error) from None
    return whole.hexdigest()


def one_of(videos: str | Path | Sequence[str | Path]) -> list[str]:
    """One video or several, as a list. Raises InvalidRequest for none."""
    found = [str(videos)] if isinstance(videos, (str, Path)) else [str(one) for one in videos]
    if not found:
        raise InvalidRequest("No video was named.", fix="Give at least one generation id.")
    return found


# A part of a medium, as the W3C's media fragments name it: `…#t=3,7.5`, `…#t=10`, `…#t=,4`, times also as 1:02.5.

_FRAGMENT = re.compile(r"#t=(?:npt:)?([0-9:.]*)(?:,([0-9:.]+))?$")
MediaPart = tuple[float, float | None]


def split_part(reference: str) -> tuple[str, MediaPart | None]:
    """A reference without its fragment, and the seconds that it names. Raises InvalidRequest for no times."""
    found = _FRAGMENT.search(reference)
    if found is None:
        return reference, None
    begin, end = found.groups()
    try:
        if not begin and end is None:
            raise ValueError
        part = (_seconds_in(begin) if begin else 0.0, _seconds_in(end) if end is not None else None)
    except ValueError:
        raise InvalidRequest(
            f"{found.group()} names no time.", fix="Write #t=from,to in seconds, such as #t=3,7.5."
        ) from None
    if part[1] is not None and part[0] >= part[1]:
        raise InvalidRequest(f"Nothing lies between {part[0]:g} s and {part[1]:g} s.", fix="Write #t=from,to.")
    return reference[: found.start()], part


def _seconds_in(text: str) -> float:
    total = 0.0
    for number in text.split(":"):
        total = total * 60 + float(number)
    return total


# A frame of a video where a request wants a picture, and a part of a video or sound: taken here, sent as a file.

FRAMES = {"start_image": "last", "end_image": "first"}  # which frame a whole video means there; "middle" elsewhere
_PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".heic", ".bmp", ".tiff")


def is_cut(reference: str) -> bool:
    """Whether it names a frame or a part of a medium, as `with_cuts` writes it."""
    return reference.startswith(CUT) and reference.count(":") > 1


def base_of(reference: str) -> str:
    """The medium that a frame or part is taken of; any other reference as it is."""
    return _what_of(reference)[1] if is_cut(reference) else reference


def part_of_cut(reference: str) -> tuple[str, MediaPart | None]:
    """The medium and the seconds that are taken of it; None for a frame, and for a whole medium."""
    if not is_cut(reference):
        return reference, None
    what, base = _what_of(reference)
    return base, split_part(f"#t={what}")[1] if "," in what else None


def cut_begins(reference: str) -> tuple[str, float] | None:
    """The medium of a frame or part and the second at which that begins; None for "first", "last" and "middle"."""
    if not is_cut(reference):
        return None
    what, base = _what_of(reference)
    return None if what.isalpha() else (base, float(what.partition(",")[0]))


def _what_of(reference: str) -> tuple[str, str]:
    what, _, base = reference.removeprefix(CUT).partition(":")
    return what, base


def _span(part: MediaPart) -> str:
    return f"{part[0]:g}" if part[1] is None else f"{part[0]:g},{part[1]:g}"


async def with_cuts(session: Session, request: VideoRequest, files: Files) -> tuple[VideoRequest, list[str]]:
    """The request with the frames and parts that its media mean, and a word on each frame for the plan.

    Raises InvalidRequest for a part where a picture is wanted.
    """
    words: dict[str, None] = {}
    changed: dict[str, Any] = {}

    async def frame(name: str, reference: str) -> str:
        base, part = split_part(reference)
        if part is not None and part[1] is not None:
            raise InvalidRequest(
                f"{name}: #t={_span(part)} is a part, and a picture is wanted there.",
                fix=f"Name one frame: #t={part[0]:g}.",
                charged="no",
            )
        if part is None and not await _is_video(session, base, files):
            return reference
        what = FRAMES.get(name, "middle") if part is None else _span(part)
        said = f"the {what} frame" if part is None else f"the frame at {what} s"
        words[f"{name}: {said} of {shorten(base)} is taken."] = None
        return f"{CUT}{what}:{base}"

    def part_in(reference: str) -> str:
        base, part = split_part(reference)
        if part is None:
            return reference
        return f"{CUT}{part[0]:g},{'' if part[1] is None else format(part[1], 'g')}:{base}"

    for name in ("start_image", "end_image"):
        if one := getattr(request, name):
            changed[name] = await frame(name, one)
    if request.input_image:
        changed["input_image"] = [await frame("input_image", one) for one in request.input_image]
    if any(member.images for member in request.cast):
        changed["cast"] = [
            member.model_copy(update={"images": [await frame(f"cast {member.name}", one) for one in member.images]})
            for member in request.cast
        ]
    for name in ("input_video", "input_audio"):
        if one := getattr(request, name):
            changed[name] = part_in(one)
    for name in ("input_videos", "input_audios"):
        changed[name] = [part_in(one) for one in getattr(request, name)]
    changed = {name: value for name, value in changed.items() if value != getattr(request, name)}
    return (request.model_copy(update=changed) if changed else request), list(words)


async def _is_video(session: Session, reference: str, files: Files) -> bool:
    """Whether a medium is a whole video. What can't be looked at is left to the look before paying."""
    if is_made(reference) or is_cut(reference):
        return False
    try:
        if is_film(reference):
            return True
        if reference.strip().startswith(LOCAL):
            kept = await session.saved(reference.strip())
            head = (
                b"" if kept is None else await asyncio.to_thread(_head_of, str(kept[0]), session.settings, "anywhere")
            )
        elif is_generation(reference):
            record = await (await session.hub()).get(reference.strip())
            return record.status == "succeeded" and (record.media_type or "video") == "video"
        elif is_url(reference):
            if urlsplit(reference).path.lower().endswith(_PICTURE_NAMES):
                return False
            head = (await (await session.hub()).peek(reference)).head
        else:
            head = await asyncio.to_thread(_head_of, reference, session.settings, files)
    except (OxenError, ValueError):
        return False
    known = media_kind(head)
    return known is not None and known[0] == "video"


def _whole(place: MediaPlace) -> MediaPlace:
    """The place of a frame or part as that of the medium that it is taken of."""
    if not is_cut(place.reference):
        return place
    return replace(place, reference=base_of(place.reference), kind="audio" if place.kind == "audio" else "video")


async def _cut_of(session: Session, reference: str, files: Files, known_as: str | None) -> LocalFile:
    from ..hub.uploads import read_local_file

    place = await cut_file(session, reference, files, known_as=known_as)
    found = await asyncio.to_thread(read_local_file, place)
    suffix = {"image": ".png", "video": ".mp4"}.get(found.kind, ".wav")
    return replace(found, name=f"{place.name[:12]}{suffix}")


async def cut_file(session: Session, reference: str, files: Files, *, known_as: str | None = None) -> Path:
    """A frame as PNG, a part as MP4 or WAV: made once, kept beside the ledger by what it is taken of.

    known_as: as in `to_public_url`.
    Raises InputUnreadable, InputNotAllowed, InvalidRequest, NotFound, NotInstalled.
    """
    told = await fingerprint(session, reference, files)
    if known_as is not None and known_as != told:
        raise InputUnreadable(
            f"{shorten(base_of(reference))} changed while the video was prepared; nothing was sent.",
            fix="Call again: then the file as it is now is used.",
            charged="no",
        )
    name = _cut_name(await session.scope(), told)
    place = cast_folder(session.settings, "cuts") / name
    if not await asyncio.to_thread(place.is_file):
        making = session.cuts.get(name)
        if making is None:
            making = session.cuts[name] = session.errand(_make_cut(session, reference, files, place))
            making.add_done_callback(lambda _: session.cuts.pop(name, None))
        await asyncio.shield(making)
        await _prune_cuts(session, place)
    now = session.clock.time()
    with suppress(OSError):
        await asyncio.to_thread(os.utime, place, (now, now))  # used now: it is kept
    return place


# Frames and parts lie beside the ledger, so that a job that goes on tomorrow finds them; those that nobody needs go.

CUTS_KEPT = 7 * 86_400.0  # seconds after their last use
CUTS_NEW = 3600.0  # seconds in which nothing is taken away: a job is just being prepared with it
CUTS_LARGEST = 2 * 1024 * MEBI  # bytes of all of them
OPEN_FILMS = 90 * 86_400.0  # seconds: films that were begun since and not finished keep what they were planned with


async def _prune_cuts(session: Session, made: Path) -> None:
    """Take away what is old, and the oldest of what is too much; never what an unfinished film was planned with."""
    from .films.record import clips_in

    now = session.clock.time()
    needed = {made.name}
    for film in await session.ledger.open_films(now - OPEN_FILMS):
        media = (one.reference for clip in clips_in(film) for one in clip.job.media)
        needed.update(_cut_name(film.scope, told) for told in media)
    await asyncio.to_thread(_prune, made.parent, needed, now)


def _prune(folder: Path, needed: Collection[str], now: float) -> None:
    found: list[tuple[float, int, Path]] = []
    with suppress(OSError):
        for file in folder.iterdir():
            with suppress(OSError):
                facts = file.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    found.append((facts.st_mtime, facts.st_size, file))
    total = sum(size for _, size, _ in found)
    for used, size, file in sorted(found):
        if (used > now - CUTS_KEPT and total <= CUTS_LARGEST) or used > now - CUTS_NEW:
            continue
        if file.name not in needed:
            with suppress(OSError):
                file.unlink()
                total -= size


def _cut_name(scope: str, told: str) -> str:
    """The name of the file of a frame or part. told: its fingerprint."""
    return hashlib.sha256(f"{scope} {told}".encode()).hexdigest()


async def _make_cut(session: Session, reference: str, files: Files, place: Path) -> Path:
    what, base = _what_of(reference)
    _, part = part_of_cut(reference)
    async with AsyncExitStack() as held:
        if _is_local(base):
            path = held.enter_context(snapshot(base, session.settings, files))
        else:
            path = await held.enter_async_context(session.local_copy(session, base, files))
        await asyncio.to_thread(place.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
        head = await asyncio.to_thread(_start_of, path)
        try:
            partial = held.enter_context(part_file(place.parent, ".mp4"))
            if part is not None and (known := media_kind(head)) is not None and known[0] == "video":
                await join_files(session, [path], partial, lambda _: None, {"parts": [part]}, files)
            else:
                if part is not None:
                    made = await look(session, "sound_part", path, files, since=part[0], until=part[1])
                elif what == "last":
                    made = await look(session, "last_frame", path, files)
                else:
                    at = {"first": 0.0, "middle": None}[what] if what.isalpha() else float(what)
                    made = await look(session, "frame_at", path, files, at=at)
                await asyncio.to_thread(partial.write_bytes, made)
            await asyncio.to_thread(partial.replace, place)
        except OSError as error:
            raise InputUnreadable(f"A frame or part can't be kept: {error.strerror}.", fix="Make room.") from None
    return place


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(ENOUGH)


# Local media held against what the model wants of them, before anything is uploaded or paid.


async def check_local_media(session: Session, plan: Plan, files: Files) -> Plan:
    """The plan, with a warning for what its local files are too much or too little of.

    What can't be read is left to whoever uploads it.
    """
    places = [place for job in plan.jobs for place in job.media if place.limits and _is_local(place.reference)]
    if not places:
        return plan
    warnings = await _held(session, places, files)
    return replace(plan, warnings=(*plan.warnings, *warnings))


async def check_frames(session: Session, plan: Plan, files: Files) -> Plan:
    """A film's plan, with a warning where its clips will have different shapes: the first one's frame is the film's.

    A first frame that lies here tells the shape of its clip, else the `aspect_ratio` that is sent; others are unknown.
    """
    shapes: list[tuple[float, str]] = []
    for job in plan.jobs if plan.film == "separate shots" else ():
        frames = [place.reference for place in job.media if place.kind == "image" and place.role == "first_frame"]
        facts = await _measures(session, frames[0], files) if frames and _is_local(frames[0]) else None
        sent = job.body.get("aspect_ratio")
        if facts is not None and facts.width and facts.height:
            shapes.append((facts.width / facts.height, f"{job.name} begins with {facts.width} × {facts.height}"))
        elif not frames and (wide := ratio(sent)):
            shapes.append((wide, f"{job.name} is {sent}"))
    other = next((one for one in shapes if abs(one[0] / shapes[0][0] - 1) > SAME_SHAPE), None)
    if other is None:
        return plan
    word = f"{shapes[0][1]}, {other[1]}: the film has the first one's frame, others get bars."
    return replace(plan, warnings=(*plan.warnings, f"{word} aspect_ratio makes them equal."))


SAME_SHAPE = 0.03  # by which two shapes may differ without bars that anybody sees


# What a request names is looked at before anything is paid for it: a link that is dead, an id that nobody knows and a
# picture where a video belongs would fail at the hub, and some hubs bill that.

LOOKS_AT_ONCE = 8
GONE = (404, 410)  # by which a server says for certain that there is nothing


async def check_inputs(
    session: Session, plan: Plan, places: Sequence[MediaPlace], files: Files, *, lenient: bool
) -> Plan:
    """The plan with what is wrong with its media: problems where that is certain, else warnings.

    places: where the media of the clips stand that are to be paid for, by reference.
    lenient: what may not be read is a problem, too; else InputNotAllowed and InputUnreadable are raised.
    """
    words = _words_of(plan.request)
    named = [replace(one, path=(words.get(one.reference, one.path[0]), *one.path[1:])) for one in places]
    named = [_whole(one) for one in named]
    wanted = {(one.reference, one.kind): one for one in named if not is_made(one.reference)}
    gate = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look_at(place: MediaPlace) -> tuple[str, str]:
        async with gate:
            return await _looked_at(session, place, files, lenient=lenient)

    found = await asyncio.gather(*map(look_at, wanted.values()))
    problems = dict.fromkeys(problem for problem, _ in found if problem and problem not in plan.problems)
    warnings = dict.fromkeys(warning for _, warning in found if warning)
    if not problems and not warnings:
        return plan
    return replace(plan, problems=(*plan.problems, *problems), warnings=(*plan.warnings, *warnings))


def _words_of(request: VideoRequest) -> dict[str, str]:
    """The argument of the request that each medium came by; its model may call it otherwise."""
    several = {name: getattr(request, name) for name in ("input_image", "input_videos", "input_audios")}
    found = {one: name for name, references in several.items() for one in references}
    for name in ("start_image", "end_image", "input_video", "input_audio"):
        if one := getattr(request, name):
            found[one] = name
    return found | {one: f"cast {member.name}" for member in request.cast for one in member.images}


async def _looked_at(session: Session, place: MediaPlace, files: Files, *, lenient: bool) -> tuple[str, str]:
    """What is certainly wrong with a medium, and what may be."""
    reference, name = place.reference, f"{place.path[0]} {shorten(place.reference)}"
    try:
        if is_generation(reference):
            return await _generation_looked_at(session, place), ""
        if is_url(reference):
            _allowed_url(reference, session.settings.base_url)
            return await _link_looked_at(session, place, name)
        head = await asyncio.to_thread(_head_of, reference, session.settings, files)
    except NotFound:
        return f"{place.path[0]}: no generation has the id {shorten(reference)}.", ""
    except (InputNotAllowed, InputUnreadable) as error:
        if not lenient:
            raise
        return f"{error.message} {error.fix or ''}".strip(), ""
    except OxenError as error:
        return "", f"{name} could not be looked at: {error.message}"
    return _another_kind(name, place.kind, head), ""


def _head_of(reference: str, settings: Settings, files: Files) -> bytes:
    with opened(reference, settings, files) as found:
        return found.content()[:ENOUGH]


async def _generation_looked_at(session: Session, place: MediaPlace) -> str:
    reference = place.reference.strip()
    if is_film(reference) or reference.startswith(LOCAL):
        return "" if await session.saved(reference) else f"{place.path[0]}: of {reference} no file is here."
    record = await (await session.hub()).get(reference)
    if record.status in ("failed", "cancelled"):
        return f"{place.path[0]}: {reference} is {record.status}; it has no result."
    if record.is_active:
        return f'{place.path[0]}: {reference} is still {record.status}. Wait for it with get_video(["{reference}"]).'
    kind = record.media_type or "video"
    if place.kind in ("image", "video") and kind != place.kind:
        return f"{place.path[0]}: {reference} is {_ARTICLES[kind]}, and {_ARTICLES[place.kind]} is wanted."
    return ""


async def _link_looked_at(session: Session, place: MediaPlace, name: str) -> tuple[str, str]:
    seen = await (await session.hub()).peek(place.reference)
    if seen.unknown:
        raise InputUnreadable(
            f"{name}: there is no such host.",
            fix="It is the link, not the hub: give another one that opens, a path or an id.",
        )
    if seen.status in GONE:
        return f"{name}: there is nothing ({seen.status}). Give a link that opens, a path or an id.", ""
    if seen.status is None or not 200 <= seen.status < 300:
        why = seen.why or f"it answered {seen.status}"
        return "", f"{name} could not be looked at: {why}. The model's server may not be able to read it either."
    return _another_kind(name, place.kind, seen.head), ""


_ARTICLES = {"image": "a picture", "video": "a video", "audio": "a sound", "page": "a web page"}
_PAGE = re.compile(rb"\s*<(?:!doctype html|html|head|body)\b", re.I)


def _another_kind(name: str, wanted: str, head: bytes) -> str:
    """What the first bytes prove to be of another kind than its place takes. A container of video may hold sound alone,
    and what nobody here knows may be anything: neither is a problem.
    """
    known = media_kind(head)
    kind: str | None = "page" if _PAGE.match(head) else known[0] if known else None
    if kind is None or kind == wanted or (wanted == "audio" and kind == "video"):
        return ""
    if wanted == "video" and known is not None and known[1] == "audio/ogg":
        return ""
    return f"{name} is {_ARTICLES[kind]}, and {_ARTICLES[wanted]} is wanted."


async def check_links(plan: Plan, settings: Settings, files: Files) -> Plan:
    """The plan, with a problem for each local file that the paid call would refuse to read."""
    media = dict.fromkeys(base_of(place.reference) for job in plan.jobs for place in job.media)
    named = filter(_is_local, media)
    problems = await asyncio.to_thread(_refused, list(named), settings, files)
    return replace(plan, problems=(*plan.problems, *problems)) if problems else plan


def _refused(references: list[str], settings: Settings, files: Files) -> list[str]:
    found = []
    for reference in references:
        try:
            allowed(reference, settings, files)
        except (InputNotAllowed, InputUnreadable) as error:
            found.append(f"{error.message} {error.fix or ''}".strip())
    return found


def _is_local(reference: str) -> bool:
    return not (is_url(reference) or is_generation(reference) or is_made(reference) or is_cut(reference))


async def _held(session: Session, places: list[MediaPlace], files: Files) -> list[str]:
    found: dict[str, None] = {}
    measured: dict[str, Measures | None] = {}
    for place in places:
        if place.reference not in measured:
            measured[place.reference] = await _measures(session, place.reference, files)
        facts = measured[place.reference]
        if facts is not None:
            found.update(dict.fromkeys(_words(place, facts)))
    return list(found)


async def _measures(session: Session, reference: str, files: Files) -> Measures | None:
    try:
        with ExitStack() as held:
            path = await asyncio.to_thread(held.enter_context, snapshot(reference, session.settings, files))
            found: Measures = await look(session, "measure", path, files)
            return found
    except (InputNotAllowed, InputUnreadable, TimedOut, NotInstalled, RateLimited, OSError):
        return None


def _words(place: MediaPlace, facts: Measures) -> Iterator[str]:
    found = unsuitable_media(
        place.limits,
        size=facts.size,
        width=facts.width,
        height=facts.height,
        seconds=facts.seconds,
        fps=facts.fps,
    )
    for misfit in found:
        yield f"{place.path[0]} {place.reference}: {misfit}."
