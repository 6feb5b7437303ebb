"""Faults on request: what goes wrong, at which calls.

A fault is named, and written in one word for the command line:

    NAME[=VALUE][@CALLS][/POINT]        rate_limited=5@1-3/enqueue        stuck        error=502:html@25%

CALLS counts the calls at the fault's point since the fault was set, from 1: `2`, `1,3`, `1-3`, `4-`, `*` for every
call, or a probability such as `25%`, drawn from the sandbox's seed. Left out: the first call only.
POINT is the endpoint that it affects; each fault has a default, and `any` is every endpoint.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PAID = ("enqueue", "generate")
POINTS = (*PAID, "list", "get", "cancel", "history", "models", "me", "upload", "download", "events", "result")
_ALL = frozenset(POINTS) - {"result"}
_GROUPS = {"any": _ALL, "paid": frozenset(PAID)}


_NUMBER = r"\d{1,9}(\.\d{1,9})?"  # seconds
_STATUS = "[2-5][0-9][0-9](:(json|html|text))?"


@dataclass(frozen=True)
class Kind:
    """point: the endpoint that it affects by default.
    value: the default VALUE.
    words: what it does.
    form: a regular expression of valid VALUEs.
    """

    point: str
    words: str
    value: str | None = None
    form: str = ".*"


KINDS: Mapping[str, Kind] = {
    # the answer to a call
    "drop_answer": Kind("paid", "the call is carried out, the connection closes without an answer"),
    "drop_request": Kind("paid", "the connection closes and nothing was done"),
    "late": Kind("any", "the answer comes VALUE seconds late", "5", _NUMBER),
    "rate_limited": Kind("any", "429 with Retry-After in VALUE seconds (`none`: without one)", "1", rf"{_NUMBER}|none"),
    "rate_limited_date": Kind("any", "429 with Retry-After as an HTTP date VALUE seconds ahead", "1", _NUMBER),
    "error": Kind("any", "nothing is done; STATUS[:json|html|text] is answered", "500:json", _STATUS),
    "error_after": Kind(
        "paid", "the call is carried out, but STATUS[:json|html|text] is answered", "502:html", _STATUS
    ),
    "unauthenticated": Kind("any", "401, whatever the key"),
    "insufficient_credits": Kind("paid", "402, the account is empty"),
    "error_in_200": Kind("paid", "nothing is done; 200 with an error inside"),
    "empty_answer": Kind("paid", "the call is carried out; 200 without ids, or without videos"),
    "garbled": Kind("any", "the call is carried out; the answer is cut in the middle of its JSON"),
    # a job
    "moderated": Kind("paid", "the job fails as moderated content"),
    "fail": Kind("paid", "the job fails with VALUE as its error_message", "The model's provider failed."),
    "stuck": Kind("paid", "the job stays in VALUE for good", "processing", "processing|queued"),
    "vanish": Kind("paid", "the job is gone, VALUE seconds after it was accepted", "0", _NUMBER),
    "show_late": Kind("paid", "the job stands in the list only after VALUE seconds", "5", _NUMBER),
    "other_clients": Kind("enqueue", "VALUE jobs of other clients of the account arrive just before", "1", r"\d{1,6}"),
    "twin": Kind("enqueue", "another client of the account enqueues the very same body"),
    # what is read
    "short_list": Kind("list", "the list ends after VALUE records", "0", r"\d{1,6}"),
    "no_url": Kind("result", "a succeeded record is shown without its URL"),
    "expired_url": Kind("result", "a succeeded record is shown with a URL that is over"),
    "quirk": Kind("result", "an odd record, by VALUE", "wrapped", "wrapped|relative|nested|milliseconds|old|unknown"),
    # a result file
    "truncated_file": Kind("download", "a whole answer with half of the file"),
    "cut_download": Kind("download", "the connection closes halfway through the file"),
    "corrupt_file": Kind("download", "the right length, but damaged inside"),
    "not_a_video": Kind("download", "an HTML page instead of the file"),
    "redirect": Kind("download", "302 to VALUE", "https://elsewhere.invalid/video.mp4"),
    # the stream of events
    "events_cut": Kind("events", "the stream ends after VALUE events", "0", r"\d{1,6}"),
    "events_silent": Kind("events", "the stream is open and says nothing"),
    "events_duplicated": Kind("events", "each event comes twice"),
    "events_out_of_order": Kind("events", "each event comes after the one that follows it"),
    "events_unnamed": Kind("events", "no `event:` line; the name stands in the data"),
    "events_noise": Kind("events", "events of other kinds, comments and fields in between"),
    "events_chopped": Kind("events", "written in pieces of VALUE bytes, with CRLF", "3", r"\d{1,6}"),
}


@dataclass(frozen=True)
class Fault:
    """One fault, as it was asked for. calls: as in the text form."""

    name: str
    value: str | None = None
    calls: str = "1"
    point: str | None = None

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ValueError(f"there is no fault {self.name!r}; there are {', '.join(KINDS)}")
        if self.point is not None and self.point not in (*POINTS, *_GROUPS):
            raise ValueError(f"there is no point {self.point!r}; there are {', '.join((*POINTS, *_GROUPS))}")
        if self.value is not None and not re.fullmatch(KINDS[self.name].form, self.value, re.DOTALL):
            raise ValueError(f"{self.name}={self.value} can't be; its value is like {KINDS[self.name].value}")
        _strikes(self.calls, 1, random.Random(0))  # noqa: S311

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault's text form; `drop-answer` means `drop_answer`. Raises ValueError for anything else."""
        found = _FORM.fullmatch(text.strip())
        if not found:
            raise ValueError(f"{text!r} is no fault; write NAME[=VALUE][@CALLS][/POINT]")
        return cls(found["name"].replace("-", "_"), found["value"], found["calls"] or "1", found["point"])

    def __str__(self) -> str:
        value = "" if self.value is None else f"={self.value}"
        return f"{self.name}{value}@{self.calls}" + (f"/{self.point}" if self.point else "")

    @property
    def points(self) -> frozenset[str]:
        point = self.point or KINDS[self.name].point
        return _GROUPS.get(point, frozenset({point}))

    @property
    def given(self) -> str:
        """Its value, the usual one filled in."""
        return self.value if self.value is not None else KINDS[self.name].value or ""


_FORM = re.compile(
    r"(?P<name>[a-z_0-9-]+)(?:=(?P<value>.*?))?(?:@(?P<calls>[0-9*,%.-]+))?"
    rf"(?:/(?P<point>{'|'.join((*POINTS, *_GROUPS))}))?",
    re.DOTALL,
)
_SPAN = re.compile(r"(\d+)(?:(-)(\d+)?)?")


def _strikes(calls: str, count: int, chance: random.Random) -> bool:
    """Whether a fault with these `calls` affects the `count`-th one."""
    if calls == "*":
        return True
    if calls.endswith("%"):
        percent = float(calls[:-1])
        if not 0 <= percent <= 100:
            raise ValueError(f"{calls} is no probability")
        return chance.random() * 100 < percent
    struck = False
    for part in calls.split(","):
        span = _SPAN.fullmatch(part)
        if not span or int(span[1]) < 1:
            raise ValueError(f"{calls!r} says no calls; write 2, 1,3, 1-3, 4-, * or 25%")
        first = int(span[1])
        last = int(span[3]) if span[3] else (count if span[2] else first)
        struck = struck or first <= count <= last
    return struck


class Fired(dict[str, Fault]):
    """The faults that strike at one call, by name."""

    def seconds(self, name: str) -> float:
        """The value as seconds, 0 when the fault does not strike."""
        return float(self[name].given) if name in self else 0.0


class _Scripted:
    def __init__(self, fault: Fault, seed: int) -> None:
        self.fault = fault
        self.count = 0
        self.struck = 0
        self._chance = random.Random(f"{seed} {fault}")  # noqa: S311

    def strikes(self) -> bool:
        self.count += 1
        struck = _strikes(self.fault.calls, self.count, self._chance)
        self.struck += struck
        return struck


class Faults:
    """The faults in force. Safe to change from a test's own thread while the sandbox runs.

    add("late=3@2/list"), or add("late", 3, calls="2", point="list"); remove(fault); clear().
    """

    def __init__(self, faults: Iterable[Fault | str] = (), *, seed: int = 0) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._scripted: list[_Scripted] = []
        for fault in faults:
            self.add(fault)

    def add(
        self, fault: Fault | str, value: object = None, *, calls: int | str | None = None, point: str | None = None
    ) -> Fault:
        """Set a fault; its calls are counted from now. Raises ValueError for an unknown one."""
        if isinstance(fault, str):
            fault = Fault.parse(fault)
        fault = Fault(
            fault.name,
            fault.value if value is None else str(value),
            fault.calls if calls is None else str(calls),
            point or fault.point,
        )
        with self._lock:
            self._scripted.append(_Scripted(fault, self._seed))
        return fault

    def remove(self, fault: Fault | str) -> None:
        """Take back one fault, or every fault of a name."""
        with self._lock:
            self._scripted = [one for one in self._scripted if fault not in (one.fault, one.fault.name)]

    def clear(self) -> None:
        with self._lock:
            self._scripted = []

    def draw(self, point: str) -> Fired:
        """Count one call at `point` and return the faults that affect it."""
        with self._lock:
            struck = [one for one in self._scripted if point in one.fault.points and one.strikes()]
        return Fired({one.fault.name: one.fault for one in struck})

    def told(self) -> list[dict[str, object]]:
        """Each active fault, how many calls it has seen and how many it affected."""
        with self._lock:
            return [
                {
                    "fault": str(one.fault),
                    "calls": one.count,
                    "struck": one.struck,
                    "words": KINDS[one.fault.name].words,
                }
                for one in self._scripted
            ]

    def struck(self, name: str) -> int:
        """How often a fault of this name has struck."""
        with self._lock:
            return sum(one.struck for one in self._scripted if one.fault.name == name)
