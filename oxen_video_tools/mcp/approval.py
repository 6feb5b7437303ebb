"""A person approves before money is spent; otherwise the call ends with the price, and nothing was sent.

One question serves every protocol version: a request by the server in the old one, a round trip in the new one. The
client's ability to ask is checked first, because a question that can't be answered would be an error that the model
never sees.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit
from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS
from mcp_types.methods import INPUT_REQUIRED_METHODS
from pydantic import BaseModel, Field

from ..errors import Declined, NeedsApproval
from .callers import caller_of, reach
from .service import Service
from .settings import derive_key

if TYPE_CHECKING:
    from ..studio.prepare import Prepared
    from ..studio.stills import PreparedStills
    from ..tools import ToolSpec

CARRIERS = frozenset(INPUT_REQUIRED_METHODS)  # requests that may carry a sealed question back
_opened: ContextVar[bytes | None] = ContextVar("oxen_video_tools_question", default=None)
QUESTION_LASTS = 600.0  # seconds for which an answer is accepted


class Approval(BaseModel):
    """What the person is asked to fill in."""

    approve: bool = Field(description="Spend this amount?")


class NotAsked(Approval):
    """No approval was needed when asked, or `max_cost_usd` stands for it; `generate` checks again before it spends."""

    approve: bool = True


#: What was prepared for the question of the call that is running: the same is then paid.
prepared_call: ContextVar[list[Prepared | PreparedStills | None] | None] = ContextVar(
    "oxen_video_prepared_call", default=None
)


def asking(row: ToolSpec) -> Callable[..., Awaitable[Approval | Elicit[Approval]]]:
    """The resolver that asks what this row asks."""

    async def ask(request: Any, ctx: Context[Service]) -> Approval | Elicit[Approval]:
        service = ctx.request_context.lifespan_context
        caller = caller_of(ctx.request_context.request)
        async with service.studios.of(caller) as studio:
            prepared = await row.prepare(studio, request, reach(caller))
        kept = prepared_call.get()
        if kept is not None:
            kept[:] = [prepared]
        question = prepared.question if prepared is not None else None
        if question is None:
            return NotAsked()
        if can_ask(ctx):
            return Elicit(question.text, Approval)
        if not question.waived:
            raise NeedsApproval(question.text, fix=question.fix)
        return NotAsked()

    return ask


def can_ask(ctx: Context[Any]) -> bool:
    """Whether this client can put a form before its user, now."""
    elicitation = ctx.client_capabilities.elicitation if ctx.client_capabilities else None
    form = elicitation is not None and (elicitation.form is not None or elicitation.url is None)
    return form and (ctx.protocol_version == "2026-07-28" or ctx.session.can_send_request)


def agreed_sum(answer: Any, prepared: Prepared | PreparedStills | None) -> Decimal | None:
    """US dollars that a person has agreed to: the sum in the question. None if nobody was asked. Raises Declined.

    The answered question is the one of `prepared`, word for word; otherwise the client would be asked again.
    """
    if not (isinstance(answer, AcceptedElicitation) and answer.data.approve):
        raise Declined("The user did not approve the cost. Nothing was submitted.")
    if isinstance(answer.data, NotAsked) or prepared is None or prepared.question is None:
        return None
    return prepared.question.cost_usd


class SingleUse(AESGCMRequestStateCodec):
    """Each sealed question is answered once in this process: one approval, one job.

    `use` consumes it, after the SDK has checked its claims (method, arguments, age, caller) against the request: a
    caller who presents another's question, or sends it with other arguments, does not consume it. Another process that
    shares the keys would accept it again; there the ledger's unique key returns the existing job.
    """

    def __init__(self, keys: Sequence[bytes | str], *, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(keys)
        self._now = now
        self._used: dict[bytes, float] = {}

    def unseal(self, token: str) -> bytes:
        payload = super().unseal(token)
        digest = hashlib.sha256(token.encode()).digest()
        if digest in self._current():
            raise InvalidRequestState("used before")
        _opened.set(digest)
        return payload

    def use(self) -> None:
        """Mark this request's question as answered. Raises InvalidRequestState if it was answered before."""
        digest, used = _opened.get(), self._current()
        if digest is None or digest in used:
            raise InvalidRequestState("used before")
        used[digest] = self._now()

    def _current(self) -> dict[bytes, float]:
        now = self._now()
        self._used = {used: at for used, at in self._used.items() if now - at < QUESTION_LASTS}
        return self._used


def answered_once(security: RequestStateSecurity) -> ServerMiddleware[Any]:
    """A middleware of the server's: it runs after the SDK has checked what a sealed question claims."""
    codec = security.codec
    assert isinstance(codec, SingleUse)

    async def use_up(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.params is not None and ctx.params.get("requestState") is not None and ctx.method in CARRIERS:
            try:
                codec.use()
            except InvalidRequestState:
                raise MCPError(
                    code=INVALID_PARAMS,
                    message="Invalid or expired requestState",
                    data={"reason": "invalid_request_state"},
                ) from None
        return await call_next(ctx)

    return use_up


def sealed_questions(keys: Sequence[str] = ()) -> RequestStateSecurity:
    """How a question travels through the client and back. `keys`: shared by all processes of one service."""
    return RequestStateSecurity(
        codec=SingleUse([derive_key(key, "questions") for key in keys] or [os.urandom(32)]),
        ttl=QUESTION_LASTS,
        bind_principal=lambda ctx: caller_of(ctx.request).name,
        audience="oxen-video",
    )
