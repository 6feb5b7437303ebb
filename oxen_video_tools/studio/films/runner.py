"""Making a film: each clip booked, sent and waited for, all at once or one after the other, and at last joined.

It runs in a task of the studio. Whatever ends it, nothing is lost: the ledger knows what is paid, and whoever calls
`generate` with the same arguments goes on from there. A clip that failed is not made again by itself: that is paid, and
takes another call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ...errors import GenerationFailed, HubUnavailable, Internal, OxenError, TimedOut
from ...ledger.films import FilmRow, FilmStopped, Part
from ...ledger.records import Job, micros
from ..pictures import Picture, beside_paid, check, ended
from ..settlement import record_observed
from ..submission import TRIES, GaveUpError, body_of, filter_fix, keep_lease, resume_submission, send
from ..videos import watch
from .assembly import deliver, fetch_clip, last_frame_of
from .record import FilmClip, clips_in, way_of
from .status import link_to

if TYPE_CHECKING:
    from ..prepare import Prepared
    from ..session import Session

PATIENCE = 3600.0  # seconds that one clip may take; after them another call goes on
log = logging.getLogger(__name__)


class StoppedError(Exception):
    """It is not this process's to go on with: cancelled, taken over, or the studio closes."""


@dataclass(frozen=True)
class _Piece:
    """What is paid by itself: a clip, or a picture that a clip needs. name: for people, "Shot 2 of 6".

    media: where its media lie, by what they are.  pays: whether this call pays for it.  number: of a clip, from 0.
    """

    clip: FilmClip = field(repr=False)
    name: str
    media: Mapping[str, str] = field(repr=False)
    pays: bool
    number: int = 0
    picture: Picture | None = None


class FilmRunner:
    """One film, made by this process. done: the task that makes it, once begun.

    prepared: what the call that began it, or goes on with it, pays for.
    under_way: set when the first picture or clip is with the hub, or when nothing more will come.
    error: what stopped it, where something did.
    joined: how much of the joining is done, 0 to 1.
    """

    def __init__(self, session: Session, film: FilmRow, prepared: Prepared) -> None:
        self._session, self.film, self._prepared = session, film, prepared
        clips = prepared.clips or clips_in(film)
        shots = sum(max(1, len(clip.job.shots)) for clip in clips)
        self._clips = [
            _Piece(clip, f"{clip.name} of {shots}", prepared.media, number in prepared.pays, number)
            for number, clip in enumerate(clips)
        ]
        self._note: str | None = None
        self.under_way = asyncio.Event()
        self.error: OxenError | None = None
        self.joined = 0.0
        self.done: asyncio.Task[None] | None = None

    def begin(self) -> FilmRunner:
        """Start it. It may be given up when the studio closes."""
        self._session.films[self.film.film] = self
        self.done = self._session.errand(self._run())
        return self

    async def _run(self) -> None:
        work = asyncio.ensure_future(self._made())
        ledger = self._session.ledger
        holding = asyncio.ensure_future(
            keep_lease(self._session, partial(ledger.hold_film, self.film.film, ledger.owner))
        )
        try:
            await asyncio.wait({work, holding}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        except StoppedError:
            pass
        except OxenError as error:
            self.error = error
        except Exception:
            log.exception("Making %s failed", self.film.film)
            self.error = Internal("Making the film failed.", fix="Call generate_video again with the same arguments.")
        finally:
            work.cancel()
            holding.cancel()
            await asyncio.gather(work, holding, return_exceptions=True)
            await self._let_go()

    async def _let_go(self) -> None:
        session = self._session
        note = self._note or (self.error.message if self.error else None)
        try:
            await session.ledger.record_film(
                self.film.film, FilmStopped(note), session.ledger.owner, session.clock.time()
            )
        except OxenError as error:  # its lease runs out by itself
            log.warning("%s could not be let go: %s", self.film.film, error)
        finally:
            session.films.pop(self.film.film, None)
            self.under_way.set()

    async def _made(self) -> None:
        numbers = range(len(self._clips))
        async with (await self._session.waiter()).listening():
            await self._make_pictures()
            if way_of(self.film) == "one take":
                for number in numbers:
                    await self._make_clip(number)
            else:
                ends = await asyncio.gather(*map(self._make_clip, numbers), return_exceptions=True)
                _raise_first([end for end in ends if isinstance(end, BaseException)])
        joining = self._session.own(deliver(self._session, self.film.film, self._heard))
        await asyncio.wait({joining})
        joining.result()
        now = await self._session.ledger.standing(self.film.film)
        if now is not None:  # whoever asks for it finds its link ready; a failure is told to whoever asks
            self._session.errand(link_to(self._session, now.film, PATIENCE))

    def _heard(self, fraction: float) -> None:
        self.joined = fraction

    # -- pictures, before the first clip -------------------------------------------------------------------------------

    async def _make_pictures(self) -> None:
        """What is not there yet, sheets before stills. Raises GenerationFailed: no clip is paid then."""
        pictures, paid = self._prepared.pictures if self._prepared.pays else (), list[Picture]()
        for kind in ("sheet", "still"):
            due = {one.ref: one for one in pictures if one.kind == kind and not one.is_there}
            ends = await asyncio.gather(*map(self._make_picture, due.values()), return_exceptions=True)
            errors = [end for end in ends if isinstance(end, BaseException)]
            paid += [one for one, end in zip(due.values(), ends, strict=True) if one.pays and end is None]
            failed = [error for error in errors if isinstance(error, GenerationFailed)]
            if failed and len(failed) == len(errors):
                error = beside_paid(failed[0], paid)
                # Whoever asks for the film later hears of the way on, too.
                self._note = f"{error.message} {error.fix or ''}".strip()
                raise error
            _raise_first(errors)

    async def _make_picture(self, picture: Picture) -> None:
        prepared, [clip] = picture.prepared, picture.prepared.clips
        name = f"The {picture.kind} of {picture.name}"
        piece = _Piece(replace(clip, share=picture.share), name, prepared.media, picture.pays, picture=picture)
        job = await self._made_of(piece)
        why = _why(await self._part(piece), job)
        check(picture, ended(job, why, await filter_fix(self._session, job.model, why)))

    # -- one clip ------------------------------------------------------------------------------------------------------

    async def _made_of(self, piece: _Piece) -> Job:
        """Its job once it has ended."""
        job = await self._with_the_hub(piece)
        self.under_way.set()
        return job if job.is_final else await self._ended(job)

    async def _make_clip(self, number: int) -> None:
        """Until it is there. Raises GenerationFailed, and whatever keeps it from being sent."""
        piece = self._clips[number]
        job = await self._made_of(piece)
        part = await self._part(piece)
        if job.state != "succeeded":
            why = _why(part, job)
            why = f"{why} {await filter_fix(self._session, job.model, why)}".strip()
            words = f"{piece.name} {'was ' * (job.state != 'failed')}{job.state}"
            raise GenerationFailed(f"{words}: {why}" if why else f"{words}.", generation_id=self.film.film)
        if part.clip is not None:
            with suppress(OxenError):  # it is looked at again when it is needed
                await fetch_clip(self._session, self.film, part.clip)

    async def _ended(self, job: Job) -> Job:
        session, [generation_id] = self._session, job.generation_ids[:1]
        info = await session.ledger.clips(job.scope, [generation_id])
        record = await watch(session, generation_id, PATIENCE, None, info.get(generation_id))
        await record_observed(session, [record], info)
        if not record.is_terminal:
            raise StoppedError
        return await session.ledger.job_named(job.job) or job

    async def _with_the_hub(self, piece: _Piece) -> Job:
        """The job of one piece, once the hub has it: there already, or sent now.

        Raises SubmissionUnclear, a refusal.
        """
        session, mine = self._session, False
        until = session.clock.monotonic() + PATIENCE
        for _ in range(2 * TRIES):
            job = (await self._part(piece)).job
            if job is None or job.state == "dropped" or (job.state == "planned" and self._is_abandoned(job)):
                await self._book(piece)
                continue
            if job.state == "planned" and job.owner == session.ledger.owner and job.film == self.film.film:
                sent = await self._sent(piece, job)
                if sent is None:
                    continue
                job, mine = sent, True
            paid = await resume_submission(session, job, until, mine=mine)
            if paid is not None:
                return paid.job
            if (await self._part(piece)).state == "failed":
                return job
        raise TimedOut(f"{piece.name} could not be sent: the machine stood still again and again.")

    def _is_abandoned(self, job: Job) -> bool:
        return not job.is_live(self._session.clock.time())

    async def _book(self, piece: _Piece) -> None:
        """Book a piece that was given up before its first byte, if this call pays for it."""
        session = self._session
        if not piece.pays:
            raise HubUnavailable(
                f"{piece.name} was to be paid for by another call, which gave it up.",
                charged="no",
                fix="Call again with the same arguments.",
            )
        budget, film = session.settings.budget, self.film
        booked = await session.ledger.reserve(
            [
                piece.picture.intent(film.scope, film.film)
                if piece.picture is not None
                else piece.clip.intent(film.scope, film.asked, session.settings.route, film=film.film)
            ],
            session.ledger.owner,
            session.clock.time(),
            session.ledger.lease,
            None if budget is None else micros(budget),
            film=film.film,
        )
        if not booked:
            raise StoppedError

    async def _sent(self, piece: _Piece, job: Job) -> Job | None:
        """Sent in a task of the studio's own; None where it was given up before the first byte."""
        body = await self._body(piece)
        if self._session.closing:
            raise StoppedError
        sending = self._session.own(self._hand_over(job, body))
        await asyncio.wait({sending})
        return sending.result()

    async def _hand_over(self, job: Job, body: dict[str, object]) -> Job | None:
        session = self._session
        ledger = session.ledger
        ready = await ledger.fill_part(
            job, ledger.owner, body, session.clock.time(), ledger.lease, ledger.booking_owner()
        )
        if ready is None:
            return None
        try:
            sent = await send(session, ready)
        except GaveUpError as why:
            log.warning("Not sent: %s", why)
            return None
        with suppress(OxenError):  # whatever fails here, it is paid and on its way
            now = await ledger.standing(self.film.film)
            if now is not None and now.film.state == "cancelled":  # while it was on its way
                for generation_id in sent.generation_ids:
                    await (await session.hub()).cancel(generation_id)
        return sent

    async def _body(self, piece: _Piece) -> dict[str, object]:
        """As it is sent: media and the first frame as links, and a mark."""
        session, clip, frame = self._session, piece.clip, None
        if clip.job.first_frame is not None:
            before = (await self._part(self._clips[piece.number - 1])).clip
            assert before is not None
            frame = await last_frame_of(session, self.film, before)
        return await body_of(session, clip, piece.media, self._prepared.terms.files, frame)

    async def _part(self, piece: _Piece) -> Part:
        [part] = await self._session.ledger.parts_of(self.film.scope, [piece.clip.ref])
        return part


def _why(part: Part, job: Job) -> str:
    """Why it has no result, in the hub's words or ours."""
    return (part.clip.error if part.clip else None) or job.note or ""


def _raise_first(errors: list[BaseException]) -> None:
    """What several clips ended with, as one error: anything unforeseen first, then what kept clips from being sent."""
    foreseen = [error for error in errors if isinstance(error, OxenError)]
    failed = [error for error in foreseen if isinstance(error, GenerationFailed)]
    for error in errors:
        if not isinstance(error, (OxenError, StoppedError)):
            raise error
    for error in foreseen:
        if not isinstance(error, GenerationFailed):
            raise error
    if failed:
        words = " ".join(error.message.rstrip(".") + "." for error in failed)
        raise GenerationFailed(words, generation_id=failed[0].generation_id)
    if errors:
        raise errors[0]
