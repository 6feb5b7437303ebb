"""What each tool answers: small, flat, and `next` always names the one sensible next call.

`url` is handed over whole, for its signature is what makes it work. Nothing else carries one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from operator import not_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, WithJsonSchema

from ..errors import Charged, GenerationFailed
from ..hub.records import Status
from ..redaction import redact
from ..studio.display import dollars
from ..studio.results import iso

if TYPE_CHECKING:
    from ..media.understanding import Direction
    from ..studio.plan import PlannedMember, PlannedPicture
    from ..studio.results import FilmShot, Video


LARGEST = 1024  # bytes of JSON; lists may be longer

Words = Annotated[str | None, WithJsonSchema({"type": ["string", "null"]})]
Number = Annotated[int | float | None, WithJsonSchema({"type": ["number", "null"]})]


def number(value: float | Decimal | None) -> int | float | None:
    """As JSON should show it: 10, not 10.0; money to a hundredth of a cent."""
    if value is None:
        return None
    rounded = round(float(value), 4)
    return int(rounded) if rounded.is_integer() else rounded


def _is_none(value: object) -> bool:
    return value is None


class Answer(BaseModel):
    """The base of every answer. Fields that say nothing while empty are then left out.

    choice: the warning that says what a model of our choosing costs beside the usual one; it stands first.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    _choice: str = PrivateAttr("")

    @property
    def choice(self) -> str:
        return self._choice


def moment(time: datetime | None) -> str | None:
    """A time as answers show it."""
    return iso(time) if time else None


class Part(Answer):
    """One take or video of several."""

    status: Status
    generation_id: str
    url: Words = Field(None, exclude_if=not_)
    expires_at: Words = Field(None, exclude_if=not_)
    cost_usd: Number = Field(None, exclude_if=_is_none)
    cost_is: Words = Field(None, exclude_if=not_)
    file: Words = Field(None, exclude_if=not_)
    duration: Number = Field(None, exclude_if=not_)
    error: Words = Field(None, exclude_if=not_)

    @classmethod
    def of(cls, video: Video) -> Part:
        return cls(
            status=video.status,
            generation_id=video.generation_id,
            url=video.url,
            expires_at=moment(video.expires_at),
            cost_usd=number(video.cost_usd),
            cost_is=video.cost_is,
            file=str(video.file) if video.file else None,
            duration=number(video.duration),
            error=said(video.error),
        )


class ShotPart(Answer):
    """One shot of a film, from and to in seconds."""

    shot: int
    start: Number = Field(None, alias="from")
    end: Number = Field(None, alias="to")
    status: Status
    generation_id: Words = Field(None, exclude_if=not_)
    take: Annotated[int | None, WithJsonSchema({"type": "integer"})] = Field(None, exclude_if=not_)
    cost_usd: Number = Field(None, exclude_if=_is_none)
    reused: bool = Field(False, exclude_if=not_)
    url: Words = Field(None, exclude_if=not_)
    expires_at: Words = Field(None, exclude_if=not_)
    file: Words = Field(None, exclude_if=not_)
    error: Words = Field(None, exclude_if=not_)

    @classmethod
    def of(cls, shot: FilmShot) -> ShotPart:
        facts = {
            "shot": shot.shot,
            "from": number(shot.start),
            "to": number(shot.end),
            "status": shot.status,
            "generation_id": shot.generation_id,
            "take": shot.take,
            "cost_usd": number(shot.cost_usd),
            "reused": shot.reused,
            "url": shot.url,
            "expires_at": moment(shot.expires_at),
            "file": str(shot.file) if shot.file else None,
            "error": said(shot.error),
        }
        return cls.model_validate(facts)


class HeldPart(Answer):
    """How a member of the cast is held, in its weakest shot."""

    name: str
    held_by: str
    sheet: Words = Field(None, exclude_if=not_, description="Id of the sheet that shows it.")

    @classmethod
    def of(cls, member: PlannedMember) -> HeldPart:
        return cls(name=member.name, held_by=member.held_by, sheet=member.sheet)


class VideoAnswer(Answer):
    """One video as it stands now."""

    status: Status
    generation_id: str
    url: Words = Field(None, description="Whole link to the MP4; it expires.")
    expires_at: Words = Field(None, exclude_if=not_)
    repository: Words = Field(None, exclude_if=not_)
    file: Words = Field(None, description="Where it was saved.")
    model: Words = None
    why: Words = Field(None, exclude_if=not_, description="Why this model, where none was named.")
    duration: Number = Field(None, description="Seconds.")
    cost_usd: Number = None
    cost_is: Literal["real", "estimate", "unknown"] = "unknown"
    reused: bool = Field(False, exclude_if=not_, description="The job that the same request made before.")
    means: Words = Field(None, exclude_if=not_)
    cast: list[HeldPart] = Field(default_factory=list, exclude_if=not_)
    takes: list[Part] = Field(default_factory=list, exclude_if=not_)
    shots: list[ShotPart] = Field(default_factory=list, exclude_if=not_)
    error: Words = Field(None, exclude_if=not_)
    warnings: list[str] = Field(default_factory=list)
    next: str = Field("", description="What to do next.")


class GetAnswer(VideoAnswer):
    """One video as it stands now; with several ids, `videos` has one entry each."""

    status: Annotated[Status | None, WithJsonSchema({"type": "string"})] = Field(  # type: ignore[assignment]  # in `videos`
        None, exclude_if=not_
    )
    generation_id: Words = Field(None, exclude_if=not_)  # type: ignore[assignment]  # in `videos`
    videos: list[Part] = Field(default_factory=list, exclude_if=not_)


class Listed(Answer):
    """One line of the list."""

    status: Status
    generation_id: str
    kind: str = "video"
    words: str = Field("", exclude_if=not_)
    model: Words = None
    cost_usd: Number = None
    cost_is: str = "unknown"
    link: Words = Field(None, description="A fresh link; null while there is none.")
    expires_at: Words = Field(None, exclude_if=not_)
    file: Words = Field(None, exclude_if=not_)
    duration: Number = Field(None, exclude_if=not_)
    created: Words = Field(None, exclude_if=not_, description="When it was asked for, UTC.")
    error: Words = Field(None, exclude_if=not_)


class ListAnswer(Answer):
    """What is running or finished, newest first."""

    videos: list[Listed]
    total_usd: Number = None
    warnings: list[str] = Field(default_factory=list, exclude_if=not_)
    next: str


class CancelledPart(Answer):
    """One video that was to be stopped."""

    generation_id: str
    was: Words = None
    now: Words = None
    charged_usd: Number = Field(None, description="Null while the hub has not billed it.")
    error: Words = Field(None, exclude_if=not_)


class CancelAnswer(Answer):
    """What became of each."""

    videos: list[CancelledPart]
    warnings: list[str] = Field(default_factory=list, exclude_if=not_)
    next: str


class PlanClip(Answer):
    """One clip: a paid job that makes these shots."""

    shots: list[int]
    model: str
    seconds: Number = None
    price_usd: Number = None
    already: bool = Field(False, exclude_if=not_, description="Paid for: this call pays nothing for it.")
    stopped: bool = Field(False, exclude_if=not_, description="Cancelled: only its next take would be paid.")
    body: Annotated[dict[str, Any] | None, WithJsonSchema({"type": "object"})] = Field(None, exclude_if=not_)


class ShownShot(Answer):
    """What a preview shows of one shot: what its words were understood to say."""

    pictograms: list[str] = Field(default_factory=list, description='Subjects, the first in front: "🦊 fox".')
    size: Words = Field(None, exclude_if=not_)
    move: Words = Field(None, exclude_if=not_)
    place: Words = Field(None, exclude_if=not_)
    light: Words = Field(None, exclude_if=not_)
    weather: list[str] = Field(default_factory=list, exclude_if=not_)

    @classmethod
    def of(cls, shot: Direction) -> ShownShot:
        known = shot.as_dict()
        return cls(**known | {"pictograms": [f"{one.character} {one.name}" for one in shot.pictograms]})


class PlanPicture(Answer):
    """A sheet of the cast, or a still, made before the clips."""

    kind: Literal["sheet", "still", "picture"]
    name: str
    price_usd: Number = None
    take: Annotated[int | None, WithJsonSchema({"type": "integer"})] = Field(None, exclude_if=not_)
    already: bool = Field(False, exclude_if=not_)
    generation_id: Words = Field(None, exclude_if=not_)

    @classmethod
    def of(cls, one: PlannedPicture) -> PlanPicture:
        return cls(
            kind=one.kind,
            name=one.name,
            price_usd=number(one.price_usd),
            take=one.take,
            already=one.already,
            generation_id=one.generation_id,
        )


class PlanAnswer(Answer):
    """What would be sent, and what is wrong with it."""

    ok: bool = Field(description="Whether generate_video would accept it.")
    model: Words = None
    why: Words = Field(None, exclude_if=not_, description="Why this model.")
    film: Words = Field(None, exclude_if=not_, description="How several jobs become one video.")
    means: Words = Field(None, exclude_if=not_, description="How a cast's shots are made, and what else would cost.")
    price_usd: Number = Field(None, description="What this call would pay at most; null if unknown.")
    total_usd: Number = Field(None, description="What all clips cost, paid or not.")
    price: str = Field("", description="The estimate in words, and what could not be priced.")
    problems: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    clips: list[PlanClip] = Field(default_factory=list)
    cast: list[HeldPart] = Field(default_factory=list, exclude_if=not_)
    pictures: list[PlanPicture] = Field(default_factory=list, exclude_if=not_, description="Made before the clips.")
    preview: Words = Field(None, exclude_if=not_, description="The animatic's file.")
    shown: list[ShownShot] = Field(default_factory=list, exclude_if=not_, description="What it shows, shot by shot.")
    next: str


class StillPart(Answer):
    """The still of one shot."""

    shot: int
    status: Status
    generation_id: Words = None
    model: Words = Field(None, exclude_if=not_)
    take: Annotated[int | None, WithJsonSchema({"type": "integer"})] = Field(None, exclude_if=not_)
    url: Words = Field(None, exclude_if=not_)
    cost_usd: Number = Field(None, exclude_if=_is_none)
    reused: bool = Field(False, exclude_if=not_)
    error: Words = Field(None, exclude_if=not_)


class StillsAnswer(Answer):
    """The stills, in the order of the shots; the picture beside shows them numbered."""

    stills: list[StillPart]
    cost_usd: Number = Field(None, description="Of all pictures, sheets included.")
    cast: list[HeldPart] = Field(default_factory=list, exclude_if=not_)
    warnings: list[str] = Field(default_factory=list)
    next: str


class ModelsAnswer(Answer):
    """Models, best first: one line each. With one exact id: everything about it."""

    models: list[str] = Field(default_factory=list)
    more: int = Field(0, exclude_if=not_, description="How many more fit.")
    model: Annotated[dict[str, Any] | None, WithJsonSchema({"type": "object"})] = Field(None, exclude_if=not_)
    warnings: list[str] = Field(default_factory=list, exclude_if=not_)
    next: str


class Seen(BaseModel):
    """What one video is. Times in seconds."""

    video: str
    error: Words = Field(None, exclude_if=not_)
    duration: Number = None
    width: Number = None
    height: Number = None
    fps: Number = None
    size_bytes: Number = None
    video_codec: Words = None
    audio_codec: Words = None
    loudness_lufs: Number = Field(None, exclude_if=not_)
    complete: bool = Field(True, description="Every byte is there and every frame decodes.")
    cuts: list[float] = Field(default_factory=list, description="Where one shot ends.")
    black: list[list[float]] = Field(default_factory=list, exclude_if=not_, description="[from, to].")
    frozen: list[list[float]] = Field(default_factory=list, exclude_if=not_, description="[from, to].")
    warnings: list[str] = Field(default_factory=list)


class InspectAnswer(Answer):
    """What videos look like."""

    videos: list[Seen]
    sheet: Words = Field(None, description="The contact sheet, as a file.")
    warnings: list[str] = Field(default_factory=list, exclude_if=not_)
    next: str


class SaveAnswer(Answer):
    """A verified file on disk."""

    status: Literal["succeeded", "processing"] = "succeeded"
    generation_id: Words = Field(None, exclude_if=not_, description="For get_video.")
    file: Words = None
    url: Words = Field(None, exclude_if=not_)
    expires_at: Words = Field(None, exclude_if=not_)
    size_bytes: Number = None
    sha256: Words = None
    duration: Number = None
    width: Number = None
    height: Number = None
    codec: Words = None
    warnings: list[str] = Field(default_factory=list)
    next: str


V = TypeVar("V", bound=VideoAnswer)


def said(text: str | None, longest: int = 300) -> str | None:
    """Words from elsewhere: without secrets, and not endless."""
    text = redact(text) if text else None
    return f"{text[: longest - 1]}…" if text and len(text) > longest else text


def all_said(texts: Iterable[str]) -> list[str]:
    return [said(text) or "" for text in texts]


def weight(answer: Answer) -> int:
    """Bytes of JSON, less its lists of videos: those are as long as what was asked for."""
    return len(_json(answer, {"takes", "shots", "videos"}))


def _json(answer: Answer, without: set[str] | None = None) -> bytes:
    told = answer.model_dump(mode="json", exclude=without, by_alias=True)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def fitted(answer: V) -> V:
    """No more than 1 KB where that can be had: first the links of a film's shots give way, where the film itself is
    there or on its way, then warnings, the last of them first.
    """
    if answer.shots and (answer.file or answer.status != "succeeded") and len(_json(answer)) > LARGEST:
        bare = [shot.model_copy(update={"url": None, "expires_at": None, "file": None}) for shot in answer.shots]
        answer = answer.model_copy(update={"shots": bare})
    warnings = answer.warnings
    for kept in range(len(warnings) - 1, -1, -1):
        if weight(answer) <= LARGEST:
            break
        answer = answer.model_copy(update={"warnings": [*warnings[:kept], f"… and {len(warnings) - kept} more"]})
    return answer


# What an agent reads after a call: the answer for a video, its failure, and the one sensible next call.

FILE = "Show the file to the user."
KEEP = "The link expires; get_video gives a fresh one, save_video keeps the file."


def ids(videos: Sequence[Video]) -> str:
    """As they stand in a call's arguments."""
    return "[" + ", ".join(f'"{video.generation_id}"' for video in videos) + "]"


def ago(created: datetime | None, now: float) -> str:
    """How long ago, for a person."""
    seconds = max(0.0, now - created.timestamp()) if created else 0.0
    for length, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {name} ago"
    return "a moment ago"


def after(video: Video, *, take: int | None = None, now: float | None = None) -> str:
    """The one sensible next call."""
    told = ""
    if video.reused:
        when = ago(video.created, time.time() if now is None else now)
        told = f"This is your video of {when}; for another version call with take={(take or 1) + 1}. "
    if video.status == "succeeded":
        return told + _delivered(video)
    if video.status == "cancelled":
        return _stopped(video)
    if video.status == "failed":
        return told + "Read the error, change the request and call generate_video again."
    if video.shots:
        return told + (
            f"Call get_video with generation_ids={ids([video])}. If it no longer moves, generate_video with the same "
            "arguments goes on where it stopped and pays for nothing twice."
        )
    free = "a repeated generate_video call pays nothing."
    return f"{told}Call get_video with generation_ids={ids(video.takes or [video])}; {free}"


def _stopped(video: Video) -> str:
    """A call that was cancelled pays nothing when it is repeated: the next take is another video."""
    stays = f"{dollars(video.cost_usd)} stays charged" if video.cost_is == "real" else "what was made stays charged"
    told = f"Cancelled by you; {stays}; nothing is paid by this call."
    if not video.shots:
        return f"{told} take={(video.take or 1) + 1} makes it anew, only if the user asks."
    lost = [shot for shot in video.shots if shot.status != "succeeded"]
    where = ", ".join(str(shot.shot) for shot in lost)
    anew = (
        f"take={max((shot.take or 1) for shot in lost) + 1} in shot {where}, not in the call, makes the rest anew, "
        "only if the user asks."
        if lost
        else ""
    )
    kept = f"save_video with videos={ids([video])} joins what is there, free; " if len(lost) < len(video.shots) else ""
    return " ".join(filter(None, (told, kept, anew)))


def _delivered(video: Video) -> str:
    if video.generation_id.startswith("sync-"):
        return "Show it to the user. The link can't be renewed: this video has no id at the hub."
    if video.url or any(take.url for take in video.takes):
        return KEEP
    if video.file:
        return FILE
    if video.shots:
        return "The shots were delivered one by one: see shots and warnings. save_video with this id joins them."
    return f"Call get_video with generation_ids={ids([video])} for the link."


def facts(video: Video, *, take: int | None = None) -> dict[str, Any]:
    """The fields that every answer about one video has."""
    return {
        "status": video.status,
        "generation_id": video.generation_id,
        "url": video.url,
        "expires_at": moment(video.expires_at),
        "repository": video.repository,
        "file": str(video.file) if video.file else None,
        "model": video.model,
        "duration": number(video.duration),
        "cost_usd": number(video.cost_usd),
        "cost_is": video.cost_is,
        "reused": video.reused,
        "cast": [HeldPart.of(one) for one in video.cast],
        "takes": [Part.of(one) for one in video.takes],
        "shots": [ShotPart.of(one) for one in video.shots],
        "error": said(video.error),
        "warnings": all_said(video.warnings),
        "next": after(video, take=take),
    }


def to_answer(video: Video, *, take: int | None = None) -> VideoAnswer:
    """A video as the agent reads it. Raises GenerationFailed for one that failed."""
    if video.status == "failed":
        raise failure(video)
    return VideoAnswer(**facts(video, take=take))


def failure(video: Video) -> GenerationFailed:
    """Why it failed, whether it cost anything, and what to do."""
    charged: Charged = "unknown"
    if video.cost_is == "real" and video.cost_usd is not None:
        charged = "yes" if video.cost_usd else "no"
    fix = video.fix or None
    if video.shots:
        fix = (
            "Call generate_video again with the same arguments: only what failed is made and paid for again. "
            "save_video with this id joins what is there, free."
        )
    message = said(video.error) or "The job failed and the hub gave no reason."
    return GenerationFailed(message, fix=fix, charged=charged, generation_id=video.generation_id)
