"""Everything that can go wrong, as one tree. The words on the right are `kind`, which agents read as `error`.

    OxenError
    ├── InvalidRequest        invalid_request        the request does not fit the model; `problems` lists every reason
    │   └── ModelNotFound     model_not_found
    ├── Unauthenticated       unauthenticated        no key, or the hub refused it
    ├── InsufficientCredits   insufficient_credits
    ├── SpendingRefused
    │   ├── OverBudget        over_budget            a cap or the budget forbids it
    │   ├── NeedsApproval     needs_approval         a person has to agree first
    │   ├── Declined          declined               a person said no
    │   └── Paused            paused                 `oxen-video pause` is in force
    ├── RateLimited           rate_limited
    ├── Moderated             moderated              the content was refused
    ├── GenerationFailed      generation_failed      the job ran and failed
    ├── SubmissionUnclear     submission_unclear     nobody knows whether the hub took the job; never sent again blindly
    ├── HubUnavailable        hub_unavailable        no answer, or a broken one, to a call that costs nothing
    ├── NotFound              not_found
    ├── InputNotAllowed       input_not_allowed      a path or URL that must not be read
    ├── InputUnreadable       input_unreadable       a file that is no usable media
    ├── NotInstalled          not_installed          an extra of this package is missing
    ├── TimedOut              timed_out              a limit of ours ran out
    └── Internal              internal               a fault of this package; the log has the rest

Every error says whether money was spent (`charged`: "no", "yes" or "unknown") and what to do next (`fix`).
No error ever holds a key, a signed query, a stack trace or a raw page: each message is redacted as it is made.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .redaction import redact

if TYPE_CHECKING:
    from pydantic import ValidationError

Charged = Literal["no", "yes", "unknown"]


class OxenError(Exception):
    """A failure that was foreseen.

    message: what was wrong, for a person and for a language model.
    fix: the one sensible thing to do next.
    charged: whether money was spent.
    retry: whether the same call may simply be made again.
    status_code: the HTTP status, where there was one.
    retry_after: seconds the hub asked to wait, where it did.
    """

    kind: ClassVar[str] = "internal"
    default_fix: ClassVar[str | None] = None
    default_charged: ClassVar[Charged] = "no"
    default_retry: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        fix: str | None = None,
        charged: Charged | None = None,
        retry: bool | None = None,
        generation_id: str | None = None,
        status_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = redact(message)
        self.fix = redact(fix) if fix else self.default_fix
        self.charged: Charged = charged or self.default_charged
        self.retry = self.default_retry if retry is None else retry
        self.generation_id = generation_id
        self.status_code = status_code
        self.retry_after = retry_after
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, charged={self.charged!r})"

    def __reduce__(self) -> tuple[Any, ...]:  # exceptions with keyword arguments do not pickle by themselves
        return _rebuilt, (type(self), self.__dict__.copy())

    def answer(self) -> dict[str, Any]:
        """What an agent is told: small, complete and free of secrets."""
        return {
            "error": self.kind,
            "message": self.message,
            "fix": self.fix,
            "charged": self.charged,
            "retry": self.retry,
            "generation_id": self.generation_id,
        }

    @property
    def words(self) -> str:
        """`answer` as JSON text."""
        return json.dumps(self.answer(), ensure_ascii=False)


def _rebuilt(cls: type[OxenError], state: dict[str, Any]) -> OxenError:
    error = cls.__new__(cls)
    Exception.__init__(error, state.get("message", ""))
    error.__dict__.update(state)
    return error


class InvalidRequest(OxenError):
    """The request does not fit. `problems` holds every reason, not only the first."""

    kind = "invalid_request"
    default_fix = "Correct the arguments and call again."

    def __init__(self, message: str, *, problems: Sequence[str] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.problems = tuple(redact(problem) for problem in problems) or (self.message,)


class ModelNotFound(InvalidRequest):
    kind = "model_not_found"
    default_fix = "find_video_models lists the models."


class Unauthenticated(OxenError):
    kind = "unauthenticated"
    default_fix = "Set OXEN_API_KEY to a key from oxen.ai, or run in the sandbox: OXEN_VIDEO_SANDBOX=1 needs no key."


class InsufficientCredits(OxenError):
    kind = "insufficient_credits"
    default_fix = "Ask the user to add credits at oxen.ai; do not retry before."


class SpendingRefused(OxenError):
    """We refused to spend. Nothing was sent."""


class OverBudget(SpendingRefused):
    kind = "over_budget"
    default_fix = "Make it shorter or cheaper, or ask the user for a higher limit."


class NeedsApproval(SpendingRefused):
    kind = "needs_approval"


class Declined(SpendingRefused):
    kind = "declined"
    default_fix = "Do not submit it again unless the user asks for it."


class Paused(SpendingRefused):
    kind = "paused"
    default_fix = "Spending is paused. A person allows it again with `oxen-video resume`."


class RateLimited(OxenError):
    kind = "rate_limited"
    default_fix = "Wait, then call again."
    default_retry = True


class Moderated(OxenError):
    kind = "moderated"
    default_fix = "Change the prompt or the input media: this content was refused."


class GenerationFailed(OxenError):
    kind = "generation_failed"
    default_fix = "Read the message, change the request and call generate_video again."
    default_charged = "unknown"


class SubmissionUnclear(OxenError):
    """The paid request may have arrived. `sent` is its body, which reconciliation looks for in the queue."""

    kind = "submission_unclear"
    default_fix = "Do not generate again. Call list_videos: if the job arrived it is there."
    default_charged = "unknown"

    def __init__(self, message: str, *, sent: Mapping[str, Any] | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.sent = dict(sent or {})


class HubUnavailable(OxenError):
    kind = "hub_unavailable"
    default_fix = "The hub did not answer. Try again in a minute."
    default_retry = True


class NotFound(OxenError):
    kind = "not_found"
    default_fix = "list_videos shows the ids that exist."


class InputNotAllowed(OxenError):
    kind = "input_not_allowed"


class InputUnreadable(OxenError):
    kind = "input_unreadable"


class NotInstalled(OxenError):
    kind = "not_installed"


class TimedOut(OxenError):
    kind = "timed_out"
    default_retry = True


class Internal(OxenError):
    kind = "internal"
    default_fix = "Look with list_videos before you generate again."
    default_charged = "unknown"


@contextmanager
def foreseen() -> Iterator[None]:
    """Lets an `OxenError` pass. Anything else goes to the log, and the agent learns only that it happened.

    A pydantic error that left a handler would read as "bad input, try again" to LangChain, and a paid job would be
    sent twice.
    """
    try:
        yield
    except OxenError:
        raise
    except Exception as error:
        logging.getLogger("oxen_video_tools").exception("A tool failed")
        raise Internal("The tool itself failed.") from error


def invalid_arguments(error: ValidationError, *, inside: str | None = None) -> InvalidRequest:
    """Every problem of the arguments in one answer; never the rejected values, which may be private.

    inside: the name of the parameter that held the arguments, where there was one.
    """
    problems = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        place = problem["loc"][1:] if problem["loc"][:1] == (inside,) else problem["loc"]
        where = ".".join(map(str, place))
        words = "no such argument" if problem["type"] == "extra_forbidden" else problem["msg"]
        problems.append(f"{where}: {words}" if where else words)
    return InvalidRequest("; ".join(problems), problems=problems)
