"""The studio's results, which LangChain, MCP and the command line show in their own ways."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, urlsplit

from ..hub.records import TERMINAL, Status

if TYPE_CHECKING:
    from .plan import PlannedMember


def moment(unix: float | None) -> datetime | None:
    """Unix seconds as an aware time (UTC), in whole seconds."""
    return datetime.fromtimestamp(int(unix), UTC) if unix else None


def iso(time: datetime) -> str:
    """An aware time as answers and files show it: ISO 8601, UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expires_at(url: str | None) -> datetime | None:
    """Until when a signed link is good (UTC); None where it does not say so.

    Oxen's own `oxen_expires` and what object stores write: `Expires`, or a date with a number of seconds.
    """
    if not url:
        return None
    try:
        query = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
        for name in ("oxen_expires", "expires"):
            if query.get(name, "").isdecimal():
                return moment(float(query[name]))
        for kind in ("amz", "goog"):
            if f"x-{kind}-expires" in query:
                signed = datetime.strptime(query[f"x-{kind}-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                return signed + timedelta(seconds=float(query[f"x-{kind}-expires"]))
    except (KeyError, ValueError, OverflowError, OSError):  # no time that a calendar has
        pass
    return None


class Shown:
    """What a notebook shows as itself, each program in the form that it can show. No form holds a signed link."""

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def _poster(self) -> bytes | None:
        """A JPEG for programs that show no HTML."""
        return None

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, str]:
        """Its forms by MIME type; include, exclude: those that are wanted, or not."""
        from .display import mime_bundle

        forms = mime_bundle(self._repr_html_(), self._poster())
        return {
            kind: form
            for kind, form in forms.items()
            if (not include or kind in include) and not (exclude and kind in exclude)
        }


@dataclass(frozen=True)
class Progress:
    """How far one video is.

    fraction: 0 to 1, an estimate from the model's typical time; rises strictly from one report to the next.
    elapsed: seconds since the wait began.
    typical: the model's usual seconds, where known.
    shot, shots: which shot of a film (from 1), and of how many.
    shot_fraction: how far that shot is.
    note: what should be known before it goes on, such as clips of different shapes.
    """

    generation_id: str
    status: str
    fraction: float
    elapsed: float = 0.0
    typical: float | None = None
    shot: int | None = None
    shots: int | None = None
    shot_fraction: float | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """One line for a person."""
        of = f"shot {self.shot}/{self.shots} " if self.shot else ""
        about = f" of about {self.typical:.0f} s" if self.typical else ""
        return f"{of}{self.status}, {self.elapsed:.0f} s{about}{f'. {self.note}' if self.note else ''}"

    def __str__(self) -> str:
        """The same with the id, so that `on_progress=print` tells who waits where it is."""
        return f"{self.generation_id}: {self.text}" if self.generation_id else self.text


Report = Callable[[Progress], Awaitable[None] | None]


@dataclass(frozen=True)
class Question:
    """What a person must agree to before money is spent.

    cost_usd: US dollars.
    waived: the caller named a ceiling that covers it, which stands for consent where nobody can be asked (never under
    OXEN_VIDEO_APPROVAL=strict).
    """

    text: str
    fix: str
    cost_usd: Decimal
    waived: bool

    @property
    def cost(self) -> Decimal:
        """The earlier name of `cost_usd`."""
        return self.cost_usd


@dataclass(frozen=True)
class FilmShot:
    """One shot of a film. Shots that a model makes together in one clip share its id, and have their own times.

    shot: its number, from 1.
    start, end: seconds of the film; None where a length before is not known.
    generation_id: of its clip; empty before it is sent.
    cost_usd: US dollars, its part of the clip's.
    reused: it was paid for by another call.
    """

    shot: int
    start: float | None
    end: float | None
    status: Status
    generation_id: str = ""
    take: int | None = None
    cost_usd: Decimal | None = None
    reused: bool = False
    url: str | None = field(default=None, repr=False)
    file: Path | None = None
    error: str | None = None

    @property
    def duration(self) -> float | None:
        """Seconds."""
        return None if self.start is None or self.end is None else self.end - self.start

    @property
    def cost(self) -> Decimal | None:
        """The earlier name of `cost_usd`."""
        return self.cost_usd

    @property
    def expires_at(self) -> datetime | None:
        """Until when `url` is good (UTC); None where it does not say so."""
        return expires_at(self.url)


@dataclass(frozen=True)
class Video(Shown):
    """One generation, or one film, as it stands now.

    url: the whole link, signature and all; it expires, and `get` gives a fresh one.
    file: where it was saved.
    repository: the lasting address of a film that was kept in a repository.
    duration: seconds.
    cost_usd: US dollars.
    cost_is: "real" once the hub has billed it, "estimate" before.
    reused: the answer to a repeated request: no new job was made.
    takes: the other versions, with `num_generations` above 1.
    shots: the shots of a film.
    created: when it was asked for (UTC).
    error: why it failed, in the hub's words.
    take: which take of its request it is.
    reason: why this model, and why in so many jobs, of a call that made it.
    words: its prompt, of its first shot.
    cast: how each member of its cast is held, of a call that made it.
    choice: what a model of our choosing costs beside the usual one; also the first of `warnings`.
    fix: what to do about `error`, where that is known.
    means: of a film with a cast, how its shots are made, why so, and what another way would cost.
    """

    status: Status
    generation_id: str
    url: str | None = field(default=None, repr=False)
    file: Path | None = None
    model: str | None = None
    duration: float | None = None
    cost_usd: Decimal | None = None
    cost_is: Literal["real", "estimate", "unknown"] = "unknown"
    warnings: tuple[str, ...] = ()
    reused: bool = False
    takes: tuple[Video, ...] = ()
    shots: tuple[FilmShot, ...] = ()
    error: str | None = None
    created: datetime | None = None
    take: int | None = None
    reason: str = ""
    cast: tuple[PlannedMember, ...] = ()
    words: str = ""
    kind: Literal["video", "film", "still"] = "video"
    repository: str | None = None
    choice: str = ""
    means: str = ""
    fix: str = ""

    @property
    def expires_at(self) -> datetime | None:
        """Until when `url` is good (UTC); None where it does not say so."""
        return expires_at(self.url)

    @property
    def cost(self) -> Decimal | None:
        """The earlier name of `cost_usd`."""
        return self.cost_usd

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in TERMINAL

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from .display import video_html

        return video_html(self)

    def _poster(self) -> bytes | None:
        from .display import poster_of

        return poster_of(self.file)


@dataclass(frozen=True)
class Cancelled:
    """What became of a video that was to be stopped.

    was, now: its status before and after; None where it could not be read.
    charged_usd: US dollars that the hub billed for it, None where it has not said so yet.
    error: why it could not be stopped.
    """

    generation_id: str
    was: Status | None
    now: Status | None
    charged_usd: Decimal | None = None
    error: str | None = None


@dataclass(frozen=True)
class Saved:
    """A verified file on disk. size: bytes. duration: seconds. sha256: hexadecimal. fps: frames a second.

    url: a link to it, where it was uploaded; it expires, and `get` with `generation_id` gives a fresh one.
    """

    file: Path
    size: int
    sha256: str
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    warnings: tuple[str, ...] = ()
    fps: float | None = None
    url: str | None = field(default=None, repr=False)
    generation_id: str = ""

    @property
    def expires_at(self) -> datetime | None:
        """Until when `url` is good; None where it does not say so."""
        return expires_at(self.url)


@dataclass(frozen=True)
class Spent:
    """What one model cost on one day (UTC, `YYYY-MM-DD`).

    cost_usd: US dollars, estimates where the hub has not billed yet.
    unpriced: how many of the jobs have no known price at all.
    """

    day: str
    model: str
    jobs: int
    cost_usd: Decimal
    unpriced: int = 0


@dataclass(frozen=True)
class Spend:
    """What this account spent through this ledger, in US dollars.

    last_24h_usd: what counts against the budget now, reservations included.
    unclear: jobs of which nobody knows whether the hub took them; `oxen-video recover` settles those.
    """

    days: tuple[Spent, ...]
    total_usd: Decimal
    last_24h_usd: Decimal
    budget_usd: Decimal | None = None
    unclear: int = 0
    paused: bool = False

    @property
    def total(self) -> Decimal:
        """The earlier name of `total_usd`."""
        return self.total_usd

    @property
    def last_24h(self) -> Decimal:
        """The earlier name of `last_24h_usd`."""
        return self.last_24h_usd

    @property
    def budget(self) -> Decimal | None:
        """The earlier name of `budget_usd`."""
        return self.budget_usd


@dataclass(frozen=True)
class Recovered:
    """What became of one unfinished job.

    job: its id in the ledger, or a film's.
    outcome: "running", "found", "unclear", "never sent", "saved", "finished", "sent again", "written off", or "stopped"
    for a film that nobody makes.
    """

    job: str
    outcome: str
    generation_ids: tuple[str, ...] = ()
    model: str | None = None
    text: str = ""
