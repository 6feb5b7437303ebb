"""`AsyncStudio`, the only implementation of the studio. `Studio` (in `sync`) is the same for blocking callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelNotFound, accounted
from ..ledger import LEASE
from ..ledger.records import dollars, micros
from ..request import Member, VideoRequest
from ..settings import Settings
from . import cast, export, queries, recovery, settlement, stills
from . import generate as generating
from .films import generate as films
from .local_files import Files
from .media_inputs import is_generation, one_of
from .prepare import Prepared, Terms, prepare, survey, to_request
from .results import Cancelled, Question, Recovered, Report, Saved, Spend, Video
from .session import Session
from .stills import PreparedStills, Stills

if TYPE_CHECKING:
    import httpx

    from ..clock import Clock
    from ..ledger.accounts import KeptMember
    from ..ledger.outcomes import Ending
    from ..media.inspect import Inspection
    from .export import Comparison
    from .plan import Plan

Videos = list[Video]


class AsyncStudio:
    """Plans, pays once, waits, delivers. Use it with `async with`, on one event loop.

    settings: or any of them by name (`api_key=…, sandbox=True`); the others come from the environment.
    clock, transport: seams for tests.
    lease: seconds for which a process may hold a job that it is about to send.
    isolated: the caller whose media are decoded in child processes.
    world: the name of a shared sandbox (`start_sandbox`).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        lease: float = LEASE,
        isolated: str | None = None,
        world: str | None = None,
        **given: Any,
    ) -> None:
        if settings is None:
            settings = Settings.read(**given)
        elif given:
            settings = replace(settings, **given)
        self._session = Session(settings, clock, transport, lease=lease, isolated=isolated, world=world)
        self._session.local_copy = export.local_copy

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._session.settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None, **given: Any) -> AsyncIterator[AsyncStudio]:
        """A studio that closes at the end of the block."""
        async with cls(settings, **given) as studio:
            yield studio

    async def __aenter__(self) -> AsyncStudio:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for paid requests that are being sent, then close. Jobs at the hub continue."""
        await self._session.close()

    async def plan(
        self,
        request: VideoRequest | None = None,
        *,
        take: int | None = 1,
        animatic: bool = False,
        files: Files = "anywhere",
        **words: Any,
    ) -> Plan:
        """What would be sent, in which clips, what is paid already, what this call would cost, and all problems. Free.

        take: as for `generate`.
        animatic: also render a preview; the plan then has `preview`, the path of an MP4, and `sheet`, a JPEG.
        """
        terms = Terms(take, files=files)
        prepared = await survey(self._session, to_request(request, words), terms, lenient=True)
        if not animatic:
            return prepared.plan
        from .export import render_preview

        return await render_preview(self._session, prepared, files)

    async def prepare(
        self,
        request: VideoRequest | None = None,
        *,
        take: int | None = 1,
        max_cost_usd: Decimal | None = None,
        approved_usd: Decimal | None = None,
        files: Files = "anywhere",
        **words: Any,
    ) -> Prepared:
        """Everything that `generate` computes before it spends: the plan, what is paid already, what a person must
        agree to (`.question`). Pass it to `generate` as `prepared`, and nothing is computed twice. Free.

        Raises what `generate` raises before anything is sent.
        """
        terms = Terms(take, max_cost_usd, approved_usd, files)
        return await prepare(self._session, to_request(request, words), terms)

    async def asked_for(self, question_id: str, cost: Decimal) -> tuple[Decimal, bool]:
        """The US dollars that a person was first asked about under this id, and whether that was in an earlier call. A
        replayed answer covers no more than that.
        """
        asked, before = await self._session.ledger.ask_once(question_id, micros(cost), self._session.clock.time())
        return dollars(asked), before

    async def question(
        self,
        request: VideoRequest,
        *,
        take: int | None = 1,
        max_cost_usd: Decimal | None = None,
        files: Files = "anywhere",
    ) -> Question | None:
        """What a person must agree to before `generate` may spend; None if no approval is needed, or nothing new would
        be paid. Raises InvalidRequest, OverBudget, NeedsApproval, Paused.
        """
        return (await self.prepare(request, take=take, max_cost_usd=max_cost_usd, files=files)).question

    async def generate(
        self,
        request: VideoRequest | None = None,
        *,
        take: int | None = 1,
        max_cost_usd: Decimal | None = None,
        wait_seconds: float | None = None,
        approve: generating.Approve | None = None,
        approved_usd: Decimal | None = None,
        on_progress: Report | None = None,
        files: Files = "anywhere",
        prepared: Prepared | None = None,
        repository: str | None = None,
        **words: Any,
    ) -> Video:
        """Make a video: plan it, get approval, pay each clip once, and wait at most `wait_seconds`.

        take: the same request with the same take is the same video, however often and wherever it is requested. None
        makes a new one at each call. A shot may have its own `take`.
        max_cost_usd: the most that this call may cost, in US dollars; 0 spends nothing.
        wait_seconds: bounds the whole call; after them the answer has the id and the state of the job.
        approve: called before anything above OXEN_VIDEO_APPROVE_ABOVE is paid; returns True, or the agreed sum.
        approved_usd: US dollars that a person agreed to already. Nothing above it is sent, earlier tries of this call
        included.
        files: where local inputs may be: "anywhere", in the settings' "roots", or "nowhere".
        prepared: what `prepare` returned for the same arguments.
        repository: "namespace/name" of an Oxen repository: keeps the finished film, its shots, the storyboard and a
        receipt as one commit; `video.repository` is then its lasting address.

        A job that failed is an answer, not an error. Raises InvalidRequest, OverBudget, NeedsApproval, Declined,
        Paused, what the hub refuses with, SubmissionUnclear, TimedOut, InputNotAllowed, InputUnreadable.
        """
        terms = Terms(take, max_cost_usd, approved_usd, files)
        call = generating.Call(wait_seconds, approve, on_progress, prepared, repository)
        with accounted():
            return await generating.generate(self._session, to_request(request, words), terms, call)

    async def prepare_stills(
        self,
        request: VideoRequest | None = None,
        *,
        max_cost_usd: Decimal | None = None,
        approved_usd: Decimal | None = None,
        files: Files = "anywhere",
        image_model: str | None = None,
        quality: str | None = None,
        **words: Any,
    ) -> PreparedStills:
        """Everything that `stills` computes before it spends; `.question` is what a person must agree to. Free."""
        terms = Terms(1, max_cost_usd, approved_usd, files)
        how = {"model": image_model, "quality": quality}
        return await stills.prepare_stills(self._session, to_request(request, words), terms, how)

    async def stills(
        self,
        request: VideoRequest | None = None,
        *,
        max_cost_usd: Decimal | None = None,
        wait_seconds: float | None = None,
        approve: generating.Approve | None = None,
        approved_usd: Decimal | None = None,
        files: Files = "anywhere",
        prepared: PreparedStills | None = None,
        image_model: str | None = None,
        quality: str | None = None,
        **words: Any,
    ) -> Stills:
        """The first picture of each shot, with the cast in it, and one numbered contact sheet; `prompt` alone makes one
        picture. Cents instead of dollars: look before you pay for motion.

        Each still is paid once, whichever model made it; `still_take` in a shot makes another. `generate` with
        `stills=True` begins each shot with its still. image_model, quality: of the pictures; chosen by `level` if left
        out. The rest is as for `generate`, and so is what it raises.
        """
        terms = Terms(1, max_cost_usd, approved_usd, files)
        call = generating.Call(wait_seconds, approve)
        how = {"model": image_model, "quality": quality}
        asked = prepared.request if prepared is not None else to_request(request, words)
        with accounted():
            return await stills.make_stills(self._session, asked, terms, call, how, prepared)

    async def get(self, generation_id: str, *, wait_seconds: float = 0, on_progress: Report | None = None) -> Video:
        """The state of a video, with a fresh link. Waits at most `wait_seconds` for its end. Raises NotFound."""
        until = self._session.clock.monotonic() + wait_seconds
        video = await queries.get(self._session, generation_id, wait_seconds=wait_seconds, on_progress=on_progress)
        return await films.keep_where_wanted(self._session, video, until)

    async def get_many(
        self, ids: Sequence[str], *, wait_seconds: float = 0, on_progress: Report | None = None
    ) -> Videos:
        """The state of several videos, in their order."""
        until = self._session.clock.monotonic() + wait_seconds
        videos = await queries.get_many(self._session, ids, wait_seconds=wait_seconds, on_progress=on_progress)
        return list(await asyncio.gather(*(films.keep_where_wanted(self._session, one, until) for one in videos)))

    async def list(
        self,
        *,
        status: str | None = None,
        model: str | None = None,
        since: str | None = None,
        mine: bool = False,
        limit: int = 10,
    ) -> Videos:
        """Running and finished videos, newest first, with their first words, cost and link.

        since: "today" (UTC), "24 h", or a date.
        mine: only those that were paid for through this ledger.
        """
        after = 0.0 if since is None else queries.time_in(since, self._session.clock.time())
        return await queries.list_videos(self._session, status, model, limit, after, mine=mine)

    async def endings(self, since: float, most: int = 100) -> Sequence[Ending]:
        """Videos and films of this ledger, and failed shots of films, that ended after `since` (Unix seconds), oldest
        first; at most `most`. Raises HubUnavailable, Unauthenticated.
        """
        return await queries.endings(self._session, since, most)

    async def next_ending(self, seconds: float) -> None:
        """Wait until any running job has ended, at most so many seconds."""
        await queries.next_ending(self._session, seconds)

    async def cancel(self, generation_id: str) -> Video:
        """Stop a queued or running job."""
        return await queries.cancel_video(self._session, generation_id)

    async def cancel_many(self, ids: Sequence[str]) -> Sequence[Cancelled]:
        """Stop several jobs, or with `["all"]` all running ones of the account. Returns the state and cost of each.

        Finished jobs stay as they are. Raises NotFound for a single unknown id.
        """
        return await queries.cancel_many(self._session, ids)

    async def find_models(
        self, query: str | None = None, needs: Sequence[str] | None = None, model: str | None = None
    ) -> Sequence[Any]:
        """Models by query and needs, best first; or the one with this exact id."""
        models = await self._session.catalog().models()
        if model is None:
            return models.search(query, needs or ())
        meant = models.meant(model) or models.images.meant(model)
        if meant is None:
            near = " or ".join(models.closest(model)[:3])
            raise ModelNotFound(f"No model {model[:60]}.", fix=f"Did you mean {near}?" if near else None)
        return [models[meant] if meant in models else models.images[meant]]

    async def add_cast(self, member: Member | None = None, **words: Any) -> KeptMember:
        """Keep a member of the cast by name, for later requests: `cast=["Mira"]`. One of the same name is replaced.

        name, look, images, real_face: as in a request.
        Raises InvalidRequest, InputNotAllowed, InputUnreadable.
        """
        return await cast.keep(self._session, cast.to_member(member, words))

    async def list_cast(self, name: str | None = None) -> Sequence[KeptMember]:
        """The kept members of the cast, sorted by name; or the one with this name. Raises NotFound."""
        return await cast.members(self._session) if name is None else [await cast.member(self._session, name)]

    async def remove_cast(self, name: str) -> None:
        """Delete a kept member. Raises NotFound."""
        await cast.forget(self._session, name)

    async def inspect(self, video: str | Path, *, files: Files = "anywhere") -> Inspection:
        """Inspect a video (id, https URL or path): facts, and a contact sheet with the middle frame of each shot.
        `#t=from,to` after it: only that part. Free; needs the `media` extra.
        """
        return await export.inspect_video(self._session, video, files)

    async def compare(self, videos: Sequence[str | Path], *, files: Files = "anywhere") -> Comparison:
        """Inspect up to 9 videos, with one contact sheet that shows each as a numbered row."""
        return await export.compare_videos(self._session, videos, files)

    async def keep_sheet(self, sheet: bytes, video: str | Path) -> Path:
        """Save a contact sheet of this video as a file in the folder for videos."""
        return await export.keep_sheet(self._session, sheet, video)

    async def save(
        self,
        videos: str | Path | Sequence[str | Path],
        *,
        filename: str | Path | None = None,
        transition: str | None = None,
        fade_seconds: float | None = None,
        music: str | Path | None = None,
        sound: str | None = None,
        captions: str | Path | None = None,
        burn: bool = False,
        trim: tuple[float, float] | None = None,
        upload: bool = False,
        wait_seconds: float | None = None,
        on_progress: Report | None = None,
        files: Files = "anywhere",
    ) -> Saved:
        """One or more clips (ids, https URLs, paths) as one verified file in the folder for videos. Costs nothing.

        videos: with `#t=from,to` behind one only those seconds of it, exact to the frame.
        filename: a plain name, or a Path to another folder.
        transition: "cut" or "fade", of `fade_seconds` (0.5).
        music: a sound file or a video, laid under all of it; it gives way to their own sound. `#t=from,to`: a part.
        sound: of the clips, "keep" or "mute".
        trim: from and to, seconds of the whole.
        captions: SRT or WebVTT, its text or a file: a track that players switch on; `burn` draws it into the picture.
        upload: puts the file into the account's private repository, too, and gives a link: `saved.url`.
        wait_seconds: raises TimedOut after them, and goes on: the same call waits for it, `get` tells how it stands.
        Raises GenerationFailed for a job without a result, InputUnreadable for a damaged one or a full disk, NotFound.
        """
        how: dict[str, Any] = {
            "filename": filename,
            "transition": transition,
            "fade_seconds": fade_seconds,
            "music": music,
            "sound": sound,
            "captions": captions,
            "burn": burn,
            "trim": trim,
        }
        saved = await export.save(
            self._session,
            videos,
            **how,
            upload=upload,
            wait_seconds=wait_seconds,
            on_progress=on_progress,
            files=files,
        )
        for one in dict.fromkeys(map(str, one_of(videos))):
            if is_generation(one) and await films.wanted(self._session, one.strip()):
                kept = await films.keep_where_wanted(self._session, await queries.get(self._session, one.strip()), 0.0)
                said = (f"It is kept in a repository: {kept.repository}",) if kept.repository else kept.warnings[-1:]
                saved = replace(saved, warnings=(*saved.warnings, *said))
        return saved

    async def spend(self) -> Spend:
        """What was spent through this ledger, by day and model."""
        return await settlement.spend(self._session)

    async def pause(self) -> None:
        """Stop all spending through this ledger, in every process that shares it."""
        await settlement.pause(self._session)

    async def resume(self) -> None:
        """Allow spending again."""
        await settlement.resume(self._session)

    async def recover(
        self, *, adopt: str | None = None, send_again: str | None = None, write_off: str | None = None
    ) -> Sequence[Recovered]:
        """Check all unfinished jobs: find, follow, settle and save them. Sends nothing by itself.

        A person may decide about one unclear job:
        adopt: this generation belongs to it.
        send_again: this job never arrived; pay for it again.
        write_off: this job is lost; its take is free.
        Raises InvalidRequest, SubmissionUnclear.
        """
        if adopt is None and send_again is None and write_off is None:
            return await recovery.recover(self._session)
        return [await recovery.settled_by_hand(self._session, adopt=adopt, send_again=send_again, write_off=write_off)]
