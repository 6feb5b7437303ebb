"""How often to look and how far a job seems to be: the rules of waiting, as pure functions. All times are seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass

HEARD = (10.0, 30.0)  # between two looks at a queue while the event stream is alive: then it is a safety net
DEAF = (2.0, 10.0)  # while it is not
SHARE = {"image": 4.0, "video": 15.0}  # look once in this fraction of a job's age: an image is ready in seconds
USUAL = {"image": 20.0, "video": 120.0}  # a job's length where nothing was learnt about its model
A_SECOND_FOR = 250  # records on a list, between two looks at it
KINDEST = 60.0  # the longest pause after errors, unless the hub asks for more
TOLD_EVERY = 4.9  # between two reports, at most


def look_every(age: float, media_type: str | None, *, heard: bool) -> float:
    """How long until the queue is worth another look, for a job of this age."""
    shortest, longest = HEARD if heard else DEAF
    return min(longest, max(shortest, age / _of(SHARE, media_type)))


def spaced(seconds: float, listed: int, *, heard: bool) -> float:
    """The same, but seldomer where the list is heavy: thousands of records hold up hub and client alike."""
    longest = (HEARD if heard else DEAF)[1]
    return min(longest, max(seconds, listed / A_SECOND_FOR))


def back_off(failures: int, asked: float | None = None) -> float:
    """The pause after so many failures in a row; never shorter than the hub asked for."""
    return max(asked or 0.0, min(KINDEST, 2.0 ** min(failures, 10)))


def jittered(seconds: float) -> float:
    """A tenth more or less, so that processes that started together do not ask together."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 — spreads load, guards nothing


def fraction(age: float, typical: float | None, media_type: str | None) -> float:
    """How much of a job is probably done, below 1 however long it takes; rises with every second."""
    usual = max(typical or _of(USUAL, media_type), 1.0)
    if age < usual:
        return 0.9 * max(age, 0.0) / usual
    return 1.0 - 0.1 * usual / age


def next_report(now: float) -> float:
    """When to report again: on the half second, so that thousands of reports share one waking."""
    return (now + TOLD_EVERY) // 0.5 * 0.5


def _of(known: dict[str, float], media_type: str | None) -> float:
    return known.get((media_type or "video").partition("/")[0], known["video"])


@dataclass
class Allowance:
    """So many at once, and so many a second after that."""

    burst: float
    rate: float
    left: float = -1.0
    at: float = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is allowed now."""
        full = self.left < 0
        self.left = self.burst if full else min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True
