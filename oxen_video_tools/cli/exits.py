"""What a command's exit status says, for scripts. `oxen-video --help` and the README show the same table."""

from __future__ import annotations

from ..errors import (
    GenerationFailed,
    HubUnavailable,
    InputUnreadable,
    InsufficientCredits,
    Internal,
    InvalidRequest,
    ModelNotFound,
    Moderated,
    NotFound,
    OxenError,
    RateLimited,
    SpendingRefused,
    SubmissionUnclear,
    TimedOut,
    Unauthenticated,
)

MEANINGS = {
    0: "done",
    1: "the generation failed or was refused",
    2: "the request or the command is wrong; nothing was sent",
    3: "not spent: over a limit, not approved, paused, or no credits",
    4: "no key, or the hub refused it",
    5: "the hub did not answer, or asked to wait",
    6: "unclear whether the hub took the job: run `oxen-video recover`",
    7: "no such video or model, or a file that can't be read or written",
    8: "still running when the wait ran out; the id is printed",
    70: "a fault of this program",
    130: "interrupted with Ctrl-C; a job that was sent goes on",
}

WRONG = 2
STILL_RUNNING = 8
INTERRUPTED = 130

_STATUS: list[tuple[type[OxenError], int]] = [
    (SubmissionUnclear, 6),
    (GenerationFailed, 1),
    (Moderated, 1),
    (SpendingRefused, 3),
    (InsufficientCredits, 3),
    (Unauthenticated, 4),
    (HubUnavailable, 5),
    (RateLimited, 5),
    (TimedOut, 5),
    (NotFound, 7),
    (ModelNotFound, 7),
    (InputUnreadable, 7),
    (Internal, 70),
    (InvalidRequest, 2),
]


def status_of(error: OxenError) -> int:
    """The exit status for an error: the first row of the table that fits, else 2."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 2)
