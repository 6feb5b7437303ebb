"""A person agrees before money is spent, or the call ends with the price and nothing was sent.

One question serves every protocol: a request of the server's in the old one, a round trip in the new one. Whether
the client can ask is looked up first, for a question that nobody can answer would be an error the model never sees.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit
from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState, RequestStateSecurity
from pydantic import BaseModel, Field

from ..errors import Declined, NeedsApproval
from .callers import caller_of, reach
from .service import Service
from .settings import derive_key

if TYPE_CHECKING:
    from ..tools import ToolSpec

QUESTION_LASTS = 600.0  # seconds in which an answer is taken


class Approval(BaseModel):
    """What the person is asked to fill in."""

    approve: bool = Field(description="Spend this amount?")


class NotAsked(Approval):
    """There was nothing to agree to; whoever spends checks that this is still so."""

    approve: bool = True


def asking(row: ToolSpec) -> Callable[..., Awaitable[Approval | Elicit[Approval]]]:
    """The resolver that asks what this row asks."""

    async def ask(request: Any, ctx: Context[Service]) -> Approval | Elicit[Approval]:
        service = ctx.request_context.lifespan_context
        caller = caller_of(ctx.request_context.request)
        async with service.studios.of(caller) as studio:
            question = await row.ask(studio, request, reach(caller))
        if question is None:
            return NotAsked()
        if can_ask(ctx):
            return Elicit(question.text, Approval)
        if not question.waived:
            raise NeedsApproval(question.text, fix=question.fix)
        return Approval(approve=True)

    return ask


def can_ask(ctx: Context[Any]) -> bool:
    """Whether this client can put a form before its user, now."""
    elicitation = ctx.client_capabilities.elicitation if ctx.client_capabilities else None
    form = elicitation is not None and (elicitation.form is not None or elicitation.url is None)
    return form and (ctx.protocol_version == "2026-07-28" or ctx.session.can_send_request)


def agreed(answer: Any) -> bool:
    """Whether a person agreed, or a number that stands for it; False where nobody was asked. Raises Declined."""
    if not (isinstance(answer, AcceptedElicitation) and answer.data.approve):
        raise Declined("The user did not approve the cost. Nothing was submitted.")
    return not isinstance(answer.data, NotAsked)


class SingleUse(AESGCMRequestStateCodec):
    """Each sealed question opens once in this process: one approval, one job.

    Another process that shares the keys would open it again; there the ledger's unique key answers with the job that
    exists.
    """

    def __init__(self, keys: Sequence[bytes | str], *, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(keys)
        self._now = now
        self._used: dict[bytes, float] = {}

    def unseal(self, token: str) -> bytes:
        payload = super().unseal(token)
        digest, now = hashlib.sha256(token.encode()).digest(), self._now()
        self._used = {used: at for used, at in self._used.items() if now - at < QUESTION_LASTS}
        if digest in self._used:
            raise InvalidRequestState("used before")
        self._used[digest] = now
        return payload


def sealed_questions(keys: Sequence[str] = ()) -> RequestStateSecurity:
    """How a question travels through the client and back. `keys`: shared by all processes of one service."""
    return RequestStateSecurity(
        codec=SingleUse([derive_key(key, "questions") for key in keys] or [os.urandom(32)]),
        ttl=QUESTION_LASTS,
        bind_principal=lambda ctx: caller_of(ctx.request).name,
        audience="oxen-video",
    )
