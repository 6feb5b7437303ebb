"""Everything that can go wrong, as one tree. The words on the right are `kind`, which agents read as `error`.

    OxenError
    ├── InvalidRequest        invalid_request        the request does not fit the model; `problems` lists every reason
    │   ├── ModelNotFound     model_not_found
    │   └── Unusable          invalid_request        a variable or a folder of this machine; the message names it
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
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .redaction import redact, visible

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
        self.message = visible(redact(message), lines=False)
        self.fix = visible(redact(fix), lines=False) if fix else self.default_fix
        self.charged: Charged = charged or self.default_charged
        self.retry = self.default_retry if retry is None else retry
        self.generation_id = visible(generation_id, lines=False) if generation_id else generation_id
        self.status_code = status_code
        self.retry_after = retry_after
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, charged={self.charged!r})"

    def __reduce__(self) -> tuple[Any, ...]:  # exceptions with keyword arguments do not pickle by themselves
        return _rebuilt, (type(self), self.__dict__.copy())

    def comes_after(self, charged: Charged, generation_id: str | None) -> None:
        """Say what was paid before it went wrong: charged is "yes" or "unknown"."""
        self.generation_id = self.generation_id or generation_id
        if self.charged == "no":
            known = self.generation_id
            way = f'get_video with generation_ids=["{known}"] shows it' if known else "list_videos shows it"
            paid = "It is paid for" if charged == "yes" else "It may be paid for"
            self.fix = f"{paid}: do not generate it again, {way}." + (f" {self.fix}" if self.fix else "")
        if self.charged != "yes":
            self.charged = charged

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
        self.problems = tuple(visible(redact(problem), lines=False) for problem in problems) or (self.message,)


class ModelNotFound(InvalidRequest):
    kind = "model_not_found"
    default_fix = "find_video_models lists the models."


class Unusable(InvalidRequest):
    """What the environment names can't be used: a variable, a folder. The message says which."""


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
    warnings: tuple[str, ...] = ()  # what was said before the time ran out


class Internal(OxenError):
    kind = "internal"
    default_fix = "Look with list_videos before you generate again."


# -- what a call has paid ----------------------------------------------------------------------------------------------


@dataclass
class Expense:
    """What one call has done about money so far.

    sending: jobs whose paid request may have left and whose answer is not known.
    paid: the generation ids of jobs that the hub took.
    parts: what calls within this one have done.
    """

    sending: set[str] = field(default_factory=set)
    paid: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parts: list[Expense] = field(default_factory=list)

    def sends(self, job: str) -> None:
        """From here on the job may be paid."""
        self.sending.add(job)

    def sent_nothing(self, job: str) -> None:
        """It was refused, or never sent."""
        self.sending.discard(job)

    def pays(self, job: str, generation_ids: Sequence[str]) -> None:
        """The hub has it."""
        self.sending.discard(job)
        self.paid[job] = tuple(generation_ids)

    @property
    def charged(self) -> Charged:
        """Whether money was spent."""
        told = {part.charged for part in self.parts}
        if self.paid or "yes" in told:
            return "yes"
        return "unknown" if self.sending or "unknown" in told else "no"

    @property
    def generation_id(self) -> str | None:
        """The first generation that was paid."""
        own = [one for ids in self.paid.values() for one in ids]
        return next((one for one in (*own, *(part.generation_id for part in self.parts)) if one), None)

    def told_by(self, error: OxenError) -> None:
        """Make an error say it: the kind of a fault knows nothing of what was paid before."""
        if self.charged != "no" and not isinstance(error, GenerationFailed):  # what failed says what was billed
            error.comes_after(self.charged, self.generation_id)


_expense: ContextVar[Expense | None] = ContextVar("oxen_video_expense", default=None)


def expense() -> Expense:
    """Where the call that is under way notes what it pays. Tasks that it starts note it there, too."""
    return _expense.get() or Expense()


@contextmanager
def accounted() -> Iterator[Expense]:
    """Every error that leaves the block says what was paid in it, whatever went wrong."""
    around, own = _expense.get(), Expense()
    if around is not None:
        around.parts.append(own)
    token = _expense.set(own)
    try:
        yield own
    except OxenError as error:
        own.told_by(error)
        raise
    except Exception as error:
        note = getattr(error, "add_note", None)  # Python 3.11
        if note and own.charged != "no":
            note(f"Charged: {own.charged}. Generation: {own.generation_id or 'not known; see list_videos'}.")
        raise
    finally:
        _expense.reset(token)


@contextmanager
def only_oxen_errors() -> Iterator[None]:
    """Lets an `OxenError` pass. Anything else goes to the log, and the agent learns only that it happened, and whether
    the call had paid for anything by then.

    A pydantic error that left a handler would read as "bad input, try again" to LangChain, and a paid job would be
    sent twice.
    """
    with accounted():
        try:
            yield
        except OxenError:
            raise
        except Exception as error:
            logging.getLogger("oxen_video_tools").exception("A tool failed")
            raise Internal("The tool itself failed.") from error


def invalid_arguments(error: ValidationError, *, inside: str | None = None) -> InvalidRequest:
    """Every problem of the arguments in one answer, as what to write instead; never the rejected values, which may be
    private.

    inside: the name of the parameter that held the arguments, where there was one.
    """
    problems: list[str] = []
    for problem in error.errors(include_url=False, include_input=False):
        place = problem["loc"][1:] if problem["loc"][:1] == (inside,) else problem["loc"]
        facts: dict[str, Any] = problem.get("ctx", {})
        if problem["type"] == "refused":
            problems += facts["problems"]
            continue
        words = _wanted(problem["type"], problem["msg"], facts)
        problems.append(f"{_place(place)}: {words}" if place else words)
    problems = list(dict.fromkeys(problems))
    return InvalidRequest(" ".join(one if one.endswith(".") else f"{one}." for one in problems), problems=problems)


_BRANCHES = ("int", "float", "str", "bool")  # of a union, which pydantic puts at the end of a place


def _place(place: Sequence[int | str]) -> str:
    """Where something is wrong, in the words of the request: `Shot 2: duration`."""
    steps = [step for step in place if step not in _BRANCHES]
    if len(steps) > 1 and steps[0] == "multi_prompt" and isinstance(steps[1], int):
        return ": ".join([f"Shot {steps[1] + 1}", *(str(step) for step in steps[2:])])
    return " ".join(f"number {step + 1}" if isinstance(step, int) else step for step in steps)


def _wanted(kind: str, told: str, facts: Mapping[str, Any]) -> str:
    """What to write instead of what pydantic refuses."""
    if kind in ("less_than_equal", "less_than"):
        return f"use at most {facts.get('le', facts.get('lt'))}"
    if kind in ("greater_than_equal", "greater_than"):
        return f"use {'at least' if 'ge' in facts else 'more than'} {facts.get('ge', facts.get('gt'))}"
    if kind == "literal_error":
        return f"use {facts['expected']}, or leave it out".replace("'", '"')
    if kind == "too_long":
        return f"use at most {facts['max_length']}"
    if kind == "value_error":
        return told.removeprefix("Value error, ")
    return next((words for begin, words in _WANTED.items() if kind.startswith(begin)), told)


_WANTED = {
    "extra_forbidden": "no such argument",
    "missing": "is needed",
    "int": "give a whole number",
    "float": "give a number",
    "decimal": "give a number",
    "finite_number": "give a number",
    "string": "give a text",
    "bool": "give true or false",
    "list": "give a list",
    "dict": "give a JSON object",
    "model": "give an object with its fields",
    "none": "leave it out",
}
