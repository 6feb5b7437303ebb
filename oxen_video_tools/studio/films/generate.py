"""Films: several clips that become one file. Begun or gone on with, waited for, and stopped.

What this call pays for was agreed to and is reserved in one transaction before the first clip is paid. The film stands
in the ledger, so that the same call goes on with it from any process, and no clip is paid for twice, in whatever film
it stands.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...clock import wait_until
from ...errors import HubUnavailable, InputUnreadable, InvalidRequest, OxenError, SubmissionUnclear, TimedOut
from ...ledger.films import FilmCancelled, FilmRow, FilmStatus
from ...ledger.records import GenerationRow, Job, dollars, micros
from ..media_inputs import content_hash, is_film, is_generation, to_public_url
from ..pictures import looked_up_again, paying
from ..result_files import keep_file, make_writable
from ..results import Report, Video, iso
from ..settlement import record_observed, settle_costs
from ..videos import SETTLING, shots_of
from .assembly import can_join, fetch_clip, folder_of, keep_film
from .record import clips_in, film_id, frozen
from .runner import FilmRunner
from .status import UPLOADING, about, follow, show, standing_of

if TYPE_CHECKING:
    from ..prepare import Prepared
    from ..session import Session

STOPPING = 20.0  # seconds that cancelling waits for shots which are just being sent


async def make(session: Session, prepared: Prepared, until: float, ready: float, on_progress: Report | None) -> Video:
    """Begin a film or go on with it, and wait. until, ready: `clock.monotonic()` that bounds the wait, and the start.

    Raises what keeps the first clip from being sent: Paused, OverBudget, the hub's refusal; and SubmissionUnclear.
    """
    name = str(prepared.film)
    if prepared.stopped:
        return _with_reuse(replace(await show(session, name), reused=True), prepared, first=False)
    await _check_deliverable(session, prepared)
    starting = session.own(_start(session, prepared))
    if not await wait_until(session.clock, ready, starting):
        raise TimedOut(
            "The time ran out while the film was being begun.",
            charged="unknown",
            generation_id=name,
            fix="Call again with the same arguments: the same request is paid once.",
        )
    runner, first = await starting
    async with about(session, name):
        if runner is not None:
            waiting = asyncio.ensure_future(runner.under_way.wait())
            await wait_until(session.clock, max(until, ready), waiting)
            waiting.cancel()
        await follow(session, name, until, on_progress, lambda: _go_on(session, prepared))
        await _raise_what_stopped_it(session, runner)
        video = await show(session, name, until)
    return _with_reuse(replace(video, reused=not first), prepared, first=first)


def _with_reuse(video: Video, prepared: Prepared, *, first: bool) -> Video:
    """The shots that this call did not pay for are those of other calls."""
    paid = {shot for number in prepared.pays for shot in (prepared.clips[number].job.shots or (number,))}
    shots = tuple(replace(one, reused=not (first and one.shot - 1 in paid)) for one in video.shots)
    return replace(video, shots=shots, take=prepared.terms.take)


async def _check_deliverable(session: Session, prepared: Prepared) -> None:
    """Whether the film could be delivered, and its media be read; said before anything is paid."""
    if not prepared.pays:
        return
    try:
        await asyncio.to_thread(make_writable, session.settings.videos_folder)
    except InputUnreadable as error:
        raise InputUnreadable(
            f"{error.message.partition(' The video')[0]} A film is joined there; nothing was sent.",
            fix="Make room, or set OXEN_VIDEO_OUTPUT_DIR to a folder that can be written.",
            charged="no",
        ) from None
    for told, reference in prepared.media.items():
        await to_public_url(session, reference, prepared.terms.files, known_as=told)


def _row(session: Session, prepared: Prepared, scope: str) -> FilmRow:
    """The film as it is written down."""
    way = prepared.plan.film or "separate shots"
    name = prepared.film or film_id(scope, [clip.ref for clip in prepared.clips], way)
    return FilmRow(
        film=name,
        scope=scope,
        request=prepared.call or f"{name}+new",
        take=prepared.terms.take or 1,
        way=way,
        model=prepared.plan.model,
        jobs=frozen(prepared.clips),
        asked=dict(prepared.asked),
        agreed=prepared.agreed,
        created=session.clock.time(),
    )


async def _start(session: Session, prepared: Prepared) -> tuple[FilmRunner | None, bool]:
    """Who makes it here, if anybody; None where another process does, or nothing is left to be done. And whether this
    call has begun it.
    """
    scope, ledger = await session.scope(), session.ledger
    row = prepared.standing.film if prepared.standing is not None else _row(session, prepared, scope)
    here: FilmRunner | None = session.films.get(row.film)
    if here is not None:
        return here, False
    budget = None if session.settings.budget is None else micros(session.settings.budget)
    intents = [
        prepared.clips[number].intent(scope, row.asked, session.settings.route, film=row.film)
        for number in prepared.pays
    ]
    if prepared.pays:
        intents += [one.intent(scope, row.film) for one in paying(prepared.pictures)]
    lease = (ledger.owner, session.clock.time(), ledger.lease, budget)
    runner = FilmRunner(session, row, prepared)
    if prepared.standing is None and await ledger.start_film(row, intents, *lease):
        return runner.begin(), True
    here = session.films.get(row.film)
    if here is not None or prepared.standing is None or _is_delivered(await standing_of(session, row.film)):
        return here, False
    if not await ledger.start_film(row, intents, *lease, agreed=prepared.agreed):
        return None, False
    here = session.films.get(row.film)  # another call of this process may have been quicker
    return here or runner.begin(), False


def _is_delivered(found: FilmStatus) -> bool:
    """Whether nothing is left to be done, or nothing can be done here."""
    file = found.film.file
    there = Path(file).is_file() if file else not can_join()
    return found.film.state == "delivered" and found.is_shot and there


async def _go_on(session: Session, prepared: Prepared) -> bool:
    """Whoever made it is gone: go on here with what was never paid, within what was agreed to."""
    found, now = await standing_of(session, str(prepared.film)), session.clock.time()
    pays = tuple(part.number for part in found.in_state("open") if not part.is_taken(now))
    needed = sum(prepared.clips[number].share or _reserve(prepared, number) for number in pays)
    pictures = await looked_up_again(session, prepared.pictures)
    needed += sum(one.share for one in paying(pictures)) if pays else 0
    if session.closing or found.spent + needed > found.film.agreed:
        return False
    clips_ = tuple(
        replace(clip, share=clip.share or _reserve(prepared, number)) for number, clip in enumerate(prepared.clips)
    )
    again = replace(prepared, standing=found, pays=pays, clips=clips_, pictures=pictures)
    await asyncio.wait({starting := session.own(_start(session, again))})
    starting.result()
    return True


def _reserve(prepared: Prepared, number: int) -> int:
    """What a clip reserves that this call was not to pay for."""
    price = prepared.clips[number].job.price.usd
    return 0 if price is None else micros(price)


async def _raise_what_stopped_it(session: Session, runner: FilmRunner | None) -> None:
    error = runner.error if runner is not None else None
    if error is None or runner is None:
        return
    found = await standing_of(session, runner.film.film)
    if isinstance(error, SubmissionUnclear) or not (found.is_begun or found.in_state("running", "done")):
        raise error


# -- a lasting address: film, shots, storyboard and receipt as a commit ------------------------------------------------

LARGEST_COMMIT = 1_000_000_000  # bytes, all files of a film together


WANTED = "wanted"  # in the place of an address in a repository, until the film is there
REFUSED = "refused"  # the repository can't be: only who asks again tries again
COMMITTING = 600.0  # seconds after which a commit whose process is gone is made by another


async def keep_in_repository(session: Session, video: Video, repository: str) -> Video:
    """The video with the lasting address under which an Oxen repository has it. The same film is committed once.

    One that is not finished is kept by whatever call fetches it then. Whatever goes wrong here is a warning: the video
    is there, and the same call tries again, free.
    """
    if not video.generation_id or video.status in ("failed", "cancelled"):
        return video
    scope, content = await session.scope(), _content(video.generation_id, repository)
    if not await session.ledger.swap_place(scope, content, None, WANTED):
        await session.ledger.swap_place(scope, content, REFUSED, WANTED)
    if video.status != "succeeded":
        later = f"It will be kept in {repository} by the call that fetches it once it is finished; that costs nothing."
        return replace(video, warnings=(*video.warnings, later))
    return await keep_where_wanted(session, video, None)


def _content(generation_id: str, repository: str) -> str:
    return f"repository:{generation_id}:{repository}"


async def wanted(session: Session, generation_id: str) -> dict[str, str]:
    """The repositories in which a video is to be kept, with its address there or how far that is."""
    beginning = _content(generation_id, "")
    found = await session.ledger.places_beginning(await session.scope(), beginning)
    return {content.removeprefix(beginning): place for content, place in found.items()}


async def keep_where_wanted(session: Session, video: Video, until: float | None) -> Video:
    """A finished video with its address in the repositories that were named for it; it is committed where it is not.

    until: `clock.monotonic()` that bounds the wait, as far as `UPLOADING` lets it; the commit goes on after it.
    """
    if video.status != "succeeded" or not is_generation(video.generation_id):
        return video
    for repository, place in (await wanted(session, video.generation_id)).items():
        if place == REFUSED:
            continue
        if place.startswith(("http://", "https://")):
            video = replace(video, repository=place)
            continue
        content, (least, most) = _content(video.generation_id, repository), UPLOADING
        committing = session.uploads.get(content)
        if committing is None:
            committing = session.uploads[content] = session.errand(_commit_once(session, video, repository, place))
            committing.add_done_callback(lambda _, content=content: session.uploads.pop(content, None))  # type: ignore[misc]  # bound at once
        now = session.clock.monotonic()
        try:
            if until is not None:
                patience = min(most, max(least, until - now))
                if not await wait_until(session.clock, now + patience, committing):
                    raise HubUnavailable("That takes its time and goes on.")
            video = replace(video, repository=await asyncio.shield(committing))
        except OxenError as error:
            said = f"It could not be kept in {repository}: {error.message} The same call tries again, free."
            video = replace(video, warnings=(*video.warnings, said))
    return video


async def _commit_once(session: Session, video: Video, repository: str, seen: str) -> str:
    """Commit a video that nobody else commits: the one who writes down that it does, does."""
    scope, ledger, content = await session.scope(), session.ledger, _content(video.generation_id, repository)
    now = session.clock.time()
    mine = f"{WANTED} {now} {ledger.owner}"
    begun = float(seen.split()[1]) if seen.startswith(f"{WANTED} ") else 0.0
    if begun + COMMITTING > now or not await ledger.swap_place(scope, content, seen, mine):
        place = (await ledger.kept_places(scope, [content])).get(content)
        if place is not None and place.startswith(("http://", "https://")):
            return place
        raise HubUnavailable("Another call does that just now.", charged="no")
    try:
        address = await _commit(session, video, repository)
    except BaseException as error:
        await ledger.swap_place(scope, content, mine, REFUSED if isinstance(error, InvalidRequest) else WANTED)
        raise
    await ledger.swap_place(scope, content, mine, address)
    return address


async def _commit(session: Session, video: Video, repository: str) -> str:
    film = is_film(video.generation_id)
    saved = await (keep_film if film else keep_file)(session, video.generation_id)
    shots, clips = await (_shots_of_film if film else _shots_of_video)(session, video)
    receipt = {
        "generation_id": video.generation_id,
        "model": video.model,
        "created": video.created and iso(video.created),
        "seconds": saved.duration,
        "cost_usd": None if video.cost_usd is None else str(video.cost_usd),
        "cost_is": video.cost_is,
        "sha256": saved.sha256,
        "shots": shots,
    }
    board = {"multi_prompt": [{"prompt": shot["prompt"], "duration": shot["seconds"]} for shot in shots]}
    name = f"film{saved.file.suffix}"
    files = {name: saved.file, **clips}
    if sum(file.stat().st_size for file in files.values()) > LARGEST_COMMIT:
        raise InputUnreadable(f"Film and shots are larger than {LARGEST_COMMIT // 10**6} MB.", charged="no")
    parts = [(one, await asyncio.to_thread(file.read_bytes), "video/mp4") for one, file in files.items()]
    for one, told in (("storyboard.json", board), ("receipt.json", receipt)):
        parts.append((one, json.dumps(told, ensure_ascii=False, indent=1).encode(), "application/json"))
    message = f"Add {saved.file.stem}, {name_count(len(shots))}"
    folder = await (await session.hub()).commit(repository, f"films/{saved.file.stem}", parts, message=message)
    await asyncio.to_thread(shutil.rmtree, folder_of(session, video.generation_id), ignore_errors=True)
    return f"{folder}/{name}"


def name_count(shots: int) -> str:
    """ "6 shots" """
    return f"{shots} shot{'s' * (shots != 1)}"


async def _shots_of_film(session: Session, video: Video) -> tuple[list[dict[str, Any]], dict[str, Path]]:
    """What the receipt says of each shot, and the file of each clip."""
    now = await standing_of(session, video.generation_id)
    shots: list[dict[str, Any]] = []
    files: dict[str, Path] = {}
    for clip, part in zip(clips_in(now.film), now.parts, strict=True):
        assert part.clip is not None
        file = await fetch_clip(session, now.film, part.clip)
        name = f"shot-{(clip.job.shots or (part.number,))[0] + 1:02}.mp4"
        files[name] = file
        entry = {"file": name, "sha256": await asyncio.to_thread(content_hash, file)}
        shots += [one | entry for one in _entries(part.job, part.clip, len(shots))]
    return shots, files


async def _shots_of_video(session: Session, video: Video) -> tuple[list[dict[str, Any]], dict[str, Path]]:
    clip, job = await session.ledger.clip_and_job(await session.scope(), video.generation_id)
    return _entries(job, clip, 0), {}


def _entries(job: Job | None, clip: GenerationRow | None, before: int) -> list[dict[str, Any]]:
    """The shots of one clip. Of a job's cost, only all of it is known."""
    body: Mapping[str, Any] = {} if job is None else job.body
    return [
        {
            "shot": before + number,
            "prompt": prompt,
            "seconds": seconds,
            "model": None if job is None else job.model,
            "take": None if job is None else job.take,
            "generation_id": None if clip is None else clip.generation_id,
            "cost_usd": None if job is None or job.cost is None else str(dollars(job.cost)),
            "estimate_usd": None if job is None or job.estimate is None else str(dollars(job.estimate)),
        }
        for number, (prompt, seconds) in enumerate(shots_of(body), 1)
    ]


# -- stopping ----------------------------------------------------------------------------------------------------------


async def cancel(session: Session, film: str) -> Video:
    """Stop what runs and send nothing more. What was charged stays charged. Raises NotFound."""
    await standing_of(session, film)
    if await session.ledger.record_film(film, FilmCancelled(), session.ledger.owner, session.clock.time()):
        until = session.clock.monotonic() + STOPPING
        while await _stop_clips(session, film) and session.clock.monotonic() < until:
            await session.clock.sleep(0.2)
        runner = session.films.get(film)
        if runner is not None and runner.done is not None:
            runner.done.cancel()
            await wait_until(session.clock, until, runner.done)
        await wait_until(session.clock, session.clock.monotonic() + SETTLING, session.own(settle_costs(session)))
    return await show(session, film)


async def _stop_clips(session: Session, film: str) -> bool:
    """Cancel every clip that was sent for this film and that the hub has. Whether one is just being sent."""
    now = await standing_of(session, film)
    parts = (*now.parts, *now.pictures)
    mine = [part for part in parts if part.job is not None and part.job.film == film]
    running = [part.clip for part in mine if part.state == "running" and part.clip is not None]
    hub = await session.hub()

    async def stop(clip: GenerationRow) -> None:
        record = await hub.cancel(clip.generation_id)
        await record_observed(session, [record], await session.ledger.clips(now.film.scope, [clip.generation_id]))

    await asyncio.gather(*map(stop, running))
    at = session.clock.time()
    return any(part.job is not None and part.job.is_live(at) for part in mine if part.state == "sending")
