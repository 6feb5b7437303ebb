"""Asking a person before money is spent: LangGraph's interrupt, or the agent's own middleware."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import ValidationError

from ..errors import Declined, NeedsApproval

if TYPE_CHECKING:
    from ..studio.results import Question
    from ..tools.arguments import GenerateArguments

Approval = Literal["interrupt", "middleware"]
MOST_PLAYED = 50  # old answers that a checkpoint may play again
Decision = Literal["approve", "edit", "reject"]


def ask(question: Question, asked: Decimal, shown: bool) -> Decimal | None:
    """US dollars that a person agrees to, asked through LangGraph's interrupt where the graph can be resumed; None
    where nobody can be asked, and a ceiling that the caller named stands for consent. Raises Declined, NeedsApproval.

    asked: what this very tool call has asked about the first time; 0 where it asks for the first time now.
    shown: whether it has asked this very question, with this sum, before.
    When a graph is resumed from an old checkpoint the old answers are played again: a plain yes covers what was asked
    when it was given, and no more.
    """
    if not can_ask():
        if not question.waived:
            raise NeedsApproval(question.text, fix=question.fix)
        return None
    told = {"type": "approval", "message": question.text, "cost_usd": float(question.cost_usd)}
    interrupt = sys.modules["langgraph.types"].interrupt
    agreed = _sum(interrupt(told), asked)
    for _ in range(MOST_PLAYED):
        if agreed >= question.cost_usd:
            return agreed
        # Not enough by now. Answers that were given before this question was shown are used up one by one; behind the
        # last of them the graph stops and a person sees it.
        agreed = _sum(interrupt(told), question.cost_usd if shown else Decimal(0))
    raise NeedsApproval(question.text, fix=question.fix)


def _sum(answer: Any, asked: Decimal) -> Decimal:
    """The sum that an answer agrees to. Raises Declined."""
    if isinstance(answer, Mapping):
        yes, named = answer.get("approve") is True or answer.get("type") == "approve", answer.get("approved_usd")
    else:
        number = isinstance(answer, (int, float, Decimal)) and not isinstance(answer, bool)
        yes, named = answer is True or number, answer if number else None
    if not yes:
        reason = answer.get("message") if isinstance(answer, Mapping) else None
        said = f" They say: {reason}" if reason else ""
        raise Declined(f"The user did not approve the cost. Nothing was submitted.{said}")
    return asked if named is None else Decimal(str(named))


def can_ask() -> bool:
    """Whether this runs in a graph that can be resumed; anywhere else an interrupt would end the run for good."""
    with suppress(KeyError, RuntimeError):  # LangGraph is not loaded, or this is not inside a graph
        return sys.modules["langgraph.config"].get_config()["configurable"]["__pregel_checkpointer"] is not None
    return False


Rates: TypeAlias = float | Mapping[str, float]


def video_approval(
    above: float = 0.0,
    *,
    usd_per_second: Rates | None = None,
    pinned: Mapping[str, Any] | None = None,
    decisions: Sequence[Decision] = ("approve", "edit", "reject"),
) -> dict[str, Any]:
    """What `HumanInTheLoopMiddleware` and deepagents' `interrupt_on` take: ask before a video that may cost more.

        HumanInTheLoopMiddleware(video_approval(above=1.00, usd_per_second=0.15))

    Goes with `GenerateVideo(approval="middleware")`, which then does not ask a second time.

    above: US dollars; 0 asks before every video.
    usd_per_second: what a second costs at most, for any model or by model id. `OxenVideoToolkit().usd_per_second()`
    reads it from the live list; keep the numbers in your program rather than read them at each start.
    pinned: what the tool has settled.
    decisions: what the person may do. An edited call is planned, checked and priced anew before it is sent.

    The rule looks at the call's arguments and nothing else, for it is asked again when the graph resumes, and another
    answer then would let a rejected video through. A cost that can't be told from them is asked about.
    """
    known = dict(pinned or {})

    def when(request: Any) -> bool:
        video = _read(known | request.tool_call["args"])
        if video is None or above <= 0:
            return video is not None  # a call that does not fit is refused by the tool, and costs nothing
        cost = ceiling(video, usd_per_second)
        return cost is None or cost > Decimal(str(above))

    def description(call: Any, *_: Any) -> str:
        video = _read(known | call["args"])
        return told(video, ceiling(video, usd_per_second)) if video else "Generate a video?"

    return {"generate_video": {"allowed_decisions": list(decisions), "when": when, "description": description}}


def _read(arguments: Mapping[str, Any]) -> GenerateArguments | None:
    from ..tools.arguments import GenerateArguments

    try:
        return GenerateArguments.model_validate(arguments)
    except ValidationError:
        return None


def ceiling(video: GenerateArguments, usd_per_second: Rates | None) -> Decimal | None:
    """US dollars that a call can cost at most, by its arguments alone; None where they don't say.

    Without a length a model takes its own default, and some make a video as long as their input: neither can be told.
    """
    rate = usd_per_second.get(video.model or "") if isinstance(usd_per_second, Mapping) else usd_per_second
    seconds = sum(shot.seconds for shot in video.multi_prompt) or video.duration
    limits = [video.max_cost_usd]
    if rate is not None and seconds:
        limits.append(Decimal(str(rate)) * Decimal(str(seconds)) * (video.num_generations or 1))
    return min((limit for limit in limits if limit is not None), default=None)


def told(video: GenerateArguments, cost: Decimal | None) -> str:
    """What the person reads."""
    seconds = sum(shot.seconds for shot in video.multi_prompt) or video.duration
    words = video.prompt or " / ".join(shot.prompt for shot in video.multi_prompt)
    length = f"{seconds:g} s of video" if seconds else "a video"
    count = f"{video.num_generations} versions of " if (video.num_generations or 1) > 1 else ""
    price = f"at most ${cost:.2f}" if cost is not None else "at a price that can't be told beforehand"
    return f"Generate {count}{length} with {video.model or 'a model that is chosen for it'}, {price}? {words}"
